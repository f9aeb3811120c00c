"""Decide the label, the category and the metadata of a file by the rules of its watched folder, from its path alone.

The rules are asked in their order. For each part (the label, the category, each name of metadata) the first rule that
fits the file and says something about the part decides. What no rule says comes from the folder's own options
(`core.labels.path_rules`).

A rule says a part by a group of its `pattern`, named `label`, `category` or as the metadata, or else by the option of
that name. A group that matched nothing, or only blanks, says nothing.

Everything is compared in NFC, so that a rule fits the names that a Mac writes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from re import Match
from typing import NamedTuple

from eisync.core.gitignore import GitIgnore
from eisync.core.labels.path_pattern import PathPattern
from eisync.core.labels.path_rules import CATEGORY_WORDS, INFER, SDK, PathRules
from eisync.core.model import Category, shown, value
from eisync.core.text import nfc

LABEL, CATEGORY = "label", "category"
"""The groups of a pattern that are not metadata."""
_PARTS = (LABEL, CATEGORY)

MAX_RULES = 100

_CATEGORIES = {**CATEGORY_WORDS, **{one.value: one for one in Category}}
_MAX_FOLDERS = 4_000


@value
class Origin:
    """What gave a part. `rule`: the number of the rule, from 1; None: the folder's own options.

    `group`: the group of the rule's pattern; None: the option of the rule or of the folder.
    """

    rule: int | None = None
    group: str | None = None


_BY_FOLDER = Origin()


@value(kw_only=True)
class Decision:
    """What the path of a file decides, and what gave each part.

    `by`, `category_by`: how it was inferred from the path; None: a group of a pattern gave it. `label_folder`: which
    part of the path is the folder that gives the label; None: none is. `problem`: a clause for a person, when a group
    gave a category that is none; then `category` is what it would be otherwise.
    """

    label: str | None
    label_from: Origin
    by: PathRules | None
    label_folder: int | None
    category: Category
    category_from: Origin
    category_by: PathRules | None
    metadata: Mapping[str, str] = field(default_factory=dict)
    metadata_from: Mapping[str, Origin] = field(default_factory=dict)
    problem: str | None = None


class SaidLabel(NamedTuple):
    """A label, with what gave it, as in `Decision`."""

    text: str | None
    origin: Origin
    by: PathRules | None
    folder: int | None


class SaidCategory(NamedTuple):
    """A category, with what gave it, as in `Decision`."""

    category: Category
    origin: Origin
    by: PathRules | None
    problem: str | None = None


class RuleProblemError(ValueError):
    """What a rule takes from the path of a file cannot be sent. The message is one clause for a person."""


@value(kw_only=True)
class Rule:
    """One rule: which files it fits, and what it says of them. Without `match` and `pattern` it fits every file.

    `match` is a gitignore pattern for the path, `pattern` a regular expression that must be found in it. `label` and
    `category` are as in the configuration (`path_rules`). Raises ValueError, with a clause for a person, when `match`
    or `pattern` cannot be used or the rule says nothing.
    """

    match: str | None = None
    pattern: str | None = None
    label: str | None = None
    category: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    labels: PathRules | None = field(init=False, repr=False, compare=False)
    categories: PathRules | None = field(init=False, repr=False, compare=False)
    groups: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _glob: GitIgnore | None = field(init=False, repr=False, compare=False)
    _pattern: PathPattern | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pattern = None if self.pattern is None else _pattern_of(self.pattern)
        if not (self.label or self.category or self.metadata or (pattern and pattern.groups)):
            raise ValueError("says nothing: give a label, a category, metadata, or a pattern with named groups")
        for name, found in (
            ("labels", None if self.label is None else PathRules(self.label)),
            ("categories", None if self.category is None else path_rules(INFER, self.category)),
            ("groups", () if pattern is None else pattern.groups),
            ("_glob", None if self.match is None else _glob_of(self.match)),
            ("_pattern", pattern),
        ):
            object.__setattr__(self, name, found)

    def matches(self, path: str) -> bool:
        """Return whether `match` matches the file at `path` itself (in NFC), whatever its folders are."""
        return self._glob is not None and self._glob.decide(path) is not None

    def matches_in(self, folder: str) -> bool:
        """Return whether `match` matches every file in the folder (in NFC): there is none, or it matches a folder."""
        glob = self._glob
        return glob is None or any(glob.decide(one, is_folder=True) for one in _and_above(folder))

    def find(self, path: str) -> Match[str] | None:
        """Return what the pattern matches in the path (in NFC). There must be a pattern."""
        assert self._pattern is not None
        return self._pattern.find(path)


@value
class LabelRules:
    """The rules of a watched folder, in their order, and its own options, which decide what no rule says."""

    default: PathRules = field(default_factory=PathRules)
    rules: tuple[Rule, ...] = ()
    _folders: dict[str, list[bool]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.rules) > MAX_RULES:
            raise ValueError(f"there are more than {MAX_RULES} rules")

    def decide(self, path: str) -> Decision:
        """Return what the rules say of the file at `path`, which is relative to the root. Depends on nothing else.

        >>> rules = LabelRules(rules=(Rule(match="gym/", label="folder"), Rule(pattern="(?P<subject>s[0-9]+)")))
        >>> rules.decide("gym/squat/s01.wav").label, rules.decide("gym/squat/s01.wav").metadata
        ('squat', {'subject': 's01'})
        """
        fitting = list(self.fitting(path)) if self.rules else _NONE
        label, label_from, by, folder = self._label(path, fitting)
        category, category_from, category_by, problem = self._category(path, fitting, folder)
        metadata, metadata_from = _metadata(fitting) if fitting else (_NO_TEXTS, _NO_ORIGINS)
        return Decision(
            label=label,
            label_from=label_from,
            by=by,
            label_folder=folder,
            category=category,
            category_from=category_from,
            category_by=category_by,
            metadata=metadata,
            metadata_from=metadata_from,
            problem=problem,
        )

    def fitting(self, path: str) -> "Iterator[Fitting]":
        """Yield the rules that fit the file, in their order."""
        text = nfc(shown(path))
        for number, (rule, is_in) in enumerate(zip(self.rules, self._in_folder(text), strict=True), 1):
            if not is_in and not rule.matches(text):
                continue
            if rule.pattern is None:
                yield Fitting(number, rule, None)
            elif (match := rule.find(text)) is not None:
                yield Fitting(number, rule, match)

    def _in_folder(self, path: str) -> list[bool]:
        """Return for each rule whether it matches everything in the folder of the file."""
        folder = path.rpartition("/")[0]
        found = self._folders.get(folder)  # remembered, because the files of a folder come together
        if found is None:
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            found = self._folders[folder] = [rule.matches_in(folder) for rule in self.rules]
        return found

    def _label(self, path: str, fitting: "Sequence[Fitting]") -> SaidLabel:
        for one in fitting:
            if (said := one.label(path)) is not None:
                return said
        label, folder = self.default.label_of(path)
        return SaidLabel(label, _BY_FOLDER, self.default, folder)

    def _category(self, path: str, fitting: "Sequence[Fitting]", folder: int | None) -> SaidCategory:
        problem = None
        for one in fitting:
            problem = problem or one.category_problem()
            if (said := one.category(path, folder)) is not None:
                return said if problem is None else said._replace(problem=problem)
        category = self.default.inferred_category(path, folder) or Category.SPLIT
        return SaidCategory(category, _BY_FOLDER, self.default, problem)


@value
class Fitting:
    """A rule that fits a file, its number, and what its pattern matched in the path."""

    number: int
    rule: Rule
    match: Match[str] | None

    def label(self, path: str) -> SaidLabel | None:
        """Return the label that the rule says; None: it says none."""
        if (text := self.group(LABEL)) is not None:
            return SaidLabel(text, Origin(self.number, LABEL), None, self.whole_folder(LABEL))
        if self.rule.labels is None:
            return None
        label, folder = self.rule.labels.label_of(path)
        return SaidLabel(label, Origin(self.number), self.rule.labels, folder)

    def category(self, path: str, label_folder: int | None) -> SaidCategory | None:
        """Return the category that the rule says; None: it says none."""
        if (found := _CATEGORIES.get((self.group(CATEGORY) or "").lower())) is not None:
            return SaidCategory(found, Origin(self.number, CATEGORY), None)
        by = self.rule.categories
        if by is None or (found := by.inferred_category(path, label_folder)) is None:
            return None
        return SaidCategory(found, Origin(self.number), by)

    def category_problem(self) -> str | None:
        """Return a clause for a person when a group matched a text that is no category."""
        text = self.group(CATEGORY)
        if text is None or text.lower() in _CATEGORIES:
            return None
        known = ", ".join(category.value for category in Category)
        return f"rule {self.number} finds the category {text!r} in its path, and there are {known}"

    def group(self, name: str) -> str | None:
        """Return what the group of the pattern matched; None when that is nothing, or there is no such group."""
        text = None if self.match is None or name not in self.rule.groups else self.match[name]
        return text if text and not text.isspace() else None

    def whole_folder(self, name: str) -> int | None:
        """Return which part of the path the group matched, when that is a whole folder. Such a group matched text."""
        assert self.match is not None
        path, start, end = self.match.string, self.match.start(name), self.match.end(name)
        is_whole = path[start - 1 : start] in ("", "/") and path[end : end + 1] == "/"
        return path.count("/", 0, start) if is_whole and "/" not in path[start:end] else None

    def add_metadata(self, texts: dict[str, str], origins: dict[str, Origin]) -> None:
        """Add the metadata that the rule says, those of its pattern first, where there is none of that name yet."""
        for name in self.rule.groups:
            if name not in _PARTS and name not in texts and (text := self.group(name)) is not None:
                texts[name], origins[name] = text, Origin(self.number, name)
        for name, text in self.rule.metadata.items():
            if name not in texts:
                texts[name], origins[name] = text, Origin(self.number)


_NONE: Sequence[Fitting] = ()
_NO_TEXTS: Mapping[str, str] = {}
_NO_ORIGINS: Mapping[str, Origin] = {}


def path_rules(label: str, category: str) -> PathRules:
    """Return the rules for a folder with this `label` and `category`, as the configuration writes them."""
    if category in (INFER, SDK):
        return PathRules(label, rule=category)
    return PathRules(label, Category(category))


def _metadata(fitting: Sequence[Fitting]) -> tuple[Mapping[str, str], Mapping[str, Origin]]:
    texts: dict[str, str] = {}
    origins: dict[str, Origin] = {}
    for one in fitting:
        one.add_metadata(texts, origins)
    return texts, origins


def _pattern_of(text: str) -> PathPattern:
    try:
        return PathPattern(text)
    except ValueError as error:
        raise ValueError(f"the pattern {error}") from None


def _glob_of(text: str) -> GitIgnore:
    if not text.strip():
        raise ValueError("match is blank, so it matches nothing")
    if text.startswith(("!", "#")):
        raise ValueError(f"match begins with {text[0]}, so it matches nothing: write \\{text[0]} for the character")
    return GitIgnore([nfc(text)])  # its sentence names the pattern


def _and_above(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
