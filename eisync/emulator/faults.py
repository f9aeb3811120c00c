"""Inject faults: rules, and random numbers that decide which rule applies to a request. No I/O.

`POST /emulator/faults` takes `{"seed": 7, "rules": [{"where": "ingestion", "kind": "status", …}, …]}`, or only the
list, and replaces all rules. `GET` shows the rules and how often each was applied. `DELETE` removes them. The same seed
and the same order of requests give the same faults. Faults never apply to `/emulator/*` and to the page.

Every rule: `where` (ingestion or studio), `kind`, and optionally

=============== ===========================================================================================
probability     0 to 1: the probability that it applies to a matching request (1)
times           how often it applies at most (no limit)
after           how many matching requests pass before it applies (0)
method, path    match only this HTTP method; only paths that contain this text
=============== ===========================================================================================

Rules are tried in their order. `latency` and `slow_read` add up. Of the other kinds, only the first that applies is
carried out.

=============== ===========================================================================================
latency         wait `seconds`, plus `jitter_s` times a random number from `distribution`: uniform (0 to 1, the
                default), exponential (1 on average) or lognormal (median 1, a long tail)
slow_read       pause `seconds` before each piece of the body is read
status          answer `status` (503) with `error`, and `retry_after` as Retry-After; nothing is stored
rate_limit      let `requests` (10) pass in any `seconds` (1); answer `status` (429) to the others, with the time until
                a request may pass again as Retry-After
redirect        answer `status` (307) to `location` (http://127.0.0.2:9/)
reset_before    reset the connection before the body is read
reset_during    read `bytes` of the body (half of it), then reset the connection; nothing is stored
reset_after     read the whole body, then reset the connection; nothing is stored
outage          from the first matching request on, for `seconds`: reset every matching connection (with `status`:
                answer that)
withhold        carry out the request and store, then close the connection without an answer
truncate        carry out the request, then send half of the answer and close the connection
malformed       carry out the request, then answer 200 with a body that is not JSON
partial         ingestion only: refuse each file with probability `share` (0.5), or those at `positions`, with `error`
count_mismatch  ingestion only: the answer has `extra` (1) entries more than files were sent; negative: fewer
=============== ===========================================================================================
"""

