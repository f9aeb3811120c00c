"""A walk of a root that is under way, and what it is compared with.

One tick takes a bounded number of pieces of it. What was known of a folder when the walk came to it may be old by the
time it is compared, so whatever differs is looked up again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from eisync.core.clutter import DESKTOP, README
from eisync.core.ignore import IgnoreRules
from eisync.core.known_content import Trust, Version
from eisync.core.labels.sidecars import WHAT_THEY_ARE
from eisync.core.model import shown
from eisync.loops.ports import Files, Log, Places, SeenFolder

MOST_REASONS = 50
MOST_TOLD = 2_000
PAGE = 1_000

_EVERYDAY = ("ignored by the pattern", "not a type that Edge Impulse takes", README, DESKTOP, *WHAT_THEY_ARE.values())


@dataclass(slots=True)
class Scan:
    """A walk of everything at and below the folders `below` (the root itself is "")."""

    pieces: Iterator[SeenFolder]
    below: frozenset[str]
    visited: set[str] = field(default_factory=set)
    troubled: set[str] = field(default_factory=set)
    unreadable: dict[str, str] = field(default_factory=dict)  # folders, and why
    left_out: Counter[str] = field(default_factory=Counter)
    huge: dict[str, int] = field(default_factory=dict)  # how many known files it met where it cannot tell which not
    absences: Iterator[tuple[str, list[str]]] | None = None  # of the folders that were not met
    is_audit: bool = False  # the events since the last scan should have told of all that is new
    began_at: float | None = None
    missed: int = 0
    spent_s: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether it is of the whole root."""
        return "" in self.below

    def covers(self, folder: str) -> bool:
        """Whether the folder is one that it comes to, or below one."""
        return is_within(folder, self.below)

    def saw(self, folder: SeenFolder) -> None:
        """A piece of the walk was looked at."""
        self.visited.add(folder.path)
        if folder.trouble is not None:
            self.troubled.add(folder.path)
            self.unreadable[folder.path] = folder.trouble


class Scans:
    """Begins walks of one root."""

    def __init__(
        self, root_id: int, path: str, eligibility: IgnoreRules, *, files: Files, places: Places, trust: Trust
    ) -> None:
        self._trust = trust
        self._root_id = root_id
        self._path = path
        self._eligibility = eligibility
        self._files = files
        self._places = places

    def begin(self, folders: Collection[str], *, is_audit: bool = False, now: float | None = None) -> Scan:
        """A walk of what is at and below `folders`."""
        known = _InRoot(self._places, self._root_id, self._trust)
        pieces = (
            piece
            for below in folders
            for piece in self._files.walk(self._path, self._eligibility, below=below, known=known)
        )
        return Scan(pieces, frozenset(folders), is_audit=is_audit, began_at=now)

    def absences(self, walk: Scan) -> Iterator[tuple[str, list[str]]]:
        """Files that are known where the walk cannot tell or did not come to, page by page: folders that are huge, that
        went, or are ignored now. Nothing is said of folders that could not be read."""
        for folder, met in walk.huge.items():
            if met < self._places.count(self._root_id, folder):
                for names in self.pages(folder):
                    yield folder, names
        for below in walk.below:
            for folder in self._places.folders(self._root_id, below=below):
                if folder not in walk.visited and not is_within(folder, walk.troubled):
                    for names in self.pages(folder):
                        yield folder, names

    def pages(self, folder: str) -> Iterator[list[str]]:
        """The names that are known in a folder, page by page."""
        after = ""
        while names := self._places.names(self._root_id, folder, after=after, limit=PAGE):
            yield names
            after = names[-1]

    def is_ignored(self, folder: str) -> bool:
        """Whether a walk from the root would not come to the folder."""
        return any(self._eligibility.ignoring_rule(place, is_dir=True) is not None for place in _above(folder))


class IgnoredEntries:
    """Counts what is not for the service, and tells of what a person might not expect: once."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._told: set[tuple[int, str]] = set()

    def count(self, root_id: int, walk: Scan, folder: SeenFolder) -> None:
        """What a piece of a walk left out."""
        for path, why in folder.left_out:
            known_reason = why in walk.left_out or len(walk.left_out) < MOST_REASONS
            walk.left_out[why if known_reason else "other reasons"] += 1
            if not why.startswith(_EVERYDAY):
                self._tell(root_id, "file.left_out", path, why)
        if folder.trouble is not None:
            self._tell(root_id, "folder.unreadable", folder.path, folder.trouble)

    def _tell(self, root_id: int, event: str, path: str, why: str) -> None:
        key = (root_id, path)
        if key not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(key)
            self._log.warning(event, path=shown(path), reason=why)


@dataclass(frozen=True, slots=True)
class _InRoot:
    """What is known of one root's files, as a walk asks for it."""

    places: Places
    root_id: int
    trust: Trust

    def all_in(self, folder: str, *, limit: int) -> dict[bytes, Version] | None:
        return self.places.versions(self.root_id, folder, limit=limit)

    def some_in(self, folder: str, names: Iterable[bytes]) -> Mapping[bytes, Version]:
        return self.places.versions_of(self.root_id, folder, names)

    def passes_over(self, known: Version, seen: Version) -> bool:
        return self.trust.passes_over(known, seen)


def topmost(folders: Iterable[str]) -> list[str]:
    """Those of `folders` that lie in none of the others."""
    tops: set[str] = set()
    for folder in sorted(folders, key=lambda path: path.count("/")):
        if not is_within(folder, tops):
            tops.add(folder)
    return sorted(tops)


def is_within(folder: str, places: Collection[str]) -> bool:
    """Whether the folder is one of `places`, or below one."""
    return "" in places or any(place in places for place in _above(folder))


def join(folder: str, name: str) -> str:
    """The path of what is called `name` in `folder`."""
    return f"{folder}/{name}" if folder else name


def _above(path: str) -> Iterator[str]:
    """`path` and every folder above it but the root, the topmost first."""
    parts = path.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
