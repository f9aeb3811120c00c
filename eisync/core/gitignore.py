"""Match paths against gitignore patterns in time that is linear in the pattern and the path.

Anyone who can write into a watched folder can provide patterns, and matching holds the interpreter's lock. So each
pattern becomes an expression that never backtracks: the text after a `*` is matched at its first occurrence, in an
atomic group, and `**` does the same with whole folders. (The first occurrence is as good as any later one, because what
follows the next wildcard can begin anywhere after it.) The number and the length of patterns are limited.

A pattern applies only to the exact path that is asked for, as in git. The caller checks the folders above it first.

Sources: gitignore(5); git's wildmatch.c, for the contents of brackets.
"""

import re
from collections.abc import Iterable, Iterator

from eisync.core.model import value

MAX_PATTERNS = 500
MAX_PATTERN_CHARACTERS = 1_000
MAX_CHARACTERS = 16 * 1024
"""The limit for all patterns together, without comments."""
MAX_SEARCHING_CHARACTERS = 2 * 1024
"""The limit for all patterns that search whole paths at any depth (`a/**/b`). These are the slowest: think of a path of
2,000 folders."""

_STAR = "*"
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\r\\f\\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_NEVER = re.compile(r"(?!)")


@value
class _Rule:
    index: int  # of its line
    is_ignoring: bool  # False: it includes again
    is_for_folders: bool
    is_of_name: bool  # it applies to the last part of a path; otherwise to the whole path
    expression: str


class GitIgnore:
    """Lines of patterns, compiled once. Raises ValueError, with a sentence, for an invalid pattern or too many."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._latest_first = _rules_of(lines)[::-1]
        self.weight = sum(len(rule.expression) for rule in self._latest_first)  # characters; memory grows with them
        self._of_names = _any_of(rule.expression for rule in self._latest_first if rule.is_of_name)
        self._of_paths = _any_of(rule.expression for rule in self._latest_first if not rule.is_of_name)
        self._compiled: dict[int, re.Pattern[str]] = {}  # single rules, compiled on first use

    def decide(self, path: str, *, is_folder: bool = False) -> tuple[bool, int] | None:
        """Return whether `path` is ignored, and by which line (from 0): the last that matches. None: no line matches.

        >>> GitIgnore(["*.csv", "!keep.csv"]).decide("day/keep.csv")
        (False, 1)
        """
        name = path.rpartition("/")[2]
        has_name = self._of_names.match(name) is not None
        if not has_name and (self._of_paths is _NEVER or self._of_paths.match(path) is None):
            return None  # true for nearly every file
        for rule in self._latest_first:
            if rule.is_for_folders and not is_folder:
                continue
            compiled = self._compiled.get(rule.index)
            if compiled is None:
                compiled = self._compiled[rule.index] = re.compile(rule.expression)
            if compiled.match(name if rule.is_of_name else path) is not None:
                return rule.is_ignoring, rule.index
        return None


def _rules_of(lines: Iterable[str]) -> list[_Rule]:
    rules: list[_Rule] = []
    number = characters = searching = 0
    for index, line in enumerate(lines):
        pattern = line if line.endswith("\\ ") else line.rstrip()
        if not pattern or pattern.startswith("#"):
            continue
        number, characters = number + 1, characters + len(pattern)
        if len(pattern) > MAX_PATTERN_CHARACTERS:
            raise ValueError(f"a pattern has more than {MAX_PATTERN_CHARACTERS:,} characters: {pattern[:40]!r}…")
        if number > MAX_PATTERNS:
            raise ValueError(f"there are more than {MAX_PATTERNS} patterns")
        if characters > MAX_CHARACTERS:
            raise ValueError(f"the patterns have more than {MAX_CHARACTERS:,} characters together")
        rule = _rule_of(pattern, index)
        if rule is not None:
            rules.append(rule)
            searching += len(pattern) if "**" in pattern and not rule.is_of_name else 0
        if searching > MAX_SEARCHING_CHARACTERS:
            raise ValueError(f"the patterns with ** have more than {MAX_SEARCHING_CHARACTERS:,} characters together")
    return rules


def _rule_of(pattern: str, index: int) -> _Rule | None:
    """Return the rule for a pattern; None for a pattern that no path can match."""
    is_ignoring = not pattern.startswith("!")
    glob = pattern if is_ignoring else pattern[1:]
    if not glob:
        raise ValueError(f"the pattern {pattern!r} matches nothing")
    is_for_folders = glob.endswith("/")
    parts = (glob[:-1] if is_for_folders else glob).removeprefix("/").split("/")
    if len(parts) > 1:  # a part of three or more stars means the same as two (git, wildmatch.c)
        parts = ["**" if len(part) > 2 and not part.strip("*") else part for part in parts]
    is_of_name = "/" not in glob[:-1] or (len(parts) == 2 and parts[0] == "**" != parts[1])
    if "" in parts:
        return None
    try:
        expression = _of_part(parts[-1]) + r"\Z" if is_of_name else _of_path(parts)
    except _NoMatchError:
        return None
    except ValueError as error:
        raise ValueError(f"the pattern {pattern!r} cannot be used: {error}") from None
    return _Rule(index, is_ignoring, is_for_folders, is_of_name, expression)


class _NoMatchError(Exception):
    """By git's rules, nothing can match the pattern."""


