"""Compare what the index believes with what the service lists, and say what follows.

Pure. A sample is taken for deleted only when two complete sweeps in a row did not list it and the service, asked for
it by id, does not know it (pages shift while others upload, and listings have been wrong before). What follows is a
list of actions; the reconciler carries them out, the store writes them down.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eisync.core import wire
from eisync.core.items import Missing, RemoteSample

SWEEPS_TO_SUSPECT = 2


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the service for this sample: it may be deleted."""

    sample_id: int


@dataclass(frozen=True, slots=True)
class Bury:
    """The sample is deleted: files that have no other become tombstones."""

    sample_id: int


@dataclass(frozen=True, slots=True)
class Spare:
    """The sample is there after all."""

    sample_id: int


@dataclass(frozen=True, slots=True)
class Match:
    """What the listing proves about one file. `proven`: its samples; `to_compare`: may be, their bytes will tell."""

    proven: tuple[int, ...]
    to_compare: tuple[int, ...]


def suspects(missing: Iterable[Missing]) -> list[Ask]:
    """Which samples to ask for, after a complete sweep."""
    return [Ask(entry.sample_id) for entry in missing if entry.missed >= SWEEPS_TO_SUSPECT]


def after_asking(sample_id: int, *, is_there: bool) -> Bury | Spare:
    """What follows from the service's answer about one sample."""
    return Spare(sample_id) if is_there else Bury(sample_id)


def is_complete(*, listed: int, first_total: int, last_total: int) -> bool:
    """Whether a sweep that ended has seen all it was promised.

    Deletions meanwhile shrink the total, uploads grow it, so the smaller of the two is what must have been listed.
    """
    return listed >= min(first_total, last_total)


def match(path: str, sha256: str, candidates: Sequence[RemoteSample]) -> Match:
    """Which of `candidates` hold the file at `path` with the content hash `sha256`.

    The name filter of the service is a substring, so names are compared again; whether its hash is that of the bytes is
    documented for no type (wire contract, section 1), so an unequal hash proves nothing and the bytes are compared.
    """
    name = wire.sent_name(path)
    namesakes = [sample for sample in candidates if name == sample.original_name or _listed_as(sample, name)]
    proven = tuple(sample.id for sample in namesakes if sample.sha256 == sha256)
    return Match(proven, () if proven else tuple(sample.id for sample in namesakes))


def _listed_as(sample: RemoteSample, name: str) -> bool:
    return sample.filename == wire.stored_name(name)
