r"""Match paths against regular expressions that cannot take long, whatever the names of the files are.

Python's engine tries every way to divide a text among the parts of an expression. For `(a+)+$` the number of ways
doubles with every character, and the engine holds the interpreter's lock meanwhile. So an expression is checked once,
when it is compiled, and refused when it could take long on a path of `MAX_PATH` characters.

The check looks at every choice in the expression: how often a part repeats, whether an optional part is there, which
alternative is taken. A choice is *determined* when the next character decides it, because the part and what can follow
it begin with different characters: `[^_]+_`. Determined choices cost nothing. Every other choice multiplies the number
of ways, and none may be inside a repeated part, where the number of ways grows exponentially. What the check cannot
count (references to groups, look-around) is refused.

Sources: A. Brüggemann-Klein, D. Wood, "One-Unambiguous Regular Languages", 1998 (a choice that one character decides);
J. Kirrage et al., "Static Analysis for Regular Expression Denial-of-Service Attacks", 2013.
"""

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from eisync.core.text import nfc

MAX_PATTERN_CHARACTERS = 500
MAX_DEPTH = 20
MAX_PATH = 512
"""No pattern matches a longer path (characters)."""
MAX_NAME = 255
"""The longest text without a slash in a path. Source: NAME_MAX of Linux, macOS and Windows."""
MAX_STEPS = 25_000_000
"""The most steps that an expression may need for one path, by an upper bound. The engine needs seconds for as many; an
ordinary path takes a few hundred.
"""

_INLINE_CASE = "(?i)"
_CLASSES = "dDwWsS"
_ASSERTIONS = "AbBZ"
_OTHERS = "\u03b1\u0416\u0663\u4e2d\u00a0\ufffd"  # letters, a digit, a space and a symbol beyond Latin-1

_Set = frozenset[str]
_NOTHING: _Set = frozenset()


@dataclass(frozen=True, slots=True)
class _Character:
    one_of: _Set
    is_any: bool = False


@dataclass(frozen=True, slots=True)
class _Assertion:
    is_start: bool


@dataclass(frozen=True, slots=True)
class _Alternatives:
    branches: "tuple[tuple[_Node, ...], ...]"


@dataclass(frozen=True, slots=True)
class _Repeat:
    body: "_Node"
    low: int
    high: int | None  # None: no limit


