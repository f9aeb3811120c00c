"""The progress of a command is redrawn on a terminal, and is a line now and then elsewhere."""

import sys
from typing import Any

import pytest

from eisync.adapters import clock
from eisync.cli import progress as module
from eisync.cli.output import Bar
from eisync.cli.progress import Progress
from eisync.core.redaction import KEYS


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


def test_work_that_does_not_say_how_far_it_is_is_shown_with_its_time(
    monkeypatch: pytest.MonkeyPatch, shown: list[str]
) -> None:
    terminal(monkeypatch)
    with Progress() as progress:
        for _ in range(2):
            progress.show_wait("Looking")
        progress.show_wait("Looking at very many things at once")
    assert ["\rLooking, 2 s so far", "\rLooking, 5 s so far"] == shown[:2]
    assert "\rLooking at very many things at once, 8…" == shown[2]
    assert "" == shown[-1].strip()
    terminal(monkeypatch, err=False)
    with Progress() as progress:
        for _ in range(61):
            progress.show_wait("Looking")
    assert ["Looking, 2 min so far"] == [line for line in shown if "\r" not in line]


@pytest.mark.parametrize("is_installed", [True, False], ids=["with rich", "without rich"])
@pytest.mark.parametrize("columns", [120, 40])
def test_a_wide_terminal_has_the_bar_of_rich_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, shown: list[str], is_installed: bool, columns: int
) -> None:
    drawn: list[tuple[int, int | None, str]] = []

    class Drawn:
        def draw(self, *how: Any) -> None:
            drawn.append(how)

        def end(self) -> None:
            drawn.append((-1, None, "ended"))

    terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(module, "bar", Drawn if is_installed else lambda: None)
    work(Progress())
    if is_installed and columns == 120:
        assert [(0, 100, "0 of 100 files"), (-1, None, "ended")] == [drawn[0], drawn[-1]]
        assert [] == shown
    else:
        assert [] == drawn
        assert shown


def test_the_bar_of_rich_prints_no_key_and_no_escape_codes_of_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    KEYS.learn(key := "ei_" + "5" * 64)
    drawn = Bar()
    drawn.draw(1, 2, f"1 of 2 files [red]{key}\x1b[2J\x07")
    drawn.draw(2, None, "2 files")
    drawn.end()
    drawn.end()
    printed = capsys.readouterr().err
    assert "1 of 2 files [red]" in printed
    assert key not in printed
    assert "\x07" not in printed
    assert "\x1b[2J" not in printed
