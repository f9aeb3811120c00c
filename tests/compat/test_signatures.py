"""Every parameter of the official module is ours: name, kind, order and default. More may follow by keyword only."""

from typing import Any

import pytest


@pytest.fixture(scope="module")
def both(official: Any, ours: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    asked = {"what": "signatures", "module": "data"}
    return official.ask(**asked)["returned"], ours.ask(**asked)["returned"]


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


LEFT_OUT = {
    "models": {
        "get_profile_devices",
        "get_project_deploy_targets",
        "inspect_model",
        "inspect_representative_data",
        "is_keras_model",
        "is_onnx_model",
        "is_path_to_tf_saved_model_directory",
        "is_path_to_tf_saved_model_zipped",
        "make_zip_archive",
        "save_model",
        "save_representative_data",
        "upload_pretrained_model_and_data",
    },
    "jobs": {
        "connect_websocket",
        "get_organization_websocket",
        "get_project_websocket",
        "poll",
        "run_job_until_completion",
        "run_organization_job_until_completion",
        "run_project_job_until_completion",
    },
}
"""What of `edgeimpulse.util` is no matter of data."""


@pytest.mark.parametrize(
    ("module", "left_out"), [("util", set().union(*LEFT_OUT.values())), ("experimental.util", set())]
)
def test_a_helper_is_the_same_or_is_left_out(official: Any, ours: Any, module: str, left_out: set[str]) -> None:
    asked = {"what": "signatures", "module": module}
    official_ones, our_ones = official.ask(**asked)["returned"], ours.ask(**asked)["returned"]
    assert left_out == official_ones.keys() - our_ones.keys()
    shared = official_ones.keys() - left_out
    assert {name: official_ones[name] for name in shared} == {name: our_ones[name] for name in shared}
