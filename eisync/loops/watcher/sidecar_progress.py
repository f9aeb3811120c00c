"""Remember how far sidecars and annotation documents were read."""

from dataclasses import dataclass, field

from eisync.core.formats.json_stream import Checkpoint
from eisync.core.labels.mentions import combines_entries
from eisync.core.labels.sidecars import NAMES
from eisync.core.model import value
from eisync.loops.watcher.context import SidecarReading


@value
class Progress:
    """How far a sidecar was read, and the id of its entries in the store."""

    id: int
    checkpoint: Checkpoint
    is_read: bool  # whether up to the end that it had then


@dataclass(slots=True)
class OpenReading:
    """The progress of a sidecar that is being read."""

    place: str
    steps: SidecarReading
    progress: Progress | None
    id: int | None = None
    added: int = 0
    paths: set[str] = field(default_factory=set)  # paths of added entries, as far as they are few
    flushed_at: int = 0

    @property
    def is_document(self) -> bool:
        """Return whether it is an annotation file of another program."""
        return self.place.rpartition("/")[2] not in NAMES

    @property
    def joins(self) -> bool:
        """Return whether all entries for one path count, and not only the last one."""
        return self.is_document or combines_entries(self.place.rpartition("/")[2])

    @property
    def is_growing(self) -> bool:
        """Return whether the sidecar certainly still has all entries that were read before."""
        return self.progress is not None and self.progress.is_read and self.steps.is_continued
