"""A real database in its own folder, with short methods for the tests."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eisync.core.lifecycle import Event, State
from eisync.core.listing import SweepProgress, compare
from eisync.core.model import Candidate, Category, FileFacts, Item, KnownFile, RemoteSample, Root
from eisync.core.outcome import Outcome
from eisync.store.database import Database, open_database
from eisync.store.index import Index
from eisync.store.mirror import Mirrored
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex
from tests.empty_state import make_state

NOW = 1_000.0


def facts(version: int = 1) -> FileFacts:
    """The facts of a version of a file."""
    return FileFacts(size=10 + version, mtime_ns=version, inode=1, touched_at=NOW)


@dataclass
class Shelf:
    """Outbox and index over one database, and one root of the target `main` that is registered."""

    folder: Path
    database: Database = field(init=False)
    outbox: Outbox = field(init=False)
    index: Index = field(init=False)
    places: PathIndex = field(init=False)
    mirrored: Mirrored = field(init=False)
    root: Root = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        make_state(self.folder)
        self.database, _ = open_database(str(self.folder), exclusive=True)
        self.outbox = Outbox(self.database)
        self.index = Index(self.database)
        self.places = PathIndex(self.database)
        self.mirrored = Mirrored(self.database)
        self.index.register(["main"])
        [self.root] = self.outbox.register([("/data", "main")])

    def close(self) -> None:
        self.database.close()

    def reopen(self, *, duplicates_allowed: bool = False, now: float = NOW) -> int:
        """End the process, in any way, and start the next one."""
        self.close()
        self.open()
        return self.outbox.recover(duplicates_allowed=duplicates_allowed, now=now)

    def candidate(self, path: str = "a.csv", version: int = 1, **more: Any) -> Candidate:
        fields: dict[str, Any] = {
            "root_id": self.root.id,
            "path": path,
            "target": self.root.target,
            "facts": facts(version),
            "label": "wave",
            "category": Category.SPLIT,
            **more,
        }
        return Candidate(**fields)

    def enqueue(self, path: str = "a.csv", version: int = 1, *, now: float = NOW, **more: Any) -> int:
        """Enqueue a complete file. Return its id."""
        assert set() == self.outbox.enqueue([self.candidate(path, version, **more)], now=now)
        return self.id_of(path)

    def claim(self, *, limit: int = 100, now: float = NOW, claim: int = 1) -> list[Item]:
        return self.outbox.claim("main", [self.root.id], limit=limit, claim=claim, now=now)

    def settle(self, identity: int, *events: Event, now: float = NOW, claim: int = 1, **more: Any) -> None:
        self.outbox.settle([Outcome(item_id=identity, events=events, **more)], claim=claim, now=now)

    def sync(self, path: str = "a.csv", *samples: int, version: int = 1, now: float = NOW, sha256: str = "a") -> int:
        """Enqueue, claim and store the file as `samples`."""
        identity = self.enqueue(path, version, now=now)
        assert [identity] == [item.id for item in self.claim(now=now)]
        self.settle(identity, Event.STORED, now=now, reason="stored", sample_ids=samples, sha256=sha256)
        return identity

    def sweep(self, *listed: int, now: float = NOW + 100) -> list[tuple[int, int]]:
        """Run a complete sweep that lists these samples. Return what it missed, and how often."""
        progress = self.begin_sweep(now=now)
        self.list_page(progress, *(remote(identity) for identity in listed), now=now)
        return self.finish_sweep(progress, now=now)

    def begin_sweep(self, *, target: str = "main", now: float) -> SweepProgress:
        return self.mirrored.begin_sweep(target, modified_at=None, now=now)

    def list_page(
        self, progress: SweepProgress, *listed: RemoteSample, target: str = "main", low: int = 0, now: float
    ) -> list[int]:
        """Apply a page that lists these samples, for the ids from `low` on."""
        known = self.mirrored.slice(
            target, low=low, high=1 << 62, generation=progress.generation, began_at=progress.began_at, limit=1000
        )
        return self.mirrored.apply(
            target, compare(known.indexed, listed), generation=progress.generation, progress=progress, now=now
        )

    def finish_sweep(self, progress: SweepProgress, *, target: str = "main", now: float) -> list[tuple[int, int]]:
        missing = self.mirrored.finish_sweep(target, progress, now=now)
        return [(entry.sample_id, entry.missed) for entry in missing]

    def make_tombstones(self, sample_id: int, *, target: str = "main", now: float) -> list[int]:
        """List the sample, then find that it was deleted at the service."""
        known = self.mirrored.slice(target, low=sample_id, high=sample_id + 1, generation=None, began_at=now, limit=9)
        actions = compare(known.indexed, [remote(sample_id)])
        self.mirrored.apply(target, actions, generation=None, now=now)
        return self.index.make_tombstones(target, sample_id, now=now)

    def samples_with(self, target: str, sha256: str) -> tuple[int, ...]:
        """The samples that are known to hold the content."""
        statement = "select id from sample where target = ? and sha256 = ? and gone_at is null"
        with self.database.reading() as connection:
            return tuple(row["id"] for row in connection.execute(statement, (target, sha256)).fetchall())

    def known(self, folder: str = "") -> dict[str, KnownFile]:
        """What is known of the files directly in a folder, by name."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "select name from file where root_id = ? and folder = ?", (self.root.id, os.fsencode(folder))
            ).fetchall()
        return self.places.known(self.root.id, folder, [os.fsdecode(row["name"]) for row in rows])

    def id_of(self, path: str = "a.csv") -> int:
        known = self.outbox.known_at(self.root.id, path)
        assert known is not None
        return known.id

    def state(self, path: str = "a.csv") -> State:
        known = self.outbox.known_at(self.root.id, path)
        assert known is not None
        return known.state

    def record(self, path: str = "a.csv") -> dict[str, Any]:
        """Return the record of the file that a person gets."""
        [record] = [record for record in self.index.records.files() if record["path"] == path]
        return record

    def row(self, path: str = "a.csv") -> dict[str, Any]:
        """The whole row of the file."""
        identity = self.id_of(path)
        with self.database.reading() as connection:
            return dict(connection.execute("select * from file where id = ?", (identity,)).fetchone())

    def history(self, identity: int) -> list[tuple[Event, State]]:
        """Return the history of the file, oldest first."""
        with self.database.reading() as connection:
            rows = connection.execute("select * from history where file_id = ? order by id", (identity,)).fetchall()
        return [(Event(row["event"]), State(row["state"])) for row in rows]

    def plan(self, statement: str, **parameters: object) -> str:
        """Return how SQLite would run the statement."""
        with self.database.reading() as connection:
            rows = connection.execute(f"explain query plan {statement}", parameters).fetchall()
        return "; ".join(row["detail"] for row in rows)


def remote(identity: int, **more: Any) -> RemoteSample:
    """A sample as Studio lists it."""
    return RemoteSample(**{"id": identity, "filename": "a", "category": "training", "label": "wave", **more})
