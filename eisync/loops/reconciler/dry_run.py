"""A mirror that is read but never written, for a pass that only reports what it would do."""

from collections.abc import Iterable

from eisync.core import listing
from eisync.core.listing import LastPoll, Slice, SweepProgress
from eisync.core.model import Missing, RemoteSample
from eisync.store.mirror import Mirrored

_NO_GENERATION = -1


class DryRun:
    """A mirror that reads the index and never writes to it."""

    def __init__(self, mirrored: Mirrored) -> None:
        self._mirrored = mirrored

    def remembered(self, target: str) -> LastPoll | None:
        return self._mirrored.remembered(target)

    def slice(
        self,
        target: str,
        listed: Iterable[RemoteSample] = (),
        *,
        low: int,
        high: int,
        generation: int | None,
        began_at: float,
        limit: int,
    ) -> Slice:
        return self._mirrored.slice(
            target, listed, low=low, high=high, generation=generation, began_at=began_at, limit=limit
        )

    def apply(self, target: str, actions: Iterable[listing.IndexChange], **_: object) -> list[int]:
        return []

    def note_poll(self, target: str, **_: object) -> None: ...

    def note_changes(self, target: str, **_: object) -> list[Missing]:
        return []

    def begin_sweep(
        self, target: str, *, modified_at: float | None, version_index: int | None = None, now: float
    ) -> SweepProgress:
        return SweepProgress(
            generation=_NO_GENERATION, began_at=now, modified_at=modified_at, version_index=version_index
        )

    def sweep_under_way(self, target: str) -> SweepProgress | None:
        return None

    def drop_sweep(self, target: str) -> None: ...

    def finish_sweep(self, target: str, progress: SweepProgress, *, now: float) -> list[Missing]:
        return []