_Node = _Character | _Assertion | _Alternatives | _Repeat


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A regular expression for paths. Raises ValueError, with a clause for a person, when it cannot be used.

    It is searched anywhere in the path; `.` stands for every character. Text and paths are compared in NFC.
    """

    text: str
    groups: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _is_at_start: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        compiled = _compiled(nfc(self.text))
        tree = _Parser(nfc(self.text)).tree()
        is_at_start = _begins_at_start(tree)
        _check(tree, is_at_start=is_at_start)
        object.__setattr__(self, "groups", tuple(compiled.groupindex))
        object.__setattr__(self, "_compiled", compiled)
        object.__setattr__(self, "_is_at_start", is_at_start)

    def find(self, path: str) -> re.Match[str] | None:
        """Return the first match in the path, which is in NFC; None when there is none, or the path is too long.

        >>> PathPattern(r"(?P<who>s\\d+)_").find("gym/s01_squat.wav")["who"]
        's01'
        """
        if len(path) > MAX_PATH:
            return None
        return self._compiled.match(path) if self._is_at_start else self._compiled.search(path)


def _compiled(text: str) -> re.Pattern[str]:
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise ValueError(f"has more than {MAX_PATTERN_CHARACTERS} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as for a bracket that a later Python reads in another way
            return re.compile(text, re.DOTALL)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise ValueError(f"is not a regular expression: {error}") from None


class _Parser:
    """Parses an expression that `re` has compiled. Raises ValueError for what the check cannot count."""

    def __init__(self, text: str) -> None:
        self._flags = re.DOTALL
        self._at = self._depth = 0
        if text.startswith(_INLINE_CASE):
            self._flags |= re.IGNORECASE
            self._at = len(_INLINE_CASE)
        self._text = text
        both_cases = text + text.lower() + text.upper()
        self._universe = sorted({*map(chr, range(256)), *both_cases, *_OTHERS})
        self._sets: dict[str, _Set] = {}

    def tree(self) -> _Alternatives:
        return self._alternatives()

    def _alternatives(self) -> _Alternatives:
        branches: list[tuple[_Node, ...]] = []
        nodes: list[_Node] = []
        while self._at < len(self._text) and self._text[self._at] != ")":
            if self._takes("|"):
                branches.append(tuple(nodes))
                nodes = []
            else:
                nodes.append(self._repeated(self._single()))
        return _Alternatives((*branches, tuple(nodes)))

    def _single(self) -> _Node:
        start = self._at
        character = self._next()
        if character == "(":
            return self._group()
        if character in "^$":
            return _Assertion(is_start=character == "^")
        if character == "[":
            self._skip_bracket()
        elif character == "\\":
            escaped = self._next()
            if escaped in _ASSERTIONS:
                return _Assertion(is_start=escaped == "A")
            if escaped.isalnum() and escaped not in _CLASSES:
                raise ValueError(f"contains \\{escaped}, which is not supported")
        found = self._set(self._text[start : self._at])
        return _Character(found, is_any=len(found) == len(self._universe))

    def _group(self) -> _Alternatives:
        if self._takes("?P<"):
            self._at = self._text.index(">", self._at) + 1
        elif self._text.startswith("?", self._at) and not self._takes("?:"):
            what = self._text[self._at - 1 : self._at + 3]
            raise ValueError(f"contains {what}, which is not supported: use (…), (?:…) and (?P<name>…)")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"has groups inside groups more than {MAX_DEPTH} deep")
        inside = self._alternatives()
        self._depth -= 1
        self._at += 1  # the closing bracket
        return inside

    def _skip_bracket(self) -> None:
        self._takes("^")
        self._takes("]")
        while (character := self._next()) != "]":
            if character == "\\" and (escaped := self._next()).isalnum() and escaped not in _CLASSES:
                raise ValueError(f"contains \\{escaped} in brackets, which is not supported")

    def _repeated(self, node: _Node) -> _Node:
        match = re.compile(r"([*+?]|\{(\d*)(,?)(\d*)\})(\+?)").match(self._text, self._at)
        if match is None or match[1] == "{}" or match[1] == "{,}":
            return node
        if match[5]:
            raise ValueError(f"contains {match[0]}, which is not supported")
        self._at = match.end()
        self._takes("?")  # as few as possible: the same ways, in another order
        low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(match[1], (0, None))
        if match[1].startswith("{"):
            low = int(match[2] or 0)
            high = int(match[4]) if match[4] else None if match[3] else low
        return _Repeat(node, low, high)

    def _set(self, source: str) -> _Set:
        """Return the characters, of all that matter here, that a part of the expression matches."""
        if source not in self._sets:
            compiled = re.compile(source, self._flags)
            self._sets[source] = frozenset(one for one in self._universe if compiled.fullmatch(one))
        return self._sets[source]

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _takes(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True


def _begins_at_start(tree: _Alternatives) -> bool:
    """Return whether a match that begins anywhere implies one at the start: after `^`, or with a leading `.*`."""

    def begins(node: _Node) -> bool:
        match node:
            case _Assertion(is_start=is_start):
                return is_start
            case _Repeat(body=_Character(is_any=True), low=0 | 1, high=None):
                return True
            case _Alternatives(branches=branches):
                return all(branch and begins(branch[0]) for branch in branches)
        return False

    return begins(tree)


def _check(tree: _Alternatives, *, is_at_start: bool) -> None:
    """Raise ValueError if the expression can need more than MAX_STEPS steps for a path."""
    ways = list(_choices(tree, _NOTHING, is_repeated=False))
    longest = max((_longest(node) for node in _repeats(tree)), default=1)
    ways += [1 if is_at_start else MAX_PATH, longest]
    # Positions in one text follow each other, so that of n there are n! times fewer than independent ones.
    long = sum(number >= MAX_NAME for number in ways)
    if math.prod(ways) // math.factorial(long) > MAX_STEPS:
        raise ValueError(
            "can take too long: too many of its parts can match the same text; say what separates them, as in "
            "[^_/]+_[^_/]+, or begin with ^"
        )


def _choices(node: _Node, follow: _Set, *, is_repeated: bool) -> Iterator[int]:
    """Yield in how many ways each choice can end that the next character does not decide.

    `follow`: the characters that can come after the node. `is_repeated`: the node is inside a repeated one.
    """
    match node:
        case _Alternatives(branches=branches):
            if not all(_differ(one, other, follow) for one, other in combinations(branches, 2)):
                _refuse_if(is_repeated)
                yield len(branches)
            for branch in branches:
                yield from _choices_in(branch, follow, is_repeated=is_repeated)
        case _Repeat(body=body, low=low, high=high):
            first, is_many = _first([body]), high is None or high > 1
            if low != high and (first & follow or (is_many and _is_empty([body]))):
                _refuse_if(is_repeated or _is_empty([body]))
                yield _longest(node)
            after = follow | first if is_many else follow
            yield from _choices(body, after, is_repeated=is_repeated or is_many)


def _choices_in(nodes: Sequence[_Node], follow: _Set, *, is_repeated: bool) -> Iterator[int]:
    for at, node in enumerate(nodes):
        rest = nodes[at + 1 :]
        after = _first(rest) | (follow if _is_empty(rest) else _NOTHING)
        yield from _choices(node, after, is_repeated=is_repeated)


def _differ(one: Sequence[_Node], other: Sequence[_Node], follow: _Set) -> bool:
    """Return whether no text fits the beginnings of both branches: one character decides, or two words differ."""
    for left, right in zip(one, other, strict=False):
        if not isinstance(left, _Character) or not isinstance(right, _Character):
            break
        if not left.one_of & right.one_of:
            return True
    leads = [_first(nodes) | (follow if _is_empty(nodes) else _NOTHING) for nodes in (one, other)]
    return not leads[0] & leads[1] and not (_is_empty(one) and _is_empty(other))


def _refuse_if(is_repeated: bool) -> None:
    if is_repeated:
        raise ValueError(
            "can take too long: a repeated part contains a choice that the next character does not decide; say what "
            "separates its repeats, as in (?:[^/]+/)*"
        )


def _first(nodes: Sequence[_Node]) -> _Set:
    """Return the characters that the nodes, one after the other, can begin with."""
    found = _NOTHING
    for node in nodes:
        match node:
            case _Character(one_of=one_of):
                found |= one_of
            case _Alternatives(branches=branches):
                found = found.union(*map(_first, branches))
            case _Repeat(body=body):
                found |= _first([body])
        if not _is_empty([node]):
            break
    return found


def _is_empty(nodes: Sequence[_Node]) -> bool:
    """Return whether the nodes can match nothing at all."""
    for node in nodes:
        match node:
            case _Character():
                return False
            case _Alternatives(branches=branches):
                if not any(map(_is_empty, branches)):
                    return False
            case _Repeat(body=body, low=low):
                if low > 0 and not _is_empty([body]):
                    return False
    return True


def _repeats(node: _Node) -> Iterator[_Repeat]:
    match node:
        case _Repeat(body=body):
            yield node
            yield from _repeats(body)
        case _Alternatives(branches=branches):
            for branch in branches:
                for one in branch:
                    yield from _repeats(one)


def _longest(repeat: _Repeat) -> int:
    """Return how often the part can repeat in a path, from no time on."""
    most = MAX_PATH if "/" in _alphabet(repeat.body) else MAX_NAME
    return most if repeat.high is None else min(most, repeat.high - repeat.low + 1)


def _alphabet(node: _Node) -> _Set:
    match node:
        case _Character(one_of=one_of):
            return one_of
        case _Alternatives(branches=branches):
            return _NOTHING.union(*(_alphabet(one) for branch in branches for one in branch))
        case _Repeat(body=body):
            return _alphabet(body)
    return _NOTHING
