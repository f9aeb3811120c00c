"""What became of an action that was tried."""

from eisync.core.model import value


@value
class Done:
    """The action is done."""

    outcome: str


@value
class NotNeeded:
    """Not needed, or its file or sample is a different one now. `spares`: it is never proposed again."""

    reason: str
    spares: bool = False


@value
class Postponed:
    """The action cannot be done now."""

    reason: str
