from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from eisync.core.policy import Policy
from eisync.loops.reconciler.context import ReconciledProject
from eisync.loops.reconciler.tombstones import CLEANUP_INTERVAL_S, IndexCleanup
from tests.fakes import Cloud


@dataclass
class Shed:
    """A cleanup with prepared numbers: rows removed in each step, and pages to give back after it."""

    leaving: deque[int] = field(default_factory=deque)
    room: int = 0
    asked: list[tuple[str, list[int]]] = field(default_factory=list)

    def forget(self, target: str, roots: Iterable[int], *, now: float) -> int:
        self.asked.append((target, list(roots)))
        return self.leaving.popleft() if self.leaving else 0

    def give_back(self) -> bool:
        self.room = max(0, self.room - 1)
        return self.room > 0


def project(*, allow_duplicates: bool = False) -> ReconciledProject:
    return ReconciledProject(
        target="main",
        studio=Cloud(),
        interval_s=300.0,
        page_size=1000,
        allow_duplicates=allow_duplicates,
        policies={1: Policy(), 2: Policy(deletes_samples=True)},
    )


def cleanup_of(shed: Any, **more: Any) -> IndexCleanup:
    return IndexCleanup(shed, [project(**more)])


def test_cleanup_continues_until_nothing_is_left_and_then_checks_at_intervals() -> None:
    shed = Shed(deque([500, 3]), room=3)
    going = cleanup_of(shed)
    assert [True, True, True, True, False] == [going.step(10.0) for _ in range(5)]
    assert 5 == len(shed.asked)
    assert not going.step(10.0 + CLEANUP_INTERVAL_S - 1.0)
    assert 5 == len(shed.asked)
    going.step(10.0 + CLEANUP_INTERVAL_S)
    assert 6 == len(shed.asked)


def test_a_clock_that_is_set_back_delays_nothing() -> None:
    shed = Shed()
    going = cleanup_of(shed)
    going.step(1e9)
    going.step(1e6)
    going.step(1e6 + CLEANUP_INTERVAL_S)
    assert 2 == len(shed.asked)


@pytest.mark.parametrize(("allow_duplicates", "roots"), [(False, [1]), (True, [])])
def test_files_leave_the_index_soon_only_if_nothing_depends_on_them(allow_duplicates: bool, roots: list[int]) -> None:
    shed = Shed()
    cleanup_of(shed, allow_duplicates=allow_duplicates).step(0.0)
    assert [("main", roots)] == shed.asked


def test_without_a_cleanup_nothing_is_removed() -> None:
    assert not IndexCleanup(None, [project()]).step(0.0)
