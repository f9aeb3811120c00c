"""Decide whether a state folder and a watched folder have the same history, or one of them was set back.

Before eisync removes files from a folder, it counts that in the folder itself. There is one stamp for each state folder
that works there, in an attribute of the folder, or in the file `NAME` if the disk has no attributes. A state folder
that remembers less than its stamp says is an older one: a lost journal, a snapshot, a backup. A stamp of another state
folder that has grown means that another eisync removed files. In both cases a missing file may not have been deleted by
a person.

An empty file `NAME` has no stamps. With it a person says that the disk at this place is a new one, put there on
purpose.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from enum import Enum
from typing import Any

from eisync.core.model import value

ATTRIBUTE = "user.eisync.stamps"
NAME = ".eisync-root"

MAX_STAMPS = 32
MAX_BYTES = 3_500
"""The size that every file system accepts for an attribute."""
_MAX_COUNT = 1 << 62
_LONGEST_TEXT = 250


@value(kw_only=True)
class Stamp:
    """What one state folder records about its work in a watched folder.

    `counter` grows with each start and each removed file, `taken` only with each removed file. `process` identifies a
    process of this machine uniquely. `since` is when it began here (Unix s).
    """

    epoch: str
    counter: int = 0
    taken: int = 0
    host: str = ""
    pid: int = 0
    process: str = ""
    state: str = ""
    since: float = 0.0


@value(kw_only=True)
class Own:
    """What a state folder remembers about one watched folder.

    `others`: how many files each other state folder had removed at the last check, by epoch. `doubt`: why a missing
    file means nothing now, for a person. It lasts until the folder was scanned (`is_unscanned`) and the whole project
    was listed (`is_unlisted`). `serial` counts the doubts.
    """

    epoch: str
    counter: int = 0
    taken: int = 0
    others: Mapping[str, int] = field(default_factory=dict)
    doubt: str | None = None
    serial: int = 0
    is_unscanned: bool = False
    is_unlisted: bool = False


_WHAT = "by eisync, to count what it removes from this folder; this file may be deleted"


class LineageFinding(Enum):
    """What the stamps in a folder show about a state folder."""

    SAME = "same"
    STATE_OLDER = "state older"  # the state folder was set back
    ROOT_OLDER = "root older"  # the watched folder was set back
    OTHER_STATE = "other state"  # another state folder removed files here
    MISSING = "missing"  # unknown, because the stamp is missing


def read_stamps(raw: bytes | None) -> dict[str, Stamp]:
    """Return the stamps by epoch; none when the text is missing or not ours."""
    try:
        parsed = json.loads(raw or b"null")
        stamps = [_stamp(one) for one in parsed["stamps"][:MAX_STAMPS]]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        return {}
    return {stamp.epoch: stamp for stamp in stamps}


def write_stamps(stamps: Mapping[str, Stamp]) -> bytes:
    """Return the text for these stamps. When there is not enough room, keep those that began last."""
    newest = sorted(stamps.values(), key=lambda stamp: stamp.since)[-MAX_STAMPS:]
    while True:
        text = json.dumps({"what": _WHAT, "stamps": [asdict(stamp) for stamp in newest]}, ensure_ascii=False)
        written = text.encode(errors="replace")
        if len(written) <= MAX_BYTES or len(newest) <= 1:
            return written
        del newest[0]


def merged(found: Iterable[Mapping[str, Stamp]]) -> dict[str, Stamp]:
    """Return the stamps of several places together. Of two stamps for one state folder, keep the higher counter."""
    stamps: dict[str, Stamp] = {}
    for some in found:
        for epoch, stamp in some.items():
            before = stamps.get(epoch)
            stamps[epoch] = stamp if before is None or before.counter < stamp.counter else before
    return stamps


def finding_of(own: Own, stamps: Mapping[str, Stamp]) -> LineageFinding:
    """Return what the stamps show about the state folder that remembers `own`."""
    mine = stamps.get(own.epoch)
    if mine is None:
        return LineageFinding.MISSING
    if mine.counter > own.counter or mine.taken > own.taken:
        return LineageFinding.STATE_OLDER
    if mine.counter < own.counter - 1:  # one step is stored in the state folder before it is written to the stamp
        return LineageFinding.ROOT_OLDER
    return LineageFinding.OTHER_STATE if has_foreign_work(own, stamps) else LineageFinding.SAME


def has_foreign_work(own: Own, stamps: Mapping[str, Stamp]) -> bool:
    """Return whether another state folder removed files that this one does not know about yet."""
    return any(stamp.taken != own.others.get(epoch, 0) for epoch, stamp in stamps.items() if epoch != own.epoch)


def taken_by_others(own: Own, stamps: Mapping[str, Stamp]) -> dict[str, int]:
    """Return the value of `Own.others` after a check of the stamps."""
    return {epoch: stamp.taken for epoch, stamp in stamps.items() if epoch != own.epoch and stamp.taken}


def newest_other(own: Own | None, stamps: Mapping[str, Stamp]) -> Stamp | None:
    """Return the stamp of the other state folder that began last; None when there is none."""
    others = [stamp for epoch, stamp in stamps.items() if own is None or epoch != own.epoch]
    return max(others, key=lambda stamp: stamp.since, default=None)


_UNTIL = "missing files do not count as deleted"
_WHY = {
    LineageFinding.STATE_OLDER: (
        "the state folder is older than the last changes in the folder (a lost journal, a snapshot, a backup)"
    ),
    LineageFinding.ROOT_OLDER: "the folder was set back to an older state (a snapshot, a backup)",
    LineageFinding.OTHER_STATE: "another eisync removed files from the folder",
    LineageFinding.MISSING: (
        "eisync cannot tell whether another eisync worked in the folder: its own note there is gone"
    ),
}


def why_doubted(finding: LineageFinding, other: Stamp | None = None) -> str:
    """Return why missing files mean nothing now, for a person."""
    who = f" ({holder(other)})" if finding is LineageFinding.OTHER_STATE and other is not None else ""
    return f"{_WHY[finding]}{who}; {_UNTIL} until everything has been checked again"


def holder(stamp: Stamp) -> str:
    """Return who made the stamp, for a person."""
    return f"process {stamp.pid} on {stamp.host}, with the state folder {stamp.state}"


def why_shared(running: Iterable[Stamp], unknown: Iterable[Stamp], path: str) -> str | None:
    """Return who else uses the folder at `path`, as a sentence; None when nobody does. `unknown` may have ended."""
    if who := "; ".join(map(holder, running)):
        return f"another eisync uses this folder, too: {who}; files that it removes do not count as deleted"
    if who := "; ".join(map(holder, unknown)):
        return (
            f"another eisync works or worked in this folder, too: {who}; files that it removes do not count as "
            f"deleted (if it has stopped for good: setfattr -x {ATTRIBUTE} {path})"
        )
    return None


def _stamp(found: Mapping[str, Any]) -> Stamp:
    """Read one stamp. Raises ValueError, TypeError or KeyError when it is not one."""
    counter, taken = int(found["counter"]), int(found["taken"])
    if not (0 <= taken <= counter <= _MAX_COUNT):
        raise ValueError("no count")
    texts = {name: str(found.get(name, ""))[:_LONGEST_TEXT] for name in ("epoch", "host", "process", "state")}
    if not texts["epoch"]:
        raise ValueError("no epoch")
    return Stamp(
        counter=counter, taken=taken, pid=int(found.get("pid", 0)), since=float(found.get("since", 0)), **texts
    )
