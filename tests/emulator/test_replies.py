"""Every kind of fault, met over a real connection, and what the ledger says of it afterwards."""

import time
from typing import Any

import pytest
import requests

from eisync.emulator.faults import KINDS
from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import Client, connect, csv, form, raw_upload, read_all

FILES = [("a.csv", csv(1)), ("b.csv", csv(2)), ("c.csv", csv(3))]
REFUSING = {"x-disallow-duplicates": "1"}


def fault(client: Client, kind: str, where: str = "ingestion", **fields: object) -> None:
    client.emulator.set_faults({"where": where, "kind": kind, **fields})


def outcome(client: Client) -> str:
    """What a client sees of one upload of three files."""
    try:
        response = client.post_form(FILES)
        return f"{response.status_code} with {len(response.json()['files'])}"
    except requests.JSONDecodeError:
        return "no JSON"
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return "broken"
    except KeyError:
        return str(response.status_code)


# kind -> what the client sees, how many samples are stored then, whether the ledger calls it an error
SEEN = {
    "latency": ("200 with 3", 3, False),
    "slow_read": ("200 with 3", 3, False),
    "status": ("503", 0, True),
    "rate_limit": ("429", 0, True),
    "redirect": ("307", 0, True),
    "reset_before": ("broken", 0, True),
    "reset_during": ("broken", 0, True),
    "reset_after": ("broken", 0, True),
    "outage": ("broken", 0, True),
    "withhold": ("broken", 3, True),
    "truncate": ("broken", 3, True),
    "malformed": ("no JSON", 3, True),
    "partial": ("200 with 3", 0, True),
    "count_mismatch": ("200 with 4", 3, True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_is_seen_and_stores_as_it_says(client: Client, kind: str) -> None:
    seen, stored, is_error = SEEN[kind]
    fault(client, kind, times=1, seconds=0.05, share=1, requests=0)
    assert outcome(client) == seen
    client.emulator.set_faults()
    ledger = client.emulator.ledger()
    assert (ledger["requests"], ledger["errors"], ledger["stored"]) == (1, is_error, stored)
    assert ledger["faults"] == {kind: 1}
    assert list(ledger["stored_by_hash"].values()) == [1] * stored
    # Sent again, everything is there, once.
    again = client.upload(FILES, headers=REFUSING)
    assert [entry["success"] for entry in again] == [stored == 0] * 3
    assert list(client.emulator.ledger()["stored_by_hash"].values()) == [1] * 3


def test_a_reset_is_seen_as_a_reset(client: Client) -> None:
    fault(client, "reset_after")
    with connect(client.emulator.ingestion_url) as connection:
        connection.sendall(raw_upload(client.key, form(FILES)))
        with pytest.raises(ConnectionResetError):
            read_all(connection)


def test_a_withheld_answer_is_a_connection_that_ends(client: Client) -> None:
    fault(client, "withhold")
    with connect(client.emulator.ingestion_url) as connection:
        connection.sendall(raw_upload(client.key, form(FILES)))
        assert read_all(connection) == b""
    assert client.emulator.ledger()["stored"] == 3


def test_a_truncated_answer_promises_more_than_it_holds(client: Client) -> None:
    fault(client, "truncate")
    with connect(client.emulator.ingestion_url) as connection:
        connection.sendall(raw_upload(client.key, form(FILES)))
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b'{"success":true' in body
    assert f"Content-Length: {len(body)}".encode() not in head


def test_a_malformed_answer_is_no_json_and_the_work_was_done(client: Client) -> None:
    fault(client, "malformed")
    response = client.post_form(FILES)
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    assert response.status_code == 200
    assert client.emulator.ledger()["stored"] == 3


@pytest.mark.parametrize(
    ("fields", "status", "retry_after"),
    [
        ({}, 503, None),
        ({"status": 429, "retry_after": 7}, 429, "7"),
        ({"status": 500, "retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 500, "Fri, 31 Dec 1999 23:59:59 GMT"),
    ],
)
def test_a_status_comes_with_its_retry_after_and_nothing_is_stored(
    client: Client, fields: dict[str, Any], status: int, retry_after: str | None
) -> None:
    fault(client, "status", times=1, error="not now", **fields)
    response = client.post_form(FILES)
    assert (response.status_code, response.headers.get("Retry-After")) == (status, retry_after)
    assert response.json() == {"success": False, "error": "not now"}
    assert client.emulator.ledger()["stored"] == 0
    assert client.post_form(FILES).status_code == 200


def test_a_rate_limit_is_a_429_that_says_when_to_come_again(client: Client) -> None:
    fault(client, "rate_limit", requests=2, seconds=3600)
    responses = [client.post_form([(f"{number}.csv", csv(number))]) for number in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 429, 429]
    assert 3590 <= int(responses[2].headers["Retry-After"]) <= 3600
    ledger = client.emulator.ledger()
    assert (ledger["stored"], ledger["errors"], ledger["faults"]) == (2, 2, {"rate_limit": 2})


def test_a_redirect_points_to_another_origin(client: Client) -> None:
    fault(client, "redirect", location="http://127.0.0.3:9/trap")
    response = client.post_form(FILES)
    assert (response.status_code, response.headers["Location"]) == (307, "http://127.0.0.3:9/trap")
    assert client.emulator.ledger()["stored"] == 0


def test_a_partial_failure_refuses_the_files_it_names(client: Client) -> None:
    fault(client, "partial", positions=[1], error="try again")
    entries = client.upload(FILES)
    assert [entry["success"] for entry in entries] == [True, False, True]
    assert entries[1]["error"] == "try again"
    ledger = client.emulator.ledger()
    assert (ledger["stored"], ledger["files"], ledger["files_refused"]) == (2, 3, 1)


@pytest.mark.parametrize(("extra", "count"), [(1, 4), (3, 6), (-1, 2), (-3, 0), (-9, 0), (0, 3)])
def test_a_count_mismatch_answers_for_another_number_of_files(client: Client, extra: int, count: int) -> None:
    fault(client, "count_mismatch", extra=extra)
    assert len(client.upload(FILES)) == count
    assert client.emulator.ledger()["stored"] == 3


@pytest.mark.parametrize("kind", ["latency", "slow_read"])
def test_a_wait_takes_its_time_and_does_no_harm(client: Client, kind: str) -> None:
    fault(client, kind, seconds=0.2)
    began = time.monotonic()
    assert len(client.upload(FILES)) == 3
    assert time.monotonic() - began >= 0.2
    ledger = client.emulator.ledger()
    assert (ledger["errors"], ledger["faults"]) == (0, {kind: 1})


def test_an_outage_can_answer_with_a_status(client: Client) -> None:
    fault(client, "outage", seconds=3600, status=502)
    assert [client.post_form(FILES).status_code for _ in range(3)] == [502] * 3


def test_a_slow_body_that_never_comes_is_given_up() -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, idle_timeout_s=0.2)) as emulator:
        body = form(FILES)
        with connect(emulator.ingestion_url) as connection:
            connection.sendall(raw_upload(emulator.key, body[:100], content_length=len(body)))
            assert b"400 Bad Request" in read_all(connection)
        assert emulator.ledger()["truncated"] == 1


def test_studio_fails_on_demand_and_the_emulator_itself_never_does(client: Client) -> None:
    for kind in ("reset_before", "withhold", "truncate"):
        fault(client, kind, "studio")
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            client.send("GET", "/raw-data?category=all")
    fault(client, "status", "studio", path="/count")
    assert client.send("GET", "/raw-data/count?category=all").status_code == 503
    assert client.send("GET", "/raw-data?category=all").status_code == 200
    assert len(client.upload(FILES)) == 3
    ledger = client.emulator.ledger()
    assert (ledger["studio_requests"], ledger["studio_errors"]) == (5, 4)
