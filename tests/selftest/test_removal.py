"""Only samples of the run are removed, each on the proof of its content or its answer; what stays is listed."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import requests

from eisync.emulator.server import RunningEmulator
from eisync.errors import StateError
from eisync.selftest import journal
from eisync.selftest.client import Client, ServiceReply
from eisync.selftest.journal import Journal, Record
from eisync.selftest.model import StoppedError
from eisync.selftest.probe import File
from eisync.selftest.removal import Left, remove
from tests.conftest import row
from tests.selftest.asking import (
    TOKEN,
    begun,
    connected,
    persons_samples,
    probe_of,
    store_persons_samples,
)


def store_as_a_person(emulator: RunningEmulator, name: str, content: bytes, label: str = "wave") -> int:
    """A sample that no journal knows."""
    answer = requests.post(
        f"{emulator.ingestion_url}/api/training/files",
        files={"data": (name, content)},
        headers={"x-api-key": emulator.key, "x-label": label},
        timeout=20,
    ).json()
    return int(answer["files"][0]["sampleId"])


def wait(_: float) -> None:
    """Do not."""


def test_samples_are_removed_by_the_ids_of_their_answers(emulator: RunningEmulator, tmp_path: Path) -> None:
    before = store_persons_samples(emulator, 3)
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        probe = probe_of(client, kept)
        ids = {int(probe.store(probe.json_file("a"))["id"]), int(probe.store(probe.json_file("b"))["id"])}
        removal = remove(client, kept.record, wait=wait)
    assert (ids, [], True) == (removal.removed, removal.left, removal.is_complete)
    assert before == persons_samples(emulator)


def test_a_sample_whose_answer_was_lost_is_found_by_its_name_and_removed_by_its_content(
    emulator: RunningEmulator, tmp_path: Path
) -> None:
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        file = File(f"{TOKEN}.lost.json", probe_of(client, kept).contents.json())
        kept.sending([file.sha256])
        lost = store_as_a_person(emulator, file.name, file.content)
        removal = remove(client, kept.record, wait=wait)
    assert ({lost}, []) == (removal.removed, removal.left)
    assert {} == persons_samples(emulator)


@pytest.mark.parametrize(
    ("name", "content", "label"),
    [
        (f"{TOKEN}.copied.csv", row(1), "wave"),
        ("copied.csv", row(1), TOKEN),
    ],
    ids=["the name of the run", "the label of the run"],
)
def test_a_sample_that_only_bears_the_name_is_left_and_listed(
    emulator: RunningEmulator, tmp_path: Path, name: str, content: bytes, label: str
) -> None:
    persons = store_as_a_person(emulator, name, content, label)
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        kept.sending([File("x", row(2)).sha256])
        removal = remove(client, kept.record, wait=wait)
    assert [Left(persons, "it is not proved that it is from this run, so it was not deleted")] == removal.left
    assert [persons] == list(persons_samples(emulator))
    assert not removal.is_complete


def test_an_id_that_means_another_sample_by_now_is_left_alone(emulator: RunningEmulator, tmp_path: Path) -> None:
    persons = store_as_a_person(emulator, "wave.csv", row(1))
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        kept.answered([], [persons])
        removal = remove(client, kept.record, wait=wait)
    assert [persons] == [left.sample_id for left in removal.left] == list(persons_samples(emulator))


def test_a_sample_that_was_renamed_is_found_by_its_content(emulator: RunningEmulator, tmp_path: Path) -> None:
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        probe = probe_of(client, kept)
        file = probe.json_file("a")
        probe.store(file)
        strange = store_as_a_person(emulator, "renamed.json", file.content)
        removal = remove(client, kept.record, wait=wait)
    assert [Left(strange, "it has the content of a file of this run, under another name")] == removal.left


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"method": "DELETE", "status": 403, "error": "No permission"}, "HTTP 403: No permission"),
        ({"method": "GET", "path": "/raw-data", "status": 500}, None),
    ],
    ids=["deleting is refused", "listing is refused"],
)
def test_what_cannot_be_removed_or_proved_is_no_success(
    emulator: RunningEmulator, tmp_path: Path, rule: dict[str, Any], reason: str | None
) -> None:
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        probe = probe_of(client, kept)
        sample_id = int(probe.store(probe.json_file("a"))["id"])
        emulator.set_faults({"where": "studio", "kind": "status", **rule})
        removal = remove(client, kept.record, wait=wait)
        assert not removal.is_complete
        assert sample_id in {left.sample_id for left in removal.left}
        assert reason in (None, removal.left[0].reason)
        emulator.set_faults()
        again = remove(client, kept.record, wait=wait)
    assert ({sample_id}, True) == (again.removed, again.is_complete)


def test_a_sample_that_is_deleted_and_still_listed_is_left(
    emulator: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        probe = probe_of(client, kept)
        sample_id = int(probe.store(probe.json_file("a"))["id"])
        _pretend_to_delete(client, monkeypatch)
        removal = remove(client, kept.record, wait=wait)
    assert [Left(sample_id, "it was deleted but is still listed")] == removal.left


def _pretend_to_delete(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = client.raw_data

    def pretend(method: str, path: str, *arguments: Any, **options: Any) -> ServiceReply:
        if method == "DELETE":
            return ServiceReply(200, b"", {"success": True})
        return asked(method, path, *arguments, **options)

    monkeypatch.setattr(client, "raw_data", pretend)


def test_a_removal_that_is_stopped_goes_on_the_next_time(emulator: RunningEmulator, tmp_path: Path) -> None:
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        probe = probe_of(client, kept)
        probe.store_all(*(probe.json_file(str(number)) for number in range(5)))
        stop_after(client, 4)
        with pytest.raises(StoppedError):
            remove(client, kept.record, wait=wait)
        left = len(persons_samples(emulator))
        client.is_stopped = lambda: False
        assert remove(client, kept.record, wait=wait).is_complete
    assert 0 < left < 5
    assert {} == persons_samples(emulator)


def stop_after(client: Client, requests_left: int) -> None:
    last = client.requests + requests_left
    client.is_stopped = lambda: client.requests >= last


# The journal


def test_a_journal_says_what_a_killed_run_sent_and_got(tmp_path: Path) -> None:
    with journal_of(tmp_path) as kept:
        kept.sending(["a", "b"])
        kept.answered(["a"], [7])
    [found] = journal.leftovers(str(tmp_path))
    record = found.record
    found.close()
    assert (TOKEN, "http://studio/v1", 3) == (record.token, record.studio_url, record.project_id)
    assert ({"a", "b"}, {"a"}, {7}) == (record.hashes, record.answered, record.ids)


def test_a_line_that_was_cut_by_the_kill_is_left_out(tmp_path: Path) -> None:
    with journal_of(tmp_path) as kept:
        kept.sending(["a"])
        path = Path(kept.path)
    path.write_bytes(path.read_bytes() + b'{"sent": ["b"')
    [found] = journal.leftovers(str(tmp_path))
    found.close()
    assert {"a"} == found.record.hashes


def test_a_file_that_is_no_journal_is_left_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "selftest-x.jsonl").write_text("no journal\n")
    assert [] == list(journal.leftovers(str(tmp_path)))
    assert (tmp_path / "selftest-x.jsonl").exists()


def test_the_journal_of_a_run_under_way_is_no_leftover(tmp_path: Path) -> None:
    with journal_of(tmp_path):
        assert [] == list(journal.leftovers(str(tmp_path)))


def test_the_journal_is_its_owners_alone_and_goes_when_nothing_is_left(tmp_path: Path) -> None:
    with journal_of(tmp_path) as kept:
        assert 0o600 == Path(kept.path).stat().st_mode & 0o777
        kept.remove()
    assert [] == list(tmp_path.iterdir())


@contextmanager
def journal_of(state: Path) -> Iterator[Journal]:
    with closing(journal.begin(str(state), TOKEN, studio_url="http://studio/v1", project_id=3)) as kept:
        yield kept


def test_nothing_is_sent_that_cannot_be_written_down_first(emulator: RunningEmulator, tmp_path: Path) -> None:
    with connected(emulator) as client, closing(FileIO("/dev/full", "w")) as full:
        record = Record(TOKEN, client.address.studio_url, client.address.project_id)
        probe = probe_of(client, Journal(str(tmp_path), "selftest-x.jsonl", full, record))
        with pytest.raises(StateError, match="No space left"):
            probe.upload(probe.json_file("a"))
    assert 0 == emulator.ledger()["requests"]
