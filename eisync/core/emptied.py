"""Tell that a project was emptied, or that nearly all of ours is gone from it: nobody deletes samples like that one by
one, and no word says that all is well.

Pure: counts in, a clause out.
"""

from dataclasses import dataclass

NEARLY_ALL = 0.9
FEW = 1
"""One file of ours that vanished is a person's doing."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Of one target, as the last complete listing had it.

    `samples`: how many there were, of everybody. `ours`: how many of our files are known to be there; `unlisted`: how
    many of these had no sample listed.
    """

    samples: int
    ours: int
    unlisted: int


def why_emptied(missing: Missing) -> str | None:
    """What happened to the project, in a clause; None: nothing of that kind."""
    if missing.unlisted <= FEW:
        return None
    if missing.samples == 0:
        return f"the project is empty now; it held {missing.unlisted:,} samples of these files"
    if missing.unlisted >= NEARLY_ALL * missing.ours:
        return f"nearly all samples of these files are gone from the project: {missing.unlisted:,} of {missing.ours:,}"
    return None
