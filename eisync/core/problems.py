"""Find in the status what a person should hear of, as a short list of problems.

One problem stands for any number of files: ten thousand quarantined files are one thing to look at. Its kind and what
it is about (a target, a folder, a loop) identify it from one look to the next; its sentence may change meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from eisync.core.model import value
from eisync.core.pause import duration


class ProblemKind(Enum):
    """What is wrong. The set is closed: notifications are compared by it."""

    REFUSED = "refused"  # the key or the project of a target
    STUCK = "stuck"  # files that need a person
    STALLED = "stalled"  # files wait, and nothing was stored for long
    PLAN = "plan"  # deletions or changes wait for a person
    EMPTIED = "emptied"  # a project lost nearly all samples
    FOLDER = "folder"  # a watched folder is away, or eisync fails in it
    LISTING = "listing"  # a project cannot be listed
    LOOP = "loop"  # a part of eisync fails or hangs, for example because the disk is full
    RETENTION = "retention"  # the retention cannot make room
    CLOCK = "clock"  # the clock of this machine may be wrong


@value(kw_only=True)
class Problem:
    """A problem. `about` names what it is about; empty: all of eisync. `next` is the command that helps."""

    kind: ProblemKind
    about: str = ""
    sentence: str
    next: str = "eisync status"

    @property
    def key(self) -> str:
        """Return what identifies the problem, as a text."""
        return f"{self.kind.value} {self.about}".rstrip()


def problems(status: Mapping[str, Any], *, stalled_s: float, up_s: float, is_paused: bool) -> list[Problem]:
    """Return the problems in the record of the operation `status`.

    Files count as stalled after `stalled_s`, if the process has been up (`up_s`) for as long, unless a person or quiet
    hours pause the uploads.
    """
    found = [*_of_targets(status), *_of_files(status), *_of_folders(status["roots"]), *_of_process(status["daemon"])]
    if up_s >= stalled_s and not is_paused:
        found += _stalled(status, stalled_s)
    return found


def _of_targets(status: Mapping[str, Any]) -> Iterator[Problem]:
    for target in status["targets"]:
        if target["paused"]:
            sentence = f"Nothing is sent to {target['name']}: {target['paused']}."
            yield Problem(kind=ProblemKind.REFUSED, about=target["name"], sentence=sentence, next="eisync doctor")
        if target["listing_trouble"]:
            sentence = f"The project of {target['name']} cannot be compared: {target['listing_trouble']}."
            yield Problem(kind=ProblemKind.LISTING, about=target["name"], sentence=sentence)
    for target, clause in status["emptied"].items():
        sentence = f"{clause[:1].upper()}{clause[1:]}. eisync waits for your decision."
        yield Problem(kind=ProblemKind.EMPTIED, about=target, sentence=sentence, next="eisync plan")
    if status["plans"]:
        actions = sum(plan["actions"] for plan in status["plans"])
        sentence = f"{_number(actions, 'deletion or change waits', 'deletions or changes wait')} for your approval."
        yield Problem(kind=ProblemKind.PLAN, sentence=sentence, next="eisync plan")


_STUCK_STATES = ("quarantined", "unreadable")


def _of_files(status: Mapping[str, Any]) -> Iterator[Problem]:
    files = sum(status["counts"].get(state, 0) for state in _STUCK_STATES)
    folders = status["unreadable_folders"]
    if not files and not folders:
        return
    parts = [_number(files, "file needs", "files need")] if files else []
    parts += [_number(folders, "unreadable folder needs", "unreadable folders need")] if folders else []
    first = next((one for one in status["reasons"] if one["state"] in _STUCK_STATES), None)
    why = f" The largest group: {first['reason']}." if first else ""
    following = first["next"] if first else "eisync status"
    yield Problem(kind=ProblemKind.STUCK, sentence=f"{' and '.join(parts)} you.{why}", next=following)


def _stalled(status: Mapping[str, Any], stalled_s: float) -> Iterator[Problem]:
    waits_s, synced_s = status["oldest_pending_s"], status["last_synced_s"]
    if waits_s is not None and waits_s >= stalled_s and (synced_s is None or synced_s >= stalled_s):
        since_s = waits_s if synced_s is None else min(waits_s, synced_s)
        sentence = f"Files wait, and nothing was stored for {duration(since_s)}."
        yield Problem(kind=ProblemKind.STALLED, sentence=sentence, next="eisync doctor")


def _of_folders(roots: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:
    for root in roots:
        watching, retention = root["watching"] or {}, root["retention"] or {}
        why = root["offline"] or next(iter(root["away"]), None) or watching.get("trouble")
        if why:
            yield Problem(kind=ProblemKind.FOLDER, about=root["path"], sentence=f"{root['path']}: {why}.")
        if retention.get("waits_for"):
            sentence = f"{root['path']}: {retention['waits_for']}."
            yield Problem(kind=ProblemKind.RETENTION, about=root["path"], sentence=sentence)


def _of_process(live: Mapping[str, Any] | None) -> Iterator[Problem]:
    if live is None:
        return
    for loop in live["loops"]:
        if loop["trouble"] or not loop["is_fresh"]:
            why = loop["trouble"] or f"it has not responded for {duration(loop['age_s'])}"
            sentence = f"The {loop['name']} does not work: {why}."
            yield Problem(kind=ProblemKind.LOOP, about=loop["name"], sentence=sentence, next="eisync doctor")
    if live["clock"] and live["is_clock_wrong"]:  # not while no service has told the time, as without a network
        yield Problem(
            kind=ProblemKind.CLOCK, sentence=f"The clock may be wrong: {live['clock']}.", next="eisync doctor"
        )


def _number(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
