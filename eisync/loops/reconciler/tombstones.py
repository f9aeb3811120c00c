"""Decide which files become tombstones, because the service does not list or know their samples any more.

A few do by themselves. Where more vanished than the guard allows, the project may have been emptied, or restored from
an older state. Then they wait as a plan for a person, who says yes (they were deleted) or no (they are sent again).

`IndexCleanup` lets files that exist nowhere leave the index, a little at a time, beside passes that may take hours.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from eisync.core import absence, listing
from eisync.core.actions import Action, FileSide, tombstone
from eisync.core.guard import Ledger
from eisync.core.model import Missing
from eisync.core.policy import Policy
from eisync.loops.actions.planner import GuardLedger
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import PassReport, ReconciledProject, TargetContext
from eisync.store.actions import ActionStore
from eisync.store.cleanup import Cleanup
from eisync.store.index import Index

MOST_FILES = 10_000
"""So many are proposed at once; what is left over is proposed once these are decided on."""

ABOUT = "tombstones"
UNWATCHED = Policy()
"""What follows in a folder that is not watched any more: nothing but the tombstone."""


class Tombstones:
    """The decisions of all targets. Its generators ask the service once a step."""

    def __init__(
        self,
        actions: ActionStore,
        index: Index,
        guarding: GuardLedger,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._actions = actions
        self._index = index
        self._guarding = guarding
        self._clock = clock
        self._log = log

    def conclude(self, context: TargetContext, missing: Iterable[Missing], report: PassReport) -> Iterator[None]:
        """After a complete sweep that did not list these samples of ours. Raises what the service raises."""
        suspects = [ask.sample_id for ask in listing.suspects(missing)]
        now = self._clock()
        doomed = self._actions.left_without_samples(context.target, suspects, limit=MOST_FILES) if suspects else []
        # What never was listed was not deleted: its file is sent again.
        sides = [side for side in doomed if any(held.is_listed for held in side.samples)]
        proposed = self._proposed(context, sides)
        # What was decided on is carried out as it was, and what is more than are proposed at once waits.
        others = {held.sample.id for side in sides for held in side.samples}
        others -= {held.sample.id for side, _ in proposed.values() for held in side.samples}
        if len(doomed) == MOST_FILES:
            others |= set(suspects) - {held.sample.id for side in doomed for held in side.samples}
        suspects = [sample_id for sample_id in suspects if sample_id not in others]
        doubt = self._guarding.why_doubt() if proposed else None
        ledger = self._guarding.ledger(context, now, tombstones=True)
        gone = yield from self._ask(context, suspects, proposed, None if doubt else ledger)
        self._decide(context, proposed, gone, doubt, ledger, report)

    def _proposed(self, context: TargetContext, sides: Iterable[FileSide]) -> dict[str, tuple[FileSide, Action]]:
        """By key."""
        found = {}
        for side in sides:
            action = tombstone(side, context.policies.get(side.root_id, UNWATCHED))
            if action is not None:
                found[action.key] = (side, action)
        decided = self._actions.decided(action for _, action in found.values())
        return {key: pair for key, pair in found.items() if key not in decided}

    def _ask(
        self,
        context: TargetContext,
        suspects: Sequence[int],
        proposed: dict[str, tuple[FileSide, Action]],
        ledger: Ledger | None,
    ) -> Generator[None, None, list[int] | None]:
        """Return those that the service does not know; None when they are too many, and the rest need not be asked for.

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
            context.check_project()
            if context.studio.is_there(sample_id):
                self._index.spare(context.target, sample_id)
                for key in keys:
                    proposed.pop(key, None)
            elif not keys:
                self._make_tombstone(context, sample_id)
            else:
                gone.append(sample_id)
                left |= {side.id: side.root_id for side, _ in (proposed[key] for key in keys if key in proposed)}
                is_too_many = ledger is not None and ledger.why_held(left.items()) is not None
            yield
        return None if is_too_many else gone

    def _decide(
        self,
        context: TargetContext,
        proposed: dict[str, tuple[FileSide, Action]],
        gone: list[int] | None,
        doubt: str | None,
        ledger: Ledger,
        report: PassReport,
    ) -> None:
        now = self._clock()
        if gone is not None or not proposed:
            self._actions.withdraw(context.target, now=now, about=ABOUT)
            for sample_id in gone or ():
                context.check_project()
                report.tombstoned += self._make_tombstone(context, sample_id)
            return
        if doubt is not None:
            report.note(f"no file counts as deleted in the project in this pass: {doubt}")
            return
        actions = [action for _, action in proposed.values()]
        why = ledger.why_held((side.id, side.root_id) for side, _ in proposed.values()) or (
            "too many samples disappeared"
        )
        empty = absence.why_emptied(self._actions.missing(context.target))
        why = why if empty is None else f"{why}; {empty}"
        plan_id, is_new = self._actions.hold(context.target, actions, why, now=now, about=ABOUT)
        report.plan, report.waiting = plan_id, report.waiting + len(actions)
        report.note(f"plan {plan_id} waits for your approval: {why}; 'eisync plan' shows it")
        if is_new:
            self._log.warning("plan.waiting", target=context.target, plan=plan_id, actions=len(actions), reason=why)

    def _make_tombstone(self, context: TargetContext, sample_id: int) -> int:
        """Return how many files became tombstones."""
        tombstoned = self._index.make_tombstones(context.target, sample_id, now=self._clock())
        for file_id in tombstoned:
            self._log.warning("file.tombstoned", target=context.target, file=file_id, sample=sample_id)
        return len(tombstoned)


EVERY_S = 10.0


class IndexCleanup:
    """What leaves, and when. `is_under_way`: there is more to be done at once."""

    def __init__(self, cleanup: Cleanup | None, owners: Sequence[ReconciledProject]) -> None:
        self._cleanup = cleanup
        self._owners = owners
        self._due_at = 0.0
        self.is_under_way = False

    def step(self, now: float) -> bool:
        """Let some go, where it is time. Return whether there is more."""
        self._due_at = min(self._due_at, now + EVERY_S)  # the clock may have been set back
        if self._cleanup is None or (now < self._due_at and not self.is_under_way):
            return False
        left = sum(self._cleanup.forget(one.target, _roots(one), now=now) for one in self._owners)
        self.is_under_way = bool(left) or self._cleanup.give_back()
        self._due_at = now + EVERY_S
        return self.is_under_way


def _roots(owner: ReconciledProject) -> list[int]:
    # Where duplicates are allowed, a file that comes back is known by its row alone; where its samples may be
    # deleted, its absence has to be noticed first.
    return [root for root, policy in owner.policies.items() if not (owner.allow_duplicates or policy.deletes_samples)]
