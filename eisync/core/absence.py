"""What an absent file proves: nothing, unless all that is known speaks for a person who deleted it.

Pure. A disk that is away, a file that was moved while uploads waited, an editor that puts a file back and a folder that
was not looked through since all look like a deletion at first.
"""

from dataclasses import dataclass
from enum import Enum

ABSENT_S = 60.0
"""So long a file must be gone before that is taken for a deletion: editors and copy tools put files back."""


class Elsewhere(Enum):
    """Whether the content of an absent file is somewhere else in the folders of its target."""

    NOWHERE = "nowhere"
    POSSIBLE = "possible"  # a file of its size was not compared with it yet
    THERE = "there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What is known of a file that is not there.

    `looked_through_at`: when the last complete look through all folders of its target began (Unix s); None: there was
    none. `away`: why its place cannot be seen, or is in doubt; None: it can.
    """

    looked_through_at: float | None
    elsewhere: Elsewhere
    away: str | None = None


def why_inconclusive(absent_at: float, absence: Absence | None, *, now: float) -> str | None:
    """Why nothing follows from a file that is absent since `absent_at`; None: a person deleted it."""
    if absence is None:
        return "its content was not searched for"
    if absence.away is not None:
        return absence.away
    if now - absent_at < ABSENT_S:
        return "it disappeared a moment ago"
    if absence.looked_through_at is None or absence.looked_through_at <= absent_at:
        return "the folders were not scanned since it disappeared"
    if absence.elsewhere is Elsewhere.THERE:
        return "a file with the same content exists"
    if absence.elsewhere is Elsewhere.POSSIBLE:
        return "a file of the same size exists and was not compared with it yet"
    return None
