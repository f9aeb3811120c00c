"""Remove one file: prove that the service has it, store the intent, act, and undo it after a crash.

The index was compared with the service hours ago: since then a sample may be deleted, or its number may mean another
one. So the service is asked again immediately before. One page of files costs one question, and bytes are compared
only where no hash proves them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from eisync.core import retention
from eisync.core.actions import Action, ActionKind, StoredAction
from eisync.core.lifecycle import RemovalState
from eisync.core.model import RemoteSample, shown
from eisync.core.retention import Disk, Local, ProofLook, Removal, Room, Whereabout, Why, why_unproven
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
"""An answer counts for so long. What takes longer is asked anew."""


class IdentityCheck:
    """Proves that the service has files, a page of them at a time."""

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
        """Return why the file may not go; None: the service has all that was sent of it, now. `others` follow soon.

        `trouble` says why the service cannot be asked at all; None: it can.
        """
        self.trouble = None
        studio = self._studios.get(file.target)
        if studio is None:
            return Why.UNASKED
        try:
            self._ask(studio, file, others)
            return self._compare(studio, file)
        except StudioError:
            return Why.UNASKED  # of this one
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
        while isinstance(found := why_unproven(file, self._listed, raw), ProofLook):
            raw[found.sample_id] = studio.sha256_of(found.sample_id)
            self._removals.note_raw(file.target, self._listed[found.sample_id], raw[found.sample_id])
        return found


def _ids(file: Local) -> Iterator[int]:
    return (proof.id for proof in file.proofs)


YES_NAME = ".eisync-archive"


LATEST = 50
"""So many of the files that were archived before the marker came are searched for."""


class RemovalFiles(Protocol):
    """Removes files, and asks disks. Raises FileError for a file that stays, FolderError where the disk refuses."""

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
    """The archives of all folders, each known again by its marker: an unmounted disk must not fill the one below.

    An archive gets its marker with its first file, and keeps it whatever is mounted where.
    """

    def __init__(self, removals: Removals, notes: FolderNotes, *, new_marker: Callable[[], str]) -> None:
        self._removals = removals
        self._notes = notes
        self._new_marker = new_marker

    def marker(self, archive: str) -> str:
        """Return the marker of the archive. Raises FolderError when it is not the one that it had."""
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
        """Return whether nothing says that it was filled before and is another one now."""
        before = self._removals.archived_in(archive, limit=LATEST)
        is_it = not before or any(self._notes.is_there(place) for place in before)
        return is_it or self._notes.marker_of(archive) is not None or self._notes.is_new_archive(archive)


class FileRemover:
    """Removes files of all folders. `now` is the instant by which it works."""

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
        self._left: dict[int, float] = {}  # files that could not be removed, and until when they are left alone
        self.now = 0.0

    def forget_rests(self) -> None:
        """Forget which files were left alone, where that time is over."""
        self._left = {file_id: until for file_id, until in self._left.items() if until > self.now}

    def is_left_alone(self, file: Local) -> bool:
        """Return whether the file could not be removed a short while ago."""
        return self._left.get(file.id, 0.0) > self.now

    def is_home(self, status: RetentionStatus) -> bool:
        """Return whether the folder is on the disk that it was on: nothing is concluded from what is on another."""
        known = self._removals.device(status.root.id)
        if known is None:
            return False  # the watcher has not scanned it yet
        if self._files.device_of(status.root.path) == known:
            return True
        status.trouble = "the folder is missing or on a different disk than before; eisync removes nothing from it"
        return False

    def carry_out(self, status: RetentionStatus, file: Local, action: Action, due: Sequence[Local]) -> Why | None:
        """Write the action down and do it, if it is still right. Return why the file stays; None: it is removed.

        `due` are the files that follow.
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
            status.rest(str(error), self.now)
            return Why.TROUBLED
        kept = self._lineages.why_kept(file.root_id, file.path)
        if kept is not None:
            status.rest(kept, self.now)
            return Why.TROUBLED
        written = self._removals.begin(file, action, lies_at=to, now=self.now)
        is_away = written is not None and self._do(status, file, written, is_new=True)
        return None if is_away else Why.TROUBLED

    def _why_not_now(self, status: RetentionStatus, file: Local, due: Sequence[Local] = ()) -> Why | None:
        """Return what the index, or the service itself, says against it at the last moment."""
        now_known = self._removals.one(file.id)
        why = Why.TROUBLED if now_known is None else retention.why_unconfirmed(now_known)
        if why is None and now_known is not None:
            why = self._identity_check.why_unproven(now_known, due)
            if self._identity_check.trouble is not None:
                status.rest(f"{Why.UNASKED.value} ({self._identity_check.trouble})", self.now)
            elif why is not None:
                self._left[file.id] = self.now + 6 * TROUBLE_S
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
            self._leave(status, written, error, is_new=is_new)
            return False
        status.files += 1
        status.bytes += file.facts.size
        self._finish(written, file)
        return True

    def _leave(
        self, status: RetentionStatus, written: StoredAction, error: FileError | FolderError, *, is_new: bool
    ) -> None:
        """Note that the action could not be done. Where the file may wait under its other name, it stays begun."""
        may_wait = isinstance(error, FolderError | FileAwayError)
        if may_wait or (isinstance(error, FileUnreadableError) and not is_new):
            self._actions.put_off(written.id, str(error))
            status.rest(str(error), self.now)
        else:
            self._removals.release(written)
            if isinstance(error, FileChangedError):
                # What is here may be nowhere else: it is sent as a new version.
                self._removals.doubt(written.action.file_id)
        # Longer than the folder rests: the next one has its turn first.
        self._left[written.action.file_id] = self.now + 6 * TROUBLE_S

    def _finish(self, written: StoredAction, file: Local, outcome: str | None = None) -> None:
        to = written.lies_at
        outcome = outcome or ("deleted here" if to is None else f"moved to {shown(to)}")
        self._actions.finish(file.target, written, outcome, now=self.now)
        event = "file.deleted" if to is None else "file.archived"
        self._log.info(event, path=shown(file.path), reason=written.action.reason, size=file.facts.size)

    def go_on_with(self, status: RetentionStatus | None, written: StoredAction) -> bool:
        """Finish what was begun before a crash, or take it back. Return whether there was a file to work on."""
        file = self._removals.one(written.action.file_id)
        if file is None:
            self._removals.release(written)
            return False
        try:
            self._resume(status, file, written)
        except (FileError, FolderError) as error:
            self._actions.put_off(written.id, str(error))
            if status is not None:
                status.rest(str(error), self.now)
        return True

    def _is_proven(self, file: Local) -> bool:
        """Ask again: it was proven when the action was begun, but that may be long ago."""
        return self._identity_check.why_unproven(file) is None

    def _resume(self, status: RetentionStatus | None, file: Local, written: StoredAction) -> None:
        if status is not None and not self.is_home(status):
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
        # Nothing was done yet: whether it is still to be done is decided anew.
        self._removals.release(written)
