"""Tell a process of this machine from every other one: a number is given again when a process has ended."""

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
