"""Decide what is to be done so that folders and project agree: propose, and let the guard look at all of it together.

Nothing is done here. What the guard lets pass is written down as due; what it holds back waits as a plan for a person.
A folder that is away, or in which nothing is left, and a clock that jumped are no reason to delete anything.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from eisync.core import guard
from eisync.core.absence import why_inconclusive
from eisync.core.acts import Act, Cause, FileSide, Occasion, is_agreed, occasions, propose, sentence
from eisync.core.guard import Guard, Touch
from eisync.loops.errand import Errand
from eisync.loops.guarding import Guarding
from eisync.loops.lineage import Lineages, Trusting
from eisync.loops.ports import Log
from eisync.loops.sweeping import Tally
from eisync.loops.timekeeping import RIGHT, Times

SIDES_A_STEP = 500
MOST_ACTS = 10_000
"""So many are proposed in one pass; what is left over is proposed once these are decided on."""


class Wishes(Protocol):
    """What of the index something may follow from."""

    def sides(
        self, target: str, occasion: Occasion, roots: Iterable[int], *, after_id: int, limit: int
    ) -> list[FileSide]: ...
    def census(self, target: str) -> dict[int, tuple[int, int]]: ...
    def offline(self) -> set[int]: ...
    def touches(self, target: str, *, since: float, tombstones: bool = False) -> list[Touch]: ...
    def places(self) -> dict[int, str]: ...
    def decided(self, acts: Iterable[Act]) -> set[str]: ...
    def approved(self, target: str, file_ids: Iterable[int]) -> dict[int, int]: ...


class Decisions(Protocol):
    """Where it is written down what may be done, and what waits."""

    def agree(self, file_ids: Iterable[int]) -> None: ...
    def allow(self, target: str, acts: Iterable[Act], *, now: float) -> None: ...
    def allow_with(self, target: str, acts: Iterable[Act], plan_id: int, *, now: float) -> None: ...
    def hold(self, target: str, acts: Sequence[Act], why: str, *, now: float) -> tuple[int, bool]: ...
    def withdraw(self, target: str, *, now: float) -> None: ...
    def forget_old(self, target: str, *, now: float) -> None: ...


class Evidence(Protocol):
    """What tells a person's deletion from what only looks like one."""

    def complete(
        self, errand: Errand, sides: Sequence[FileSide], *, adopts: bool
    ) -> Generator[None, None, list[FileSide]]: ...


@dataclass(slots=True)
class _Proposed:
    """By key, so that a file that was renamed and changed is not proposed twice."""

    acts: dict[str, Act] = field(default_factory=dict)
    roots: dict[int, int] = field(default_factory=dict)  # by file
    agreed: list[int] = field(default_factory=list)


