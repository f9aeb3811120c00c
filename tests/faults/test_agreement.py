"""Random actions of people and random faults: in the end folder, index and project agree as the policy says.

The real watcher, uploader, reconciler, store and client over real files and the emulator. One actor works in the
folder, another in Studio; answers are lost, listings fail, and the process dies between an intent and its action. At
the end, what remains is compared with the policy. At every step, only what a person deleted may be gone.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eisync.adapters.client.body import sha256_of
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.adapters.files import trash
from eisync.core.absence import ABSENT_S
from eisync.core.actions import name_of, propose
from eisync.core.batching import Limits
from eisync.core.guard import Guard
from eisync.core.lifecycle import State
from eisync.core.model import RemoteSample
from eisync.core.policy import OnChange, OnRemoteDelete, Policy, Trigger
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.loops.actions.planner import GuardLedger
from eisync.loops.reconciler.context import ReconciledProject, ReconcilerStore, TargetContext
from eisync.loops.reconciler.loop import ReconcilerLoop
from eisync.loops.reconciler.tombstones import Tombstones
from eisync.store.actions import ActionStore
from eisync.store.mirror import Mirrored
from tests.canary import holders
from tests.conftest import row
from tests.examples import examples
from tests.fakes import RIGHT, Clock
from tests.loops.stage import actions_of
from tests.loops.test_uploader import Drain, target_queue
from tests.loops.yard import Yard, deletion_evidence, run

pytestmark = pytest.mark.timeout(600)  # many examples, each with real files: how long depends on who else is busy

NAMES = ("wave.1.csv", "wave.2.csv", "idle.1.csv", "testing/wave.1.csv", "testing/idle.3.csv")
INTERVAL_S = 300.0
FREE, TIGHT = Guard(count=1000, percent=100.0), Guard(count=1, percent=100.0)
FAULTS: tuple[dict[str, object], ...] = (
    {"where": "ingestion", "kind": "withhold"},
    {"where": "ingestion", "kind": "reset_during"},
    {"where": "ingestion", "kind": "status", "status": 503},
    {"where": "studio", "kind": "withhold"},
    {"where": "studio", "kind": "reset_before"},
    {"where": "studio", "kind": "truncate", "path": "raw-data"},
    {"where": "studio", "kind": "malformed", "path": "raw-data"},
    {"where": "studio", "kind": "status", "status": 500},
    {"where": "studio", "kind": "withhold", "method": "DELETE"},
    {"where": "studio", "kind": "withhold", "method": "POST"},
)


class Died(BaseException):
    """The process ends here."""


class Fuse:
    """A part of eisync. Once armed, the process dies before or after one of its next calls."""

    def __init__(self, part: Any, names: frozenset[str]) -> None:
        self._part = part
        self._names = names
        self.left: int | None = None
        self.is_after = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._burning(found) if name in self._names else found

    def _burning(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def burning(*args: Any, **kwargs: Any) -> Any:
            if self.left is not None:
                self.left -= 1
            is_now = self.left is not None and self.left < 0
            if is_now and not self.is_after:
                raise Died
            result = call(*args, **kwargs)
            if is_now:
                raise Died
            return result

        return burning


EMULATOR: list[RunningEmulator] = []


@pytest.fixture(scope="module", autouse=True)
def _emulator() -> Iterator[None]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as running:
        EMULATOR.append(running)
        yield
        EMULATOR.clear()


class AgreementMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="eisync-agreement-"))
        self.yard = Yard(self.place)
        self.now = self.yard.later
        self.versions = 0
        self.written: set[bytes] = set()  # everything that a person wrote here
        self.given_up: set[bytes] = set()  # and overwrote, or deleted: it need not be kept
        self.deleted_there: set[int] = set()
        self.edited_there: set[int] = set()
        self.seen_there: dict[int, RemoteSample] = {}
        self.was_emptied = False
        self.others = 0
        self.contents: dict[int, bytes] = {}
        (project,) = [EMULATOR[0].add_project(name="agreement")]
        EMULATOR[0].set_faults()
        self.key = project["keys"][0]["key"]
        self.service = self.connect()
        self.person = self.connect()

    def connect(self) -> ServiceClient:
        emulator = EMULATOR[0]
        endpoints = Endpoints(studio_url=emulator.studio_url, ingestion_url=emulator.ingestion_url, timeout_s=5.0)
        return ServiceClient(endpoints, lambda: self.key, user_agent="eisync/test")

    @initialize(
        on_remote_delete=st.sampled_from(list(OnRemoteDelete)),
        deletes=st.booleans(),
        edits=st.booleans(),
        on_change=st.sampled_from(list(OnChange)),
        guard=st.sampled_from([FREE, TIGHT]),
    )
    def begin(
        self, on_remote_delete: OnRemoteDelete, deletes: bool, edits: bool, on_change: OnChange, guard: Guard
    ) -> None:
        self.policy = Policy(
            on_remote_delete=on_remote_delete,
            deletes_samples=deletes,
            edits_samples=edits,
            replaces_samples=on_change is OnChange.REPLACE,
        )
        self.on_change = on_change
        self.guard = guard
        self.start()
        self.record(set(NAMES[:2]) | set(NAMES[3:]))
        self.round(None, None)

    def start(self) -> None:
        self.watcher = self.yard.watcher(
            self.yard.watched(on_change=self.on_change, updates_renamed=self.policy.edits_samples)
        )
        self.drain = Drain(self.yard, target_queue(self.service, limits=Limits(files=2)), workers=1)
        self.clock = Clock(self.now)
        self.actions = Fuse(ActionStore(self.yard.database), frozenset({"begin", "finish", "allow", "hold"}))
        self.trash = Fuse(trash, frozenset({"set_aside", "keep_copy", "discard"}))
        studio: Any = Fuse(self.service, frozenset({"delete", "rename", "relabel", "move"}))
        self.fuses = [self.actions, self.trash, studio]
        actions: Any = self.actions
        bin_: Any = self.trash
        self.evidence = evidence = deletion_evidence(self.yard, self.clock, lambda: self.watcher.unsettled(self.now))
        decided = actions_of(
            self.yard,
            self.clock,
            actions,
            bin_=bin_,
            evidence=evidence,
            guarding=GuardLedger(actions, self.guard, RIGHT),
        )
        policies = {self.yard.root.id: self.policy}
        self.context = TargetContext(
            target="main", studio=studio, policies=policies, interval_s=INTERVAL_S, check_project=lambda: None
        )
        self.loop = ReconcilerLoop(
            [
                ReconciledProject(
                    target="main",
                    studio=studio,
                    interval_s=INTERVAL_S,
                    page_size=3,
                    policies=policies,
                )
            ],
            ReconcilerStore(index=self.yard.index, mirrored=Mirrored(self.yard.database), outbox=self.yard.outbox),
            sha256_of_file=sha256_of,
            clock=self.clock,
            log=self.yard.log,
            actions=replace(decided, tombstones=self._tombstones()),
        )

    def _tombstones(self) -> Tombstones:
        """A guard without limits for tombstones: a person may delete a sample at any time."""
        store = ActionStore(self.yard.database)
        guarding = GuardLedger(store, FREE, RIGHT)
        return Tombstones(store, self.yard.index, guarding, clock=self.clock, log=self.yard.log)

    def teardown(self) -> None:
        try:
            if hasattr(self, "loop"):
                self.agree()
        finally:
            EMULATOR[0].set_faults()
            self.service.close()
            self.person.close()
            self.yard.close()
            leaked = list(holders(str(self.place)))
            shutil.rmtree(self.place)
        assert [] == leaked

    # --- in the folder

    @property
    def here(self) -> dict[str, bytes]:
        """Return the content of the folder, by path."""
        top = Path(self.yard.root.path)
        found = {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        return {path: content for path, content in found.items() if not path.startswith(trash.TRASH)}

    @property
    def in_trash(self) -> set[bytes]:
        return {path.read_bytes() for path in self.yard.path(trash.TRASH).rglob("*") if path.is_file()}

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def record(self, names: set[str]) -> None:
        """Write new files, or new versions of them."""
        here = self.here
        for name in sorted(names):
            self.versions += 1
            content = row(self.versions)
            if name in here:
                self.given_up.add(here[name])
            self.written.add(content)
            self.yard.write(name, content)
            # Mtimes as of a recorder: each is different, and not a whole second.
            os.utime(self.yard.path(name), ns=(self.versions * 10**9 + 7, self.versions * 10**9 + 7))

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        here = self.here
        for name in data.draw(st.sets(st.sampled_from(sorted(here)), min_size=1)):
            self.given_up.add(here[name])
            self.yard.path(name).unlink()
        self.was_emptied |= not self.here

    @precondition(lambda self: self.here)
    @rule(data=st.data(), to=st.sampled_from(NAMES))
    def rename(self, data: st.DataObject, to: str) -> None:
        here = self.here
        name = data.draw(st.sampled_from(sorted(here)))
        if to != name and to not in here:
            self.yard.path(to).parent.mkdir(parents=True, exist_ok=True)
            self.yard.path(name).rename(self.yard.path(to))

    @precondition(lambda self: self.here)
    @rule(data=st.data(), to=st.sampled_from(NAMES))
    def copy(self, data: st.DataObject, to: str) -> None:
        """Two files of one content are one sample, as long as one of them is there."""
        here = self.here
        name = data.draw(st.sampled_from(sorted(here)))
        if to not in here:
            self.yard.write(to, here[name])

    # --- in the project

    @property
    def there(self) -> dict[int, RemoteSample]:
        found: dict[int, RemoteSample] = {}
        before_id: int | None = None
        while samples := self.person.page(limit=1000, before_id=before_id).samples:
            found |= {sample.id: sample for sample in samples}
            before_id = min(found)
        return found

    def in_studio(self) -> contextlib.AbstractContextManager[object]:
        """Act as a person's browser, which has no trouble with the network."""
        EMULATOR[0].set_faults()
        self.check_project()
        return contextlib.nullcontext()

    @rule(data=st.data())
    def delete_there(self, data: st.DataObject) -> None:
        with self.in_studio():
            if there := sorted(self.there):
                for sample_id in data.draw(st.sets(st.sampled_from(there), min_size=1, max_size=3)):
                    self.deleted_there.add(sample_id)
                    self.person.delete(sample_id)

    @rule(data=st.data(), what=st.sampled_from(["label", "name", "category"]))
    def edit_there(self, data: st.DataObject, what: str) -> None:
        with self.in_studio():
            if there := sorted(self.there):
                sample_id = data.draw(st.sampled_from(there))
                self.edited_there.add(sample_id)
                if what == "label":
                    self.person.relabel(sample_id, "by a person")
                elif what == "name":
                    self.person.rename(sample_id, "by a person")
                else:
                    self.person.move(sample_id, "validation")

    # --- what eisync does

    @rule(
        fault=st.none() | st.builds(dict, st.sampled_from(FAULTS), after=st.integers(0, 6), times=st.integers(1, 2)),
        fuse=st.none() | st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()),
    )
    def round(self, fault: dict[str, Any] | None, fuse: tuple[int, int, bool] | None) -> None:
        """Run as a daemon does, with these faults, until it dies."""
        EMULATOR[0].set_faults(*([] if fault is None else [fault]))
        if fuse is not None:
            number, after, is_after = fuse
            self.fuses[number].left, self.fuses[number].is_after = after, is_after
        self.scan()
        self.send()
        self.compare(ABSENT_S, sweeps=True)

    @rule()
    def scan(self) -> None:
        self.now += 61.0
        run(self.watcher, self.now)

    def send(self) -> None:
        self.drain.now = self.now
        self.drain.run()

    @rule(after_s=st.sampled_from([1.0, ABSENT_S, INTERVAL_S]), sweeps=st.booleans())
    def compare(self, after_s: float, sweeps: bool) -> None:
        self.now += after_s
        self.clock.now = self.now
        self.loop.pass_now(sweeps=sweeps)
        try:
            run(self.loop, self.now)
        except Died:
            self.die()

    @rule()
    def die(self) -> None:
        self.yard.close()
        self.yard = Yard(self.place)
        self.yard.outbox.recover(duplicates_allowed=False, now=self.now)
        self.start()

    @rule(is_approved=st.booleans())
    def decide(self, is_approved: bool) -> None:
        for plan in self.actions.plans():
            # A person who rejects a plan keeps everything. What must agree then is not checked here.
            if is_approved:
                self.actions.decide(plan.id, is_approved=True, now=self.now)

    # --- what is always true

    @invariant()
    def no_recording_is_lost_that_nobody_gave_up(self) -> None:
        kept = set(self.here.values()) | self.in_trash
        lost = self.written - self.given_up - kept
        if getattr(self, "policy", Policy()).on_remote_delete is OnRemoteDelete.DELETE:
            gone = {hashlib.sha256(content).hexdigest() for content in lost}
            assert gone <= {self.seen_there[sample_id].sha256 for sample_id in self.deleted_there}
        else:
            assert set() == lost

    def check_project(self) -> None:
        """A missing sample was deleted by a person, or by eisync as the policy says, and then a copy is kept."""
        there = self.there
        for sample_id, sample in self.seen_there.items():
            if sample_id in there or sample_id in self.deleted_there:
                continue
            assert self.policy.deletes_samples or self.policy.replaces_samples
            assert sample.sha256 not in {hashlib.sha256(content).hexdigest() for content in self.here.values()}
            assert sample.sha256 in {hashlib.sha256(content).hexdigest() for content in self.in_trash}
        self.seen_there |= there

    def agree(self) -> None:
        """Let time pass without faults, with a person who approves plans."""
        EMULATOR[0].set_faults()
        self.check_project()
        for fuse in self.fuses:
            fuse.left = None
        for _ in range(8):
            self.scan()
            self.now += 3600.0
            self.send()
            self.compare(INTERVAL_S, sweeps=True)
            self.decide(is_approved=True)
        self.check_project()
        assert {} == self.loop.troubles()
        self.no_recording_is_lost_that_nobody_gave_up()
        assert [] == self.actions.plans()
        assert [] == self.actions.to_do("main", is_retention=False, limit=10)
        there, here, states = self.there, self.here, self.yard.states()
        for path, content in here.items():
            self.the_file_is_where_it_belongs(path, content, states[path], there)
        self.nothing_is_left_to_be_said()

    def the_file_is_where_it_belongs(
        self, path: str, content: bytes, state: State, there: dict[int, RemoteSample]
    ) -> None:
        record = self.yard.record(path)
        digest = hashlib.sha256(content).hexdigest()
        samples = [there[sample_id] for sample_id in record["sample_ids"] if sample_id in there]
        if state is State.TOMBSTONE:
            assert [] == samples
            assert set(record["sample_ids"]) & self.deleted_there or record["sample_ids"] == []
            is_other = record["sha256"] != digest
            assert self.policy.on_remote_delete is OnRemoteDelete.KEEP or is_other or self.was_put_here(path)
            return
        assert State.SYNCED is state, (path, state, record["reason"])
        if self.on_change is not OnChange.IGNORE:
            assert {digest} == {sample.sha256 for sample in samples}
        for sample in samples:
            if self.policy.edits_samples and sample.id not in self.edited_there and self.is_only_of(record, sample):
                assert name_of(path) == sample.filename
                assert record["label"] == sample.label
                assert record["category"] in ("split", sample.category)

    def was_put_here(self, path: str) -> bool:
        """Return whether it is a copy of deleted content that a person put here: no policy removes it."""
        known = self.yard.outbox.known_at(self.yard.root.id, path)
        assert known is not None
        with self.yard.database.reading() as connection:
            row = connection.execute("select removal from file where id = ?", (known.id,)).fetchone()
        return bool(row["removal"] == "kept")

    def is_only_of(self, record: dict[str, Any], sample: RemoteSample) -> bool:
        records: Iterator[dict[str, Any]] = self.yard.index.records.files()
        tied = [other for other in records if sample.id in other["sample_ids"]]
        return [record["path"]] == [other["path"] for other in tied]

    def nothing_is_left_to_be_said(self) -> None:
        for trigger in Trigger:
            roots = [self.yard.root.id]
            sides = self.actions.sides("main", trigger, roots, limit=100)
            sides = [self.evidence.of(self.context, side) for side in sides]
            proposals = [action for side in sides for action in propose(side, self.policy, now=self.now)]
            if trigger is Trigger.ABSENT and not self.here:
                continue  # an emptied folder proves nothing
            assert [] == proposals


AgreementMachine.TestCase.settings = settings(
    max_examples=examples(25),
    stateful_step_count=20,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
TestFolderIndexAndProjectAgree = AgreementMachine.TestCase
