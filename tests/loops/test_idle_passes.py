"""The requests of a pass when nothing has changed, counted by the service."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.emulator.server import RunningEmulator

from .test_reconciler import Sweep, project
from .yard import Yard

MOST = 3
"""Return the number of requests, including the check of the project."""


@pytest.fixture
def connect(emulator: RunningEmulator) -> Iterator[Callable[[str], ServiceClient]]:
    with contextlib.ExitStack() as stack:

        def make(key: str) -> ServiceClient:
            endpoints = Endpoints(studio_url=emulator.studio_url, ingestion_url=emulator.ingestion_url, timeout_s=5.0)
            return stack.enter_context(
                contextlib.closing(ServiceClient(endpoints, lambda: key, user_agent="eisync/test"))
            )

        yield make


def filled(emulator: RunningEmulator, samples: int) -> str:
    """Return the key of a project with so many samples. Without any, the service gives no time of the last change."""
    import requests

    key = str(emulator.add_project()["keys"][0]["key"])
    for number in range(samples):
        answer = requests.post(
            emulator.ingestion_url + "/api/training/files",
            headers={"x-api-key": key},
            files={"data": (f"{number}.csv", f"timestamp,x\n0,{number}\n10,1\n")},
            timeout=10,
        )
        assert answer.json()["files"][0]["success"]
    return key


def spent(emulator: RunningEmulator, sweep: Sweep) -> int:
    before = emulator.ledger()["studio_requests"]
    sweep.run(after_s=300.0)
    assert {} == sweep.loop.troubles()
    assert not any(report.swept for report in sweep.loop.reports().values())
    return int(emulator.ledger()["studio_requests"] - before)


@pytest.mark.parametrize("page_size", [2, 5, 1000])
@pytest.mark.parametrize("samples", [0, 5])
@pytest.mark.parametrize("targets", [1, 3])
def test_a_pass_without_changes_sends_at_most_three_requests_per_target(
    yard: Yard,
    emulator: RunningEmulator,
    connect: Callable[[str], ServiceClient],
    samples: int,
    targets: int,
    page_size: int,
) -> None:
    keys = {f"target {number}": filled(emulator, samples) for number in range(targets)}
    yard.index.register(list(keys))

    def started() -> Sweep:
        return Sweep(yard, *(project(connect(key), target=name, page_size=page_size) for name, key in keys.items()))

    first = started()
    first.run()  # it lists everything
    assert [2 * targets] * 3 == [spent(emulator, first) for _ in range(3)]
    # The next process also asks which project the key opens.
    assert [MOST * targets, 2 * targets] == [spent(emulator, sweep) for sweep in [started()] for _ in range(2)]


def test_a_service_without_a_change_time_costs_no_more_requests(
    yard: Yard, emulator: RunningEmulator, connect: Callable[[str], ServiceClient]
) -> None:
    key = filled(emulator, 5)
    Sweep(yard, project(connect(key))).run()
    rule = {"where": "studio", "path": "/last-modification", "kind": "status", "status": 404}
    emulator.set_faults(rule)
    assert MOST == spent(emulator, Sweep(yard, project(connect(key))))
    emulator.set_faults()
