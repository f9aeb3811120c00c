"""Schedule the walks of one root: which are due, which are under way, and which known files each must find.

One tick takes a bounded number of pieces of a walk. What the walk read from the store about a folder may be outdated by
the time it is compared, so whatever differs is read from the store again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from eisync.core.clutter import DESKTOP, README
from eisync.core.known_content import FolderPiece, KnownVersions, Trust
from eisync.core.labels.sidecars import WHAT_THEY_ARE
from eisync.core.model import shown
from eisync.loops.ports import Log
from eisync.loops.watcher.context import Files, WatchedRoot
from eisync.store.path_index import PathIndex

MAX_REASONS = 50
MAX_LOGGED = 2_000
PAGE = 1_000

_EVERYDAY = ("ignored by the pattern", "not a type that Edge Impulse takes", README, DESKTOP, *WHAT_THEY_ARE.values())


@dataclass(slots=True)
class Scan:
    """A walk of everything at and below the folders `below` (the root itself is "").

    `is_audit`: events should have reported every file that is new since the last scan. `doubt`: the number of the
    doubt that the scan ends; None if there is none.
    """

    pieces: Iterator[FolderPiece]
    below: frozenset[str]
    began_at: float
    is_audit: bool = False
    doubt: int | None = None
    visited: set[str] = field(default_factory=set)
    troubled: set[str] = field(default_factory=set)
    unreadable: dict[str, str] = field(default_factory=dict)  # folders, and why
    left_out: Counter[str] = field(default_factory=Counter)
    huge: dict[str, int] = field(default_factory=dict)  # huge folders, and how many known files the walk found there
    absences: Iterator[tuple[str, list[str]]] | None = None  # known files that the walk did not find
    missed: int = 0
    spent_s: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Return whether it walks the whole root."""
        return "" in self.below

    def covers(self, folder: str) -> bool:
        """Return whether it walks the folder."""
        return is_within(folder, self.below)

    def note(self, piece: FolderPiece) -> None:
        """Record a piece of a folder."""
        self.visited.add(piece.path)
        if piece.trouble is not None:
            self.troubled.add(piece.path)
            self.unreadable[piece.path] = piece.trouble

    def note_failure(self, folder: str) -> None:
        """Record that a piece of the folder could not be compared: its missing files prove nothing."""
        self.troubled.add(folder)

    def note_huge(self, folder: str, met: int) -> None:
        """Record that the folder holds `met` known files, too many to keep which ones."""
        self.huge[folder] = met

    def note_missed(self, number: int) -> None:
        """Count files that an event should have reported."""
        self.missed += number

    def add_cost(self, spent_s: float) -> None:
        """Add the processor time of a piece of work."""
        self.spent_s += max(0.0, spent_s)


