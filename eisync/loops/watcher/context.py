"""What the watcher is given: the roots with their configuration, the store's classes, and the outside world.

Protocols stand here only for what tests replace: files, what is in them, and events.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from eisync.core.completeness import CompletenessPolicy, Inspect, Marker
from eisync.core.formats.json_stream import Checkpoint
from eisync.core.ignore import IgnoreRules
from eisync.core.known_content import FolderPiece, KnownVersions
from eisync.core.labels.annotations import NotASample
from eisync.core.labels.path_rules import PathRules
from eisync.core.labels.sidecars import Entry
from eisync.core.model import FileFacts, Root
from eisync.core.mounts import FileSystem
from eisync.core.policy import OnChange
from eisync.core.watch_health import Mode, PendingPaths
from eisync.core.writers import Ask
from eisync.store.descriptions import Descriptions
from eisync.store.disks import Disks
from eisync.store.index import Index
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex
from eisync.store.sidecars import Sidecars


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRoot:
    """A root and what the configuration says of it."""

    root: Root
    eligibility: IgnoreRules
    labelling: PathRules
    policy: CompletenessPolicy
    metadata: Mapping[str, str] = field(default_factory=dict)
    scan_interval_s: float = 60.0
    mode: Mode = Mode.AUTO
    on_change: OnChange = OnChange.ADD
    updates_renamed: bool = True  # what is at the service follows a rename


@dataclass(frozen=True, slots=True, kw_only=True)
class RootStatus:
    """How a root is watched. `reason` says why events are not used; None: they are, or are not wanted.

    `trouble` says why nothing is found in it at the moment, through a fault of ours; None: all is well. `writers` says
    how eisync knows who writes its files; None: that was not asked yet.
    """

    root: str
    mode: Mode
    uses_events: bool
    reason: str | None
    missed: int
    scan_every_s: float
    comparing: int = 0
    trouble: str | None = None
    writers: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The parts of the store that the watcher reads and writes."""

    outbox: Outbox
    index: Index
    paths: PathIndex
    disks: Disks
    sidecars: Sidecars
    descriptions: Descriptions


class Files(Protocol):
    """Stats files and reads folders. Opens no file."""

    def walk(
        self, root: str, eligibility: IgnoreRules, *, below: str = "", known: KnownVersions | None = None
    ) -> Iterator[FolderPiece]: ...
    def facts_at(self, root: str, path: str) -> FileFacts | None: ...
    def is_missing(self, root: str, path: str) -> bool: ...
    def why_offline(self, root: str) -> str | None: ...
    def device_of(self, root: str, path: str = "") -> int | None: ...


class Mounts(Protocol):
    """Says what is mounted where, and on which file system a folder is. Opens no file."""

    def mountinfo(self) -> str: ...
    def resolved(self, root: str) -> str: ...
    def identity_of(self, root: str, path: str = "") -> tuple[int, int] | None: ...
    def facts_at(self, root: str, path: str) -> FileFacts | None: ...
    def file_system_of(self, folder: str) -> FileSystem: ...


class Contents(Protocol):
    """Reads files.

    `hash_on` returns how many bytes were hashed, None when the file is another version by now or cannot be read. It
    raises UnreachableError when no file can be opened at the moment.
    """

    def reading(self, ask: Ask) -> AbstractContextManager[Inspect]: ...
    def marker_of(self, root: str, path: str) -> Marker: ...
    def hash_on(
        self,
        update: Callable[[bytes], object],
        root: str,
        path: str,
        facts: FileFacts,
        *,
        offset: int,
        most_bytes: int,
    ) -> int | None: ...


class SidecarReading(Protocol):
    """A reading of a sidecar, entry by entry; None: there is none yet.

    `next` raises ValueError, with the reason, when it is of no use, and Unfinished where it ends in the middle.
    """

    @property
    def facts(self) -> FileFacts | None: ...
    @property
    def is_continued(self) -> bool: ...
    @property
    def is_unchanged(self) -> bool: ...
    @property
    def taken(self) -> int: ...
    def __next__(self) -> Entry | None: ...
    def checkpoint(self) -> Checkpoint | None: ...
    def close(self) -> None: ...


class Events(Protocol):
    """Reports what happens in roots. `reports_closes`: whether it reports that a file that was written is closed."""

    @property
    def reports_closes(self) -> bool: ...

    def watch(self, root: Root) -> str | None: ...
    def deaths(self, root_id: int) -> int: ...
    def forget(self, root_id: int) -> None: ...
    def take(self, root_id: int) -> PendingPaths: ...


ReadSidecar = Callable[[str, str, Checkpoint | None], SidecarReading]
"""Begin to read the sidecar at (root, place), behind where a reading before it ended if it only grew since."""

AnnotationOf = Callable[[str, str, FileFacts, Callable[[Sequence[str]], bool], bytes], NotASample | None]
"""What the file at (root, path) is if it is an annotation of others.

The fourth argument tells whether one of some paths is known, the last is how the file begins, as far as that is known.
Raises UnreachableError when no file can be opened at the moment.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Files and what is read of them.

    `ask_writers` gives what tells who has an open file open for writing. `is_same` tells whether the file at (root,
    path) has these facts and this content hash.
    """

    files: Files
    mounts: Mounts
    contents: Contents
    ask_writers: Callable[[], Ask]
    read_sidecar: ReadSidecar
    annotation_of: AnnotationOf = lambda *_: None
    is_same: Callable[[str, str, FileFacts, str], bool] = lambda *_: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What the process gives beside files.

    `on_labelled` is called when all that waits in a root has its description. `spent_s` is what the
    thread has taken of a core so far.
    """

    on_labelled: Callable[[], None] = lambda: None
    jitter: Callable[[], float] = lambda: 0.0
    spent_s: Callable[[], float] = lambda: 0.0
