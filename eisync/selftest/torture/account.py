"""The account of one scenario: what was written, what the service stored, and whether the promises were kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the files, by content: each belongs to exactly one of the first three.

    `strange` counts contents that the service has and that no file had.
    """

    once: int
    lost: int
    doubled: int
    strange: int


def compare(written: frozenset[str], stored_by_hash: Mapping[str, int]) -> Stored:
    """Compare the hashes of what was written with how often the service ever stored each.

    >>> compare(frozenset({"a", "b", "c"}), {"a": 1, "b": 2, "x": 1})
    Stored(once=1, lost=1, doubled=1, strange=1)
    """
    times = [stored_by_hash.get(one, 0) for one in written]
    return Stored(
        once=times.count(1),
        lost=times.count(0),
        doubled=sum(count > 1 for count in times),
        strange=len(stored_by_hash.keys() - written),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One scenario. `skipped` says why it could not be tried here; `broken` which promises were not kept."""

    scenario: str
    files: int = 0
    kills: int = 0
    kills_under_way: int = 0  # with files still to go
    stored: Stored = field(default_factory=lambda: Stored(0, 0, 0, 0))
    requests: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    broken: tuple[str, ...] = ()
    skipped: str = ""

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "scenario": self.scenario,
            "files": self.files,
            "kills": self.kills,
            "kills_under_way": self.kills_under_way,
            "stored_once": self.stored.once,
            "lost": self.stored.lost,
            "doubled": self.stored.doubled,
            "strange": self.stored.strange,
            "requests": self.requests,
            "faults": dict(self.faults),
            "seconds": round(self.seconds, 1),
            "broken": list(self.broken),
            "skipped": self.skipped,
        }

    def line(self) -> str:
        """Return it for a person."""
        if self.skipped:
            return f"{self.scenario}: skipped: {self.skipped}"
        killed = f", {self.kills} kills ({self.kills_under_way} with files still to go)" if self.kills else ""
        faults = "".join(f", {count} {name}" for name, count in sorted(self.faults.items()))
        stored = self.stored
        told = (
            f"{self.scenario}: {self.files} files{killed}{faults}: stored once {stored.once}, lost {stored.lost}, "
            f"doubled {stored.doubled}, {self.seconds:.0f} s"
        )
        return f"{told}; BROKEN: {'; '.join(self.broken)}" if self.broken else told


def broken_promises(stored: Stored, states: Mapping[str, int], end_code: int) -> tuple[str, ...]:
    """Return which promises were not kept, as sentences.

    `states` counts the files by what eisync says of them; `end_code` is what `eisync once` ended with.
    """
    found = []
    if stored.lost:
        found.append(f"{stored.lost} files were lost")
    if stored.doubled:
        found.append(f"{stored.doubled} files were stored more than once")
    if stored.strange:
        found.append(f"{stored.strange} contents were stored that no file has")
    if others := {state: count for state, count in states.items() if state != "synced"}:
        found.append(f"not every file is synced: {', '.join(f'{count} {state}' for state, count in others.items())}")
    if end_code:
        found.append(f"'eisync once' ended with {end_code}")
    return tuple(found)
