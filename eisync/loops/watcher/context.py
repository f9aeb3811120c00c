"""The parameters of the watcher: the roots with their configuration, parts of the database, files and events.

There are protocols only for what tests replace: files, their contents, and events.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from typing import Protocol

from eisync.core.annotations.formats import AUTO
from eisync.core.annotations.measuring import Measured
from eisync.core.annotations.places import NOTHING, Listing
from eisync.core.completeness import CompletenessPolicy, Inspect, Marker
from eisync.core.formats.json_stream import Checkpoint
from eisync.core.ignore import IgnoreRules
from eisync.core.known_content import FolderPiece, KnownVersions
from eisync.core.labels.annotations import NotASample
from eisync.core.labels.entry import Entry
from eisync.core.labels.rules import LabelRules
from eisync.core.labels.split import Split
from eisync.core.model import FileFacts, Root, value
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


@value(kw_only=True)
class WatchedRoot:
    """A watched folder and its configuration. `is_compared`: this process lists the project that it is sent to."""

    root: Root
    eligibility: IgnoreRules
    labelling: LabelRules
    policy: CompletenessPolicy
    metadata: Mapping[str, str] = field(default_factory=dict)
    scan_interval_s: float = 60.0
    mode: Mode = Mode.AUTO
    on_change: OnChange = OnChange.ADD
    updates_renamed: bool = True  # rename the sample of a renamed file
    annotations: str = AUTO  # which formats of annotations are read, as the configuration has it
    requires_annotation: bool = False  # an image without annotation waits for one
    manifest: str | None = None  # a list of files and labels, relative to the root
    split: Split | None = None
    is_compared: bool = False


@value
class Unclear:
    """The description of the file is not known yet, for this reason. Ask again at `until` (Unix s).

    `needs_person`: it stays unknown until a person corrects a sidecar.
    """

    reason: str
    until: float
    needs_person: bool = False


@value(kw_only=True)
class RootStatus:
    """How a root is watched. `reason`: why events are not used; None if they are, or are not wanted.

    `trouble`: why eisync fails on this root now, through a fault of eisync; None if it works. `writers`: how eisync
    knows which programs write its files; None if no file was checked yet.
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


@value(kw_only=True)
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
    """Reports what is mounted where, and the file system of a folder. Opens no file."""

    def mountinfo(self) -> str: ...
    def resolved(self, root: str) -> str: ...
    def identity_of(self, root: str, path: str = "") -> tuple[int, int] | None: ...
    def facts_at(self, root: str, path: str) -> FileFacts | None: ...
    def file_system_of(self, folder: str) -> FileSystem: ...


class Contents(Protocol):
    """Reads files.

    `hash_on` continues a hash at `offset`. It returns how many bytes were hashed; None when the file is another version
    now or cannot be read. It raises UnreachableError when no file can be opened now.
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
    """Reads a sidecar entry by entry. `next` returns None for a step that yields no entry yet.

    `next` raises ValueError, with the reason, when the sidecar is unusable, and Unfinished when it ends in the middle.
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
    """Reports file events in roots. `reports_closes`: whether there are events when a written file is closed."""

    @property
    def reports_closes(self) -> bool: ...

    def watch(self, root: Root) -> str | None: ...
    def deaths(self, root_id: int) -> int: ...
    def forget(self, root_id: int) -> None: ...
    def take(self, root_id: int) -> PendingPaths: ...


EntriesOf = Callable[[Iterable[str]], Iterator[Entry]]
"""Parses the pieces of an annotation file's text."""

ReadSidecar = Callable[[str, str, Checkpoint | None, EntriesOf | None], SidecarReading]
"""Begin to read the sidecar at (root, place), from the end of the last reading if it only grew since.

With the last argument it is an annotation file, and read from its beginning.
"""

AnnotationOf = Callable[[str, str, FileFacts, Callable[[Sequence[str]], bool], bytes], NotASample | None]
"""Return what the file at (root, path) is if it is an annotation of other files.

The fourth argument returns whether one of some paths is known. The last one has the first bytes of the file, as far as
known. Raises UnreachableError when no file can be opened now.
"""


@value(kw_only=True)
class AnnotationFiles:
    """Reads the annotation files of a root.

    `listing` takes a folder. `head_of` returns the first characters of a file, and `text_of` all of them; it raises
    ValueError, with the reason, when it cannot. `class_names` returns the names in a list of classes, or the reason.
    `measured` returns the size of an image, or the length and rate of a recording. Each raises UnreachableError when no
    file can be opened now.
    """

    listing: Callable[[str, str], Listing] = lambda *_: NOTHING
    facts_at: Callable[[str, str], FileFacts | None] = lambda *_: None
    head_of: Callable[[str, str, FileFacts], str] = lambda *_: ""
    text_of: Callable[[str, str, FileFacts], str] = lambda *_: ""
    class_names: Callable[[str, str, FileFacts], dict[str, str] | str] = lambda *_: {}
    measured: Callable[[str, str, FileFacts], Measured] = lambda *_: Measured()


@value(kw_only=True)
class Outside:
    """Access to files and their contents.

    `ask_writers` returns a function that reports which programs have an open file open for writing. `is_same` returns
    whether the file at (root, path) has these facts and this content hash.
    """

    files: Files
    mounts: Mounts
    contents: Contents
    ask_writers: Callable[[], Ask]
    read_sidecar: ReadSidecar
    annotation_of: AnnotationOf = lambda *_: None
    is_same: Callable[[str, str, FileFacts, str], bool] = lambda *_: False
    annotations: AnnotationFiles = field(default_factory=AnnotationFiles)


@value(kw_only=True)
class Runtime:
    """Callbacks, random values and CPU time.

    `on_labelled` is called when every waiting file of a root has its description. `jitter` returns a number in [0, 1).
    `spent_s` returns the processor time that the thread has used so far. `by_age` returns whether files that are found
    at the same time enter by the time of their last change, the oldest first; else they enter folder by folder.
    """

    on_labelled: Callable[[], None] = lambda: None
    jitter: Callable[[], float] = lambda: 0.0
    spent_s: Callable[[], float] = lambda: 0.0
    by_age: Callable[[], bool] = lambda: False
