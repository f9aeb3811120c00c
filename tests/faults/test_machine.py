"""Random histories of files, of the uploader, and of a service that stores and does not always answer.

The real watcher, uploader, reconciler and store over real files; the service is a model in memory, and the workers work
when the test lets them. At the end there are no more faults, and then every file must have arrived.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eisync.adapters.client.body import sha256_of
from eisync.adapters.files import file_facts
from eisync.core.batching import Limits
from eisync.core.lifecycle import State
from eisync.core.retry import Fault
from eisync.core.wire import Envelope, Reply, Silence
from eisync.loops.reconciler.context import ReconciledProject, ReconcilerStore
from eisync.loops.reconciler.identification import DOUBT_S
from eisync.loops.reconciler.loop import ReconcilerLoop
from eisync.store.mirror import Mirrored
from tests.canary import holders
from tests.examples import examples
from tests.fakes import Answer, Clock, Cloud, reply_of
from tests.loops.test_uploader import Drain, target_queue
from tests.loops.yard import Yard, run

pytestmark = pytest.mark.timeout(600)  # many examples, each with real files: how long depends on who else is busy

NAMES = ("a.csv", "b.csv", "day/a.csv", "c.csv")
ROUND_S = 400.0


class World:
    """The answers of the service, by the outcome of the files and the kind of the answer."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def stored_and_lost(self, envelope: Envelope, hashes: list[str]) -> Reply | Silence:
        self.cloud.store(envelope, hashes)
        return Silence(Fault.UNANSWERED, "timed out")

    def lost_on_the_way(self, envelope: Envelope, hashes: list[str]) -> Reply | Silence:
        return Silence(Fault.UNANSWERED, "reset")

    def unreachable(self, envelope: Envelope, hashes: list[str]) -> Reply | Silence:
        return Silence(Fault.UNREACHABLE, "refused")

    def busy(self, envelope: Envelope, hashes: list[str]) -> Reply | Silence:
        return reply_of({"success": False, "error": "busy"}, 503, retry_after="5")

    def refused(self, envelope: Envelope, hashes: list[str]) -> Reply | Silence:
        return reply_of({"success": False, "error": "bad"}, 400)

    def miscounted(self, envelope: Envelope, hashes: list[str]) -> Reply | Silence:
        self.cloud.store(envelope, hashes)
        return reply_of({"success": True, "files": []})

    def garbled(self, envelope: Envelope, hashes: list[str]) -> Reply | Silence:
        self.cloud.store(envelope, hashes)
        return Reply(200, {}, b"<html>")


FAULTS = ("stored_and_lost", "lost_on_the_way", "unreachable", "busy", "refused", "miscounted", "garbled")


class SafetyMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="eisync-machine-"))
        self.cloud = Cloud()
        self.versions = 0
        self.contents: dict[str, bytes] = {}  # the current content
        self.yard = Yard(self.place)
        self.now = self.yard.later

    @initialize(allow_duplicates=st.booleans())
    def begin(self, allow_duplicates: bool) -> None:
        self.allow_duplicates = allow_duplicates
        self.cloud.refuses_duplicates = not allow_duplicates
        self.start()

    def start(self) -> None:
        self.watcher = self.yard.watcher()
        self.drain = Drain(
            self.yard,
            target_queue(self.cloud, limits=Limits(files=3), allow_duplicates=self.allow_duplicates),
            workers=2,
        )
        self.clock = Clock(self.now)
        self.reconciler = ReconcilerLoop(
            [
                ReconciledProject(
                    target="main",
                    studio=self.cloud,
                    interval_s=300.0,
                    page_size=1000,
                    allow_duplicates=self.allow_duplicates,
                )
            ],
            ReconcilerStore(index=self.yard.index, mirrored=Mirrored(self.yard.database), outbox=self.yard.outbox),
            sha256_of_file=sha256_of,
            clock=self.clock,
            log=self.yard.log,
        )

    def teardown(self) -> None:
        try:
            if hasattr(self, "drain"):
                self.everything_is_where_it_belongs()
        finally:
            self.yard.close()
            leaked = list(holders(str(self.place)))
            shutil.rmtree(self.place)
        assert [] == leaked

    # --- events on files

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1), is_seen=st.booleans())
    def record(self, names: set[str], is_seen: bool) -> None:
        """Write new files, or new versions of them, with a scan or without."""
        for name in sorted(names):
            self.write(name)
        if is_seen:
            self.scan()

    def write(self, name: str) -> None:
        """Return new content, and a later mtime."""
        self.versions += 1
        self.contents[name] = f"{name}: version {self.versions:06}".encode()
        path = self.yard.write(name, self.contents[name])
        os.utime(path, ns=(self.versions * 10**9, self.versions * 10**9))

    @precondition(lambda self: self.contents)
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.contents)))
        self.yard.path(name).unlink()
        del self.contents[name]

    @rule()
    def scan(self) -> None:
        self.now += 61.0
        run(self.watcher, self.now)

    # --- events on requests

    @rule(
        seconds=st.sampled_from([0.0, 3.0, ROUND_S]),
        faults=st.lists(st.none() | st.sampled_from(FAULTS), max_size=3),
        is_ticked=st.booleans(),
    )
    def send(self, seconds: float, faults: list[str | None], is_ticked: bool) -> None:
        """Claim due files, and let workers send some; tick the uploader afterwards, or not yet."""
        self.now += seconds
        self.tick()
        for network_errors in faults:
            if self.drain.bench.waiting:
                self.work(network_errors)
        if is_ticked:
            self.tick()

    def tick(self) -> None:
        self.drain.now = self.now
        self.drain.tick()
        while self.drain.loop.is_checking_project:  # the check of the project comes first
            self.drain.bench.run(1)
            self.drain.tick()

    def work(self, network_errors: str | None) -> None:
        answer: Answer | None = None if network_errors is None else getattr(World(self.cloud), network_errors)
        self.cloud.always = answer
        self.drain.bench.run(1)
        self.cloud.always = None

    @rule()
    def compare(self) -> None:
        self.now += DOUBT_S / 2
        self.clock.now = self.now
        self.reconciler.pass_now()
        run(self.reconciler, self.now)

    @rule(arrive=st.integers(0, 2))
    def crash(self, arrive: int) -> None:
        """End the process; some requests under way still arrive, and their answers are lost."""
        for _ in range(min(arrive, len(self.drain.bench.waiting))):
            self.work(None)
        self.yard.close()
        self.yard = Yard(self.place)
        self.yard.outbox.recover(duplicates_allowed=self.allow_duplicates, now=self.now)
        self.start()

    # --- what is always true

    @invariant()
    def no_content_is_stored_twice(self) -> None:
        stored = [sample.sha256 for sample in self.cloud.samples.values()]
        assert len(stored) == len(set(stored))

    @invariant()
    def what_is_synced_is_what_the_service_holds(self) -> None:
        records: Iterator[dict[str, Any]] = self.yard.index.records.files()
        for record in records:
            if record["state"] != State.SYNCED.value:
                continue
            held = {self.cloud.samples[sample_id].sha256 for sample_id in record["sample_ids"]}
            assert held <= {record["sha256"]}
            facts = file_facts.facts_at(self.yard.root.path, record["path"])
            known = self.yard.outbox.known_at(self.yard.root.id, record["path"])
            if facts is not None and known is not None and facts == known.facts:
                assert sha256(self.contents[record["path"]]) == record["sha256"]

    def everything_is_where_it_belongs(self) -> None:
        """Let time pass without faults, with a person who retries refused files."""
        for _ in range(6):
            self.scan()
            self.drain.now = self.now
            self.drain.run()
            self.now += ROUND_S
            self.compare()
            parked = self.yard.index.records.ids_in([State.QUARANTINED])
            self.yard.outbox.retry(parked, now=self.now)
        states = self.yard.states()
        assert dict.fromkeys(self.contents, State.SYNCED) == {path: states.get(path) for path in self.contents}
        assert {states[path] for path in states if path not in self.contents} <= {State.GONE, State.SYNCED}
        stored = [sample.sha256 for sample in self.cloud.samples.values()]
        for path, content in self.contents.items():
            assert 1 == stored.count(sha256(content)), path
            assert 1 == len(self.yard.record(path)["sample_ids"])
        self.no_content_is_stored_twice()
        self.what_is_synced_is_what_the_service_holds()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


SafetyMachine.TestCase.settings = settings(
    max_examples=examples(60),
    stateful_step_count=25,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestNothingIsLostOrDoubled = SafetyMachine.TestCase
