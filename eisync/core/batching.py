"""Decide what goes into one request, how large requests may become, and how large the pages of a listing.

Every file of a request shares its headers, so only items of one (target, category, label, metadata) may travel
together (wire contract, section 1). A companion part, with boxes for one, speaks of a file by its name: such a file
travels without another of the same name.

A request that was too large, or that was never answered, halves the batch size; requests that are taken let it double
again. Each refusal doubles the number of taken requests before the next attempt to grow. A page of a listing that was
too large is halved too, and doubled as soon as twice as many entries would fit, so that one huge entry does not make
every later page small.

Pure.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from eisync.core.model import Category, Item, too_large

_Member = TypeVar("_Member")

Key = tuple[str, Category, str | None, tuple[tuple[str, str], ...]]


class Order(Enum):
    """Which of the files that are due goes first."""

    OLDEST = "oldest"
    NEWEST = "newest"
    SMALLEST = "smallest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a request may become. 1000 files a request and 100 MB a file are the service's documented limits."""

    files: int = 64
    bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        if not 1 <= self.files <= 1000 or self.bytes < 1:
            raise ValueError(f"a request holds 1 to 1000 files of at least a byte, not {self.files} of {self.bytes}")

    def capped(self, files: int) -> "Limits":
        """The same for at most so many files."""
        return dataclasses.replace(self, files=min(self.files, files or self.files))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Files that go in one multipart request, and what its headers say of all of them."""

    target: str
    category: Category
    label: str | None
    metadata: tuple[tuple[str, str], ...]
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes of its files and of what is said of them."""
        return sum(item.weight for item in self.items)


@dataclass(slots=True)
class OpenRequest(Generic[_Member]):
    """A request that is being put together, of members that share its headers."""

    members: list[_Member] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    described: set[str] = field(default_factory=set)
    total_bytes: int = 0

    def take(self, member: _Member, name: str, size: int, *, is_described: bool, limits: Limits) -> bool:
        """Add the member, which is sent as `name` with `size` bytes, and return True; False when it may not join.

        The first member always may. `is_described`: a companion part speaks of it by its name.
        """
        is_full = len(self.members) >= limits.files or self.total_bytes + size > limits.bytes
        if self.members and (is_full or name in self.described or (is_described and name in self.names)):
            return False
        self.members.append(member)
        self.names.add(name)
        self.total_bytes += size
        if is_described:
            self.described.add(name)
        return True


def requests_of(items: Iterable[Item], limits: Limits) -> list[Request]:
    """The requests that carry `items`, in the order of the first item of each.

    A file larger than the byte limit goes alone. An item's own `batch_cap` bounds the request it is in.
    """
    groups: dict[tuple[Key, int | None], list[Item]] = {}
    ages: dict[int, int] = {}
    for age, item in enumerate(items):
        ages[item.id] = age
        groups.setdefault((_key(item), item.batch_cap), []).append(item)
    batches = [
        batch
        for (_, cap), members in groups.items()
        for batch in _cut(members, limits if cap is None else limits.capped(cap))
    ]
    return [_request(batch) for batch in sorted(batches, key=lambda batch: ages[batch[0].id])]


def unsendable(item: Item) -> str | None:
    """The sentence that says why `item` can never be accepted, or None."""
    size = item.facts.size
    if size == 0:
        return "the file is empty; it is sent once something is written into it"
    return too_large(size)


def _key(item: Item) -> Key:
    return (item.target, item.category, item.label, item.metadata)


def _cut(items: Sequence[Item], limits: Limits) -> Iterable[list[Item]]:
    batch = OpenRequest[Item]()
    for item in items:
        is_described = item.companions is not None
        if not batch.take(item, item.name, item.weight, is_described=is_described, limits=limits):
            yield batch.members
            batch = OpenRequest()
            batch.take(item, item.name, item.weight, is_described=is_described, limits=limits)
    if batch.members:
        yield batch.members


def _request(batch: Sequence[Item]) -> Request:
    first = batch[0]
    return Request(
        target=first.target,
        category=first.category,
        label=first.label,
        metadata=first.metadata,
        items=tuple(batch),
    )


_ROOM = 0.4
"""A page that is no fuller than this is followed by one of twice as many."""


class PageSize:
    """How large pages of one listing may be. Safe to use from any thread: a number that is a bit old does no harm."""

    def __init__(self) -> None:
        self._most: int | None = None  # None: as many as are wanted

    def of(self, wanted: int) -> int:
        """How many to ask for when so many are wanted."""
        return wanted if self._most is None else min(wanted, self._most)

    def was_too_large(self, asked: int) -> int:
        """A page of so many was too large. Returns how many to ask for now: one at least."""
        self._most = max(1, asked // 2)
        return self._most

    def was_read(self, asked: int, wanted: int, fullness: float) -> None:
        """A page of so many could be read; `fullness` is how much of what is bearable it was."""
        if self._most is None or asked < self._most or fullness > _ROOM:
            return
        self._most = None if 2 * asked >= wanted else 2 * asked


FIRST_PATIENCE = 8
LONGEST_PATIENCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveBatchSize:
    """What one request may hold now; never above `most`, and always one file at least."""

    most: Limits
    now: Limits
    taken_in_a_row: int = 0
    patience: int = FIRST_PATIENCE  # so many requests must be taken before it grows

    @classmethod
    def full(cls, most: Limits) -> "AdaptiveBatchSize":
        """Before anything is known."""
        return cls(most=most, now=most)

    def refused(self, *, files: int, size: int) -> "AdaptiveBatchSize":
        """A request of so many files and bytes was too large."""
        return dataclasses.replace(
            self.unanswered(files=files, size=size), patience=min(LONGEST_PATIENCE, 2 * self.patience)
        )

    def unanswered(self, *, files: int, size: int) -> "AdaptiveBatchSize":
        """A request of so many files and bytes came to nothing; nobody knows whether for its size."""
        # Half of what was sent, not of what might have been: many requests of one size fail together.
        smaller = Limits(files=max(1, min(self.now.files, files // 2)), bytes=max(1, min(self.now.bytes, size // 2)))
        return dataclasses.replace(self, now=smaller, taken_in_a_row=0)

    def taken(self) -> "AdaptiveBatchSize":
        """A request was answered, file by file."""
        if self.now == self.most:
            return self if self.patience == FIRST_PATIENCE else dataclasses.replace(self, patience=FIRST_PATIENCE)
        if self.taken_in_a_row + 1 < self.patience:
            return dataclasses.replace(self, taken_in_a_row=self.taken_in_a_row + 1)
        larger = Limits(files=min(self.most.files, 2 * self.now.files), bytes=min(self.most.bytes, 2 * self.now.bytes))
        return dataclasses.replace(self, now=larger, taken_in_a_row=0)
