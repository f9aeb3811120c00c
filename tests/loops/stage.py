"""A yard with a service and a reconciler that acts: changes on both sides, and the actions that follow."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from eisync.adapters.client.body import sha256_of
from eisync.adapters.files import file_facts, restore, trash
from eisync.core.actions import Progress, StoredAction
from eisync.core.guard import Guard
from eisync.core.labels.parts import unpacked
from eisync.core.lifecycle import Event, State
from eisync.core.outcome import Outcome, give_back
from eisync.core.policy import Policy
from eisync.loops.actions.executor import ActionExecutor
from eisync.loops.actions.planner import ActionPlanner, GuardLedger, Precautions
from eisync.loops.actions.undo import RetentionUndo, Undo
from eisync.loops.lineage import NullLineage
from eisync.loops.reconciler.context import ReconciledProject, ReconcilerStore
from eisync.loops.reconciler.loop import Actions, ReconcilerLoop
from eisync.loops.reconciler.tombstones import Tombstones
from eisync.loops.watcher.monitor import WatchedFolders
from eisync.store.actions import ActionStore
from eisync.store.mirror import Mirrored
from eisync.store.retention import Removals
from tests.fakes import RIGHT, Clock, Cloud

from .yard import Yard, deletion_evidence, run

INTERVAL_S = 300.0
FREE = Guard(count=1000, percent=100.0)


def actions_of(
    yard: Yard,
    clock: Callable[[], float],
    store: Any = None,
    *,
    bin_: Any = trash,
    evidence: Any = None,
    guarding: GuardLedger | None = None,
) -> Actions:
    """Build everything that decides on actions and does them; without `guarding`, their number is not limited."""
    store = store or ActionStore(yard.database)
    precautions = Precautions(
        evidence=evidence or deletion_evidence(yard, clock),
        guarding=guarding or GuardLedger(store, FREE, RIGHT),
        folders=WatchedFolders(file_facts, yard.places),
        lineages=NullLineage(),
    )
    retained = RetentionUndo(
        Removals(yard.database), from_archive=restore.from_archive, from_pieces=restore.from_pieces
    )
    return Actions(
        planner=ActionPlanner(store, precautions, clock=clock, log=yard.log),
        executor=ActionExecutor(store, bin_, precautions, clock=clock, log=yard.log),
        undo=Undo(store, bin_, precautions.folders, file_facts.facts_at, retained, clock=clock, log=yard.log),
        tombstones=Tombstones(store, yard.index, precautions.guarding, clock=clock, log=yard.log),
        guarding=precautions.guarding,
    )


class Stage:
    """`policy` is that of the first root. Every pass is a complete sweep."""

    def __init__(
        self,
        yard: Yard,
        policy: Policy | None = None,
        *,
        guard: Guard = FREE,
        cloud: Cloud | None = None,
        watched: Mapping[str, Any] | None = None,
    ) -> None:
        self.yard = yard
        self.policy = policy or Policy()
        self.guard = guard
        self.cloud = cloud or Cloud()
        self.clock = Clock(yard.later)
        self.watched = dict(watched or {})
        self.trash: Any = trash
        self.times: Any = RIGHT
        self.evidence: Any = None
        self.policies: dict[int, Policy] = {yard.root.id: self.policy}
        self.start()

    def start(self) -> None:
        """Begin a new process over the same database."""
        self.actions: Any = ActionStore(self.yard.database)
        self.watcher = self.yard.watcher(self.yard.watched(**self.watched))
        self.loop = self._loop()

    def _loop(self) -> ReconcilerLoop:
        yard, clock = self.yard, self.clock
        evidence = self.evidence or deletion_evidence(yard, clock, lambda: self.watcher.unsettled(clock.now))
        guarding = GuardLedger(self.actions, self.guard, self.times)
        return ReconcilerLoop(
            [
                ReconciledProject(
                    target="main",
                    studio=self.cloud,
                    interval_s=INTERVAL_S,
                    page_size=1000,
                    policies=self.policies,
                )
            ],
            ReconcilerStore(index=yard.index, mirrored=Mirrored(yard.database), outbox=yard.outbox),
            sha256_of_file=sha256_of,
            clock=clock,
            log=yard.log,
            actions=actions_of(yard, clock, self.actions, bin_=self.trash, evidence=evidence, guarding=guarding),
        )

    def rebuild(self) -> None:
        """Build the loop again, with the parts that a test replaced."""
        self.loop = self._loop()

    # --- events

    def scan(self, after_s: float = 1.0) -> None:
        """Scan the folders later."""
        self.clock.now += after_s
        self.yard.watcher(self.yard.watched(**self.watched)).tick(self.clock.now)
        self.clock.now += 0.5  # nothing is concluded from files missed then before everything is scanned again
        watcher = self.watcher = self.yard.watcher(self.yard.watched(**self.watched))
        for _ in range(2):
            run(watcher, self.clock.now)
            self.clock.now += 10.0
        run(watcher, self.clock.now)

    def send(self) -> None:
        """Send every complete file."""
        now = self.clock.now
        items = self.yard.outbox.claim("main", [self.yard.root.id], limit=10_000, claim=1, now=now)
        settlements = []
        for item in items:
            try:
                content = self.yard.path(item.path).read_bytes()
            except FileNotFoundError:  # on an unmounted disk: it waits
                settlements.append(give_back(item))
                continue
            sha256 = hashlib.sha256(content).hexdigest()
            there = sorted(sample.id for sample in self.cloud.samples.values() if sample.sha256 == sha256)
            event = Event.DUPLICATE if there else Event.STORED
            if not there:
                there = [self.cloud.add(item.path, sha256, label=item.label, category=item.category.value)]
                self.cloud.contents[there[0]] = content
                sample = self.cloud.samples[there[0]]
                self.cloud.samples[there[0]] = replace(sample, metadata=item.metadata)
                self.cloud.parts[there[0]] = unpacked(item.companions)
            settlements.append(
                Outcome(item_id=item.id, events=(event,), due_at=now, sample_ids=tuple(there), sha256=sha256)
            )
        self.yard.outbox.settle(settlements, claim=1, now=now)

    def put(self, *paths: str, content: Callable[[str], bytes] = str.encode) -> dict[str, int]:
        """Write files, find and send them. Return their samples."""
        for path in paths:
            self.yard.write(path, content(path))
        self.scan()
        self.send()
        self.sweep()
        return self.samples_of(*paths)

    def sweep(self, after_s: float = 1.0) -> dict[str, Any]:
        """Run a pass with a sweep. Return its report."""
        return self.ask(after_s, sweeps=True)

    def ask(self, after_s: float = 1.0, **pass_request: Any) -> dict[str, Any]:
        self.clock.now += after_s
        ticket = self.loop.ask_pass(**pass_request)
        run(self.loop, self.clock.now)
        report = self.loop.report(ticket)
        assert report is not None
        return report[0]

    def follow(self) -> dict[str, Any]:
        """Scan the folders; later, when a missing file counts as deleted, run a pass."""
        self.scan()
        return self.sweep(after_s=61.0)

    # --- what the tests check

    def sample_of(self, path: str) -> int:
        return self.samples_of(path)[path]

    def samples_of(self, *paths: str) -> dict[str, int]:
        """Return one for each file; all are looked up at once."""
        records = self.yard.records()
        return {path: int(sample_id) for path in paths for (sample_id,) in [records[path]["sample_ids"]]}

    @property
    def states(self) -> dict[str, State]:
        return self.yard.states()

    @property
    def trouble(self) -> str | None:
        found = self.loop.troubles().get("main")
        return None if found is None else str(found)

    def all_acts(self) -> list[StoredAction]:
        """Return every action, in the order of the decisions."""
        rows = self.yard.database._connection.execute("select id from act order by id").fetchall()
        return [written for row in rows if (written := self.actions.find(row["id"])) is not None]

    def progress(self) -> list[Progress]:
        return [written.progress for written in self.all_acts()]

    def trashed(self) -> list[str]:
        """Return the content of the trash, by the path below the action's folder."""
        top = self.yard.path(trash.TRASH)
        return sorted(str(place.relative_to(top)).split("/", 2)[2] for place in top.rglob("*") if place.is_file())

    def history(self, path: str) -> list[str]:
        """Return the history of the file, oldest first."""
        found = self.yard.index.records.ids_of(str(self.yard.path(path)))
        return [
            str(line["event"]) for identity in found for line in reversed(self.yard.index.records.history(identity))
        ]
