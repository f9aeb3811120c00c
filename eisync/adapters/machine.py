"""Read what this machine says of itself and of a process, for `eisync doctor`: users, limits, disks, file events.

A process is looked at from outside, in /proc: `root` leads to the files as it sees them, through its own mounts. What
cannot be read is None. Nothing is changed.

Sources: proc(5), `/proc/[pid]/root`, `/proc/[pid]/limits`, `/proc/[pid]/fdinfo`; cgroups(7); inotify(7), "/proc
interfaces".
"""

import contextlib
import os
import platform
import ssl
import stat
import sys
from collections.abc import Iterator
from importlib import metadata, util

from eisync.adapters import clock
from eisync.core.doctor.folders import Content
from eisync.core.doctor.machine import Disk, Events, Limits, Place

COUNT_WITHIN_S = 3.0
LIBRARIES = ("requests", "urllib3", "watchdog", "pydantic")
EXTRAS = {
    "annotations": (("defusedxml", "yaml"), "Pascal VOC (XML) and YOLO's data.yaml are not read"),
    "emulator": (("aiohttp", "multipart"), "'eisync demo' and 'eisync emulator' do not start"),
    "pretty": (("rich",), "long commands draw no progress bar"),
    "web": (("waitress", "werkzeug"), "the daemon has no page in the browser"),
}

_CGROUPS = "/sys/fs/cgroup"
_SHOWN = 100
_FIRST = 64  # entries of a folder, to find a file in it


def versions(sqlite: str) -> dict[str, str]:
    """Return the versions of Python, of the system and of the libraries, in the order to show."""
    found = {"Python": platform.python_version(), "SQLite": sqlite, "OpenSSL": ssl.OPENSSL_VERSION.split()[1]}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {**found, platform.system(): f"{platform.release()} ({platform.machine()})"}


def missing_extras() -> dict[str, str]:
    """Return the extras that are not installed, each with what is not possible without it."""
    return {
        name: lost
        for name, (modules, lost) in EXTRAS.items()
        if any(util.find_spec(module) is None for module in modules)
    }


def user_name(number: int | None) -> str | None:
    """Return the name of a user, or the number where it has no name; None for None."""
    if number is None:
        return None
    try:
        import pwd

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError):
        return str(number)


def user_of(pid: int) -> int | None:
    """Return the number of the user to whom a process belongs."""
    if sys.platform == "win32":
        return None
    try:
        return os.stat(f"/proc/{pid}").st_uid if pid != os.getpid() else os.geteuid()
    except OSError:
        return None


def is_eisync(pid: int) -> bool:
    """Return whether the process with this number is an eisync, by its command line."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            return b"eisync" in words.read(4096)
    except OSError:
        return False


def unit_of(pid: int) -> str | None:
    """Return the systemd service that the process belongs to; None when it is none."""
    last = (_group_of(pid) or "").rpartition("/")[2]
    return last if last.endswith(".service") else None


def limits_of(pid: int) -> Limits:
    """Return the limits of a process, and those of its control groups."""
    tasks = memory = None
    used = 0
    for folder in _groups(_group_of(pid)):
        most = _number(f"{folder}/pids.max")
        if most is not None and (tasks is None or most < tasks):
            tasks, used = most, _number(f"{folder}/pids.current") or 0
        room = _number(f"{folder}/memory.max")
        memory = room if memory is None else min(memory, room or memory)
    return Limits(open_files=_open_files(pid), tasks=tasks, tasks_used=used, memory=memory)


def disk_of(folder: str) -> Disk | None:
    """Return the space on the folder's disk."""
    if sys.platform == "win32":
        return None
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return Disk(
        found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, found.f_favail if found.f_files else None
    )


