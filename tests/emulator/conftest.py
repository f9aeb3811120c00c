from collections.abc import Iterator

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.browser import browser  # noqa: F401 - a fixture

from .wire import Client


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """A fresh one, in memory."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as running:
        yield running


@pytest.fixture
def client(emulator: RunningEmulator) -> Iterator[Client]:
    client = Client(emulator)
    with client.session:
        yield client
