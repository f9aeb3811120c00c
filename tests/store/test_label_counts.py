"""The latest files are counted by label and folder, whatever number of them is known."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.core.labels.warnings import LabelCount
from eisync.core.lifecycle import Event
from eisync.store import label_counts as module

from .shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.close()


def test_files_are_counted_by_label_and_folder(shelf: Shelf) -> None:
    [_, other] = shelf.outbox.register([("/data", "main"), ("/other", "main")])
    shelf.enqueue("wave.1.csv")
    shelf.enqueue("day/wave.2.csv", 2)
    shelf.enqueue("idle.csv", 3)
    shelf.enqueue("snake.csv", 4, label="t\u00fcr")
    shelf.enqueue("t\u00fcr.csv", 5, label="t\u00fcr")
    candidate = shelf.candidate("wave.csv", 6, root_id=other.id)
    assert set() == shelf.outbox.enqueue([candidate], now=1.0)
    assert {
        shelf.root.id: {"wave": LabelCount(3, 2), "t\u00fcr": LabelCount(2, 1)},
        other.id: {"wave": LabelCount(1, 1)},
    } == shelf.index.labels.latest()


def test_files_that_do_not_use_their_label_are_not_counted(shelf: Shelf) -> None:
    shelf.enqueue("a.csv", label=None)
    shelf.enqueue("b.png", 2, companions='{"boxes":[{}]}')
    gone = shelf.enqueue("c.csv", 3)
    shelf.claim()
    shelf.settle(gone, Event.GONE)
    assert {} == shelf.index.labels.latest()


def test_only_the_latest_files_are_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_READ", 2)
    for number in range(4):
        shelf.enqueue(f"{number}.csv", number + 1, label=str(number))
    assert {shelf.root.id: {"2": LabelCount(1, 1), "3": LabelCount(1, 1)}} == shelf.index.labels.latest()
