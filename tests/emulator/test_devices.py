"""Studio's calls about devices. Those that need a connected one are in `test_remote`."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

from .device import connected_device
from .wire import TIMEOUT_S, Client, acquisition, csv

NEW = {"deviceId": "38:f9:d3:d7:62:03", "deviceType": "BOARD", "ifNotExists": True}


def names(client: Client) -> list[str]:
    return [one["name"] for one in client.studio("GET", "/devices")["devices"]]


def recorded(number: float, device_name: str | None, device_type: str = "TEST") -> bytes:
    payload = {} if device_name is None else {"device_name": device_name}
    return json.dumps(acquisition(number, device_type=device_type, **payload)).encode()


def test_a_device_that_was_created_is_shown_with_all_that_the_api_promises(client: Client) -> None:
    assert client.studio("POST", "/devices/create", NEW) == {"success": True}
    shown = client.studio("GET", f"/device/{NEW['deviceId']}")["device"]
    assert client.studio("GET", "/devices")["devices"] == [shown]
    assert {name: value for name, value in shown.items() if name not in ("created", "lastSeen")} == {
        "id": 1,
        "deviceId": NEW["deviceId"],
        "name": NEW["deviceId"],
        "deviceType": "BOARD",
        "sensors": [],
        "remote_mgmt_connected": False,
        "supportsSnapshotStreaming": False,
        "remoteMgmtMode": "disconnected",
    }
    assert shown["created"] == shown["lastSeen"]


@pytest.mark.parametrize(("if_not_exists", "expected"), [(True, "BOARD"), (False, "OTHER")])
def test_creating_a_device_again_gives_it_another_type_only_if_asked_to(
    client: Client, if_not_exists: bool, expected: str
) -> None:
    client.studio("POST", "/devices/create", NEW)
    client.studio("POST", f"/devices/{NEW['deviceId']}/rename", {"name": "bench"})
    again = {**NEW, "deviceType": "OTHER", "ifNotExists": if_not_exists}
    assert client.studio("POST", "/devices/create", again)["success"]
    (device,) = client.studio("GET", "/devices")["devices"]
    assert (device["deviceType"], device["name"]) == (expected, "bench")


def test_a_renamed_device_keeps_its_name_when_it_says_hello(emulator: RunningEmulator, client: Client) -> None:
    client.studio("POST", "/devices/create", NEW)
    client.studio("POST", f"/devices/{NEW['deviceId']}/rename", {"name": "bench"})
    with connected_device(emulator, deviceId=NEW["deviceId"], deviceType="TEST"):
        (device,) = client.studio("GET", "/devices")["devices"]
    assert (device["name"], device["deviceType"], device["remote_mgmt_connected"]) == ("bench", "TEST", True)
    assert device["sensors"] == [{"name": "Accelerometer", "maxSampleLengthS": 60, "frequencies": [62.5, 100]}]
    assert device["remote_mgmt_host"] == emulator.remote_url.removeprefix("ws://")


def test_a_sample_that_bears_a_device_name_makes_the_device(client: Client) -> None:
    client.store(
        ("a.json", recorded(1, "left")),
        ("b.json", recorded(2, "right", "OTHER")),
        ("c.json", recorded(3, "left")),
        ("d.json", recorded(4, None)),
        ("e.csv", csv(1)),
    )
    devices = client.studio("GET", "/devices")["devices"]
    assert sorted((one["deviceId"], one["deviceType"]) for one in devices) == [("left", "TEST"), ("right", "OTHER")]


def test_a_deleted_device_is_back_with_its_next_sample_or_hello(emulator: RunningEmulator, client: Client) -> None:
    client.store(("a.json", recorded(1, "left")))
    assert client.studio("DELETE", "/device/left")["success"]
    assert names(client) == []
    client.store(("b.json", recorded(2, "left")))
    assert names(client) == ["left"]
    with connected_device(emulator, deviceId="left") as board:
        assert client.studio("DELETE", "/device/left")["success"]
        assert board.wait_for_close() == 1001
        assert names(client) == []
    with connected_device(emulator, deviceId="left"):
        assert names(client) == ["left"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/device/nobody", None),
        ("DELETE", "/device/nobody", None),
        ("POST", "/devices/nobody/rename", {"name": "a"}),
        ("POST", "/device/nobody/start-sampling", {}),
    ],
)
def test_a_device_that_is_not_there_is_not_found(client: Client, method: str, path: str, body: Any) -> None:
    assert client.studio(method, path, body) == {"success": False, "error": "No device found with ID nobody"}


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/devices/create", {}, "deviceId should be a text of 1 to 200 characters"),
        ("/devices/create", {**NEW, "deviceType": ""}, "deviceType should be a text of 1 to 200 characters"),
        ("/devices/create", {**NEW, "ifNotExists": 1}, "ifNotExists should be true or false"),
        ("/devices/left/rename", {"name": 7}, "name should be a text of 1 to 200 characters"),
        ("/device/left/start-sampling", {"category": "all"}, "Unknown category all"),
        ("/device/left/start-sampling", {"lengthMs": "1"}, "lengthMs should be a whole number of 0 to 86400000"),
        ("/device/left/start-sampling", {"lengthMs": 1.5}, "lengthMs should be a whole number of 0 to 86400000"),
        ("/device/left/start-sampling", {"intervalMs": -1}, "intervalMs should be a number of 0 to 86400000"),
        ("/device/left/start-sampling", {"label": None}, "label should be a text of 1 to 200 characters"),
        ("/device/left/start-sampling", {"sensor": ""}, "sensor should be a text of 1 to 200 characters"),
    ],
)
def test_a_call_that_cannot_be_obeyed_says_which_field(client: Client, path: str, body: Any, error: str) -> None:
    client.store(("a.json", recorded(1, "left")))
    wanted = {"label": "l", "lengthMs": 1, "category": "training", "intervalMs": 1}
    sent = {**wanted, **body} if path.endswith("sampling") else body
    assert client.studio("POST", path, sent) == {"success": False, "error": error}


def test_a_request_carries_hints_only_when_they_were_given(emulator: RunningEmulator, client: Client) -> None:
    """Boards of the official firmware refuse a request with a field they do not know."""
    wanted = {"label": "l", "lengthMs": 1, "category": "testing", "intervalMs": 10}
    hints = {"labelColor": "red", "collectedSampleCount": 1, "targetSampleCount": 5}
    with connected_device(emulator, deviceId="left") as board:
        client.studio("POST", "/device/left/start-sampling", wanted)
        asked = board.receive()["sample"]
        board.send({"sample": False})
        assert (asked.keys(), asked["sensor"]) == (
            {"label", "length", "path", "hmacKey", "interval", "sensor"},
            "Accelerometer",  # none was asked for: the first that the device announced
        )
        board.greet(deviceId="left", sensors=[])
        client.studio("POST", "/device/left/start-sampling", wanted | hints)
        asked = board.receive()["sample"]
        assert {name: asked.get(name) for name in hints} == hints
        assert ("sensor" in asked, asked["path"]) == (False, "/api/testing/data")


@pytest.mark.parametrize(
    ("role", "may_read", "may_change"),
    [("admin", True, True), ("readonly", True, False), ("ingestiononly", False, False)],
)
def test_a_role_limits_what_a_key_may_do_with_devices(
    emulator: RunningEmulator, role: str, may_read: bool, may_change: bool
) -> None:
    project = emulator.add_project(keys=[{"role": role}])
    url, headers = f"{emulator.studio_url}/api/{project['id']}", {"x-api-key": project["keys"][0]["key"]}
    assert requests.get(f"{url}/devices", headers=headers, timeout=TIMEOUT_S).ok is may_read
    assert requests.post(f"{url}/devices/create", json=NEW, headers=headers, timeout=TIMEOUT_S).ok is may_change


def test_a_project_has_its_own_devices(emulator: RunningEmulator, client: Client) -> None:
    client.studio("POST", "/devices/create", NEW)
    other = emulator.add_project(keys=[{"key": "ei_other"}])
    url = f"{emulator.studio_url}/api/{other['id']}/devices"
    answer = requests.get(url, headers={"x-api-key": "ei_other"}, timeout=TIMEOUT_S)
    assert answer.json() == {"success": True, "devices": []}


def test_an_id_with_any_character_is_found_again(client: Client) -> None:
    for device_id in ("a b", "ä/ö", "100%", "?#", "💡"):
        client.studio("POST", "/devices/create", {**NEW, "deviceId": device_id})
        path = f"/device/{quote(device_id, safe='')}"
        assert client.studio("GET", path)["device"]["deviceId"] == device_id


def test_a_folder_keeps_devices_and_their_names(tmp_path: Path) -> None:
    settings = EmulatorSettings(data=str(tmp_path), studio_port=0, ingestion_port=0, key="ei_kept")
    with running_emulator(settings) as emulator, connected_device(emulator, deviceId="left"):
        client = Client(emulator)
        with client.session:
            client.studio("POST", "/devices/left/rename", {"name": "bench"})
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            (device,) = client.studio("GET", "/devices")["devices"]
    assert (device["name"], device["remoteMgmtMode"], len(device["sensors"])) == ("bench", "disconnected", 1)


def test_the_page_shows_devices(emulator: RunningEmulator, client: Client) -> None:
    client.studio("POST", "/devices/create", {**NEW, "deviceId": "<script>"})
    with connected_device(emulator, deviceId="left"):
        first = requests.get(emulator.studio_url.removesuffix("v1"), timeout=TIMEOUT_S).text
        url = emulator.studio_url.removesuffix("/v1") + f"/projects/{emulator.project_id}"
        page = re.sub("<(?!/tr>)[^>]*>", " ", requests.get(url, timeout=TIMEOUT_S).text)  # only the ends of rows
    assert emulator.remote_url in first
    assert re.search(r"left\s+TEST\s+connected", page)
    assert re.search(r"&lt;script&gt;\s+BOARD\s+not connected", page)
