"""A desk with a database, and browsers that look at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.test_operations import Desk
from tests.web.site import Visitor


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state")
    yield desk
    desk.database.close()


@pytest.fixture
def stranger(desk: Desk) -> Visitor:
    """A browser that is not logged in."""
    return Visitor(desk.operations())


@pytest.fixture
def person(desk: Desk) -> Visitor:
    """A browser that is logged in."""
    return Visitor(desk.operations()).log_in()
