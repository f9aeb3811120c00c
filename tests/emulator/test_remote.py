"""Devices of our own over real WebSockets: hello, asked for a sample, and all that goes wrong on the way."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cbor2
import pytest
import requests

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

from .device import Device, connected_device, hello
from .wire import TIMEOUT_S, Client

ID = "0a:00:00:00:00:01"
WANTED = {"label": "wave", "lengthMs": 100, "category": "training", "intervalMs": 16.5, "sensor": "Accelerometer"}


def start_sampling(client: Client, device_id: str = ID, **changed: object) -> dict[str, Any]:
    return client.studio("POST", f"/device/{device_id}/start-sampling", {**WANTED, **changed})


def job(client: Client, job_id: int) -> dict[str, Any]:
    shown: dict[str, Any] = client.studio("GET", f"/jobs/{job_id}/status")["job"]
    return shown


def device(client: Client, device_id: str = ID) -> dict[str, Any]:
    shown: dict[str, Any] = client.studio("GET", f"/device/{device_id}")["device"]
    return shown


def exchange(emulator: RunningEmulator) -> dict[str, Any]:
    url = emulator.studio_url.removesuffix("/v1") + "/emulator/devices"
    content: dict[str, Any] = requests.get(url, timeout=TIMEOUT_S).json()
    return content


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def outcome(client: Client, job_id: int) -> tuple[bool, str]:
    """Whether the sample succeeded, and the last word about it."""
    eventually(lambda: "finished" in job(client, job_id))
    ended = job(client, job_id)
    return ended["finishedSuccessful"], ended["additionalInfo"]


@pytest.mark.parametrize("is_cbor", [False, True])
def test_a_device_is_asked_for_a_sample_and_uploads_it(
    emulator: RunningEmulator, client: Client, is_cbor: bool
) -> None:
    with connected_device(emulator, is_cbor=is_cbor) as board:
        job_id = start_sampling(client)["id"]
        asked = board.receive()
        assert asked == {
            "sample": {
                "label": "wave",
                "length": 100,
                "path": "/api/training/data",
                "hmacKey": emulator.hmac_key,
                "interval": 16.5,
                "sensor": "Accelerometer",
            }
        }
        board.notify("sample", "sampleStarted")
        board.send({"sampleReading": True, "progressPercentage": 50})
        board.notify("sampleProcessing", "sampleUploading")
        eventually(lambda: job(client, job_id)["additionalInfo"] == "uploading")
        assert "finished" not in job(client, job_id)
        assert board.upload(asked["sample"], ID).status_code == 200
        board.notify("sampleFinished")
        assert outcome(client, job_id) == (True, "finished")
    (sample,) = client.listed()
    assert {name: sample[name] for name in ("deviceName", "label", "category", "intervalMs", "signatureValidate")} == {
        "deviceName": ID,
        "label": "wave",
        "category": "training",
        "intervalMs": 16.5,
        "signatureValidate": True,
    }


@pytest.mark.parametrize("is_cbor", [False, True])
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"apiKey": "ei_wrong"}, "Invalid API key"),
        ({"version": 9}, "Unknown version 9: expected one of 1, 2, 3, 4"),
        ({"deviceId": None}, "deviceId should be a text of 1 to 200 characters"),
    ],
)
def test_a_hello_that_is_not_accepted_is_answered_and_may_be_repeated(
    emulator: RunningEmulator, client: Client, is_cbor: bool, changed: dict[str, Any], error: str
) -> None:
    board = Device(emulator, is_cbor=is_cbor)
    try:
        answer = board.greet(**changed)
        assert (answer["hello"], answer["err"]) == (False, error)
        assert client.studio("GET", "/devices")["devices"] == []
        (refused,) = exchange(emulator)["refused"]
        assert (refused["deviceId"], refused["error"]) == (None if "deviceId" in changed else ID, error)
        assert board.greet()["hello"] is True
        assert device(client)["remoteMgmtMode"] == "ingestion"
    finally:
        board.close()


def test_a_key_that_may_not_upload_opens_no_session(emulator: RunningEmulator) -> None:
    keys = emulator.add_project(keys=[{"role": "readonly"}, {"role": "ingestion_deployment"}])["keys"]
    board = Device(emulator)
    try:
        assert [board.greet(apiKey=one["key"])["hello"] for one in keys] == [False, True]
    finally:
        board.close()
    lenient = EmulatorSettings(studio_port=0, ingestion_port=0, refuse_by_role=False)
    with running_emulator(lenient) as other:
        key = other.add_project(keys=[{"role": "readonly"}])["keys"][0]["key"]
        with connected_device(other, apiKey=key) as board:
            assert board.greet(apiKey=key)["hello"] is True


@pytest.mark.parametrize("frame", ["hello?", b"\xff\xff", cbor2.dumps([1, 2]), '{"sampleStarted":true}'])
def test_a_first_message_that_is_no_hello_is_turned_away(emulator: RunningEmulator, frame: str | bytes) -> None:
    is_cbor = isinstance(frame, bytes)
    board = Device(emulator, is_cbor=is_cbor)
    try:
        board.send_frame(frame)
        answer = board.receive()
        assert (answer["hello"], answer["err"]) == (False, "The first message should be a hello")
    finally:
        board.close()


def test_a_message_that_cannot_be_read_ends_no_session(emulator: RunningEmulator, client: Client) -> None:
    with connected_device(emulator) as board:
        for frame in ("{", b"\xff\xff", '{"unheardOf":1}', '{"snapshotFrame":"' + "x" * 5000 + '"}'):
            board.send_frame(frame)
        assert start_sampling(client)["success"]
        assert "sample" in board.receive()
        (shown,) = exchange(emulator)["connected"]
    said = [(one["from"], one["message"]) for one in shown["messages"]]
    assert said[2:5] == [
        ("device", "(neither JSON nor CBOR)"),
        ("device", "(neither JSON nor CBOR)"),
        ("device", {"unheardOf": 1}),
    ]
    assert said[5][1]["snapshotFrame"].endswith("… (5000 characters)")
    assert emulator.key not in str(shown)
    assert emulator.hmac_key not in str(shown)


@pytest.mark.parametrize(
    "frame",
    [
        '{"a":' * 300 + "1" + "}" * 300,
        cbor2.dumps({"a": float("nan"), "b": 2**5000, "c": b"\0" * 1000, "d": cbor2.CBORTag(7, [1])}),
        json.dumps({str(number): number for number in range(20_000)}),
        bytes.fromhex("a16161d81c81d81d00"),  # a list that holds itself
    ],
    ids=["deep", "wide values", "many fields", "a circle"],
)
def test_whatever_a_device_sends_can_be_shown(emulator: RunningEmulator, frame: str | bytes) -> None:
    with connected_device(emulator) as board:
        board.send_frame(frame)
        eventually(lambda: len(exchange(emulator)["connected"][0]["messages"]) == 3)


def test_a_message_of_more_than_4_mib_ends_the_session(emulator: RunningEmulator, client: Client) -> None:
    with connected_device(emulator) as board:
        with suppress(ConnectionError):  # the rest of it is not read
            board.send_frame("x" * (4 * 1024 * 1024 + 1))
        eventually(lambda: device(client)["remoteMgmtMode"] == "disconnected")


def test_the_last_message_of_a_device_is_remembered(emulator: RunningEmulator, client: Client) -> None:
    with connected_device(emulator) as board:
        time.sleep(0.01)
        board.notify("sampleProcessing")
        eventually(lambda: device(client)["lastSeen"] > device(client)["created"])
        last_seen = device(client)["lastSeen"]
    eventually(lambda: device(client)["remoteMgmtMode"] == "disconnected")
    assert device(client)["lastSeen"] == last_seen


def test_a_device_that_refuses_or_fails_says_why(emulator: RunningEmulator, client: Client) -> None:
    with connected_device(emulator) as board:
        for said, expected in (
            ([{"sample": False, "error": "no such sensor"}], "no such sensor"),
            ([{"sample": True}, {"sampleStarted": True}, {"sample": False, "err": "too hot"}], "too hot"),
            (
                [{"sample": True}, {"sampleStarted": True}, {"sampleFinished": True}],
                "The device did not send sampleUploading, which the protocol requires",
            ),
        ):
            job_id = start_sampling(client)["id"]
            board.receive()
            for message in said:
                board.send(message)
            assert outcome(client, job_id) == (False, expected)


def test_a_device_that_vanishes_mid_sample_fails_it(emulator: RunningEmulator, client: Client) -> None:
    with connected_device(emulator) as board:
        job_id = start_sampling(client)["id"]
        board.receive()
        board.notify("sample", "sampleStarted")
        board.vanish()
        assert outcome(client, job_id) == (False, "The device disconnected before the sample was finished")
        eventually(lambda: device(client)["remoteMgmtMode"] == "disconnected")
    answer = start_sampling(client)
    assert answer == {"success": False, "error": f"Device {ID} is not connected to remote management"}
    with connected_device(emulator) as board:
        assert start_sampling(client)["success"]
        assert "sample" in board.receive()


def test_a_device_whose_line_is_dead_is_found_by_its_silence() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, heartbeat_s=0.05)
    with running_emulator(settings) as emulator, connected_device(emulator):
        client = Client(emulator)
        with client.session:
            # Its event loop does not run: no ping is answered.
            eventually(lambda: device(client)["remoteMgmtMode"] == "disconnected")


def test_a_device_that_is_silent_for_too_long_fails_its_sample() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, sampling_silence_s=1)
    with running_emulator(settings) as emulator, connected_device(emulator) as board:
        client = Client(emulator)
        with client.session:
            job_id = start_sampling(client, lengthMs=200)["id"]
            board.receive()
            board.notify("sample", "sampleStarted")
            assert outcome(client, job_id) == (False, "The device sent nothing for 1.2 s")
            board.notify("sampleUploading", "sampleFinished")  # too late
            assert start_sampling(client)["success"]
            assert "sample" in board.receive()


def test_a_device_has_one_sample_at_a_time_unless_a_switch_says_otherwise(
    emulator: RunningEmulator, client: Client
) -> None:
    with connected_device(emulator) as board:
        assert start_sampling(client)["success"]
        assert start_sampling(client)["error"] == f"Device {ID} is busy with another sample"
        board.receive()
        board.notify("sampleStarted", "sampleUploading", "sampleFinished")
        eventually(lambda: "id" in start_sampling(client))
    lenient = EmulatorSettings(studio_port=0, ingestion_port=0, refuse_busy_device=False)
    with running_emulator(lenient) as other, connected_device(other) as board:
        patient = Client(other)
        with patient.session:
            first, second = (start_sampling(patient, label=label)["id"] for label in ("one", "two"))
            assert [board.receive()["sample"]["label"] for _ in range(2)] == ["one", "two"]
            assert outcome(patient, first) == (False, "Another sample was requested")
            assert job(patient, second)["additionalInfo"] == "asked"


def test_two_devices_are_asked_apart(emulator: RunningEmulator, client: Client) -> None:
    with (
        connected_device(emulator, deviceId="left") as left,
        connected_device(emulator, is_cbor=True, deviceId="right", sensors=[]) as right,
    ):
        jobs = [start_sampling(client, name, label=name)["id"] for name in ("left", "right")]
        asked = {name: board.receive()["sample"] for name, board in (("left", left), ("right", right))}
        assert {name: one["label"] for name, one in asked.items()} == {"left": "left", "right": "right"}
        for board in (left, right):
            board.notify("sample", "sampleStarted", "sampleUploading")
        assert left.upload(asked["left"], "left").status_code == 200
        left.notify("sampleFinished")
        assert outcome(client, jobs[0]) == (True, "finished")
        right.send({"sample": False, "error": "tired"})
        assert outcome(client, jobs[1]) == (False, "tired")
    assert [one["deviceName"] for one in client.listed()] == ["left"]


def test_the_newest_connection_of_a_device_stays(emulator: RunningEmulator, client: Client) -> None:
    with connected_device(emulator) as old:
        job_id = start_sampling(client)["id"]
        old.receive()
        with connected_device(emulator) as new:
            assert old.wait_for_close() == 1001
            assert outcome(client, job_id)[0] is False
            assert start_sampling(client)["success"]
            assert "sample" in new.receive()
            assert len(client.studio("GET", "/devices")["devices"]) == 1


def test_a_session_may_say_hello_again_as_another_device(emulator: RunningEmulator, client: Client) -> None:
    """The official forwarder does so when its board was plugged in again."""
    with connected_device(emulator) as board:
        assert board.greet()["hello"] is True
        assert board.greet(deviceId="other")["hello"] is True
        modes = {one["deviceId"]: one["remoteMgmtMode"] for one in client.studio("GET", "/devices")["devices"]}
    assert modes == {ID: "disconnected", "other": "ingestion"}


def test_devices_of_one_id_in_two_projects_do_not_disturb_each_other(emulator: RunningEmulator, client: Client) -> None:
    other = emulator.add_project(keys=[{"key": "ei_other"}])
    with connected_device(emulator) as mine, connected_device(emulator, apiKey="ei_other") as theirs:
        assert start_sampling(client)["success"]
        assert mine.receive()["sample"]["hmacKey"] == emulator.hmac_key
        body = {**WANTED, "label": "theirs"}
        url = f"{emulator.studio_url}/api/{other['id']}/device/{ID}/start-sampling"
        assert requests.post(url, json=body, headers={"x-api-key": "ei_other"}, timeout=TIMEOUT_S).json()["success"]
        assert theirs.receive()["sample"]["hmacKey"] == other["hmacKey"]


def test_a_switch_lets_an_incomplete_hello_in() -> None:
    settings = EmulatorSettings(
        studio_port=0, ingestion_port=0, refuse_incomplete_hello=False, refuse_unknown_hello_version=False
    )
    with running_emulator(settings) as emulator:
        for changed in ({"version": 7}, {"deviceType": None, "sensors": None, "connection": None}):
            with connected_device(emulator, **changed) as board:
                assert board.greet(**changed)["hello"] is True


def test_the_end_of_the_emulator_does_not_wait_for_devices() -> None:
    with running_emulator() as emulator:
        boards = [Device(emulator) for _ in range(20)]
        for number, board in enumerate(boards[:15]):  # the rest never say hello
            board.greet(deviceId=str(number))
        started_at = time.monotonic()
    assert time.monotonic() - started_at < TIMEOUT_S / 2  # it takes half a second; joining a stuck thread would take 30
    assert [board.wait_for_close() for board in boards] == [1001] * 20
    for board in boards:
        board.close()


def test_a_socket_without_a_hello_is_closed_in_time() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, idle_timeout_s=0.2)
    with running_emulator(settings) as emulator:
        board = Device(emulator)
        assert board.wait_for_close() == 1000
        board.close()


def test_what_is_no_websocket_is_a_400_and_a_page_of_another_site_a_403(emulator: RunningEmulator) -> None:
    url = emulator.remote_url.replace("ws://", "http://")
    assert requests.get(url, timeout=TIMEOUT_S).status_code == 400
    assert requests.get(f"{url}/nothing", timeout=TIMEOUT_S).status_code == 404
    assert requests.get(url, headers={"Origin": "http://evil.example"}, timeout=TIMEOUT_S).status_code == 403


def test_it_can_be_off() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, remote_management=False)
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            assert emulator.remote_url == ""
            assert client.studio("GET", "/devices")["devices"] == []


def test_a_key_in_the_log_of_the_turned_away_is_hidden(emulator: RunningEmulator) -> None:
    board = Device(emulator)
    try:
        board.send({"hello": {**hello("ei_secret"), "deviceId": {"apiKey": "ei_secret"}}})
        assert board.receive()["hello"] is False
        assert "ei_secret" not in str(exchange(emulator))
    finally:
        board.close()
