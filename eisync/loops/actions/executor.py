"""Carry out what was decided: one action a step, each stored before it is done, and checked once more.

An action that was begun but not finished, because the process died or the answer was lost, may have been done: it
continues from what it finds. An action that is no longer needed is dropped. Nothing here waits or retries: what cannot
be done now is put off until the next pass, with the reason.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Protocol

from eisync.core.action_sentences import sentence
from eisync.core.actions import (
    REMOVALS,
    Action,
    ActionKind,
    Cause,
    FileSide,
    Progress,
    StoredAction,
    propose,
    tombstone,
)
from eisync.core.copies import Copy, Standing, standing, why_no_copy
from eisync.core.guard import Ledger
from eisync.core.model import FileFacts, shown
from eisync.core.policy import Policy
from eisync.core.studio import cut_sentence
from eisync.errors import (
    FileAwayError,
    FileChangedError,
    FileError,
    FileUnreadableError,
    FolderError,
    StudioError,
    TransitError,
)
from eisync.loops.actions.planner import Precautions
from eisync.loops.actions.results import Done, NotNeeded, Postponed
from eisync.loops.actions.sample_edits import edit_described
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import PassReport, TargetContext
from eisync.store.actions import ActionStore

ACTIONS_PER_STEP = 100
NO_ROOT = 0
"""Stands for the root of a file that is no longer known: no action is done on it."""
COPY_RETRY_S = 3600.0
"""Time before the next request for a copy of a sample, after the service did not return a whole one."""


class Trash(Protocol):
    """Keeps removed files, and puts them back. Raises FileError or FolderError."""

    def place_for(self, root: str, path: str, *, action_id: int, day: str) -> str: ...
    def place_of(self, root: str, path: str) -> str: ...
    def holds(self, lies_at: str) -> bool: ...
    def set_aside(self, root: str, path: str, facts: FileFacts, sha256: str, to: str, *, file_id: int) -> None: ...
    def keep_copy(self, pieces: Iterable[bytes], to: str) -> str: ...
    def copy_at(self, lies_at: str) -> Copy | None: ...
    def discard(self, lies_at: str) -> None: ...
    def put_back(self, lies_at: str, place: str, facts: FileFacts | None = None) -> str: ...
    def verify(self, root: str, path: str, facts: FileFacts, sha256: str, *, file_id: int) -> None: ...


class ActionExecutor:
    """Carries out the due actions of all targets. Safe to repeat at any point."""

    def __init__(
        self,
        actions: ActionStore,
        trash: Trash,
        precautions: Precautions,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._actions = actions
        self._trash = trash
        self._evidence = precautions.evidence
        self._guarding = precautions.guarding
        self._folders = precautions.folders
        self._lineages = precautions.lineages
        self._clock = clock
        self._log = log
        self._next_copy_at: dict[int, float] = {}  # by action
        # By target: the action at which the service failed last. The next pass begins with those after it.
        self._after: dict[str, int] = {}

    def carry_out(self, context: TargetContext, report: PassReport) -> Iterator[None]:
        """Do the due actions, one a step.

        Raises KeyRefusedError, and TransitError when the service does not answer. The next pass then begins after the
        action that failed, so that it does not block the others.
        """
        first = self._after.pop(context.target, 0)
        ledger: Ledger | None = None
        for written in chain(self._due(context, after_id=first), self._due(context, up_to=first)):
            # Do not count the due actions: the guard checks each one when its turn comes.
            ledger = ledger or self._guarding.ledger(context, self._clock(), counts_due=False)
            try:
                result = self._held_back(ledger, written) or self._do(context, written)
            except (TransitError, StudioError) as error:
                self._actions.put_off(written.id, str(error))
                self._after[context.target] = written.id
                if isinstance(error, TransitError):
                    raise
                report.note(f"{sentence(written.action)}: the service refused ({error})")
                self._log.warning("action.refused", target=context.target, action=written.id, reason=str(error))
                return
            if isinstance(result, Done) and written.plan_id is None:
                ledger.note(*self._place_of(written))
            self._write_down(context, written, result, report)
            yield

    def _place_of(self, written: StoredAction) -> tuple[int, int]:
        side = self._actions.side(written.action.file_id)
        return written.action.file_id, NO_ROOT if side is None else side.root_id

    def _held_back(self, ledger: Ledger, written: StoredAction) -> Postponed | None:
        """Ask the guard again about an action that no person approved: other actions may have been done since.

        Never hold back an action that was begun: it may have been done, so it is finished.
        """
        if written.plan_id is not None or written.progress is not Progress.DUE:
            return None
        doubt = self._guarding.why_doubt()
        if doubt is not None:
            return Postponed(doubt)
        why = ledger.why_held([self._place_of(written)])
        return None if why is None else Postponed(f"{why}; eisync continues when that is over")

    def _due(self, context: TargetContext, *, after_id: int = 0, up_to: float = math.inf) -> Iterator[StoredAction]:
        while batch := self._actions.to_do(
            context.target, is_retention=False, after_id=after_id, limit=ACTIONS_PER_STEP
        ):
            for written in batch:
                if written.id > up_to:
                    return
                if written.progress is not Progress.UNDOING:
                    yield written
            after_id = batch[-1].id

    def _write_down(
        self, context: TargetContext, written: StoredAction, result: Done | NotNeeded | Postponed, report: PassReport
    ) -> None:
        now = self._clock()
        fields = {"target": context.target, "action": written.id, "path": shown(written.action.path)}
        match result:
            case Done(outcome):
                self._actions.finish(context.target, written, outcome, now=now)
                if written.action.kind is ActionKind.TOMBSTONE:
                    report.tombstoned += 1
                # A tombstone with a follow-up action is only the first step: the follow-up counts instead.
                report.done += written.action.kind is not ActionKind.TOMBSTONE or written.action.to is None
                report.note(f"{sentence(written.action)}; {outcome}")
                self._log.info("action.done", kind=written.action.kind.value, sample=written.action.sample_id, **fields)
            case NotNeeded(reason, spares):
                self._actions.drop(written, reason, spares=spares, now=now)
                self._log.info("action.dropped", kind=written.action.kind.value, reason=reason, **fields)
            case Postponed(reason):
                self._actions.put_off(written.id, reason)
                report.note(f"{sentence(written.action)}: put off: {reason}")

    def _do(self, context: TargetContext, written: StoredAction) -> Done | NotNeeded | Postponed:
        """Raises KeyRefusedError, StudioError or TransitError."""
        side = self._actions.side(written.action.file_id)
        if written.action.kind is ActionKind.TOMBSTONE:
            return _make_tombstone(context, written, side)
        if side is not None and side.root_id not in context.policies:
            return Postponed("its folder is not watched now; eisync continues when it is watched again")
        try:
            if written.action.kind in REMOVALS:
                return self._remove_file(context, written, side)
            return self._change_sample(context, written, side)
        except (FileAwayError, FileUnreadableError, FolderError) as error:
            return Postponed(str(error))
        except FileError as error:
            # The file is not what was uploaded, and with `on_change` may never be: eisync must not remove it.
            return NotNeeded(str(error), spares=isinstance(error, FileChangedError))

    def _remove_file(
        self, context: TargetContext, written: StoredAction, side: FileSide | None
    ) -> Done | NotNeeded | Postponed:
        action, lies_at = written.action, written.lies_at
        if side is None or side.sha256 is None:
            return NotNeeded("eisync no longer knows the file")
        if lies_at is None or not self._trash.holds(lies_at):
            away = self._folders.why_away(side.root_id, action.root) or self._evidence.why_away(side)
            if away is not None:
                return Postponed(away)
            if written.progress is Progress.BEGUN and self._folders.is_missing(action.root, action.path):
                is_ours = action.kind is ActionKind.DELETE_FILE
                return Done("it is deleted") if is_ours else NotNeeded("someone else removed the file")
            if not self._is_still_proposed(context, action, side):
                return NotNeeded("no longer needed")
            if (stays := self._why_stays(context, action, side)) is not None:
                return stays
            if (kept := self._lineages.why_kept(side.root_id, action.path)) is not None:
                return Postponed(kept)
            lies_at = self._place_for(written)
            self._actions.begin(written.id, lies_at=lies_at)
        self._trash.set_aside(action.root, action.path, side.facts, side.sha256, lies_at, file_id=side.id)
        if action.kind is ActionKind.DELETE_FILE:
            self._trash.discard(lies_at)
            return Done("it is deleted")
        return Done(f"it is now at {shown(lies_at)}; 'eisync undo {written.id}' brings it back")

    def _why_stays(self, context: TargetContext, action: Action, side: FileSide) -> NotNeeded | Postponed | None:
        """Return why the file of a missing sample stays: a person may have split it since the listing was read."""
        if action.cause is not Cause.REMOTE_DELETION:
            return None
        context.check_project()
        found = self._evidence.find_segments(context, side)
        if found.why_unclear is not None:
            return Postponed(found.why_unclear)
        return NotNeeded(cut_sentence(found.number)) if found.number else None

    def _is_still_proposed(self, context: TargetContext, action: Action, side: FileSide) -> bool:
        is_there = side.path == action.path and side.root == action.root
        if action.cause is Cause.LOCAL_DELETION:
            side = self._evidence.of(context, side)
        proposed = propose(side, context.policies[side.root_id], now=self._clock())
        return is_there and any(action.key == one.key for one in proposed)

    def _place_for(self, written: StoredAction) -> str:
        day = datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
        return self._trash.place_for(written.action.root, written.action.path, action_id=written.id, day=day)

    def _change_sample(
        self, context: TargetContext, written: StoredAction, side: FileSide | None
    ) -> Done | NotNeeded | Postponed:
        action, sample_id = written.action, written.action.sample_id
        if side is None or sample_id is None:
            return NotNeeded("eisync no longer knows the file")
        hidden = self._evidence.why_away(side) if action.cause is Cause.LOCAL_DELETION else None
        if hidden is not None:
            return Postponed(hidden)
        if action.cause is Cause.DESCRIPTION_CHANGE:
            return edit_described(self._actions, context, written, side)
        if not self._is_still_proposed(context, action, side):
            return self._finish_unneeded(context, written, sample_id)
        if (away := self._folders.why_away(side.root_id, action.root)) is not None:
            return Postponed(away)
        if action.cause is Cause.LOCAL_DELETION:
            if not self._folders.is_missing(action.root, action.path):
                return NotNeeded("the file is back")
            if (doubt := self._lineages.why_doubted(side.root_id)) is not None:
                return Postponed(doubt)
        if action.kind is ActionKind.DELETE_SAMPLE:
            return self._delete_sample(context, written, side, sample_id)
        self._actions.begin(written.id)
        context.check_project()
        try:
            context.edit(action.kind, sample_id, action.to or "")
        except StudioError:
            if context.studio.is_there(sample_id):
                raise
            return NotNeeded("the sample is no longer in the project")
        return Done("the project has it already")

    def _finish_unneeded(self, context: TargetContext, written: StoredAction, sample_id: int) -> Done | NotNeeded:
        """Finish an action that is no longer proposed. It may have been done, and the index may show that already."""
        may_be_done = written.action.kind is ActionKind.DELETE_SAMPLE and written.progress is Progress.BEGUN
        if may_be_done:
            context.check_project()
            if not context.studio.is_there(sample_id):
                return Done(_deleted(written))
        return NotNeeded("no longer needed")

    def _delete_sample(
        self, context: TargetContext, written: StoredAction, side: FileSide, sample_id: int
    ) -> Done | Postponed:
        """Keep a copy of the sample, prove it, then delete the sample: it may be the only copy of the content."""
        now = self._clock()
        if now < self._next_copy_at.get(written.id, now) <= now + COPY_RETRY_S:
            return Postponed(why_no_copy(sample_id))
        lies_at = written.lies_at or self._place_for(written)
        self._actions.begin(written.id, lies_at=lies_at)
        context.check_project()
        try:
            is_proved = self._has_copy(context, side, sample_id, lies_at)
        except StudioError:
            if context.studio.is_there(sample_id):
                raise
            return Done("already deleted in the project")
        if not is_proved:
            self._trash.discard(lies_at)
            self._next_copy_at[written.id] = now + COPY_RETRY_S
            return Postponed(why_no_copy(sample_id))
        context.check_project()  # with a replaced key, this id may belong to a sample of another project
        context.studio.delete(sample_id)
        return Done(_deleted(written))

    def _has_copy(self, context: TargetContext, side: FileSide, sample_id: int, lies_at: str) -> bool:
        """Keep a copy of the sample, unless there is a whole one already. Return whether it is proved to be whole."""
        copy = self._trash.copy_at(lies_at)
        if copy is None or standing(copy, side, sample_id) is not Standing.PROVED:
            self._trash.keep_copy(context.studio.raw(sample_id), lies_at)
            copy = self._trash.copy_at(lies_at)
        if copy is None:
            return False
        worth = standing(copy, side, sample_id)
        is_same_again = worth is Standing.LIKELY and context.studio.sha256_of(sample_id) == copy.sha256
        return worth is Standing.PROVED or is_same_again


def _make_tombstone(context: TargetContext, written: StoredAction, side: FileSide | None) -> Done | NotNeeded:
    """Ask the service once more before an approved tombstone is made. Raises what the service raises."""
    if side is None or tombstone(side, Policy()) is None or side.since_at != written.action.since_at:
        return NotNeeded("no longer needed")
    for held in side.samples:
        context.check_project()
        if context.studio.is_there(held.sample.id):
            return NotNeeded(f"its sample {held.sample.id} is in the project after all")
    return Done("'eisync retry' sends it again")


def _deleted(written: StoredAction) -> str:
    return f"it is deleted in the project, and a copy is kept; 'eisync undo {written.id}' sends it again"
