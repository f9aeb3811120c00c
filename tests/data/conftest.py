"""The data API, pointed at a fresh emulator as a script would point it: through the globals."""

from collections.abc import Iterator

import pytest

import eisync
from eisync.core.retry import RetryPolicy
from eisync.data import client
from eisync.emulator.server import RunningEmulator


@pytest.fixture
def service(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> RunningEmulator:
    """The emulator that `eisync.data` speaks with."""
    monkeypatch.setattr(eisync, "API_KEY", emulator.key)
    monkeypatch.setattr(eisync, "API_ENDPOINT", emulator.studio_url)
    monkeypatch.setattr(eisync, "INGESTION_ENDPOINT", emulator.ingestion_url)
    return emulator


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries pause for milliseconds here, and no connection outlives its test."""
    monkeypatch.setattr(client, "PATIENCE", RetryPolicy(base_s=0.001, cap_s=0.01))
    yield
    client.forget_everything()
