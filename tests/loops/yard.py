"""Real folders and a real database, and short helpers for the tests."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eisync.adapters.client.body import sha256_of
from eisync.adapters.files import file_facts, writer_probe
from eisync.app.outside import outside_world
from eisync.core.completeness import CompletenessPolicy
from eisync.core.file_status import ObservedEntry
from eisync.core.ignore import IgnoreRules
from eisync.core.labels.rules import LabelRules
from eisync.core.lifecycle import State
from eisync.core.model import Root
from eisync.core.mounts import FileSystem
from eisync.loops.reconciler.deletion_evidence import DeletionEvidence, FolderView
from eisync.loops.watcher.context import Outside, Runtime, Stores, WatchedRoot
from eisync.loops.watcher.disks import DiskCheck
from eisync.loops.watcher.loop import WatcherLoop
from eisync.store.database import open_database
from eisync.store.descriptions import Descriptions
from eisync.store.disks import Disks
from eisync.store.guard_facts import Absences
from eisync.store.index import Index
from eisync.store.mirror import Mirrored
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex
from eisync.store.sidecars import Sidecars
from tests.empty_state import make_state
from tests.fakes import FakeEvents, Notebook


def deletion_evidence(
    yard: "Yard", clock: Callable[[], float], observed: Callable[[], Iterable[ObservedEntry]] = tuple, **more: Any
) -> DeletionEvidence:
    """Return the evidence about absent files and samples, from real folders and a real index."""
    check = DiskCheck(Disks(yard.database), file_facts)
    folders = FolderView(
        stat=file_facts.facts_at,
        observed=observed,
        why_away=lambda side: check.why_away(side.root_id, side.root, side.path, side.id),
    )
    return DeletionEvidence(
        Absences(yard.database),
        Mirrored(yard.database),
        folders,
        **{"sha256_of_file": sha256_of, "clock": clock, "log": yard.log, **more},
    )


class Mounts:
    """The real mounts, on a file system that a test chooses."""

    def __init__(self, file_system_of: Callable[[str], FileSystem]) -> None:
        self.file_system_of = file_system_of

    def __getattr__(self, name: str) -> Any:
        return getattr(file_facts, name)


class Yard:
    """Outbox and index over one database. It creates the roots, all with the target `main`."""

    def __init__(self, place: Path) -> None:
        writer_probe.ignore_lease_breaks()
        self.place = place
        make_state(place / "state")
        self.database, _ = open_database(str(place / "state"), exclusive=True)
        self.outbox = Outbox(self.database)
        self.index = Index(self.database)
        self.places = PathIndex(self.database)
        self.log = Notebook()
        self.fake_events = FakeEvents()
        self.root = self.add_root("root")
        # An hour after everything that a test writes, by the clock of the file system.
        self.later = os.stat(place).st_ctime + 3600.0

    def close(self) -> None:
        self.database.close()

    def add_root(self, name: str, target: str = "main") -> Root:
        (self.place / name).mkdir(parents=True, exist_ok=True)
        self.index.register([target])
        (root,) = self.outbox.register([(str(self.place / name), target)])
        return root

    # --- files

    def path(self, path: str, root: Root | None = None) -> Path:
        return Path((root or self.root).path) / path

    def write(self, path: str, content: bytes = b"content", root: Root | None = None) -> Path:
        place = self.path(path, root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def touched_at(self, path: str, root: Root | None = None) -> float:
        """Return when the file system last recorded a change."""
        facts = file_facts.facts_at((root or self.root).path, path)
        assert facts is not None
        return facts.touched_at

    # --- what is known

    def states(self) -> dict[str, State]:
        """Return the state of every file by path; under another root, by `root/path`."""
        return {self._name(record): State(record["state"]) for record in self.index.records.files()}

    def record(self, path: str) -> dict[str, Any]:
        return self.records()[path]

    def records(self) -> dict[str, dict[str, Any]]:
        """Return what is known of every file, by the paths of `states`."""
        return {self._name(record): record for record in self.index.records.files()}

    def reason(self, path: str) -> str:
        return str(self.record(path)["reason"])

    def _name(self, record: dict[str, Any]) -> str:
        is_first = record["root"] == self.root.path
        return str(record["path"] if is_first else f"{os.path.basename(record['root'])}/{record['path']}")

    # --- loops

    def watched(self, root: Root | None = None, **more: Any) -> WatchedRoot:
        options: dict[str, Any] = {
            "eligibility": IgnoreRules(),
            "labelling": LabelRules(),
            "policy": CompletenessPolicy(settle_s=2.0, patience_s=600.0),
            **more,
        }
        return WatchedRoot(root=root or self.root, **options)

    def watcher(
        self,
        *roots: WatchedRoot,
        outbox: Any = None,
        paths: Any = None,
        outside: Mapping[str, Any] | None = None,
        runtime: Runtime | None = None,
        lineages: Any = None,
        events: Any = None,
        **more: Any,
    ) -> WatcherLoop:
        """Return a loop over `roots`, or over the first one with the options `more`. `outside` replaces I/O."""
        return WatcherLoop(
            roots or [self.watched(**more)],
            self.stores(outbox=outbox, paths=paths),
            self.outside(**(outside or {})),
            events=events or self.fake_events,
            lineages=lineages,
            runtime=runtime,
            log=self.log,
        )

    def stores(self, *, outbox: Any = None, paths: Any = None) -> Stores:
        return Stores(
            outbox=outbox or self.outbox,
            index=self.index,
            paths=paths or self.places,
            disks=Disks(self.database),
            sidecars=Sidecars(self.database),
            descriptions=Descriptions(self.database),
        )

    def outside(self, **replaced: Any) -> Outside:
        real = outside_world(writer_probe.WriterProbe().asking)
        return replace(real, **{"is_same": lambda *_: False, **replaced})

    def fill(self, *paths: str, content: bytes | None = None) -> None:
        """Write files and have them enter the outbox."""
        for path in paths:
            self.write(path, path.encode() if content is None else content)
        run(self.watcher(), self.later)

    def insist(self) -> None:
        """Retry every quarantined file, as a person does."""
        assert self.outbox.retry(self.index.records.ids_in([State.QUARANTINED]), now=self.later)


def run(loop: Any, now: float) -> float:
    """Tick until there is no work at once. Return how long the loop wants to wait."""
    for _ in range(5000):
        wait_s = float(loop.tick(now))
        if wait_s > 0:
            return wait_s
    raise AssertionError("the loop does not come to rest")