def is_read_only(folder: str) -> bool:
    """Return whether the folder's file system is mounted read-only."""
    try:
        return sys.platform != "win32" and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def is_writable(folder: str) -> bool:
    """Return whether this user may create files in the folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def place_for(pid: int, folder: str, needs_writing: str) -> Place | None:
    """Return the folder as the process sees it; None when that cannot be known, or this command sees no folder."""
    if pid == os.getpid():
        return Place(path=folder, is_there=True, is_writable=is_writable(folder), needs_writing=needs_writing)
    try:
        mine = os.stat(folder)
        os.stat(f"/proc/{pid}/root/")  # fails where its files may not be looked at
    except OSError:
        return None
    there = f"/proc/{pid}/root{folder}"
    try:
        its = os.stat(there)
    except OSError:
        return Place(path=folder, is_there=False, needs_writing=needs_writing)
    return Place(
        path=folder,
        is_there=True,
        is_other=(its.st_dev, its.st_ino) != (mine.st_dev, mine.st_ino),
        is_writable=is_writable(there),
        needs_writing=needs_writing,
    )


def events_of(user: int) -> Events | None:
    """Return the limits for file events, and what the processes of the user take of them; None without inotify."""
    watches, instances = (_number(f"/proc/sys/fs/inotify/max_user_{what}") for what in ("watches", "instances"))
    if watches is None or instances is None:
        return None
    ends_at = clock.monotonic() + COUNT_WITHIN_S / 2
    used, queues, is_complete = 0, 0, True
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if clock.monotonic() > ends_at:
            is_complete = False
            break
        if user_of(int(pid)) != user:
            continue
        try:
            for number in _queues(pid):
                queues += 1
                used += number
        except PermissionError:
            is_complete = False
        except OSError:
            continue  # it has ended
    return Events(
        most_watches=watches, most_instances=instances, watches=used, instances=queues, is_complete=is_complete
    )


def content_of(folder: str, *, within_s: float = COUNT_WITHIN_S) -> Content:
    """Count the files and folders in a folder. Follow no link. Raise OSError when the folder itself cannot be read."""
    ends_at = clock.monotonic() + within_s
    files, folders, waiting, unreadable = 0, 0, [folder], []
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                folders += 1
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        files += 1
        except FileNotFoundError:
            continue  # it was removed meanwhile
        except OSError:
            if place == folder:
                raise
            unreadable.append(os.path.relpath(place, folder))
        if clock.monotonic() > ends_at or len(unreadable) >= _SHOWN:
            return Content(files=files, folders=folders + len(waiting), unreadable=unreadable, is_complete=not waiting)
    return Content(files=files, folders=folders, unreadable=unreadable)


def a_file_in(folder: str) -> str | None:
    """Return the path below the folder of some regular file that can be opened; None when none is found soon."""
    waiting, left = [folder], _FIRST
    while waiting and left:
        left -= 1
        place = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for _, entry in zip(range(_FIRST), entries, strict=False):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode) and os.access(entry.path, os.R_OK):
                    return os.path.relpath(entry.path, folder)
    return None


def _queues(pid: str) -> Iterator[int]:
    """Yield the number of watches of each inotify instance of a process. Raise OSError."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/fd/{name}") == "anon_inode:inotify":
                with open(f"/proc/{pid}/fdinfo/{name}", "rb") as info:
                    yield sum(line.startswith(b"inotify ") for line in info)


def _open_files(pid: int) -> int | None:
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/limits", encoding="utf-8") as table:
        for line in table:
            if line.startswith("Max open files"):
                return int(line.split()[3])
    return None


def _group_of(pid: int) -> str | None:
    """Return the path of the process's control group (version 2)."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/cgroup", encoding="utf-8") as table:
        for line in table:
            number, _, place = line.rstrip("\n").split(":", 2)
            if number == "0":
                return place
    return None


def _groups(place: str | None) -> Iterator[str]:
    """Yield the folders of a control group and of those above it, in which limits may stand."""
    while place is not None:
        yield f"{_CGROUPS}{place.rstrip('/')}"
        place = place.rpartition("/")[0] if place.strip("/") else None


def _number(path: str) -> int | None:
    """Return the number in a file of the kernel; None when it has none ("max")."""
    try:
        with open(path, encoding="utf-8") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
