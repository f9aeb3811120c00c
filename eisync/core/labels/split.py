"""Divide the groups of a watched folder among training, validation and testing. A group stays together.

A model that is tested on the recording session, the person or the device it was trained on looks better than it is. So
the category is decided for a whole group, once, and does not change when more files come.

`assign` takes all groups that are not decided yet. The largest comes first; groups of one size come in the order of a
hash of their keys, so that the order in which files arrive does not matter. Each group joins the category that is most
short of its percentage: by the labels of the group, and in all. So the result depends on the groups, on what was
decided before and on the percentages, and on nothing else. All numbers are whole, so that every machine gets the same.

A file whose category is said (by its path, a rule, a sidecar or the configuration) keeps it, and fixes that of its
group.

Sources: scikit-learn's `StratifiedGroupKFold`, for the same question with folds of one size; FIPS 180-4 (SHA-256).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from eisync.core.labels.description import MAX_METADATA, Description
from eisync.core.labels.path_pattern import PathPattern
from eisync.core.labels.path_rules import FOLDER
from eisync.core.model import Category, shown, value
from eisync.core.text import nfc, one_line

GROUP = "group"
"""The group of a pattern that is the key, and the metadata name under which a key from the path is sent."""

CATEGORIES = (Category.TRAINING, Category.VALIDATION, Category.TESTING)
"""The categories that a split uses. A group that is in two of them straddles. `anomaly` and `post-processing` are apart
from them.
"""

WHOLE = 100_000
"""A hundred per cent, as a whole number."""

Label = str | None
Counts = Mapping[Label, int]
Totals = Mapping[tuple[Label, Category], int]
"""How many files of a label a category has."""

_PATTERN_MARKS = re.compile(r"[\\()\[\]{}*+?^$|]")


@value(kw_only=True)
class Split:
    """By what files are grouped, and how many per cent of them are for testing and validation; the rest for training.

    `by` is a name of metadata, `"folder"`, or a regular expression with a group named `group`. Raises ValueError, with
    a clause for a person, when it cannot be used.
    """

    by: str
    testing: float
    validation: float = 0.0
    shares: Mapping[Category, int] = field(init=False, repr=False, compare=False)
    _pattern: PathPattern | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.by.strip():
            raise ValueError('by is blank: give a name of metadata, "folder" or a pattern')
        object.__setattr__(self, "_pattern", _pattern_of(self.by))
        object.__setattr__(self, "shares", _shares(self.testing, self.validation))

    @property
    def is_by_path(self) -> bool:
        """Whether the path of a file alone gives the key of its group."""
        return self._pattern is not None or self.by == FOLDER

    @property
    def name(self) -> str:
        """The metadata name under which the key of a group is sent with its files."""
        return GROUP if self.is_by_path else self.by

    def group_of(self, path: str, metadata: Mapping[str, str]) -> str | None:
        """Return the key of the file's group, in NFC; None when it belongs to none.

        >>> Split(by="folder", testing=20).group_of("s01/wave.1.csv", {})
        's01'
        >>> Split(by=r"(?P<group>s[0-9]+)_", testing=20).group_of("gym/s01_squat.wav", {})
        's01'
        """
        if self._pattern is not None:
            match = self._pattern.find(nfc(shown(path)))
            key = None if match is None else match[GROUP]
        elif self.by == FOLDER:
            key = nfc(shown(path.rpartition("/")[0]))
        else:
            key = nfc(metadata.get(self.by, ""))
        return key if key and not key.isspace() else None

    def grouped(self, path: str, found: Description) -> tuple[str | None, Description]:
        """Return the key of the file's group, and its description with the key among the metadata.

        A file that has other metadata of that name keeps it.
        """
        key = self.group_of(path, found.metadata)
        if key is None or self.name in found.metadata or len(found.metadata) >= MAX_METADATA:
            return key, found
        return key, replace(found, metadata={**found.metadata, self.name: key})


@value
class Placement:
    """The category of a group, and why it was chosen, as a clause for a person."""

    category: Category
    why: str


def is_said(category: Category) -> bool:
    """Return whether a file of this category fixes that of its group."""
    return category in CATEGORIES


def fixed_by(found: Iterable[Category]) -> Category | None:
    """Return the category of a group whose files are in these already; None: in none that counts.

    A group that straddles already grows where it does the least harm: in training, then in validation.
    """
    there = set(found)
    return next((category for category in CATEGORIES if category in there), None)


def assign(groups: Mapping[str, Counts], totals: Totals, split: Split) -> dict[str, Placement]:
    """Return the category of each group, by key. `groups` has its files by label, `totals` those decided before.

    >>> some = {f"s{number:02d}": {"walk": 5} for number in range(10)}
    >>> found = assign(some, {}, Split(by="session", testing=20))
    >>> sorted(key for key, one in found.items() if one.category is Category.TESTING)
    ['s02', 's05']
    """
    balance = _Balance(totals, split.shares)
    return {key: balance.place(groups[key]) for key in sorted(groups, key=lambda key: _turn(key, groups[key]))}


def straddles(key: str, found: Iterable[Category]) -> str:
    """Return a sentence about a group that is in several categories."""
    there = set(found)
    listed = " and ".join(category.value for category in CATEGORIES if category in there)
    return f"group {one_line(key)} straddles: it has files in {listed}"


class _Balance:
    """How many files each category has, by label and in all."""

    def __init__(self, totals: Totals, shares: Mapping[Category, int]) -> None:
        self._shares = shares
        self._have = Counter[tuple[Label, Category]]()
        self._of_label = Counter[Label]()
        self._in_all = Counter[Category]()
        for (label, category), number in totals.items():
            if is_said(category):
                self._add(label, category, number)

    def place(self, files: Counts) -> Placement:
        """Return the category that is most short, and count the files there."""
        number, there, total = sum(files.values()), self._in_all.copy(), self._in_all.total()

        def excess(category: Category) -> int:
            """Return how far the category is above its share, weighed by the files that it concerns."""
            share = self._shares[category]
            found = number * (WHOLE * there[category] - share * (total + number))
            for label, count in files.items():
                of_label = self._of_label[label] + count
                found += count * (WHOLE * self._have[label, category] - share * of_label)
            return found

        chosen = min(self._shares, key=excess)  # of equal ones the first, which is training
        for label, count in files.items():
            self._add(label, chosen, count)
        return Placement(chosen, _why(chosen, there[chosen], total, number, self._shares[chosen]))

    def _add(self, label: Label, category: Category, number: int) -> None:
        self._have[label, category] += number
        self._of_label[label] += number
        self._in_all[category] += number


def _why(category: Category, there: int, total: int, number: int, share: int) -> str:
    """Return why the group goes there. With its own files there are `total` + `number`."""
    if not total:
        return "no other group was decided before it"
    had = 100 * there / (total + number)
    return f"{category.value} had {had:.0f} % of the {100 * share / WHOLE:g} % that it is to have"


def _turn(key: str, files: Counts) -> tuple[int, bytes, str]:
    return -sum(files.values()), hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest(), key


def _shares(testing: float, validation: float) -> dict[Category, int]:
    if not (0 <= testing < 100 and 0 <= validation < 100 and 0 < testing + validation < 100):
        raise ValueError("testing and validation together must be more than 0 and less than 100 per cent")
    tested, validated = round(testing * WHOLE / 100), round(validation * WHOLE / 100)
    every = zip(CATEGORIES, (WHOLE - tested - validated, validated, tested), strict=True)
    return {category: share for category, share in every if share}


def _pattern_of(by: str) -> PathPattern | None:
    if f"(?P<{GROUP}>" not in by:
        if _PATTERN_MARKS.search(by):
            raise ValueError(f"by is no name of metadata, and a pattern needs a group named {GROUP}: (?P<{GROUP}>…)")
        return None
    try:
        return PathPattern(by)
    except ValueError as error:
        raise ValueError(f"the pattern of by {error}") from None
