"""A disk that fails when a test says so, for processes of ours: `failing_disk.c`, which says what it does."""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("failing_disk.c")


@dataclass
class FailingDisk:
    """What `folder` lies on. `platter` is a folder for what a power cut would leave."""

    folder: Path
    switch: Path
    platter: Path | None = None

    @property
    def environ(self) -> Mapping[str, str]:
        """To be added to that of a process that shall have this disk."""
        asked = {"LD_PRELOAD": _library(), "DISK_FOLDER": str(self.folder), "DISK_SWITCH": str(self.switch)}
        return asked if self.platter is None else {**asked, "DISK_PLATTER": str(self.platter)}

    def fail(self, what: str) -> None:
        """From now on every `write`, `sync` or `read` of a file in the folder fails with EIO."""
        written = self.switch.with_suffix(".new")
        written.write_text(what)
        written.replace(self.switch)

    def heal(self) -> None:
        self.switch.unlink()


@functools.cache
def _library() -> str:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("a disk can be made to fail only where there is a C compiler")
    library = Path(tempfile.mkdtemp(prefix="failing-disk-")) / "failing_disk.so"
    subprocess.run(
        [
            compiler,
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-shared",
            "-fPIC",
            "-o",
            library,
            SOURCE,
            "-ldl",
            "-lpthread",
        ],
        check=True,
        timeout=60,
    )
    return str(library)
