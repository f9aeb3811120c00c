import ast
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests

import eisync.emulator
from eisync.emulator.server import EmulatorError, RunningEmulator, running_emulator, serve
from eisync.emulator.settings import EmulatorSettings

from .wire import TIMEOUT_S, Client, connect, csv, form, raw_upload, sha256


@contextmanager
def subprocess_emulator(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "eisync.emulator", "--studio-port", "0", "--ingestion-port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            yield process, json.loads(line)
        finally:
            process.kill()
            process.wait(TIMEOUT_S)


def upload(ready: dict[str, Any], number: int) -> requests.Response:
    return requests.post(
        f"{ready['ingestion_url']}/api/training/files",
        data=form([(f"{number}.csv", csv(number)), (f"{number}-2.csv", csv(number + 100_000))]),
        headers={"x-api-key": ready["key"], "Content-Type": "multipart/form-data; boundary=frontier"},
        timeout=TIMEOUT_S,
    )


def ledger(ready: dict[str, Any]) -> dict[str, Any]:
    url = ready["studio_url"].removesuffix("/v1") + "/emulator/ledger"
    content: dict[str, Any] = requests.get(url, timeout=TIMEOUT_S).json()
    return content


def test_the_emulator_shares_nothing_with_the_client() -> None:
    folder = os.path.dirname(eisync.emulator.__file__)
    foreign = set()
    for name in os.listdir(folder):
        if name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                tree = ast.parse(file.read())
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom):
                    foreign.add(node.module or ".")
                elif isinstance(node, ast.Import):
                    foreign.update(alias.name for alias in node.names)
    ours = {name for name in foreign if name.split(".")[0] in ("eisync", "")}
    assert {name for name in ours if not name.startswith("eisync.emulator")} == set()
    others = {name.split(".")[0] for name in foreign - ours} - set(sys.stdlib_module_names)
    assert others == {"aiohttp", "multipart", "cbor2"}


def test_every_stored_sample_survives_a_sigkill_and_nothing_is_half_there(tmp_path: Any) -> None:
    data = str(tmp_path / "data")
    acknowledged: list[int] = []
    sent: list[int] = []
    with subprocess_emulator("--data", data, "--key", "ei_kept") as (process, ready):
        enough = threading.Event()

        def keep_uploading() -> None:
            for number in range(100_000):
                sent.append(number)
                try:
                    if upload(ready, number).status_code != 200:
                        return
                except requests.RequestException:
                    return
                acknowledged.append(number)
                if number == 25:
                    enough.set()

        uploader = threading.Thread(target=keep_uploading)
        uploader.start()
        assert enough.wait(TIMEOUT_S)
        process.send_signal(signal.SIGKILL)
        process.wait(TIMEOUT_S)
        uploader.join(TIMEOUT_S)
    with subprocess_emulator("--data", data) as (_, ready):
        assert ready["key"] == "ei_kept"
        stored = ledger(ready)["stored_by_hash"]
        possible = {sha256(csv(number + more)) for number in sent for more in (0, 100_000)}
        assert {sha256(csv(number + more)) for number in acknowledged for more in (0, 100_000)} <= stored.keys()
        assert stored.keys() <= possible
        assert len(stored) % 2 == 0  # a request of two files is stored whole or not at all
        headers = {"x-api-key": "ei_kept"}
        url = f"{ready['studio_url']}/api/{ready['project_id']}/raw-data"
        samples = requests.get(url, params={"category": "all"}, headers=headers, timeout=TIMEOUT_S).json()["samples"]
        assert {one["sha256Hash"] for one in samples} == stored.keys()
        for one in samples:
            raw = requests.get(f"{url}/{one['id']}/raw", headers=headers, timeout=TIMEOUT_S).content
            assert sha256(raw) == one["sha256Hash"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_peace(number: signal.Signals) -> None:
    with subprocess_emulator() as (process, ready):
        assert upload(ready, 1).status_code == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, errors) == (0, "")


