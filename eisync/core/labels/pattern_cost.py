"""Decide whether a regular expression can take long on a path, whatever the path is.

The check looks at every choice in the expression: how often a part repeats, whether an optional part is there, which
alternative is taken. A choice is *determined* when the next character decides it, because the part and what can follow
it begin with different characters: `[^_]+_`. Determined choices cost nothing. Every other choice multiplies the number
of ways, and none may be inside a repeated part, where the number of ways grows exponentially.

Sources: A. Brüggemann-Klein, D. Wood, "One-Unambiguous Regular Languages", 1998 (a choice that one character decides);
J. Kirrage et al., "Static Analysis for Regular Expression Denial-of-Service Attacks", 2013.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

from eisync.core.labels.pattern_syntax import Alternatives, Assertion, Character, CharacterSet, Node, Repeat

MAX_PATH = 512
"""The longest path that is matched (characters)."""
MAX_NAME = 255
"""The longest text without a slash in a path. Source: NAME_MAX of Linux, macOS and Windows."""
MAX_STEPS = 25_000_000
"""The most steps that an expression may need for one path, by an upper bound. The engine needs seconds for as many; an
ordinary path takes a few hundred.
"""

_NOTHING: CharacterSet = frozenset()


def begins_at_start(tree: Alternatives) -> bool:
    """Return whether a match that begins anywhere implies one at the start: after `^`, or with a leading `.*`."""

    def begins(node: Node) -> bool:
        match node:
            case Assertion(is_start=is_start):
                return is_start
            case Repeat(body=Character(is_any=True), low=0 | 1, high=None):
                return True
            case Alternatives(branches=branches):
                return all(branch and begins(branch[0]) for branch in branches)
        return False

    return begins(tree)


def refuse_slow(tree: Alternatives, *, is_at_start: bool) -> None:
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


def _choices(node: Node, follow: CharacterSet, *, is_repeated: bool) -> Iterator[int]:
    """Yield in how many ways each choice can end that the next character does not decide.

    `follow`: the characters that can come after the node. `is_repeated`: the node is inside a repeated one.
    """
    match node:
        case Alternatives(branches=branches):
            if not all(_differ(one, other, follow) for one, other in combinations(branches, 2)):
                _refuse_if(is_repeated)
                yield len(branches)
            for branch in branches:
                yield from _choices_in(branch, follow, is_repeated=is_repeated)
        case Repeat(body=body, low=low, high=high):
            first, is_many = _first([body]), high is None or high > 1
            if low != high and (first & follow or (is_many and _is_empty([body]))):
                _refuse_if(is_repeated or _is_empty([body]))
                yield _longest(node)
            after = follow | first if is_many else follow
            yield from _choices(body, after, is_repeated=is_repeated or is_many)


def _choices_in(nodes: Sequence[Node], follow: CharacterSet, *, is_repeated: bool) -> Iterator[int]:
    for at, node in enumerate(nodes):
        rest = nodes[at + 1 :]
        after = _first(rest) | (follow if _is_empty(rest) else _NOTHING)
        yield from _choices(node, after, is_repeated=is_repeated)


def _differ(one: Sequence[Node], other: Sequence[Node], follow: CharacterSet) -> bool:
    """Return whether no text fits the beginnings of both branches: one character decides, or two words differ."""
    for left, right in zip(one, other, strict=False):
        if not isinstance(left, Character) or not isinstance(right, Character):
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


def _first(nodes: Sequence[Node]) -> CharacterSet:
    """Return the characters that the nodes, one after the other, can begin with."""
    found = _NOTHING
    for node in nodes:
        match node:
            case Character(one_of=one_of):
                found |= one_of
            case Alternatives(branches=branches):
                found = found.union(*map(_first, branches))
            case Repeat(body=body):
                found |= _first([body])
        if not _is_empty([node]):
            break
    return found


def _is_empty(nodes: Sequence[Node]) -> bool:
    """Return whether the nodes can match nothing at all."""
    for node in nodes:
        match node:
            case Character():
                return False
            case Alternatives(branches=branches):
                if not any(map(_is_empty, branches)):
                    return False
            case Repeat(body=body, low=low):
                if low > 0 and not _is_empty([body]):
                    return False
    return True


def _repeats(node: Node) -> Iterator[Repeat]:
    match node:
        case Repeat(body=body):
            yield node
            yield from _repeats(body)
        case Alternatives(branches=branches):
            for branch in branches:
                for one in branch:
                    yield from _repeats(one)


def _longest(repeat: Repeat) -> int:
    """Return how often the part can repeat in a path, from no time on."""
    most = MAX_PATH if "/" in _alphabet(repeat.body) else MAX_NAME
    return most if repeat.high is None else min(most, repeat.high - repeat.low + 1)


def _alphabet(node: Node) -> CharacterSet:
    match node:
        case Character(one_of=one_of):
            return one_of
        case Alternatives(branches=branches):
            return _NOTHING.union(*(_alphabet(one) for branch in branches for one in branch))
        case Repeat(body=body):
            return _alphabet(body)
    return _NOTHING
