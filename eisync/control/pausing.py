"""Pause and resume uploads, for the command line."""

import math
from collections.abc import Mapping
from typing import Any

from eisync.core.model import shown
from eisync.core.pause import LONGEST_S, Pause
from eisync.errors import ConfigurationError, EisyncError
from eisync.store.index import Index
from eisync.store.outbox import Outbox
from eisync.store.pauses import ALL

Record = dict[str, Any]


def pause_or_resume(index: Index, outbox: Outbox, question: Mapping[str, Any], now: float) -> Record:
    """Do what is asked for, and return what is paused now, as `pauses` does.

    `pause`: pause the uploads of the roots in `roots`, or all of them if that is None, for `for_s` seconds or without
    end. `resume`: end the pauses of these roots, or every pause. Raise EisyncError for a folder that is not watched.
    """
    if question["do"] == "resume":
        index.pauses.end(_ids(index, question.get("roots")))
    else:
        _pause(index, question, now)
    outbox.announce()  # the uploader may sleep until the pause ends
    return pauses(index, now)


def _pause(index: Index, question: Mapping[str, Any], now: float) -> None:
    for_s = question.get("for_s")
    is_span = isinstance(for_s, int | float) and not isinstance(for_s, bool) and 0 < for_s <= LONGEST_S
    if for_s is not None and not is_span:
        raise ConfigurationError("the pause is no number of seconds")
    index.pauses.begin(_ids(index, question.get("roots")) or [ALL], Pause(now, for_s))


def pauses(index: Index, now: float) -> Record:
    """Return what is paused: `all_s` and `roots` by path, in seconds that are left; `"inf"` has no end, None: none."""
    left = index.pauses.now(now)
    paths = {identity: path for path, identity in index.pauses.roots().items()}
    return {
        "all_s": _seconds(left.get(ALL)),
        "roots": {shown(paths[root_id]): _seconds(left_s) for root_id, left_s in left.items() if root_id in paths},
    }


def is_paused(paused: Record, path: str) -> bool:
    """Return whether the uploads of the file at `path` (absolute) are paused, by what `pauses` returned."""
    return paused["all_s"] is not None or any(path.startswith(f"{root}/") for root in paused["roots"])


def _seconds(left_s: float | None) -> float | str | None:
    return None if left_s is None else "inf" if math.isinf(left_s) else round(left_s, 1)


def _ids(index: Index, roots: object) -> list[int] | None:
    if roots is None:
        return None
    if not isinstance(roots, list) or not all(isinstance(root, str) for root in roots) or not roots:
        raise ConfigurationError("the folders are not a list of paths")
    known = index.pauses.roots()
    for root in roots:
        if root not in known:
            raise EisyncError(f"{shown(root)} is not a watched folder; 'eisync status' lists them")
    return [known[root] for root in roots]
