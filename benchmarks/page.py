"""The page over very many files: how long a first look and later ones take. What was found is printed as JSON.

Rows come by the front door of the database: most are stored, some wait, some are quarantined for a few reasons. The
page is asked as a browser asks, without the network between.

    python benchmarks/page.py FOLDER [ROWS]
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from werkzeug.test import Client

from eisync.adapters import clock
from eisync.control.operations import Operations
from eisync.control.running import Running
from eisync.core.lifecycle import Event
from eisync.core.model import Candidate, Category, FileFacts, Item
from eisync.core.outcome import Outcome
from eisync.log import configure
from eisync.store.actions import ActionStore
from eisync.store.database import open_database
from eisync.store.index import Index
from eisync.store.outbox import Outbox
from eisync.web.access import AccessRules
from eisync.web.credentials import LINK_S, Credentials
from eisync.web.start import Clocks, site_of

BATCH_FILES = 1000
WAITING, REFUSED = 50, 100  # one file in so many waits, or is refused
REASONS = ("the service cannot read it", "it has no values", "its label is too long", "header row 3 has 2 columns")
LOOKS = 20
ADDRESS = "http://127.0.0.1:4820"


def main() -> None:
    folder, rows = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    database, _ = open_database(folder, exclusive=True)
    outbox, index, actions = Outbox(database), Index(database), ActionStore(database)
    index.register(["main"])
    roots = outbox.register([("/data", "main"), ("/more", "main")])
    have = sum(index.records.counts().by_state.values())
    began = time.perf_counter()
    for first in range(have, rows, BATCH_FILES):
        fill(outbox, roots[first // BATCH_FILES % 2].id, first, min(BATCH_FILES, rows - first))
    found: dict[str, Any] = {"rows": rows, "filled_s": round(time.perf_counter() - began, 1)}
    operations = Operations(outbox, index, actions, now=clock.now, running=Running(live=lambda: LIVE))
    found |= {"status_ms": median_ms([spent_s(lambda: list(operations.answer({"do": "status"}))) for _ in range(5)])}
    found |= {"status_cpu_ms": median_ms([cpu_s(lambda: list(operations.answer({"do": "status"}))) for _ in range(5)])}
    firsts, nexts, cpus = zip(*(looks(operations) for _ in range(9)), strict=True)
    found |= {
        "first_look_ms": median_ms(firsts),
        "next_look_ms": median_ms(nexts),
        "first_look_cpu_ms": median_ms(cpus),
    }
    found |= {"lists_cpu_ms": lists(operations)}
    json.dump(found, sys.stdout, indent=2)
    database.close()


LIVE: dict[str, Any] = {
    "pid": 1,
    "verb": "run",
    "version": "1",
    "held": {},
    "lost": None,
    "clock": None,
    "watching": [],
}
LIVE |= {"lineage": {}, "retention": [], "loops": []}


LISTS = (
    "/files",
    "/files?sort=oldest",
    "/files?sort=path",
    "/files?sort=size",
    "/files?search=wave.0000007.wav",
    "/files?search=nothing",
    "/files?state=quarantined",
    "/files?state=tombstone",
    "/files?label=label-7",
    "/files?label=nothing",
    "/files?label=label-7&sort=path",
    "/files?category=testing",
    "/files?problem=1",
    "/files?differs=1",
    "/classes",
)


def lists(operations: Operations) -> dict[str, float]:
    """Return how much processor time the lists of files take (ms), and the tenth page of one."""
    browser = logged_in(operations)
    found = {path: median_ms([cpu_s(lambda path=path: look(browser, path)) for _ in range(3)]) for path in LISTS}
    address = "/files?sort=path"
    for _ in range(9):
        text = browser.get(address, base_url=ADDRESS).text
        address = text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    return {**found, "the tenth page": median_ms([cpu_s(lambda: look(browser, address)) for _ in range(3)])}


def looks(operations: Operations) -> tuple[float, float, float]:
    """Return how long the first look of a fresh page takes, a later one, and the processor time of the first (s)."""
    browser = logged_in(operations)
    began_s = time.process_time()
    first_s = spent_s(lambda: look(browser, "/"))
    first_cpu_s = time.process_time() - began_s
    return first_s, statistics.median(spent_s(lambda: look(browser, "/live")) for _ in range(LOOKS)), first_cpu_s


def logged_in(operations: Operations) -> Client:
    """Return a browser that is logged in to a fresh page."""
    credentials = Credentials("5e" * 32, now=clock.now)
    clocks = Clocks(now=clock.now, monotonic=clock.monotonic, spent_s=clock.spent_s)
    rules = AccessRules(address="127.0.0.1")
    site = site_of(rules, operations, credentials, port=4820, clocks=clocks, log=configure(level="error"), more={})
    browser = Client(site)
    assert 200 == browser.get(f"/login?code={credentials.link_code(LINK_S)}", base_url=ADDRESS).status_code
    return browser


def look(browser: Client, path: str) -> None:
    answer = browser.get(path, base_url=ADDRESS)
    assert answer.status_code in (200, 204), answer.text


def fill(outbox: Outbox, root_id: int, first: int, number: int) -> None:
    now = clock.now()
    outbox.enqueue(candidates(root_id, first, number), now=now)
    items = outbox.claim("main", [root_id], limit=number, claim=1, now=now + 1)
    outbox.settle([outcome_of(item, now) for item in items], claim=1, now=now + 1)


def candidates(root_id: int, first: int, number: int) -> Iterator[Candidate]:
    for n in range(first, first + number):
        yield Candidate(
            root_id=root_id,
            path=f"part-{n // 500:05}/wave.{n:07}.wav",
            target="main",
            facts=FileFacts(4096, n, n),
            label=f"label-{n % 20}",
            category=Category.SPLIT,
        )


def outcome_of(item: Item, now: float) -> Outcome:
    if item.id % WAITING == 0:
        return Outcome(item_id=item.id, events=(Event.DEFER,), reason="the service is busy", due_at=now + 86_400)
    if item.id % REFUSED == 1:
        return Outcome(item_id=item.id, events=(Event.REFUSE,), reason=REASONS[item.id // REFUSED % len(REASONS)])
    digest = f"{item.id:064x}"
    return Outcome(item_id=item.id, events=(Event.STORED,), reason="stored", sample_ids=(item.id,), sha256=digest)


def spent_s(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cpu_s(work: Any) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def median_ms(values: Sequence[float]) -> float:
    return round(statistics.median(values) * 1000, 1)


if __name__ == "__main__":
    main()
