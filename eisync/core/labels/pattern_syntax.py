"""Parse a regular expression into what decides how long it can take: its choices and the characters that they take.

Only what `re` has compiled is parsed, and of that only what can be counted: characters, groups, alternatives, repeats
and positions. Anything else is refused with a clause for a person.
"""

import re

from eisync.core.model import value

MAX_DEPTH = 20

_INLINE_CASE = "(?i)"
_CLASSES = "dDwWsS"
_ASSERTIONS = "AbBZ"
_OTHERS = "\u03b1\u0416\u0663\u4e2d\u00a0\ufffd"  # letters, a digit, a space and a symbol beyond Latin-1
_REPEAT = re.compile(r"([*+?]|\{(\d*)(,?)(\d*)\})(\+?)")

CharacterSet = frozenset[str]
"""The characters, of all that matter for one expression, that a part of it matches."""


@value
class Character:
    """One character of a set. `is_any`: of all."""

    one_of: CharacterSet
    is_any: bool = False


@value
class Assertion:
    """A position, which takes no character. `is_start`: the begin of the path."""

    is_start: bool


@value
class Alternatives:
    """A group: one of its branches."""

    branches: "tuple[tuple[Node, ...], ...]"


@value
class Repeat:
    """A part that repeats `low` to `high` times."""

    body: "Node"
    low: int
    high: int | None  # None: no limit


Node = Character | Assertion | Alternatives | Repeat


def parse(text: str) -> Alternatives:
    """Return the parts of an expression that `re` has compiled. Raises ValueError for what cannot be counted."""
    return _Parser(text).tree()


class _Parser:
    """One pass over the text. `_at` is the current position."""

    def __init__(self, text: str) -> None:
        self._flags = re.DOTALL
        self._at = self._depth = 0
        if text.startswith(_INLINE_CASE):
            self._flags |= re.IGNORECASE
            self._at = len(_INLINE_CASE)
        self._text = text
        both_cases = text + text.lower() + text.upper()
        self._universe = sorted({*map(chr, range(256)), *both_cases, *_OTHERS})
        self._sets: dict[str, CharacterSet] = {}

    def tree(self) -> Alternatives:
        return self._alternatives()

    def _alternatives(self) -> Alternatives:
        branches: list[tuple[Node, ...]] = []
        nodes: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] != ")":
            if self._takes("|"):
                branches.append(tuple(nodes))
                nodes = []
            else:
                nodes.append(self._repeated(self._single()))
        return Alternatives((*branches, tuple(nodes)))

    def _single(self) -> Node:
        start = self._at
        character = self._next()
        if character == "(":
            return self._group()
        if character in "^$":
            return Assertion(is_start=character == "^")
        if character == "[":
            self._skip_bracket()
        elif character == "\\":
            escaped = self._next()
            if escaped in _ASSERTIONS:
                return Assertion(is_start=escaped == "A")
            if escaped.isalnum() and escaped not in _CLASSES:
                raise ValueError(f"contains \\{escaped}, which is not supported")
        found = self._set(self._text[start : self._at])
        return Character(found, is_any=len(found) == len(self._universe))

    def _group(self) -> Alternatives:
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

    def _repeated(self, node: Node) -> Node:
        match = _REPEAT.match(self._text, self._at)
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
        return Repeat(node, low, high)

    def _set(self, source: str) -> CharacterSet:
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
