"""Ask the service once more, at the last moment, whether it has what will be removed here.

What the index knows was listed hours ago: a sample may be deleted since, or its number may mean another one. A page of
files costs one question, and bytes are compared only where no hash proves them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from eisync.core.model import RemoteSample
from eisync.core.retention import Local, ProofLook, Why, why_unproven
from eisync.errors import EisyncError, StudioError
from eisync.loops.ports import ProjectService
from eisync.store.retention import Removals

FRESH_S = 30.0
"""An answer counts for so long. What takes longer is asked anew."""


class IdentityCheck:
    """Proves that the service has files, a page of them at a time."""

    def __init__(
        self, studios: Mapping[str, ProjectService], removals: Removals, *, clock: Callable[[], float]
    ) -> None:
        """`studios` by target."""
        self._studios = studios
        self._removals = removals
        self._clock = clock
        self._target = ""
        self._listed: dict[int, RemoteSample] = {}
        self._asked_for: frozenset[int] = frozenset()
        self._asked_at = 0.0
        self.trouble: str | None = None

    def why_unproven(self, file: Local, others: Iterable[Local] = ()) -> Why | None:
        """Return why the file may not go; None: the service has all that was sent of it, now. `others` follow soon.

        `trouble` says why the service cannot be asked at all; None: it can.
        """
        self.trouble = None
        studio = self._studios.get(file.target)
        if studio is None:
            return Why.UNASKED
        try:
            self._ask(studio, file, others)
            return self._compare(studio, file)
        except StudioError:
            return Why.UNASKED  # of this one
        except EisyncError as error:
            self.trouble = str(error)
            return Why.UNASKED

    def _ask(self, studio: ProjectService, file: Local, others: Iterable[Local]) -> None:
        wanted = {proof.id for proof in file.proofs}
        is_fresh = 0.0 <= self._clock() - self._asked_at < FRESH_S
        if is_fresh and self._target == file.target and wanted <= self._asked_for:
            return
        self._asked_for = frozenset()
        asked_at = self._clock()
        ids = wanted.union(*(_ids(other) for other in others if other.target == file.target))
        self._listed = studio.listed(ids)
        self._target, self._asked_for, self._asked_at = file.target, frozenset(ids), asked_at

    def _compare(self, studio: ProjectService, file: Local) -> Why | None:
        raw: dict[int, str] = {}
        while isinstance(found := why_unproven(file, self._listed, raw), ProofLook):
            raw[found.sample_id] = studio.sha256_of(found.sample_id)
            self._removals.note_raw(file.target, self._listed[found.sample_id], raw[found.sample_id])
        return found


def _ids(file: Local) -> Iterator[int]:
    return (proof.id for proof in file.proofs)
