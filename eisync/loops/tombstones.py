"""Decide which files become tombstones, because the service does not list or know their samples any more.

A few do by themselves. Where more vanished than the guard allows, it may be that nobody deleted them: the project was
emptied, or restored from an older state. Then they wait as a plan of their own for a person, who says yes (they were
deleted) or no (they are sent again).
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Protocol

from eisync.core import emptied, plan
from eisync.core.acts import Act, FileSide, Policy, tombstone
from eisync.core.guard import Guard, Ledger
from eisync.core.items import Missing
from eisync.loops.errand import Errand
from eisync.loops.guarding import Books, Guarding
from eisync.loops.ports import Log
from eisync.loops.sweeping import Tally
from eisync.loops.timekeeping import RIGHT, Times

MOST_FILES = 10_000
"""So many are proposed at once; what is left over is proposed once these are decided on."""

ABOUT = "tombstones"
UNWATCHED = Policy()
"""What follows in a folder that is not watched any more: nothing but the tombstone."""


class Vanished(Books, Protocol):
    """What is known of files whose samples were not listed, and where it is written down what waits."""

    def doomed(self, target: str, sample_ids: Iterable[int], *, limit: int) -> list[FileSide]: ...
    def decided(self, acts: Iterable[Act]) -> set[str]: ...
    def hold(self, target: str, acts: Sequence[Act], why: str, *, now: float, about: str) -> tuple[int, bool]: ...
    def withdraw(self, target: str, *, now: float, about: str) -> None: ...
    def missing(self, target: str) -> emptied.Missing: ...


class Beliefs(Protocol):
    """The index, as whoever was told of a sample sees it."""

    def bury(self, target: str, sample_id: int, *, now: float) -> list[int]: ...
    def spare(self, target: str, sample_id: int) -> None: ...


class Tombstones:
    """The decisions of all targets. Its generators ask the service once a step."""

    def __init__(
        self,
        vanished: Vanished,
        beliefs: Beliefs,
        *,
        guard: Guard,
        clock: Callable[[], float],
        log: Log,
        times: Times = RIGHT,
    ) -> None:
        self._vanished = vanished
        self._beliefs = beliefs
        self._guarding = Guarding(vanished, guard, times)
        self._times = times
        self._clock = clock
        self._log = log

    def conclude(self, errand: Errand, missing: Iterable[Missing], tally: Tally) -> Iterator[None]:
        """After a complete sweep that did not list these samples of ours. Raises what the service raises."""
        suspects = [ask.sample_id for ask in plan.suspects(missing)]
        now = self._clock()
        doomed = self._vanished.doomed(errand.target, suspects, limit=MOST_FILES) if suspects else []
        # What never was listed was not deleted: whoever buries its sample sends its file again.
        sides = [side for side in doomed if any(held.is_listed for held in side.samples)]
        proposed = self._proposed(errand, sides)
        # What was decided on is carried out as it was, and what is more than are proposed at once waits.
        others = {held.sample.id for side in sides for held in side.samples}
        others -= {held.sample.id for side, _ in proposed.values() for held in side.samples}
        if len(doomed) == MOST_FILES:
            others |= set(suspects) - {held.sample.id for side in doomed for held in side.samples}
        suspects = [sample_id for sample_id in suspects if sample_id not in others]
        doubt = self._times.why_doubt() if proposed else None
        ledger = self._guarding.ledger(errand, now, tombstones=True)
        gone = yield from self._ask(errand, suspects, proposed, None if doubt else ledger)
        self._decide(errand, proposed, gone, doubt, ledger, tally)

    def _proposed(self, errand: Errand, sides: Iterable[FileSide]) -> dict[str, tuple[FileSide, Act]]:
        """By key."""
        found = {}
        for side in sides:
            act = tombstone(side, errand.policies.get(side.root_id, UNWATCHED))
            if act is not None:
                found[act.key] = (side, act)
        decided = self._vanished.decided(act for _, act in found.values())
        return {key: pair for key, pair in found.items() if key not in decided}

    def _ask(
        self,
        errand: Errand,
        suspects: Sequence[int],
        proposed: dict[str, tuple[FileSide, Act]],
        ledger: Ledger | None,
    ) -> Generator[None, None, list[int] | None]:
        """Those that the service does not know; None when they are too many, and the rest need not be asked for.

        What leaves no file without a sample is written down at once. What is there after all is not proposed.
        """
        files_of: dict[int, list[str]] = {}
        for key, (side, _) in proposed.items():
            for held in side.samples:
                files_of.setdefault(held.sample.id, []).append(key)
        gone: list[int] = []
        left: dict[int, int] = {}
        is_too_many = ledger is None
        for sample_id in suspects:
            keys = files_of.get(sample_id, ())
            if keys and is_too_many:
                continue
            errand.check_project()
            if errand.studio.is_there(sample_id):
                self._beliefs.spare(errand.target, sample_id)
                for key in keys:
                    proposed.pop(key, None)
            elif not keys:
                self._bury(errand, sample_id)
            else:
                gone.append(sample_id)
                left |= {side.id: side.root_id for side, _ in (proposed[key] for key in keys if key in proposed)}
                is_too_many = ledger is not None and ledger.why_held(left.items()) is not None
            yield
        return None if is_too_many else gone

    def _decide(
        self,
        errand: Errand,
        proposed: dict[str, tuple[FileSide, Act]],
        gone: list[int] | None,
        doubt: str | None,
        ledger: Ledger,
        tally: Tally,
    ) -> None:
        now = self._clock()
        if gone is not None or not proposed:
            self._vanished.withdraw(errand.target, now=now, about=ABOUT)
            for sample_id in gone or ():
                errand.check_project()
                tally.buried += self._bury(errand, sample_id)
            return
        if doubt is not None:
            tally.note(f"no file counts as deleted in the project in this pass: {doubt}")
            return
        acts = [act for _, act in proposed.values()]
        why = ledger.why_held((side.id, side.root_id) for side, _ in proposed.values()) or (
            "too many samples disappeared"
        )
        empty = emptied.why_emptied(self._vanished.missing(errand.target))
        why = why if empty is None else f"{why}; {empty}"
        plan_id, is_new = self._vanished.hold(errand.target, acts, why, now=now, about=ABOUT)
        tally.plan, tally.waiting = plan_id, tally.waiting + len(acts)
        tally.note(f"plan {plan_id} waits for your approval: {why}; 'eisync plan' shows it")
        if is_new:
            self._log.warning("plan.waits", target=errand.target, plan=plan_id, acts=len(acts), reason=why)

    def _bury(self, errand: Errand, sample_id: int) -> int:
        """Returns how many files became tombstones."""
        buried = self._beliefs.bury(errand.target, sample_id, now=self._clock())
        for file_id in buried:
            self._log.warning("file.tombstoned", target=errand.target, file=file_id, sample=sample_id)
        return len(buried)
