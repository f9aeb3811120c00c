"""`eisync status --watch` shows the status in place on a terminal, and changes of it elsewhere."""

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from eisync.core.lifecycle import State
from tests.conftest import Bench
from tests.control.test_operations import Desk


@pytest.fixture
def watched(bench: Bench) -> Bench:
    desk = Desk(bench.state)
    desk.add("a.csv", State.SYNCED, at=time.time())
    desk.add("cut\x1b[31m.csv", State.QUARANTINED, at=time.time())
    desk.database.close()
    return bench


def command(bench: Bench) -> list[str]:
    return [*bench.command("status", "--watch", "--interval", "0.2"), "--state-dir", str(bench.state)]


def test_a_terminal_is_redrawn_until_ctrl_c(watched: Bench) -> None:
    ours, theirs = pty.openpty()
    environ = {**watched.environ, "COLUMNS": "40", "LINES": "12", "NO_COLOR": "1"}
    process = subprocess.Popen(command(watched), env=environ, cwd=watched.place, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while shown.count(b"\x1b[H") < 3:
        shown += os.read(ours, 65_536)
    process.send_signal(signal.SIGINT)
    assert 3 == process.wait(timeout=20)
    shown += os.read(ours, 65_536)
    os.close(ours)
    text = shown.decode()
    assert text.startswith("\x1b[?25l\x1b[2J\x1b[H1 of 2 files is in Edge Impulse; last\x1b[K\r\nupload ")
    assert text.endswith("\x1b[?25h\r\n")
    assert "[31m" not in text.replace("\\x1b[31m", "")  # neither a colour nor the name of the file
    frames = [re.sub(r"\x1b\[\?25[lh]|\x1b\[[KJ]", "", frame) for frame in text.split("\x1b[H")[1:]]
    assert all(len(line) <= 40 for frame in frames for line in frame.splitlines())
    assert all(frame.count("\n") <= 12 for frame in frames)


def test_elsewhere_a_change_is_a_line(watched: Bench, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(command(watched), env=watched.environ, cwd=watched.place, stdout=stream)
        while not output.stat().st_size:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert 3 == process.wait(timeout=20)
    lines = {line[20:].split(";")[0] for line in output.read_text().splitlines()}
    assert {"1 of 2 files is in Edge Impulse"} == lines


def test_it_is_for_a_person(bench: Bench) -> None:
    done = bench.run("status", "--watch", "--json")
    assert (2, True) == (done.returncode, "--watch is for a person" in done.stderr)
