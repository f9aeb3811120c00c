"""Decide which files become tombstones, because the service no longer lists or knows their samples.

A few become tombstones automatically. If more samples disappeared than the guard allows, the project may have been
emptied, or restored from an older state. Then they wait in a plan for a person, who says yes (they were deleted) or no
(send them again).

`IndexCleanup` removes files that exist nowhere from the index, a few at a time, while passes that may take hours run.
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

MAX_FILES = 10_000
"""Limit of the files proposed at once. The others are proposed once these are decided."""

ABOUT = "tombstones"
UNWATCHED = Policy()
"""The policy of a folder that is no longer watched: the tombstone, and no action on its files."""


class Tombstones:
    """Decides for all targets. Its generators yield after each request to the service."""

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

    def conclude(
        self, context: TargetContext, missing: Iterable[Missing], report: PassReport, *, is_confirmed: bool = False
    ) -> Iterator[None]:
        """Decide on samples of ours that a complete sweep did not list, or that the change feed reports deleted.

        `is_confirmed`: other witnesses agreed already, so the service is not asked for each. Raises what the service
        raises.
        """
        suspects = [ask.sample_id for ask in listing.suspects(missing)]
        now = self._clock()
        doomed = self._actions.left_without_samples(context.target, suspects, limit=MAX_FILES) if suspects else []
        # A sample that was never listed was not deleted: its file is sent again.
        sides = [side for side in doomed if any(held.is_listed for held in side.samples)]
        proposed = self._proposed(context, sides)
        # Leave out the samples of files that are already decided on: their action is carried out as it was decided.
        # Leave out those above the limit: they wait until these are decided.
        others = {held.sample.id for side in sides for held in side.samples}
        others -= {held.sample.id for side, _ in proposed.values() for held in side.samples}
        if len(doomed) == MAX_FILES:
            others |= set(suspects) - {held.sample.id for side in doomed for held in side.samples}
        suspects = [sample_id for sample_id in suspects if sample_id not in others]
        doubt = self._guarding.why_doubt() if proposed else None
        ledger = self._guarding.ledger(context, now, tombstones=True)
        is_there = _never if is_confirmed else context.studio.is_there
        gone = yield from self._ask(context, suspects, proposed, None if doubt else ledger, is_there)
        self._decide(context, proposed, gone, doubt, ledger, report)

    def _proposed(self, context: TargetContext, sides: Iterable[FileSide]) -> dict[str, tuple[FileSide, Action]]:
        """Return the tombstones that are not decided on yet, with their files, by the key of the action."""
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
        is_there: Callable[[int], bool],
    ) -> Generator[None, None, list[int] | None]:
        """Return the samples that the service does not know; None as soon as they are too many for the guard.

        A missing sample that leaves no file without one is stored at once. A sample that exists after all is removed
        from `proposed`.
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
            if is_there(sample_id):
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
        """Store that the sample was deleted. Return how many files became tombstones."""
        tombstoned = self._index.make_tombstones(context.target, sample_id, now=self._clock())
        for file_id in tombstoned:
            self._log.warning("file.tombstoned", target=context.target, file=file_id, sample=sample_id)
        return len(tombstoned)


def _never(_: int) -> bool:
    return False


CLEANUP_INTERVAL_S = 10.0


class IndexCleanup:
    """Decides when to remove files of the `owners` from the index. `is_under_way`: more can be removed at once."""

    def __init__(self, cleanup: Cleanup | None, owners: Sequence[ReconciledProject]) -> None:
        self._cleanup = cleanup
        self.owners = owners
        self._due_at = 0.0
        self.is_under_way = False

    def step(self, now: float) -> bool:
        """Remove a few files if it is time. Return whether there are more."""
        self._due_at = min(self._due_at, now + CLEANUP_INTERVAL_S)  # the clock may have been set back
        if self._cleanup is None or (now < self._due_at and not self.is_under_way):
            return False
        left = sum(self._cleanup.forget(one.target, _roots(one), now=now) for one in self.owners)
        self.is_under_way = bool(left) or self._cleanup.give_back()
        self._due_at = now + CLEANUP_INTERVAL_S
        return self.is_under_way


def _roots(owner: ReconciledProject) -> list[int]:
    # Where duplicates are allowed, only its row tells that a file that comes back was sent before. Where its samples
    # may be deleted, its absence must be recorded first.
    return [root for root, policy in owner.policies.items() if not (owner.allow_duplicates or policy.deletes_samples)]
