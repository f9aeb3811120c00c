"""A room that falls below its floor is named with its lines, and a floor only ever rises."""

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = runpy.run_path(str(ROOT / ".ci/coverage"), run_name="coverage_script")


def file(covered: int, total: int, lines: list[int] | None = None, branches: Any = ()) -> dict[str, Any]:
    """What coverage reports of a file; half of what there is are branches."""
    return {
        "summary": {
            "covered_lines": covered - covered // 2,
            "covered_branches": covered // 2,
            "num_statements": total - total // 2,
            "num_branches": total // 2,
        },
        "missing_lines": lines or [],
        "missing_branches": [list(branch) for branch in branches],
    }


def test_the_files_of_a_room_count_together_and_a_module_is_a_room_of_its_own() -> None:
    rooms = SCRIPT["rooms_of"](
        {
            "eisync/core/a.py": file(10, 10),
            "eisync/core/formats/b.py": file(15, 20, [3, 4, 5, 9]),
            "eisync/app.py": file(7, 7),
            "eisync/core/__init__.py": file(0, 0),
        }
    )
    assert {"core": 83.33, "app": 100.0} == {name: room.percent for name, room in rooms.items()}
    assert ["eisync/core/formats/b.py: 3-5, 9"] == rooms["core"].gaps


def test_one_line_of_very_many_is_not_all() -> None:
    rooms = SCRIPT["rooms_of"]({"eisync/core/a.py": file(99_999, 100_000, [7])})
    assert 99.99 == rooms["core"].percent


def test_a_branch_is_named_only_where_its_lines_do_not_say_so_already() -> None:
    found = file(1, 9, [5], branches=[(4, 5), (7, 9), (8, -1)])
    assert ["5", "7->9", "8->exit"] == SCRIPT["gaps_of"](found)


@pytest.mark.parametrize(
    ("floors", "percents", "expected"),
    [
        ({"core": 90.0}, {"core": 95.5}, {"core": 95.5}),
        ({"core": 90.0}, {"core": 85.5}, {"core": 90.0}),
        ({"core": 90.0, "store": 80.0}, {"core": 90.0}, {"core": 90.0, "store": 80.0}),
        ({}, {"app": 0.0}, {"app": 0.0}),
    ],
)
def test_a_floor_only_ever_rises(
    floors: dict[str, float], percents: dict[str, float], expected: dict[str, float]
) -> None:
    assert expected == SCRIPT["raised"](floors, percents)


@pytest.mark.parametrize(
    ("core", "code", "said"),
    [
        (file(10, 10), 0, "core           100.00 %   floor 95.00 %\n"),
        (file(9, 10, [12]), 1, "core            90.00 %   floor 95.00 %   BELOW\neisync/core/a.py: 12\n"),
        (None, 1, ""),
    ],
)
def test_it_ends_with_1_for_what_is_below_its_floor_and_for_failed_tests(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    core: dict[str, Any] | None,
    code: int,
    said: str,
) -> None:
    floors = tmp_path / "floors.json"
    floors.write_text('{"core": 95.0}')
    main = SCRIPT["main"]
    report = None if core is None else {"eisync/core/a.py": core}
    monkeypatch.setitem(main.__globals__, "measured", lambda *_: report)
    monkeypatch.setitem(main.__globals__, "FLOORS", floors)
    monkeypatch.setattr("sys.argv", ["coverage", "--raise"])
    assert code == main()
    assert said == capsys.readouterr().out
    assert ("100.0" in floors.read_text()) is (code == 0)
