"""The progress of a command is redrawn on a terminal, and is a line now and then elsewhere."""

import sys

import pytest

from eisync.adapters import clock
from eisync.cli import progress as module
from eisync.cli.progress import Progress


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is drawn and printed. The clock goes one second with each look at it."""
    lines: list[str] = []
    instants = iter(range(10_000))
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(instants)))
    monkeypatch.setattr(module, "redraw", lambda line: lines.append(f"\r{line}"))
    monkeypatch.setattr(module, "say", lambda line, err: lines.append(line))
    monkeypatch.setenv("COLUMNS", "40")
    return lines


def terminal(monkeypatch: pytest.MonkeyPatch, *, err: bool = True, out: bool = False, kind: str = "xterm") -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: err)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: out)
    monkeypatch.setenv("TERM", kind)


def work(progress: Progress, times: int = 3) -> None:
    with progress:
        for number in range(times):
            progress.show(number, 100, "files")


def test_a_terminal_is_redrawn_and_cleared(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    terminal(monkeypatch)
    work(Progress())
    assert "\r[......................] 0 of 100 files" == shown[0]
    assert [" " * len(shown[-3][1:]), ""] == [line[1:] for line in shown[-2:]]
    assert all(len(line) <= 40 for line in shown)


@pytest.mark.parametrize(("kind", "err", "lines"), [("dumb", True, 38), ("xterm", False, 3)])
def test_elsewhere_a_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch, shown: list[str], kind: str, err: bool, lines: int
) -> None:
    terminal(monkeypatch, err=err, kind=kind)
    work(Progress(), times=190)
    assert lines - 3 <= len(shown) <= lines
    assert [] == [line for line in shown if "\r" in line or " of 100 files" not in line]


def test_a_command_that_prints_each_thing_shows_no_progress_beside_it(
    monkeypatch: pytest.MonkeyPatch, shown: list[str]
) -> None:
    terminal(monkeypatch, out=True)
    work(Progress(prints=True))
    work(Progress(is_quiet=True))
    assert [] == shown
    terminal(monkeypatch, out=False)
    work(Progress(prints=True))
    assert shown
