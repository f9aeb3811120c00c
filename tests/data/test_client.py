import sys
from types import ModuleType
from typing import Any

import pytest

import eisync
from eisync import exceptions
from eisync.data import client
from eisync.data.client import Access
from eisync.emulator.server import RunningEmulator
from eisync.exceptions import (
    ApiException,
    EdgeImpulseException,
    ForbiddenException,
    InvalidApiKeyException,
    MissingApiIngestionEndpointException,
    MissingApiKeyException,
    NotFoundException,
    ServiceException,
    TimeoutException,
    UnauthorizedException,
    UnreachableException,
    UnsuccessfulRequestException,
)
from tests.canary import CANARY

LISTING: dict[str, Any] = {"category": "all", "limit": 1}


def test_the_key_names_the_project(service: RunningEmulator) -> None:
    assert service.project_id == Access().project_id()


def test_a_key_that_is_handed_over_goes_before_the_global(service: RunningEmulator) -> None:
    other = service.add_project(name="other")
    assert other["id"] == Access(api_key=_key_of(other)).project_id()


def test_a_global_that_is_assigned_takes_effect_at_once(service: RunningEmulator) -> None:
    Access().project_id()
    eisync.API_KEY = CANARY + "wrong"
    with pytest.raises(UnauthorizedException, match="Invalid API key") as caught:
        Access().project_id()
    assert 401 == caught.value.status


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_nothing_is_asked(service: RunningEmulator, key: str | None) -> None:
    eisync.API_KEY = key
    with pytest.raises(MissingApiKeyException, match=r"eisync\.API_KEY"):
        Access().project_id()


def test_a_key_that_no_header_can_carry_is_not_repeated_in_the_text(service: RunningEmulator) -> None:
    with pytest.raises(ValueError) as caught:
        Access(api_key=CANARY + "\r\nx: y").project_id()
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("form", ['"{}"', "'{}'", "“{}”", "EI_API_KEY={}", " {}\r\n", "\ufeff{}"])
def test_a_key_in_quotes_is_read(service: RunningEmulator, form: str) -> None:
    eisync.API_KEY = form.format(service.key)
    assert service.project_id == Access().project_id()
    assert service.project_id == Access(api_key=form.format(service.key)).project_id()


@pytest.mark.parametrize("given", [True, False])
def test_what_cannot_be_a_key_is_said_with_its_place(service: RunningEmulator, given: bool) -> None:
    text = f'"{CANARY}'
    eisync.API_KEY = None if given else text
    with pytest.raises(InvalidApiKeyException, match="a quote that does not enclose the whole key") as caught:
        Access(api_key=text if given else None).project_id()
    assert ("`api_key`" if given else "`EI_API_KEY` in the environment") in str(caught.value)
    assert CANARY not in str(caught.value)


def test_an_ingestion_endpoint_that_was_emptied_is_missed(service: RunningEmulator) -> None:
    eisync.INGESTION_ENDPOINT = ""
    with pytest.raises(MissingApiIngestionEndpointException):
        client.ingestion_url()


@pytest.mark.parametrize("label", ["a&b", "50% + x", "Größe", "#1", "日本"])
def test_a_query_is_encoded(service: RunningEmulator, label: str) -> None:
    path = f"/api/{Access().project_id()}/raw-data"
    answer = Access().request("GET", path, query=LISTING | {"labels": [label], "filename": None})
    assert [] == answer["samples"]


def test_what_studio_refuses_is_raised_in_its_words(service: RunningEmulator) -> None:
    with pytest.raises(UnsuccessfulRequestException, match=r"^No sample found with ID 7$") as caught:
        Access().request("GET", f"/api/{Access().project_id()}/raw-data/7")
    assert "No sample found with ID 7" == caught.value.error


