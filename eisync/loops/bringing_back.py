"""Undo what the retention did: bring a file back out of the archive, or from the service. From then on it is kept."""

from collections.abc import Callable, Iterable
from typing import Protocol

from eisync.core import retention
from eisync.core.acts import Written
from eisync.core.items import FileFacts, shown
from eisync.core.retention import Local, Removal
from eisync.errors import FolderError, KeyRefusedError, StudioError, TransitError


class Known(Protocol):
    """What the index knows of a file."""

    def one(self, file_id: int) -> Local | None: ...


class Undone(Protocol):
    """Where it is written down that an act was undone, or cannot be."""

    def undone(self, target: str, written: Written, outcome: str, *, facts: FileFacts | None, now: float) -> None: ...
    def fail_undo(self, written: Written, reason: str) -> None: ...
    def put_off(self, act_id: int, reason: str) -> None: ...


class Restoring(Protocol):
    """Brings files back. Raises FolderError when that cannot be done."""

    def from_archive(self, removal: Removal) -> FileFacts: ...
    def from_pieces(self, removal: Removal, pieces: Iterable[bytes]) -> FileFacts: ...


def undo(
    written: Written,
    *,
    records: Known,
    ledger: Undone,
    restoring: Restoring,
    raw: Callable[[int], Iterable[bytes]],
    now: float,
) -> bool:
    """Bring back the file of an act of the retention; from then on it is kept. Safe to repeat.

    `raw` gives the bytes of a sample, and raises what Studio does. Returns False when that is to be tried again later.
    """
    file = records.one(written.act.file_id)
    if file is None or file.removal not in ("deleted", "archived") or not file.sha256:
        ledger.fail_undo(written, "the file was sent anew since, or is there; there is nothing to bring back")
        return True
    removal = retention.removal_of(written, file)
    try:
        facts, outcome = _brought_back(removal, file, restoring, raw)
    except TransitError as error:
        ledger.put_off(written.id, str(error))
        return False
    except (FolderError, StudioError, KeyRefusedError) as error:
        ledger.fail_undo(written, str(error))
        return True
    ledger.undone(file.target, written, outcome, facts=facts, now=now)
    return True


def _brought_back(
    removal: Removal, file: Local, restoring: Restoring, raw: Callable[[int], Iterable[bytes]]
) -> tuple[FileFacts, str]:
    if removal.to is not None:
        return restoring.from_archive(removal), f"moved back from {shown(removal.to)}; it stays"
    if not file.proofs:
        raise FolderError("the service holds no sample of it any more")
    sample_id = file.proofs[0].id
    return restoring.from_pieces(removal, raw(sample_id)), f"downloaded again (sample {sample_id}); it stays"
