"""Decide which files are complete, from what was seen of them and when.

Pure: `now` and the facts are handed in. A file is complete when it has been still for `settle_s`; an empty one waits
for `patience_s`, because a placeholder that is filled a moment later looks the same (users of other programs lost
files to a 0-byte first sight).

A file seen for the first time may have been still for long. Its ctime tells: it moves with every write and, unlike
mtime, no program can set it. A touch in the future comes from another clock and counts from now.
"""

from dataclasses import dataclass

from eisync.core.items import FileFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePolicy:
    """How long a file must be still, in seconds. Raises ValueError if it could never be obeyed."""

    settle_s: float = 2.0
    patience_s: float = 600.0

    def __post_init__(self) -> None:
        if self.settle_s < 0 or self.patience_s < 0:
            raise ValueError("a file cannot be still for less than no time")


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A file under observation, and since when it has looked as it does."""

    facts: FileFacts
    still_since: float


def observe(before: Unsettled | None, facts: FileFacts, *, now: float) -> Unsettled:
    """What is known after one more look. The clock of stillness starts anew when the facts differ."""
    if before is not None and before.facts == facts:
        return Unsettled(facts, min(before.still_since, now))
    return Unsettled(facts, min(facts.touched_at, now) if before is None else now)


def complete_at(unsettled: Unsettled, policy: SettlePolicy) -> float:
    """When the file will be complete if nothing more happens to it (Unix s)."""
    wait_s = policy.settle_s if unsettled.facts.size else max(policy.settle_s, policy.patience_s)
    return unsettled.still_since + wait_s


def is_complete(unsettled: Unsettled, policy: SettlePolicy, *, now: float) -> bool:
    """Whether the file has been still for long enough."""
    return now >= complete_at(unsettled, policy)


def reason(unsettled: Unsettled, policy: SettlePolicy, *, now: float) -> str:
    """Why the file is not complete, for a person."""
    if not unsettled.facts.size:
        return "it is empty; it goes when something is written into it"
    return f"still for {max(0.0, now - unsettled.still_since):.0f} s of {policy.settle_s:g} s"
