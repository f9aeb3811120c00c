"""Dataset versions as the client reads them: from the emulator, and from services that answer otherwise."""

import contextlib
import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from eisync.adapters.client.change_feed import MOST_VERSIONS
from eisync.adapters.client.replies import sample_of
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.core.change_feed import DatasetVersion, SampleChange
from eisync.core.model import RemoteSample
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.errors import KeyRefusedError, StudioError, UnansweredError

from .raw import RawServer, answers, raw_server

Connect = Callable[[str, str], ServiceClient]


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    """Each change is a version of its own, and is there at once."""
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, dataset_window_ms=0, dataset_commit_ms=0)
    with running_emulator(settings) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[ServiceClient] = []

    def make(studio_url: str, key: str) -> ServiceClient:
        endpoints = Endpoints(studio_url=studio_url, ingestion_url="http://127.0.0.1:9", timeout_s=2.0)
        made.append(ServiceClient(endpoints, lambda: key, user_agent="eisync/test"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def call(url: str, body: object | None = None, *, method: str = "POST", **headers: str) -> Any:
    """Ask Studio as another program, or as a person's browser."""
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, {"content-type": "application/json", **named}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_versions_and_changes_of_the_emulator(emulator: RunningEmulator, connect: Connect) -> None:
    project = emulator.add_project(name="feed")
    key, number = str(project["keys"][0]["key"]), project["id"]
    studio = f"{emulator.studio_url}/api/{number}/raw-data"
    for name in ("a.csv", "b.csv", "c.csv"):
        request = urllib.request.Request(
            f"{emulator.ingestion_url}/api/training/data",
            f"timestamp,x\n0,{ord(name[0])}\n10,2\n".encode(),
            {"x-api-key": key, "x-file-name": name, "x-label": "idle", "content-type": "text/csv"},
        )
        urllib.request.urlopen(request, timeout=10).close()
    service = connect(emulator.studio_url, key)
    before = service.dataset_versions()
    assert before is not None
    assert not before.has_pending
    a, b, c = sorted(service.page(limit=10).samples, key=lambda one: one.id)
    token = call(f"{emulator.studio_url}/api-login", {"username": "ann", "password": "x"})["token"]
    call(f"{studio}/{a.id}/edit-label", {"label": "wave"}, x_jwt_token=token)
    call(f"{studio}/{b.id}", method="DELETE", x_jwt_token=token)
    service.relabel(c.id, "rest")
    after = service.dataset_versions()
    assert after is not None
    new = sorted((one for one in after.versions if one.index > before.newest_index), key=lambda one: one.index)
    assert [1, 1, 1] == [one.changes for one in new]
    found = [service.changes(one.id, limit=10, offset=0) for one in new]
    assert [1, 1, 1] == [one.total for one in found]
    changes = [change for page in found for change in page.changes]
    as_listed = {one.id: one for one in service.page(limit=10).samples}
    assert [a.id, b.id, c.id] == [one.sample.id for one in changes]
    assert [False, True, False] == [one.is_deleted for one in changes]
    assert changes[0].sample == as_listed[a.id]
    assert ("wave", "user") == (changes[0].sample.label, (changes[0].sample.updated_by or "").split()[0])
    assert f"projectApiKey {service.key_id()}" == changes[2].sample.updated_by


def test_a_service_without_versions_has_none(connect: Connect) -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, dataset_versions=False, last_updated_by="none")
    with running_emulator(settings) as emulator:
        service = connect(emulator.studio_url, emulator.key)
        assert service.dataset_versions() is None
        assert service.page(limit=10).samples == ()


VERSION = {
    "id": 9,
    "versionIndex": 3,
    "type": "auto_save",
    "summary": {"actionCounts": {"insert": 7, "update": 2, "delete": 1}},
}
SAMPLE = {"id": 5, "filename": "a", "category": "training", "label": "idle", "lastUpdatedBy": {"type": "user", "id": 4}}
EDITED = {
    "sample": SAMPLE,
    "change": {"actions": ["update"], "sampleId": 5, "newValues": {"label": "wave", "is_public": 1}},
}
GONE = {"sample": SAMPLE, "change": {"actions": ["update", "delete"], "sampleId": 5}}
READ = RemoteSample(id=5, filename="a", category="training", label="idle", updated_by="user 4")


def serve(*replies: object) -> contextlib.AbstractContextManager[RawServer]:
    """A Studio that answers the question for the project, and then this."""
    project = {"success": True, "apiKeyId": 1, "projectId": 1}
    scripts = iter([answers(json.dumps(reply)) for reply in (project, *replies)])
    return raw_server(lambda caller: next(scripts)(caller))


@pytest.mark.parametrize(
    ("detail", "change"),
    [
        (EDITED, SampleChange(replace(READ, label="wave"))),
        (GONE, SampleChange(READ, is_deleted=True)),
        ({"sample": SAMPLE}, None),
        ({"sample": SAMPLE, "change": {"actions": ["update"], "sampleId": 6}}, None),
        ({"sample": {**SAMPLE, "id": "5"}, "change": {"actions": ["update"], "sampleId": 5}}, None),
        ({**EDITED, "change": {"actions": ["update"], "sampleId": 5, "newValues": {"label": 7}}}, None),
        ({}, None),
    ],
)
def test_a_change_is_read_or_counted_as_unread(connect: Connect, detail: object, change: SampleChange | None) -> None:
    with serve({"success": True, "totalCount": 1, "changeDetails": [detail]}) as server:
        page = connect(f"{server.url}/v1", "ei_x").changes(9, limit=10, offset=0)
    assert ((change,), 0) == (page.changes, page.unread) if change else ((), 1) == (page.changes, page.unread)


def test_a_list_that_begins_with_the_oldest_is_asked_for_its_end(connect: Connect) -> None:
    first = [{**VERSION, "id": 100 + index, "versionIndex": index} for index in range(MOST_VERSIONS)]
    pages = [
        {"success": True, "pendingWindows": [], "datasetVersions": first, "totalCount": 150},
        {"success": True, "pendingWindows": [{}], "datasetVersions": [VERSION], "totalCount": 150},
    ]
    with serve(*pages) as server:
        found = connect(f"{server.url}/v1", "ei_x").dataset_versions()
        assert b"offset=50" in server.requests[-1]
    assert found is not None
    assert ((DatasetVersion(id=9, index=3, changes=3),), True) == (found.versions, found.has_pending)


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        ({"success": False, "error": "no permission"}, None),
        ({"success": True, "datasetVersions": "x"}, UnansweredError),
    ],
)
def test_versions_that_are_refused_are_none_and_others_are_not_understood(
    connect: Connect, answer: object, raised: type[Exception] | None
) -> None:
    with serve(answer) as server:
        service = connect(f"{server.url}/v1", "ei_x")
        if raised is None:
            assert service.dataset_versions() is None
            return
        with pytest.raises(raised):
            service.dataset_versions()


@pytest.mark.parametrize(
    ("raw", "updated_by"),
    [
        (None, None),
        ("user 4", None),
        ({"type": 4}, None),
        ({"type": "user", "id": "4"}, "user"),
        ({"type": "datasetVersionRestore", "datasetVersionId": 9}, "datasetVersionRestore"),
        ({"type": "us\x1b[2Jer" + "x" * 1000, "id": 4}, "us\\x1b[2Jer" + "x" * 56 + " 4"),
    ],
)
def test_who_edited_a_sample_is_a_short_text(raw: object, updated_by: str | None) -> None:
    entry: Any = {"id": 5, "filename": "a", "lastUpdatedBy": raw}
    assert updated_by == sample_of(entry).updated_by


def test_changes_that_are_refused_raise(emulator: RunningEmulator, connect: Connect) -> None:
    with pytest.raises(StudioError):
        connect(emulator.studio_url, emulator.key).changes(77, limit=10, offset=0)
    with pytest.raises(KeyRefusedError):
        connect(emulator.studio_url, "ei_wrong").changes(77, limit=10, offset=0)
