"""Dataset versions: windows that appear by themselves, what changed in each, and the way back."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import TIMEOUT_S, Client, csv

BOX = {"label": "x", "x": 1, "y": 2, "width": 3, "height": 4}


def settings(**changes: Any) -> EmulatorSettings:
    return EmulatorSettings(studio_port=0, ingestion_port=0, **changes)


@pytest.fixture
def each() -> Iterator[Client]:
    """Every call that changes something is a version of its own, at once."""
    with running_emulator(settings(dataset_window_ms=0, dataset_commit_ms=0)) as running:
        client = Client(running)
        with client.session:
            yield client


@pytest.fixture
def slow() -> Iterator[Client]:
    """A window ends when it is asked to."""
    with running_emulator(settings(dataset_window_ms=10**12, dataset_commit_ms=0)) as running:
        client = Client(running)
        with client.session:
            yield client


def versions(client: Client, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.studio("GET", "/dataset-versions", **query)["datasetVersions"]
    return found


def changes(client: Client, version: dict[str, Any], *actions: str, **query: object) -> list[dict[str, Any]]:
    wanted = {"category": "all"} | ({"changeActions": list(actions)} if actions else {}) | query
    found: list[dict[str, Any]] = client.studio("GET", f"/dataset-versions/{version['id']}/raw-data-changes", **wanted)[
        "changeDetails"
    ]
    return found


def key_id(client: Client) -> int:
    url = f"{client.emulator.studio_url}/api/projects/api-key-info"
    found: int = client.session.get(url, headers=client.headers(), timeout=TIMEOUT_S).json()["apiKeyId"]
    return found


def log_in(emulator: RunningEmulator, name: str = "ada") -> str:
    url = f"{emulator.studio_url}/api-login"
    body = {"username": name, "password": "any"}
    token: str = requests.post(url, json=body, timeout=TIMEOUT_S).json()["token"]
    return token


def as_person(emulator: RunningEmulator, token: str, path: str, body: object = None) -> dict[str, Any]:
    url = f"{emulator.studio_url}/api/{emulator.project_id}{path}"
    answer: dict[str, Any] = requests.post(url, json=body, headers={"x-jwt-token": token}, timeout=TIMEOUT_S).json()
    return answer


def test_a_project_without_changes_has_no_version(each: Client) -> None:
    answer = each.studio("GET", "/dataset-versions")
    assert answer == {"success": True, "pendingWindows": [], "datasetVersions": [], "totalCount": 0}


def test_every_change_is_in_a_version_with_what_it_was_and_became(each: Client) -> None:
    first, second = each.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    each.studio("POST", f"/raw-data/{first}/edit-label", {"label": "z"})
    each.studio("DELETE", f"/raw-data/{second}")
    deleted, edited, added = versions(each)
    assert [one["versionIndex"] for one in (added, edited, deleted)] == [0, 1, 2]
    assert [one["parentVersionId"] for one in (added, edited, deleted)] == [None, added["id"], edited["id"]]
    assert {one["type"] for one in (added, edited, deleted)} == {"auto_save"}
    assert added["summary"] == {"rawEventCountInWindow": 2, "sampleChangesCount": 2, "actionCounts": {"insert": 2}}
    assert edited["summary"] == {"rawEventCountInWindow": 1, "sampleChangesCount": 1, "actionCounts": {"update": 1}}
    assert deleted["summary"] == {"rawEventCountInWindow": 1, "sampleChangesCount": 1, "actionCounts": {"delete": 1}}
    assert [one["change"] for one in changes(each, added, "insert")] == [
        {"actions": ["insert"], "sampleId": second},
        {"actions": ["insert"], "sampleId": first},
    ]
    (update,) = changes(each, edited, "update", "delete")
    assert update["change"] == {
        "actions": ["update"],
        "sampleId": first,
        "oldValues": {"label": "a"},
        "newValues": {"label": "z"},
    }
    assert update["sample"] == each.sample(first)["sample"]
    (delete,) = changes(each, deleted, "update", "delete")
    assert (delete["change"], delete["sample"]["label"]) == ({"actions": ["delete"], "sampleId": second}, "b")


@pytest.mark.parametrize(
    ("action", "body", "old", "new"),
    [
        ("rename", {"name": "n"}, {"filename": "a"}, {"filename": "n"}),
        ("move", {"newCategory": "testing"}, {"category": "training"}, {"category": "testing"}),
        ("metadata", {"metadata": {"k": "v"}}, {"metadata": None}, {"metadata": {"k": "v"}}),
        ("bounding-boxes", {"boundingBoxes": [BOX]}, {"boundingBoxes": []}, {"boundingBoxes": [BOX]}),
        (
            "structured-labels",
            {"structuredLabels": [{"startIndex": 0, "endIndex": 1, "label": "u"}]},
            {"structuredLabels": None},
            {"structuredLabels": [{"startIndex": 0, "endIndex": 1, "label": "u"}]},
        ),
        ("disable", None, {"isDisabled": False}, {"isDisabled": True}),
    ],
)
def test_old_and_new_values_are_named_as_the_fields_of_a_sample(
    each: Client, action: str, body: object, old: dict[str, Any], new: dict[str, Any]
) -> None:
    (sample_id,) = each.store(("a.csv", csv(1)))
    each.studio("POST", f"/raw-data/{sample_id}/{action}", body)
    (change,) = changes(each, versions(each)[0], "update")
    assert (change["change"]["oldValues"], change["change"]["newValues"]) == (old, new)


def test_a_window_merges_what_happened_to_a_sample(slow: Client) -> None:
    kept, gone, later = slow.store(("a.csv", csv(1)), ("b.csv", csv(2)), ("c.csv", csv(3)))
    for label in ("y", "z"):
        slow.studio("POST", f"/raw-data/{kept}/edit-label", {"label": label})
    slow.studio("DELETE", f"/raw-data/{gone}")
    pending = slow.studio("GET", "/dataset-versions")
    assert pending["datasetVersions"] == []
    (window,) = pending["pendingWindows"]
    assert (window.keys(), window["windowEnd"]) == ({"windowId", "windowStart", "windowEnd"}, None)
    made = slow.studio("POST", "/dataset-versions/create")["window"]
    assert (made["windowId"], made["opened"]) == (window["windowId"], window["windowStart"])
    (version,) = versions(slow)
    assert (version["type"], version["windowStart"], version["windowEnd"]) == ("manual", made["opened"], made["closed"])
    assert version["summary"] == {
        "rawEventCountInWindow": 6,
        "sampleChangesCount": 3,
        "actionCounts": {"insert": 3, "update": 1, "delete": 1},
    }
    found = {one["change"]["sampleId"]: one["change"] for one in changes(slow, version, "insert", "update", "delete")}
    assert found[kept]["actions"] == ["insert", "update"]
    assert (found[kept]["oldValues"], found[kept]["newValues"]) == ({"label": "a"}, {"label": "z"})
    assert found[gone] == {"actions": ["insert", "delete"], "sampleId": gone}
    assert found[later] == {"actions": ["insert"], "sampleId": later}
    assert [one["change"]["sampleId"] for one in changes(slow, version, "delete")] == [gone]


def test_a_version_lists_the_samples_as_they_were(each: Client) -> None:
    first, second = each.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    before = each.listed()
    (added,) = versions(each)
    each.studio("POST", f"/raw-data/{first}/edit-label", {"label": "y"})
    each.studio("POST", f"/raw-data/{first}/edit-label", {"label": "z"})
    each.studio("POST", f"/raw-data/{second}/move", {"newCategory": "testing"})
    each.studio("DELETE", f"/raw-data/{second}")
    each.store(("c.csv", csv(3)))
    assert [one["sample"] for one in changes(each, added)] == before
    assert [one["sample"]["id"] for one in changes(each, added, labels=["a"])] == [first]
    assert [one["sample"]["id"] for one in changes(each, added, limit=1, offset=1)] == [first]
    assert each.listed(datasetVersionId=added["id"]) == before
    assert (
        each.studio("GET", "/raw-data/count", category="all", datasetVersionId=added["id"], labels=["a"])["count"] == 1
    )
    for wrong in ("99", "x"):
        assert each.studio("GET", "/raw-data", category="all", datasetVersionId=wrong) == {
            "success": False,
            "error": f"No dataset version found with ID {wrong}",
        }
    newest = versions(each)[0]
    assert [one["sample"] for one in changes(each, newest)] == each.listed()
    assert [one.get("change") for one in changes(each, newest)][1:] == [None]


def test_a_restore_brings_back_what_was_there_and_is_a_version_itself(each: Client) -> None:
    first, second = each.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    before = {one["id"]: one for one in each.listed()}
    (added,) = versions(each)
    each.studio("POST", f"/raw-data/{first}/edit-label", {"label": "z"})
    each.studio("DELETE", f"/raw-data/{second}")
    each.store(("c.csv", csv(3)), category="testing")
    assert each.studio("POST", f"/dataset-versions/{added['id']}/restore") == {"success": True}
    after = {one["id"]: one for one in each.listed()}
    changed = {"lastModified", "lastUpdatedBy"}
    assert {one: {name: before[one][name] for name in before[one].keys() - changed} for one in before} == {
        one: {name: after[one][name] for name in after[one].keys() - changed} for one in after
    }
    assert each.send("GET", f"/raw-data/{second}/raw").content == csv(2)
    by = after[first]["lastUpdatedBy"]
    assert (by["type"], by["datasetVersionId"], by["actor"]) == (
        "datasetVersionRestore",
        added["id"],
        {"type": "projectApiKey", "id": key_id(each)},
    )
    restored = versions(each)[0]
    assert (restored["type"], restored["restoredFromDatasetVersionId"]) == ("restore", added["id"])
    assert restored["summary"]["actionCounts"] == {"insert": 1, "update": 1, "delete": 1}
    assert each.studio("GET", "/raw-data/count", category="all")["count"] == 2
    ledger = each.emulator.ledger()
    assert (ledger["stored"], sorted(ledger["stored_by_hash"].values())) == (2, [1, 1, 1])
    # And back again: the restore is undone like anything else.
    assert each.studio("POST", f"/dataset-versions/{versions(each)[1]['id']}/restore") == {"success": True}
    assert [(one["label"], one["category"]) for one in each.listed()] == [("c", "testing"), ("z", "training")]


def test_versions_tell_who_changed_something(each: Client) -> None:
    (sample_id,) = each.store(("a.csv", csv(1)))
    mine = {"type": "projectApiKey", "id": key_id(each)}
    assert each.listed()[0]["lastUpdatedBy"] == each.sample(sample_id)["sample"]["lastUpdatedBy"] == mine
    token = log_in(each.emulator)
    assert as_person(each.emulator, token, f"/raw-data/{sample_id}/edit-label", {"label": "z"}) == {"success": True}
    by = each.listed()[0]["lastUpdatedBy"]
    assert by["type"] == "user"
    edited, added = versions(each)
    assert edited["actors"] == [{"type": "user", "id": by["id"], "name": "ada", "username": "ada"}]
    assert [(one["type"], one["name"]) for one in added["actors"]] == [("projectApiKey", f"API key {mine['id']}")]
    assert (
        changes(each, edited, "update")[0]["sample"]["lastUpdatedBy"],
        each.sample(sample_id)["sample"]["label"],
    ) == (by, "z")
    each.studio("POST", f"/raw-data/{sample_id}/edit-label", {"label": "y"})
    assert each.listed()[0]["lastUpdatedBy"] == mine
    assert changes(each, edited, "update")[0]["sample"]["lastUpdatedBy"] == by


def test_a_person_is_the_same_under_the_same_name_and_sees_every_project(each: Client) -> None:
    other = each.emulator.add_project(name="Other")
    assert log_in(each.emulator) == log_in(each.emulator) != log_in(each.emulator, "bob")
    url = f"{each.emulator.studio_url}/api/projects"
    headers = {"x-jwt-token": log_in(each.emulator)}
    projects = requests.get(url, headers=headers, timeout=TIMEOUT_S).json()["projects"]
    assert [one["name"] for one in projects] == ["Emulated project", "Other"]
    listing = f"{each.emulator.studio_url}/api/{other['id']}/raw-data?category=all"
    assert requests.get(listing, cookies={"jwt": headers["x-jwt-token"]}, timeout=TIMEOUT_S).json()["totalCount"] == 0
    assert requests.get(f"{url}/api-key-info", headers=headers, timeout=TIMEOUT_S).json()["success"] is False
    nowhere = f"{each.emulator.studio_url}/api/999/raw-data?category=all"
    assert requests.get(nowhere, headers=headers, timeout=TIMEOUT_S).status_code == 403
    assert requests.get(url, headers={"x-jwt-token": "none"}, timeout=TIMEOUT_S).status_code == 401


@pytest.mark.parametrize("body", [{}, {"username": "ada"}, {"username": "", "password": "x"}, {"username": 1}, []])
def test_a_login_needs_a_name_and_a_password(each: Client, body: object) -> None:
    response = requests.post(f"{each.emulator.studio_url}/api-login", json=body, timeout=TIMEOUT_S)
    assert (response.status_code, response.json()["success"]) == (200, False)


def test_a_version_can_be_described_and_found_again(each: Client) -> None:
    each.store(("a.csv", csv(1)))
    each.store(("b.csv", csv(2)))
    each.studio("POST", "/dataset-versions/create")
    manual, _, first = versions(each)
    assert manual["summary"]["sampleChangesCount"] == 0
    assert first["description"] is None
    assert each.studio("POST", f"/dataset-versions/{first['id']}", {"description": "before the fair"}) == {
        "success": True
    }
    assert each.studio("GET", f"/dataset-versions/{first['id']}")["datasetVersion"]["description"] == "before the fair"
    assert [one["id"] for one in versions(each, search="fair")] == [first["id"]]
    assert [one["id"] for one in versions(each, type=["manual", "restore"])] == [manual["id"]]
    page = each.studio("GET", "/dataset-versions", limit=1, offset=2)
    assert ([one["id"] for one in page["datasetVersions"]], page["totalCount"]) == ([first["id"]], 3)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/dataset-versions/99", None),
        ("POST", "/dataset-versions/99", {"description": "x"}),
        ("POST", "/dataset-versions/99/restore", None),
        ("GET", "/dataset-versions/99/raw-data-changes?category=all", None),
        ("POST", "/dataset-versions/1", {}),
        ("GET", "/dataset-versions?type=[%22daily%22]", None),
        ("GET", "/dataset-versions/1/raw-data-changes?category=all&changeActions=[%22upsert%22]", None),
        ("GET", "/dataset-versions/1/raw-data-changes", None),
    ],
)
def test_what_makes_no_sense_of_a_version_is_refused(each: Client, method: str, path: str, body: object) -> None:
    each.store(("a.csv", csv(1)))
    assert versions(each)[0]["id"] == 1
    assert each.studio(method, path, body)["success"] is False


def test_a_version_is_there_only_after_its_time() -> None:
    with running_emulator(settings(dataset_window_ms=0, dataset_commit_ms=10**12)) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)))
            answer = client.studio("GET", "/dataset-versions")
            assert (answer["datasetVersions"], answer["totalCount"]) == ([], 0)
            assert answer["pendingWindows"][0]["windowEnd"] is not None
            assert client.studio("GET", "/dataset-versions/1")["success"] is False
            assert client.studio("POST", "/dataset-versions/create")["window"] is not None
            assert client.studio("POST", "/dataset-versions/create") == {"success": True, "window": None}


def test_a_window_of_one_project_holds_nothing_of_another(each: Client) -> None:
    other = Client(each.emulator, each.emulator.add_project()["keys"][0]["key"])
    with other.session:
        (foreign,) = other.store(("o.csv", csv(1)))
    (own,) = each.store(("a.csv", csv(1)))
    (version,) = versions(each)
    assert [one["change"]["sampleId"] for one in changes(each, version, "insert")] == [own]
    assert version["summary"]["sampleChangesCount"] == 1
    each.studio("POST", f"/dataset-versions/{version['id']}/restore")
    assert each.emulator.ledger()["stored"] == 2
    assert foreign != own


def test_switched_off_there_is_no_such_call_and_no_last_updater() -> None:
    with running_emulator(settings(dataset_versions=False, last_updated_by="none")) as emulator:
        client = Client(emulator)
        with client.session:
            (sample_id,) = client.store(("a.csv", csv(1)))
            for method, path in [
                ("GET", "/dataset-versions"),
                ("POST", "/dataset-versions/create"),
                ("GET", "/dataset-versions/1"),
                ("POST", "/dataset-versions/1"),
                ("POST", "/dataset-versions/1/restore"),
                ("GET", "/dataset-versions/1/raw-data-changes?category=all"),
            ]:
                assert client.send(method, path).status_code == 404
            client.studio("POST", f"/raw-data/{sample_id}/edit-label", {"label": "z"})
            assert "lastUpdatedBy" not in client.listed()[0]


def test_uploads_may_leave_no_last_updater() -> None:
    with running_emulator(settings(last_updated_by="edits")) as emulator:
        client = Client(emulator)
        with client.session:
            (sample_id,) = client.store(("a.csv", csv(1)))
            assert "lastUpdatedBy" not in client.listed()[0]
            client.studio("POST", f"/raw-data/{sample_id}/edit-label", {"label": "z"})
            assert client.listed()[0]["lastUpdatedBy"] == {"type": "projectApiKey", "id": key_id(client)}


def test_a_history_outlives_the_emulator_and_goes_with_its_switch(tmp_path: Any) -> None:
    folder = str(tmp_path / "data")
    options = {"data": folder, "dataset_window_ms": 0, "dataset_commit_ms": 0, "key": "ei_a"}
    with running_emulator(settings(**options)) as emulator, Client(emulator).session as session:
        client = Client(emulator, session=session)
        client.studio("DELETE", f"/raw-data/{client.store(('a.csv', csv(1)))[0]}")
    with running_emulator(settings(**options)) as emulator, Client(emulator).session as session:
        client = Client(emulator, session=session)
        (deleted, added) = versions(client)
        client.studio("POST", f"/dataset-versions/{added['id']}/restore")
        (sample_id,) = [one["id"] for one in client.listed()]
        assert client.send("GET", f"/raw-data/{sample_id}/raw").content == csv(1)
        client.studio("DELETE", f"/raw-data/{sample_id}")
    with running_emulator(settings(**options, dataset_versions=False)):
        pass
    with running_emulator(settings(**options)) as emulator, Client(emulator).session as session:
        assert versions(Client(emulator, session=session)) == []
    assert deleted["summary"]["actionCounts"] == {"delete": 1}
