"""Commands of a user who may not read everything. Root may, so root becomes another user for a command."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from eisync.emulator.server import RunningEmulator
from tests.conftest import Bench, bench_at
from tests.forks import FORKS

NOBODY = 65_534

# Import everything first: eisync may be installed where only the user who runs the tests may read.
_SCRIPT = """
import encodings.idna, encodings.utf_8_sig, os, sqlite_utils, tempfile, tomllib, traceback
import eisync.app.machine, eisync.cli.audit, eisync.cli.explain, eisync.cli.ls, eisync.cli.once, eisync.cli.run
import eisync.cli.healthcheck, eisync.cli.preview, eisync.cli.status, eisync.control.local_socket, eisync.control.server
import eisync.app.doctor.examination, eisync.cli.doctor, pwd
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)  # all three, or the kernel lets it look everywhere
from eisync.cli import main
main()
"""


@contextlib.contextmanager
def other_users_bench(emulator: RunningEmulator) -> Iterator[Bench]:
    """A bench that another user can enter. (Only the user who runs the tests can enter the folders of pytest.)"""
    with tempfile.TemporaryDirectory(prefix="eisync-other-") as place:
        Path(place).chmod(0o755)
        bench = bench_at(Path(place), emulator)
        bench.state.mkdir(mode=0o700)
        own(bench.state, bench.recordings)
        try:
            yield bench
        finally:
            for folder, _, _ in os.walk(bench.recordings):
                for entry in Path(folder).iterdir():
                    if entry.is_dir() and not entry.is_symlink():
                        entry.chmod(0o755)  # otherwise it stays for ever


def own(*places: Path) -> None:
    """Give these files to the other user."""
    if os.geteuid() == 0:
        for place in places:
            os.chown(place, NOBODY, NOBODY, follow_symlinks=False)


def start(bench: Bench, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start `eisync ARGUMENTS --state-dir …` as such a user, and leave it running."""
    asked = [*arguments, "--state-dir", str(bench.state)]
    with Path(os.devnull).open("wb") as nowhere:
        process = FORKS.start(asked, environ=bench.environ, cwd=bench.place, out=nowhere, user=_user())
        return process or subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, *asked],
            env=bench.environ,
            cwd=bench.place,
            stdin=subprocess.DEVNULL,
            stdout=nowhere,
            stderr=nowhere,
        )


def run(bench: Bench, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `eisync ARGUMENTS --state-dir …` as a user who may not read everything."""
    asked = [*arguments, "--state-dir", str(bench.state)]
    done = FORKS.run(asked, environ=bench.environ, cwd=bench.place, limit_s=60, user=_user())
    return done or subprocess.run(
        [sys.executable, "-c", _SCRIPT, *asked],
        env=bench.environ,
        cwd=bench.place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _user() -> int | None:
    return NOBODY if os.geteuid() == 0 else None
