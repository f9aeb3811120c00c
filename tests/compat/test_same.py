"""The official SDK is the referee: the same call through both, the same samples stored, the same values returned."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs" / "drop-in.md"


def _load(name: str) -> Any:
    # By the name under which the players import it, so that the two modules of cases find one another.
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


CASES = {name: case for module in _load("cases").MODULES for name, case in _load(module).CASES.items()}
DIFFERENCES: dict[str, str] = _load("differences").DIFFERENCES


@pytest.mark.parametrize("case", sorted(CASES.keys() - DIFFERENCES.keys()))
def test_both_do_the_same(case: str, official: Any, ours: Any, tmp_path: Path) -> None:
    assert _comparable(official.play(case, tmp_path / "official")) == _comparable(ours.play(case, tmp_path / "ours"))


@pytest.mark.parametrize("case", sorted(DIFFERENCES))
def test_a_difference_that_is_listed_is_there(case: str, official: Any, ours: Any, tmp_path: Path) -> None:
    assert _comparable(official.play(case, tmp_path / "official")) != _comparable(ours.play(case, tmp_path / "ours"))


def test_every_difference_is_of_a_case() -> None:
    assert DIFFERENCES.keys() <= CASES.keys()


def _comparable(seen: dict[str, Any]) -> dict[str, Any]:
    """Of what was raised, the name; each module words its own sentence, and paths differ."""
    return {name: value for name, value in seen.items() if name not in ("text", "mro")}
