"""What became of an action that was tried."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """The action is done."""

    outcome: str


@dataclass(frozen=True, slots=True)
class NotNeeded:
    """Not needed, or its file or sample is a different one now. `spares`: it is never proposed again."""

    reason: str
    spares: bool = False


@dataclass(frozen=True, slots=True)
class Postponed:
    """The action cannot be done now."""

    reason: str
