"""Decide what a watched folder means: can it be read, does it report changes, who writes in it, may eisync write."""

from collections.abc import Sequence
from typing import Any

from eisync.core.doctor.finding import Finding, fault, not_checked, ok, warning
from eisync.core.model import value
from eisync.core.text import amount
from eisync.core.watch_health import Mode
from eisync.core.writers import Presence, Writers, describe_folder_writers


@value(kw_only=True)
class Content:
    """What was counted in a folder in the time for it. `unreadable`: some folders in it that cannot be read.

    `is_complete`: everything was counted.
    """

    files: int
    folders: int
    unreadable: Sequence[str] = ()
    is_complete: bool = True


def missing(path: str, reason: str) -> Finding:
    """Say that the folder is not there or cannot be read. `reason` may say what to do behind a semicolon."""
    return fault(
        "folder",
        reason.partition("; ")[0],
        "create or mount it, correct path in its [[watch]], or give eisync's user the right to read it",
        about=path,
    )


def silent(path: str, within_s: float) -> Finding:
    """Say that the folder does not answer: nothing of it is known, and eisync hangs there too."""
    return fault(
        "folder",
        f"it does not answer within {within_s:.0f} s",
        "check the disk or the file server it is on ('dmesg', 'mount'), and mount it again",
        about=path,
    )


def content(path: str, found: Content) -> Finding:
    """Decide whether everything in the folder can be read."""
    least = "" if found.is_complete else "at least "
    sentence = f"{least}{amount(found.files, 'file')} in {amount(found.folders, 'folder')}"
    if found.unreadable:
        such = ", ".join(found.unreadable[:3])
        more = f" and {len(found.unreadable) - 3:,} more" if len(found.unreadable) > 3 else ""
        return fault(
            "folder",
            f"{sentence}; {amount(len(found.unreadable), 'folder')} in it cannot be read: {such}{more}",
            f"setfacl -R -m u:USER:rX {path}, with eisync's user, or leave these out with ignore",
            about=path,
        )
    return ok("folder", sentence, about=path)


def events(path: str, *, mode: Mode, why_silent: str | None, watching: dict[str, Any] | None, scan_s: float) -> Finding:
    """Decide whether changes in the folder are reported. `watching`: what the running process says of it."""
    every = f"it is scanned every {(watching or {}).get('scan_every_s', scan_s):,.0f} s"
    if watching is not None and watching.get("trouble"):
        return fault("events", f"watching fails: {watching['trouble']}", "look into the log of eisync", about=path)
    if mode is Mode.SCAN:
        return ok("events", f'mode = "scan": {every}', about=path)
    if watching is not None and watching.get("reason"):
        return warning(
            "events",
            f"file events fail: {watching['reason']}; {every}",
            "correct what it says, or lower scan_interval_s",
            about=path,
        )
    if why_silent is not None:
        return warning(
            "events",
            f"no file events can be expected: {why_silent}; {every}",
            "to find files sooner, lower scan_interval_s in its [[watch]]",
            about=path,
        )
    return ok("events", f"its file system reports changes; besides, {every}", about=path)


def writers(path: str, found: Writers | None) -> Finding:
    """Decide whether the kernel says who writes a file of the folder. None: the folder has no file to ask about."""
    if found is None:
        return not_checked("writers", "there is no file yet that can be asked about", about=path)
    sentence = describe_folder_writers(found)
    if found.presence is Presence.CANNOT_TELL:
        return warning(
            "writers",
            f"{sentence}. A file is sent when its format is complete, or after settle_s without a change",
            "CAP_LEASE (systemd/other-users.conf), or a longer settle_s for formats that do not say when they end",
            about=path,
        )
    return ok("writers", sentence, about=path)


def rights(path: str, *, needs_writing: str, is_writable: bool, is_read_only: bool) -> Finding:
    """Decide whether eisync may write in the folder, where options need that (`needs_writing` names them)."""
    if not needs_writing:
        return ok("rights", "it is only read; no option writes here", about=path)
    if is_read_only:
        return fault(
            "rights",
            f"its file system is mounted read-only, and {needs_writing} needs to write here",
            "mount it for writing, or leave these options out of its [[watch]]",
            about=path,
        )
    if not is_writable:
        return fault(
            "rights",
            f"you may not write here, and {needs_writing} needs it",
            f"setfacl -m u:USER:rwx {path}, with eisync's user, or leave these options out of its [[watch]]",
            about=path,
        )
    return ok("rights", f"it may be written, as {needs_writing} needs", about=path)


def none_named(why_unknown: str | None) -> Finding:
    """Say that there is no folder to check. `why_unknown`: why the index cannot say which folders were watched."""
    before = "none was watched with this state folder" if why_unknown is None else f"{why_unknown}, which knows others"
    return not_checked("folder", f"none is configured, and {before}: name one, 'eisync doctor DIR'")
