"""Tell whether a state folder and a watched folder have seen the same history, or one of them has not.

Whoever takes files out of a folder counts that with the folder itself, before it does it: one stamp for each state
folder that works there, in an attribute of the folder, or in the file `NAME` where its disk has none. A state folder
that remembers less than its stamp says is an older one: a lost journal, a snapshot, a backup. A stamp of another that
has grown means that somebody else took files away. In both cases a file that is missing was not deleted by a person, as
far as anybody can tell.

Pure: what the state remembers and the stamps in, a finding out. An empty file of that name is a person's word that the
disk below it is a new one, put there on purpose; it holds no stamps.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

ATTRIBUTE = "user.eisync.stamps"
NAME = ".eisync-root"

MOST_STAMPS = 32
MOST_BYTES = 3_500
"""As much as every file system takes for an attribute."""
_MOST_COUNTED = 1 << 62
_LONGEST_TEXT = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What one state folder says of its work in a watched folder.

    `counter` grows with each start and each file that is taken away, `taken` with the latter only. `process` tells a
    process of this machine from every other one; `since` (Unix s) is when it began here.
    """

    epoch: str
    counter: int = 0
    taken: int = 0
    host: str = ""
    pid: int = 0
    process: str = ""
    state: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What a state folder remembers of one watched folder.

    `others`: how many files the others had taken away when that was looked at last, by epoch. `doubt`: why a missing
    file means nothing now, for a person; it holds while the folder was not scanned since (`is_unscanned`), or the
    service was not asked for all that it has (`is_unlisted`). `serial` counts the doubts.
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
    """What the stamps in a folder say of a state."""

    SAME = "same"
    STATE_OLDER = "state older"  # it went back in time
    ROOT_OLDER = "root older"  # the folder did
    OTHER_STATE = "other state"  # another one took files out of the folder
    MISSING = "missing"  # nobody can tell


def read_stamps(raw: bytes | None) -> dict[str, Stamp]:
    """The stamps by epoch; none of words that are missing, or not ours."""
    try:
        parsed = json.loads(raw or b"null")
        stamps = [_stamp(one) for one in parsed["stamps"][:MOST_STAMPS]]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        return {}
    return {stamp.epoch: stamp for stamp in stamps}


def write_stamps(stamps: Mapping[str, Stamp]) -> bytes:
    """The words for these stamps; of as many as have room, those that began last."""
    newest = sorted(stamps.values(), key=lambda stamp: stamp.since)[-MOST_STAMPS:]
    while True:
        words = json.dumps({"what": _WHAT, "stamps": [asdict(stamp) for stamp in newest]}, ensure_ascii=False)
        written = words.encode(errors="replace")
        if len(written) <= MOST_BYTES or len(newest) <= 1:
            return written
        del newest[0]


def merged(found: Iterable[Mapping[str, Stamp]]) -> dict[str, Stamp]:
    """The stamps of several places; of two for one state, the one that counts more."""
    stamps: dict[str, Stamp] = {}
    for some in found:
        for epoch, stamp in some.items():
            before = stamps.get(epoch)
            stamps[epoch] = stamp if before is None or before.counter < stamp.counter else before
    return stamps


def finding_of(own: Own, stamps: Mapping[str, Stamp]) -> LineageFinding:
    """What the stamps say of the state that remembers `own`."""
    mine = stamps.get(own.epoch)
    if mine is None:
        return LineageFinding.MISSING
    if mine.counter > own.counter or mine.taken > own.taken:
        return LineageFinding.STATE_OLDER
    if mine.counter < own.counter - 1:  # one step is remembered before it is written there
        return LineageFinding.ROOT_OLDER
    return LineageFinding.OTHER_STATE if has_foreign_work(own, stamps) else LineageFinding.SAME


def has_foreign_work(own: Own, stamps: Mapping[str, Stamp]) -> bool:
    """Whether another state took files away of which this one does not know yet."""
    return any(stamp.taken != own.others.get(epoch, 0) for epoch, stamp in stamps.items() if epoch != own.epoch)


def taken_by_others(own: Own, stamps: Mapping[str, Stamp]) -> dict[str, int]:
    """What `Own.others` is once the stamps were looked at."""
    return {epoch: stamp.taken for epoch, stamp in stamps.items() if epoch != own.epoch and stamp.taken}


def newest_other(own: Own | None, stamps: Mapping[str, Stamp]) -> Stamp | None:
    """The stamp of another state that began last."""
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
    """Why nothing is concluded from what is missing, for a person."""
    who = f" ({holder(other)})" if finding is LineageFinding.OTHER_STATE and other is not None else ""
    return f"{_WHY[finding]}{who}; {_UNTIL} until everything has been checked again"


def holder(stamp: Stamp) -> str:
    """Who made the stamp, for a person."""
    return f"process {stamp.pid} on {stamp.host}, with the state folder {stamp.state}"


def _stamp(found: Mapping[str, Any]) -> Stamp:
    """Raises ValueError, TypeError or KeyError for what is no stamp."""
    counter, taken = int(found["counter"]), int(found["taken"])
    if not (0 <= taken <= counter <= _MOST_COUNTED):
        raise ValueError("no count")
    texts = {name: str(found.get(name, ""))[:_LONGEST_TEXT] for name in ("epoch", "host", "process", "state")}
    if not texts["epoch"]:
        raise ValueError("no epoch")
    return Stamp(
        counter=counter, taken=taken, pid=int(found.get("pid", 0)), since=float(found.get("since", 0)), **texts
    )
