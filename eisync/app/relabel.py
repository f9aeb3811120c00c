"""Describe files that were sent, by the current rules and by the files that describe them.

The watcher's own parts decide (`Labelling`, `SidecarReader`), as in a preview. The entries of sidecars are in a private
database, so that a running daemon is not disturbed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from eisync.adapters import clock, process
from eisync.adapters.files import writer_probe
from eisync.app.outside import outside_world
from eisync.app.preview import labelling_of
from eisync.core.labels.description import Description
from eisync.core.labels.split import Split
from eisync.loops.ports import Log
from eisync.loops.watcher.context import WatchedRoot
from eisync.loops.watcher.labelling import Labelling
from eisync.store.database import private_database
from eisync.store.outbox import Outbox


class Describer:
    """Describes the files of one folder. With a split, they have their groups; it moves no file that was sent."""

    def __init__(self, split: Split | None, labels: Labelling) -> None:
        self._split = split
        self._labels = labels

    def describe(self, path: str) -> Description | str:
        """Return the description of the file, or why it is not known. `path` is relative to the folder."""
        now = clock.now()
        self._labels.read_all(path, now)
        found = self._labels.of(path, now=now)
        if not isinstance(found, Description):
            return found.reason
        return found if self._split is None else self._split.grouped(path, found)[1]


@contextmanager
def describing(watched: WatchedRoot, log: Log) -> Iterator[Describer]:
    """Lend what describes the files of the folder."""
    process.collect_rarely()
    writer_probe.ignore_lease_breaks()
    database = private_database()
    try:
        [root] = Outbox(database).register([(watched.root.path, watched.root.target)])
        outside = outside_world(writer_probe.WriterProbe().asking)
        yield Describer(watched.split, labelling_of(replace(watched, root=root), outside, database, log))
    finally:
        database.close()
