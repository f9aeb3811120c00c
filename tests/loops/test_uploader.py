import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from eisync.adapters.client.body import sha256_of
from eisync.core.batching import Limits, Order
from eisync.core.flow_control import HOLD_CAP_S
from eisync.core.lifecycle import State
from eisync.core.model import MAX_FILE_BYTES, Root
from eisync.core.outcome import MAX_DISPUTES, Outcome
from eisync.core.pause import Hold
from eisync.core.retry import Fault, RetryPolicy
from eisync.core.wire import Envelope, Reply, Silence
from eisync.errors import ConfigurationError, KeyRefusedError, StateError, UnansweredError, UnreachableError
from eisync.loops.uploader.loop import IDLE_S, UploaderLoop
from eisync.loops.uploader.project_check import PROBE_AFTER_S
from eisync.loops.uploader.target_state import (
    COMPANY_S,
    THREADLESS_S,
    SendingRules,
    TargetQueue,
    TimeAndChance,
    UploadStore,
    Workers,
)
from tests.fakes import Bench, Cloud, failing, refusing, reply_of

from .yard import Yard, run

READY, SENDING, SYNCED, QUARANTINED = State.READY, State.SENDING, State.SYNCED, State.QUARANTINED


class Drain:
    """An uploader whose workers work when a test lets them."""

    def __init__(
        self,
        yard: Yard,
        *targets: TargetQueue,
        workers: int = 4,
        queue: Any = None,
        notes: Any = None,
        monotonic: Callable[[], float] = lambda: 0.0,
        **rules: Any,
    ) -> None:
        self.yard = yard
        self.now = yard.later
        self.jitter = 0.0
        self.throw: Callable[[], float] = lambda: self.jitter
        self.rings = 0
        self.bench = Bench()
        self.loop = UploaderLoop(
            targets,
            store=UploadStore(queue or yard.outbox, notes or yard.index),
            workers=Workers(self.bench, workers, wake=self._ring, log=yard.log),
            hash_of=sha256_of,
            rules=SendingRules(**rules),
            chance=TimeAndChance(
                monotonic=monotonic, jitter=lambda: self.throw(), boundary=lambda: "eisync-0123456789abcdef"
            ),
            log=yard.log,
        )

    def _ring(self) -> None:
        self.rings += 1

    def tick(self, after_s: float = 0.0) -> float:
        self.now += after_s
        return self.loop.tick(self.now)

    def run(self, after_s: float = 0.0) -> float:
        """Tick and let the workers work until nothing changes. Return how long the loop wants to wait."""
        self.now += after_s
        for _ in range(1000):
            wait_s = self.loop.tick(self.now)
            if not self.bench.run() and wait_s > 0:
                return wait_s
        raise AssertionError("the drain does not come to rest")


def target_queue(
    cloud: Any, *roots: Root, target: str = "main", token: Callable[[], object] | None = None, **more: Any
) -> TargetQueue:
    options: dict[str, Any] = {
        "limits": Limits(files=8, bytes=1_000_000),
        "policy": RetryPolicy(base_s=2.0, cap_s=300.0),
        "allow_duplicates": False,
        **more,
    }
    ids = tuple(root.id for root in roots) or (1,)
    return TargetQueue(target=target, roots=ids, service=cloud, key_token=token or (lambda: "key"), **options)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def names(number: int, label: str = "idle") -> list[str]:
    return [f"{label}.{index:03}.csv" for index in range(number)]


# --- without failures


def test_files_of_a_label_travel_together(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(3), *names(2, "wave"))
    Drain(yard, target_queue(cloud)).run()
    assert [names(3), names(2, "wave")] == sorted(cloud.uploads)
    assert {SYNCED} == set(yard.states().values())


def test_the_answer_is_stored_with_ids_and_hashes(yard: Yard, cloud: Cloud) -> None:
    yard.fill("idle.1.csv")
    Drain(yard, target_queue(cloud)).run()
    record = yard.record("idle.1.csv")
    ((sample_id, sample),) = cloud.samples.items()
    assert ([sample_id], sample.sha256, "stored", 1) == tuple(
        record[name] for name in ("sample_ids", "sha256", "reason", "attempts")
    )