import dataclasses
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PLACES = ("ingestion", "studio")
ADDED_UP = ("latency", "slow_read")
_LONGEST_S = 86_400
_MOST_EXTRA = 10_000
_MOST_REQUESTS = 100_000
_DISTRIBUTIONS: Mapping[str, Callable[[random.Random], float]] = {
    "uniform": lambda generator: generator.random(),
    "exponential": lambda generator: generator.expovariate(1.0),
    "lognormal": lambda generator: generator.lognormvariate(0.0, 1.0),
}
_INGESTION_ONLY = ("partial", "count_mismatch")
KINDS = (
    *ADDED_UP,
    "status",
    "rate_limit",
    "redirect",
    "reset_before",
    "reset_during",
    "reset_after",
    "outage",
    "withhold",
    "truncate",
    "malformed",
    *_INGESTION_ONLY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Raises ValueError if its values are not valid."""

    where: str
    kind: str
    probability: float = 1.0
    times: int | None = None
    after: int = 0
    method: str = ""
    path: str = ""
    seconds: float = 0.0
    jitter_s: float = 0.0
    distribution: str = "uniform"
    requests: int = 10
    status: int | None = None
    retry_after: str | int | float | None = None
    error: str = "The emulator simulates a failure"
    location: str = "http://127.0.0.2:9/"
    bytes: int | None = None
    share: float = 0.5
    positions: Sequence[int] | None = None
    extra: int = 1

    def __post_init__(self) -> None:
        if self.where not in PLACES:
            raise ValueError(f"where should be one of {', '.join(PLACES)}")
        if self.kind not in KINDS:
            raise ValueError(f"kind should be one of {', '.join(KINDS)}")
        if self.kind in _INGESTION_ONLY and self.where != "ingestion":
            raise ValueError(f"{self.kind} is for ingestion only")
        if not 0 <= self.probability <= 1 or not 0 <= self.share <= 1:
            raise ValueError("probability and share should be between 0 and 1")
        if self.after < 0 or (self.times is not None and self.times < 0):
            raise ValueError("after and times should be 0 or more")
        if not 0 <= self.seconds <= _LONGEST_S or not 0 <= self.jitter_s <= _LONGEST_S:
            raise ValueError(f"seconds and jitter_s should be between 0 and {_LONGEST_S}")
        if self.distribution not in _DISTRIBUTIONS:
            raise ValueError(f"distribution should be one of {', '.join(_DISTRIBUTIONS)}")
        if not 0 <= self.requests <= _MOST_REQUESTS:
            raise ValueError(f"requests should be between 0 and {_MOST_REQUESTS}")
        if abs(self.extra) > _MOST_EXTRA:
            raise ValueError(f"extra should be between {-_MOST_EXTRA} and {_MOST_EXTRA}")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError("status should be between 200 and 599")
        if self.bytes is not None and self.bytes < 0:
            raise ValueError("bytes should be 0 or more")
        if any(ord(mark) < 32 for mark in f"{self.retry_after}{self.location}"):
            raise ValueError("retry_after and location should have one line: they are sent as headers")

    def matches(self, where: str, method: str, path: str) -> bool:
        return self.where == where and self.path in path and self.method.upper() in ("", method)


@dataclass(slots=True)
class _Active:
    rule: Rule
    matched: int = 0  # requests so far
    applied: int = 0
    ends_at: float | None = None  # when a running outage ends
    passed_at: deque[float] = field(default_factory=deque)  # the requests that a rate limit recently let pass


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of one request."""

    delay_s: float = 0.0
    read_pause_s: float = 0.0
    rule: Rule | None = None  # the rule that decides how the request ends
    kinds: tuple[str, ...] = ()  # of all rules that apply


class Faults:
    def __init__(self, seed: int = 0) -> None:
        self._active: list[_Active] = []
        self._random = random.Random(seed)  # noqa: S311 (faults, not secrets)

    def replace(self, rules: Sequence[Rule], seed: int) -> None:
        self._active = [_Active(rule) for rule in rules]
        self._random = random.Random(seed)  # noqa: S311 (faults, not secrets)

    def as_json(self) -> list[dict[str, object]]:
        return [dataclasses.asdict(one.rule) | {"applied": one.applied} for one in self._active]

    def draw(self, where: str, method: str, path: str, *, now: float) -> Plan:
        """Decide which faults this request gets. `now` is the time of any monotonic clock, in seconds."""
        delay_s, read_pause_s = 0.0, 0.0
        kinds: list[str] = []
        for one in self._active:
            rule = one.rule
            if not rule.matches(where, method, path) or not self._applies(one, now):
                continue
            kinds.append(rule.kind)
            if rule.kind == "latency":
                drawn = _DISTRIBUTIONS[rule.distribution](self._random) if rule.jitter_s else 0.0
                delay_s += min(rule.seconds + rule.jitter_s * drawn, _LONGEST_S)
            elif rule.kind == "slow_read":
                read_pause_s += rule.seconds
            elif rule.kind == "rate_limit":
                return Plan(delay_s, read_pause_s, _with_room_in(one, now), tuple(kinds))
            else:
                return Plan(delay_s, read_pause_s, rule, tuple(kinds))
        return Plan(delay_s, read_pause_s, None, tuple(kinds))

    def choose_positions(self, rule: Rule, count: int) -> frozenset[int]:
        """Return the positions of the files, of `count`, that a `partial` rule refuses."""
        if rule.positions is not None:
            return frozenset(rule.positions)
        return frozenset(index for index in range(count) if self._random.random() < rule.share)

    def _applies(self, one: _Active, now: float) -> bool:
        if one.ends_at is not None:
            one.applied += now < one.ends_at
            return now < one.ends_at
        one.matched += 1
        if one.matched <= one.rule.after or (one.rule.times is not None and one.applied >= one.rule.times):
            return False
        if one.rule.probability < 1 and self._random.random() >= one.rule.probability:
            return False
        if one.rule.kind == "rate_limit" and _has_room(one, now):
            return False
        if one.rule.kind == "outage":
            one.ends_at = now + one.rule.seconds
        one.applied += 1
        return True


def _has_room(one: _Active, now: float) -> bool:
    """Return whether a rate limit lets this request pass. If so, the request is counted."""
    while one.passed_at and one.passed_at[0] <= now - _window_s(one.rule):
        one.passed_at.popleft()
    if len(one.passed_at) >= one.rule.requests:
        return False
    one.passed_at.append(now)
    return True


def _with_room_in(one: _Active, now: float) -> Rule:
    """Return the rule with a Retry-After: the seconds, rounded up, until a request may pass again."""
    if one.rule.retry_after is not None:
        return one.rule
    oldest = one.passed_at[0] if one.passed_at else now
    return dataclasses.replace(one.rule, retry_after=max(1, math.ceil(oldest + _window_s(one.rule) - now)))


def _window_s(rule: Rule) -> float:
    return rule.seconds or 1.0


def read_rules(document: object) -> tuple[list[Rule], int | None]:
    """Read the rules and the seed from the body of a request. The text of a ValueError is the answer to its sender."""
    seed = None
    if isinstance(document, dict):
        seed = document.get("seed")
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
            raise ValueError("seed should be a whole number")
        document = document.get("rules")
    if not isinstance(document, list):
        raise ValueError("expected a list of rules")
    return [_read_rule(one) for one in document], seed


_TYPES: Mapping[str, tuple[type, ...]] = {
    "where": (str,),
    "kind": (str,),
    "probability": (int, float),
    "times": (int, type(None)),
    "after": (int,),
    "method": (str,),
    "path": (str,),
    "seconds": (int, float),
    "jitter_s": (int, float),
    "distribution": (str,),
    "requests": (int,),
    "status": (int, type(None)),
    "retry_after": (str, int, float, type(None)),
    "error": (str,),
    "location": (str,),
    "bytes": (int, type(None)),
    "share": (int, float),
    "positions": (list, type(None)),
    "extra": (int,),
}


def _read_rule(found: object) -> Rule:
    if not isinstance(found, dict) or not {"where", "kind"} <= found.keys():
        raise ValueError("a rule should be an object with where and kind")
    fields: dict[str, Any] = {}
    for name, value in found.items():
        if name not in _TYPES:
            raise ValueError(f"a rule has no field {name}")
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            raise ValueError(f"{name} has the wrong type")
        fields[name] = value
    positions = fields.get("positions")
    if positions is not None and not all(isinstance(one, int) for one in positions):
        raise ValueError("positions should be whole numbers")
    return Rule(**fields)
