"""Whatever happens to the files, in whatever order, outbox and index agree with a plain model of them."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eisync.core import wire
from eisync.core.lifecycle import PENDING, Event, State, can, step, walk
from eisync.core.model import Item
from eisync.core.outcome import Outcome, give_back, outcome_of
from eisync.core.retry import Fault, RetryPolicy
from tests.examples import examples

from .shelf import Shelf, facts

PATHS = ("a.csv", "b.csv", "day/a.csv", "day/\udcff.csv")
POLICY = RetryPolicy(base_s=2.0, cap_s=8.0)
UNDER_WAY = (State.SENDING, State.DOUBTFUL)


@dataclass
class File:
    """What we think of one file. `arrived` are the samples that the service made of the version under way."""

    state: State = State.READY
    version: int = 1
    due_at: float = 0.0
    claim: int | None = None
    attempts: int = 0
    samples: set[int] = field(default_factory=set)
    arrived: set[int] = field(default_factory=set)
    remembered: list[tuple[Event, State]] = field(default_factory=list)

    def walk(self, *events: Event) -> None:
        for event in events:
            self.state = step(self.state, event)
            self.remembered.append((event, self.state))

    def begin(self, version: int, now: float) -> "File":
        """The next version of the file, with the history of those before."""
        if can(self.state, Event.CHANGED):
            self.walk(Event.CHANGED)
        return File(version=version, due_at=now, remembered=[*self.remembered, (Event.COMPLETE, State.READY)])


class OutboxMachine(RuleBasedStateMachine):
    """The model: files by path, samples that are gone, a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.mkdtemp(prefix="eisync-model-")
        self.shelf = Shelf(Path(self.place))
        self.files: dict[str, File] = {}
        self.held: dict[int, list[Item]] = {}  # by claim
        self.gone_samples: set[int] = set()
        self.samples = 0
        self.claims = 0
        self.now = 1_000.0

    def teardown(self) -> None:
        self.shelf.close()
        shutil.rmtree(self.place)

    @initialize(allow_duplicates=st.booleans())
    def begin(self, allow_duplicates: bool) -> None:
        self.allow_duplicates = allow_duplicates

    def new_sample(self) -> int:
        self.samples += 1
        return self.samples

    def of(self, identity: int) -> File:
        [path] = [path for path in self.files if self.shelf.id_of(path) == identity]
        return self.files[path]

    # --- what happens to files --------------------------------------------------------------------------------------

    @rule(path=st.sampled_from(PATHS), version=st.integers(1, 2))
    def complete(self, path: str, version: int) -> None:
        busy = self.shelf.outbox.enqueue([self.shelf.candidate(path, version)], now=self.now)

        file = self.files.get(path)
        if file is None:
            self.files[path] = File(State.GONE).begin(version, self.now)
        elif file.state in (State.SETTLING, State.GONE) or (file.version != version and file.state not in UNDER_WAY):
            self.files[path] = file.begin(version, self.now)
        expects_busy = file is not None and file.state in UNDER_WAY and file.version != version
        assert expects_busy is bool(busy)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), event=st.sampled_from([Event.CHANGED, Event.GONE]))
    def change_or_lose(self, data: st.DataObject, event: Event) -> None:
        path = data.draw(st.sampled_from(sorted(self.files)))
        is_noted = self.shelf.record(path)["reason"] == "the local file is not there any more"
        mark = self.shelf.outbox.mark_changed if event is Event.CHANGED else self.shelf.outbox.mark_gone
        mark([self.shelf.id_of(path)], now=self.now)

        file = self.files[path]
        if can(file.state, event) and file.state not in UNDER_WAY and not (is_noted and event is Event.GONE):
            file.walk(event)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.files)))
        file = self.files[path]

        retried = self.shelf.outbox.retry([self.shelf.id_of(path)], now=self.now)

        event = Event.ABSENT if file.state is State.DOUBTFUL else Event.RETRY
        assert can(file.state, event) is bool(retried)
        if retried:
            file.walk(event)
            self.files[path] = File(version=file.version, due_at=self.now, remembered=file.remembered)

    # --- what the uploader does --------------------------------------------------------------------------------------

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        self.claims += 1
        items = self.shelf.claim(limit=limit, now=self.now, claim=self.claims)

        due = [file for file in self.files.values() if file.state is State.READY and file.due_at <= self.now]
        taken = [self.of(item.id) for item in items]
        assert min(limit, len(due)) == len(taken)
        assert all(file in due for file in taken)
        left = [file.due_at for file in due if not any(file is other for other in taken)]
        assert not left or max(file.due_at for file in taken) <= min(left)
        for item, file in zip(items, taken, strict=True):
            assert (facts(file.version), file.attempts) == (item.facts, item.attempts)
            file.state, file.claim = State.SENDING, self.claims
        if items:
            self.held[self.claims] = items

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(sorted(self.held)))
        items = self.held.pop(claim)
        settlements = [self.settlement(data, item) for item in items]

        self.shelf.outbox.settle(settlements, claim=claim, now=self.now)

        for settlement in settlements:
            self.apply(settlement)

    def settlement(self, data: st.DataObject, item: Item) -> Outcome:
        file = self.of(item.id)
        what = data.draw(st.sampled_from(
            ["stored", "duplicate", "nameless", "refused", "smaller", "doubtful", "barred", "throttled", "unreachable",
             "unanswered", "changed", "gone", "given back"]
        ))  # fmt: skip
        outcome: wire.Outcome
        match what:
            case "stored":
                outcome = wire.Stored(self.new_sample())
            case "duplicate":
                known = sorted(set(range(1, self.samples + 1)) - self.gone_samples)
                outcome = wire.Duplicate(
                    tuple(data.draw(st.lists(st.sampled_from(known), unique=True)) if known else ())
                )
            case "nameless":
                outcome = wire.Duplicate(())
            case "refused":
                outcome = wire.Refused("bad CSV")
            case "smaller":
                outcome = wire.Smaller("HTTP 413", 1)
            case "doubtful":
                outcome = wire.Smaller("a miscount", 1, is_doubtful=True)
            case "barred":
                outcome = wire.Barred("HTTP 401")
            case "throttled":
                outcome = wire.Failed(Fault.THROTTLED, "HTTP 429", 5.0)
            case "unreachable":
                outcome = wire.Failed(Fault.UNREACHABLE, "no route")
            case "unanswered":
                outcome = wire.Failed(Fault.UNANSWERED, "timed out")
                if data.draw(st.booleans()):
                    file.arrived.add(self.new_sample())
            case "changed":
                return Outcome(item_id=item.id, events=(Event.CHANGED,), reason="it changed", is_attempt=False)
            case "gone":
                return Outcome(item_id=item.id, events=(Event.GONE,), reason="it went", is_attempt=False)
            case _:
                return give_back(item)
        return outcome_of(
            item, outcome, policy=POLICY, allow_duplicates=self.allow_duplicates, now=self.now, jitter=0.5, sha256="a"
        )

    def apply(self, settlement: Outcome) -> None:
        file = self.of(settlement.item_id)
        file.state = walk(file.state, settlement.events)
        if settlement.is_attempt or settlement.events != (Event.DEFER,):  # what came of it, in one line
            file.remembered.append((settlement.events[-1], file.state))
        file.claim = None
        file.due_at = settlement.due_at if settlement.due_at is not None else file.due_at
        file.attempts += settlement.is_attempt
        file.samples |= set(settlement.sample_ids)

    # --- what the reconciler does -----------------------------------------------------------------------------------

    @rule()
    def resolve(self) -> None:
        for doubt in self.shelf.outbox.doubtful("main", limit=2):
            item = doubt.item
            file = self.of(item.id)
            assert State.DOUBTFUL is file.state
            settlement = Outcome(
                item_id=item.id,
                events=(Event.STORED,) if file.arrived else (Event.ABSENT,),
                sample_ids=tuple(file.arrived),
                due_at=None if file.arrived else self.now,
            )
            self.shelf.outbox.resolve([settlement], now=self.now)
            self.apply(settlement)

    @precondition(lambda self: self.samples)
    @rule(data=st.data())
    def make_tombstones(self, data: st.DataObject) -> None:
        sample = data.draw(st.integers(1, self.samples))
        is_again = sample in self.gone_samples
        self.gone_samples.add(sample)

        tombstoned = (
            self.shelf.index.make_tombstones("main", sample, now=self.now)
            if is_again
            else self.shelf.make_tombstones(sample, now=self.now)
        )

        without_samples = [
            path
            for path, file in self.files.items()
            if file.state is State.SYNCED and sample in file.samples and file.samples <= self.gone_samples
        ]
        assert sorted(map(self.shelf.id_of, without_samples)) == sorted(tombstoned)
        for path in without_samples:
            self.files[path].walk(Event.REMOTE_GONE)

    @rule()
    def identify(self) -> None:
        for item in self.shelf.index.without_ids("main", limit=2):
            file = self.of(item.id)
            assert State.SYNCED is file.state
            assert set() == file.samples
            sample = self.new_sample()
            self.shelf.index.link(item, [sample], now=self.now)
            file.samples = {sample}

    # --- time and death ---------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 3.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(allow_duplicates=st.booleans(), arrives=st.booleans())
    def lose_the_process(self, allow_duplicates: bool, arrives: bool) -> None:
        under_way = [file for file in self.files.values() if file.state is State.SENDING]
        self.allow_duplicates = allow_duplicates

        assert len(under_way) == self.shelf.reopen(duplicates_allowed=allow_duplicates, now=self.now)

        self.held.clear()
        for file in under_way:
            file.walk(Event.SILENCE)
            file.claim = None
            if arrives:
                file.arrived.add(self.new_sample())
        for file in self.files.values():
            if file.state is State.DOUBTFUL and not allow_duplicates:
                file.walk(Event.ABSENT)

    # --- what is always true ----------------------------------------------------------------------------------------

    @invariant()
    def every_file_is_in_the_state_that_its_arrows_led_to(self) -> None:
        records = {str(record["path"]): record for record in self.shelf.index.records.files()}
        assert set(self.files) == set(records)
        for path, file in self.files.items():
            assert file.state.value == records[path]["state"]
            assert file.attempts == records[path]["attempts"]
            row = self.shelf.row(path)
            assert file.claim == row["claim"]
            assert facts(file.version) == self.shelf.known(path.rpartition("/")[0])[path.rpartition("/")[2]].facts

    @invariant()
    def the_history_tells_how_it_came_there(self) -> None:
        for path, file in self.files.items():
            assert file.remembered == self.shelf.history(self.shelf.id_of(path))

    @invariant()
    def no_file_is_claimed_twice_at_once(self) -> None:
        held = [item.id for items in self.held.values() for item in items]
        sending = [self.shelf.id_of(path) for path, file in self.files.items() if file.state is State.SENDING]
        assert sorted(sending) == sorted(held)

    @invariant()
    def a_synced_file_keeps_its_ids(self) -> None:
        for path, file in self.files.items():
            if file.state in (State.SYNCED, State.TOMBSTONE):
                assert sorted(file.samples) == self.shelf.record(path)["sample_ids"]
            if file.state in (State.READY, *UNDER_WAY, State.QUARANTINED):
                assert [] == self.shelf.record(path)["sample_ids"]

    @invariant()
    def what_waits_is_found_when_it_is_due(self) -> None:
        waiting = [file.due_at for file in self.files.values() if file.state is State.READY]
        assert min(waiting, default=None) == self.shelf.outbox.next_due_at("main", [self.shelf.root.id])

    @invariant()
    def the_counts_are_of_all_files(self) -> None:
        counts = self.shelf.index.records.counts()
        by_state: dict[State, int] = {}
        for file in self.files.values():
            by_state[file.state] = by_state.get(file.state, 0) + 1
        assert by_state == counts.by_state == self.shelf.index.records.report([self.shelf.root.id])
        assert (counts.oldest_pending_at is not None) is any(file.state in PENDING for file in self.files.values())
        assert (counts.last_synced_at is not None) is (State.SYNCED in by_state)


OutboxMachine.TestCase.settings = settings(
    max_examples=examples(40),
    stateful_step_count=30,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOutboxKeepsItsModel = OutboxMachine.TestCase
