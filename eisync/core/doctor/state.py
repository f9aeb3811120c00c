"""Decide what the state folder, its database and the running process mean, and what the index says of the files."""

from collections.abc import Iterator, Mapping
from typing import Any

from eisync.core.doctor.finding import Finding, fault, not_checked, ok, warning
from eisync.core.file_status import UNREADABLE
from eisync.core.lifecycle import State
from eisync.core.model import value
from eisync.core.pause import duration
from eisync.core.summary import in_bytes
from eisync.core.text import amount

REBUILD = "start 'eisync run' or 'eisync once': it sets the database aside and rebuilds it from folders and project"

_MUCH_FREE_BYTES = 16 * 1024 * 1024
_NEEDS_A_PERSON = frozenset({UNREADABLE, State.QUARANTINED.value})


@value(kw_only=True)
class DatabaseFacts:
    """What was read of the database without changing it. `damage`: what a check of its pages found.

    `is_checked`: every page was checked. `schema` and `newest` count migrations: its own, and those that this eisync
    knows. `copies`: names of damaged databases that were set aside, with their bytes.
    """

    size_bytes: int
    journal_bytes: int = 0
    schema: int
    newest: int
    free_bytes: int = 0
    damage: str | None = None
    is_checked: bool = True
    is_suspect: bool = False
    copies: Mapping[str, int]


def state_folder(place: str, trouble: str | None, *, file_system: str | None, is_remote: bool, exists: bool) -> Finding:
    """Decide whether eisync may keep its state there. `trouble`: why not, as a sentence."""
    if is_remote:
        return fault(
            "state folder",
            f"{place} is on a file system over a network ({file_system}), where a database can be damaged",
            "choose a folder on a local disk: --state-dir, EISYNC_STATE_DIR or state.dir",
            about=place,
        )
    if trouble is not None:
        return fault(
            "state folder",
            trouble,
            "run eisync as the user who owns the folder, correct its permissions, or choose another --state-dir",
            about=place,
        )
    if not exists:
        return ok("state folder", "it does not exist yet; the first start makes it", about=place)
    return ok(
        "state folder", f"it is private and on a local disk ({file_system or 'unknown file system'})", about=place
    )


def database(facts: DatabaseFacts) -> Iterator[Finding]:
    """Yield whether the database is sound, and which damaged ones were kept."""
    size = in_bytes(facts.size_bytes)
    if facts.damage is not None:
        yield fault("database", f"the database ({size}) is damaged: {facts.damage}", REBUILD)
    elif facts.schema > facts.newest:
        yield fault(
            "database",
            f"a newer eisync wrote it (schema {facts.schema}; this one knows {facts.newest})",
            "install that version, or choose another --state-dir",
        )
    elif facts.is_suspect:
        yield fault("database", f"damage was found in it while it was used ({size})", REBUILD)
    else:
        yield ok("database", _sound(facts, size))
    if facts.copies:
        names = ", ".join(facts.copies)
        yield warning(
            "database copies",
            f"{amount(len(facts.copies), 'damaged database')} {'was' if len(facts.copies) == 1 else 'were'} set aside: "
            f"{names} ({in_bytes(sum(facts.copies.values()))})",
            "check the disk of the state folder ('dmesg', 'smartctl -a'); then these files may be deleted",
        )


def _sound(facts: DatabaseFacts, size: str) -> str:
    checked = "every page was checked" if facts.is_checked else "too large to check every page in the time for it"
    schema = f"schema {facts.schema}"
    if facts.schema < facts.newest:
        schema += f", which the next start brings to {facts.newest}"
    more = f"; a journal of {in_bytes(facts.journal_bytes)} will be taken in" if facts.journal_bytes else ""
    free = f"; {in_bytes(facts.free_bytes)} of it are free" if facts.free_bytes >= _MUCH_FREE_BYTES else ""
    return f"{size}, {schema}, {checked}{free}{more}"


def database_in_use(pid: int) -> Finding:
    """Say that the running process uses the database."""
    return ok("database", f"process {pid} uses it, and answered from it")


