"""Every parameter of the official module is ours: name, kind, order and default. More may follow by keyword only."""

from typing import Any

import pytest


@pytest.fixture(scope="module")
def both(official: Any, ours: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return official.ask(what="signatures")["returned"], ours.ask(what="signatures")["returned"]


def test_every_public_name_is_there(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    official, ours = both
    assert set() == official.keys() - ours.keys()


def test_every_parameter_is_the_same(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    official, ours = both
    different = {
        name: (parameters, ours[name][: len(parameters)])
        for name, parameters in official.items()
        if name in ours and parameters != ours[name][: len(parameters)]
    }
    assert {} == different


def test_what_we_add_is_given_by_keyword(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    official, ours = both
    added = {
        f"{name}({parameter})": kind
        for name, parameters in official.items()
        for parameter, kind, _ in ours.get(name, [])[len(parameters) :]
    }
    assert {} == {name: kind for name, kind in added.items() if kind != "KEYWORD_ONLY"}
