"""The contract of the fakes, checked with the fakes and with the real parts."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.adapters.events.source import EventSource, NullEvents
from eisync.adapters.files import file_facts
from eisync.core import wire
from eisync.core.batching import Request
from eisync.core.model import Category, Item, Root
from eisync.core.wire import Duplicate, Refused, Stored
from eisync.emulator.server import RunningEmulator
from eisync.errors import FileChangedError, FileGoneError, StudioError
from tests.fakes import Bench, Cloud, FakeEvents

# --- the service


@pytest.fixture(params=["fake", "real"])
def service(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "fake":
        yield Cloud()
        return
    emulator: RunningEmulator = request.getfixturevalue("emulator")
    endpoints = Endpoints(studio_url=emulator.studio_url, ingestion_url=emulator.ingestion_url, timeout_s=5.0)
    with contextlib.closing(ServiceClient(endpoints, lambda: emulator.key, user_agent="eisync/test")) as real:
        yield real


@pytest.fixture
def send(service: Any, tmp_path: Path) -> Callable[..., list[wire.Outcome]]:
    """Upload files with these contents as 1.csv, 2.csv, … Return their outcomes."""
    numbers = iter(range(1, 1000))

    def upload(*contents: bytes, spoil: Callable[[Path], None] = lambda _: None) -> list[wire.Outcome]:
        members = []
        for content in contents:
            number = next(numbers)
            place = tmp_path / f"{number}.csv"
            place.write_bytes(content)
            facts = file_facts.facts_at(str(tmp_path), place.name)
            assert facts is not None
            item = Item(
                id=number,
                root=str(tmp_path),
                path=place.name,
                target="t",
                facts=facts,
                label="idle",
                category=Category.TRAINING,
            )
            members.append(item)
        spoil(tmp_path / members[-1].path)
        request = Request(target="t", category=Category.TRAINING, label="idle", metadata=(), items=tuple(members))
        sent = service.upload(wire.envelope(request, boundary="eisync-0123456789", allow_duplicates=False))
        return list(wire.read_reply(sent.reply, sent=len(members), now=0.0))

    return upload


def row(number: int) -> bytes:
    return f"timestamp,accX\n0,{number}\n10,{number + 1}\n".encode()


def test_a_file_is_stored_once_and_known_by_its_id(service: Any, send: Callable[..., list[wire.Outcome]]) -> None:
    one, two = send(row(1), row(2))
    assert isinstance(one, Stored)
    assert isinstance(two, Stored)
    assert service.project_id() == one.project_id
    assert [Duplicate((one.sample_id,))] == send(row(1))
    assert [False, True] == [service.is_there(10**9), service.is_there(two.sample_id)]
    assert hashlib.sha256(row(2)).hexdigest() == service.sha256_of(two.sample_id)


def test_pages_go_down_from_the_newest(service: Any, send: Callable[..., list[wire.Outcome]]) -> None:
    ids = [outcome.sample_id for outcome in send(*map(row, range(5))) if isinstance(outcome, Stored)]
    newest = service.page(limit=2)
    assert (5, ids[:2:-1]) == (newest.total, [sample.id for sample in newest.samples])
    older = service.page(limit=2, before_id=newest.samples[-1].id)
    assert (3, ids[2:0:-1]) == (older.total, [sample.id for sample in older.samples])
    assert ["3.csv"] == [sample.original_name for sample in service.page(limit=9, filename="3").samples]
    assert ["3"] == [sample.filename for sample in service.page(limit=9, filename="3").samples]
    assert ((), 0) == (service.page(limit=9, before_id=min(ids)).samples, service.page(limit=9, before_id=1).total)


def test_a_prefetched_page_is_the_same_page(service: Any, send: Callable[..., list[wire.Outcome]]) -> None:
    ids = [outcome.sample_id for outcome in send(*map(row, range(5))) if isinstance(outcome, Stored)]
    for asked in ({"limit": 2}, {"limit": 2, "before_id": ids[3]}, {"limit": 9, "from_id": ids[2]}):
        coming = service.ahead(**asked)
        page, waited = service.page(**asked), coming.page()
        assert (page.total, page.samples) == (waited.total, waited.samples)
        assert page.samples[-1].id == coming.predicted_end_id()
    assert None is service.ahead(limit=2, before_id=ids[0]).predicted_end_id()


def test_what_is_new_is_listed_from_an_id_on_and_all_are_counted(
    service: Any, send: Callable[..., list[wire.Outcome]]
) -> None:
    assert 0 == service.count()
    ids = [outcome.sample_id for outcome in send(*map(row, range(5))) if isinstance(outcome, Stored)]
    assert 5 == service.count()
    assert ids[:2:-1] == [sample.id for sample in service.page(limit=9, from_id=ids[3]).samples]
    assert [ids[3]] == [sample.id for sample in service.page(limit=9, from_id=ids[3], before_id=ids[4]).samples]
    assert ((), 0) == (service.page(limit=9, from_id=ids[4] + 1).samples, service.page(limit=9, from_id=10**9).total)


def test_a_sample_is_renamed_relabelled_moved_and_deleted_by_its_id(
    service: Any, send: Callable[..., list[wire.Outcome]]
) -> None:
    one, two = (outcome.sample_id for outcome in send(row(1), row(2)) if isinstance(outcome, Stored))
    service.rename(one, "other")
    service.relabel(one, "wave")
    service.move(one, "testing")
    found = {sample.id: sample for sample in service.page(limit=9).samples}
    assert ("other", "wave", "testing") == (found[one].filename, found[one].label, found[one].category)
    assert ("2", "idle") == (found[two].filename, found[two].label)
    assert row(1) == b"".join(service.raw(one))
    assert [True, False] == [service.delete(one), service.delete(one)]
    assert [two] == [sample.id for sample in service.page(limit=9).samples]
    service.relabel(two, "")
    assert not service.page(limit=9).samples[0].label
    for change in (lambda: service.rename(one, "x"), lambda: service.move(one, "testing"), lambda: [*service.raw(one)]):
        with pytest.raises(StudioError):
            change()


@pytest.mark.parametrize(
    ("spoil", "error"), [(lambda place: place.write_bytes(b"?"), FileChangedError), (Path.unlink, FileGoneError)]
)
def test_a_changed_file_aborts_its_request(
    service: Any, send: Callable[..., list[wire.Outcome]], spoil: Callable[[Path], None], error: type[Exception]
) -> None:
    with pytest.raises(error):
        send(row(1), row(2), spoil=spoil)
    assert 0 == service.page(limit=1).total
    assert not [outcome for outcome in send(row(1)) if isinstance(outcome, Duplicate | Refused)]


def test_a_request_beside_another_gives_its_answer_or_its_error_when_it_is_asked(service: Any) -> None:
    def fails() -> int:
        raise StudioError("No rights", status=403)

    count, failure = service.beside(service.count), service.beside(fails)
    assert 0 == count() == service.count()
    for _ in range(2):
        with pytest.raises(StudioError, match="No rights"):
            failure()


# --- the executor


@pytest.fixture(params=[Bench, lambda: ThreadPoolExecutor(1)], ids=["fake", "real"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with request.param() as executor:
        yield executor


def work(executor: Executor) -> None:
    if isinstance(executor, Bench):
        executor.run()


def test_work_gives_its_result_or_its_error_and_calls_back(executor: Executor) -> None:
    called: list[str] = []

    def note(name: str, _: Future[Any]) -> None:
        called.append(name)

    good = executor.submit(divmod, 7, 2)
    bad = executor.submit(divmod, 7, 0)
    for name, future in (("good", good), ("bad", bad)):
        future.add_done_callback(partial(note, name))
    work(executor)
    assert (3, 1) == good.result(5)
    assert isinstance(bad.exception(5), ZeroDivisionError)
    executor.shutdown()
    assert {"good", "bad"} == set(called)


# --- events


@pytest.fixture(params=["fake", "real"])
def events(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "fake":
        yield FakeEvents()
        return
    real = EventSource(lambda: None)
    real.start()
    yield real
    real.stop()


def test_a_root_is_doubted_when_it_is_first_watched_and_taken_once(events: Any, tmp_path: Path) -> None:
    root = Root(id=1, path=str(tmp_path), target="t")
    for expected in (True, False):
        assert None is events.watch(root)
        assert expected == events.take(1).is_doubted
        assert (set(), set(), False) == take(events, 1)
    assert (set(), set(), False) == take(events, 2)


def test_null_events_answer_as_the_others_do(tmp_path: Path) -> None:
    deaf = NullEvents()
    deaf.watch(Root(id=1, path=str(tmp_path), target="t"))
    assert (set(), set(), False) == take(deaf, 1)


def take(events: Any, root_id: int) -> tuple[set[str], set[str], bool]:
    seen = events.take(root_id)
    return seen.files, seen.folders, seen.is_doubted
