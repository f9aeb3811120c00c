"""Answer what commands ask of the database of a running process: a copy of it, and its free room."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from eisync.control.overview import Record
from eisync.store.index import Index


def upkeep(index: Index, question: Mapping[str, Any]) -> Record:
    """Answer `copy` (begin one without a `ticket`, else say how far it is, or end it), `space` and `shrink`.

    Raise EisyncError.
    """
    match question["do"]:
        case "space":
            return asdict(index.upkeep.space.now())
        case "shrink":
            return asdict(index.upkeep.space.give_back())
    ticket = question.get("ticket")
    if ticket is None:
        ticket = index.upkeep.copier.begin()
    elif question.get("end"):
        index.upkeep.copier.end(ticket)
        return {"ticket": ticket}
    return asdict(index.upkeep.copier.progress(ticket))
