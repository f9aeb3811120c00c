"""Warn of labels that are surely wrong, with the option or the name that mends them.

Four patterns count. Each label is in at most one warning, of the first pattern that fits:

* labels that only tell files apart: numbers, hashes, the names that cameras give;
* labels that differ only in their characters' form, letter case or blanks;
* labels that differ only in a trailing number;
* many files, each with a label of its own.

A plain number may also be a class (`7` of a digit) or a value to be learned (`23.5`). So it is warned of only when it
begins the file's name and few files share it. The same holds for trailing numbers: `CO` and `CO2` are two classes when
each has many files. A label that a sidecar gives on purpose to one file is no warning either.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum

from eisync.core.labels.path_rules import is_counter
from eisync.core.model import value
from eisync.core.text import amount, caseless, printable

FEW = 3
"""Numbers that fewer files than this share, on average, count files. Numbers that more files share are classes."""

MANY = 8
"""Warn of one label for each file from this many files on."""

_SHOWN_LABELS = 3
_SHOWN_GROUPS = 3
_LONGEST_SHOWN = 40

_PLAIN_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:[.,]\d+)?")
_TRAILING_NUMBER = re.compile(r"(?<=.)\(?\d+\)?$", re.DOTALL)
_BLANKS = re.compile(r"[\s_-]+")

_FOLDERS = 'put the files of each class into a folder of its own and set label = "folder"'


class Pattern(Enum):
    """What is wrong with labels."""

    COUNTERS = "counters"  # they only tell files apart
    SPELLINGS = "spellings"  # they are spellings of one label
    NUMBERED = "numbered"  # they are one label with different numbers
    ONE_EACH = "one_each"  # every file has its own


@value
class LabelCount:
    """How many files have a label, and the names of how many begin with it."""

    files: int
    named: int = 0


@value
class LabelWarning:
    """A pattern that `labels` labels of `files` files have, as a sentence for a person."""

    pattern: Pattern
    labels: int
    files: int
    sentence: str


def label_warnings(counts: Mapping[str, LabelCount]) -> list[LabelWarning]:
    """Return what is surely wrong with the labels of one folder, each pattern at most once.

    `counts` has every label with its files. Leave out files with bounding boxes or labels by range: their own label is
    not used.

    >>> [one.pattern.value for one in label_warnings({"Wave": LabelCount(9), "wave": LabelCount(7)})]
    ['spellings']
    """
    left = {label: counts[label] for label in _by_files(counts)}
    found = []
    for take in (_counters, _spellings, _numbered, _one_each):
        taken = take(left)
        if taken is not None:
            warning, labels = taken
            found.append(warning)
            left = {label: count for label, count in left.items() if label not in labels}
    return found


_Taken = tuple[LabelWarning, set[str]] | None
"""The warning with the labels that it is about."""


def _counters(counts: Mapping[str, LabelCount]) -> _Taken:
    counters = {label: count for label, count in counts.items() if is_counter(label)}
    plain = {label: count for label, count in counters.items() if _PLAIN_NUMBER.fullmatch(label)}
    named = {label: count for label, count in plain.items() if count.named}
    labels = counters.keys() - plain.keys() | (named.keys() if _is_shared_by_few(named) else set())
    if not labels:
        return None
    shown = [label for label in counts if label in labels]
    listed = _listed(shown)
    are = f"{len(shown):,} labels only tell files apart, such as {listed}"
    what = f"the label {listed} only tells its files apart" if len(shown) == 1 else are
    sentence = f"{what}: {_FOLDERS}, or name the files '<label>.<number>', or set label = \"none\""
    return _warning(Pattern.COUNTERS, counts, labels, sentence), labels


def _spellings(counts: Mapping[str, LabelCount]) -> _Taken:
    groups = _groups((label for label in counts if not is_counter(label)), _spelled)
    if not groups:
        return None
    labels = {label for group in groups for label in group}
    sentence = (
        f"{_grouped(groups)} differ only in {_differences(groups)}: give them one name "
        "(rename files or folders, or correct the sidecar)"
    )
    return _warning(Pattern.SPELLINGS, counts, labels, sentence), labels


def _numbered(counts: Mapping[str, LabelCount]) -> _Taken:
    groups = []
    for group in _groups((label for label in counts if not is_counter(label)), _stem):
        numbered = {label: counts[label] for label in group if _stem(label) != _spelled(label)}
        if _is_shared_by_few(numbered):
            groups.append(group)
    if not groups:
        return None
    labels = {label for group in groups for label in group}
    sentence = (
        f"{_grouped(groups)} differ only in a trailing number: put a dot before the number ('<label>.<number>'), or "
        f"{_FOLDERS}"
    )
    return _warning(Pattern.NUMBERED, counts, labels, sentence), labels


def _one_each(counts: Mapping[str, LabelCount]) -> _Taken:
    named = {label: count for label, count in counts.items() if count.named and not _PLAIN_NUMBER.fullmatch(label)}
    if len(named) < MANY or any(count.files > 1 for count in counts.values()):
        return None
    sentence = (
        f"each of {len(named):,} files has a label of its own, such as {_listed(list(named))}: {_FOLDERS}, or name the "
        "files '<label>.<anything>', or set label = \"none\""
    )
    return _warning(Pattern.ONE_EACH, counts, named, sentence), set(named)


def _warning(pattern: Pattern, counts: Mapping[str, LabelCount], labels: Iterable[str], sentence: str) -> LabelWarning:
    files = [counts[label].files for label in labels]
    return LabelWarning(pattern, len(files), sum(files), sentence)


def _is_shared_by_few(counts: Mapping[str, LabelCount]) -> bool:
    """Return whether there are labels, and so few files share one that they count files."""
    return 0 < sum(count.files for count in counts.values()) < FEW * len(counts)


def _by_files(counts: Mapping[str, LabelCount]) -> list[str]:
    """Return the labels, those with the most files first."""
    return sorted(counts, key=lambda label: (-counts[label].files, label))


def _groups(labels: Iterable[str], key_of: Callable[[str], str]) -> list[list[str]]:
    """Return the labels that have a key in common, in groups of at least two."""
    found: dict[str, list[str]] = {}
    for label in labels:
        found.setdefault(key_of(label), []).append(label)
    return [group for group in found.values() if len(group) > 1]


# Each step removes one kind of difference.


def _formed(label: str) -> str:
    """Return the label in its compatible form, without invisible characters."""
    if label.isascii():
        return label
    return "".join(one for one in unicodedata.normalize("NFKC", label) if unicodedata.category(one) != "Cf")


def _cased(label: str) -> str:
    return caseless(_formed(label))


def _spelled(label: str) -> str:
    # A label of nothing but blanks stays what it is.
    return _BLANKS.sub("", _cased(label)) or _cased(label)


def _stem(label: str) -> str:
    return _TRAILING_NUMBER.sub("", _spelled(label))


_STEPS: Sequence[tuple[Callable[[str], str], str]] = (
    (_formed, "the form of their characters"),
    (_cased, "letter case"),
    (_spelled, "blanks"),
)


def _differences(groups: Iterable[Sequence[str]]) -> str:
    """Return in what the labels of the groups differ, in words."""
    words: set[str] = set()
    for group in groups:
        before = len(group)
        for step, what in _STEPS:
            left = len({step(label) for label in group})
            if left < before:
                words.add(what)
            before = left
    return _and([what for _, what in _STEPS if what in words])


def _grouped(groups: Sequence[Sequence[str]]) -> str:
    shown = "; ".join(_listed(group) for group in groups[:_SHOWN_GROUPS])
    more = len(groups) - _SHOWN_GROUPS
    return shown if more <= 0 else f"{shown}; and {amount(more, 'more group')}"


def _listed(labels: Sequence[str]) -> str:
    more = len(labels) - _SHOWN_LABELS
    quoted = [_quoted(label) for label in labels[:_SHOWN_LABELS]]
    return _and([*quoted, f"{more:,} more"] if more > 0 else quoted)


def _quoted(label: str) -> str:
    text = printable(label)
    return f"'{text}'" if len(text) <= _LONGEST_SHOWN else f"'{text[: _LONGEST_SHOWN - 1]}…'"


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
