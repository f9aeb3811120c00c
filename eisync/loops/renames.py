"""Recognise a known file under another name, so that it is not sent a second time.

What has the same inode, size and mtime, and is not where it was, is the same file: it keeps its samples and its
history. Where it still is at its old place too, there are two (hard) links, and two files. An mtime of whole seconds
proves little: archives and copies set it, and an inode is given away again at once. Such a file is taken for a new one,
and if it is not, the service says so when it is sent.
"""

from collections.abc import Callable

from eisync.core.describing import Description
from eisync.core.items import FileFacts, Rename, shown
from eisync.core.lifecycle import State
from eisync.loops.ports import Files, KnownFile, Log, Renames

UNDER_WAY = frozenset({State.SENDING, State.DOUBTFUL})

_SECOND_NS = 1_000_000_000


class Recogniser:
    """Follows the files of one root."""

    def __init__(
        self,
        root_id: int,
        root: str,
        described: Callable[[str, float], Description],
        *,
        files: Files,
        renames: Renames,
        log: Log,
        updates: bool = True,
    ) -> None:
        """`updates`: what is at the service is to follow, by name, label and category."""
        self._updates = updates
        self._root_id = root_id
        self._root = root
        self._described = described
        self._files = files
        self._renames = renames
        self._log = log
        self.waiting: set[str] = set()
        """Files that are known by names under which they are being sent: to be looked at again, later."""
        self.vacated: set[str] = set()
        """Names that files have left to others which were known: to be looked at again, now."""

    def recognise(self, path: str, facts: FileFacts, known: KnownFile | None, *, now: float) -> KnownFile | None:
        """What is known of the file at `path` once it was followed there; `known` when it is no other one renamed."""
        if (known is not None and known.facts == facts and known.state is not State.GONE) or not self._is_telling(
            facts
        ):
            return known
        for old_path, twin in self._renames.twins(self._root_id, facts).items():
            if old_path == path or self._files.look(self._root, old_path) == facts or not self._is_on_device(path):
                continue
            if twin.state in UNDER_WAY:
                self.waiting.add(path)
            else:
                said = self._described(path, now)
                move = Rename(id=twin.id, path=path, label=said.label, category=said.category, updates=self._updates)
                self._renames.follow([move], now=now)
                if known is not None and known.id != twin.id:
                    self.vacated.add(old_path)
                self._log.info("file.renamed", path=shown(path), before=shown(old_path))
            return twin
        return known

    def take_waiting(self) -> set[str]:
        """Those that wait, once."""
        waiting, self.waiting = self.waiting, set()
        return waiting

    def take_vacated(self) -> set[str]:
        """Those that were left to others, once."""
        vacated, self.vacated = self.vacated, set()
        return vacated

    def _is_telling(self, facts: FileFacts) -> bool:
        return facts.inode != 0 and facts.mtime_ns % _SECOND_NS != 0

    def _is_on_device(self, path: str) -> bool:
        """Whether the file is on the disk of the root: on another, inodes are counted anew."""
        return self._files.device_of(self._root, path) == self._files.device_of(self._root)
