"""What the loops need of the world, named for the need. The real parts stand in `store` and `adapters`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from eisync.core.batching import Order
from eisync.core.cadence import Progress, Remembered
from eisync.core.eligible import Eligibility
from eisync.core.examination import Examination
from eisync.core.items import Candidate, Doubt, FileFacts, Item, Missing, RemoteSample, Rename, Root
from eisync.core.lifecycle import State
from eisync.core.plan import Action, Believed
from eisync.core.settle import Marker
from eisync.core.settlement import Settlement
from eisync.core.wire import Envelope, Reply, Silence


class Loop(Protocol):
    """One of the steps. `tick` does one bounded piece of work."""

    name: str

    def tick(self, now: float) -> float:
        """Work, and return the seconds until the next tick is wanted (0: at once)."""

    def stop(self, now: float) -> None:
        """Begin nothing new. Safe to repeat; ticks go on until `is_done`."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is under way that should end before the process does."""


class KnownFile(Protocol):
    """What the outbox holds of one path."""

    @property
    def id(self) -> int: ...
    @property
    def state(self) -> State: ...
    @property
    def facts(self) -> FileFacts: ...
    @property
    def is_absent(self) -> bool: ...


class Twin(KnownFile, Protocol):
    """A known file that has the facts of another one."""

    @property
    def sha256(self) -> str | None: ...


class Intake(Protocol):
    """Where complete files go, and what is known of the others."""

    def enqueue(self, candidates: Iterable[Candidate], *, now: float) -> set[tuple[int, str]]: ...
    def park(self, findings: Iterable[tuple[Candidate, str]], *, now: float) -> set[tuple[int, str]]: ...
    def mark_changed(self, ids: Iterable[int], *, now: float) -> None: ...
    def mark_gone(self, ids: Iterable[int], *, now: float) -> None: ...
    def mark_back(self, ids: Iterable[int], *, now: float) -> None: ...
    def leave_as_sent(self, changes: Iterable[tuple[int, FileFacts]], *, now: float) -> None: ...
    def known_at(self, root_id: int, path: str) -> KnownFile | None: ...
    def settling(self, root_id: int) -> list[str]: ...


Version = tuple[int, int, int]
"""Size, mtime_ns and inode: what tells one version of a file from the next."""


class Places(Protocol):
    """Which files are known, and where."""

    def versions(self, root_id: int, folder: str, *, limit: int) -> dict[bytes, Version] | None: ...
    def versions_of(self, root_id: int, folder: str, names: Iterable[bytes]) -> Mapping[bytes, Version]: ...
    def known(self, root_id: int, folder: str, names: Iterable[str]) -> Mapping[str, KnownFile]: ...
    def count(self, root_id: int, folder: str) -> int: ...
    def names(self, root_id: int, folder: str, *, after: str = "", limit: int) -> list[str]: ...
    def folders(self, root_id: int, *, below: str = "") -> list[str]: ...


class Renames(Protocol):
    """Known files that have other names now."""

    def twins(self, root_id: int, facts: FileFacts) -> Mapping[str, Twin]: ...
    def follow(self, moves: Sequence[Rename], *, now: float) -> None: ...


class Disks(Protocol):
    """What tells the folder that we know from one that was put in its place."""

    def believed(self, root_id: int, *, limit: int) -> list[str]: ...
    def device(self, root_id: int) -> int | None: ...
    def note_device(self, root_id: int, device: int) -> None: ...


class Whereabouts(Places, Renames, Disks, Protocol):
    """All of these: what is known of the files, by place."""


class RootNotes(Protocol):
    """Where it is remembered how the watched folders fare."""

    def note_scan(self, root_id: int, left_out: Mapping[str, int], *, now: float) -> None: ...
    def note_offline(self, root_id: int, reason: str) -> None: ...
    def note_online(self, root_id: int) -> None: ...
    def note_settling(self, root_id: int, settling: int) -> None: ...


