from collections.abc import Iterator

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings


@pytest.fixture(scope="session")
def emulator() -> Iterator[RunningEmulator]:
    """One emulator for all tests: every rig creates its own project."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as running:
        yield running
