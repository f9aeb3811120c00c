import dataclasses
from typing import Any

import pytest

from eisync.emulator.settings import EmulatorSettings, read_switch


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_loopback_needs_no_leave(host: str) -> None:
    assert EmulatorSettings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org", ""])
def test_another_host_is_refused_unless_remote_access_is_allowed(host: str) -> None:
    with pytest.raises(ValueError, match="other machines"):
        EmulatorSettings(host=host)
    assert EmulatorSettings(host=host, allow_remote=True).host == host


@pytest.mark.parametrize(
    "wrong",
    [
        {"studio_port": -1},
        {"ingestion_port": 65536},
        {"studio_port": 4800, "ingestion_port": 4800},
        {"key": ""},
        {"key": "schlüssel"},
        {"hmac_key": ""},
        {"max_files_per_request": 0},
        {"idle_timeout_s": 0},
        {"max_cbor_items": 0},
        {"validation": "sometimes"},
        {"remote_port": 65536},
        {"remote_port": 4800},
        {"remote_port": 4810},
        {"heartbeat_s": 0},
        {"sampling_silence_s": 0},
    ],
)
def test_what_could_never_be_obeyed_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        dataclasses.replace(EmulatorSettings(), **wrong)


def test_the_ports_are_those_the_official_uploader_expects() -> None:
    assert (EmulatorSettings().studio_port, EmulatorSettings().ingestion_port) == (4800, 4810)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 4802),
        ({"studio_port": 0}, 0),
        ({"studio_port": 4900}, 0),
        ({"studio_port": 4900, "remote_port": 4802}, 4802),
        ({"remote_port": 0}, 0),
    ],
)
def test_remote_management_is_where_the_official_clients_look_beside_a_studio_on_its_own_port(
    given: dict[str, Any], expected: int
) -> None:
    assert dataclasses.replace(EmulatorSettings(), **given).wanted_remote_port == expected


def test_a_port_of_remote_management_that_is_off_disturbs_nothing() -> None:
    assert EmulatorSettings(remote_port=4800, remote_management=False).studio_port == 4800


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sampling_silence_s=5", ("sampling_silence_s", 5)),
        ("pod=7", ("pod", "7")),
        ("validation=refused", ("validation", "refused")),
        ("label_without_match=", ("label_without_match", "")),
        ("duplicate_names_ids=false", ("duplicate_names_ids", False)),
        ("batch_job_above=500", ("batch_job_above", 500)),
        ("batch_job_above=null", ("batch_job_above", None)),
        ("max_page_limit=10", ("max_page_limit", 10)),
        ("refuse_odd_csv=false", ("refuse_odd_csv", False)),
        ("max_sensors=10", ("max_sensors", 10)),
        ("idle_timeout_s=0.5", ("idle_timeout_s", 0.5)),
        ("idle_timeout_s=2", ("idle_timeout_s", 2)),
    ],
)
def test_a_switch_is_read_from_a_command_line(text: str, expected: object) -> None:
    assert read_switch(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pod",
        "host=::",
        "duplicate_names_ids=1",
        "max_page_limit=null",
        "max_page_limit=true",
        "batch_job_above=x",
        "idle_timeout_s=null",
    ],
)
def test_what_is_no_switch_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        read_switch(text)
