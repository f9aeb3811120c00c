"""Before files are sent: those whose content may be known are hashed, and what the project has or lost is not sent.

Few files are: those of the size of a deleted content, and those of the size and time of a file that is not in its
place any more. One worker hashes, a bounded piece at a time, and the others send meanwhile.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from eisync.core.known_content import KnownContent, settle_known
from eisync.core.lifecycle import Event
from eisync.core.model import Item
from eisync.core.outcome import Outcome
from eisync.errors import FileError, UnreachableError
from eisync.loops.ports import Hashes
from eisync.loops.uploader.target_state import TargetState

FILES_AT_ONCE = 64
BYTES_AT_ONCE = 32 * 1024 * 1024
MOST_WAITING = 4_000
"""A target with so many files to be hashed claims no more."""
AGAIN_S = 5.0

Found = str | FileError | UnreachableError
Known = Callable[[str, Sequence[tuple[Item, str]]], Mapping[int, Sequence[KnownContent]]]
"""Tells what is known of the contents of items of a target, given their SHA-256, by the id of the item."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A claimed file whose content may be known."""

    state: TargetState
    claim: int
    item: Item


@dataclass(slots=True)
class Looked:
    """What was found of one target's files of one claim: what becomes of some, and those that are sent."""

    state: TargetState
    claim: int
    settled: list[tuple[Item, Outcome]] = field(default_factory=list)
    unknown: list[Item] = field(default_factory=list)


class Deduplicator:
    """Claimed files that wait to be hashed. Give every one of them back, or settle it."""

    def __init__(
        self,
        pool: Executor,
        hash_of: Hashes,
        *,
        known: Known,
        after_error: Callable[[Item, FileError], Outcome],
        wake: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._hash_of = hash_of
        self._known = known
        self._after_error = after_error
        self._wake = wake
        self._waiting: deque[Suspect] = deque()
        self._under_way: tuple[list[Suspect], Future[list[Found]]] | None = None

    def add(self, state: TargetState, claim: int, items: Sequence[Item], suspects: Set[int]) -> list[Item]:
        """Keep those of the items that are `suspects`, by their ids. Returns the others."""
        self._waiting.extend(Suspect(state, claim, item) for item in items if item.id in suspects)
        return [item for item in items if item.id not in suspects]

    def is_full(self, state: TargetState) -> bool:
        """Whether so many files of the target wait that no more are to be claimed."""
        return len(self._waiting) >= MOST_WAITING and sum(one.state is state for one in self._waiting) >= MOST_WAITING

    @property
    def is_idle(self) -> bool:
        """Whether none waits or is being hashed."""
        return not self._waiting and self._under_way is None

    def begin(self) -> None:
        """Have the next ones hashed, unless some are already."""
        if self._under_way is not None or not self._waiting:
            return
        piece: list[Suspect] = []
        left_bytes = BYTES_AT_ONCE
        while self._waiting and len(piece) < FILES_AT_ONCE and left_bytes > 0:
            piece.append(self._waiting.popleft())
            left_bytes -= piece[-1].item.facts.size
        try:
            future = self._pool.submit(self._hash_all, [one.item for one in piece])
        except RuntimeError:  # no thread can be started at the moment
            self._waiting.extendleft(reversed(piece))
            return
        self._under_way = (piece, future)
        future.add_done_callback(lambda _: self._wake())

    def take(self, now: float) -> Iterator[Looked]:
        """What was found since, by target and claim."""
        if self._under_way is None or not self._under_way[1].done():
            return
        piece, future = self._under_way
        results = future.result()
        contents = self._contents_of(piece, results)  # when the store fails, they are asked for again
        self._under_way = None
        found: dict[tuple[int, int], Looked] = {}
        for suspect, one in zip(piece, results, strict=True):
            key = (id(suspect.state), suspect.claim)
            together = found.setdefault(key, Looked(suspect.state, suspect.claim))
            settlement = self._settlement(suspect.item, one, contents, now)
            if settlement is None:
                together.unknown.append(suspect.item)
            else:
                together.settled.append((suspect.item, settlement))
        yield from found.values()

    def give_back(self, state: TargetState | None = None) -> list[tuple[int, Item]]:
        """Those that nobody has begun to hash, of one target or all, by (claim, item): they wait no more."""
        given = [one for one in self._waiting if state is None or one.state is state]
        self._waiting = deque(one for one in self._waiting if state is not None and one.state is not state)
        return [(one.claim, one.item) for one in given]

    def _contents_of(self, piece: Sequence[Suspect], results: Sequence[Found]) -> dict[int, Sequence[KnownContent]]:
        hashed: defaultdict[str, list[tuple[Item, str]]] = defaultdict(list)
        for suspect, one in zip(piece, results, strict=True):
            if isinstance(one, str):
                hashed[suspect.state.target_queue.target].append((suspect.item, one))
        contents: dict[int, Sequence[KnownContent]] = {}
        for target, items in hashed.items():
            contents.update(self._known(target, items))
        return contents

    def _settlement(
        self, item: Item, found: Found, contents: Mapping[int, Sequence[KnownContent]], now: float
    ) -> Outcome | None:
        if isinstance(found, FileError):
            return self._after_error(item, found)
        if isinstance(found, UnreachableError):
            again_at = now + AGAIN_S
            return Outcome(item_id=item.id, events=(Event.DEFER,), due_at=again_at, is_attempt=False)
        return settle_known(item.id, found, contents.get(item.id, ()))

    def _hash_all(self, items: Sequence[Item]) -> list[Found]:
        return [self._hash(item) for item in items]

    def _hash(self, item: Item) -> Found:
        try:
            return self._hash_of(item)
        except (FileError, UnreachableError) as error:
            return error
