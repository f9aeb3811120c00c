"""Options that may change while a real daemon runs."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bench, row
from tests.layouts.media import wav

SEVERAL = """
label = "cat"
patience_s = 0.2
[upload]
batch_files = 1
allow_duplicates = true
[notify]
command = ["/bin/cat"]
after_s = 0.0
[web]
enabled = true
"""
ALL_DAY = "00:00-12:00, 12:00-24:00"


@pytest.mark.slow
def test_quiet_hours_end_when_the_configuration_is_read_again(bench: Bench) -> None:
    configuration = bench.place / "eisync.toml"
    before = configuration.read_text()
    configuration.write_text(f'{before}\n[upload]\nquiet_hours = "{ALL_DAY}"\n')
    bench.write("shake.1.csv", row(1))
    log = bench.place / "log"
    with log.open("wb") as stream:
        daemon = bench.daemon(log=stream)
        try:
            until(lambda: "upload.paused" in events(log))
            until(lambda: bench.files("--state", "ready"))
            assert bench.status()["daemon"]["held"]["main"].startswith("these are quiet hours; uploads continue in ")
            configuration.write_text(f'{before}\n[upload]\nquiet_hours = "never"\n')
            refused = bench.run("config", "reload")
            assert (78, True) == (refused.returncode, "quiet_hours: must be hours such as" in refused.stderr)
            assert "configuration.refused" in events(log)
            assert 0 == bench.emulator.ledger()["requests"]
            configuration.write_text(f"{before}\n[upload]\nmax_rate = 1000000\nworkers = 2\n")
            daemon.send_signal(signal.SIGHUP)
            until(lambda: bench.emulator.ledger()["stored_by_hash"])
            configuration.write_text(f"{before}{SEVERAL}")
            answer = json.loads(bench.run("config", "reload", "--json").stdout)
            watch = f"watch {bench.recordings}"
            assert [
                f"{watch}: label",
                f"{watch}: patience_s",
                "upload.batch_files",
                "upload.max_rate",
                "upload.workers",
            ] == [
                *(one for one in answer["applied"] if one.startswith("watch")),
                *sorted(one for one in answer["applied"] if one.startswith("upload")),
            ]
            assert [("upload.allow_duplicates", True)] == [
                (one["option"], bool(one["reason"])) for one in answer["waiting"]
            ]
            assert [{"option": "web.enabled", "by": "EISYNC_WEB__ENABLED"}] == answer["overruled"]
            requests = bench.emulator.ledger()["requests"]
            bench.write("walk.1.csv", row(2))
            bench.write("walk.2.csv", row(3))
            until(lambda: 3 == len(bench.emulator.ledger()["stored_by_hash"]))
            assert requests + 2 == bench.emulator.ledger()["requests"]
            assert ["walk.1.csv", "walk.2.csv"] == sorted(bench.files("--label", "cat"))
            bench.write("cut.1.wav", wav()[:900])  # a problem, once its patience is over
            until(lambda: "notification.sent" in events(log))
            again = bench.run("config", "reload").stdout.splitlines()
            assert ["restart to apply", "not in force"] == [line.partition(":")[0] for line in again]
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert 0 == daemon.wait(timeout=20)
    assert ["refused", "read", "read", "waits", "overruled", "read", "waits", "overruled"] == [
        event.removeprefix("configuration.") for event in events(log) if event.startswith("configuration.")
    ]


def events(log: Path) -> list[Any]:
    lines = log.read_text().splitlines()
    return [json.loads(line)["event"] for line in lines if line.startswith("{") and line.endswith("}")]


def until(is_true: Callable[[], object], *, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
