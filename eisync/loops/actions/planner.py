"""Decide what to do so that folders and project agree: propose actions, and let the guard judge them together.

Nothing is done here. Actions that the guard allows are stored as due. Actions that it holds back wait in a plan for a
person. A missing or empty folder, or a clock that jumped, never leads to a deletion.

`Precautions` are checked when an action is decided and again when it is carried out: an action that was allowed hours
ago is held back if too many others were done meanwhile.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from eisync.core import guard
from eisync.core.absence import why_inconclusive
from eisync.core.action_sentences import sentence
from eisync.core.actions import Action, Cause, FileSide, is_agreed, propose
from eisync.core.clock_step import DAY_S
from eisync.core.description_edits import is_followed, propose_edits
from eisync.core.guard import Guard, Ledger
from eisync.core.model import shown, value
from eisync.core.policy import Trigger, triggers
from eisync.loops.clock_monitor import ClockMonitor
from eisync.loops.lineage import Lineages
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import PassReport, TargetContext
from eisync.loops.reconciler.deletion_evidence import DeletionEvidence
from eisync.loops.watcher.monitor import WatchedFolders
from eisync.store import plans
from eisync.store.actions import ActionStore


class GuardLedger:
    """The guard and what it counts. New tombstones are counted separately from actions on files and samples.

    `guard` may be replaced between two passes.
    """

    def __init__(self, actions: ActionStore, guard: Guard, times: ClockMonitor) -> None:
        self._actions = actions
        self.guard = guard
        self._times = times

    def why_doubt(self) -> str | None:
        """Return why the clock, and so every time window, is in doubt; None if the clock is right."""
        return self._times.why_doubt()

    def ledger(
        self, context: TargetContext, now: float, *, tombstones: bool = False, counts_due: bool = True
    ) -> Ledger:
        """Return the ledger of the target's folders. With `tombstones`, it counts only files that become tombstones.

        `counts_due` False leaves out the actions that are due: each is checked when it is carried out.
        """
        setting = self._times.setting()
        touches = self._actions.touches(context.target, since=setting.since(DAY_S, now), tombstones=tombstones)
        census = self._actions.census(context.target)
        # Samples of folders that are no longer watched can be deleted, too.
        roots = census if tombstones else context.policies
        return Ledger(
            self.guard,
            (touch for touch in touches if counts_due or touch.at is not None),
            {root_id: census.get(root_id, (0, 0))[0] for root_id in roots},
            now=now,
            setting=setting,
            names={root_id: shown(path) for root_id, path in self._actions.places().items()},
        )


@value(kw_only=True)
class Precautions:
    """The checks before an action: the evidence, the guard, the state of the folder, and other eisync processes."""

    evidence: DeletionEvidence
    guarding: GuardLedger
    folders: WatchedFolders
    lineages: Lineages


SIDES_PER_STEP = 500
MAX_ACTIONS = 10_000
"""Limit of the actions proposed in one pass. The others are proposed once these are decided."""


@dataclass(slots=True)
class _Proposed:
    """Actions by key, so that a file that was renamed and changed is not proposed twice."""

    actions: dict[str, Action] = field(default_factory=dict)
    asked: dict[str, Action] = field(default_factory=dict)  # edits that a person asked for, and approves
    disputed: dict[str, Action] = field(default_factory=dict)  # edits of what a person changed in Studio
    roots: dict[int, int] = field(default_factory=dict)  # by file
    agreed: list[int] = field(default_factory=list)
    followed: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.actions) + len(self.asked) + len(self.disputed)


class ActionPlanner:
    """Decides for all targets. Its generators yield after each bounded query."""

    def __init__(
        self,
        actions: ActionStore,
        precautions: Precautions,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._actions = actions
        self._evidence = precautions.evidence
        self._guarding = precautions.guarding
        self._lineages = precautions.lineages
        self._clock = clock
        self._log = log
        self._decided_at: dict[str, float] = {}

    def decide(self, context: TargetContext, report: PassReport) -> Iterator[None]:
        """Store the actions that are allowed, and the plan of those that wait for a person."""
        now = self._clock()
        doubt = guard.why_doubt_clock(self._decided_at.get(context.target), now, interval_s=context.interval_s)
        self._decided_at[context.target] = now
        doubt = doubt or self._guarding.why_doubt()
        if doubt is not None:
            self._log.warning("plan.skipped", target=context.target, reason=doubt)
            report.note(f"nothing is deleted or changed in this pass: {doubt}")
            return
        proposed = yield from self._propose(context, now, report, adopts=True)
        self._actions.agree(proposed.agreed)
        self._actions.wanted.note_followed(proposed.followed)
        self._actions.forget_old(context.target, now=now)
        actions = self._unapproved(context, self._undecided(proposed.actions), now)
        why = self._why_held(context, actions, proposed, now)
        yield
        if actions and why is None:
            self._actions.allow(context.target, actions, now=now)
        else:
            self._hold(context, actions, why or "", plans.ACTIONS, report)
        for about, (edits, reason) in _edits_to_approve(proposed).items():
            self._hold(context, self._undecided(edits), reason, about, report)

    def _hold(self, context: TargetContext, actions: list[Action], why: str, about: str, report: PassReport) -> None:
        """Make these actions wait for a person; without actions, withdraw the plan that is about the same."""
        now, target = self._clock(), context.target
        if not actions:
            self._actions.withdraw(target, now=now, about=about)
            return
        plan_id, is_new = self._actions.hold(target, actions, why, now=now, about=about)
        report.plan, report.waiting = plan_id, report.waiting + len(actions)
        report.note(f"plan {plan_id} waits for your approval: {why}; 'eisync plan' shows it")
        if is_new:
            self._log.warning("plan.waiting", target=target, plan=plan_id, actions=len(actions), reason=why)

    def preview(self, context: TargetContext, report: PassReport) -> Iterator[None]:
        """Report what would be decided, and store nothing."""
        now = self._clock()
        proposed = yield from self._propose(context, now, report, adopts=False)
        actions = self._undecided(proposed.actions)
        why = self._why_held(context, actions, proposed, now)
        if why is not None:
            report.waiting = len(actions)
            report.note(f"this would wait for your approval: {why}")
        else:
            report.done = len(actions)
        for action in actions:
            report.note(f"would {sentence(action)}")
        for edits, reason in _edits_to_approve(proposed).values():
            undecided = self._undecided(edits)
            report.waiting += len(undecided)
            for action in undecided:
                report.note(f"would wait for your approval ({reason}): {sentence(action)}")

    def _propose(
        self, context: TargetContext, now: float, report: PassReport, *, adopts: bool
    ) -> Generator[None, None, _Proposed]:
        proposed = _Proposed()
        away = self._actions.offline()
        for trigger, roots in triggers(context.policies).items():
            wanted = roots - away
            if trigger is Trigger.ABSENT:
                wanted -= self._emptied(context, wanted, report) | self._doubted(wanted, report)
            after_id = 0
            while proposed.count < MAX_ACTIONS:
                sides = self._actions.sides(context.target, trigger, wanted, after_id=after_id, limit=SIDES_PER_STEP)
                if not sides:
                    break
                if trigger is Trigger.ABSENT:
                    sides = yield from self._evidence.complete(context, sides, adopts=adopts)
                    _report_inconclusive(sides, now, report)
                for side in sides:
                    self._propose_for(side, context, now, proposed)
                after_id = sides[-1].id
                yield
        return proposed

    def _propose_for(self, side: FileSide, context: TargetContext, now: float, proposed: _Proposed) -> None:
        actions = propose(side, context.policies[side.root_id], now=now)
        proposed.actions |= {action.key: action for action in actions}
        for edit in propose_edits(side):
            is_asked = side.wanted is not None and side.wanted.is_asked
            kind = proposed.disputed if edit.is_disputed else proposed.asked if is_asked else proposed.actions
            kind[edit.action.key] = edit.action
        if is_followed(side):
            proposed.followed.append(side.id)
        proposed.roots[side.id] = side.root_id
        if not actions and side.absent_at is None and is_agreed(side):
            proposed.agreed.append(side.id)

    def _emptied(self, context: TargetContext, roots: Iterable[int], report: PassReport) -> frozenset[int]:
        """Return the roots that held files and hold none now: an unmounted disk has the same effect."""
        census = self._actions.census(context.target)
        emptied = frozenset(root_id for root_id in roots if census.get(root_id, (0, 1))[1] == 0)
        for root_id in sorted(emptied):
            known = census[root_id][0]
            report.note(
                f"a folder that held {known:,} files is empty now; eisync deletes nothing in the project because "
                "of that"
            )
        return emptied

    def _doubted(self, roots: Iterable[int], report: PassReport) -> frozenset[int]:
        """Return the roots where eisync cannot know who removed the missing files."""
        reasons = {root_id: self._lineages.why_doubted(root_id) for root_id in sorted(roots)}
        for reason in reasons.values():
            if reason is not None:
                report.note(f"no sample of a missing file is deleted in the project: {reason}")
        return frozenset(root_id for root_id, reason in reasons.items() if reason is not None)

    def _undecided(self, proposed: Mapping[str, Action]) -> list[Action]:
        decided = self._actions.decided(proposed.values()) if proposed else set()
        return [action for key, action in proposed.items() if key not in decided]

    def _unapproved(self, context: TargetContext, actions: list[Action], now: float) -> list[Action]:
        """Allow the actions that follow from an approved plan. Return the others, which are still undecided."""
        after_remote = [action.file_id for action in actions if action.cause is Cause.REMOTE_DELETION]
        plans = self._actions.approved(context.target, after_remote) if after_remote else {}
        following: dict[int, list[Action]] = {}
        left: list[Action] = []
        for action in actions:
            plan_id = plans.get(action.file_id) if action.cause is Cause.REMOTE_DELETION else None
            (left if plan_id is None else following.setdefault(plan_id, [])).append(action)
        for plan_id, approved in following.items():
            self._actions.allow_with(context.target, approved, plan_id, now=now)
        return left

    def _why_held(
        self, context: TargetContext, actions: Sequence[Action], proposed: _Proposed, now: float
    ) -> str | None:
        if not actions:
            return None
        ledger = self._guarding.ledger(context, now)
        return ledger.why_held((action.file_id, proposed.roots[action.file_id]) for action in actions)


def _edits_to_approve(proposed: _Proposed) -> dict[str, tuple[Mapping[str, Action], str]]:
    """Return the edits that always wait for a person, by what their plan is about, with the reason."""
    return {
        plans.DESCRIPTIONS: (proposed.asked, "'eisync relabel' proposed it"),
        plans.DISPUTED: (proposed.disputed, "it would replace what a person may have changed in Studio"),
    }


def _report_inconclusive(sides: Iterable[FileSide], now: float, report: PassReport) -> None:
    """Report why absent files lead to no action: one line for each reason."""
    reasons = Counter(
        reason
        for side in sides
        if side.absent_at is not None and side.absence is not None
        if (reason := why_inconclusive(side.absent_at, side.absence, now=now)) is not None
    )
    for reason, files in reasons.items():
        report.note(f"{files:,} missing file{'s' * (files != 1)} changed nothing in the project: {reason}")
