"""Count the files of each class, and where the labels of samples differ from those of their files.

The counts are made a stretch at a time and added up here. Labels can be as many as files, so both tables are limited.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from eisync.core.model import value
from eisync.core.text import nfc

MAX_CLASSES = 2_000
MAX_DIFFERENCES = 500

REFRESH_S = 30.0
REFRESH_S_PER_FILE = 0.0005
"""A count is made again after this time, longer for many files: so counting a million takes under 1 % of a core."""


@value
class FileClass:
    """A label (None: without one) and a category. `is_described`: the files have boxes or labels by range instead."""

    label: str | None
    category: str
    is_described: bool = False


@value
class ClassCount:
    """How many files of a class are in the project, and how many are on the way."""

    of: FileClass
    synced: int
    waiting: int


@value
class Difference:
    """How many files are labelled `here`, while a sample of theirs is labelled `there`. Empty: without a label.

    `path` is one of them, relative to `root`.
    """

    here: str
    there: str
    files: int
    root: str
    path: str


@dataclass(slots=True)
class ClassBalance:
    """The counts of all files so far. `beyond`: files of further classes, which are not in the table."""

    classes: dict[FileClass, ClassCount] = field(default_factory=dict)
    differences: dict[tuple[str, str], Difference] = field(default_factory=dict)
    files: int = 0
    beyond: int = 0
    more_differences: int = 0

    def add(self, counts: Iterable[ClassCount], differences: Iterable[Difference]) -> None:
        """Add the counts of a stretch."""
        for one in counts:
            files = one.synced + one.waiting
            self.files += files
            known = self.classes.get(one.of)
            if known is not None:
                one = ClassCount(one.of, known.synced + one.synced, known.waiting + one.waiting)
            elif len(self.classes) >= MAX_CLASSES:
                self.beyond += files
                continue
            self.classes[one.of] = one
        for found in differences:
            here, there = nfc(found.here), nfc(found.there)
            if here == there:  # another form of the same text
                continue
            before = self.differences.get((here, there))
            if before is not None:
                found = Difference(here, there, before.files + found.files, before.root, before.path)
            elif len(self.differences) >= MAX_DIFFERENCES:
                self.more_differences += found.files
                continue
            self.differences[here, there] = Difference(here, there, found.files, found.root, found.path)


def is_due(balance: ClassBalance, counted_at: float, *, now: float) -> bool:
    """Return whether to count again. A clock that was set back makes it due, too."""
    return not 0 <= now - counted_at < max(REFRESH_S, REFRESH_S_PER_FILE * balance.files)
