"""The compose file follows the compose schema and shuts the container in."""

import importlib.resources
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from eisync.settings import Upload
from eisync.settings.keys import SECRETS_DIR

FILE = Path(__file__).resolve().parent.parent.parent / "deploy/compose.yaml"


@pytest.fixture
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


@pytest.fixture
def service(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["services"]["eisync"]
    return found


def _schema() -> dict[str, Any]:
    """The compose specification's own schema, which check-jsonschema carries."""
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    loaded: dict[str, Any] = json.loads(vendored.read_text())
    return loaded


def test_it_follows_the_compose_schema(document: dict[str, Any]) -> None:
    jsonschema.validate(document, _schema())


def test_a_misspelt_option_would_be_noticed(document: dict[str, Any]) -> None:
    document["services"]["eisync"]["read_olny"] = True
    with pytest.raises(jsonschema.ValidationError, match="read_olny"):
        jsonschema.validate(document, _schema())


def test_the_key_is_a_secret_of_the_name_that_is_looked_for(document: dict[str, Any], service: dict[str, Any]) -> None:
    assert (service["secrets"], SECRETS_DIR) == (["ei_api_key"], "/run/secrets")
    assert document["secrets"] == {"ei_api_key": {"file": "./ei_api_key"}}
    assert "EI_API_KEY" not in service["environment"]


def test_the_container_may_do_nothing_but_its_work(service: dict[str, Any]) -> None:
    options = ("user", "read_only", "cap_drop", "security_opt")
    assert [service[option] for option in options] == ["10001:10001", True, ["ALL"], ["no-new-privileges:true"]]
    assert "privileged" not in service
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]


def test_recordings_are_read_only_and_the_state_is_a_volume(document: dict[str, Any], service: dict[str, Any]) -> None:
    recordings, state = service["volumes"]
    assert (recordings["type"], recordings["target"], recordings["read_only"]) == ("bind", "/recordings", True)
    assert (state["type"], state["target"]) == ("volume", "/state")
    assert state["source"] in document["volumes"]
    assert service["command"] == ["run", "/recordings"]


def test_it_is_checked_and_stopped_in_time(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"] == ["CMD", "eisync", "healthcheck"]
    assert float(service["stop_grace_period"].removesuffix("s")) > Upload().drain_timeout_s
