"""`eisync ls`: columns, filters and pages, for a person and for a script."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from eisync import cli
from eisync.core.lifecycle import State
from tests.control.test_operations import Desk


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with five files in two watched folders."""
    desk = Desk(tmp_path / "state")
    _, other = desk.outbox.register([(desk.root.path, "main"), ("/srv/röot", "main")])
    for path in ("b.csv", "a.csv", "day/c.csv"):
        desk.add(path, State.SYNCED)
    desk.add("cut.csv", State.QUARANTINED, root=other)
    desk.note("new.csv", "closed/:unreadable", beyond=2)
    desk.database.close()
    return tmp_path / "state"


@pytest.fixture
def ls(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str, columns: int | None = None) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr(sys, "argv", ["eisync", "ls", *arguments, "--state-dir", str(state)])
        if columns is not None:
            monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
            monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return int(str(ended.value.code)), shown.out.splitlines(), shown.err.splitlines()

    return run


def test_a_line_has_all_columns_and_a_terminal_their_names(ls: Any) -> None:
    lines = [
        "synced       idle              split       -             data/röot  a.csv",
        "settling     -                             -             data/röot  new.csv  (so it is)",
    ]
    code, out, err = ls()
    assert (0, 6) == (code, len(out))
    assert set(lines) < set(out)
    assert "unreadable   -                             -             data/röot  closed/  (so it is)" in out
    assert ["/data/röot: 2 more files were not complete; 'eisync run' or 'eisync once' finds them"] == err
    code, out, err = ls("--sort", "path", columns=120)
    header = "STATE        LABEL             CATEGORY    SAMPLES       FOLDER     PATH"
    assert [header, lines[0]] == out[:2]


def test_a_narrow_terminal_shows_state_and_path(ls: Any) -> None:
    _, out, _ = ls("--sort", "path", "--limit", "1", columns=40)
    assert ["STATE        PATH", "synced       a.csv"] == out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--state", "quarantined"), ["cut.csv"]),
        (("--problem", "--sort", "path"), ["closed", "cut.csv"]),
        (("--folder", "/data/röot/day"), ["day/c.csv"]),
        (("--search", "C", "--label", "idle", "--sort", "newest"), ["cut.csv", "day/c.csv", "a.csv", "b.csv"]),
        (("--category", "testing"), []),
    ],
)
def test_files_are_filtered_and_sorted(ls: Any, arguments: tuple[str, ...], expected: list[str]) -> None:
    _, out, _ = ls("--json", *arguments)
    assert expected == [json.loads(line)["path"] for line in out]


def test_pages_follow_one_another(ls: Any) -> None:
    found: list[str] = []
    after: tuple[str, ...] = ()
    for _ in range(3):
        _, out, err = ls("--json", "--sort", "path", "--limit", "2", *after)
        found += [json.loads(line)["path"] for line in out]
        after = ("--after", err[0].rpartition(" ")[2]) if err else ()
    assert (["a.csv", "b.csv", "closed", "new.csv", "day/c.csv", "cut.csv"], ()) == (found, after)


def test_a_person_reads_that_no_file_fits(ls: Any) -> None:
    assert (0, [], ["No file fits."]) == ls("--label", "none of them", columns=80)
    assert (0, [], []) == ls("--label", "none of them", "--json", columns=80)
    code, _, err = ls("--folder", "/elsewhere")
    assert (1, ["eisync: /elsewhere is not in a watched folder; 'eisync status' lists them"]) == (code, err)
