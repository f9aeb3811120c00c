"""What programs read: metrics, the status as JSON, and whether the daemon is alive and ready."""

import signal
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families as parse

from eisync.control.operations import Operations
from eisync.control.running import Running
from eisync.errors import StateError
from tests.conftest import Bench, row, until
from tests.control.test_numbers import LIVE
from tests.control.test_operations import NOW, Desk
from tests.core.test_metrics import NUMBERS
from tests.web.site import TOKEN, Visitor

HUNG = {"name": "watcher", "age_s": 99.0, "is_fresh": False, "trouble": "/data/secret.wav cannot be read"}


def visitor(desk: Desk, **live: Any) -> Visitor:
    counted = {name: NUMBERS[name] for name in ("process", "database", "disks", "uploads")}
    running = Running(live=lambda: {**LIVE, **live}, counted=lambda _: counted)
    return Visitor(Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=running))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_program_with_a_token_reads_the_metrics(desk: Desk) -> None:
    stranger = visitor(desk)
    for token in (TOKEN, stranger.credentials.program_token()):
        answer = stranger.get("/metrics", headers=bearer(token))
        assert (200, True) == (answer.status_code, answer.content_type.startswith("text/plain"))
        assert "eisync_files" in {family.name for family in parse(answer.text)}
    assert 401 == stranger.get("/metrics", headers=bearer("0" * 64)).status_code


def test_the_token_of_programs_opens_no_page(desk: Desk) -> None:
    stranger = visitor(desk)
    token = stranger.credentials.program_token()
    assert TOKEN != token
    assert 401 == stranger.get("/", headers=bearer(token)).status_code
    assert 401 == stranger.get("/", headers={"Cookie": f"eisync-4820={token}"}).status_code


def test_openmetrics_is_answered_to_who_asks_for_it(desk: Desk) -> None:
    headers = {**bearer(TOKEN), "Accept": "application/openmetrics-text; version=1.0.0"}
    answer = visitor(desk).get("/metrics", headers=headers)
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_the_status_is_that_of_the_command(desk: Desk) -> None:
    desk.add("a.csv")
    desk.live = dict(LIVE)  # what the process says decides what a file waits for
    (expected,) = desk.ask(do="status")
    found = visitor(desk).get("/api/v1/status", headers=bearer(TOKEN)).json
    assert found is not None
    of_process = {"daemon", "roots"}
    assert {name: one for name, one in expected.items() if name not in of_process} == {
        name: one for name, one in found.items() if name not in of_process
    }


@pytest.mark.parametrize(
    ("live", "alive", "ready"),
    [
        ({}, "ok\n", "ok\n"),
        ({"loops": [HUNG]}, "not ok: watcher\n", "not ok: watcher\n"),
        ({"watching": [{"trouble": "/data/secret.wav"}]}, "ok\n", "not ok: folder\n"),
        ({"lost": "/var/lib/eisync is gone"}, "ok\n", "not ok: state folder\n"),
        ({"loops": [{**HUNG, "is_fresh": True}]}, "ok\n", "ok\n"),  # it fails and is tried again
    ],
)
def test_a_container_manager_reads_yes_or_no_and_no_name(
    desk: Desk, live: dict[str, Any], alive: str, ready: str
) -> None:
    stranger = visitor(desk, **live)
    for path, text in (("/livez", alive), ("/readyz", ready)):
        answer = stranger.get(path)
        assert (text, 200 if text == "ok\n" else 503) == (answer.text, answer.status_code)


def test_a_database_that_takes_no_write_is_not_ready_but_alive(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> bool:
        raise StateError("the disk of /var/lib/eisync is full")

    monkeypatch.setattr(desk.index, "is_writable", full)
    stranger = visitor(desk)
    assert ["ok\n", "not ok: database\n"] == [stranger.get(path).text for path in ("/livez", "/readyz")]
    text = stranger.get("/metrics", headers=bearer(TOKEN)).text
    assert "eisync_database_writable 0.0\n" in text
    assert "eisync_healthy 0.0\n" in text


def test_a_monitoring_program_reads_a_real_daemon(bench: Bench) -> None:
    bench.write("a.csv", row(1))
    bench.environ |= {"EISYNC_WEB__ENABLED": "true", "EISYNC_WEB__PORT": "0"}
    daemon = bench.daemon()
    try:
        log = bench.place / "daemon-1.log"
        until(lambda: "Its page is " in log.read_text())
        page = log.read_text().partition("Its page is ")[2].partition(";")[0]
        token = bench.run("ui", "--metrics-token").stdout.strip()
        until(lambda: '"file.synced"' in log.read_text())
        assert "ok\n" == requests.get(f"{page}readyz", timeout=20).text
        metrics = requests.get(f"{page}metrics", headers=bearer(token), timeout=20).text
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(timeout=30)
    read = {(one.name, *one.labels.values()): one.value for family in parse(metrics) for one in family.samples}
    assert [1.0, 1.0, 1.0] == [
        read[name]
        for name in (
            ("eisync_files", "synced"),
            ("eisync_uploads_total", "stored", "main"),
            ("eisync_upload_latency_seconds_count", "main"),
        )
    ]
    assert str(bench.recordings) not in metrics
    assert "a.csv" not in metrics
