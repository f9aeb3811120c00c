"""Decide which files of a watched folder are for the service, by their path alone.

Patterns are gitignore's (`!` brings back, a trailing `/` means folders only, later ones win); the defaults keep out
what editors, browsers and copy tools leave behind while they write. What remains must have an extension that the
service takes (wire contract, section 1: it decides by extension).

A folder may hold a file of such rules, `.eisyncignore`, for what is in it and below it. Rules of a deeper folder win
over those above it, and those over the configuration and the defaults, as with git. Where such a file cannot be used,
nobody knows what it says: everything it speaks of is left out.
"""

import re
from collections.abc import Callable, Iterable

from pathspec import GitIgnoreSpec

from eisync.core.items import extension_of
from eisync.core.sidecars import WHAT_THEY_ARE

ACCEPTED_EXTENSIONS = frozenset(
    {".cbor", ".json", ".csv", ".txt", ".wav", ".jpg", ".jpeg", ".png", ".mp4", ".avi", ".parquet"}
)

RULES_NAME = ".eisyncignore"

TRASH_NAME = ".eisync-trash"
"""A folder that eisync keeps what it took away in: never for the service, whatever a pattern brings back."""

DEFAULT_IGNORES = (
    ".*",
    "*~",
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.download",
    "*.swp",
    "*.lock",
    "~$*",
    "\\#*#",  # a bare # begins a comment
    "Thumbs.db",
    "desktop.ini",
)

_IN_TRASH = "eisync's own trash"
_GROUP_NAME = re.compile(r"\(\?P<\w+>")


class RuleFile:
    """The rules of one folder. `trouble` says why they cannot be used."""

    def __init__(self, lines: Iterable[str] = (), *, trouble: str | None = None) -> None:
        self._lines = list(lines)
        self.trouble = trouble
        try:
            self._spec = GitIgnoreSpec.from_lines(line or "#" for line in self._lines)  # empty lines are not counted
        except (ValueError, re.error) as error:
            self._spec, self.trouble = GitIgnoreSpec.from_lines(()), str(error)

    def judge(self, place: str) -> tuple[bool, str] | None:
        """Whether `place`, relative to the folder, is left out, and by which rule; None when no rule speaks of it."""
        if self.trouble is not None:
            return True, ""
        result = self._spec.check_file(place)
        if result.include is None or result.index is None:
            return None
        return result.include, f"{self._lines[result.index]!r} (line {result.index + 1} of "


def _no_rules(_folder: str) -> RuleFile | None:
    return None


class Eligibility:
    """What one watched folder takes. Compiled once, asked for every path."""

    def __init__(self, patterns: Iterable[str] = (), *, rules_in: Callable[[str], RuleFile | None] = _no_rules) -> None:
        """`patterns` come after the defaults; `rules_in` finds the rules of a folder. Raises ValueError for a pattern
        that is not gitignore's.
        """
        # pathspec counts no empty lines, and lets through what `re` says of a bad range.
        self._patterns = tuple(pattern for pattern in (*DEFAULT_IGNORES, *patterns) if pattern)
        self._rules_in = rules_in
        try:
            self._spec = GitIgnoreSpec.from_lines(self._patterns)
        except re.error as error:
            raise ValueError(str(error)) from error
        self._any = _any_of(pattern.regex.pattern for pattern in self._spec.patterns if pattern.regex is not None)

    def ignoring_rule(self, path: str, *, is_dir: bool = False) -> str | None:
        """The rule that leaves `path` out, for a person, or None. `path` is relative to the root, with `/` in it.

        Only the path itself is judged: whoever walks a tree does not descend into an ignored folder, and
        `why_left_out` judges the folders above a file.
        """
        if _is_in_trash(path):
            return _IN_TRASH
        place = path + "/" if is_dir else path
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            rules = self._rules_in(folder)
            judged = None if rules is None else rules.judge(place[len(folder) + 1 if folder else 0 :])
            if rules is not None and judged is not None:
                is_left_out, rule = judged
                origin = f"{folder}/{RULES_NAME}" if folder else RULES_NAME
                if rules.trouble is not None:
                    return f"in {origin}, if only it could be used: {rules.trouble}"
                return f"{rule}{origin})" if is_left_out else None
        if self._any.search(place) is None:
            return None  # most files: no pattern says anything of them
        result = self._spec.check_file(place)
        return repr(self._patterns[result.index]) if result.include and result.index is not None else None

    def is_spoken_of(self, folder: str) -> bool:
        """Whether `folder`, or one above it, holds rules of its own. What they say may change while it runs; what the
        configuration says does not."""
        while True:
            if self._rules_in(folder) is not None:
                return True
            if not folder:
                return False
            folder = folder.rpartition("/")[0]

    def why_left_out(self, path: str) -> str | None:
        """One clause that says why the file at `path` is not for the service, or None when it is."""
        if _is_in_trash(path):
            return f"it is in {_IN_TRASH}"
        if (rule := self._rule_above(path)) is not None:
            return f"ignored by the pattern {rule}"
        return self.why_file_left_out(path)

    def ignoring(self, path: str) -> str | None:
        """The rule that leaves out the file at `path`, or a folder above it; None when there is none."""
        return self._rule_above(path) or self.ignoring_rule(path)

    def _rule_above(self, path: str) -> str | None:
        parts = path.split("/")
        rules = (self.ignoring_rule("/".join(parts[:depth]), is_dir=True) for depth in range(1, len(parts)))
        return next((rule for rule in rules if rule is not None), None)

    def why_file_left_out(self, path: str) -> str | None:
        """The same for whoever has judged the folders above the file: only the path itself is looked at."""
        if (rule := self.ignoring_rule(path)) is not None:
            return f"ignored by the pattern {rule}"
        if (what := WHAT_THEY_ARE.get(path.rpartition("/")[2])) is not None:
            return what
        if extension_of(path) not in ACCEPTED_EXTENSIONS:
            return f"not a type that Edge Impulse takes ({extension_of(path) or 'no extension'})"
        return None


def _is_in_trash(path: str) -> bool:
    return TRASH_NAME in path and TRASH_NAME in path.split("/")


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression for all of them. A name may stand in an expression once, and nothing asks for pathspec's."""
    return re.compile("|".join(f"(?:{re.sub(_GROUP_NAME, '(?:', pattern)})" for pattern in patterns) or r"(?!)")
