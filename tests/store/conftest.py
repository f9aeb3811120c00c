from collections.abc import Iterator
from pathlib import Path

import pytest

from .shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty outbox and index."""
    shelf = Shelf(tmp_path / "state")
    yield shelf
    shelf.close()
