from collections.abc import Iterator
from pathlib import Path

import pytest

from .yard import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    yard.close()
