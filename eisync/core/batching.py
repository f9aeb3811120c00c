"""Decide what goes into one request, how large requests may become, and how large the pages of a listing.

All files of a request share its headers, so only items with the same target, category, label and metadata may share a
request (wire contract, section 1). Where the service infers exactly the decided labels from the file names, the request
has no label, and files of different labels share it. A companion part, such as bounding boxes, identifies a file by its
name. So a file with companions does not share a request with another file of the same name.

A request that was too large, or that was never answered, halves the batch size. Accepted requests let it double again.
Each refusal doubles the number of accepted requests that are needed before it grows. A page of a listing that was too
large is halved, too. It is doubled as soon as twice as many entries would fit, so that one huge entry does not make all
later pages small.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from eisync.core.labels.inferred import infers
from eisync.core.model import Category, Item, too_large, value

_Member = TypeVar("_Member")

Key = tuple[str, Category, str | None, bool, tuple[tuple[str, str], ...]]
"""Target, category, label, whether the service infers the label, and metadata."""

TRIAL_FILES = 16
"""The most files of the first request whose labels the service infers, because each may have to be labelled again."""


class Order(Enum):
    """Which of the files that are due is sent first."""

    OLDEST = "oldest"
    NEWEST = "newest"
    SMALLEST = "smallest"


class Inference(Enum):
    """Whether the service may infer labels: never, in one small request whose labels are then checked, or always."""

    OFF = "off"
    TRIAL = "trial"
    ON = "on"


@value(kw_only=True)
class Limits:
    """The largest request. The documented limits of the service are 1000 files a request and 100 MB a file."""

    files: int = 64
    bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        if not 1 <= self.files <= 1000 or self.bytes < 1:
            raise ValueError(f"a request holds 1 to 1000 files of at least a byte, not {self.files} of {self.bytes}")

    def capped(self, files: int) -> "Limits":
        """Return the same limits for at most `files` files; 0 means no other limit."""
        return dataclasses.replace(self, files=min(self.files, files or self.files))


@value(kw_only=True)
class Request:
    """The files of one multipart request, and the values of its headers, which hold for all of them.

    `is_inferred`: the service infers the label of each file from its name, and `label` is None.
    """

    target: str
    category: Category
    label: str | None
    metadata: tuple[tuple[str, str], ...]
    items: tuple[Item, ...]
    is_inferred: bool = False

    @property
    def size(self) -> int:
        """The bytes of its files and of their companions."""
        return sum(item.weight for item in self.items)


@dataclass(slots=True)
class OpenRequest(Generic[_Member]):
    """A request that is being filled with members that share its headers."""

    members: list[_Member] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    described: set[str] = field(default_factory=set)
    total_bytes: int = 0

    def take(self, member: _Member, name: str, size: int, *, is_described: bool, limits: Limits) -> bool:
        """Add the member, which is sent as `name` with `size` bytes, and return True; return False when it does not
        fit.

        The first member always fits. `is_described` says that a companion part describes it by its name.
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


def requests_of(items: Iterable[Item], limits: Limits, inference: Inference = Inference.OFF) -> list[Request]:
    """Return the requests for `items`, in the order of the first item of each.

    A file larger than the byte limit is sent alone. An item's own `batch_cap` limits the request that it is in.
    """
    items = list(items)
    ages = {item.id: age for age, item in enumerate(items)}
    inferred = frozenset[int]() if inference is Inference.OFF else _inferred(items, limits, inference)
    groups: dict[tuple[Key, int | None], list[Item]] = {}
    for item in items:
        groups.setdefault((_key(item, item.id in inferred), item.batch_cap), []).append(item)
    requests = [
        _request(batch, key)
        for (key, cap), members in groups.items()
        for batch in _cut(members, limits if cap is None else limits.capped(cap))
    ]
    return sorted(requests, key=lambda request: ages[request.items[0].id])


def unsendable(item: Item) -> str | None:
    """Return why `item` can never be accepted, as a sentence; None when it can."""
    size = item.facts.size
    if size == 0:
        return "the file is empty; it is sent once something is written into it"
    return too_large(size)


def is_inferable(item: Item) -> bool:
    """Return whether the service certainly infers the item's label from the name that is sent."""
    # Whether boxes or ranges of labels change what the service infers is not documented.
    return item.companions is None and infers(item.name, item.label)


def _inferred(items: Sequence[Item], limits: Limits, inference: Inference) -> frozenset[int]:
    """Return the ids of the items that share requests without a label. For a trial, they fit into one request."""
    groups: dict[tuple[object, ...], dict[str | None, list[Item]]] = {}
    for item in items:
        if is_inferable(item):
            group = groups.setdefault((item.target, item.category, item.metadata, item.batch_cap), {})
            group.setdefault(item.label, []).append(item)
    # Files of one label share a request in any case, so nothing is gained by trusting the service with theirs.
    mixed = [labels for labels in groups.values() if len(labels) > 1]
    if inference is Inference.ON:
        return frozenset(item.id for labels in mixed for some in labels.values() for item in some)
    return _trial([some[0] for some in mixed[0].values()], limits) if mixed else frozenset()


