"""Processes that get no more than so much memory: in a control group (cgroup) of version 1 or 2, made by root."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

VERSION_1 = Path("/sys/fs/cgroup/memory")
VERSION_2 = Path("/sys/fs/cgroup")


def why_not() -> str | None:
    """Why no memory limit can be set here; None if it can."""
    try:
        with limited(64 * 1024**2):
            return None
    except OSError as error:
        return f"no memory limit can be set here: {error}"


class MemoryLimit:
    """The group in `folder`. What its programs read from disks counts too; the kernel takes that back first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_old = VERSION_1 in folder.parents
        self.peak_bytes = 0
        """The most that `take` saw of what cannot be taken back: the programs' own memory, without files."""

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs `command` in the group."""
        return ["sh", "-c", f'echo $$ > {self._folder}/cgroup.procs; exec "$@"', "sh", *command]

    def take(self) -> None:
        facts = dict(line.split() for line in (self._folder / "memory.stat").read_text().splitlines())
        self.peak_bytes = max(self.peak_bytes, int(facts["total_rss" if self._is_old else "anon"]))

    def killed(self) -> int:
        """Return how many processes the kernel ended because the memory was not enough."""
        events = "memory.oom_control" if self._is_old else "memory.events"
        facts = dict(line.split() for line in (self._folder / events).read_text().splitlines())
        return int(facts["oom_kill"])


@contextmanager
def limited(limit_bytes: int) -> Iterator[MemoryLimit]:
    """Make a group, and remove it when its processes have ended. Raise OSError where none can be made."""
    is_old = VERSION_1.is_dir()
    folder = (VERSION_1 if is_old else VERSION_2) / f"eisync-test-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if is_old else "memory.max")).write_text(str(limit_bytes))
        # No help from swap: version 1 may not count it, and then there is no such file.
        with suppress(FileNotFoundError):
            (folder / ("memory.memsw.limit_in_bytes" if is_old else "memory.swap.max")).write_text(
                str(limit_bytes if is_old else 0)
            )
        yield MemoryLimit(folder)
    finally:
        folder.rmdir()
