"""Without what only POSIX has (`fork`, `fcntl`, users) every module imports, and files are uploaded."""

import re
import subprocess
import sys
from dataclasses import dataclass
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

    def run_each(self, *commands: list[str]) -> "Said":
        """Run commands one after the other in one process."""
        program = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests import as_windows; as_windows.strip()\n"
            "from eisync.cli import main\n"
            f"for arguments in {commands!r}:\n"
            f"    sys.argv[1:] = [*arguments, '--state-dir', {str(self.state)!r}]\n"
            "    try:\n"
            "        main()\n"
            "    except SystemExit as end:\n"
            "        print('ended with', end.code or 0)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=self.environ,
            cwd=self.place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(
            [int(code) for code in re.findall(r"^ended with (\d+)$", done.stdout, flags=re.MULTILINE)], done.stdout
        )


@dataclass(frozen=True)
class Said:
    """The exit codes of commands, and all that they printed."""

    codes: list[int]
    text: str


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
    daemon = windows.daemon(is_real=True)
    try:
        until((windows.state / "control").exists)  # the port and the token
        until(lambda: windows.run("healthcheck").returncode == 0)
        windows.write("training/wave.2.csv", row(2))
        until(lambda: stored_once(windows.emulator.ledger(), [row(1), row(2)]))
        assert daemon.pid == windows.status()["daemon"]["pid"]
        assert 0 == windows.run("db", "backup", str(windows.place / "beside.db")).returncode
    finally:
        daemon.terminate()
        daemon.wait(20)
    # In one process: each takes more than a second to import what `strip` needs.
    said = windows.run_each(
        ["once", str(windows.recordings), "--quiet"], ["ls"], ["doctor"], ["db", "check"], ["db", "vacuum"]
    )
    assert said.codes in ([0, 0, 0, 0, 0], [0, 0, 3, 0, 0]), said.text  # the doctor may warn
    assert "Traceback" not in said.text
    assert "Traceback" not in (windows.place / "daemon-1.log").read_text()
    assert stored_once(windows.emulator.ledger(), [row(1), row(2)])