def _of_path(parts: list[str]) -> str:
    """Return the expression for a pattern of whole paths. The parts between two `**` must be adjacent folders."""
    runs: list[list[str]] = [[]]
    for part in parts:
        if part != "**":
            runs[-1].append(part)
        elif runs[-1] or len(runs) == 1:
            runs.append([])
    expression = ""
    for number, run in enumerate(runs[:-1]):
        folders = "".join(f"(?>{_of_part(part)}/)" for part in run)
        expression += folders if number == 0 else f"(?>(?:[^/]+/)*?{folders})"
    last = runs[-1]
    if not last:
        return expression + r"(?s:.)"  # everything in the folder
    anywhere = r"(?>[^/]+/)*" if len(runs) > 1 else ""
    folders = "".join(f"(?>{_of_part(part)}/)" for part in last[:-1])
    return rf"{expression}{anywhere}{folders}{_of_part(last[-1])}\Z"


def _of_part(glob: str) -> str:
    """Return the expression for one part of a path, without the separator after it."""
    if not glob.strip("*"):
        return "[^/]+"
    fixed: list[list[str]] = [[]]
    for token in _tokens(glob):
        if token != _STAR:
            fixed[-1].append(token)
        elif fixed[-1] or len(fixed) == 1:
            fixed.append([])
    pieces = ["".join(piece) for piece in fixed]
    if len(pieces) == 1:
        return pieces[0]
    middle = "".join(f"(?>[^/]*?{piece})" for piece in pieces[1:-1])
    return f"{pieces[0]}{middle}[^/]*{pieces[-1]}"


def _tokens(glob: str) -> Iterator[str]:
    """Yield an expression for each single character, and `*` unchanged."""
    at = 0
    while at < len(glob):
        character = glob[at]
        at += 1
        match character:
            case "*":
                yield _STAR
            case "?":
                yield "[^/]"
            case "[":
                expression, at = _bracket(glob, at)
                yield expression
            case "\\" if at == len(glob):
                raise ValueError("nothing follows its last backslash")
            case "\\":
                yield re.escape(glob[at])
                at += 1
            case _:
                yield re.escape(character)


def _bracket(glob: str, at: int) -> tuple[str, int]:
    """Return the expression for the brackets that opened before `at`, and where they end. They match no slash."""
    is_negated = glob[at : at + 1] in ("!", "^")
    at = first = at + is_negated
    inner = ""
    while glob[at : at + 1] != "]" or at == first:
        if glob.startswith("[:", at) and (end := glob.find(":]", at + 2)) >= 0:
            name, at = glob[at + 2 : end], end + 2
            if name not in _CLASSES:
                raise _NoMatchError
            inner += _CLASSES[name]
            continue
        low, at = _literal(glob, at)
        if glob[at : at + 1] == "-" and glob[at + 1 : at + 2] not in ("]", ""):
            high, at = _literal(glob, at + 1)
            if high < low:
                raise ValueError(f"the range {low}-{high} is reversed")
            inner += f"{re.escape(low)}-{re.escape(high)}"
        else:
            inner += re.escape(low)
    return (f"[^/{inner}]" if is_negated else f"(?!/)[{inner}]"), at + 1


def _literal(glob: str, at: int) -> tuple[str, int]:
    """Return the character at `at`, after an optional backslash. When the brackets have no end, nothing matches."""
    if glob[at : at + 1] == "\\":
        at += 1
    if at >= len(glob):
        raise _NoMatchError
    return glob[at], at + 1


def _any_of(expressions: Iterable[str]) -> re.Pattern[str]:
    joined = "|".join(expressions)
    compiled = re.compile(joined) if joined else _NEVER
    if len(joined) > MAX_PATTERN_CHARACTERS:
        re.purge()  # the cache of `re` would keep hundreds of them, half a megabyte each
    return compiled
