"""Account for one file: exactly one state, and one reason.

Pure: what the file system says, what the outbox and the watcher say, and when the folder was scanned last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eisync.core.lifecycle import State
from eisync.core.model import FileFacts

LEFT_OUT = "left out"
NEW = "new"
UNEXPLAINED = "unexplained"

GRACE_S = 30.0
"""A file that was touched so shortly before a scan ended may have come behind its back."""

_UNDER_WAY = (State.SENDING.value, State.DOUBTFUL.value)
_SENT = (State.SYNCED.value, State.TOMBSTONE.value, State.QUARANTINED.value)
_IN_DOUBT = "it was touched, copied or restored since; eisync compares its content before it sends anything"


@dataclass(frozen=True, slots=True)
class FileStatus:
    """One of the values of `State`, one of the words above, or `census.UNREADABLE`, of a file or a whole folder."""

    state: str
    reason: str
    is_folder: bool = False


def status_of(
    facts: FileFacts, record: Mapping[str, Any] | None, *, is_live: bool, scanned_at: float | None
) -> FileStatus:
    """Where a file is that is for the service. `record` is what is known of it; `is_live`: a daemon watches it."""
    if record is not None and record["state"] != State.GONE.value:
        if record["facts"] is None or facts == FileFacts(*record["facts"]):
            return FileStatus(record["state"], record["reason"])
        if record["state"] in _UNDER_WAY:
            return FileStatus(
                record["state"], f"{record['reason']}; it has changed meanwhile and the new version follows"
            )
        if record["state"] == State.SETTLING.value:
            return FileStatus(record["state"], record["reason"])
        if record["state"] in _SENT and record.get("sha256") and facts.size == record["facts"][0]:
            return FileStatus(record["state"], f"{record['reason']}; {_IN_DOUBT}")
    what = "it is new" if record is None else "it is a different version from the known one"
    if not is_live:
        return FileStatus(NEW, f"{what}; no daemon is watching it: start 'eisync run' or 'eisync once'")
    if scanned_at is None or facts.touched_at > scanned_at - GRACE_S:
        return FileStatus(NEW, f"{what}; the next scan of its folder finds it")
    return FileStatus(UNEXPLAINED, f"{what}, but a later scan did not find it; please report this")
