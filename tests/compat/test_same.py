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

ERRORS = {
    "a_missing_directory": "FileNotFoundError",
    "a_directory_without_labels": "FileNotFoundError",
    "an_unknown_category_of_the_listing": "ValueError",
    "a_wrong_key_for_studio": "UnauthorizedException",
    "no_key_for_studio": "MissingApiKeyException",
    "ids_that_are_texts": "TypeError",
    "fewer_labels_than_series": "ValueError",
    "fewer_sensors_than_axes": "ValueError",
    "axes_that_are_not_there": "ValueError",
    "axes_without_a_length": "ValueError",
    "a_group_of_two_labels": "ValueError",
    "a_wrong_global_key_downloads_nothing": "UnauthorizedException",
    "a_label_column_that_is_there_twice": "ValueError",
    "no_key_for_a_client": "MissingApiKeyException",
    "a_kind_of_key_that_there_is_not": "InvalidAuthTypeException",
    "labels_that_are_no_list": "ValueError",
    "a_document_that_is_none": "ValueError",
}
"""What both raise; a case that is not here must come to its end in both."""


@pytest.mark.parametrize("case", sorted(CASES.keys() - DIFFERENCES.keys()))
def test_both_do_the_same(case: str, official: Any, ours: Any, tmp_path: Path) -> None:
    theirs, seen = official.play(case, tmp_path / "official"), ours.play(case, tmp_path / "ours")
    assert _comparable(theirs) == _comparable(seen)
    assert ERRORS.get(case) == seen.get("raised")


@pytest.mark.parametrize("case", sorted(DIFFERENCES))
def test_a_difference_that_is_listed_is_there(case: str, official: Any, ours: Any, tmp_path: Path) -> None:
    assert _comparable(official.play(case, tmp_path / "official")) != _comparable(ours.play(case, tmp_path / "ours"))


def test_every_difference_is_of_a_case_and_no_error_is_a_difference() -> None:
    assert DIFFERENCES.keys() <= CASES.keys()
    assert ERRORS.keys() <= CASES.keys() - DIFFERENCES.keys()


def _comparable(seen: dict[str, Any]) -> dict[str, Any]:
    """Of what was raised, the name; each module words its own sentence, and paths differ."""
    return {name: value for name, value in seen.items() if name not in ("text", "mro")}