class SeenFolder(Protocol):
    """A piece of one folder of a walk."""

    @property
    def path(self) -> str: ...
    @property
    def files(self) -> Mapping[str, FileFacts]: ...
    @property
    def left_out(self) -> list[tuple[str, str]]: ...
    @property
    def trouble(self) -> str | None: ...
    @property
    def unmet(self) -> list[str] | None: ...
    @property
    def is_last(self) -> bool: ...
    @property
    def looked_at(self) -> int: ...
    @property
    def met(self) -> int: ...


class KnownVersions(Protocol):
    """What a walk passes over."""

    def all_in(self, folder: str, *, limit: int) -> dict[bytes, Version] | None: ...
    def some_in(self, folder: str, names: Iterable[bytes]) -> Mapping[bytes, Version]: ...


class Files(Protocol):
    """Looks at folders and files without opening any."""

    def walk(
        self, root: str, eligibility: Eligibility, *, below: str = "", known: KnownVersions | None = None
    ) -> Iterator[SeenFolder]: ...
    def look(self, root: str, path: str) -> FileFacts | None: ...
    def is_missing(self, root: str, path: str) -> bool: ...
    def why_offline(self, root: str) -> str | None: ...
    def device_of(self, root: str, path: str = "") -> int | None: ...


class Advance(Protocol):
    """Looks into a file. None: it is not what was seen. Raises UnreachableError when none can be opened."""

    def __call__(
        self, examination: Examination, root: str, path: str, facts: FileFacts, *, most_bytes: int
    ) -> int | None: ...


class Evidence(Protocol):
    """Looks into files, into many of them one after the other."""

    def reading(self) -> AbstractContextManager[Advance]: ...
    def marker_of(self, root: str, path: str) -> Marker: ...


class Digest(Protocol):
    """A hash that is being taken."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class Contents(Protocol):
    """Reads files. None: the file is not what was seen. Raises UnreachableError when none can be opened."""

    def hash_on(
        self, digest: Digest, root: str, path: str, facts: FileFacts, *, offset: int, most_bytes: int
    ) -> int | None: ...


class Looking(Evidence, Contents, Protocol):
    """Both of these: everything that is read of files before they are sent."""


class Announced(Protocol):
    """What was announced for a root since it was last asked for."""

    @property
    def files(self) -> set[str]: ...
    @property
    def closed(self) -> set[str]: ...
    @property
    def folders(self) -> set[str]: ...
    @property
    def is_doubted(self) -> bool: ...


class Events(Protocol):
    """Listens to roots."""

    def watch(self, root: Root) -> str | None: ...
    def deaths(self, root_id: int) -> int: ...
    def forget(self, root_id: int) -> None: ...
    def take(self, root_id: int) -> Announced: ...


class Queue(Protocol):
    """The outbox, as the drainer sees it."""

    def claim(
        self, target: str, roots: Iterable[int], *, order: Order, limit: int, claim: int, now: float
    ) -> list[Item]: ...
    def settle(self, settlements: Iterable[Settlement], *, claim: int | None, now: float) -> None: ...
    def next_due_at(self, target: str, roots: Iterable[int]) -> float | None: ...


class TargetNotes(Protocol):
    """Where it is remembered whether a target may be sent to."""

    def identify(self, target: str, project_id: int) -> str | None: ...
    def pause(self, target: str, reason: str, *, now: float) -> None: ...
    def resume(self, target: str) -> None: ...


class Sent(Protocol):
    """What came back for an upload."""

    @property
    def reply(self) -> Reply | Silence: ...
    @property
    def sha256(self) -> Mapping[int, str]: ...
    @property
    def took_s(self) -> float: ...


class Uploads(Protocol):
    """A target's ingestion service. Raises FileError or ConfigurationError; then nothing was stored."""

    def upload(self, envelope: Envelope) -> Sent: ...
    def project_id(self) -> int: ...
    def forget_project(self) -> None: ...


class Doubts(Protocol):
    """The outbox, as the reconciler sees it."""

    def doubtful(self, target: str, *, limit: int) -> list[Doubt]: ...
    def explain_doubts(self, target: str, reason: str) -> None: ...
    def resolve(self, settlements: Iterable[Settlement], *, now: float) -> None: ...
    def forget_gone(self, *, before: float) -> int: ...


