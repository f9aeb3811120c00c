"""Ask the service once more, at the last moment, whether it has what is to be taken away here.

What the index knows was listed hours ago: a sample may be deleted since, or its number may mean another one. A page of
files costs one question, and bytes are looked at only where no hash proves them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Protocol

from eisync.core.model import RemoteSample
from eisync.core.retention import Local, ProofLook, Why, why_unproven
from eisync.errors import EisyncError, StudioError

FRESH_S = 30.0
"""So long an answer counts. What takes longer is asked anew."""


class Witness(Protocol):
    """A target's Studio. Raises KeyRefusedError, StudioError or TransitError."""

    def listed(self, ids: Collection[int]) -> dict[int, RemoteSample]: ...
    def sha256_of(self, sample_id: int) -> str: ...


class Notes(Protocol):
    """Where it is remembered what the bytes of a sample are."""

    def note_raw(self, target: str, sample: RemoteSample, raw_sha256: str) -> None: ...


class IdentityCheck:
    """Proves that the service has files, a page of them at a time."""

    def __init__(self, witnesses: Mapping[str, Witness], notes: Notes, *, clock: Callable[[], float]) -> None:
        """`witnesses` by target."""
        self._witnesses = witnesses
        self._notes = notes
        self._clock = clock
        self._target = ""
        self._listed: dict[int, RemoteSample] = {}
        self._asked_for: frozenset[int] = frozenset()
        self._asked_at = 0.0
        self.trouble: str | None = None

    def why_unproven(self, file: Local, others: Iterable[Local] = ()) -> Why | None:
        """Why the file may not go; None: the service has all that was sent of it, now. `others` follow soon.

        `trouble` says why the service cannot be asked at all; None: it can.
        """
        self.trouble = None
        witness = self._witnesses.get(file.target)
        if witness is None:
            return Why.UNASKED
        try:
            self._ask(witness, file, others)
            return self._look(witness, file)
        except StudioError:
            return Why.UNASKED  # of this one
        except EisyncError as error:
            self.trouble = str(error)
            return Why.UNASKED

    def _ask(self, witness: Witness, file: Local, others: Iterable[Local]) -> None:
        wanted = {proof.id for proof in file.proofs}
        is_fresh = 0.0 <= self._clock() - self._asked_at < FRESH_S
        if is_fresh and self._target == file.target and wanted <= self._asked_for:
            return
        self._asked_for = frozenset()
        asked_at = self._clock()
        ids = wanted.union(*(_ids(other) for other in others if other.target == file.target))
        self._listed = witness.listed(ids)
        self._target, self._asked_for, self._asked_at = file.target, frozenset(ids), asked_at

    def _look(self, witness: Witness, file: Local) -> Why | None:
        raw: dict[int, str] = {}
        while isinstance(told := why_unproven(file, self._listed, raw), ProofLook):
            raw[told.sample_id] = witness.sha256_of(told.sample_id)
            self._notes.note_raw(file.target, self._listed[told.sample_id], raw[told.sample_id])
        return told


def _ids(file: Local) -> Iterator[int]:
    return (proof.id for proof in file.proofs)