def _trial(items: Sequence[Item], limits: Limits) -> frozenset[int]:
    """Return the ids of a few of these items, each with another label, that fit into one request."""
    trial, left_bytes = set[int](), limits.bytes
    for item in items[: min(TRIAL_FILES, limits.files, items[0].batch_cap or TRIAL_FILES)]:
        left_bytes -= item.weight
        if left_bytes < 0:
            break
        trial.add(item.id)
    return frozenset(trial)


def _key(item: Item, is_inferred: bool) -> Key:
    return (item.target, item.category, None if is_inferred else item.label, is_inferred, item.metadata)


def _cut(items: Sequence[Item], limits: Limits) -> Iterable[list[Item]]:
    batch = OpenRequest[Item]()
    for item in items:
        is_described = item.companions is not None
        if not batch.take(item, item.name, item.weight, is_described=is_described, limits=limits):
            yield batch.members
            batch = OpenRequest()
            batch.take(item, item.name, item.weight, is_described=is_described, limits=limits)
    yield batch.members


def _request(batch: Sequence[Item], key: Key) -> Request:
    target, category, label, is_inferred, metadata = key
    return Request(
        target=target,
        category=category,
        label=label,
        metadata=metadata,
        items=tuple(batch),
        is_inferred=is_inferred,
    )


_ROOM = 0.4
"""After a page that is no fuller than this, ask for twice as many entries."""


class PageSize:
    """The page size of one listing. Safe to use from any thread, because a slightly old number does no harm."""

    def __init__(self) -> None:
        self._most: int | None = None  # None: no limit

    def of(self, wanted: int) -> int:
        """Return how many entries to ask for when `wanted` are wanted."""
        return wanted if self._most is None else min(wanted, self._most)

    def was_too_large(self, asked: int) -> int:
        """Note that a page of `asked` entries was too large. Return how many to ask for now, at least one."""
        self._most = max(1, asked // 2)
        return self._most

    def was_read(self, asked: int, wanted: int, fullness: float) -> None:
        """Note that a page of `asked` entries was read. `fullness` is its size as a share of the limit."""
        if self._most is None or asked < self._most or fullness > _ROOM:
            return
        self._most = None if 2 * asked >= wanted else 2 * asked


FIRST_STREAK = 8
LONGEST_STREAK = 1024


@value(kw_only=True)
class AdaptiveBatchSize:
    """The limits of a request now: never above `most`, and always at least one file."""

    most: Limits
    now: Limits
    taken_in_a_row: int = 0
    streak_to_grow: int = FIRST_STREAK  # how many requests must be accepted before it grows

    @classmethod
    def full(cls, most: Limits) -> "AdaptiveBatchSize":
        """Return the limits before anything is known."""
        return cls(most=most, now=most)

    def limited(self, most: Limits) -> "AdaptiveBatchSize":
        """Return the limits when they may be at most `most` from now on. What was learnt of smaller ones is kept."""
        if self.now == self.most:
            return dataclasses.replace(self, most=most, now=most)
        now = Limits(files=min(self.now.files, most.files), bytes=min(self.now.bytes, most.bytes))
        return dataclasses.replace(self, most=most, now=now)

    def refused(self, *, files: int, size: int) -> "AdaptiveBatchSize":
        """Return the limits after a request of this size was too large."""
        return dataclasses.replace(
            self.unanswered(files=files, size=size), streak_to_grow=min(LONGEST_STREAK, 2 * self.streak_to_grow)
        )

    def unanswered(self, *, files: int, size: int) -> "AdaptiveBatchSize":
        """Return the limits after a request of this size failed, perhaps because of its size."""
        # Halve what was sent, not the current limit: many requests of one size fail together.
        smaller = Limits(files=max(1, min(self.now.files, files // 2)), bytes=max(1, min(self.now.bytes, size // 2)))
        return dataclasses.replace(self, now=smaller, taken_in_a_row=0)

    def taken(self) -> "AdaptiveBatchSize":
        """Return the limits after a request was answered, file by file."""
        if self.now == self.most:
            return (
                self if self.streak_to_grow == FIRST_STREAK else dataclasses.replace(self, streak_to_grow=FIRST_STREAK)
            )
        if self.taken_in_a_row + 1 < self.streak_to_grow:
            return dataclasses.replace(self, taken_in_a_row=self.taken_in_a_row + 1)
        larger = Limits(files=min(self.most.files, 2 * self.now.files), bytes=min(self.most.bytes, 2 * self.now.bytes))
        return dataclasses.replace(self, now=larger, taken_in_a_row=0)
