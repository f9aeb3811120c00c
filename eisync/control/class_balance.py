"""Answer how many files each class has, and where labels differ from those in Edge Impulse, without counting anew.

Counting a million files takes seconds. A running process does a part of it for each question and says how far it is;
until the next count is complete, the last one is the answer.
"""

import threading
from collections.abc import Iterator
from operator import attrgetter

from eisync.control.overview import Record
from eisync.core.class_balance import ClassBalance, is_due
from eisync.store.index import Index

STRETCHES = 20
"""So many stretches are counted for a question, which takes a fraction of a second."""


class ClassBalanceCounter:
    """Counts the files of all folders. Safe to use from any thread."""

    def __init__(self, index: Index, *, stretches: int | None = STRETCHES) -> None:
        """`stretches` are counted for a question. None: all at once, as no other question waits."""
        self._index = index
        self._stretches = stretches
        self._lock = threading.Lock()
        self._complete: ClassBalance | None = None
        self._counted_at = 0.0
        self._under_way: ClassBalance | None = ClassBalance()
        self._after = 0
        self._last = 0

    def answer(self, now: float) -> Iterator[Record]:
        """Yield a record for each class (`class`), the largest first, and one for each pair of labels that differ
        (`difference`), then how far the count is (`counted`)."""
        with self._lock:
            self._count(now)
            found = self._complete or self._under_way or ClassBalance()
            records = [
                *_classes(found),
                *_differences(found),
                {
                    "what": "counted",
                    "files": found.files,
                    "beyond": found.beyond,
                    "more_differences": found.more_differences,
                    "is_complete": self._complete is not None,
                    "share": 1.0 if self._under_way is None else round(self._after / max(1, self._last), 3),
                    "at": self._counted_at if self._complete is not None else None,
                },
            ]
        yield from records

    def _count(self, now: float) -> None:
        if self._complete is not None and self._under_way is None and is_due(self._complete, self._counted_at, now=now):
            self._under_way, self._after = ClassBalance(), 0
        done = 0
        while self._under_way is not None and done != self._stretches:
            done += 1
            stretch = self._index.balance.stretch(self._after)
            self._last = stretch.last
            self._under_way.add(stretch.counts, stretch.differences)
            if stretch.end is None:
                self._complete, self._counted_at, self._under_way = self._under_way, now, None
            else:
                self._after = stretch.end


def _classes(found: ClassBalance) -> Iterator[Record]:
    for one in sorted(found.classes.values(), key=lambda one: -one.synced - one.waiting):
        yield {
            "what": "class",
            "label": one.of.label,
            "category": one.of.category,
            "is_described": one.of.is_described,
            "synced": one.synced,
            "waiting": one.waiting,
        }


def _differences(found: ClassBalance) -> Iterator[Record]:
    for one in sorted(found.differences.values(), key=attrgetter("files"), reverse=True):
        yield {
            "what": "difference",
            "here": one.here,
            "there": one.there,
            "files": one.files,
            "root": one.root,
            "path": one.path,
        }