class Beliefs(Protocol):
    """The index, as the reconciler sees it."""

    def note_trouble(self, target: str, reason: str) -> None: ...
    def bury(self, target: str, sample_id: int, *, now: float) -> list[int]: ...
    def spare(self, target: str, sample_id: int) -> None: ...


class Looks(Protocol):
    """What the service listed, as a look compares it and writes it down."""

    def remembered(self, target: str) -> Remembered | None: ...
    def slice(
        self, target: str, *, low: int, high: int, generation: int | None, began_at: float, limit: int
    ) -> Sequence[Believed]: ...
    def apply(
        self,
        target: str,
        actions: Iterable[Action],
        *,
        generation: int | None,
        progress: Progress | None = None,
        now: float,
    ) -> list[int]: ...
    def note_look(
        self, target: str, *, newest_id: int, samples: int, modified_at: float | None, is_current: bool, now: float
    ) -> None: ...


class Sweeps(Protocol):
    """How far a sweep has come."""

    def begin_sweep(self, target: str, *, modified_at: float | None, now: float) -> Progress: ...
    def sweep_under_way(self, target: str) -> Progress | None: ...
    def drop_sweep(self, target: str) -> None: ...
    def finish_sweep(self, target: str, progress: Progress, *, now: float) -> list[Missing]: ...


class Adoption(Protocol):
    """Files that wait to be sent, and may be there already."""

    def waiting(self, target: str, *, after_id: int, limit: int) -> list[Item]: ...
    def named(self, target: str, filename: str) -> Sequence[RemoteSample]: ...
    def adopt(self, item: Item, sha256: str, sample_ids: Iterable[int], *, now: float) -> bool: ...


class LooksAndSweeps(Looks, Sweeps, Protocol):
    """What the listing is compared with, and written down in."""


class Mirrored(LooksAndSweeps, Adoption, Protocol):
    """The service's side of the index."""


class Unidentified(Protocol):
    """Files of which the index does not know the samples."""

    def identify(self, target: str, project_id: int) -> str | None: ...
    def without_ids(self, target: str, *, limit: int) -> list[Item]: ...
    def held_by_others(self, item: Item, sample_ids: Iterable[int]) -> set[int]: ...
    def link(self, item: Item, sample_ids: Iterable[int], *, now: float) -> None: ...


class Listed(Protocol):
    """A page of the listing."""

    @property
    def samples(self) -> tuple[RemoteSample, ...]: ...
    @property
    def total(self) -> int: ...


class Listings(Protocol):
    """A target's samples, many at a time. Raises KeyRefusedError, StudioError or TransitError.

    `ahead` asks for a page and does not wait for it: what it returns does, and raises what `page` would.
    """

    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Listed: ...
    def ahead(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None
    ) -> Callable[[], Listed]: ...
    def count(self) -> int: ...
    def modified_at(self) -> float | None: ...


class Studio(Listings, Protocol):
    """A target's Studio. Raises the same."""

    def project_id(self) -> int: ...
    def is_there(self, sample_id: int) -> bool: ...
    def sha256_of(self, sample_id: int) -> str: ...


class Edits(Protocol):
    """What may be changed at a sample. Raises KeyRefusedError, StudioError or TransitError."""

    def delete(self, sample_id: int) -> bool: ...
    def rename(self, sample_id: int, name: str) -> None: ...
    def relabel(self, sample_id: int, label: str) -> None: ...
    def move(self, sample_id: int, category: str) -> None: ...
    def raw(self, sample_id: int) -> Iterator[bytes]: ...


class Editor(Studio, Edits, Protocol):
    """A target's Studio, in which samples are changed as well."""


class Hashes(Protocol):
    """Hashes the file of an item. Raises FileError when it is not what settled."""

    def __call__(self, item: Item) -> str: ...


class Passes(Protocol):
    """The reconciler, as whoever asks for a pass sees it. Safe to use from any thread."""

    def ask_pass(self, *, sweeps: bool = False, pretends: bool = False) -> int: ...
    def report(self, ticket: int) -> list[dict[str, object]] | None: ...


class Log(Protocol):
    """structlog's bound logger, as far as the loops use it."""

    def debug(self, event: str, **fields: object) -> object: ...
    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...
    def exception(self, event: str, **fields: object) -> object: ...
