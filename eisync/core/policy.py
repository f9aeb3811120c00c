"""Define what follows from changes, renames, deletions and uploads in a watched folder, and read the option values.

The defaults destroy nothing. Only `eisync.settings` reads texts; all other packages get the values.
"""

from collections.abc import Callable, Mapping
from enum import Enum

from eisync.core.model import value

_ARCHIVE = "archive:"
_UNITS = {
    "": 1,
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("KMGT", start=1)},
    **{f"{prefix}IB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
}


class OnRemoteDelete(Enum):
    """What to do with a file whose sample a person deleted."""

    KEEP = "keep"
    TRASH = "trash"
    DELETE = "delete"


class OnChange(Enum):
    """What to do with a new version of a file that is at the service."""

    ADD = "add"  # send it, and keep the old one beside it
    REPLACE = "replace"  # send it, then delete the old one
    IGNORE = "ignore"  # do not send it


@value(kw_only=True)
class Policy:
    """What eisync may do to files and samples of one watched folder. The defaults destroy nothing."""

    on_remote_delete: OnRemoteDelete = OnRemoteDelete.KEEP
    deletes_samples: bool = False  # whose files were deleted here
    edits_samples: bool = True  # whose files were renamed here
    replaces_samples: bool = False  # whose files were changed here


class Trigger(Enum):
    """What happened to a file so that an action may follow."""

    RENAMED = "renamed"
    REPLACED = "replaced"
    ABSENT = "absent"
    TOMBSTONE = "tombstone"
    DESCRIBED = "described"


def triggers(policies: Mapping[int, Policy]) -> dict[Trigger, frozenset[int]]:
    """Return, for each trigger, the roots whose policy needs it. Triggers that no policy needs are left out."""
    found = {
        trigger: frozenset(root for root, policy in policies.items() if cares(policy)) for trigger, cares in _CARES
    }
    return {trigger: roots for trigger, roots in found.items() if roots}


_CARES: tuple[tuple[Trigger, Callable[[Policy], bool]], ...] = (
    (Trigger.RENAMED, lambda policy: policy.edits_samples),
    (Trigger.REPLACED, lambda policy: policy.replaces_samples),
    (Trigger.ABSENT, lambda policy: policy.deletes_samples),
    (Trigger.TOMBSTONE, lambda policy: policy.on_remote_delete is not OnRemoteDelete.KEEP),
    (Trigger.DESCRIBED, lambda _: True),
)


class After(Enum):
    """What to do with a file after its upload."""

    KEEP = "keep"
    DELETE = "delete"
    ARCHIVE = "archive"


@value
class MinFree:
    """How much of a disk must stay free: `size` bytes, or `percent` of its capacity."""

    size: int = 0
    percent: float = 0.0

    def of(self, total: int) -> int:
        """Return how many bytes must be free on a disk of `total` bytes."""
        return max(self.size, round(total * self.percent / 100.0))

    def __str__(self) -> str:
        """Return the text from which `read_min_free` reads this value."""
        if self.percent:
            return f"{self.percent!r}%"
        for unit, factor in (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2), ("KB", 1000)):
            if self.size and self.size % factor == 0:
                return f"{self.size // factor} {unit}"
        return str(self.size)


def read_min_free(value: int | str) -> MinFree:
    """Read `500_000_000`, `"2 GB"`, `"512 MiB"` or `"10%"`. Raises ValueError with a sentence for the user."""
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


@value(kw_only=True)
class Retention:
    """What happens to the files of one watched folder after their upload. `archive` is an absolute path.

    The defaults remove only old trash.
    """

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
        """Whether it may ever remove a file."""
        return self.after is not After.KEEP or self.min_free != MinFree()


@value
class AfterUpload:
    """What to do with the files of a folder after their upload. `archive` is the folder to move them to, if any."""

    after: After = After.KEEP
    archive: str | None = None

    def __str__(self) -> str:
        """Return the text from which `read_after` reads this value."""
        return self.after.value if self.archive is None else f"{_ARCHIVE}{self.archive}"


def read_after(value: str) -> AfterUpload:
    """Read `"keep"`, `"delete"` or `"archive:DIR"`. Raises ValueError with a sentence for the user."""
    if value.startswith(_ARCHIVE) and value != _ARCHIVE:
        return AfterUpload(After.ARCHIVE, value.removeprefix(_ARCHIVE))
    if value in (After.KEEP.value, After.DELETE.value):
        return AfterUpload(After(value))
    raise ValueError('must be "keep", "delete" or "archive:DIR"')
