"""Describe sent files again after a sidecar changed, page by page, and record what their samples should have instead.

Annotation files of other programs count as sidecars here.
Only what a sidecar says is followed, and only if it was touched after the file was sent: neither a new configuration
nor a new version of eisync changes samples by itself. `eisync relabel` does that when a person asks.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eisync.core.labels.changes import followed, is_alike
from eisync.core.labels.description import Description, UnsentFile
from eisync.core.model import Root
from eisync.loops.ports import Log
from eisync.store.descriptions import Descriptions

PAGE = 500


@dataclass(slots=True)
class _Folder:
    """A folder whose sent files are described again, those after the path `after`, because of what is at `places`."""

    path: str
    is_deep: bool
    places: set[str]
    after: str = ""


class SentDescriptions:
    """Describes the sent files of one root again."""

    def __init__(
        self,
        root: Root,
        descriptions: Descriptions,
        describe: Callable[[str, float], object],
        is_newer: Callable[[str, float], bool],
        log: Log,
    ) -> None:
        """`describe` returns the Description of the file at a path, or anything else when it is not known.

        `is_newer` returns whether there is a file at a path that was touched after an instant (Unix s).
        """
        self._root = root
        self._descriptions = descriptions
        self._describe = describe
        self._is_newer = is_newer
        self._log = log
        self._folders: deque[_Folder] = deque()
        self._paths: set[str] = set()

    @property
    def is_busy(self) -> bool:
        """Return whether `step` has work to do."""
        return bool(self._folders or self._paths)

    def add_folder(self, folder: str, *, is_deep: bool, place: str) -> None:
        """Describe the sent files in the folder again, with `is_deep` also those below it, from the first one on.

        The sidecar at `place` changed.
        """
        places = {place}
        for one in [one for one in self._folders if (one.path, one.is_deep) == (folder, is_deep)]:
            places |= one.places
            self._folders.remove(one)
        self._folders.append(_Folder(folder, is_deep, places))

    def add_paths(self, paths: Iterable[str]) -> None:
        """Describe these files again if they are sent. A sidecar changed while they were, or mentions them now."""
        self._paths.update(paths)

    def step(self, now: float) -> bool:
        """Describe one page. Return whether it was the last one."""
        if self._paths:
            some = [self._paths.pop() for _ in range(min(PAGE, len(self._paths)))]
            self._want(self._descriptions.sent_at(self._root.id, some), now)
        elif self._folders:
            one = self._folders[0]
            page = self._descriptions.sent_within(
                self._root.id, one.path, is_deep=one.is_deep, after=one.after, limit=PAGE
            )
            self._want([file for file in page if self._is_touched_since(file, one.places)], now)
            if len(page) == PAGE:
                one.after = page[-1].path
            else:
                self._folders.popleft()
        return not self.is_busy

    def _is_touched_since(self, file: UnsentFile, places: Iterable[str]) -> bool:
        sent_at, _ = file.cursor
        return any(self._is_newer(place, sent_at) for place in places)

    def _want(self, page: Sequence[UnsentFile], now: float) -> None:
        changes: list[tuple[int, Description]] = []
        for file in page:
            found = self._describe(file.path, now)
            if isinstance(found, Description):
                after = followed(file.description, found)
                if not is_alike(after, file.description):
                    changes.append((file.id, after))
        wanted = self._descriptions.want(changes, is_asked=False, now=now) if changes else 0
        if wanted:
            self._log.info("files.relabelled", root=self._root.path, files=wanted)
