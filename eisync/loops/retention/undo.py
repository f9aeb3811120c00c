"""Undo what the retention did: bring a file back out of the archive, or from the service. From then on it is kept."""

from collections.abc import Callable, Iterable
from typing import Protocol

from eisync.core.actions import StoredAction
from eisync.core.lifecycle import RETRIEVABLE
from eisync.core.model import FileFacts, shown
from eisync.core.retention import Local, Removal, removal_of
from eisync.errors import FolderError


class Known(Protocol):
    """What the index knows of a file."""

    def one(self, file_id: int) -> Local | None: ...


class Restoring(Protocol):
    """Brings files back. Raises FolderError when that cannot be done."""

    def from_archive(self, removal: Removal) -> FileFacts: ...
    def from_pieces(self, removal: Removal, pieces: Iterable[bytes]) -> FileFacts: ...


class RetentionUndo:
    """Undoes actions of the retention. Safe to repeat."""

    def __init__(self, known: Known, restoring: Restoring) -> None:
        self._known = known
        self._restoring = restoring

    def undo(self, written: StoredAction, raw: Callable[[int], Iterable[bytes]]) -> tuple[FileFacts, str]:
        """Bring the file of the action back. Returns its facts, and what was done, for a person.

        `raw` gives the bytes of a sample. Raises FolderError when there is nothing to bring back or it cannot be done,
        and what `raw` raises.
        """
        file = self._known.one(written.action.file_id)
        if file is None or file.removal not in RETRIEVABLE or not file.sha256:
            raise FolderError("the file is back, or was sent again since; there is nothing to bring back")
        removal = removal_of(written, file)
        if removal.to is not None:
            return self._restoring.from_archive(removal), f"moved back from {shown(removal.to)}; it is kept"
        if not file.proofs:
            raise FolderError("the service no longer has its sample, and there is no other copy")
        sample_id = file.proofs[0].id
        facts = self._restoring.from_pieces(removal, raw(sample_id))
        return facts, f"downloaded again (sample {sample_id}); it is kept"