class Decider:
    """The decisions of all targets. Its generators do one bounded look a step."""

    def __init__(
        self,
        wishes: Wishes,
        decisions: Decisions,
        evidence: Evidence,
        *,
        guard: Guard,
        clock: Callable[[], float],
        log: Log,
        times: Times = RIGHT,
        lineages: Lineages | None = None,
    ) -> None:
        self._wishes = wishes
        self._evidence = evidence
        self._decisions = decisions
        self._guarding = Guarding(wishes, guard, times)
        self._times = times
        self._lineages = lineages or Trusting()
        self._clock = clock
        self._log = log
        self._decided_at: dict[str, float] = {}

    def decide(self, errand: Errand, tally: Tally) -> Iterator[None]:
        """Write down what may be done, and what waits for a person."""
        now = self._clock()
        doubt = guard.why_doubt_clock(self._decided_at.get(errand.target), now, interval_s=errand.interval_s)
        self._decided_at[errand.target] = now
        doubt = doubt or self._times.why_doubt()
        if doubt is not None:
            self._log.warning("plan.skipped", target=errand.target, reason=doubt)
            tally.note(f"nothing is deleted or changed in this pass: {doubt}")
            return
        proposed = yield from self._propose(errand, now, tally, adopts=True)
        self._decisions.agree(proposed.agreed)
        self._decisions.forget_old(errand.target, now=now)
        acts = self._unapproved(errand, self._undecided(proposed), now)
        why = self._why_held(errand, acts, proposed, now)
        yield
        if not acts:
            self._decisions.withdraw(errand.target, now=now)
        elif why is None:
            self._decisions.allow(errand.target, acts, now=now)
        else:
            plan_id, is_new = self._decisions.hold(errand.target, acts, why, now=now)
            tally.plan, tally.waiting = plan_id, len(acts)
            tally.note(f"plan {plan_id} waits for your approval: {why}; 'eisync plan' shows it")
            if is_new:
                self._log.warning("plan.waits", target=errand.target, plan=plan_id, acts=len(acts), reason=why)

    def preview(self, errand: Errand, tally: Tally) -> Iterator[None]:
        """Tell what would be decided, and write nothing down."""
        now = self._clock()
        proposed = yield from self._propose(errand, now, tally, adopts=False)
        acts = self._undecided(proposed)
        why = self._why_held(errand, acts, proposed, now)
        if why is not None:
            tally.waiting = len(acts)
            tally.note(f"this would wait for your approval: {why}")
        else:
            tally.done = len(acts)
        for act in acts:
            tally.note(f"would {sentence(act)}")

    def _propose(self, errand: Errand, now: float, tally: Tally, *, adopts: bool) -> Generator[None, None, _Proposed]:
        proposed = _Proposed()
        away = self._wishes.offline()
        for occasion, roots in occasions(errand.policies).items():
            wanted = roots - away
            if occasion is Occasion.ABSENT:
                wanted -= self._emptied(errand, wanted, tally) | self._doubted(wanted, tally)
            after_id = 0
            while len(proposed.acts) < MOST_ACTS:
                sides = self._wishes.sides(errand.target, occasion, wanted, after_id=after_id, limit=SIDES_A_STEP)
                if not sides:
                    break
                if occasion is Occasion.ABSENT:
                    sides = yield from self._evidence.complete(errand, sides, adopts=adopts)
                    _tell_inconclusive(sides, now, tally)
                for side in sides:
                    self._look_at(side, errand, now, proposed)
                after_id = sides[-1].id
                yield
        return proposed

    def _look_at(self, side: FileSide, errand: Errand, now: float, proposed: _Proposed) -> None:
        acts = propose(side, errand.policies[side.root_id], now=now)
        proposed.acts |= {act.key: act for act in acts}
        proposed.roots[side.id] = side.root_id
        if not acts and side.absent_at is None and is_agreed(side):
            proposed.agreed.append(side.id)

    def _emptied(self, errand: Errand, roots: Iterable[int], tally: Tally) -> frozenset[int]:
        """Roots that held files and hold none of them now: a disk that is not mounted looks the same."""
        census = self._wishes.census(errand.target)
        emptied = frozenset(root_id for root_id in roots if census.get(root_id, (0, 1))[1] == 0)
        for root_id in sorted(emptied):
            known = census[root_id][0]
            tally.note(
                f"a folder that held {known:,} files is empty now; eisync deletes nothing in the project because "
                "of that"
            )
        return emptied

    def _doubted(self, roots: Iterable[int], tally: Tally) -> frozenset[int]:
        """Roots of which nobody can tell who took away what is missing there."""
        reasons = {root_id: self._lineages.why_doubted(root_id) for root_id in sorted(roots)}
        for reason in reasons.values():
            if reason is not None:
                tally.note(f"no sample of a missing file is deleted in the project: {reason}")
        return frozenset(root_id for root_id, reason in reasons.items() if reason is not None)

    def _undecided(self, proposed: _Proposed) -> list[Act]:
        decided = self._wishes.decided(proposed.acts.values()) if proposed.acts else set()
        return [act for key, act in proposed.acts.items() if key not in decided]

    def _unapproved(self, errand: Errand, acts: list[Act], now: float) -> list[Act]:
        """What is left to be decided on; what follows from a plan that a person approved is allowed with it."""
        after_remote = [act.file_id for act in acts if act.cause is Cause.REMOTE_DELETION]
        plans = self._wishes.approved(errand.target, after_remote) if after_remote else {}
        following: dict[int, list[Act]] = {}
        left: list[Act] = []
        for act in acts:
            plan_id = plans.get(act.file_id) if act.cause is Cause.REMOTE_DELETION else None
            (left if plan_id is None else following.setdefault(plan_id, [])).append(act)
        for plan_id, approved in following.items():
            self._decisions.allow_with(errand.target, approved, plan_id, now=now)
        return left

    def _why_held(self, errand: Errand, acts: Sequence[Act], proposed: _Proposed, now: float) -> str | None:
        if not acts:
            return None
        ledger = self._guarding.ledger(errand, now)
        return ledger.why_held((act.file_id, proposed.roots[act.file_id]) for act in acts)


def _tell_inconclusive(sides: Iterable[FileSide], now: float, tally: Tally) -> None:
    """Say why nothing follows from files that are absent: a line for each reason."""
    reasons = Counter(
        reason
        for side in sides
        if side.absent_at is not None and side.absence is not None
        if (reason := why_inconclusive(side.absent_at, side.absence, now=now)) is not None
    )
    for reason, files in reasons.items():
        tally.note(f"{files:,} missing file{'s' * (files != 1)} changed nothing in the project: {reason}")