class Scans:
    """Begins the walks of one root. At most one of the whole root and one of some folders are under way."""

    def __init__(self, watched: WatchedRoot, paths: PathIndex, files: Files, trust: Trust) -> None:
        self._root = watched.root
        self._eligibility = watched.eligibility
        self._paths = paths
        self._files = files
        self._known = KnownVersions(
            all_in=lambda folder, limit: paths.versions(watched.root.id, folder, limit=limit),
            some_in=lambda folder, names: paths.versions_of(watched.root.id, folder, names),
            passes_over=trust.passes_over,
        )
        self._whole: Scan | None = None
        self._partial: Scan | None = None
        self._folders: set[str] = set()  # folders that appeared, moved or disappeared, and are not walked yet
        self._is_doubted = False
        self._due_at = 0.0
        self._pause_s = watched.scan_interval_s
        self._has_scanned = False

    @property
    def has_scanned(self) -> bool:
        """Return whether the whole root was scanned since the start."""
        return self._has_scanned

    @property
    def pause_s(self) -> float:
        """Return the time from the end of a scan to the begin of the next (s)."""
        return self._pause_s

    @property
    def is_partial_wanted(self) -> bool:
        """Return whether some folders are being walked, or wait for it."""
        return self._partial is not None or bool(self._folders)

    @property
    def is_busy(self) -> bool:
        """Return whether the next tick has something to walk."""
        return bool(self._whole or self._partial or self._folders or self._is_doubted)

    @property
    def is_idle(self) -> bool:
        """Return whether no walk is under way, and no folder waits for one."""
        return self._whole is None and not self.is_partial_wanted

    def next_at(self, now: float) -> float:
        """Return when the next scan of the root is due (Unix s). A clock that is set back does not delay it."""
        self._due_at = min(self._due_at, now + self._pause_s)
        return self._due_at

    def under_way(self) -> list[Scan]:
        """Return the walks under way, the one of some folders first."""
        return [scan for scan in (self._partial, self._whole) if scan is not None]

    def doubt(self) -> None:
        """Request a scan of the whole root: what is known of it may be wrong."""
        self._is_doubted = True

    def abandon(self) -> None:
        """Drop the walks under way, and request a scan of the whole root."""
        self._whole = self._partial = None
        self._is_doubted = True

    def add(self, folders: Iterable[str]) -> None:
        """Request a walk of these folders."""
        self._folders.update(folders)

    def is_ignored(self, folder: str) -> bool:
        """Return whether a walk from the root would skip the folder."""
        return any(self._eligibility.ignoring_rule(place, is_dir=True) is not None for place in _above(folder))

    def begin_whole(self, now: float) -> Scan | None:
        """Begin a scan of the whole root if one is due, and return it; None: none is due, or one is under way."""
        if self._whole is not None and self._is_doubted:
            self._whole.is_audit = False
        if self._whole is not None or not (self._is_doubted or now >= self.next_at(now)):
            return None
        self._whole = self._begin([""], now, is_audit=not self._is_doubted)
        self._is_doubted = False
        self._partial = None
        self._folders.clear()  # the scan of the whole root includes them
        return self._whole

    def begin_partial(self, now: float) -> None:
        """Begin a walk of the folders that wait for one, unless one is under way."""
        if self._partial is None and self._folders:
            self._partial = self._begin(topmost(self._folders), now)
            self._folders = set()

    def end_partial(self) -> None:
        """Record that the walk of some folders ended."""
        self._partial = None

    def end_whole(self, pause_s: float, now: float) -> None:
        """Record that the scan of the whole root ended. The next one is due after the pause."""
        self._whole = None
        self._has_scanned = True
        self._pause_s = pause_s
        self._due_at = now + pause_s

    def absences(self, scan: Scan) -> Iterator[tuple[str, list[str]]]:
        """Yield known files that may be missing, page by page: those in folders that are huge, disappeared, or are
        ignored now. Leave out folders that could not be read."""
        for folder, met in scan.huge.items():
            if met < self._paths.count(self._root.id, folder):
                for names in self._pages(folder):
                    yield folder, names
        for below in scan.below:
            for folder in self._paths.folders(self._root.id, below=below):
                if folder not in scan.visited and not is_within(folder, scan.troubled):
                    for names in self._pages(folder):
                        yield folder, names

    def _begin(self, folders: Collection[str], now: float, *, is_audit: bool = False) -> Scan:
        pieces = (
            piece
            for below in folders
            for piece in self._files.walk(self._root.path, self._eligibility, below=below, known=self._known)
        )
        return Scan(pieces, frozenset(folders), now, is_audit=is_audit)

    def _pages(self, folder: str) -> Iterator[list[str]]:
        after = ""
        while names := self._paths.names(self._root.id, folder, after=after, limit=PAGE):
            yield names
            after = names[-1]


class IgnoredEntries:
    """Counts the files of one root that are left out, and logs, once, those that a person might not expect."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._logged: set[str] = set()

    def count(self, scan: Scan, piece: FolderPiece) -> None:
        """Count the files that a piece of a walk left out."""
        for path, why in piece.left_out:
            known_reason = why in scan.left_out or len(scan.left_out) < MAX_REASONS
            scan.left_out[why if known_reason else "other reasons"] += 1
            if not why.startswith(_EVERYDAY):
                self._log_once("file.left_out", path, why)
        if piece.trouble is not None:
            self._log_once("folder.unreadable", piece.path, piece.trouble)

    def _log_once(self, event: str, path: str, why: str) -> None:
        if path not in self._logged and len(self._logged) < MAX_LOGGED:
            self._logged.add(path)
            self._log.warning(event, path=shown(path), reason=why)


def topmost(folders: Iterable[str]) -> list[str]:
    """Return the folders that are not below another one of `folders`."""
    tops: set[str] = set()
    for folder in sorted(folders, key=lambda path: path.count("/")):
        if not is_within(folder, tops):
            tops.add(folder)
    return sorted(tops)


def is_within(folder: str, places: Collection[str]) -> bool:
    """Return whether the folder is one of `places`, or below one."""
    return "" in places or any(place in places for place in _above(folder))


def join(folder: str, name: str) -> str:
    """Return the path of `name` in `folder`."""
    return f"{folder}/{name}" if folder else name


def _above(path: str) -> Iterator[str]:
    """Return the path and every folder above it except the root, the topmost first."""
    parts = path.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