def test_garbage_and_faults_leave_no_traceback_behind() -> None:
    with subprocess_emulator() as (process, ready):
        for raw in (b"\0" * 100, b"GET /" + b"a" * 100_000, raw_upload(ready["key"], b"x", content_length=500)):
            with connect(ready["ingestion_url"]) as connection:
                connection.sendall(raw)
        kinds = ("reset_before", "reset_during", "reset_after", "withhold", "truncate", "malformed")
        rules = [{"where": "ingestion", "kind": kind, "times": 1} for kind in kinds]
        url = ready["studio_url"].removesuffix("/v1") + "/emulator/faults"
        assert requests.post(url, json=rules, timeout=TIMEOUT_S).ok
        for number, _ in enumerate(kinds):
            with suppress(requests.RequestException):
                upload(ready, number)
        assert ledger(ready)["faults"] == dict.fromkeys(kinds, 1)
        process.terminate()
        _, errors = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_one_sentence_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "eisync.emulator", "--studio-port", str(port), "--ingestion-port", "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert f"Port {port} on 127.0.0.1 cannot be used" in done.stderr
        with pytest.raises(SystemExit, match="cannot be used"):
            serve(EmulatorSettings(studio_port=port, ingestion_port=0), announce=print)
        with (
            pytest.raises(EmulatorError, match="cannot be used"),
            running_emulator(EmulatorSettings(studio_port=port, ingestion_port=0)),
        ):
            pass


def test_remote_management_is_off_when_it_is_not_wanted() -> None:
    with subprocess_emulator("--no-remote") as (_, ready):
        assert ready["remote_url"] == ""
    with subprocess_emulator("--remote-port", "0") as (_, ready):
        assert ready["remote_url"].startswith("ws://127.0.0.1:")


def test_another_host_is_one_sentence_too() -> None:
    command = [sys.executable, "-m", "eisync.emulator", "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "other machines" in done.stderr


def test_serving_announces_where_and_with_which_key() -> None:
    code = (
        "from eisync.emulator.server import serve; from eisync.emulator.settings import EmulatorSettings as S;"
        "serve(S(studio_port=0, ingestion_port=0), announce=lambda line: print(line, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
    assert [line.split()[0] for line in lines] == ["Studio:", "Ingestion:", "Devices:", "API", "Data:"]
    assert "ei_" in lines[3]


def test_a_folder_keeps_projects_keys_and_samples(tmp_path: Any) -> None:
    settings = EmulatorSettings(data=str(tmp_path), studio_port=0, ingestion_port=0, hmac_key="h")
    with running_emulator(settings) as emulator:
        first = (emulator.key, emulator.hmac_key, emulator.project_id)
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)))
        other = emulator.add_project(keys=[{"key": "ei_other"}])
    with running_emulator(
        EmulatorSettings(data=str(tmp_path), key="ei_new", studio_port=0, ingestion_port=0)
    ) as emulator:
        assert (emulator.key, emulator.hmac_key, emulator.project_id) == ("ei_new", *first[1:])
        for key, count in ((first[0], 1), ("ei_new", 1)):
            client = Client(emulator, key)
            with client.session:
                assert len(client.listed()) == count
    with (
        pytest.raises(EmulatorError, match="belongs to another project"),
        running_emulator(EmulatorSettings(data=str(tmp_path), key="ei_other", studio_port=0, ingestion_port=0)),
    ):
        pass
    assert other["keys"][0]["key"] == "ei_other"


def test_two_emulators_run_beside_each_other() -> None:
    with running_emulator() as one, running_emulator() as other:
        urls = [(each.studio_url, each.ingestion_url, each.remote_url) for each in (one, other)]
        assert len({url for of_one in urls for url in of_one}) == 6
        assert one.key != other.key


def test_a_request_under_way_does_not_hold_up_the_end(emulator: RunningEmulator) -> None:
    emulator.set_faults({"where": "studio", "kind": "latency", "seconds": 3600})
    address = emulator.studio_url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=TIMEOUT_S) as connection:
        connection.sendall(b"GET /api/projects HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert emulator.ledger()["faults"] == {"latency": 1}
