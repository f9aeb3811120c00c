"""Undo actions on folders and project when a person asks for it.

* A file in the trash goes back to its place, or beside the file that is there now.
* A file that the retention removed comes back from the archive or from the service.
* A deleted sample comes back as its file, which is sent again.
* An edited sample gets its earlier value again.

What cannot be undone stays done, and the reason is reported.
"""

from collections.abc import Callable, Iterable, Iterator

from eisync.core.action_sentences import sentence
from eisync.core.actions import EDITS, Action, ActionKind, Cause, FileSide, Progress, StoredAction
from eisync.core.lifecycle import RETRIEVABLE
from eisync.core.model import FileFacts, shown, value
from eisync.core.retention import Removal, removal_of
from eisync.errors import EisyncError, FileError, FolderError, KeyRefusedError, StudioError, TransitError
from eisync.loops.actions.executor import ACTIONS_PER_STEP, Trash
from eisync.loops.actions.results import Postponed
from eisync.loops.ports import Log
from eisync.loops.reconciler.context import PassReport, TargetContext
from eisync.loops.watcher.monitor import WatchedFolders
from eisync.store.actions import ActionStore
from eisync.store.retention import Removals


class RetentionUndo:
    """Undoes the actions of the retention. Safe to repeat."""

    def __init__(
        self,
        removals: Removals,
        *,
        from_archive: Callable[[Removal], FileFacts],
        from_pieces: Callable[[Removal, Iterable[bytes]], FileFacts],
    ) -> None:
        """Both functions put a file back in its place. They raise FolderError when that is not possible."""
        self._removals = removals
        self._from_archive = from_archive
        self._from_pieces = from_pieces

    def undo(self, written: StoredAction, raw: Callable[[int], Iterable[bytes]]) -> tuple[FileFacts, str]:
        """Bring the file of the action back. Return its facts, and a sentence about what was done.

        `raw` returns the bytes of a sample. Raises FolderError when there is nothing to bring back or it is not
        possible, and what `raw` raises.
        """
        file = self._removals.one(written.action.file_id)
        if file is None or file.removal not in RETRIEVABLE or not file.sha256:
            raise FolderError("the file is back, or was sent again since; there is nothing to bring back")
        removal = removal_of(written, file)
        if removal.to is not None:
            return self._from_archive(removal), f"moved back from {shown(removal.to)}; it is kept"
        if not file.proofs:
            raise FolderError("the service no longer has its sample, and there is no other copy")
        sample_id = file.proofs[0].id
        facts = self._from_pieces(removal, raw(sample_id))
        return facts, f"downloaded again (sample {sample_id}); it is kept"


@value
class Undone:
    """The action is undone. `facts`: those of the file that is in its place again."""

    outcome: str
    facts: FileFacts | None = None


@value
class Final:
    """The action cannot be undone."""

    reason: str


