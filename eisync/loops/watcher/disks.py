"""Follow what is mounted in the watched folders, so that a disk that is unmounted causes no deletion of samples.

This works at any depth below a root. It notices a disk that is no longer mounted, a disk with another one mounted over
it, and a mount that has none of the files that were on it. The files that are away with it are recorded at once, before
anything is concluded from missing files. The record stays until the files are accessible again, or until a person says
that they are deleted.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from eisync.core import absence as core
from eisync.core.absence import Away, MountedDisk
from eisync.core.model import Root, shown
from eisync.core.mounts import point_of, points_below
from eisync.loops.ports import Log
from eisync.loops.watcher.context import Mounts
from eisync.store.disks import Disks

MAX_EXPECTED = 1_000
YES_NAME = ".eisync-root"


@dataclass(slots=True)
class _Table:
    """The mount table of one root, and the disks that were identified since the table last changed."""

    text: str
    place: str
    point: str
    folders: dict[str, str]
    disks: dict[str, MountedDisk] = field(default_factory=dict)


class MountedDisks:
    """What is mounted now. For one thread."""

    def __init__(self, mounts: Mounts) -> None:
        self._mounts = mounts
        self._tables: dict[str, _Table] = {}

    def of(self, root: str) -> list[MountedDisk]:
        """List the disk of the root, and those mounted below it; an empty list when the root is missing."""
        identity = self._mounts.identity_of(root)
        if identity is None:
            return []
        table = self._table(root)
        # Identify each disk once after it was mounted. Another stat would keep an automount from being released, and
        # would wait for a server that does not answer.
        for folder, number in table.folders.items():
            if folder not in table.disks and (found := self._mounts.identity_of(root, folder)) is not None:
                table.disks[folder] = MountedDisk(folder, number, found)
        return [MountedDisk("", table.point, identity), *table.disks.values()]

    def _table(self, root: str) -> _Table:
        text, place = self._mounts.mountinfo(), self._mounts.resolved(root)
        table = self._tables.get(root)
        if table is None or (table.text, table.place) != (text, place):
            before = {} if table is None else table.disks
            folders = points_below(place, text)
            kept = {folder: disk for folder, disk in before.items() if folders.get(folder) == disk.point}
            table = self._tables[root] = _Table(text, place, point_of(place, text), folders, kept)
        return table


class RootDisks:
    """The disks of one root, for its watcher."""

    def __init__(self, root: Root, records: Disks, mounts: Mounts, log: Log) -> None:
        self._root = root
        self._records = records
        self._mounts = mounts
        self._log = log
        self._mounted = MountedDisks(mounts)
        self._aways: list[Away] = []
        self._in_scan: dict[int, bool] = {}  # by away since before the current scan: whether files of it are missing

    @property
    def aways(self) -> list[Away]:
        """Return what is away. Safe from any thread."""
        return self._aways

    def check(self, now: float) -> None:
        """Compare what is mounted with what was mounted before. Record files that are not accessible any more."""
        known = {disk.folder: disk for disk in self._records.known(self._root.id)}
        mounted = {disk.folder: disk for disk in self._mounted.of(self._root.path)}
        if "" not in mounted:
            return  # the whole root is away: conclude nothing from that
        self._aways = self._records.aways(self._root.id)
        if not known:
            for disk in mounted.values():
                self._records.note(self._root.id, disk)
            return
        is_changed = False
        for disk in core.lost(known.values(), mounted.values()):
            is_changed = True
            self._handle_lost(disk, mounted.get(disk.folder), now)
        for disk in core.new(known.values(), mounted.values()):
            is_changed = True
            self._handle_new(disk, known.get(disk.folder), now)
        if is_changed or self._aways:
            self._end_aways(mounted)

    def suspect(self, missing: Mapping[int, str], now: float) -> None:
        """Check the disks of missing files (paths by row id): a disk with none of its files is not the known one."""
        for disk in self._records.known(self._root.id):
            of_disk = (core.is_at(path, disk.folder) and one > disk.since_id for one, path in missing.items())
            if not disk.folder or not any(of_disk):
                continue
            expected = self._expected(disk.folder, disk.since_id, besides=missing)
            is_emptied = not expected and not any(away.folder == disk.folder for away in self._aways)
            if is_emptied or (expected and not self._any_there(expected)):
                self._record_away(disk.folder, disk, disk.since_id, now)
                self._records.note(self._root.id, replace(disk, since_id=self._records.newest_id()))

    def is_away(self, path: str, file_id: int) -> bool:
        """Return whether the file would be inaccessible even if it exists. Then its absence proves nothing."""
        found = [away for away in self._aways if away.holds(path, file_id)]
        for away in found:
            self._in_scan[away.id] = True
        return bool(found)

    def scan_began(self) -> None:
        """Record that a scan of the whole root begins."""
        self._in_scan = dict.fromkeys((away.id for away in self._aways), False)

    def scan_ended(self, troubled: Collection[str]) -> None:
        """Record that the scan ended. What missed no file is back, unless it is in a folder that could not be read."""
        for away in list(self._aways):
            is_hidden = any(core.is_at(folder, away.folder) for folder in troubled)
            if self._in_scan.get(away.id) is False and not is_hidden:
                self._end_away(away)
        self._in_scan = {}

    # --- disks that changed ------------------------------------------------------------------------------------

    def _handle_lost(self, disk: MountedDisk, other: MountedDisk | None, now: float) -> None:
        """Record that the disk is missing, or that `other` is in its place."""
        identity = self._mounts.identity_of(self._root.path, disk.folder)
        if other is None and identity == disk.identity:
            self._records.forget(self._root.id, disk.folder)  # it was mounted upon itself
            return
        if other is not None and disk.folder and self._any_there(self._expected(disk.folder, disk.since_id)):
            self._records.note(self._root.id, replace(other, since_id=disk.since_id))  # same disk, other number
            return
        if self._expected(disk.folder, disk.since_id):
            self._record_away(disk.folder, disk, disk.since_id, now)
        if other is None:
            self._records.forget(self._root.id, disk.folder)
        else:
            self._records.note(self._root.id, replace(other, since_id=self._records.newest_id()))

    def _handle_new(self, disk: MountedDisk, before: MountedDisk | None, now: float) -> None:
        """Record a disk that was not mounted before. `before` is the disk that was in its place."""
        if before is not None:
            return  # `_handle_lost` has recorded both
        missing = [away for away in self._aways if away.folder == disk.folder and away.disk is not None]
        floor = max((away.upto_id for away in missing), default=0)
        newest = self._records.newest_id()
        back = next((away for away in missing if self._is_back(away, disk)), None)
        if self._expected(disk.folder, floor):
            self._record_away(disk.folder, None, floor, now)
        self._records.note(self._root.id, replace(disk, since_id=newest if back is None else back.from_id))

    def _end_aways(self, mounted: Mapping[str, MountedDisk]) -> None:
        """End what is accessible again, and what a person has waived."""
        for away in list(self._aways):
            disk = mounted.get(away.folder)
            is_back = disk is None if away.disk is None else disk is not None and self._is_back(away, disk)
            if is_back or self._is_waived(away):
                self._end_away(away)

    def _is_back(self, away: Away, disk: MountedDisk) -> bool:
        if away.disk is None or (not away.folder and disk.point != away.disk.point):
            return False
        # Leave out files that were sent again since: they were written to the disk that is there now.
        expected = self._records.expected(
            self._root.id,
            away.folder,
            from_id=away.from_id,
            upto_id=away.upto_id,
            before=away.since_at,
            limit=MAX_EXPECTED,
        )
        return self._any_there(expected)

    def _is_waived(self, away: Away) -> bool:
        """Return whether a person has said, since the disk is away, that the missing files are deleted."""
        facts = self._mounts.facts_at(self._root.path, f"{away.folder}/{YES_NAME}" if away.folder else YES_NAME)
        return facts is not None and facts.touched_at >= away.since_at

    def _record_away(self, folder: str, disk: MountedDisk | None, from_id: int, now: float) -> None:
        upto_id = self._records.newest_id()
        self._records.miss(self._root.id, folder, disk, from_id=from_id, upto_id=upto_id, now=now)
        self._aways = self._records.aways(self._root.id)
        reason = core.sentence(self._aways[-1], self._root.path)
        self._log.error("disk.away", root=shown(self._root.path), folder=shown(folder), reason=reason)

    def _end_away(self, away: Away) -> None:
        self._records.found(away.id)
        self._aways = self._records.aways(self._root.id)
        self._log.info("disk.back", root=shown(self._root.path), folder=shown(away.folder))

    def _expected(self, folder: str, from_id: int, *, besides: Collection[int] = ()) -> dict[str, tuple[int, int]]:
        return self._records.expected(self._root.id, folder, from_id=from_id, besides=besides, limit=MAX_EXPECTED)

    def _any_there(self, expected: Mapping[str, tuple[int, int]]) -> bool:
        """Return whether one of them is unchanged. A name alone proves little: recorders count from 1 again."""
        for path, version in expected.items():
            facts = self._mounts.facts_at(self._root.path, path)
            if facts is not None and version == (facts.size, facts.mtime_ns):
                return True
        return False


class DiskCheck:
    """Checks the disks of all roots immediately before an action on a file. Keeps no state."""

    def __init__(self, records: Disks, mounts: Mounts) -> None:
        self._records = records
        self._mounts = mounts
        self._mounted_in: Callable[[str], list[MountedDisk]] = MountedDisks(mounts).of

    def why_away(self, root_id: int, root: str, path: str, file_id: int) -> str | None:
        """Return why the absence of the file proves nothing, for a person; None if its disk is in place."""
        reason = core.why_away(self._records.aways(root_id), root, path, file_id)
        if reason is not None:
            return reason
        now = self._mounted_in(root)
        if not now:
            return None  # the whole root is away, which is checked elsewhere
        known = self._records.known(root_id)
        # Changes since the last check of the watcher: wait until it has judged them.
        changed = [*core.lost(known, now), *core.new(known, now)]
        place = next((disk.folder for disk in changed if core.is_at(path, disk.folder)), None)
        if place is None:
            return None
        return f"what is mounted at {shown(f'{root}/{place}')} has changed; eisync checks it first"
