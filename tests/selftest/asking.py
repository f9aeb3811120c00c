"""A self-test of an emulator in this process, with no pauses."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from eisync.adapters.client.service import Endpoints, transport_to
from eisync.emulator.server import RunningEmulator
from eisync.selftest import journal
from eisync.selftest.check import Check
from eisync.selftest.checks import CHECKS
from eisync.selftest.client import Address, Client
from eisync.selftest.contents import Contents
from eisync.selftest.journal import Journal
from eisync.selftest.probe import Probe
from eisync.selftest.run import Run
from tests.conftest import row

TOKEN = "eisync-selftest-0123456789ab"
SALT = 123_456_789


class Impatient(threading.Event):
    """An event that no caller waits for."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


@contextmanager
def connected(emulator: RunningEmulator) -> Iterator[Client]:
    """A client of the emulator's first project."""
    endpoints = Endpoints(studio_url=emulator.studio_url, ingestion_url=emulator.ingestion_url)
    transport = transport_to(endpoints, user_agent="eisync-tests")
    address = Address(
        studio_url=emulator.studio_url, ingestion_url=emulator.ingestion_url, project_id=emulator.project_id
    )
    try:
        yield Client(transport, address, lambda: emulator.key)
    finally:
        transport.close()


@contextmanager
def begun(client: Client, state: Path, token: str = TOKEN) -> Iterator[Journal]:
    """A journal of a run."""
    address = client.address
    kept = journal.begin(str(state), token, studio_url=address.studio_url, project_id=address.project_id)
    try:
        yield kept
    finally:
        kept.close()


def probe_of(client: Client, kept: Journal) -> Probe:
    return Probe(client, kept, Contents(SALT), wait=lambda _: None, monotonic=lambda: 0.0)


def ask_all(emulator: RunningEmulator, state: Path, checks: Sequence[Check] = CHECKS) -> Run:
    """A whole run."""
    with connected(emulator) as client, begun(client, state) as kept:
        run = Run(probe_of(client, kept), kept, Impatient())
        run.conduct(checks)
        return run


def store_persons_samples(emulator: RunningEmulator, count: int) -> dict[int, Any]:
    """Samples that were in the project before, as Studio shows them."""
    files = [("data", (f"person.{number}.csv", row(number), "text/csv")) for number in range(count)]
    url = f"{emulator.ingestion_url}/api/training/files"
    requests.post(url, files=files, headers={"x-api-key": emulator.key}, timeout=20).raise_for_status()
    return persons_samples(emulator)


def persons_samples(emulator: RunningEmulator) -> dict[int, Any]:
    """Every sample of the project."""
    url = f"{emulator.studio_url}/api/{emulator.project_id}/raw-data?category=all&limit=1000"
    answer = requests.get(url, headers={"x-api-key": emulator.key}, timeout=20).json()
    return {one["id"]: one for one in answer["samples"]}


def answers(run: Run) -> dict[str, str]:
    """What was answered to each check."""
    return {one.check.id: one.reason if one.answer is None else one.answer.text for one in run.results}
