"""Hold back actions that would destroy or change many files at once, until a person approves.

A script that renames a folder, a person who selects everything in Studio, a disk that comes back with half of its
files: each of these looks like many intended changes. Without approval, only a few actions are executed, and slowly.
Actions of the last hour and of the last day count, and so do those that are allowed but not executed yet. So a large
change cannot pass in small portions over many passes, or by accumulating. The limit is a share of all files, and also
of the files of each folder, so that a small folder beside a large one loses no more than its share.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eisync.core.clock_step import DAY_S, ClockSetting
from eisync.core.model import value

RECENT_S = 3600.0


@value
class Touch:
    """A file that an action changed without a person's approval.

    `at` is when (Unix s); None means that it is allowed but not executed yet. `is_known` says that the file is still in
    the index, so that it is counted there.
    """

    file_id: int
    root_id: int
    at: float | None = None
    is_known: bool = True


@value(kw_only=True)
class Guard:
    """How many files may be changed in an hour without approval: at most `count`, and at most `percent` of all known
    files, but always one. In a day, `day_factor` times as many.
    """

    count: int = 50
    percent: float = 10.0
    day_factor: float = 3.0

    def allowed(self, known: int) -> int:
        """Return the most files that may be changed in an hour when `known` are known. A share is rounded up."""
        return min(self.count, max(1, math.ceil(known * self.percent / 100.0)))

    def allowed_a_day(self, known: int) -> int:
        """Return the same for a day."""
        return math.floor(self.allowed(known) * max(1.0, self.day_factor))


@value
class _Window:
    span_s: float
    name: str
    per: str = ""


_HOUR = _Window(RECENT_S, "hour")
_DAY = _Window(DAY_S, "day", " a day")


@dataclass(slots=True)
class _Share:
    """What one folder, or all folders together, used of the limit in one window. No file is both `done` and `due`."""

    allowed: int
    known: int
    done: set[int]
    due: set[int]

    def why_held(self, wanted: set[int], window: _Window, folder: str) -> str | None:
        new = sum(file not in self.done and file not in self.due for file in wanted)
        if len(self.done) + len(self.due) + new <= self.allowed:
            return None
        after = [f"{len(self.done):,} in the last {window.name}"] if self.done else []
        after += [f"{len(self.due):,} allowed but not done yet"] if self.due else []
        before = f", after {' and '.join(after)}" if after else ""
        return (
            f"it would affect {len(wanted):,} of {self.known:,} files{folder}{before}; at most "
            f"{self.allowed:,}{window.per} without your approval"
        )


class Ledger:
    """Count what was changed without approval, and what may still be changed, for one pass."""

    def __init__(
        self,
        guard: Guard,
        touches: Iterable[Touch],
        known: Mapping[int, int],
        *,
        now: float,
        setting: ClockSetting | None = None,
        names: Mapping[int, str] | None = None,
    ) -> None:
        """`known`: known files by root. `setting`: since when time counts. `names`: the names of the roots."""
        self._guard = guard
        self._names = names or {}
        self._known = known
        self._shares: dict[tuple[_Window, int | None], _Share] = {}
        self._touches = list(touches)
        setting = setting or ClockSetting()
        self._ages = [None if touch.at is None else setting.age_s(touch.at, now) for touch in self._touches]

    def why_held(self, wanted: Iterable[tuple[int, int]]) -> str | None:
        """Return why these files, each with its root, must wait for approval; None when they need not."""
        by_root: dict[int, set[int]] = {}
        for file_id, root_id in wanted:
            by_root.setdefault(root_id, set()).add(file_id)
        if not by_root:
            return None
        # Check all files first: when both limits are exceeded, the reason is about all files.
        why = self._why_too_many(set[int]().union(*by_root.values()), None)
        for root_id, files in by_root.items():
            why = why or self._why_too_many(files, root_id)
        return why

    def _why_too_many(self, wanted: set[int], root_id: int | None) -> str | None:
        folder = "" if root_id is None else f" in {self._names.get(root_id, f'folder {root_id}')}"
        for window in (_HOUR, _DAY):
            why = self._share(window, root_id).why_held(wanted, window, folder)
            if why is not None:
                return why
        return None

    def note(self, file_id: int, root_id: int) -> None:
        """Count the file as changed now."""
        for (_, scope), share in self._shares.items():
            if scope in (None, root_id):
                share.done.add(file_id)
                share.due.discard(file_id)
        self._touches.append(Touch(file_id, root_id, 0.0))
        self._ages.append(0.0)

    def _share(self, window: _Window, root_id: int | None) -> _Share:
        """Return the share, counted on first use: most passes need none."""
        found = self._shares.get((window, root_id))
        if found is None:
            found = self._shares[window, root_id] = self._count(window, root_id)
        return found

    def _count(self, window: _Window, root_id: int | None) -> _Share:
        done: set[int] = set()
        due: set[int] = set()
        lost: set[int] = set()
        for touch, age_s in zip(self._touches, self._ages, strict=True):
            if root_id not in (None, touch.root_id) or (age_s is not None and age_s >= window.span_s):
                continue
            (due if age_s is None else done).add(touch.file_id)
            if not touch.is_known:
                lost.add(touch.file_id)
        # Files that were removed in this window existed when it began, so they count in the total.
        known = sum(self._known.values()) if root_id is None else self._known.get(root_id, 0)
        known += len(lost)
        allowed = self._guard.allowed(known) if window is _HOUR else self._guard.allowed_a_day(known)
        return _Share(allowed, known, done, due - done)


DOUBT_S = 3600.0


def why_doubt_clock(before: float | None, now: float, *, interval_s: float) -> str | None:
    """Return why durations cannot be trusted in this pass; None when they can. `before` is the last pass (Unix s).

    A machine that was asleep looks the same. It loses one pass.
    """
    if before is None or 0.0 <= now - before <= 10.0 * interval_s + DOUBT_S:
        return None
    direction = "back" if now < before else "forward"
    return f"the clock jumped {direction} by {abs(now - before):,.0f} s since the last pass"