def test_a_duplicate_is_synced_with_the_ids_of_the_existing_samples(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv", "b.csv", content=b"the same")
    Drain(yard, target_queue(cloud)).run()
    assert {SYNCED} == set(yard.states().values())
    assert [[101], [101]] == [record["sample_ids"] for record in yard.index.records.files()]


def test_no_more_requests_than_workers_are_under_way(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(100))
    drain = introduced(yard, cloud, workers=3)
    drain.tick()
    assert 3 == len(drain.bench.waiting)
    assert IDLE_S == drain.tick()
    assert 3 == len(drain.bench.waiting)


def test_a_backlog_over_a_long_line_fills_all_workers(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(200))
    drain = Drain(yard, target_queue(cloud, limits=Limits(files=1)), workers=16)
    under_way = []
    for _ in range(6):
        drain.tick()
        under_way.append(len(drain.bench.waiting))
        drain.bench.run()
    assert [1, 4, 8, 16, 16, 16] == under_way  # the first is the check of the project
    drain.run()
    assert {SYNCED} == set(yard.states().values())


def test_while_files_arrive_requests_grow_and_not_their_number(yard: Yard, cloud: Cloud) -> None:
    drain = introduced(yard, cloud, workers=16)
    under_way = []
    for turn in range(6):  # in each turn files of a few labels, which share no request
        yard.fill(*(f"label{label}.{turn}.csv" for label in range(6)))
        drain.tick(after_s=1.0)
        under_way.append(len(drain.bench.waiting))
        drain.bench.run(2)
    assert 4 == max(under_way)
    drain.run()
    assert {SYNCED} == set(yard.states().values())


def test_many_requests_that_wait_go_side_by_side_although_files_arrive(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*(f"label{label}.csv" for label in range(30)))
    drain = introduced(yard, cloud, workers=16)
    under_way = []
    for turn in range(3):
        drain.tick()
        under_way.append(len(drain.bench.waiting))
        yard.fill(f"another.{turn}.csv")
        drain.bench.run()
    assert [4, 8, 16] == under_way


def test_the_last_requests_of_many_labels_go_side_by_side(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*(f"label{label}.csv" for label in range(30)))
    drain = introduced(yard, cloud, workers=16)
    under_way = []
    for _ in range(3):
        drain.tick()
        under_way.append(len(drain.bench.waiting))
        drain.bench.run()
    assert [4, 8, 16] == under_way


def test_files_that_arrive_one_by_one_do_not_widen_the_window(yard: Yard, cloud: Cloud) -> None:
    drain = introduced(yard, cloud, workers=16)
    for name in names(40):
        yard.fill(name)
        drain.run(after_s=0.1)
    assert [4] == [state.flow_control.window for state in drain.loop._states]


def test_while_a_request_is_under_way_new_files_wait_for_company(yard: Yard, cloud: Cloud) -> None:
    drain = introduced(yard, cloud)
    yard.fill("idle.000.csv")
    drain.tick(after_s=1.0)
    assert 1 == len(drain.bench.waiting)  # a file by itself goes at once
    yard.fill("idle.001.csv")
    wait_s = drain.tick(after_s=0.001)
    assert (1, True) == (len(drain.bench.waiting), 0.0 < wait_s <= COMPANY_S)
    yard.fill("idle.002.csv")
    drain.tick(after_s=COMPANY_S)
    assert 2 == len(drain.bench.waiting)
    drain.run()
    assert [names(3)[:1], names(3)[1:]] == cloud.uploads


def test_a_file_waits_for_no_company_when_nothing_is_under_way(yard: Yard, cloud: Cloud) -> None:
    drain = introduced(yard, cloud)
    for name in names(3):
        yard.fill(name)
        drain.tick(after_s=0.0001)
        drain.bench.run()
    assert [[name] for name in names(3)] == cloud.uploads


def introduced(yard: Yard, cloud: Cloud, **more: Any) -> Drain:
    """An uploader that has checked the project and has sent nothing yet."""
    drain = Drain(yard, target_queue(cloud), **more)
    drain.tick()
    drain.bench.run()
    return drain


def test_it_is_woken_when_a_request_ends(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    drain = Drain(yard, target_queue(cloud))
    drain.tick()
    drain.bench.run()
    rings = drain.rings
    drain.tick()
    drain.bench.run()
    assert (1, 2) == (rings, drain.rings)


def test_with_nothing_to_do_it_waits(yard: Yard, cloud: Cloud) -> None:
    drain = Drain(yard, target_queue(cloud))
    assert IDLE_S == drain.run()
    assert (True, True) == (drain.loop.is_done, drain.loop.is_idle)


def test_no_file_of_a_root_is_sent_before_its_labels_are_known(yard: Yard, cloud: Cloud) -> None:
    unlabelled = {1}
    yard.fill("wave.1.csv")
    drain = Drain(yard, target_queue(cloud), withheld=lambda _: unlabelled)
    drain.run()
    assert {"wave.1.csv": READY} == yard.states()
    unlabelled.clear()
    drain.run()
    assert {"wave.1.csv": SYNCED} == yard.states()


def test_files_of_other_folders_and_targets_stay(yard: Yard, cloud: Cloud) -> None:
    other = yard.add_root("other")
    yard.write("a.csv")
    yard.write("b.csv", root=other)
    run(yard.watcher(yard.watched(), yard.watched(other)), yard.later)
    Drain(yard, target_queue(cloud, yard.root)).run()
    assert {"a.csv": SYNCED, "other/b.csv": READY} == yard.states()


# --- refused files


def guilty(name: str) -> Callable[[Envelope, list[str]], Reply | None]:
    """A service that refuses every request with this file, without a reason."""

    def answer(envelope: Envelope, hashes: list[str]) -> Reply | None:
        is_there = any(part.item.path == name for part in envelope.parts)
        return reply_of({"success": False, "error": "Unknown error"}, 400) if is_there else None

    return answer


@pytest.mark.parametrize("guilty_one", [0, 7, 15])
def test_of_a_refused_batch_the_one_guilty_file_is_quarantined(yard: Yard, cloud: Cloud, guilty_one: int) -> None:
    every = names(16)
    yard.fill(*every)
    cloud.always = guilty(every[guilty_one])
    Drain(yard, target_queue(cloud, limits=Limits(files=16))).run()
    expected = dict.fromkeys(every, SYNCED) | {every[guilty_one]: QUARANTINED}
    assert expected == yard.states()
    assert "HTTP 400: Unknown error" == yard.reason(every[guilty_one])
    assert len(cloud.uploads) <= 1 + 2 * 4 + 1


def test_two_guilty_files_are_found(yard: Yard, cloud: Cloud) -> None:
    every = names(16)
    yard.fill(*every)
    one, two = guilty(every[3]), guilty(every[4])
    cloud.always = lambda envelope, hashes: one(envelope, hashes) or two(envelope, hashes)
    Drain(yard, target_queue(cloud, limits=Limits(files=16))).run()
    quarantined = [name for name, state in yard.states().items() if state is QUARANTINED]
    assert every[3:5] == sorted(quarantined)


def test_a_refusal_costs_the_peers_no_attempt(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(2))
    cloud.always = guilty(names(2)[0])
    Drain(yard, target_queue(cloud)).run()
    assert [1, 1] == [record["attempts"] for record in yard.index.records.files()]


def test_one_refused_entry_is_that_file_s_alone(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv", "b.csv", content=None)

    def answer(envelope: Envelope, hashes: list[str]) -> Reply:
        entries = [
            {"success": False, "error": "Could not parse this CSV file"}
            if part.item.path == "a.csv"
            else {"success": True, "sampleId": 5, "projectId": 7}
            for part in envelope.parts
        ]
        return reply_of({"success": True, "files": entries})

    cloud.always = answer
    Drain(yard, target_queue(cloud)).run()
    assert {"a.csv": QUARANTINED, "b.csv": SYNCED} == yard.states()
    assert "Could not parse this CSV file" == yard.reason("a.csv")


def test_an_answer_with_another_count_is_resolved_file_by_file(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(4))
    cloud.answers.append(
        lambda envelope, hashes: reply_of({"success": True, "files": [{"success": True, "sampleId": 1}]})
    )
    Drain(yard, target_queue(cloud)).run()
    assert [names(4)] + [[name] for name in names(4)] == sorted(cloud.uploads, key=lambda sent: (-len(sent), sent))
    assert {SYNCED} == set(yard.states().values())


@pytest.mark.parametrize("size", [0, MAX_FILE_BYTES, MAX_FILE_BYTES + 1024**2])
def test_an_unsendable_file_is_quarantined_without_being_sent(yard: Yard, cloud: Cloud, size: int) -> None:
    with open(yard.path("big.wav"), "wb") as file:
        file.truncate(size)
    yard.write("a.csv")
    run(yard.watcher(), yard.later)
    yard.insist()
    Drain(yard, target_queue(cloud)).run()
    assert {"a.csv": SYNCED, "big.wav": QUARANTINED} == yard.states()
    assert [["a.csv"]] == cloud.attempts
    assert ("the file is empty" if size == 0 else "takes only files below 100 MiB") in yard.reason("big.wav")


def test_many_unsendable_files_do_not_block_others(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*(f"empty.{number}.csv" for number in range(100)), content=b"")
    yard.insist()
    yard.fill("z.csv")
    Drain(yard, target_queue(cloud), workers=1).run()
    assert SYNCED == yard.states()["z.csv"]


# --- the key


def test_a_wrong_key_pauses_the_target_and_costs_no_attempt(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(20))
    cloud.trouble = KeyRefusedError("Studio refuses the key")
    cloud.always = refusing(401, "Invalid API key")
    drain = Drain(yard, target_queue(cloud))
    assert 1.0 == drain.run()
    assert {"main": "HTTP 401: Invalid API key"} == drain.loop.refusals()
    (target,) = yard.index.targets()
    assert "HTTP 401: Invalid API key" == target.paused_reason
    assert ({READY}, {0}) == (
        set(yard.states().values()),
        {record["attempts"] for record in yard.index.records.files()},
    )
    assert 1 == yard.log.events().count("target.paused")


def paused(yard: Yard, cloud: Cloud, token: list[object]) -> Drain:
    yard.fill("a.csv")
    cloud.always = refusing(401, "Invalid API key")
    drain = Drain(yard, target_queue(cloud, token=lambda: token[-1]))
    drain.run()
    assert ["main"] == list(drain.loop.refusals())
    cloud.always = None
    return drain


def test_a_paused_target_continues_when_the_key_file_changes(yard: Yard, cloud: Cloud) -> None:
    token: list[object] = ["old"]
    drain = paused(yard, cloud, token)
    drain.run(after_s=10.0)
    assert {"a.csv": READY} == yard.states()
    token.append("new")
    drain.run(after_s=1.0)
    assert ({"a.csv": SYNCED}, {}) == (yard.states(), drain.loop.refusals())
    assert [None] == [target.paused_reason for target in yard.index.targets()]


def test_a_paused_target_is_tried_again_after_a_while(yard: Yard, cloud: Cloud) -> None:
    drain = paused(yard, cloud, ["old"])
    drain.run(after_s=PROBE_AFTER_S - 1.0)
    assert {"a.csv": READY} == yard.states()
    drain.run(after_s=1.0)
    assert {"a.csv": SYNCED} == yard.states()


def test_a_clock_that_is_set_back_does_not_prolong_a_pause(yard: Yard, cloud: Cloud) -> None:
    drain = paused(yard, cloud, ["old"])
    drain.now -= 86_400.0
    drain.tick()
    yard.database._connection.execute("update file set due_at = 0")
    drain.run(after_s=PROBE_AFTER_S)
    assert {"a.csv": SYNCED} == yard.states()


def test_a_late_refusal_of_the_old_key_does_not_pause_the_new_one(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(16))
    token: list[object] = ["old"]
    seen: list[tuple[dict[str, str], int]] = []

    def late(envelope: Envelope, hashes: list[str]) -> Any:
        """The key changes, and is checked, after this request was sent with the old one and before its answer."""
        token.append("new")
        drain.tick()
        seen.append((drain.loop.refusals(), len(drain.bench.waiting)))
        return refusing(401, "Invalid API key")(envelope, hashes)

    cloud.answers.append(refusing(401, "Invalid API key"))
    cloud.answers.append(late)
    drain = Drain(yard, target_queue(cloud, token=lambda: token[-1]), workers=2)
    drain.tick()
    drain.bench.run()  # the check of the project
    drain.tick()
    drain.bench.run(2)  # the two requests under way
    assert [({}, 1)] == seen
    drain.run()
    assert ({}, {SYNCED}) == (drain.loop.refusals(), set(yard.states().values()))
    assert 1 == yard.log.events().count("target.paused")


def test_a_key_that_cannot_be_read_pauses_before_anything_is_sent(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    cloud.trouble = ConfigurationError("file key: is empty: put the project's API key in it")
    drain = Drain(yard, target_queue(cloud))
    drain.run()
    assert {"main": "file key: is empty: put the project's API key in it"} == drain.loop.refusals()
    assert ([], {"a.csv": READY}) == (cloud.attempts, yard.states())


def test_a_key_removed_between_two_requests_pauses_and_costs_no_attempt(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    cloud.upload_trouble = ConfigurationError("file key: cannot be read")
    drain = Drain(yard, target_queue(cloud))
    drain.run()
    assert {"main": "file key: cannot be read"} == drain.loop.refusals()
    assert ({"a.csv": READY}, 0) == (yard.states(), yard.record("a.csv")["attempts"])


@pytest.mark.parametrize(
    "trouble", [KeyRefusedError("no"), UnreachableError("no"), UnansweredError("no"), ZeroDivisionError("ours")]
)
def test_a_key_that_may_upload_but_not_read_the_project_uploads(yard: Yard, cloud: Cloud, trouble: Exception) -> None:
    yard.fill("a.csv")
    cloud.trouble = trouble
    Drain(yard, target_queue(cloud)).run()
    assert {"a.csv": SYNCED} == yard.states()


# --- the project


def test_another_project_pauses_before_anything_is_sent(yard: Yard, cloud: Cloud) -> None:
    yard.index.identify("main", 6)
    yard.fill("a.csv")
    drain = Drain(yard, target_queue(cloud))
    drain.run()
    (reason,) = drain.loop.refusals().values()
    assert "the key of target 'main' opens project 7, but its files are in project 6" in reason
    assert ([], {"a.csv": READY}) == (cloud.attempts, yard.states())


def test_a_new_key_of_another_project_sends_nothing(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    token: list[object] = ["old"]
    drain = Drain(yard, target_queue(cloud, token=lambda: token[-1]))
    drain.run()
    cloud.project = 8
    token.append("new")
    yard.fill("b.csv")
    drain.run(after_s=1.0)
    assert ([["a.csv"]], READY) == (cloud.attempts, yard.states()["b.csv"])
    assert ["main"] == list(drain.loop.refusals())


def test_a_key_that_changes_before_a_worker_begins_sends_nothing(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    token: list[object] = ["old"]
    drain = Drain(yard, target_queue(cloud, token=lambda: token[-1]))
    drain.run()
    yard.fill(*names(40))
    drain.tick()
    assert 4 == len(drain.bench.waiting)
    cloud.project = 8
    token.append("new")
    drain.run(after_s=1.0)
    assert ([["a.csv"]], ["main"]) == (cloud.attempts, list(drain.loop.refusals()))
    cloud.project = 7
    token.append("right")
    drain.run(after_s=1.0)
    attempts = {record["attempts"] for record in yard.index.records.files()}
    assert ({SYNCED}, {1}) == (set(yard.states().values()), attempts)


def test_a_file_that_went_to_another_project_has_not_arrived(yard: Yard, cloud: Cloud) -> None:
    yard.index.identify("main", 6)
    yard.fill("a.csv")
    cloud.trouble = KeyRefusedError("it may not ask")
    drain = Drain(yard, target_queue(cloud))
    drain.run()
    assert ["main"] == list(drain.loop.refusals())
    record = yard.record("a.csv")
    assert (READY.value, 0, []) == (record["state"], record["attempts"], record["sample_ids"])


# --- changed files


def test_a_changed_file_settles_again_and_its_peers_are_sent_at_once(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(3))
    yard.write(names(3)[1], b"changed meanwhile")
    Drain(yard, target_queue(cloud)).run()
    first, changed, last = names(3)
    assert {first: SYNCED, changed: State.SETTLING, last: SYNCED} == yard.states()
    assert [[first, last]] == cloud.uploads
    assert {1, 0} == {record["attempts"] for record in yard.index.records.files()}


def test_a_removed_file_is_gone_and_its_peers_are_sent_at_once(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv", "b.csv", content=None)
    yard.path("a.csv").unlink()
    Drain(yard, target_queue(cloud)).run()
    assert {"a.csv": State.GONE, "b.csv": SYNCED} == yard.states()


def test_a_path_that_is_no_file_any_more_is_quarantined_and_its_peers_are_sent(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(3))
    first, linked, last = names(3)
    yard.path(linked).rename(yard.place / "elsewhere.csv")
    yard.path(linked).symlink_to(yard.place / "elsewhere.csv")
    Drain(yard, target_queue(cloud)).run()
    assert {first: SYNCED, linked: QUARANTINED, last: SYNCED} == yard.states()
    assert "it is a symbolic link; links are not followed" == yard.reason(linked)


def test_files_of_a_missing_root_are_not_gone(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    root = yard.place / "root"
    root.rename(yard.place / "away")
    drain = Drain(yard, target_queue(cloud))
    drain.run()
    assert {"a.csv": State.SETTLING} == yard.states()
    assert "is not there; create or mount it" in yard.reason("a.csv")
    (yard.place / "away").rename(root)
    run(yard.watcher(), yard.later + 5.0)
    drain.run(after_s=10.0)
    assert {"a.csv": SYNCED} == yard.states()


# --- a bad network


def test_a_fault_on_the_way_backs_off_in_the_database(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    cloud.always = refusing(500, "oops")
    drain = Drain(yard, target_queue(cloud))
    drain.jitter = 0.5
    waits = []
    for _ in range(12):
        wait_s = drain.run()
        due_at = yard.outbox.next_due_at("main", [1])
        assert due_at is not None
        waits.append(due_at - drain.now)
        assert wait_s == pytest.approx(min(IDLE_S, waits[-1]))
        drain.now = due_at
    assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 150.0, 150.0, 150.0, 150.0] == pytest.approx(waits)
    assert ({"a.csv": READY}, 12) == (yard.states(), yard.record("a.csv")["attempts"])
    cloud.always = None
    drain.run()
    assert {"a.csv": SYNCED} == yard.states()


@pytest.mark.parametrize("failures", [0, 1])
def test_a_clock_that_is_set_back_keeps_no_file_waiting_longer(yard: Yard, cloud: Cloud, failures: int) -> None:
    monotonic = iter(float(second) for second in range(1_000_000))
    yard.fill("wave.1.csv")
    wait_anew = failing(failures, StateError("disk full"), yard.outbox.wait_anew)
    queue = type(
        "Queue", (), {"wait_anew": staticmethod(wait_anew), "__getattr__": lambda _, name: getattr(yard.outbox, name)}
    )()
    drain = Drain(
        yard,
        target_queue(cloud, policy=RetryPolicy(base_s=60.0, cap_s=60.0)),
        queue=queue,
        monotonic=lambda: next(monotonic),
    )
    drain.jitter = 0.5
    cloud.answers.append(lambda envelope, hashes: Silence(Fault.UNREACHABLE, "no route"))
    drain.run()
    assert READY is yard.states()["wave.1.csv"]

    yard.fill("wave.2.csv")  # at an instant that is in the future by the new clock
    drain.now -= 6 * 3600.0
    for _ in range(failures):
        with pytest.raises(StateError):
            drain.tick()
    drain.run()
    assert "clock.set_back" in yard.log.events()
    drain.run(after_s=61.0)

    assert {"wave.1.csv": SYNCED, "wave.2.csv": SYNCED} == yard.states()


def test_files_of_one_failed_request_do_not_come_back_together(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(4))
    cloud.always = refusing(500)
    drain = Drain(yard, target_queue(cloud))
    throws = iter([0.0, 0.1, 0.2, 0.3, 0.4])  # the first is for the target
    drain.throw = lambda: next(throws)
    drain.run()
    dues = [row["due_at"] for row in yard.database._connection.execute("select due_at from file order by due_at")]
    assert [0.2, 0.4, 0.6, 0.8] == pytest.approx([due_at - yard.later for due_at in dues], abs=1e-6)


def test_a_retry_after_applies_to_all_files_of_the_target(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(80))
    cloud.always = refusing(429, "slow down", retry_after="60")
    drain = Drain(yard, target_queue(cloud), workers=2)
    drain.run()
    sent = len(cloud.uploads)
    drain.run(after_s=59.0)
    assert (sent, 2) == (len(cloud.uploads), sent)
    assert {READY} == set(yard.states().values())
    cloud.always = None
    drain.run(after_s=1.0)
    for _ in range(14):  # one request after the other
        drain.run(after_s=60.0)
    assert {SYNCED} == set(yard.states().values())


def test_claimed_files_are_sent_as_soon_as_the_rate_allows(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(80))
    drain = Drain(yard, target_queue(cloud), workers=1)
    cloud.answers.append(refusing(429, "slow down", retry_after="1"))
    waits_s = [drain.run()]
    while {SYNCED} != set(yard.states().values()):
        waits_s.append(drain.run(after_s=waits_s[-1]))
    assert 5 < len(waits_s) < 20
    assert max(waits_s[:-1]) <= 1.0  # the rate begins with a request a second


def test_an_unreachable_service_is_not_tried_with_every_file(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(400))
    cloud.always = lambda envelope, hashes: Silence(Fault.UNREACHABLE, "no network")
    drain = Drain(yard, target_queue(cloud), workers=2)
    drain.jitter = 0.999
    for _ in range(600):
        drain.run(after_s=1.0)
    assert len(cloud.uploads) <= 2 * (600 / HOLD_CAP_S + 10)
    cloud.always = None
    for _ in range(400):
        drain.run(after_s=1.0)
    assert {SYNCED} == set(yard.states().values())


def test_a_file_that_makes_the_service_fail_does_not_delay_the_others(yard: Yard, cloud: Cloud) -> None:
    yard.fill("bad.csv", *(f"{label}.csv" for label in "abcdef"))
    cloud.always = lambda envelope, hashes: (
        Silence(Fault.UNANSWERED, "it broke") if envelope.parts[0].item.path == "bad.csv" else None
    )
    drain = Drain(yard, target_queue(cloud), workers=1)
    drain.jitter = 0.999
    drain.run()
    assert {"bad.csv"} == {path for path, state in yard.states().items() if state is not SYNCED}


def poison(name: str) -> Callable[[Envelope, list[str]], Silence | None]:
    """A service that fails on every request with this file."""

    def answer(envelope: Envelope, hashes: list[str]) -> Silence | None:
        is_there = any(part.item.path == name for part in envelope.parts)
        return Silence(Fault.UNANSWERED, "it broke") if is_there else None

    return answer


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("number", [0, 37, 63])
def test_a_file_that_always_breaks_the_service_is_soon_alone(
    yard: Yard, cloud: Cloud, number: int, workers: int
) -> None:
    every = names(64)
    yard.fill(*every)
    cloud.always = poison(every[number])
    drain = Drain(yard, target_queue(cloud, limits=Limits(files=64)), workers=workers)
    drain.jitter = 0.999
    for _ in range(20):
        drain.run(after_s=1.0)
    states = yard.states()
    assert READY == states.pop(every[number])
    assert {SYNCED} == set(states.values())
    # It continues to fail, and new files are sent at once.
    for round_ in range(10):
        for _ in range(60):
            drain.run(after_s=10.0)
        yard.fill(f"new.{round_}.csv")
        drain.run(after_s=1.0)
        assert SYNCED == yard.states()[f"new.{round_}.csv"]


def test_an_outage_ends_with_one_probe_and_batches_again(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(200))
    cloud.always = refusing(502, "Bad gateway")
    drain = Drain(yard, target_queue(cloud, limits=Limits(files=16)))
    drain.jitter = 0.999
    for _ in range(100):
        drain.run(after_s=10.0)
    assert ["target.held"] == [event for event in yard.log.events() if event.startswith("target.")]
    assert len(cloud.uploads) < 60
    probes = [len(sent) for sent in cloud.uploads[-10:]]
    assert [1] * 10 == probes
    assert "tries again in" in drain.loop.holds(drain.now)["main"]
    cloud.always = None
    cloud.uploads.clear()
    for _ in range(60):
        drain.run(after_s=10.0)
    assert ({SYNCED}, 1) == (set(yard.states().values()), len(cloud.uploads[0]))
    assert len(cloud.uploads) < 100
    assert {} == drain.loop.holds(drain.now)
    assert "target.resumed" in yard.log.events()


def test_requests_that_are_too_large_become_smaller_and_grow_back(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(600))
    cloud.always = lambda envelope, hashes: (
        reply_of({"success": False, "error": "Request Entity Too Large"}, 413) if len(envelope.parts) > 5 else None
    )
    drain = Drain(yard, target_queue(cloud, limits=Limits(files=16)), workers=2)
    drain.run()
    assert {SYNCED} == set(yard.states().values())
    sizes = [len(sent) for sent in cloud.uploads]
    assert sizes[0] == 16
    assert sum(size > 5 for size in sizes) < len(sizes) / 4
    assert {1} == {record["attempts"] for record in yard.index.records.files()}


def test_a_paused_target_is_tried_again_with_one_small_file(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(20), content=None)
    yard.write("a.csv", b"x")
    run(yard.watcher(), yard.later)
    cloud.always = refusing(401, "Invalid API key")
    drain = Drain(yard, target_queue(cloud))
    drain.run()
    cloud.uploads.clear()
    drain.run(after_s=PROBE_AFTER_S)
    assert ([["a.csv"]], {READY}) == (cloud.uploads, set(yard.states().values()))
    cloud.always = None
    drain.run(after_s=PROBE_AFTER_S)
    assert {SYNCED} == set(yard.states().values())


@pytest.mark.parametrize(("workers", "heavy"), [(1, 1), (3, 2), (32, 3)])
def test_large_files_leave_a_worker_to_the_others(yard: Yard, cloud: Cloud, workers: int, heavy: int) -> None:
    yard.fill(*(f"large.{number}.csv" for number in range(8)), content=None)
    for number in range(8):
        yard.write(f"large.{number}.csv", bytes([65 + number]) * 500)
    run(yard.watcher(), yard.later)
    drain = Drain(yard, target_queue(cloud, limits=Limits(files=8, bytes=1000)), workers=workers)
    drain.now += 1.0
    drain.tick()
    drain.bench.run()
    drain.tick()
    assert heavy == len(drain.bench.waiting)
    yard.fill("small.csv")
    drain.tick(after_s=1.0)
    if workers == 1:  # the only worker is free for everything
        return
    assert heavy + 1 == len(drain.bench.waiting)
    drain.bench.waiting.rotate(1)
    drain.bench.run(1)
    drain.tick()
    assert [["small.csv"]] == cloud.uploads
    drain.run()
    assert {SYNCED} == set(yard.states().values())


def test_a_target_leaves_a_worker_to_every_other(yard: Yard) -> None:
    one, two = two_targets(yard)
    for name in names(40):
        yard.write(name, root=one)
    run(yard.watcher(yard.watched(one), yard.watched(two)), yard.later)
    first, second = Cloud(), Cloud(8)
    small = Limits(files=1)
    drain = Drain(
        yard,
        target_queue(first, one, target="first", limits=small),
        target_queue(second, two, target="second", limits=small),
    )
    drain.tick()
    drain.bench.run()
    drain.tick()
    assert 3 == len(drain.bench.waiting)


def test_nothing_is_sent_in_quiet_hours_and_they_end(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(3))
    ends_at = yard.later + 100.0
    drain = Drain(
        yard,
        target_queue(cloud),
        hold=lambda now: Hold(ends_at - now, "these are quiet hours") if now < ends_at else None,
    )
    assert IDLE_S == drain.run()
    assert ([], {READY}) == (cloud.uploads, set(yard.states().values()))
    assert {"main": "these are quiet hours"} == drain.loop.holds(drain.now)
    assert 10.0 == pytest.approx(drain.run(after_s=90.0))
    drain.run(after_s=10.0)
    assert ({SYNCED}, {}) == (set(yard.states().values()), drain.loop.holds(drain.now))
    assert ["upload.paused", "upload.resumed"] == [event for event in yard.log.events() if event.startswith("upload.")]


@pytest.mark.parametrize(("order", "expected"), [(Order.OLDEST, "bac"), (Order.NEWEST, "cab"), (Order.SMALLEST, "acb")])
def test_files_are_sent_in_the_configured_order(yard: Yard, cloud: Cloud, order: Order, expected: str) -> None:
    for name, size in (("b", 3), ("a", 1), ("c", 2)):
        yard.fill(f"{name}.csv", content=name.encode() * size)
        yard.later += 1.0
    drain = Drain(yard, target_queue(cloud, limits=Limits(files=1)), order=lambda: order, workers=1)
    drain.run(after_s=5.0)
    assert [[f"{name}.csv"] for name in expected] == cloud.uploads


def test_silence_is_harmless_where_duplicates_are_refused(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")

    def withhold(envelope: Envelope, hashes: list[str]) -> Silence:
        cloud.store(envelope, hashes)
        return Silence(Fault.UNANSWERED, "no answer")

    cloud.answers.append(withhold)
    Drain(yard, target_queue(cloud)).run()
    assert ({"a.csv": SYNCED}, 1) == (yard.states(), len(cloud.samples))
    assert "already in the project" == yard.reason("a.csv")


def test_silence_is_doubt_where_duplicates_are_allowed(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    cloud.answers.append(lambda envelope, hashes: Silence(Fault.UNANSWERED, "no answer"))
    drain = Drain(yard, target_queue(cloud, allow_duplicates=True))
    drain.run()
    drain.run(after_s=3600.0)
    assert ({"a.csv": State.DOUBTFUL}, 1) == (yard.states(), len(cloud.uploads))


def test_what_certainly_did_not_arrive_is_sent_again_with_duplicates_allowed(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    cloud.answers.append(lambda envelope, hashes: Silence(Fault.UNREACHABLE, "no network"))
    Drain(yard, target_queue(cloud, allow_duplicates=True)).run()
    assert {"a.csv": SYNCED} == yard.states()


def test_a_bug_in_a_worker_is_logged_and_the_file_is_tried_again(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    cloud.upload_trouble = ZeroDivisionError("ours")
    drain = Drain(yard, target_queue(cloud))
    drain.jitter = 0.5
    drain.run()
    assert "upload.crashed" in yard.log.events()
    assert ({"a.csv": READY}, 1) == (yard.states(), yard.record("a.csv")["attempts"])
    cloud.upload_trouble = None
    drain.run(after_s=10.0)
    assert {"a.csv": SYNCED} == yard.states()


# --- several targets


def two_targets(yard: Yard) -> tuple[Root, Root]:
    one, two = yard.add_root("one", "first"), yard.add_root("two", "second")
    return one, two


def test_a_target_with_many_files_does_not_delay_the_other(yard: Yard) -> None:
    one, two = two_targets(yard)
    for name in names(200):
        yard.write(name, root=one)
    yard.write("a.csv", root=two)
    run(yard.watcher(yard.watched(one), yard.watched(two)), yard.later)
    first, second = Cloud(), Cloud(8)
    drain = Drain(yard, target_queue(first, one, target="first"), target_queue(second, two, target="second"), workers=2)
    for _ in range(4):
        drain.tick()
        drain.bench.run()
    assert [["a.csv"]] == second.uploads


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_two_targets_take_turns(yard: Yard, workers: int) -> None:
    one, two = two_targets(yard)
    for name in names(40):
        yard.write(name, name.encode(), root=one)
        yard.write(name, name.encode(), root=two)
    run(yard.watcher(yard.watched(one), yard.watched(two)), yard.later)
    turns: list[str] = []
    first, second = Cloud(), Cloud(8)
    first.always = lambda envelope, hashes: turns.append("first")
    second.always = lambda envelope, hashes: turns.append("second")
    small = Limits(files=1)
    drain = Drain(
        yard,
        target_queue(first, one, target="first", limits=small),
        target_queue(second, two, target="second", limits=small),
        workers=workers,
    )
    drain.run()
    assert 80 == len(turns)
    for end in range(10, 80, 10):
        assert abs(turns[:end].count("first") - turns[:end].count("second")) <= 2 + workers


def test_a_paused_target_does_not_delay_the_other(yard: Yard) -> None:
    one, two = two_targets(yard)
    yard.write("a.csv", root=one)
    yard.write("b.csv", root=two)
    run(yard.watcher(yard.watched(one), yard.watched(two)), yard.later)
    first, second = Cloud(), Cloud(8)
    first.always = refusing(401, "Invalid API key")
    drain = Drain(yard, target_queue(first, one, target="first"), target_queue(second, two, target="second"))
    drain.run()
    assert ({"one/a.csv": READY, "two/b.csv": SYNCED}, ["first"]) == (yard.states(), list(drain.loop.refusals()))


def test_a_long_upload_does_not_delay_due_files(yard: Yard) -> None:
    one, two = two_targets(yard)
    yard.write("long.csv", root=one)
    yard.write("b.csv", root=two)
    run(yard.watcher(yard.watched(one), yard.watched(two)), yard.later)
    first, second = Cloud(), Cloud(8)
    second.answers.append(refusing(500))
    drain = Drain(yard, target_queue(first, one, target="first"), target_queue(second, two, target="second"), workers=2)
    drain.jitter = 0.5
    drain.tick()
    drain.bench.run()
    drain.tick()
    while drain.bench.waiting[0][0] is long_upload(drain):
        drain.bench.waiting.rotate()
    drain.bench.run(1)
    # The long one is still under way; the other is due in a second, and a worker is free.
    assert 1.0 == pytest.approx(drain.tick())


def long_upload(drain: Drain) -> Future[Any]:
    return next(future for future, in_flight in drain.loop._in_flight.items() if in_flight.request.target == "first")


# --- the end


def of_four_labels(yard: Yard) -> None:
    """Sixteen files that are claimed at once and need four requests."""
    yard.fill(*(f"{label}.{number}.csv" for label in "abcd" for number in range(4)))


def test_stop_gives_back_what_no_worker_has_begun(yard: Yard, cloud: Cloud) -> None:
    of_four_labels(yard)
    drain = introduced(yard, cloud, workers=2)
    drain.tick()
    assert {SENDING} == set(yard.states().values())
    drain.loop.stop(drain.now)
    drain.loop.stop(drain.now)
    states = list(yard.states().values())
    assert (8, 8, False) == (states.count(SENDING), states.count(READY), drain.loop.is_done)
    drain.bench.run()
    assert IDLE_S == drain.tick()
    assert (True, 8) == (drain.loop.is_done, list(yard.states().values()).count(SYNCED))
    drain.tick(after_s=1.0)
    assert 0 == len(drain.bench.waiting)


# --- a store that fails


class Ledger:
    """The real queue, which a test can make fail."""

    def __init__(self, yard: Yard) -> None:
        self.claim: Callable[..., Any] = yard.outbox.claim
        self.settle_all: Callable[..., Any] = yard.outbox.settle_all
        self.next_due_at: Callable[..., Any] = yard.outbox.next_due_at
        self.may_be_known: Callable[..., Any] = yard.outbox.may_be_known
        self.known_contents: Callable[..., Any] = yard.outbox.known_contents


FULL = StateError("the database cannot be used: database or disk is full")


def test_a_result_is_kept_until_it_can_be_stored(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(3))
    queue = Ledger(yard)
    drain = Drain(yard, target_queue(cloud), queue=queue)
    drain.tick()
    drain.bench.run()
    drain.tick()
    drain.bench.run()
    queue.settle_all = failing(3, FULL, yard.outbox.settle_all)
    for _ in range(3):
        with pytest.raises(StateError):
            drain.tick()
        assert ({SENDING}, False) == (set(yard.states().values()), drain.loop.is_done)
        assert "file.synced" not in yard.log.events()
    drain.tick()
    assert ({SYNCED}, True) == (set(yard.states().values()), drain.loop.is_done)
    assert (3, 1) == (yard.log.events().count("file.synced"), len(cloud.uploads))


def test_answers_that_came_together_are_stored_in_one_transaction(yard: Yard, cloud: Cloud) -> None:
    of_four_labels(yard)
    queue = Ledger(yard)
    drain = introduced(yard, cloud, queue=queue, workers=4)
    drain.tick()
    stored: list[int] = []

    def settle_all(by_claim: Sequence[tuple[int, Sequence[Outcome]]], *, now: float) -> dict[int, int]:
        stored.append(sum(len(outcomes) for _, outcomes in by_claim))
        return yard.outbox.settle_all(by_claim, now=now)

    queue.settle_all = settle_all
    drain.bench.run()
    drain.tick()
    assert ([16], {SYNCED}) == (stored, set(yard.states().values()))


@pytest.mark.parametrize("method", ["claim", "settle_all", "next_due_at", "may_be_known"])
@pytest.mark.parametrize("failures", [1, 2, 5])
def test_whenever_the_store_fails_no_file_is_left_behind(yard: Yard, cloud: Cloud, method: str, failures: int) -> None:
    yard.fill(*names(30), "bad.csv")
    yard.fill("empty.csv", content=b"")
    cloud.always = guilty("bad.csv")
    queue = Ledger(yard)
    setattr(queue, method, failing(failures, FULL, getattr(yard.outbox, method)))
    drain = Drain(yard, target_queue(cloud), queue=queue, workers=2)
    seen = 0
    for _ in range(30):
        try:
            drain.run()
        except StateError:
            seen += 1
    states = yard.states()
    assert failures == seen
    assert {QUARANTINED} == {states.pop("bad.csv"), states.pop("empty.csv")}
    assert {SYNCED} == set(states.values())


def test_a_store_that_fails_between_claim_and_refusal_leaves_no_file_claimed(yard: Yard, cloud: Cloud) -> None:
    yard.fill("empty.csv", content=b"")
    yard.insist()
    yard.fill("a.csv")
    queue = Ledger(yard)
    queue.settle_all = failing(2, FULL, yard.outbox.settle_all)
    drain = introduced(yard, cloud, queue=queue)
    for _ in range(2):
        with pytest.raises(StateError):
            drain.tick()
    drain.run()
    assert {"a.csv": SYNCED, "empty.csv": QUARANTINED} == yard.states()


@pytest.mark.parametrize("method", ["identify", "pause", "resume"])
def test_a_store_that_cannot_note_a_pause_loses_no_file(yard: Yard, cloud: Cloud, method: str) -> None:
    yard.fill(*names(3))
    token: list[object] = ["old"]

    class Notes:
        inferred = yard.index.inferred
        identify = staticmethod(yard.index.identify)
        pause = staticmethod(yard.index.pause)
        resume = staticmethod(yard.index.resume)

    notes = Notes()
    setattr(notes, method, failing(2, FULL, getattr(yard.index, method)))
    cloud.answers.append(refusing(401, "Invalid API key"))
    drain = Drain(yard, target_queue(cloud, token=lambda: token[-1]), notes=notes)
    for number in range(8):
        token.append(number)
        try:
            drain.run(after_s=1.0)
        except StateError:
            continue
    assert ({SYNCED}, {}) == (set(yard.states().values()), drain.loop.refusals())


def test_files_are_given_back_at_the_end_even_after_a_store_failure(yard: Yard, cloud: Cloud) -> None:
    of_four_labels(yard)
    queue = Ledger(yard)
    drain = introduced(yard, cloud, queue=queue, workers=2)
    drain.tick()
    queue.settle_all = failing(2, FULL, yard.outbox.settle_all)
    for _ in range(2):
        with pytest.raises(StateError):
            drain.loop.stop(drain.now)
    drain.bench.run()
    drain.loop.stop(drain.now)
    drain.tick()
    states = list(yard.states().values())
    assert (True, 8, 8) == (drain.loop.is_done, states.count(SYNCED), states.count(READY))


def test_the_store_itself_may_be_locked_for_a_while(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    drain = Drain(yard, target_queue(cloud))
    drain.tick()
    drain.bench.run()
    drain.tick()
    drain.bench.run()
    with yard.database.transaction() as connection:
        connection.execute("create trigger full before update on file begin select raise(abort, 'full'); end")
    with pytest.raises(StateError) as caught:
        drain.tick()
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    with yard.database.transaction() as connection:
        connection.execute("drop trigger full")
    drain.tick()
    assert {"a.csv": SYNCED} == yard.states()


def test_it_never_spins(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(10))
    drain = Drain(yard, target_queue(cloud))
    assert drain.tick() > 0  # its project is being checked
    drain.bench.run()
    assert drain.tick() > 0  # a request is under way
    drain.bench.run()
    drain.run()
    assert drain.tick() > 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (16, {("info", "file.synced"): 16}),
        (17, {("debug", "file.synced"): 17, ("info", "files.synced"): 1}),
    ],
)
def test_many_files_of_one_request_are_logged_in_one_line_and_a_refused_one_in_its_own(
    yard: Yard, cloud: Cloud, files: int, expected: dict[tuple[str, str], int]
) -> None:
    yard.fill(*names(files), "refused.csv", content=None)

    def answer(envelope: Envelope, hashes: list[str]) -> Reply:
        entries = [
            {"success": False, "error": "it is no CSV"}
            if part.item.path == "refused.csv"
            else {"success": True, "sampleId": number, "projectId": 7}
            for number, part in enumerate(envelope.parts, start=1)
        ]
        return reply_of({"success": True, "files": entries})

    cloud.always = answer
    entered = len(yard.log.lines)
    Drain(yard, target_queue(cloud, limits=Limits(files=32, bytes=1_000_000))).run()
    lines = yard.log.lines[entered:]
    assert {**expected, ("error", "file.quarantined"): 1} == Counter((line.level, line.event) for line in lines)
    assert {files, None} >= {line.fields.get("files") for line in lines}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (16, {("warning", "file.deferred"): 16}),
        (17, {("debug", "file.deferred"): 17, ("warning", "files.deferred"): 1}),
    ],
)
def test_many_files_of_a_failed_request_are_logged_in_one_line(
    yard: Yard, cloud: Cloud, files: int, expected: dict[tuple[str, str], int]
) -> None:
    yard.fill(*names(files))
    cloud.answers.append(lambda *_: Silence(Fault.UNREACHABLE, "no network"))
    entered = len(yard.log.lines)
    drain = Drain(yard, target_queue(cloud, limits=Limits(files=32, bytes=1_000_000)))
    drain.tick()
    drain.bench.run()
    drain.tick()
    drain.bench.run()
    drain.tick()
    lines = [line for line in yard.log.lines[entered:] if "deferred" in line.event]
    assert expected == Counter((line.level, line.event) for line in lines)
    assert {"no network"} == {line.fields["reason"] for line in lines}
    for line in lines[:-1] if files < 17 else lines[-1:]:
        assert line.fields.get("files", 1) == (files if files > 16 else 1)
        assert 0 < line.fields["due_at"]


def test_a_file_that_arrived_is_one_line_of_the_log(yard: Yard, cloud: Cloud) -> None:
    yard.fill("idle.1.csv")
    Drain(yard, target_queue(cloud)).run()
    (line,) = [line for line in yard.log.lines if line.event == "file.synced"]
    assert {"path": "idle.1.csv", "label": "idle", "samples": (101,), "how": "stored"} == dict(line.fields)


# --- one sample, several contents


def of_one_sample(envelope: Envelope, hashes: list[str]) -> Reply:
    return reply_of({"success": True, "files": [{"success": True, "sampleId": 4711, "projectId": 7} for _ in hashes]})


def there_as_one_sample(envelope: Envelope, hashes: list[str]) -> Reply:
    known = {"success": False, "error": "An item with this hash already exists (ids: 4711)"}
    return reply_of({"success": True, "files": [known for _ in hashes]})


@pytest.mark.parametrize("answer", [of_one_sample, there_as_one_sample])
@pytest.mark.parametrize("files", [1, 8])
def test_one_sample_is_never_taken_for_two_contents(yard: Yard, cloud: Cloud, answer: Any, files: int) -> None:
    yard.fill(*names(12))
    drain = Drain(yard, target_queue(cloud, limits=Limits(files=files, bytes=1_000_000)))
    drain.jitter, cloud.always = 0.5, answer
    for _ in range(4):
        drain.run(after_s=5.0)
    states = yard.states()
    assert 1 >= sum(state is SYNCED for state in states.values())
    doubted = [name for name in states if states[name] is READY]
    assert "the answer names sample 4711" in yard.reason(doubted[-1])

    cloud.always = None
    cloud._last_id = 4710  # the next one is stored as the sample that was named for all
    for _ in range(4):
        run(yard.watcher(), drain.now)
        drain.run(after_s=600.0)
    assert {SYNCED} == set(yard.states().values())
    sent = {record["sha256"] for record in yard.records().values()}
    stored = {sample.sha256 for sample in cloud.samples.values()}
    assert 12 == len(sent)
    assert len(sent - stored) <= 1  # the one without a contradiction


def test_an_earlier_file_of_that_sample_is_sent_again_unless_a_listing_confirmed_it(yard: Yard, cloud: Cloud) -> None:
    first, second = names(2)
    yard.fill(first)
    drain = Drain(yard, target_queue(cloud))
    drain.jitter, cloud.always = 0.5, of_one_sample
    drain.run()
    yard.fill(second)
    drain.run()
    assert {first: State.SETTLING, second: READY} == yard.states()

    cloud.always = None
    run(yard.watcher(), drain.now)
    drain.run(after_s=600.0)
    assert {SYNCED} == set(yard.states().values())
    assert 2 == len(cloud.samples)


def test_an_answer_that_keeps_contradicting_another_file_is_left_to_a_person(yard: Yard, cloud: Cloud) -> None:
    first, second = names(2)
    yard.fill(first)
    drain = Drain(yard, target_queue(cloud))
    drain.jitter, cloud.always = 0.5, there_as_one_sample
    drain.run()
    with yard.database.transaction() as connection:
        connection.execute("update sample set filename = 'idle.000'")  # it was listed: the first one is right
    yard.fill(second)
    for _ in range(MAX_DISPUTES):
        drain.run(after_s=600.0)
    assert {first: SYNCED, second: QUARANTINED} == yard.states()
    assert "compare the two in Studio" in yard.reason(second)


def test_one_sample_may_be_several_files_of_one_content(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv", "b.csv", content=b"the same")
    cloud.always = of_one_sample
    Drain(yard, target_queue(cloud, limits=Limits(files=1, bytes=1_000_000))).run()
    assert {SYNCED} == set(yard.states().values())


# --- no thread can be started


class Threadless(Bench):
    """An executor for which no thread can be started while `free` is 0."""

    def __init__(self, free: int = 0) -> None:
        super().__init__()
        self.free = free

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not self.free:
            raise RuntimeError("can't start new thread")
        self.free -= 1
        return super().submit(fn, *args, **kwargs)


def threadless(yard: Yard, cloud: Cloud, free: int) -> tuple[Drain, Threadless]:
    drain, bench = Drain(yard, target_queue(cloud, limits=Limits(files=2, bytes=1_000_000))), Threadless(free)
    drain.bench = drain.loop._workers.pool = bench
    return drain, bench


@pytest.mark.parametrize("free", [0, 1])
def test_without_a_thread_files_wait_with_the_reason_and_are_sent_later(yard: Yard, cloud: Cloud, free: int) -> None:
    yard.fill(*names(5))
    drain, bench = threadless(yard, cloud, free)
    drain.run()
    assert {READY} == set(yard.states().values())
    assert "no thread can be started" in drain.loop.holds(drain.now)["main"]
    assert 0 < drain.tick() <= THREADLESS_S

    bench.free = 100
    drain.run(after_s=THREADLESS_S)
    assert {SYNCED} == set(yard.states().values())
    assert {} == drain.loop.holds(drain.now)
    assert Counter(names(5)) == Counter(name for request in cloud.uploads for name in request)


def test_with_fewer_threads_than_workers_everything_is_sent(yard: Yard, cloud: Cloud) -> None:
    yard.fill(*names(8))
    drain, bench = threadless(yard, cloud, 0)
    for _ in range(20):
        bench.free = 1 - len(bench.waiting)
        drain.tick(after_s=THREADLESS_S / 2)
        assert len(drain.bench.waiting) <= 1
        drain.bench.run()
    assert {SYNCED} == set(yard.states().values())
    assert 1 == yard.log.events().count("workers.missing")