def test_a_refusal_in_place_of_a_file_is_a_refusal(service: RunningEmulator) -> None:
    with pytest.raises(UnsuccessfulRequestException, match="No sample found"):
        Access().file(f"/api/{Access().project_id()}/raw-data/7/raw")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"kind": "status", "status": 403}, ForbiddenException),
        ({"kind": "status", "status": 404}, NotFoundException),
        ({"kind": "status", "status": 418}, ApiException),
        ({"kind": "status", "status": 500}, ServiceException),
        ({"kind": "redirect"}, ApiException),
        ({"kind": "malformed"}, ServiceException),
        ({"kind": "reset_after"}, UnreachableException),
    ],
)
def test_an_answer_that_is_none_is_raised_for_what_it_is(
    service: RunningEmulator, rule: dict[str, Any], expected: type[EdgeImpulseException]
) -> None:
    pid = Access().project_id()
    service.set_faults({"where": "studio", **rule})
    with pytest.raises(expected) as caught:
        Access().request("GET", f"/api/{pid}/raw-data", query=LISTING)
    assert expected is type(caught.value)
    assert service.key not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (401, "UnauthorizedException"),
        (403, "ForbiddenException"),
        (404, "NotFoundException"),
        (500, "ServiceException"),
        (418, "ApiException"),
    ],
)
def test_a_status_is_the_official_clients_exception_too_where_that_is_loaded(
    service: RunningEmulator, monkeypatch: pytest.MonkeyPatch, status: int, name: str
) -> None:
    """Its constructor takes other arguments; what ours says stands."""

    class Foreign(Exception):
        def __init__(self, status: object = None, reason: object = None, http_resp: object = None) -> None:
            self.status, self.reason, self.body, self.headers = status, reason, None, None

        def __str__(self) -> str:
            return "its own text"

    loaded = ModuleType("edgeimpulse_api.exceptions")
    setattr(loaded, name, Foreign)
    pid = Access().project_id()
    service.set_faults({"where": "studio", "kind": "status", "status": status, "error": "no"})
    monkeypatch.setitem(sys.modules, "edgeimpulse_api.exceptions", loaded)
    caught = []
    for _ in range(2):
        with pytest.raises(Foreign, match=rf"^HTTP {status}: no$") as one:
            Access().request("POST", f"/api/{pid}/raw-data")
        caught.append(one.value)
    assert isinstance(caught[0], getattr(exceptions, name))
    assert (name, status, "no") == (type(caught[0]).__name__, caught[0].status, caught[0].reason)
    assert type(caught[0]) is type(caught[1])


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429, "retry_after": 0},
        {"kind": "status", "status": 500},
        {"kind": "reset_before"},
        {"kind": "withhold"},
    ],
)
def test_bad_weather_is_waited_out(service: RunningEmulator, rule: dict[str, Any]) -> None:
    pid = Access().project_id()
    service.set_faults({"where": "studio", "times": 2, **rule})
    assert 0 == Access().request("GET", f"/api/{pid}/raw-data", query=LISTING)["totalCount"]


def test_a_change_whose_answer_was_lost_is_not_asked_for_twice(service: RunningEmulator) -> None:
    pid = Access().project_id()
    service.set_faults({"where": "studio", "kind": "withhold", "times": 9})
    with pytest.raises(UnreachableException):
        Access().request("POST", f"/api/{pid}/raw-data/delete-all")
    assert 1 == service.ledger()["faults"]["withhold"]


def test_a_wait_has_a_limit(service: RunningEmulator) -> None:
    pid = Access().project_id()
    service.set_faults({"where": "studio", "kind": "latency", "seconds": 5})
    with pytest.raises(TimeoutException, match="in time"):
        Access(timeout_sec=0.1).request("POST", f"/api/{pid}/raw-data/delete-all")


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_no_time_at_all_is_no_limit(service: RunningEmulator, limit: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Access(timeout_sec=limit).project_id()


def test_a_service_that_is_not_there_is_named(service: RunningEmulator) -> None:
    eisync.API_ENDPOINT = "http://127.0.0.1:9/v1"
    with pytest.raises(UnreachableException, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        Access().project_id()


def _key_of(project: dict[str, Any]) -> str:
    key = project["keys"][0]
    return str(key["key"] if isinstance(key, dict) else key)
