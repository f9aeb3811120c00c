"""Tell a process of this machine from every other one: a number is given again when a process has ended.

How often this process looks for values that hold nothing but each other.

Python looks each time that some hundred more values were made than let go. A page of a listing is thousands of them,
all let go when the next one comes: looking through them again and again was a seventh of what a sweep takes. Whatever
nobody holds is let go at once in any case; what is waited for longer are rings, and few of ours are.

What is there at the start, modules above all, stays to the end, and is not looked through at all: that was a twentieth
of what a file takes from its folder to the service.
"""

import gc
import os
import socket


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def identity(pid: int) -> str:
    """What tells the process from any other one, on any machine and in any container; empty when it does not run, or
    nobody can tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            boot = file.read().strip()
        with open(f"/proc/{pid}/stat", "rb") as file:
            began = file.read().rpartition(b")")[2].split()[19]
        return f"{boot.decode()} {os.readlink('/proc/self/ns/pid')} {pid}-{began.decode()}"
    except (OSError, IndexError):
        return ""


def is_running(pid: int, known: str) -> bool | None:
    """Whether the process still runs; None when nobody can tell from here: it is of another machine or container."""
    mine = identity(os.getpid()).rpartition(" ")[0]
    if not known or known.rpartition(" ")[0] != mine:
        return None
    return identity(pid) == known


MADE_BEFORE_A_LOOK = 10_000


def collect_rarely() -> None:
    """From now on, in the whole process. Safe to repeat: only the first call says what is there at the start."""
    if not gc.get_freeze_count():
        gc.freeze()
    _, *older = gc.get_threshold()
    gc.set_threshold(MADE_BEFORE_A_LOOK, *older)
