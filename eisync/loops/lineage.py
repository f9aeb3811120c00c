"""Count, in each watched folder, the files taken out of it, and report when a missing file proves nothing.

Call `check` when the folder is accessible. Call `why_doubted` before a conclusion is drawn from missing files, and
again before the action is done. Call `why_kept` before a file is removed. A doubt lasts until a scan that began after
it has checked every file. If the state folder may be an older copy, it also lasts until a sweep that began after it has
listed everything that the service has.

If the stamp of a folder cannot be written, that is reported only where it has consequences: where a missing file may
lead to an action, or a file may be removed. Safe to use from any thread.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from eisync.core import lineage
from eisync.core.lineage import LineageFinding, Own, Stamp
from eisync.core.model import Root, shown, value
from eisync.errors import FolderError
from eisync.loops.ports import Log
from eisync.store.continuity import Lineages as LineageStore

RETRY_S = 300.0
"""Time between a failed attempt to write into a folder and the next one."""
UNEXPLAINED = (
    "it disappeared while eisync could not tell who removed it; that does not count as a deletion, and its sample stays"
)
_UNTIL = "until then eisync removes nothing from it, and missing files do not count as deleted"
_BEHIND = (LineageFinding.MISSING, LineageFinding.ROOT_OLDER)


class FolderNotes(Protocol):
    """Stamps and markers that are stored in a watched folder or an archive. `change` and `mark` raise FolderError."""

    def read(self, folder: str) -> dict[str, Stamp]: ...
    def change(
        self, folder: str, write: Callable[[Mapping[str, Stamp]], Mapping[str, Stamp]], *, makes_file: bool = ...
    ) -> bool: ...
    def around(self, root: str, path: str) -> list[str]: ...
    def marker_of(self, archive: str) -> str | None: ...
    def mark(self, archive: str, marker: str) -> None: ...
    def is_new_archive(self, archive: str) -> bool: ...
    def is_there(self, place: str) -> bool: ...


class NullLineage:
    """Stands in for `Lineage` where only one process with one state folder can work: nothing is ever in doubt."""

    def check(self, root_id: int) -> None: ...
    def scan_completed(self, root_id: int, serial: int) -> None: ...
    def listed(self, serials: Mapping[int, int]) -> None: ...

    def why_doubted(self, root_id: int) -> str | None:
        return None

    def why_kept(self, root_id: int, path: str) -> str | None:
        return None

    def unscanned(self, root_id: int) -> int | None:
        return None

    def unlisted(self, target: str) -> Mapping[int, int]:
        return {}


@value
class ThisProcess:
    """This process. `stamp` is what it writes into folders. `is_running` returns whether another process runs."""

    stamp: Stamp
    is_running: Callable[[int, str], bool | None]
    new_epoch: Callable[[], str]


@dataclass(slots=True)
class _Folder:
    """What this process knows of a watched folder."""

    root: Root
    matters: bool  # a missing or removed file has consequences
    own: Own | None = None
    is_checked: bool = False
    unwritable: str | None = None
    again_at: float = 0.0
    is_uncounted: bool = False  # the last count could not be written there: the folder is known to be behind
    shared: str | None = None


class Lineage:
    """The counts of all watched folders."""

    def __init__(
        self,
        roots: Mapping[Root, bool],
        *,
        process: ThisProcess,
        records: LineageStore,
        notes: FolderNotes,
        why_away: Callable[[int, str], str | None],
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        """`roots`: by root, whether a file that is missing there or removed has consequences. `why_away` returns why
        a folder is missing or is not the known one."""
        self._folders = {root.id: _Folder(root, matters) for root, matters in roots.items()}
        self._process = process
        self._records = records
        self._notes = notes
        self._why_away = why_away
        self._clock = clock
        self._log = log
        self._lock = threading.RLock()

    def adjust(self, roots: Mapping[Root, bool]) -> None:
        """Use these consequences from now on. Where missing files have consequences that had none, begin anew, as at a
        start: the folder may have been used by others meanwhile."""
        with self._lock:
            for root, matters in roots.items():
                if matters and not self._folders[root.id].matters:
                    self._folders[root.id] = _Folder(root, matters)
                self._folders[root.id].matters = matters

    # --- called by the loops -----------------------------------------------------------------------------------

    def check(self, root_id: int) -> None:
        """Compare the stamp in the folder, which is accessible, with the state. Reads an attribute or a small file."""
        with self._lock:
            folder = self._folders[root_id]
            if not folder.is_checked:
                self._begin(folder)
            else:
                self._check_again(folder)

    def why_doubted(self, root_id: int) -> str | None:
        """Return why a file missing from the folder proves nothing at the moment; None if it does."""
        with self._lock:
            folder = self._folders[root_id]
            away = self._why_away(root_id, folder.root.path)
            if away is not None:
                return away
            self.check(root_id)
            return folder.unwritable or (folder.own.doubt if folder.own is not None else None)

    def why_kept(self, root_id: int, path: str) -> str | None:
        """Count the file as taken away. Return why it may not be; None: it is counted, and may be taken away."""
        with self._lock:
            folder = self._folders[root_id]
            why = self._why_away(root_id, folder.root.path)
            if why is not None:
                return why
            if not folder.is_checked:
                self._begin(folder)
            why = self._why_unlisted(folder)
            if why is not None:
                return why
            self._count(folder, takes=True)
            why = folder.unwritable or self._why_unlisted(folder)
            return why or self._stamp_others(folder, path)

    def unscanned(self, root_id: int) -> int | None:
        """Return the number of the doubt that the next scan of the folder ends; None if there is none."""
        with self._lock:
            own = self._folders[root_id].own
            return own.serial if own is not None and own.is_unscanned else None

    def scan_completed(self, root_id: int, serial: int) -> None:
        """End doubt `serial`: a scan that began after it is complete, and its findings are stored."""
        with self._lock:
            folder = self._folders[root_id]
            self._check_again(folder)
            own = folder.own
            if own is None or not own.is_unscanned or own.serial != serial:
                return
            after = folder.own = _lifted(replace(own, is_unscanned=False))
            missing = self._records.note_scanned(root_id, after, UNEXPLAINED, now=self._clock())
            self._log.info("root.looked_through", root=shown(folder.root.path), missing=missing)

    def unlisted(self, target: str) -> Mapping[int, int]:
        """Return the folders of the target whose samples must be listed again: the number of the doubt by root id."""
        return self._records.unlisted(target)

    def listed(self, serials: Mapping[int, int]) -> None:
        """End these doubts, as far as a sweep ends them: one that began after them is complete."""
        with self._lock:
            for root_id, serial in serials.items():
                folder = self._folders.get(root_id)
                if folder is not None and folder.own is not None and folder.own.serial == serial:
                    folder.own = _lifted(replace(folder.own, is_unlisted=False))
                    self._records.save(root_id, folder.own)

    def sentences(self) -> dict[str, list[str]]:
        """Return what a person should know about each folder, by its path."""
        with self._lock:
            return {
                folder.root.path: [
                    sentence
                    for sentence in (
                        folder.shared,
                        f"{folder.unwritable}; {_UNTIL}" if folder.unwritable and folder.matters else None,
                        folder.own.doubt if folder.own is not None and folder.matters else None,
                    )
                    if sentence
                ]
                for folder in self._folders.values()
            }

    # --- stamps and doubts -------------------------------------------------------------------------------------

    def _begin(self, folder: _Folder) -> None:
        folder.own = self._records.own(folder.root.id)
        folder.is_checked = True
        self._begin_count(folder)
        self._count(folder)
        self._note_others(folder, self._notes.read(folder.root.path))

    def _begin_count(self, folder: _Folder) -> None:
        """Begin to count, unless the folder has a count already. The state does not know what others took before."""
        if folder.own is not None:
            return
        places = [folder.root.path, *self._notes.around(folder.root.path, "")]
        found = {epoch: stamp for place in places for epoch, stamp in self._notes.read(place).items()}
        folder.own = own = Own(epoch=self._process.new_epoch(), others={})
        if lineage.has_foreign_work(own, found) and self._records.holds_files(folder.root.id):
            self._doubt(folder, LineageFinding.OTHER_STATE, found, is_unlisted=True)
        else:
            here = self._notes.read(folder.root.path)
            folder.own = replace(own, others=lineage.taken_by_others(own, here))

    def _check_again(self, folder: _Folder) -> None:
        own, now = folder.own, self._clock()
        if own is None:
            return
        if folder.unwritable is not None:
            folder.again_at = min(folder.again_at, now + RETRY_S)
            if now >= folder.again_at:
                self._count(folder)
            return
        stamps = self._notes.read(folder.root.path)
        self._note_others(folder, stamps)
        finding = lineage.finding_of(own, stamps)
        if folder.is_uncounted and finding in _BEHIND:
            return
        if finding is LineageFinding.OTHER_STATE:
            self._doubt(folder, finding, stamps)
        elif finding is not LineageFinding.SAME and self._why_away(folder.root.id, folder.root.path) is None:
            self._count(folder)  # but never write into a mount point whose disk has just been unmounted

    def _count(self, folder: _Folder, *, takes: bool = False) -> None:
        """Store the count in the state first, then in the folder: the state with the higher count is no older copy."""
        before = folder.own
        assert before is not None
        own = replace(before, counter=before.counter + 1, taken=before.taken + takes)
        # A count that takes a file away reaches the disk together with the intent of its action, which follows.
        self._records.save(folder.root.id, own, survives_power_cut=not takes)
        folder.own = own
        finding: LineageFinding = LineageFinding.SAME
        stamps: Mapping[str, Stamp] = {}

        def write(found: Mapping[str, Stamp]) -> Mapping[str, Stamp]:
            nonlocal finding, own, stamps
            stamps = found
            finding = lineage.finding_of(before, stamps)
            if finding in _BEHIND and (before.counter == 0 or folder.is_uncounted):
                finding = (
                    LineageFinding.OTHER_STATE if lineage.has_foreign_work(before, stamps) else LineageFinding.SAME
                )
            if finding is LineageFinding.STATE_OLDER:
                own = replace(own, epoch=self._process.new_epoch())
            return {**stamps, own.epoch: self._stamp(own)}

        try:
            is_written = self._notes.change(folder.root.path, write, makes_file=folder.matters or takes)
            folder.unwritable = None
        except FolderError as error:
            if str(error) != folder.unwritable and (folder.matters or takes):
                self._log.warning("root.unwritable", root=shown(folder.root.path), reason=str(error))
            folder.unwritable, folder.again_at = str(error), self._clock() + RETRY_S
            folder.is_uncounted = True
            return
        # If nothing was written, the next file that is taken away creates the stamp.
        folder.own, folder.is_uncounted = own, not is_written
        if finding is not LineageFinding.SAME:
            self._doubt(folder, finding, stamps, is_unlisted=finding is not LineageFinding.OTHER_STATE)

    def _stamp(self, own: Own) -> Stamp:
        return replace(self._process.stamp, epoch=own.epoch, counter=own.counter, taken=own.taken)

    def _doubt(
        self, folder: _Folder, finding: LineageFinding, stamps: Mapping[str, Stamp], *, is_unlisted: bool = False
    ) -> None:
        own = folder.own
        assert own is not None
        reason = lineage.why_doubted(finding, lineage.newest_other(own, stamps))
        folder.own = replace(
            own,
            others=lineage.taken_by_others(own, stamps),
            doubt=reason,
            serial=own.serial + 1,
            is_unscanned=True,
            is_unlisted=own.is_unlisted or is_unlisted,
        )
        self._records.doubt(folder.root.id, folder.own)
        self._log.warning("root.doubted", root=shown(folder.root.path), reason=reason)

    def _why_unlisted(self, folder: _Folder) -> str | None:
        own = folder.own
        if own is None or not own.is_unlisted:
            return None
        return f"eisync removes nothing before the service has listed everything again: {own.doubt}"

    def _stamp_others(self, folder: _Folder, path: str) -> str | None:
        """Write the stamp into folders of other processes around or in this one: the file is missing there, too.

        Return why that is not possible; None when it is done.
        """
        own = folder.own
        assert own is not None
        for place in self._notes.around(folder.root.path, path):
            if not self._notes.read(place):
                continue
            try:
                self._notes.change(place, lambda found: {**found, own.epoch: self._stamp(own)})
            except FolderError as error:
                return str(error)
        return None

    def _note_others(self, folder: _Folder, stamps: Mapping[str, Stamp]) -> None:
        """Record, for a person, which other processes use the folder."""
        others = [stamp for epoch, stamp in stamps.items() if folder.own is None or epoch != folder.own.epoch]
        runs_by = {stamp: self._process.is_running(stamp.pid, stamp.process) for stamp in others}
        running = [stamp for stamp, runs in runs_by.items() if runs]
        unknown = [stamp for stamp, runs in runs_by.items() if runs is None]
        shared = lineage.why_shared(running, unknown, shown(folder.root.path))
        if shared is not None and shared != folder.shared:
            self._log.warning("root.shared", root=shown(folder.root.path), reason=shared)
        folder.shared = shared


def _lifted(own: Own) -> Own:
    return own if own.is_unscanned or own.is_unlisted else replace(own, doubt=None)


Lineages = Lineage | NullLineage
