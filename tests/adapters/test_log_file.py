"""A log file keeps what is printed, is set aside when it is full, and never stops who writes to it."""

import errno
import sys
from pathlib import Path

import pytest

from eisync.adapters import log_file
from eisync.adapters.log_file import LogFile


def test_a_full_file_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "MOST_BYTES", 12)
    log = LogFile(str(tmp_path / "logs" / "eisync.log"))
    for line in ("one line\n", "another\n"):
        log.write(line)
    log.close()
    assert {"eisync.log": "another\n", "eisync.log.1": "one line\n"} == {
        path.name: path.read_text() for path in (tmp_path / "logs").iterdir()
    }


def test_a_full_disk_costs_lines_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogFile(str(tmp_path / "eisync.log"))
    monkeypatch.setattr(sys, "stderr", log)  # as in `eisync service run`: a failure must not be told there
    monkeypatch.setattr(log._handler.stream, "flush", full)
    for number in range(3):
        assert 5 == log.write(f"line{number}")


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
