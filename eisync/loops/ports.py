"""What the loops need of the world, named for the need. The real parts stand in `store` and `adapters`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from eisync.core.cadence import Progress, Remembered
from eisync.core.eligible import Eligibility
from eisync.core.items import Candidate, FileFacts, Item, Missing, RemoteSample, Root
from eisync.core.lifecycle import State
from eisync.core.plan import Action, Believed
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


class Intake(Protocol):
    """Where complete files go, and what is known of the others."""

    def enqueue(self, candidates: Iterable[Candidate], *, now: float) -> set[tuple[int, str]]: ...
    def mark_changed(self, ids: Iterable[int], *, now: float) -> None: ...
    def mark_gone(self, ids: Iterable[int], *, now: float) -> None: ...
    def known(self, root_id: int, folder: str) -> Mapping[str, KnownFile]: ...
    def known_at(self, root_id: int, path: str) -> KnownFile | None: ...
    def folders(self, root_id: int) -> list[str]: ...
    def settling(self, root_id: int) -> list[str]: ...


class RootNotes(Protocol):
    """Where it is remembered how the watched folders fare."""

    def note_scan(self, root_id: int, left_out: Mapping[str, int], *, now: float) -> None: ...
    def note_offline(self, root_id: int, reason: str) -> None: ...
    def note_settling(self, root_id: int, settling: int) -> None: ...


class SeenFolder(Protocol):
    """One folder of a walk."""

    @property
    def path(self) -> str: ...
    @property
    def files(self) -> Mapping[str, FileFacts]: ...
    @property
    def left_out(self) -> list[tuple[str, str]]: ...
    @property
    def trouble(self) -> str | None: ...


class Files(Protocol):
    """Looks at folders and files without opening any."""

    def walk(self, root: str, eligibility: Eligibility, *, below: str = "") -> Iterator[SeenFolder]: ...
    def look(self, root: str, path: str) -> FileFacts | None: ...
    def is_missing(self, root: str, path: str) -> bool: ...
    def why_offline(self, root: str) -> str | None: ...


class Announced(Protocol):
    """What was announced for a root since it was last asked for."""

    @property
    def files(self) -> set[str]: ...
    @property
    def folders(self) -> set[str]: ...
    @property
    def is_doubted(self) -> bool: ...


class Events(Protocol):
    """Listens to roots."""

    def watch(self, root: Root) -> str | None: ...
    def take(self, root_id: int) -> Announced: ...


class Queue(Protocol):
    """The outbox, as the drainer sees it."""

    def claim(self, target: str, roots: Iterable[int], *, limit: int, claim: int, now: float) -> list[Item]: ...
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


class Uploads(Protocol):
    """A target's ingestion service. Raises FileError or ConfigurationError; then nothing was stored."""

    def upload(self, envelope: Envelope) -> Sent: ...
    def project_id(self) -> int: ...
    def forget_project(self) -> None: ...


class Doubts(Protocol):
    """The outbox, as the reconciler sees it."""

    def doubtful(self, target: str, *, limit: int) -> list[Item]: ...
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
    def link(self, item: Item, sample_ids: Iterable[int], *, now: float) -> None: ...


class Listed(Protocol):
    """A page of the listing."""

    @property
    def samples(self) -> tuple[RemoteSample, ...]: ...
    @property
    def total(self) -> int: ...


class Studio(Protocol):
    """A target's Studio. Raises KeyRefusedError, StudioError or TransitError."""

    def project_id(self) -> int: ...
    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Listed: ...
    def count(self) -> int: ...
    def modified_at(self) -> float | None: ...
    def is_there(self, sample_id: int) -> bool: ...
    def sha256_of(self, sample_id: int) -> str: ...


class Hashes(Protocol):
    """Hashes the file of an item. Raises FileError when it is not what settled."""

    def __call__(self, item: Item) -> str: ...


class Passes(Protocol):
    """The reconciler, as whoever asks for a pass sees it. Safe to use from any thread."""

    def ask_pass(self, *, sweeps: bool = False, pretends: bool = False) -> int: ...
    def report(self, ticket: int) -> list[dict[str, object]] | None: ...


class Log(Protocol):
    """structlog's bound logger, as far as the loops use it."""

    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...
    def exception(self, event: str, **fields: object) -> object: ...
