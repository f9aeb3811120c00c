"""Decide what this machine and its limits mean for eisync: versions, users, disks, limits, file events, the sandbox.

Sizes are bytes. "The process" is the one that uploads: the running eisync, or this command when none runs.

Sources: inotify(7); proc(5); cgroups(7), `pids.max` and `memory.max`; systemd.exec(5), "Sandboxing".
"""

from collections.abc import Iterator, Mapping, Sequence

from eisync.core.doctor.finding import Finding, fault, not_checked, ok, warning
from eisync.core.model import value
from eisync.core.summary import in_bytes
from eisync.core.text import amount

FULL_BYTES = 16 * 1024 * 1024
"""A state folder with less is full: the journal alone takes 4 MiB."""
SCARCE_BYTES = 256 * 1024 * 1024
SCARCE_FILES = 1_000
MEMORY_BYTES = 128 * 1024 * 1024
"""eisync takes up to 70 MB, and Python's libraries need room."""
SPARE_FILES = 64
"""Descriptors beside those of the uploads: the database, the socket, file events, the log."""
SPARE_TASKS = 16
NEARLY = 0.8


@value(kw_only=True)
class Limits:
    """The limits of the process. None: there is none, or it is unknown. `tasks` and `memory` are of its group."""

    open_files: int | None = None
    tasks: int | None = None
    tasks_used: int = 0
    memory: int | None = None


@value(kw_only=True)
class Events:
    """The kernel's limits for file events of a user, and how much of them its processes use.

    `is_complete`: all processes of the user could be counted.
    """

    most_watches: int
    most_instances: int
    watches: int = 0
    instances: int = 0
    is_complete: bool = True


@value
class Disk:
    """The space of a disk that its users may take. `free_files` is None where files are not counted (btrfs)."""

    free: int
    total: int
    free_files: int | None


@value(kw_only=True)
class Place:
    """A folder as the process sees it. `needs_writing`: which options write there; empty: none.

    `is_other`: the process sees another folder at this path than this command.
    """

    path: str
    is_there: bool
    is_other: bool = False
    is_writable: bool = True
    needs_writing: str = ""


def versions(eisync: str, found: Mapping[str, str]) -> Finding:
    """List the versions. `found` are those of Python and the libraries, in the order to show."""
    return ok("versions", f"eisync {eisync}; " + ", ".join(f"{name} {version}" for name, version in found.items()))


def old_sqlite(found: str, oldest: str) -> Finding:
    """Say that SQLite is too old."""
    return fault("versions", f"this Python carries SQLite {found}", f"install a Python with SQLite {oldest} or newer")


def extras(missing: Mapping[str, str], how: str = "") -> Finding:
    """Say which extras are not installed, what is not possible without them, and how to add them."""
    if not missing:
        return ok("extras", "all are installed")
    what = "; ".join(f"without eisync[{name}], {lost}" for name, lost in missing.items())
    return ok("extras", f"{what} (to add: {how})")


def user(here: str, there: str | None, owner: str | None) -> Finding:
    """Decide whether this command runs as the user who runs eisync. `there`: whom the running process belongs to; None:
    none runs. `owner`: whom the state folder belongs to; None: unknown, or it does not exist.
    """
    other = there if there is not None else owner
    if other is None or other == here:
        return ok("user", f"you are {here}" + (", who runs eisync" if there == here else ""))
    whose = "the running eisync belongs to" if there is not None else "the state folder belongs to"
    return warning(
        "user",
        f"you are {here}, and {whose} {other}: rights of files are checked for {here}",
        f"sudo {'' if other == 'root' else f'-u {other} '}eisync doctor, with the same options",
    )


def disk(place: str, found: Disk | None, *, min_free: int = 0, is_state: bool = False) -> Finding:
    """Decide whether a disk has enough space. `min_free`: how much eisync is to keep free."""
    if found is None:
        return not_checked("disk", "its space cannot be read", about=place)
    room = f"{in_bytes(found.free)} of {in_bytes(found.total)} are free"
    make = "make room on this disk"
    if is_state and (found.free < FULL_BYTES or found.free_files == 0):
        return fault("disk", f"{room}: the state of eisync cannot be written", make, about=place)
    if found.free_files is not None and found.free_files < SCARCE_FILES and found.total:
        return warning("disk", f"only {amount(found.free_files, 'file')} can be added", make, about=place)
    if min_free and found.free < min_free:
        return warning(
            "disk",
            f"{room}, less than min_free ({in_bytes(min_free)})",
            "eisync status says why no room is made",
            about=place,
        )
    if found.free < SCARCE_BYTES:
        more = "" if is_state else ", or set after_upload or min_free in its [[watch]]"
        return warning("disk", room, f"{make}{more}", about=place)
    return ok("disk", room, about=place)


