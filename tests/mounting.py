"""Disks that a test mounts and unmounts: real ones, so it is skipped where that is not allowed."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class Mounts:
    """What is mounted by one test; all of it is gone when the test ends."""

    def __init__(self) -> None:
        self._places: list[Path] = []

    def tmpfs(self, place: Path) -> Path:
        """A disk that is empty."""
        place.mkdir(parents=True, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", "size=4m", "eisync-test", str(place))
        self._places.append(place)
        return place

    def bind(self, what: Path, place: Path) -> Path:
        """A folder that lies elsewhere as well, on the same disk or on another one."""
        place.mkdir(parents=True, exist_ok=True)
        self._mount("--bind", str(what), str(place))
        self._places.append(place)
        return place

    def unmount(self, place: Path) -> None:
        subprocess.run(["umount", str(place)], check=True, capture_output=True)
        self._places.remove(place)

    def close(self) -> None:
        for place in reversed(self._places):
            with contextlib.suppress(subprocess.CalledProcessError):
                subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)

    def _mount(self, *arguments: str) -> None:
        try:
            done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no program that mounts")
        if done.returncode:
            pytest.skip(f"nothing may be mounted here: {done.stderr.strip()}")


@contextlib.contextmanager
def mounting() -> Iterator[Mounts]:
    mounts = Mounts()
    try:
        yield mounts
    finally:
        mounts.close()
