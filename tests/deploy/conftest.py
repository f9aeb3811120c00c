"""The images, built once for all tests of them."""

from collections.abc import Iterator

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.canary import CANARY
from tests.deploy.images import Images, fetch_wheels, images


@pytest.fixture(scope="session")
def built() -> Iterator[Images]:
    """`make image`, on a bare Debian and without a package index."""
    with images() as found:
        found.wheels.mkdir()
        fetch_wheels(found.wheels)
        found.import_base()
        found.build()
        yield found


@pytest.fixture(scope="module")
def service() -> Iterator[RunningEmulator]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)) as running:
        yield running
