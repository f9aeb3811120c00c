"""Look at the content of files that are at the service and may have changed: touched, restored, linked, remounted.

A million of them may come at once, after a restore or a snapshot by hard links. They are read behind everything else,
a bounded piece a tick, and only so many wait in memory: of the others the folders are remembered, and walked later.
"""

from enum import Enum

from eisync.core.model import FileFacts, shown
from eisync.loops.content_hashing import ContentHashing
from eisync.loops.ports import Contents, KnownFile, Log

BYTES_A_TICK = 1024 * 1024
"""Less than of what waits to be sent: new files are announced meanwhile."""
MOST_WAITING = 20_000
MOST_FOLDERS = 10_000
NOT_COMPARED = "it was touched since its upload, but cannot be read or is changing; eisync will check it again"


class ContentAnswer(Enum):
    """Whether a file holds what was sent."""

    SAME = "same"
    OTHER = "other"
    LATER = "later"  # nobody has looked yet
    UNREADABLE = "unreadable"  # nobody can tell at the moment


class ContentChecks:
    """The files of one root whose content is in doubt."""

    def __init__(self, root: str, contents: Contents, *, log: Log) -> None:
        self._comparing = ContentHashing(root, contents, bytes_a_tick=BYTES_A_TICK)
        self._log = log
        self._asked: dict[str, FileFacts] = {}
        self._unreadable: set[str] = set()  # as far as they are remembered
        self._left_out: dict[str, None] = {}  # folders, in the order in which they were met

    def ask(self, path: str, facts: FileFacts, known: KnownFile) -> ContentAnswer:
        """Whether the file, with these facts, holds what was sent as `known`."""
        if path not in self._asked and len(self._asked) >= MOST_WAITING:
            # Of too many folders, all are walked at last.
            self._left_out[path.rpartition("/")[0] if len(self._left_out) < MOST_FOLDERS else ""] = None
            return ContentAnswer.LATER
        self._asked[path] = facts
        found = self._comparing.hash_of(path, facts)
        if found is None:
            return ContentAnswer.LATER
        del self._asked[path]
        self._comparing.forget(path)
        if not found:
            self._tell_unreadable(path)  # the next look at the file tries again
            return ContentAnswer.UNREADABLE
        self._unreadable.discard(path)
        return ContentAnswer.SAME if found == known.sha256 else ContentAnswer.OTHER

    def unreadable(self) -> list[str]:
        """The files that could not be read when they were to be compared. Safe to ask from any thread."""
        return list(self._unreadable)

    def is_unreadable(self, path: str) -> bool:
        """Whether the file could not be read when it was to be compared."""
        return path in self._unreadable

    def is_asked(self, path: str) -> bool:
        """Whether the file waits for its answer."""
        return path in self._asked

    def forget(self, path: str) -> None:
        """Nobody wants to know any more, or it is to be read anew."""
        self._unreadable.discard(path)
        if self._asked.pop(path, None) is not None:
            self._comparing.forget(path)

    def take_left_out(self) -> str | None:
        """A folder with files that were not taken because too many waited, once there is room again; None: there is
        none, or no room."""
        if not self._left_out or len(self._asked) > MOST_WAITING // 2:
            return None
        folder = next(iter(self._left_out))
        del self._left_out[folder]
        return folder

    @property
    def is_idle(self) -> bool:
        """Whether no file waits, in memory or in a folder."""
        return not self._asked and not self._left_out

    def go_on(self, now: float) -> set[str]:
        """Read a bounded piece. Returns the files that are to be asked for again."""
        return self._comparing.go_on(now) if self._asked else set()

    def next_at(self) -> float | None:
        """When to go on (Unix s), or None when nothing waits."""
        return self._comparing.next_at()

    def __len__(self) -> int:
        """How many files wait for an answer."""
        return len(self._asked)

    def _tell_unreadable(self, path: str) -> None:
        if path not in self._unreadable and len(self._unreadable) < MOST_WAITING:
            self._unreadable.add(path)
            self._log.warning("file.unverified", path=shown(path), reason=NOT_COMPARED)
