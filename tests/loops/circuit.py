"""A real watcher and a real uploader over one database, and a service: from the folder to the service and back."""

import os
import shutil
from pathlib import Path
from typing import Any

from eisync.adapters.client.body import sha256_of
from eisync.adapters.files import removal
from eisync.core.batching import Limits
from eisync.core.lifecycle import State
from eisync.core.listing import compare
from eisync.core.model import Root
from eisync.core.retry import RetryPolicy
from eisync.loops.uploader.loop import UploaderLoop
from eisync.loops.uploader.target_state import SendingRules, TargetQueue, TimeAndChance, UploadStore, Workers
from eisync.loops.watcher.loop import WatcherLoop
from eisync.store.mirror import Mirrored
from tests.conftest import list_sample
from tests.fakes import Bench, Cloud

from .yard import Yard


class Circuit:
    """One project, one or several folders, and the loops that move files between them."""

    def __init__(self, place: Path) -> None:
        self.yard = Yard(place)
        self.cloud = Cloud()
        self.bench = Bench()
        self.allows_duplicates = False
        self.now = self.yard.later
        self.roots: list[Root] = [self.yard.root]
        self.watched: dict[str, Any] = {}
        self.outside: dict[str, Any] = {}

    def close(self) -> None:
        self.yard.close()

    def settle(self) -> None:
        """Restart, scan and send until there is no more work."""
        self.start()
        self.go_on()

    def start(self) -> None:
        yard = self.yard
        self.watcher: WatcherLoop = yard.watcher(
            *(yard.watched(root, **self.watched) for root in self.roots),
            outside={"is_same": removal.is_same, **self.outside},
        )
        self.uploader = UploaderLoop(
            [
                TargetQueue(
                    target="main",
                    roots=tuple(root.id for root in self.roots),
                    service=self.cloud,
                    limits=Limits(files=8, bytes=1_000_000),
                    policy=RetryPolicy(),
                    allow_duplicates=self.allows_duplicates,
                    key_token=lambda: "key",
                )
            ],
            store=UploadStore(yard.outbox, yard.index),
            workers=Workers(self.bench, 2, wake=lambda: None, log=yard.log),
            hash_of=sha256_of,
            rules=SendingRules(),
            chance=TimeAndChance(jitter=lambda: 0.5, boundary=lambda: "eisync-0123456789abcdef"),
            log=yard.log,
        )

    def go_on(self, after_s: float = 0.0) -> None:
        """Tick until nothing changes for a while, with an advancing clock. This includes a scan."""
        self.now += after_s
        for _ in range(2):
            self.now += 200.0
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        for _ in range(10_000):
            watcher_s, uploader_s = self.watcher.tick(self.now), self.uploader.tick(self.now)
            if not self.bench.run() and watcher_s > 0 and uploader_s > 0:
                return
        raise AssertionError("the loops do not come to rest")

    # --- actions of people

    def write(self, *paths: str) -> None:
        """Write files with different contents and times."""
        for path in paths:
            self.yard.write(path, f"the content of {path:>40}".encode())

    def delete_sample(self, path: str) -> int:
        """Delete the sample of a file as a person does in Studio, and run the two sweeps that notice it."""
        [sample_id] = self.yard.record(path)["sample_ids"]
        self.cloud.samples.pop(sample_id)
        list_sample(self.yard.database, sample_id)
        self.yard.index.make_tombstones("main", sample_id, now=self.now)
        return int(sample_id)

    def sweep(self) -> None:
        """Run a complete sweep."""
        mirrored = Mirrored(self.yard.database)
        progress = mirrored.begin_sweep("main", modified_at=None, now=self.now)
        options: dict[str, Any] = {"generation": progress.generation, "began_at": self.now + 1, "limit": 1000}
        indexed = mirrored.slice("main", low=0, high=1 << 62, **options).indexed
        actions = compare(indexed, sorted(self.cloud.samples.values(), key=lambda sample: -sample.id))
        mirrored.apply("main", actions, generation=progress.generation, progress=progress, now=self.now)
        mirrored.finish_sweep("main", progress, now=self.now)

    def restore(self, path: str, to: str | None = None) -> None:
        """Replace the file by a copy with the same mtime, or make the copy at `to`, as `cp -a` does."""
        place, goal = self.yard.path(path), self.yard.path(to or path)
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(place, goal.with_name("copying.tmp"))
        os.rename(goal.with_name("copying.tmp"), goal)

    def rewrite(self, path: str, content: bytes) -> None:
        """Write other bytes into the same file and keep its mtime, as `rsync --inplace --times` does."""
        place = self.yard.path(path)
        before = place.stat()
        assert before.st_size == len(content)
        with place.open("r+b") as file:
            file.write(content)
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = place.stat()
        assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)

    def number_inodes_anew(self) -> None:
        """Change all inodes, as a remount does on a file system without inodes of its own."""
        with self.yard.database.transaction() as connection:
            connection.execute("update file set inode = -1 - inode")

    # --- what the tests check

    def states(self) -> dict[str, State]:
        return self.yard.states()

    def sent(self) -> list[str]:
        """Return the names of all files that were ever sent, in this order."""
        return [name for names in self.cloud.attempts for name in names]
