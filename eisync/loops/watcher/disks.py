"""Follow what is mounted in the watched folders, so that a disk that is away takes no sample along.

At any depth: what was mounted below a root and is not there now, what something else is mounted over, what holds none
of the files that were on it. Which files these are is written down at once, before anything is concluded from what is
missing there, and stays so until they can be seen again or a person says that they will not be.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from eisync.core import absence as core
from eisync.core import mounts
from eisync.core.absence import Away, Disk
from eisync.core.model import FileFacts, Root, shown
from eisync.loops.ports import Log

BELIEVED = 1_000
YES_NAME = ".eisync-root"


class DiskRecords(Protocol):
    """What is remembered of disks."""

    def known(self, root_id: int) -> list[Disk]: ...
    def aways(self, root_id: int) -> list[Away]: ...
    def newest_id(self) -> int: ...
    def note(self, root_id: int, disk: Disk) -> None: ...
    def forget(self, root_id: int, folder: str) -> None: ...
    def miss(self, root_id: int, folder: str, disk: Disk | None, *, from_id: int, upto_id: int, now: float) -> None: ...
    def found(self, away_id: int) -> None: ...
    def believed(
        self,
        root_id: int,
        folder: str,
        *,
        from_id: int = 0,
        upto_id: int = ...,
        besides: Collection[int] = (),
        before: float = ...,
        limit: int,
    ) -> dict[str, tuple[int, int]]: ...


class LooksAtDisks(Protocol):
    """Looks at what is mounted where, and opens nothing."""

    def mountinfo(self) -> str: ...
    def resolved(self, root: str) -> str: ...
    def identity_of(self, root: str, path: str = "") -> tuple[int, int] | None: ...
    def look(self, root: str, path: str) -> FileFacts | None: ...


@dataclass(slots=True)
class _Table:
    """The table of mounts as it concerns one root, and the disks that were looked at since it is so."""

    text: str
    place: str
    point: str
    folders: dict[str, str]
    disks: dict[str, Disk] = field(default_factory=dict)


class SeenDisks:
    """What is mounted now. For one thread."""

    def __init__(self, files: LooksAtDisks) -> None:
        self._files = files
        self._tables: dict[str, _Table] = {}

    def of(self, root: str) -> list[Disk]:
        """What is mounted in the root, and what the root itself is on; nothing when that is not there."""
        identity = self._files.identity_of(root)
        if identity is None:
            return []
        table = self._table(root)
        # Each is looked at once for each mount: one look more would keep what mounts itself from being given back, and
        # would wait for a server that does not answer.
        for folder, number in table.folders.items():
            if folder not in table.disks and (found := self._files.identity_of(root, folder)) is not None:
                table.disks[folder] = Disk(folder, number, found)
        return [Disk("", table.point, identity), *table.disks.values()]

    def _table(self, root: str) -> _Table:
        text, place = self._files.mountinfo(), self._files.resolved(root)
        table = self._tables.get(root)
        if table is None or (table.text, table.place) != (text, place):
            before = {} if table is None else table.disks
            folders = mounts.points_below(place, text)
            kept = {folder: disk for folder, disk in before.items() if folders.get(folder) == disk.point}
            table = self._tables[root] = _Table(text, place, mounts.point_of(place, text), folders, kept)
        return table


class RootDisks:
    """The disks of one root, as its watcher follows them."""

    def __init__(self, root: Root, records: DiskRecords, files: LooksAtDisks, log: Log) -> None:
        self._root = root
        self._records = records
        self._files = files
        self._log = log
        self._seen = SeenDisks(files)
        self._aways: list[Away] = []
        self._in_scan: dict[int, bool] = {}  # what is away since before the scan under way, and whether it missed any

    @property
    def aways(self) -> list[Away]:
        """What cannot be seen. Safe to ask from any thread."""
        return self._aways

    def look(self, now: float) -> None:
        """Compare what is mounted with what was. Files that cannot be seen any more are written down as such."""
        known = {disk.folder: disk for disk in self._records.known(self._root.id)}
        seen = {disk.folder: disk for disk in self._seen.of(self._root.path)}
        if "" not in seen:
            return  # the root is away as a whole: nothing is concluded from that
        self._aways = self._records.aways(self._root.id)
        if not known:
            for disk in seen.values():
                self._records.note(self._root.id, disk)
            return
        is_changed = False
        for disk in core.lost(known.values(), seen.values()):
            is_changed = True
            self._lose(disk, seen.get(disk.folder), now)
        for disk in core.new(known.values(), seen.values()):
            is_changed = True
            self._meet(disk, known.get(disk.folder), now)
        if is_changed or self._aways:
            self._settle(seen, now)

    def suspect(self, missing: Mapping[int, str], now: float) -> None:
        """Files are missing, by row: a disk that holds none of those that were on it is not the one that we know."""
        for disk in self._records.known(self._root.id):
            of_disk = (core.is_at(path, disk.folder) and one > disk.since_id for one, path in missing.items())
            if not disk.folder or not any(of_disk):
                continue
            believed = self._believed(disk.folder, disk.since_id, besides=missing)
            is_emptied = not believed and not any(away.folder == disk.folder for away in self._aways)
            if is_emptied or (believed and not self._any_there(believed)):
                self._miss(disk.folder, disk, disk.since_id, now)
                self._records.note(self._root.id, replace(disk, since_id=self._records.newest_id()))

    def is_away(self, path: str, file_id: int) -> bool:
        """Whether the file could not be seen if it were there; then nothing follows from its absence."""
        found = [away for away in self._aways if away.holds(path, file_id)]
        for away in found:
            self._in_scan[away.id] = True
        return bool(found)

    def scan_began(self) -> None:
        """The whole root is looked through from now on."""
        self._in_scan = dict.fromkeys((away.id for away in self._aways), False)

    def scan_ended(self, troubled: Collection[str]) -> None:
        """It was, but for folders that could not be read: what missed nothing is all there."""
        for away in list(self._aways):
            is_hidden = any(core.is_at(folder, away.folder) for folder in troubled)
            if self._in_scan.get(away.id) is False and not is_hidden:
                self._find(away)
        self._in_scan = {}

    # --- what changed ------------------------------------------------------------------------------------------

    def _lose(self, disk: Disk, other: Disk | None, now: float) -> None:
        """The disk is not there, or `other` is in its place."""
        identity = self._files.identity_of(self._root.path, disk.folder)
        if other is None and identity == disk.identity:
            self._records.forget(self._root.id, disk.folder)  # it was mounted upon itself
            return
        if other is not None and disk.folder and self._any_there(self._believed(disk.folder, disk.since_id)):
            self._records.note(self._root.id, replace(other, since_id=disk.since_id))  # it has another number
            return
        if self._believed(disk.folder, disk.since_id):
            self._miss(disk.folder, disk, disk.since_id, now)
        if other is None:
            self._records.forget(self._root.id, disk.folder)
        else:
            self._records.note(self._root.id, replace(other, since_id=self._records.newest_id()))

    def _meet(self, disk: Disk, before: Disk | None, now: float) -> None:
        """The disk is there and was not; `before` was in its place."""
        if before is not None:
            return  # what became of that one is settled, and this one is noted
        missing = [away for away in self._aways if away.folder == disk.folder and away.disk is not None]
        floor = max((away.upto_id for away in missing), default=0)
        newest = self._records.newest_id()
        back = next((away for away in missing if self._is_back(away, disk)), None)
        if self._believed(disk.folder, floor):
            self._miss(disk.folder, None, floor, now)
        self._records.note(self._root.id, replace(disk, since_id=newest if back is None else back.from_id))

    def _settle(self, seen: Mapping[str, Disk], now: float) -> None:
        """What can be seen again, and what a person has spoken about."""
        for away in list(self._aways):
            disk = seen.get(away.folder)
            is_back = disk is None if away.disk is None else disk is not None and self._is_back(away, disk)
            if is_back or self._is_waived(away):
                self._find(away)

    def _is_back(self, away: Away, disk: Disk) -> bool:
        if away.disk is None or (not away.folder and disk.point != away.disk.point):
            return False
        # What was sent anew since was written to what is there now.
        believed = self._records.believed(
            self._root.id,
            away.folder,
            from_id=away.from_id,
            upto_id=away.upto_id,
            before=away.since_at,
            limit=BELIEVED,
        )
        return self._any_there(believed)

    def _is_waived(self, away: Away) -> bool:
        """Whether a person said, since it went, that what is missing is deleted."""
        facts = self._files.look(self._root.path, f"{away.folder}/{YES_NAME}" if away.folder else YES_NAME)
        return facts is not None and facts.touched_at >= away.since_at

    def _miss(self, folder: str, disk: Disk | None, from_id: int, now: float) -> None:
        upto_id = self._records.newest_id()
        self._records.miss(self._root.id, folder, disk, from_id=from_id, upto_id=upto_id, now=now)
        self._aways = self._records.aways(self._root.id)
        reason = core.sentence(self._aways[-1], self._root.path)
        self._log.error("disk.away", root=shown(self._root.path), folder=shown(folder), reason=reason)

    def _find(self, away: Away) -> None:
        self._records.found(away.id)
        self._aways = self._records.aways(self._root.id)
        self._log.info("disk.back", root=shown(self._root.path), folder=shown(away.folder))

    def _believed(self, folder: str, from_id: int, *, besides: Collection[int] = ()) -> dict[str, tuple[int, int]]:
        return self._records.believed(self._root.id, folder, from_id=from_id, besides=besides, limit=BELIEVED)

    def _any_there(self, believed: Mapping[str, tuple[int, int]]) -> bool:
        """Whether one of them is there as it was. Its name alone proves little: recorders begin again at 1."""
        for path, version in believed.items():
            facts = self._files.look(self._root.path, path)
            if facts is not None and version == (facts.size, facts.mtime_ns):
                return True
        return False


class DiskCheck:
    """The disks of all roots as they are now, for whoever is about to act on a file. Remembers nothing."""

    def __init__(self, records: DiskRecords, files: LooksAtDisks) -> None:
        self._records = records
        self._files = files
        self._seen: Callable[[str], list[Disk]] = SeenDisks(files).of

    def why_away(self, root_id: int, root: str, path: str, file_id: int) -> str | None:
        """Why nothing may be concluded from the absence of the file, as a sentence for a person."""
        reason = core.why_away(self._records.aways(root_id), root, path, file_id)
        if reason is not None:
            return reason
        seen = self._seen(root)
        if not seen:
            return None  # the root is away as a whole, which is looked at elsewhere
        known = self._records.known(root_id)
        # What changed since the watcher looked last is its to judge.
        odd = [*core.lost(known, seen), *core.new(known, seen)]
        place = next((disk.folder for disk in odd if core.is_at(path, disk.folder)), None)
        if place is None:
            return None
        return f"what is mounted at {shown(f'{root}/{place}')} has changed; eisync checks it first"
