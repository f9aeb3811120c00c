"""What the official command line tools ask of Studio before a device is connected."""

from typing import Any

import pytest
import requests

from eisync.emulator.server import RunningEmulator

from .device import connected_device
from .wire import TIMEOUT_S, Client


def ask(emulator: RunningEmulator, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{emulator.studio_url}/{path}", headers=headers, timeout=TIMEOUT_S)


def log_in(emulator: RunningEmulator, username: str = "ada") -> str:
    body = {"username": username, "password": "any"}
    token: str = requests.post(f"{emulator.studio_url}/api-login", json=body, timeout=TIMEOUT_S).json()["token"]
    return token


def test_a_wrong_key_is_told_to_be_wrong_whatever_is_asked_with_it(emulator: RunningEmulator) -> None:
    """The tools ask for projects, then for organizations; the second error is what they print."""
    for key, path in (
        ("ei_wrong", "api/projects"),
        ("ei_wrong", "api/organizations"),
        (emulator.key, "api/organizations"),
    ):
        response = ask(emulator, path, **{"x-api-key": key})
        assert (response.status_code, response.json()["error"]) == (401, "Invalid API key")


def test_a_person_without_a_key_gets_one_for_a_device(emulator: RunningEmulator) -> None:
    name = ask(emulator, "api-user-need-to-set-password/ada%40example.org").json()
    assert name == {"success": True, "needPassword": False, "email": "ada@example.org"}
    token = {"x-jwt-token": log_in(emulator, name["email"])}
    user = ask(emulator, "api/user", **token).json()
    assert (user["username"], user["organizations"][0]["isDeveloperProfile"]) == ("ada@example.org", True)
    assert ask(emulator, "api/organizations", **token).json() == {"success": True, "organizations": []}
    (project,) = ask(emulator, "api/projects", **token).json()["projects"]
    wanted = {"name": "CLI", "role": "ingestion_deployment", "isDevelopmentKey": False}
    url = f"{emulator.studio_url}/api/{project['id']}/apikeys"
    key = requests.post(url, json=wanted, headers=token, timeout=TIMEOUT_S).json()["apiKey"]
    assert ask(emulator, f"api/{project['id']}/devkeys/hmac", **token).json()["hmacKey"] == emulator.hmac_key
    with connected_device(emulator, apiKey=key, deviceId="bench"):
        assert ask(emulator, f"api/{project['id']}/device/bench", **token).json()["device"]["remote_mgmt_connected"]


def test_a_key_stands_for_no_person(emulator: RunningEmulator) -> None:
    assert ask(emulator, "api/user", **{"x-api-key": emulator.key}).status_code == 401
    assert ask(emulator, "api/user").status_code == 401


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"role": "king"}, "role should be one of admin, readonly, ingestiononly, ingestion_deployment"),
        ({"apiKey": "mine"}, "apiKey should be ASCII text that starts with ei_"),
        ({"apiKey": "ei_taken"}, "This key exists already."),
        ({}, None),
    ],
)
def test_a_key_of_any_role_is_made(client: Client, changed: dict[str, Any], error: str | None) -> None:
    taken = {"name": "first", "role": "readonly", "apiKey": "ei_taken"}
    assert client.studio("POST", "/apikeys", taken)["apiKey"] == "ei_taken"
    made = client.studio("POST", "/apikeys", {"name": "CLI", "role": "admin", **changed})
    assert (made.get("error"), made["success"]) == (error, error is None)
