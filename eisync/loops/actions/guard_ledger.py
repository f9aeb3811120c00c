"""What the guard is told: what was touched by itself lately, what is to be, and how much there is.

The same ledger is asked when something is decided and when it is carried out; an action that was allowed hours ago and
could not be done is held back then, if others were done meanwhile.
"""

from typing import Protocol

from eisync.core.clock_step import DAY_S
from eisync.core.guard import Guard, Ledger, Touch
from eisync.core.model import shown
from eisync.loops.clock_monitor import RIGHT, Times
from eisync.loops.reconciler.context import TargetContext


class Books(Protocol):
    """Where it is written down."""

    def census(self, target: str) -> dict[int, tuple[int, int]]: ...
    def touches(self, target: str, *, since: float, tombstones: bool = False) -> list[Touch]: ...
    def places(self) -> dict[int, str]: ...


class GuardLedger:
    """The guard with its books. What files become tombstones is counted apart from what is done to them."""

    def __init__(self, books: Books, guard: Guard, times: Times = RIGHT) -> None:
        self._books = books
        self._guard = guard
        self._times = times

    def why_doubt(self) -> str | None:
        """Why no window can be looked at: the clock is in doubt."""
        return self._times.why_doubt()

    def ledger(
        self, context: TargetContext, now: float, *, tombstones: bool = False, counts_due: bool = True
    ) -> Ledger:
        """Of the errand's folders. `tombstones`: of files that become those, and of nothing else that is done.

        `counts_due` False: what is due is asked for one by one, as it is carried out.
        """
        setting = self._times.setting()
        touches = self._books.touches(context.target, since=setting.since(DAY_S, now), tombstones=tombstones)
        census = self._books.census(context.target)
        roots = census if tombstones else context.policies  # those of folders that are not watched any more vanish too
        return Ledger(
            self._guard,
            (touch for touch in touches if counts_due or touch.at is not None),
            {root_id: census.get(root_id, (0, 0))[0] for root_id in roots},
            now=now,
            setting=setting,
            names={root_id: shown(path) for root_id, path in self._books.places().items()},
        )
