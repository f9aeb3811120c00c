"""Run eisync without what only POSIX has: `from tests import as_windows; as_windows.strip()`, then what is to be tried.

The libraries are imported first, for they have parts of their own for each system. The file system stays that of this
machine, and file events stay those of Linux.

Source: docs.python.org, `os`, `signal`, `socket`: "Availability: Unix".
"""

import contextlib
import ctypes
import importlib
import os
import pkgutil
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from types import SimpleNamespace

LIBRARIES = (
    "aiohttp asyncio click getpass multiprocessing platformdirs prometheus_client pydantic requests rich.progress "
    "socketserver sqlite_utils ssl structlog subprocess tempfile urllib3 uuid waitress watchdog.observers werkzeug"
)
MODULES = "fcntl grp pwd resource termios pty syslog"
NAMES = (
    "fork forkpty geteuid getuid getegid getgid getgroups getpgid killpg setsid chown fchown lchown fchmod fchdir "
    "pread pwrite preadv pwritev statvfs fstatvfs mkfifo mknod sync fdatasync posix_fadvise posix_fallocate sendfile "
    "nice getpriority getloadavg uname wait3 wait4 getxattr setxattr listxattr removexattr sched_getaffinity confstr "
    "sysconf pathconf ctermid O_NOFOLLOW O_DIRECTORY O_CLOEXEC O_NONBLOCK O_PATH O_SYNC O_NOATIME ST_RDONLY WNOHANG"
)
SETS = "supports_dir_fd supports_fd supports_effective_ids"


def strip() -> None:
    """Remove them from this process, for good."""
    for name in LIBRARIES.split():
        with contextlib.suppress(ImportError):  # of an extra that is not installed
            importlib.import_module(name)
    for name in MODULES.split():
        sys.modules[name] = None  # type: ignore[assignment]  # None makes an import fail
    stand_in()
    for name in NAMES.split():
        with contextlib.suppress(AttributeError):
            delattr(os, name)
    for name in SETS.split():
        setattr(os, name, set())
    del socket.AF_UNIX
    del signal.SIGHUP
    sys.platform = "win32"


def stand_in() -> None:
    """Put in what Windows has in their place: kernel32, by which no other program has a file open, and the disk."""
    kernel32 = SimpleNamespace(CreateFileW=_function(42), CloseHandle=_function(1))
    ctypes.WinDLL = lambda *_, **__: kernel32  # type: ignore[attr-defined]
    ctypes.get_last_error = lambda: 0  # type: ignore[attr-defined]
    statvfs = os.statvfs

    def disk_usage(place: str) -> SimpleNamespace:
        found = statvfs(place)
        return SimpleNamespace(total=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize)

    shutil.disk_usage = disk_usage  # type: ignore[assignment]


def _function(answer: int) -> Callable[..., int]:
    """Return a function that can have attributes, as those of ctypes do."""
    return lambda *_: answer


def import_all() -> None:
    """Import every module of eisync."""
    import eisync

    for module in pkgutil.walk_packages(eisync.__path__, "eisync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
