"""The figures of one scenario: what was written, what the service stored, and which promises were broken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Stored:
    """The numbers of files that were stored once, lost, or stored several times, compared by content.

    `strange` is the number of stored contents that are not the content of any file.
    """

    once: int
    lost: int
    doubled: int
    strange: int


def compare(written: frozenset[str], stored_by_hash: Mapping[str, int]) -> Stored:
    """Compare the hashes of the written files with the number of times that the service ever stored each.

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
    """The result of one scenario. `skipped` says why it was not possible here; `broken` lists broken promises."""

    scenario: str
    files: int = 0
    kills: int = 0
    kills_under_way: int = 0  # kills while files were still to be stored
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
        text = (
            f"{self.scenario}: {self.files} files{killed}{faults}: stored once {stored.once}, lost {stored.lost}, "
            f"doubled {stored.doubled}, {self.seconds:.0f} s"
        )
        return f"{text}; BROKEN: {'; '.join(self.broken)}" if self.broken else text


def broken_promises(stored: Stored, states: Mapping[str, int], end_code: int) -> tuple[str, ...]:
    """Return the broken promises as sentences.

    `states` is the number of files in each state, according to eisync; `end_code` is the exit code of `eisync once`.
    """
    found = []
    if stored.lost:
        found.append(f"{stored.lost} files were lost")
    if stored.doubled:
        found.append(f"{stored.doubled} files were stored more than once")
    if stored.strange:
        found.append(f"{stored.strange} stored contents are in none of the files")
    if others := {state: count for state, count in states.items() if state != "synced"}:
        found.append(f"not every file is synced: {', '.join(f'{count} {state}' for state, count in others.items())}")
    if end_code:
        found.append(f"'eisync once' ended with exit code {end_code}")
    return tuple(found)
