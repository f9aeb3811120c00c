"""What a pass asks when nothing has changed, as the service counts it."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.emulator.server import RunningEmulator

from .test_reconciler import Sweep, project
from .yard import Yard

MOST = 3
"""Requests, the look-up of the project included."""


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
    """The key of a project that holds so many. Without any, the service does not tell when it was changed."""
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
def test_a_pass_that_finds_nothing_changed_asks_three_times_a_target_at_most(
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
    # The next process asks, besides, which project the key opens.
    assert [MOST * targets, 2 * targets] == [spent(emulator, sweep) for sweep in [started()] for _ in range(2)]


def test_a_service_that_does_not_tell_of_changes_costs_no_more(
    yard: Yard, emulator: RunningEmulator, connect: Callable[[str], ServiceClient]
) -> None:
    key = filled(emulator, 5)
    Sweep(yard, project(connect(key))).run()
    rule = {"where": "studio", "path": "/last-modification", "kind": "status", "status": 404}
    emulator.set_faults(rule)
    assert MOST == spent(emulator, Sweep(yard, project(connect(key))))
    emulator.set_faults()
