"""The compose files follow the compose schema and shut the containers in."""

import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from eisync.settings import Upload
from eisync.settings.keys import SECRETS_DIR

FOLDER = Path(__file__).resolve().parent.parent.parent / "deploy"
FILE, QUICKSTART = FOLDER / "compose.yaml", FOLDER / "compose.quickstart.yaml"


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


@pytest.mark.parametrize("file", [FILE, QUICKSTART], ids=lambda file: file.name)
def test_it_follows_the_compose_schema(file: Path) -> None:
    jsonschema_rs.validate(_schema(), yaml.safe_load(file.read_text()))


def test_a_misspelt_option_would_be_noticed(document: dict[str, Any]) -> None:
    document["services"]["eisync"]["read_olny"] = True
    with pytest.raises(jsonschema_rs.ValidationError, match="read_olny"):
        jsonschema_rs.validate(_schema(), document)


def test_the_key_is_a_secret_of_the_name_that_is_looked_for(document: dict[str, Any], service: dict[str, Any]) -> None:
    assert (service["secrets"], SECRETS_DIR) == (["ei_api_key"], "/run/secrets")
    assert document["secrets"] == {"ei_api_key": {"file": "${EISYNC_KEY_FILE:-./ei_api_key}"}}
    assert "EI_API_KEY" not in service["environment"]


def test_the_container_may_do_nothing_but_its_work(service: dict[str, Any]) -> None:
    options = ("user", "read_only", "cap_drop", "security_opt")
    user = "${EISYNC_USER:-10001:10001}"
    assert [service[option] for option in options] == [user, True, ["ALL"], ["no-new-privileges:true"]]
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


def test_the_quickstart_is_as_confined_and_reached_from_this_machine_only() -> None:
    services = yaml.safe_load(QUICKSTART.read_text())["services"]
    for service in services.values():
        options = ("read_only", "cap_drop", "security_opt")
        assert [service[option] for option in options] == [True, ["ALL"], ["no-new-privileges:true"]]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("file", [FILE, QUICKSTART], ids=lambda file: file.name)
def test_its_images_are_targets_of_the_dockerfile(file: Path) -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)", (FOLDER.parent / "Dockerfile").read_text(), flags=re.MULTILINE)
    for service in yaml.safe_load(file.read_text())["services"].values():
        target = service["build"]["target"]
        assert (FOLDER / service["build"]["context"]).resolve() == FOLDER.parent
        assert target in stages
        assert service["image"] == ("eisync" if target == "eisync" else f"eisync:{target}")
