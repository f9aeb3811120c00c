"""Without what only POSIX has (`fork`, `fcntl`, users) every module imports, and files are uploaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bench, row, stored_once, until

ROOT = Path(__file__).parent.parent


class Windows(Bench):
    """A bench whose commands have nothing that only POSIX has."""

    def command(self, *arguments: str) -> list[str]:
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests import as_windows; as_windows.strip(); "
        return [sys.executable, "-c", f"{program}from eisync.cli import main; main()", *arguments]

    def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.command(*arguments), "--state-dir", str(self.state)],
            env=self.environ | more,
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def windows(bench: Bench) -> Windows:
    return Windows(bench.place, bench.emulator, bench.environ)


def test_every_module_imports() -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests import as_windows; as_windows.strip(); "
    done = subprocess.run(
        [sys.executable, "-c", f"{program}as_windows.import_all()"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_a_daemon_uploads_and_answers_over_loopback_and_so_do_commands_without_one(windows: Windows) -> None:
    windows.write("training/wave.1.csv", row(1))
    daemon = windows.daemon()
    try:
        until(lambda: windows.run("healthcheck").returncode == 0)
        windows.write("training/wave.2.csv", row(2))
        until(lambda: stored_once(windows.emulator.ledger(), [row(1), row(2)]))
        assert (windows.state / "control").exists()  # the port and the token
        assert daemon.pid == windows.status()["daemon"]["pid"]
        assert 0 == windows.run("db", "backup", str(windows.place / "beside.db")).returncode
    finally:
        daemon.terminate()
        daemon.wait(20)
    asked = [
        (["once", str(windows.recordings), "--quiet"], {0}),
        (["ls"], {0}),
        (["doctor"], {0, 3}),
        (["db", "check"], {0}),
        (["db", "vacuum"], {0}),
    ]
    for arguments, codes in asked:
        done = windows.run(*arguments)
        assert done.returncode in codes, (arguments, done.stdout, done.stderr)
        assert "Traceback" not in done.stdout + done.stderr, (arguments, done.stderr)
    assert "Traceback" not in (windows.place / "daemon-1.log").read_text()
    assert stored_once(windows.emulator.ledger(), [row(1), row(2)])
