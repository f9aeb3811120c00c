"""Whether a watched folder is the one that we know, for whoever concludes something from what is not in it."""

from typing import Protocol

from eisync.core.model import shown
from eisync.loops.ports import Disks


class Looking(Protocol):
    """Looks at folders and files without opening any."""

    def is_missing(self, root: str, path: str) -> bool: ...
    def why_offline(self, root: str) -> str | None: ...
    def device_of(self, root: str, path: str = "") -> int | None: ...


class WatchedFolders:
    """The watched folders as they are now. Remembers nothing."""

    def __init__(self, files: Looking, disks: Disks) -> None:
        self._files = files
        self._disks = disks

    def why_away(self, root_id: int, root: str) -> str | None:
        """Why nothing may be concluded from what is in the folder, as a sentence for a person; None: all is well."""
        offline = self._files.why_offline(root)
        if offline is not None:
            return offline
        known = self._disks.device(root_id)
        if known is None or self._files.device_of(root) == known:
            return None
        return (
            f"the folder {shown(root)} is on a different disk than before; mount the disk, and eisync continues by "
            "itself"
        )

    def is_missing(self, root: str, path: str) -> bool:
        """Whether there certainly is no such file in the folder."""
        return self._files.is_missing(root, path)
