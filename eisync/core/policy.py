"""What a watched folder wants to follow from changes, renames, deletions and uploads, and how it is written.

Pure. The defaults destroy nothing. `eisync.settings` reads the texts; every other room is given the values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

_ARCHIVE = "archive:"
_UNITS = {
    "": 1,
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("KMGT", start=1)},
    **{f"{prefix}IB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
}


class OnRemoteDelete(Enum):
    """What becomes of the file whose sample a person deleted."""

    KEEP = "keep"
    TRASH = "trash"
    DELETE = "delete"


class OnChange(Enum):
    """What becomes of the new version of a file that is at the service."""

    ADD = "add"  # it is sent, and stands beside the old one
    REPLACE = "replace"  # it is sent, then the old one is deleted
    IGNORE = "ignore"  # it is not sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one watched folder wants. The defaults destroy nothing."""

    on_remote_delete: OnRemoteDelete = OnRemoteDelete.KEEP
    deletes_samples: bool = False  # of files that were deleted here
    edits_samples: bool = True  # of files that were renamed here
    replaces_samples: bool = False  # of files that were changed here


class Trigger(Enum):
    """What a file is marked with when something may follow from it."""

    RENAMED = "renamed"
    REPLACED = "replaced"
    ABSENT = "absent"
    TOMBSTONE = "tombstone"


def triggers(policies: Mapping[int, Policy]) -> dict[Trigger, frozenset[int]]:
    """Return the roots by what must be searched for in them; what no policy cares about is left out."""
    found = {
        trigger: frozenset(root for root, policy in policies.items() if cares(policy)) for trigger, cares in _CARES
    }
    return {trigger: roots for trigger, roots in found.items() if roots}


_CARES: tuple[tuple[Trigger, Callable[[Policy], bool]], ...] = (
    (Trigger.RENAMED, lambda policy: policy.edits_samples),
    (Trigger.REPLACED, lambda policy: policy.replaces_samples),
    (Trigger.ABSENT, lambda policy: policy.deletes_samples),
    (Trigger.TOMBSTONE, lambda policy: policy.on_remote_delete is not OnRemoteDelete.KEEP),
)


class After(Enum):
    """What becomes of a file after its upload."""

    KEEP = "keep"
    DELETE = "delete"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class MinFree:
    """How much of a disk must stay free: `size` bytes, or `percent` of all that it holds."""

    size: int = 0
    percent: float = 0.0

    def of(self, total: int) -> int:
        """The bytes that are to be free where the disk holds `total`."""
        return max(self.size, round(total * self.percent / 100.0))

    def __str__(self) -> str:
        """Return the text that `read_min_free` reads as this."""
        if self.percent:
            return f"{self.percent!r}%"
        for unit, factor in (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2), ("KB", 1000)):
            if self.size and self.size % factor == 0:
                return f"{self.size // factor} {unit}"
        return str(self.size)


def read_min_free(value: int | str) -> MinFree:
    """Read `500_000_000`, `"2 GB"`, `"512 MiB"` or `"10%"`. Raises ValueError with the sentence to show."""
    text = str(value).strip()
    number, unit = text, ""
    for index, character in enumerate(text):
        if character not in "0123456789.":
            number, unit = text[:index], text[index:].strip().upper()
            break
    try:
        amount = float(number)
    except ValueError:
        amount = -1.0
    if unit == "%" and 0 <= amount < 100:
        return MinFree(percent=amount)
    if unit in _UNITS and 0 <= amount * _UNITS[unit] <= 1 << 60:
        return MinFree(round(amount * _UNITS[unit]))
    raise ValueError('must be a number of bytes, a size such as "2 GB", or a share below 100 such as "10%"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What one watched folder wants. The defaults remove nothing but old trash. `archive` is absolute."""

    after: After = After.KEEP
    archive: str | None = None
    grace_s: float = 3600.0
    min_free: MinFree = MinFree()
    trash_days: int = 30

    def __post_init__(self) -> None:
        if (self.after is After.ARCHIVE) != (self.archive is not None):
            raise ValueError("an archive wants a folder, and nothing else does")

    @property
    def removes(self) -> bool:
        """Whether it may ever take a file away."""
        return self.after is not After.KEEP or self.min_free != MinFree()


@dataclass(frozen=True, slots=True)
class AfterUpload:
    """What a folder wants to become of its files after their upload; the folder `archive` where they are archived."""

    after: After = After.KEEP
    archive: str | None = None

    def __str__(self) -> str:
        """Return the text that `read_after` reads as this."""
        return self.after.value if self.archive is None else f"{_ARCHIVE}{self.archive}"


def read_after(value: str) -> AfterUpload:
    """Read `"keep"`, `"delete"` or `"archive:DIR"`. Raises ValueError with the sentence to show."""
    if value.startswith(_ARCHIVE) and value != _ARCHIVE:
        return AfterUpload(After.ARCHIVE, value.removeprefix(_ARCHIVE))
    if value in (After.KEEP.value, After.DELETE.value):
        return AfterUpload(After(value))
    raise ValueError('must be "keep", "delete" or "archive:DIR"')
