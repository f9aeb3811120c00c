"""What the loops need of the world, named for the need. The real parts stand in `store` and `adapters`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Protocol

from eisync.core.batching import Order
from eisync.core.known_content import KnownContent
from eisync.core.listing import IndexChange, LastPoll, Slice, SweepProgress
from eisync.core.model import Doubt, Item, Missing, RemoteSample, Unread
from eisync.core.outcome import Outcome
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


class Queue(Protocol):
    """The outbox, as the uploader sees it."""

    def claim(
        self, target: str, roots: Iterable[int], *, order: Order, limit: int, claim: int, now: float
    ) -> list[Item]: ...
    def settle(self, settlements: Iterable[Outcome], *, claim: int | None, now: float) -> Mapping[int, int]: ...
    def release(self, target: str, sample_ids: Iterable[int], *, now: float) -> list[int]: ...
    def may_be_known(self, target: str, items: Sequence[Item], roots: Iterable[int]) -> Set[int]: ...
    def known_contents(
        self, target: str, hashed: Sequence[tuple[Item, str]], roots: Iterable[int]
    ) -> Mapping[int, Sequence[KnownContent]]: ...
    def next_due_at(self, target: str, roots: Iterable[int]) -> float | None: ...
    def wait_anew(self, *, now: float) -> int: ...


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


class Forgets(Protocol):
    """What leaves the index, a little at a time."""

    def forget(self, target: str, roots: Iterable[int], *, now: float) -> int: ...
    def give_back(self) -> bool: ...


class Doubts(Protocol):
    """The outbox, as the reconciler sees it."""

    def doubtful(self, target: str, *, limit: int) -> list[Doubt]: ...
    def explain_doubts(self, target: str, reason: str) -> None: ...
    def resolve(self, settlements: Iterable[Outcome], *, now: float) -> None: ...
    def forget_gone(self, *, before: float) -> int: ...


class Beliefs(Protocol):
    """The index, as the reconciler sees it."""

    def note_trouble(self, target: str, reason: str) -> None: ...
    def make_tombstones(self, target: str, sample_id: int, *, now: float) -> list[int]: ...
    def spare(self, target: str, sample_id: int) -> None: ...
    def why_foreign(self, target: str) -> str | None: ...


class Looks(Protocol):
    """What the service listed, as a look compares it and writes it down."""

    def remembered(self, target: str) -> LastPoll | None: ...
    def slice(
        self,
        target: str,
        listed: Iterable[RemoteSample] = (),
        *,
        low: int,
        high: int,
        generation: int | None,
        began_at: float,
        limit: int,
    ) -> Slice: ...
    def apply(
        self,
        target: str,
        actions: Iterable[IndexChange],
        *,
        generation: int | None,
        progress: SweepProgress | None = None,
        now: float,
    ) -> list[int]: ...
    def note_look(
        self, target: str, *, newest_id: int, samples: int, modified_at: float | None, is_current: bool, now: float
    ) -> None: ...


class Sweeps(Protocol):
    """How far a sweep has come."""

    def begin_sweep(self, target: str, *, modified_at: float | None, now: float) -> SweepProgress: ...
    def sweep_under_way(self, target: str) -> SweepProgress | None: ...
    def drop_sweep(self, target: str) -> None: ...
    def finish_sweep(self, target: str, progress: SweepProgress, *, now: float) -> list[Missing]: ...


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
    @property
    def newest_added_at(self) -> float | None: ...
    @property
    def unread(self) -> tuple[Unread, ...]: ...


class Coming(Protocol):
    """A page that was asked for. `page` waits for it, and raises what came instead.

    `glimpse` waits too, and is quick: from which id the next page goes on, if that can be seen. It may be wrong.
    `follow` asks for that next page as soon as this one is there.
    """

    def follow(self) -> "Coming": ...
    def glimpse(self) -> int | None: ...
    def page(self) -> Listed: ...


class Listings(Protocol):
    """A target's samples, many at a time. Raises KeyRefusedError, StudioError or TransitError.

    `ahead` asks for a page and does not wait for it.
    """

    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Listed: ...
    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> Coming: ...
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


MOST_TOLD = 16
"""Of more files than these that enter or arrive at once, a line says how many, and each has its own at debug: where
thousands a second arrive, journals drop lines, and among them those of a file that was refused."""


class Log(Protocol):
    """structlog's bound logger, as far as the loops use it."""

    def debug(self, event: str, **fields: object) -> object: ...
    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...
    def exception(self, event: str, **fields: object) -> object: ...
