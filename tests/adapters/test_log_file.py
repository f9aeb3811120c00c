"""A log file never stops who writes to it (how it is set aside: tests/cli/test_service.py)."""

import errno
import sys
from pathlib import Path

import pytest

from eisync.adapters.log_file import LogFile


def test_a_full_disk_costs_lines_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogFile(str(tmp_path / "eisync.log"))
    monkeypatch.setattr(sys, "stderr", log)  # as in `eisync service run`: a failure must not be told there
    monkeypatch.setattr(log._handler.stream, "flush", full)
    for number in range(3):
        assert 5 == log.write(f"line{number}")


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