class Undo:
    """Undoes the actions that a person asked to undo, for all targets. Safe to repeat at any point."""

    def __init__(
        self,
        actions: ActionStore,
        trash: Trash,
        folders: WatchedFolders,
        stat: Callable[[str, str], FileFacts | None],
        retained: RetentionUndo,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._actions = actions
        self._trash = trash
        self._folders = folders
        self._stat = stat
        self._retained = retained
        self._clock = clock
        self._log = log

    def undo(self, context: TargetContext, report: PassReport) -> Iterator[None]:
        """Undo one action a step. Raises KeyRefusedError or TransitError, but only after every action was tried."""
        trouble: EisyncError | None = None
        for written in self._asked_for(context):
            try:
                self._write_down(context, written, self._undo(context, written), report)
            except (KeyRefusedError, TransitError) as error:
                self._actions.put_off(written.id, str(error))
                trouble = error
            yield
        if trouble is not None:
            raise trouble

    def _asked_for(self, context: TargetContext) -> Iterator[StoredAction]:
        for is_retention in (False, True):
            after_id = 0
            while batch := self._actions.to_do(
                context.target, is_retention=is_retention, after_id=after_id, limit=ACTIONS_PER_STEP
            ):
                yield from (written for written in batch if written.progress is Progress.UNDOING)
                after_id = batch[-1].id

    def _write_down(
        self, context: TargetContext, written: StoredAction, result: Undone | Final | Postponed, report: PassReport
    ) -> None:
        fields = {"target": context.target, "action": written.id, "path": shown(written.action.path)}
        match result:
            case Undone(outcome, facts):
                self._actions.undone(context.target, written, outcome, facts=facts, now=self._clock())
                report.undone += 1
                report.note(f"undone: {sentence(written.action)}; {outcome}")
                self._log.info("action.undone", kind=written.action.kind.value, **fields)
            case Final(reason):
                self._actions.fail_undo(written, reason)
                report.note(f"not undone: {sentence(written.action)}: {reason}")
                self._log.warning("action.stays_done", kind=written.action.kind.value, reason=reason, **fields)
            case Postponed(reason):
                self._actions.put_off(written.id, reason)
                report.note(f"not undone yet: {sentence(written.action)}: {reason}")

    def _undo(self, context: TargetContext, written: StoredAction) -> Undone | Final | Postponed:
        """Raises KeyRefusedError or TransitError."""
        action = written.action
        if action.kind in EDITS:
            return self._edit_back(context, written)
        if action.cause is Cause.RETENTION:
            return self._bring_back(context, written)
        if action.kind is ActionKind.TOMBSTONE:
            return Final("'eisync retry FILE' sends it again")
        if action.kind is ActionKind.DELETE_FILE:
            return Final('it cannot be brought back: on_remote_delete = "delete" keeps no copy')
        if written.lies_at is None:
            return Final("no copy was kept")
        side = self._actions.side(action.file_id)
        away = None if side is None else self._folders.why_away(side.root_id, action.root)
        if away is not None:
            return Postponed(away)
        place = self._trash.place_of(action.root, action.path)
        is_file = action.kind is ActionKind.TRASH_FILE
        try:
            lies_at = self._trash.put_back(written.lies_at, place, side.facts if side is not None and is_file else None)
        except FolderError as error:
            return Final(str(error))
        if is_file and lies_at == place:
            return self._in_place(action, side)
        return Undone(f"the file is now at {shown(lies_at)} and is sent as a new file")

    def _in_place(self, action: Action, side: FileSide | None) -> Undone:
        """Report a file that is back from the trash. It counts as the uploaded one only if its content is the same."""
        facts = self._stat(action.root, action.path)
        try:
            if facts is not None and side is not None and side.sha256 is not None:
                self._trash.verify(action.root, action.path, facts, side.sha256, file_id=side.id)
                return Undone("the file is back in its place", facts)
        except FileError:
            pass
        return Undone("the file is back in its place. It is not what was sent, so it counts as a new version")

    def _bring_back(self, context: TargetContext, written: StoredAction) -> Undone | Final | Postponed:
        side = self._actions.side(written.action.file_id)
        away = None if side is None else self._folders.why_away(side.root_id, written.action.root)
        if away is not None:
            return Postponed(away)
        context.check_project()
        try:
            facts, outcome = self._retained.undo(written, context.studio.raw)
        except (FolderError, StudioError) as error:
            return Final(str(error))
        return Undone(outcome, facts)

    def _edit_back(self, context: TargetContext, written: StoredAction) -> Undone | Final:
        action = written.action
        context.check_project()
        if action.sample_id is None or (action.was is None and action.kind is not ActionKind.RELABEL_SAMPLE):
            return Final("eisync does not know its earlier value")
        try:
            context.edit(action.kind, action.sample_id, action.was or "")
        except StudioError as error:
            return Final(f"the service refused ({error})")
        return Undone("the sample has its earlier value again")
