"""The queue itself: how long claims and answers of 256 files each take with few rows and with very many.

Rows come by the front door of two databases, then claims and answers as the uploader makes them, of the one and the
other in turn, because machines are faster now than a minute ago. What was found is printed as JSON.

    python benchmarks/backlog.py FOLDER FEW_ROWS ROWS
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from eisync.core.lifecycle import Event
from eisync.core.model import Candidate, Category, FileFacts, Item
from eisync.core.outcome import Outcome
from eisync.store.database import open_database
from eisync.store.index import Index
from eisync.store.outbox import Outbox

BATCH_FILES = 256


def main() -> None:
    folder, few_rows, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    began = time.perf_counter()
    few, many = Backlog(folder, few_rows), Backlog(folder, rows)
    filled_s = time.perf_counter() - began
    before_mb = resident_mb()
    number = min(400, rows // BATCH_FILES - 1)
    pairs = min(number, few_rows // BATCH_FILES - 1)
    beside = {at * number // pairs for at in range(pairs)}  # spread evenly
    turns: list[tuple[float, float, float]] = []
    ratios: list[float] = []
    for at in range(number):
        turns.append(many.turn())
        if at in beside:
            ratios.append(turns[-1][0] / few.turn()[0])
    found = of_turns(turns) | many.counting()
    found |= {"filled_s": round(filled_s, 1), "claim_ratio": round(statistics.median(ratios), 2)}
    json.dump(found | {"grew_mb": round(resident_mb() - before_mb, 1)}, sys.stdout)


class Backlog:
    """A database with so many rows that are due."""

    def __init__(self, folder: str, rows: int) -> None:
        database, _ = open_database(f"{folder}-{rows}", exclusive=True)
        self._outbox, self._index, self._claims = Outbox(database), Index(database), 0
        self._index.register(["main"])
        [self._root] = self._outbox.register([("/data", "main")])
        for first in range(0, rows, 5000):
            self._outbox.enqueue(self._candidates(first, min(5000, rows - first)), now=1000.0 + first / 1e6)

    def turn(self) -> tuple[float, float, float]:
        """Claim and answer once. Return how long the claim, the answer and the question for the next one took, in s."""
        self._claims += 1
        began = time.perf_counter()
        items = self._outbox.claim("main", [self._root.id], limit=BATCH_FILES, claim=self._claims, now=2000.0)
        claimed = time.perf_counter()
        self._outbox.settle([outcome_of(item) for item in items], claim=self._claims, now=2000.0)
        settled = time.perf_counter()
        self._outbox.next_due_at("main", [self._root.id])
        return claimed - began, settled - claimed, time.perf_counter() - settled

    def counting(self) -> dict[str, float]:
        began = time.perf_counter()
        self._index.records.report([self._root.id])
        reported = time.perf_counter()
        self._index.records.counts()
        counted = time.perf_counter()
        return {"tally_ms": round((reported - began) * 1000, 2), "counts_ms": round((counted - reported) * 1000, 2)}

    def _candidates(self, first: int, number: int) -> Iterator[Candidate]:
        for n in range(first, first + number):
            yield Candidate(
                root_id=self._root.id,
                path=f"part-{n // 500:05}/wave.{n:07}.wav",
                target="main",
                facts=FileFacts(4096, n, n),
                label="wave",
                category=Category.SPLIT,
            )


def outcome_of(item: Item) -> Outcome:
    return Outcome(
        item_id=item.id, events=(Event.STORED,), reason="stored", sample_ids=(item.id,), sha256=f"{item.id:064x}"
    )


def of_turns(turns: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    claims, settles, dues = zip(*turns, strict=True)
    tenth = max(10, len(turns) // 10)  # fewer say more of the machine than of the queue
    return {
        "claim_ms": median_ms(claims),
        "first_claim_ms": median_ms(claims[:tenth]),
        "last_claim_ms": median_ms(claims[-tenth:]),
        "settle_ms": median_ms(settles),
        "next_due_ms": median_ms(dues),
    }


def median_ms(values: Sequence[float]) -> float:
    return round(statistics.median(values) * 1000, 3)


def resident_mb() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    main()
