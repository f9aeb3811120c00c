"""A service with lower limits gets everything, once; the service's ledger decides."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.conftest import Bench, row, stored_once

FILES = 120


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "faults"),
    [
        ({"max_request_bytes": 3_000}, []),
        ({"max_files_per_request": 7}, []),
        ({}, [{"where": "ingestion", "kind": "rate_limit", "requests": 5, "seconds": 1}]),
        ({}, [{"where": "ingestion", "kind": "status", "status": 502, "times": 12}]),
    ],
    ids=["requests of few bytes", "requests of few files", "few requests a second", "an outage"],
)
def test_a_service_with_lower_limits_gets_everything_once(
    bench: Bench, tmp_path: Path, limits: dict[str, Any], faults: list[dict[str, object]]
) -> None:
    contents = [row(number) for number in range(FILES)]
    for number, content in enumerate(contents):
        bench.write(f"shake.{number:03}.csv", content)
    bench.configure(
        upload={"batch_files": 32, "retry_base_s": 0.05, "retry_cap_s": 0.2}, reconcile={"enabled": "false"}
    )
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, key=bench.emulator.key, **limits)
    with running_emulator(settings) as strict:
        strict.set_faults(*faults)
        bench.environ |= {"EI_API_ENDPOINT": strict.studio_url, "EI_INGESTION_ENDPOINT": strict.ingestion_url}
        done = dataclasses.replace(bench, emulator=strict).once("--timeout", "40")
        assert 0 == done.returncode, done.stdout + done.stderr
        assert stored_once(strict.ledger(), contents)
        # Most requests had several files: they were not sent one by one.
        assert strict.ledger()["requests"] < FILES
