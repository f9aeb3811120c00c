"""Remove one file: prove that the service has it, store the intent, act, and undo it after a crash.

The index may have been compared with the service hours ago. Since then a sample may have been deleted, or its id may
belong to another sample. So ask the service again immediately before a removal. One request checks a page of files.
Bytes are downloaded only if no hash proves that they are the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from eisync.core import retention
from eisync.core.actions import Action, ActionKind, StoredAction
from eisync.core.lifecycle import RemovalState
from eisync.core.model import RemoteSample, shown
from eisync.core.retention import Disk, Local, NeedsComparison, Removal, Room, Whereabout, Why, why_unproven
from eisync.errors import (
    EisyncError,
    FileAwayError,
    FileChangedError,
    FileError,
    FileUnreadableError,
    FolderError,
    StudioError,
)
from eisync.loops.lineage import FolderNotes, Lineages
from eisync.loops.ports import Log, ProjectService
from eisync.loops.retention.status import TROUBLE_S, RetentionStatus
from eisync.store.actions import ActionStore
from eisync.store.retention import Removals

FRESH_S = 30.0
"""The age up to which an answer counts. After that the service is asked again."""


class IdentityCheck:
    """Proves that the service has files, one page of files at a time."""

    def __init__(
        self, studios: Mapping[str, ProjectService], removals: Removals, *, clock: Callable[[], float]
    ) -> None:
        """`studios` by target."""
        self._studios = studios
        self._removals = removals
        self._clock = clock
        self._target = ""
        self._listed: dict[int, RemoteSample] = {}
        self._asked_for: frozenset[int] = frozenset()
        self._asked_at = 0.0
        self.trouble: str | None = None

    def why_unproven(self, file: Local, others: Iterable[Local] = ()) -> Why | None:
        """Return why the file must stay; None if the service has, at this moment, all that was sent of it.

        `others` are files that follow soon: the same request checks them. Afterwards `trouble` says why the service
        cannot be asked at all; None if it can.
        """
        self.trouble = None
        studio = self._studios.get(file.target)
        if studio is None:
            return Why.UNASKED
        try:
            self._ask(studio, file, others)
            return self._compare(studio, file)
        except StudioError:
            return Why.UNASKED  # for this file only
        except EisyncError as error:
            self.trouble = str(error)
            return Why.UNASKED

    def _ask(self, studio: ProjectService, file: Local, others: Iterable[Local]) -> None:
        wanted = {proof.id for proof in file.proofs}
        is_fresh = 0.0 <= self._clock() - self._asked_at < FRESH_S
        if is_fresh and self._target == file.target and wanted <= self._asked_for:
            return
        self._asked_for = frozenset()
        asked_at = self._clock()
        ids = wanted.union(*(_ids(other) for other in others if other.target == file.target))
        self._listed = studio.listed(ids)
        self._target, self._asked_for, self._asked_at = file.target, frozenset(ids), asked_at

    def _compare(self, studio: ProjectService, file: Local) -> Why | None:
        raw: dict[int, str] = {}
        while isinstance(found := why_unproven(file, self._listed, raw), NeedsComparison):
            raw[found.sample_id] = studio.sha256_of(found.sample_id)
            self._removals.note_raw(file.target, self._listed[found.sample_id], raw[found.sample_id])
        return found


def _ids(file: Local) -> Iterator[int]:
    return (proof.id for proof in file.proofs)


YES_NAME = ".eisync-archive"


LATEST_ARCHIVED = 50
"""How many of the latest archived files are searched for, to recognise an archive without a known marker."""


class RemovalFiles(Protocol):
    """Removes files, and queries disks. Raises FileError for a file that stays, FolderError when the disk refuses."""

    def where(self, removal: Removal) -> Whereabout: ...
    def delete(self, removal: Removal) -> None: ...
    def archive(self, removal: Removal) -> None: ...
    def give_back(self, removal: Removal) -> None: ...
    def is_archived(self, removal: Removal) -> bool: ...
    def free_name(self, archive: str, path: str) -> str: ...
    def disk_of(self, root: str) -> Disk | None: ...
    def is_on_other_disk(self, root: str, archive: str) -> bool: ...
    def device_of(self, root: str, path: str = "") -> int | None: ...
    def empty_trash(self, root: str, *, before_day: str, is_old: Callable[[str, float], bool]) -> int: ...
    def room_of(self, root: str, path: str) -> Room | None: ...


class Archives:
    """Recognises the archive of each folder by its marker, so that an unmounted disk does not fill the one below it.

    An archive gets its marker with its first file. The marker stays with it, wherever its disk is mounted.
    """

    def __init__(self, removals: Removals, notes: FolderNotes, *, new_marker: Callable[[], str]) -> None:
        self._removals = removals
        self._notes = notes
        self._new_marker = new_marker

    def marker(self, archive: str) -> str:
        """Return the marker of the archive. Raises FolderError when the archive is not the one that was used before."""
        known, found = self._removals.marker(archive), self._notes.marker_of(archive)
        if known is not None and known == found:
            return known
        is_that = self._is_unknown(archive) if known is None else self._notes.is_new_archive(archive)
        if not is_that:
            raise FolderError(
                f"the archive {shown(archive)} is not the one that eisync filled before: mount its disk, and "
                f"eisync continues by itself. If this is a new archive, create an empty file named {YES_NAME} in it"
            )
        if found is None:
            found = self._new_marker()
            self._notes.mark(archive, found)
        self._removals.remember_marker(archive, found)
        return found

    def _is_unknown(self, archive: str) -> bool:
        """Return whether no evidence says that another archive was here before."""
        before = self._removals.archived_in(archive, limit=LATEST_ARCHIVED)
        is_it = not before or any(self._notes.is_there(place) for place in before)
        return is_it or self._notes.marker_of(archive) is not None or self._notes.is_new_archive(archive)


class FileRemover:
    """Removes files of all folders. `now` is the current time (Unix s), which the caller sets."""

    def __init__(
        self,
        removals: Removals,
        actions: ActionStore,
        files: RemovalFiles,
        *,
        identity_check: IdentityCheck,
        lineages: Lineages,
        archives: Archives,
        log: Log,
    ) -> None:
        self._removals = removals
        self._actions = actions
        self._files = files
        self._identity_check = identity_check
        self._lineages = lineages
        self._archives = archives
        self._log = log
        self._skipped: dict[int, float] = {}  # files that could not be removed, by id: skip them until then (Unix s)
        self.now = 0.0

    def forget_skipped(self) -> None:
        """Forget the skipped files whose time is over."""
        self._skipped = {file_id: until for file_id, until in self._skipped.items() if until > self.now}

    def is_skipped(self, file: Local) -> bool:
        """Return whether to skip the file, because it could not be removed a short while ago."""
        return self._skipped.get(file.id, 0.0) > self.now

    def is_on_known_disk(self, status: RetentionStatus) -> bool:
        """Return whether the folder is on the same disk as before. Nothing is removed from a different disk."""
        known = self._removals.device(status.root.id)
        if known is None:
            return False  # the watcher has not scanned it yet
        if self._files.device_of(status.root.path) == known:
            return True
        status.trouble = "the folder is missing or on a different disk than before; eisync removes nothing from it"
        return False

    def carry_out(self, status: RetentionStatus, file: Local, action: Action, due: Sequence[Local]) -> Why | None:
        """Store the action and do it, if it is still right. Return why the file stays; None if it is removed.

        `due` are the files that follow: one request checks them all.
        """
        why = self._why_not_now(status, file, due)
        if why is not None:
            return why
        to = None
        try:
            if action.kind is ActionKind.ARCHIVE_FILE:
                assert status.policy.archive is not None
                to = self._files.free_name(status.policy.archive, file.path)
                self._archives.marker(status.policy.archive)
        except FolderError as error:
            status.pause(str(error), self.now)
            return Why.TROUBLED
        kept = self._lineages.why_kept(file.root_id, file.path)
        if kept is not None:
            status.pause(kept, self.now)
            return Why.TROUBLED
        written = self._removals.begin(file, action, lies_at=to, now=self.now)
        is_away = written is not None and self._do(status, file, written, is_new=True)
        return None if is_away else Why.TROUBLED

    def _why_not_now(self, status: RetentionStatus, file: Local, due: Sequence[Local] = ()) -> Why | None:
        """Check with the index, then with the service, at the last moment. Return why the file must stay."""
        now_known = self._removals.one(file.id)
        why = Why.TROUBLED if now_known is None else retention.why_unconfirmed(now_known)
        if why is None and now_known is not None:
            why = self._identity_check.why_unproven(now_known, due)
            if self._identity_check.trouble is not None:
                status.pause(f"{Why.UNASKED.value} ({self._identity_check.trouble})", self.now)
            elif why is not None:
                self._skipped[file.id] = self.now + 6 * TROUBLE_S
        return why

    def _do(self, status: RetentionStatus, file: Local, written: StoredAction, *, is_new: bool) -> bool:
        removal, archive = retention.removal_of(written, file), status.policy.archive
        try:
            if archive is not None:
                removal = replace(removal, archive=archive, marker=self._archives.marker(archive))
            if removal.to is None:
                self._files.delete(removal)
            else:
                self._files.archive(removal)
        except (FileError, FolderError) as error:
            self._log.warning("file.stayed", path=shown(file.path), reason=str(error))
            self._note_failure(status, written, error, is_new=is_new)
            return False
        status.files += 1
        status.bytes += file.facts.size
        self._finish(written, file)
        return True

    def _note_failure(
        self, status: RetentionStatus, written: StoredAction, error: FileError | FolderError, *, is_new: bool
    ) -> None:
        """Record that the action failed. It stays begun if the file may still be under its temporary name."""
        may_wait = isinstance(error, FolderError | FileAwayError)
        if may_wait or (isinstance(error, FileUnreadableError) and not is_new):
            self._actions.put_off(written.id, str(error))
            status.pause(str(error), self.now)
        else:
            self._removals.release(written)
            if isinstance(error, FileChangedError):
                # This content may exist only here: send it as a new version.
                self._removals.doubt(written.action.file_id)
        # Skip the file for longer than its folder pauses, so that other files get their turn first.
        self._skipped[written.action.file_id] = self.now + 6 * TROUBLE_S

    def _finish(self, written: StoredAction, file: Local, outcome: str | None = None) -> None:
        to = written.lies_at
        outcome = outcome or ("deleted here" if to is None else f"moved to {shown(to)}")
        self._actions.finish(file.target, written, outcome, now=self.now)
        event = "file.deleted" if to is None else "file.archived"
        self._log.info(event, path=shown(file.path), reason=written.action.reason, size=file.facts.size)

    def resume(self, status: RetentionStatus | None, written: StoredAction) -> bool:
        """Finish an action that was begun before a crash, or take it back. Return False if the file is unknown."""
        file = self._removals.one(written.action.file_id)
        if file is None:
            self._removals.release(written)
            return False
        try:
            self._resume(status, file, written)
        except (FileError, FolderError) as error:
            self._actions.put_off(written.id, str(error))
            if status is not None:
                status.pause(str(error), self.now)
        return True

    def _is_proven(self, file: Local) -> bool:
        """Check again: the proof from the begin of the action may be old."""
        return self._identity_check.why_unproven(file) is None

    def _resume(self, status: RetentionStatus | None, file: Local, written: StoredAction) -> None:
        if status is not None and not self.is_on_known_disk(status):
            return
        removal = retention.removal_of(written, file)
        whereabout = self._files.where(removal)
        is_marked = file.removal is not RemovalState.NONE
        if whereabout is Whereabout.TAKEN:
            is_wanted = status is not None and retention.is_wanted(removal, status.policy)
            if status is not None and is_wanted and is_marked and self._is_proven(file):
                self._do(status, file, written, is_new=False)
                return
            self._files.give_back(removal)
        elif whereabout is Whereabout.NOWHERE and is_marked:
            is_where_it_should = removal.to is None or self._files.is_archived(removal)
            self._finish(written, file, None if is_where_it_should else "already gone after a restart")
            return
        # Nothing was done yet. The next pass decides again whether to do it.
        self._removals.release(written)
