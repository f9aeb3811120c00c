"""Put due items together into requests.

Every file of a request shares its headers, so only items of one (target, category, label, metadata) may travel
together (wire contract, section 1). What else is said of a file, its boxes for one, is said by the name under which it
is sent: of two files of one name, such a one travels without the other. Items that could never be accepted are not
sent at all; each comes back with the sentence that says why.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from eisync.core.model import Category, Item, too_large

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
        for batch in _cut(members, min(limits.files, cap or limits.files), limits.bytes)
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


@dataclass(slots=True)
class _Open:
    """A request that is being put together."""

    items: list[Item] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    described: set[str] = field(default_factory=set)
    total: int = 0

    def take(self, item: Item, max_files: int, max_bytes: int) -> bool:
        """Whether the item goes along."""
        name = item.name
        is_full = len(self.items) >= max_files or self.total + item.weight > max_bytes
        if self.items and (is_full or name in self.described or (item.companions is not None and name in self.names)):
            return False
        self.items.append(item)
        self.names.add(name)
        self.total += item.weight
        if item.companions is not None:
            self.described.add(name)
        return True


def _cut(items: Sequence[Item], max_files: int, max_bytes: int) -> Iterable[list[Item]]:
    batch = _Open()
    for item in items:
        if not batch.take(item, max_files, max_bytes):
            yield batch.items
            batch = _Open()
            batch.take(item, max_files, max_bytes)
    if batch.items:
        yield batch.items


def _request(batch: Sequence[Item]) -> Request:
    first = batch[0]
    return Request(
        target=first.target,
        category=first.category,
        label=first.label,
        metadata=first.metadata,
        items=tuple(batch),
    )
