"""Count the files of a folder by group, and find out where a split would put each group. The memory is bounded.

A preview counts all files first: where a group goes depends on all of them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from eisync.core.labels.split import CATEGORIES, Label, Placement, Split, Totals, assign, fixed_by, is_said, straddles
from eisync.core.model import Category, value

MAX_GROUPS = 10_000
"""At most this many groups of a folder are counted."""

SAID = "the category of one of its files is said"
DECIDED = "it was decided before"


@value
class GroupRow:
    """A group, its category and why, and how many files it has by category."""

    key: str
    placement: Placement
    categories: Mapping[str, int]

    @property
    def files(self) -> int:
        return sum(self.categories.values())

    @property
    def warning(self) -> str | None:
        """A sentence when the group is in several categories."""
        there = [category for category in CATEGORIES if self.categories.get(category.value)]
        return straddles(self.key, there) if len(there) > 1 else None


class GroupTally:
    """Counts the files of a folder by group.

    `without`: how many files are in no group. `beyond`: how many are in groups beyond the limit, which are not counted.
    """

    def __init__(self, split: Split, *, limit: int = MAX_GROUPS) -> None:
        self._split = split
        self._limit = limit
        self._groups: dict[str, Counter[tuple[Label, Category]]] = {}
        self._found: dict[str, Placement] = {}
        self.beyond = 0
        self.without = 0

    def add(self, key: str | None, label: Label, category: Category) -> None:
        """Count a file. `category` is what is said of it; SPLIT: nothing is. `key` None: it is in no group."""
        if key is None:
            self.without += 1
        elif key not in self._groups and len(self._groups) >= self._limit:
            self.beyond += 1
        else:
            self._groups.setdefault(key, Counter())[label, category] += 1

    def decide(self, decided: Mapping[str, Category], totals: Totals) -> None:
        """Find the category of each group. `decided`: those of before; `totals`: files of before, as in `assign`."""
        have, undecided = Counter(totals), {}
        for key, files in self._groups.items():
            said = fixed_by(category for _, category in files)
            if key in decided:
                self._found[key] = Placement(decided[key], DECIDED)
            elif said is not None:
                self._found[key] = Placement(said, SAID)
            # The files of a group that was decided before are most likely in the totals.
            for (label, category), number in () if key in decided else files.items():
                if is_said(category):
                    have[label, category] += number
                elif key in self._found and category is Category.SPLIT:
                    have[label, self._found[key].category] += number
            if key not in self._found:
                undecided[key] = {label: n for (label, category), n in files.items() if category is Category.SPLIT}
        self._found.update(assign(undecided, have, self._split))

    def category_of(self, key: str | None, category: Category) -> Category:
        """Return the category of a file of this group of which `category` is said."""
        found = None if key is None else self._found.get(key)
        return found.category if found is not None and category is Category.SPLIT else category

    def rows(self) -> Iterator[GroupRow]:
        """Yield the groups, those with the most files first. Call `decide` first."""
        for key in sorted(self._groups, key=lambda key: (-self._groups[key].total(), key)):
            counts = Counter[str]()
            for (_, category), number in self._groups[key].items():
                counts[self.category_of(key, category).value] += number
            yield GroupRow(key, self._found[key], counts)
