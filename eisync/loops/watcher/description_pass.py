"""How far a pass has come that describes the waiting files of a root or a folder again."""

from dataclasses import dataclass, field

from eisync.core.lifecycle import State

_STATES = (State.READY, State.QUARANTINED)


@dataclass(slots=True)
class DescriptionPass:
    """A pass that describes waiting files again, page by page: those in a folder, or (None) all."""

    folder: str | None
    is_deep: bool = False
    after: str = ""
    states: list[State] = field(default_factory=lambda: list(_STATES))
    cursor: tuple[float, int] = (0.0, 0)
    last_folder: str | None = None
    remarked_id: int | None = 0  # remarks are checked up to this file; None: all are
    is_whole: bool = False  # every file is described, even if the configuration is the same

    def contains(self, path: str) -> bool:
        """Return whether the file at `path` is in the folder of the pass."""
        folder = path.rpartition("/")[0]
        if not self.is_deep:
            return folder == self.folder
        return not self.folder or folder == self.folder or folder.startswith(f"{self.folder}/")
