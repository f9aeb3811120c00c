from typing import Any

import pytest
import requests

from eisync.emulator.server import RunningEmulator

from .wire import TIMEOUT_S, Client, csv, sha256


def call(emulator: RunningEmulator, method: str, path: str, **options: Any) -> requests.Response:
    url = emulator.studio_url.removesuffix("/v1") + path
    return requests.request(method, url, timeout=TIMEOUT_S, **options)


def test_the_ledger_accounts_for_everything(client: Client) -> None:
    files = [("a.csv", csv(1)), ("b.csv", csv(2)), ("bad.exe", b"x")]
    headers = {"x-disallow-duplicates": "1"}
    client.upload(files, headers=headers)
    client.upload(files, headers=headers)
    client.upload([("a.csv", csv(1))])
    client.post_form([("a.csv", csv(1))], "nowhere")
    client.studio("DELETE", "/raw-data/1")
    client.studio("DELETE", "/raw-data/999")
    assert client.emulator.ledger() == {
        "success": True,
        "requests": 4,
        "files": 7,
        "bytes": 3 * len(csv(1)) + 2 * len(csv(2)) + 2,
        "files_refused": 4,
        "truncated": 0,
        "errors": 1,
        "studio_requests": 2,
        "studio_errors": 1,
        "faults": {},
        "commits": 2,
        "duplicates_refused": 2,
        "stored_by_hash": {sha256(csv(1)): 2, sha256(csv(2)): 1},
        "stored": 2,
    }


def test_the_ledger_of_one_project_holds_its_samples_alone(emulator: RunningEmulator, client: Client) -> None:
    client.store(("a.csv", csv(1)))
    other = emulator.add_project()
    mine = call(emulator, "GET", f"/emulator/ledger?project={emulator.project_id}").json()
    theirs = call(emulator, "GET", f"/emulator/ledger?project={other['id']}").json()
    assert (mine["stored"], theirs["stored"], theirs["stored_by_hash"]) == (1, 0, {})
    assert call(emulator, "GET", "/emulator/ledger?project=x").status_code == 400


def test_a_project_is_made_with_the_keys_asked_for(emulator: RunningEmulator) -> None:
    keys = [{"key": "ei_one", "role": "readonly"}, {}]
    project = emulator.add_project(name="Mine", hmacKey="h", keys=keys)
    assert (project["name"], project["hmacKey"]) == ("Mine", "h")
    assert project["keys"][0] == {"key": "ei_one", "role": "readonly"}
    assert project["keys"][1]["key"].startswith("ei_")
    listed = call(emulator, "GET", "/emulator/projects").json()["projects"]
    assert [one["id"] for one in listed] == [emulator.project_id, project["id"]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"name": 5}',
        b'{"hmacKey": ""}',
        b'{"keys": []}',
        b'{"keys": [5]}',
        b'{"keys": [{"role": "king"}]}',
        b'{"keys": [{"key": ""}]}',
        b'{"keys": [{"key": "\\n"}]}',
        b'{"keys": [{"key": "a"}, {"key": "a"}]}',
        b'{"keys": [{"key": "ei_first"}]}',
    ],
)
def test_a_project_that_makes_no_sense_is_not_made(emulator: RunningEmulator, body: bytes) -> None:
    first = emulator.key.encode()
    response = call(emulator, "POST", "/emulator/projects", data=body.replace(b"ei_first", first))
    assert (response.status_code, response.json()["success"]) == (400, False)
    assert len(call(emulator, "GET", "/emulator/projects").json()["projects"]) == 1


def test_faults_are_set_shown_and_cleared(emulator: RunningEmulator) -> None:
    rules = [{"where": "studio", "kind": "status", "path": "/count"}]
    shown = call(emulator, "POST", "/emulator/faults", json=rules).json()["rules"]
    assert shown == call(emulator, "GET", "/emulator/faults").json()["rules"]
    assert (shown[0]["kind"], shown[0]["applied"]) == ("status", 0)
    assert call(emulator, "POST", "/emulator/faults", json=[{"kind": "x"}]).status_code == 400
    assert call(emulator, "GET", "/emulator/faults").json()["rules"] == shown
    assert call(emulator, "DELETE", "/emulator/faults").json() == {"success": True, "rules": []}