def no_database(place: str) -> Finding:
    """Say that there is no database yet."""
    return not_checked("database", f"there is none in {place} yet; the first start makes it")


def daemon(status: Mapping[str, Any] | None, version: str) -> Finding:
    """Decide about the process that uploads, by the status that it gave. None: none runs."""
    live = (status or {}).get("daemon")
    if live is None:
        return warning(
            "daemon",
            "nothing runs on this state folder, so nothing is uploaded now",
            "eisync run DIR, eisync once DIR, or systemctl start eisync",
        )
    name = f"process {live['pid']} runs 'eisync {live.get('verb', 'run')}' (eisync {live['version']})"
    restart = "systemctl restart eisync, or stop it and start it again"
    if live.get("lost"):
        return fault("daemon", f"{name}: {live['lost']}", restart)
    stale = [
        f"the {one['name']} has not responded for {one['age_s']:.0f} s" for one in live["loops"] if not one["is_fresh"]
    ]
    if stale:
        return fault("daemon", f"{name}; {', '.join(stale)}", f"look into its log, then {restart}")
    failing = [
        f"the {one['name']} fails and is tried again: {one['trouble']}" for one in live["loops"] if one["trouble"]
    ]
    if failing:
        return warning("daemon", f"{name}; {', '.join(failing)}", "look into its log: 'journalctl -u eisync -n 50'")
    if live["version"] != version:
        return warning("daemon", f"{name}; this command is eisync {version}", restart)
    return ok("daemon", f"{name}; its {amount(len(live['loops']), 'loop')} respond")


def silent_daemon(reason: str) -> Finding:
    """Say that a process holds the state folder and does not answer."""
    return fault("daemon", reason, "look into its log; stop the process and start eisync again if it stays so")


def sending(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a person paused, and for each target why nothing is sent or compared, if that is so."""
    paused = status["paused"]
    every, roots = paused["all_s"], paused["roots"]
    for root, left_s in ({"": every} if every is not None else roots).items():
        end = "until 'eisync resume'" if left_s == "inf" else f"for another {duration(left_s)}"
        yield warning("pause", f"uploads are paused {end}", "eisync resume", about=root)
    held = (status.get("daemon") or {}).get("held") or {}
    for target in status["targets"]:
        name = target["name"]
        if target["paused"]:
            yield fault(
                "sending",
                f"nothing is sent: {target['paused']}",
                "correct what it says; then eisync continues",
                about=name,
            )
        elif held.get(name):
            yield warning(
                "sending", f"nothing is sent for now: {held[name]}", "wait, or correct what it says", about=name
            )
        elif target["listing_trouble"]:
            yield warning(
                "sending",
                f"the last comparison with the project failed: {target['listing_trouble']}",
                f"eisync reconcile --target {name}",
                about=name,
            )
        else:
            when = "" if target["listed_s"] is None else f"; compared with the project {target['listed_s']:,.0f} s ago"
            yield ok("sending", f"nothing holds it up{when}", about=name)


def files(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what the index says of all files: which need a person, and the sentence of `eisync status`."""
    waiting = [group for group in status["reasons"] if group["state"] in _NEEDS_A_PERSON]
    for group in waiting:
        what = amount(group["files"], "folder" if group["is_folder"] else "file")
        such = f" (such as {group['example']})" if group["files"] > 1 else f" ({group['example']})"
        state = "cannot be read" if group["state"] == UNREADABLE else group["state"]
        yield fault("files", f"{what} {state}: {group['reason']}{such}", group["next"])
    for target, sentence in status.get("emptied", {}).items():
        yield fault("files", sentence, "eisync plan shows it; --approve or --reject decides", about=target)
    for plan in status["plans"]:
        actions = f"{amount(plan['actions'], 'action')} {'waits' if plan['actions'] == 1 else 'wait'}"
        yield fault(
            "plans",
            f"{actions} for your approval: {plan['why']}",
            f"eisync plan, then eisync plan --approve {plan['plan']}",
        )
    if not waiting:
        yield ok("files", status["sentence"])


def no_status(reason: str) -> Finding:
    """Say that the index could not be asked."""
    return not_checked("files", reason)