def limits(found: Limits, *, workers: int, folders: int) -> Iterator[Finding]:
    """Yield whether the limits of the process leave room for so many uploads at once and so many watched folders."""
    files, tasks = SPARE_FILES + 4 * workers, SPARE_TASKS + workers + 2 * folders
    if found.open_files is None:
        yield not_checked("open files", "this system does not say how many files a process may open")
    elif found.open_files < files:
        yield warning(
            "open files",
            f"the process may open {found.open_files:,} files, and needs up to {files:,} (upload.workers = {workers})",
            f"LimitNOFILE={max(files, 1024)} in the unit, 'ulimit -n {max(files, 1024)}', or fewer upload.workers",
        )
    else:
        yield ok("open files", f"the process may open {found.open_files:,} files, and needs up to {files:,}")
    if found.tasks is None:
        yield ok("tasks", "the number of threads is not limited")
    elif found.tasks - found.tasks_used < tasks:
        yield warning(
            "tasks",
            f"{found.tasks_used:,} of {found.tasks:,} threads are in use here, and eisync needs up to {tasks:,}",
            f"TasksMax={found.tasks_used + tasks} in the unit (--pids-limit of a container), or fewer upload.workers",
        )
    else:
        yield ok("tasks", f"{found.tasks_used:,} of {found.tasks:,} threads are in use")
    if found.memory is None:
        yield ok("memory", "it is not limited")
    elif found.memory < MEMORY_BYTES:
        yield warning(
            "memory",
            f"the process may take {in_bytes(found.memory)}, and needs up to {in_bytes(MEMORY_BYTES)}",
            "raise MemoryMax of the unit, or the limit of the container",
        )
    else:
        yield ok("memory", f"the process may take {in_bytes(found.memory)}")


def events(found: Events | None, *, folders: int, is_counted: bool, is_running: bool) -> Finding:
    """Decide whether the kernel can report changes in all folders. `is_counted`: `folders` are all; else at least.

    While eisync runs, its own watches are among those that are used.
    """
    if found is None:
        return not_checked("file events", "this system has no inotify")
    need = ("" if is_counted else "at least ") + f"{folders:,} watch{'' if folders == 1 else 'es'}"
    used = f"{found.watches:,} of {found.most_watches:,} watches are in use"
    counted = used if found.is_complete else f"at least {used}"
    needed = folders if is_running else found.watches + folders
    if needed > found.most_watches:
        raised = max(65_536, 1 << (2 * needed).bit_length())
        return warning(
            "file events",
            f"the folders need {need}, and {counted}: folders without one are only scanned",
            f"sysctl fs.inotify.max_user_watches={raised} (and the same line in /etc/sysctl.d/60-eisync.conf)",
        )
    if found.instances >= found.most_instances and not is_running:
        raised = max(512, 2 * found.most_instances)
        return warning(
            "file events",
            f"{found.instances:,} of {found.most_instances:,} inotify instances are in use, and eisync needs one",
            f"sysctl fs.inotify.max_user_instances={raised} (and the same line in /etc/sysctl.d/60-eisync.conf)",
        )
    if needed > NEARLY * found.most_watches:
        return warning(
            "file events",
            f"the folders need {need}, and {counted}: that is nearly all",
            f"sysctl fs.inotify.max_user_watches={2 * found.most_watches} before more folders are added",
        )
    return ok("file events", f"the folders need {need}; {counted}")


def sandbox(places: Sequence[Place], unit: str | None, *, is_running: bool) -> Iterator[Finding]:
    """Yield which folders the process cannot see or write, though it needs to. `unit`: its systemd service, or None."""
    edit = f"in a drop-in ('systemctl edit {unit}')" if unit else "in the unit or the container's options"
    troubled = False
    for place in places:
        if not place.is_there or place.is_other:
            what = "is not there for the process" if not place.is_there else "is another folder for the process"
            option = "BindPaths" if place.needs_writing else "BindReadOnlyPaths"
            troubled = True
            yield fault(
                "sandbox",
                f"the folder {what}, though you see it: its sandbox hides it (ProtectHome, PrivateTmp, a container)",
                f"{option}={place.path} {edit}",
                about=place.path,
            )
        elif place.needs_writing and not place.is_writable:
            troubled = True
            yield fault(
                "sandbox",
                f"the process may not write here, and {place.needs_writing} needs it",
                f"ReadWritePaths={place.path} {edit}, and give its user the right to write",
                about=place.path,
            )
    if not troubled:
        where = f"the service {unit}" if unit else "no systemd service"
        running = "the running eisync" if is_running else "this command"
        yield ok(
            "sandbox", f"{running} ({where}) sees all {amount(len(places), 'folder')}, and may write where it must"
        )
