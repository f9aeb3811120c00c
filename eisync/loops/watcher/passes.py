"""The passes that describe waiting files again: which files each covers, and how far it is."""

import json
from dataclasses import dataclass, field

from eisync.core.lifecycle import State
from eisync.loops.watcher.context import WatchedRoot

_STATES = (State.READY, State.QUARANTINED)


@dataclass(slots=True)
class Pass:
    """A pass that describes waiting files again, page by page: those in a folder, or (None) all."""

    folder: str | None
    is_deep: bool = False
    after: str = ""
    states: list[State] = field(default_factory=lambda: list(_STATES))
    cursor: tuple[float, int] = (0.0, 0)
    last_folder: str | None = None
    remarked_id: int | None = 0  # remarks are checked up to this file; None: all are
    is_whole: bool = False  # every file is described, even if the configuration is the same

    def covers(self, path: str) -> bool:
        """Return whether the file at `path` is in the folder, or below it."""
        folder = path.rpartition("/")[0]
        if not self.is_deep:
            return folder == self.folder
        return not self.folder or folder == self.folder or folder.startswith(f"{self.folder}/")


def rules_of(watched: WatchedRoot) -> str:
    """Return what the configuration says about descriptions, as text that can be compared."""
    annotations = [watched.annotations, watched.requires_annotation, watched.manifest]
    split = [] if watched.split is None else [repr(watched.split)]
    return json.dumps([repr(watched.labelling), sorted(watched.metadata.items()), *annotations, *split])
