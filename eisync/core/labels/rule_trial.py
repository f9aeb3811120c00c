"""Try the rules of a watched folder on the files that are there, and say what is probably not meant.

A rule that fits no file may have a misspelt pattern. Two rules that say different labels or categories of one file may
have the wrong order: the first wins.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

from eisync.core.labels.rules import Fitting, LabelRules
from eisync.core.model import shown
from eisync.core.text import amount


@dataclass(slots=True)
class _Dispute:
    """The first file of which two rules say different things, and how many such files there are."""

    path: str
    said: tuple[str, str]
    files: int = 0


@dataclass(slots=True)
class RuleTrial:
    """Counts what the rules do. Memory grows with the number of rules only."""

    rules: LabelRules
    files: int = 0
    _fits: dict[int, int] = field(default_factory=dict)
    _disputes: dict[tuple[str, int, int], _Dispute] = field(default_factory=dict)
    _problems: dict[int, tuple[str, str]] = field(default_factory=dict)  # by rule: the first file, and the clause

    def add(self, path: str) -> None:
        """Try the rules on the file at `path`, which is relative to the root."""
        self.files += 1
        fitting = list(self.rules.fitting(path))
        folder = self.rules.decide(path).label_folder if fitting else None
        for one in fitting:
            self._fits[one.number] = self._fits.get(one.number, 0) + 1
            if (problem := one.category_problem()) is not None:
                self._problems.setdefault(one.number, (path, problem))
        for part, said in (("labels", _labels(fitting, path)), ("categories", _categories(fitting, path, folder))):
            for (first, text), (second, other) in combinations(said, 2):
                if text != other:
                    self._disputes.setdefault((part, first, second), _Dispute(path, (text, other))).files += 1

    def warnings(self) -> Iterator[str]:
        """Yield a sentence for each thing that is probably not meant."""
        for number in range(1, len(self.rules.rules) + 1):
            if not self._fits.get(number) and self.files:
                yield f"rule {number} fits none of the {amount(self.files, 'file')} that are there"
        for path, problem in self._problems.values():
            yield f"{shown(path)} would wait: {problem}"
        for (part, first, second), one in sorted(self._disputes.items()):
            more = f", and of {amount(one.files - 1, 'other file')}" if one.files > 1 else ""
            yield (
                f"rules {first} and {second} say different {part} of {shown(one.path)}{more}: {one.said[0]} and "
                f"{one.said[1]}; the first rule wins"
            )


def _labels(fitting: Iterable[Fitting], path: str) -> list[tuple[int, str]]:
    said = ((one.number, one.label(path)) for one in fitting)
    return [
        (number, "no label" if found.text is None else repr(found.text)) for number, found in said if found is not None
    ]


def _categories(fitting: Iterable[Fitting], path: str, label_folder: int | None) -> list[tuple[int, str]]:
    said = ((one.number, one.category(path, label_folder)) for one in fitting)
    return [(number, found.category.value) for number, found in said if found is not None]
