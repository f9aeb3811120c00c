"""What sidecars say, from the folder into the outbox: read once, in pieces, and never guessed."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from eisync.adapters import files, sidecars
from eisync.core.companions import Kind, unpacked
from eisync.core.eligible import Eligibility
from eisync.core.lifecycle import State
from eisync.core.sidecars import Entry
from eisync.errors import StateError
from eisync.loops import sidecars as module
from eisync.loops.sidecars import Sidecars
from eisync.store.sidecars import Sidecars as Shelf
from tests.fakes import failing

from .yard import Yard, run

READY, SETTLING = State.READY, State.SETTLING
BOXES = "bounding_boxes.labels"


def said(**files_: int) -> bytes:
    return json.dumps(
        {"boundingBoxes": {f"{name}.csv": [{"label": "b", "x": x}] for name, x in files_.items()}}
    ).encode()


def boxes(yard: Yard, path: str) -> list[int]:
    """The boxes with which the file would be sent, each by its x."""
    [record] = yard.index.files_at(yard.root.path, [path])
    companions: Any = record["companions"]
    return [box["x"] for box in unpacked(companions).get(Kind.BOXES, [])]


def reasons(loop: Any, now: float) -> dict[str, str]:
    return {one.path: one.reason for one in loop.unsettled(now)}


# --- what a file waits for


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "cannot be used: a name is missing in line 1; mend it or take it away"),
        (b"[]", "cannot be used: it has no boundingBoxes; mend it"),
        (b'{"type": "structured-labels", "boundingBoxes": {}}', "cannot be used: its type is not bounding-box-labels;"),
        (b"\xff\xfe", "cannot be used: it is not UTF-8 (byte 0xff);"),
        (b'{"boundingBoxes": {"a.csv": 7}}', "says of it cannot be used: what bounding_boxes.labels says of it is no"),
    ],
)
def test_a_file_waits_until_its_sidecar_is_mended(yard: Yard, content: bytes, reason: str) -> None:
    yard.write("a.csv")
    yard.write(BOXES, content)
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()
    assert reason in reasons(loop, yard.later)["a.csv"]
    assert 0 == loop.stuck(), "no known file waits, and none but those that need a person"

    yard.write(BOXES, said(a=1))
    yard.ear.of(1).files.add(BOXES)
    run(loop, yard.later + 1.0)

    assert {"a.csv": READY} == yard.states()
    assert [1] == boxes(yard, "a.csv")


def test_what_waits_goes_back_when_its_sidecar_breaks_and_comes_again(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write("other/b.csv")
    yard.write(BOXES, said(a=1))
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write(BOXES, b"{")
    yard.ear.of(1).files.add(BOXES)
    run(loop, yard.later + 1.0)
    assert {"a.csv": SETTLING, "other/b.csv": READY} == yard.states()
    assert "cannot be used" in reasons(loop, yard.later + 1.0)["a.csv"]
    assert 1 == loop.stuck()

    (yard.path(BOXES)).unlink()
    yard.ear.of(1).files.add(BOXES)
    run(loop, yard.later + 2.0)

    assert {"a.csv": READY, "other/b.csv": READY} == yard.states()
    assert [] == boxes(yard, "a.csv")


def test_a_file_that_is_not_mentioned_may_still_be_and_goes_without_then(yard: Yard) -> None:
    yard.write(BOXES, said(a=1))
    yard.write("late.json", b"{}")
    yard.write("never.json", b"[]")
    now = max(yard.touched_at(path) for path in (BOXES, "late.json", "never.json")) + 0.5
    yard.ear.of(1).files |= {"late.json", "never.json"}
    yard.ear.of(1).closed |= {"late.json", "never.json"}
    loop = yard.watcher()
    run(loop, now)
    run(loop, now + 1.4)
    assert {} == yard.states()

    yard.write(BOXES, said(a=1, late=2).replace(b"late.csv", b"late.json"))
    yard.ear.of(1).files.add(BOXES)
    run(loop, now + 1.45)
    assert {"late.json": READY} == yard.states()
    assert "does not mention it; it goes without in" in reasons(loop, now + 1.45)["never.json"]
    run(loop, yard.later)
    assert {"late.json": READY, "never.json": READY} == yard.states()
    assert ([2], []) == (boxes(yard, "late.json"), boxes(yard, "never.json"))


def test_a_sidecar_that_is_written_to_for_ever_keeps_no_file_for_ever(yard: Yard) -> None:
    yard.write("a.csv")
    now = yard.touched_at("a.csv")
    loop = yard.watcher()
    for second in range(700):
        if second % 100 == 0:
            yard.write(BOXES, said(other=second))
            yard.ear.of(1).files.add(BOXES)
        run(loop, now + second)
    assert {"a.csv": READY} == yard.states()


# --- which sidecars


def test_a_sidecar_that_is_ignored_says_nothing(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write(BOXES, b"{")
    yard.write("old/info.labels", b"{")
    yard.write("keep/b.csv")
    run(yard.watcher(eligibility=Eligibility([BOXES, "old/"])), yard.later)
    assert {"a.csv": READY, "keep/b.csv": READY} == yard.states()


def test_a_sidecar_that_is_a_link_is_not_followed(yard: Yard) -> None:
    yard.write("a.csv")
    outside = yard.place / "outside.labels"
    outside.write_bytes(said(a=1))
    yard.path(BOXES).symlink_to(outside)
    run(yard.watcher(), yard.later)
    assert [] == boxes(yard, "a.csv")


def test_a_renamed_file_takes_what_is_said_of_its_new_name(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write(BOXES, said(a=1, b=2))
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    yard.ear.of(1).files |= {"a.csv", "b.csv"}
    run(loop, yard.later + 1.0)
    run(loop, yard.later + 2.0)
    assert {"b.csv": READY} == yard.states()
    assert [2] == boxes(yard, "b.csv")


def test_an_account_reaches_the_folders_below_it_and_no_other(yard: Yard) -> None:
    paths = ["set/a.csv", "set/a/b.csv", "set-2/c.csv", "d.csv"]
    for path in paths:
        yard.write(path)
    loop = yard.watcher()
    run(loop, yard.later)
    entries = [{"path": path.removeprefix("set/"), "label": "said"} for path in paths]
    yard.write("set/info.labels", json.dumps({"files": entries}).encode())
    yard.ear.of(1).files.add("set/info.labels")
    run(loop, yard.later + 1.0)
    assert {"set/a.csv": "said", "set/a/b.csv": "said", "set-2/c.csv": "c", "d.csv": "d"} == {
        path: yard.record(path)["label"] for path in paths
    }


def test_a_root_that_went_away_took_no_sidecar_along(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write(BOXES, said(a=1))
    loop = yard.watcher()
    run(loop, yard.later)
    away = yard.place / "away"
    yard.path("").rename(away)
    yard.ear.of(1).files.add(BOXES)
    for second in range(1, 200, 40):
        loop.tick(yard.later + second)
    assert [1] == boxes(yard, "a.csv")
    away.rename(yard.path(""))
    run(loop, yard.later + 300.0)
    assert [1] == boxes(yard, "a.csv")


# --- a large one


def account(number: int) -> bytes:
    box = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
    lines = (
        json.dumps(
            {
                "path": f"training/part.{one:06}.png",
                "label": {"type": "label", "label": "x"},
                "boundingBoxes": [box] * 2,
            }
        )
        for one in range(number)
    )
    return b'{"version":1,"files":[\n' + ",\n".join(lines).encode() + b"\n]}"


@pytest.mark.slow
@pytest.mark.timeout(600)  # what is allocated is counted, which takes its time
def test_an_account_of_100_000_files_is_read_once_in_pieces_and_not_held(yard: Yard) -> None:
    content = account(100_000)
    yard.write("info.labels", content)
    reads: list[str] = []

    def entries(root: str, place: str) -> Iterator[Entry]:
        reads.append(place)
        return sidecars.entries(root, place)

    shelf = Shelf(yard.database)
    root = Sidecars(
        yard.root, Eligibility(), files=files, reads=entries, sheets=shelf, is_online=lambda: True, log=yard.log
    )
    tracemalloc.start()
    try:
        root.begin_tick()
        root.heed("info.labels", yard.later)
        ticks = 1
        while root.is_busy:
            root.begin_tick()
            ticks += 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    facts = root.facts_at("info.labels", yard.later)
    assert facts is not None
    sheet = root.sheet("info.labels", facts)
    assert sheet is not None
    for number in range(0, 100_000, 10_000):
        entry = root.said_of(sheet, f"training/part.{number:06}.png")
        assert entry is not None
        assert "x" == entry.label
    root.look_again(yard.later + 100.0)
    assert ["info.labels"] == reads
    assert 100_000 == sheet.entries
    assert ticks >= 100_000 // module.ENTRIES_A_TICK
    assert len(content) > 15_000_000
    assert peak < 8_000_000


@pytest.mark.parametrize("method", ["begin", "add", "finish"])
def test_a_store_that_fails_while_one_is_read_costs_no_entry(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(module, "ENTRIES_A_TICK", 2)
    yard.write("info.labels", account(7))
    shelf = Shelf(yard.database)
    monkeypatch.setattr(shelf, method, failing(2, StateError("disk full"), getattr(shelf, method)))
    root = Sidecars(
        yard.root,
        Eligibility(),
        files=files,
        reads=sidecars.entries,
        sheets=shelf,
        is_online=lambda: True,
        log=yard.log,
    )
    failures = 0
    for second in range(40):
        try:
            root.begin_tick()
            facts = root.facts_at("info.labels", yard.later + second)
        except StateError:
            failures += 1
    assert 2 == failures
    assert facts is not None
    sheet = root.sheet("info.labels", facts)
    assert sheet is not None
    assert 7 == sheet.entries


def test_files_wait_while_an_account_is_read(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES_A_TICK", 2)
    yard.write("wave.csv")
    yard.write("info.labels", account(30))
    loop = yard.watcher()
    for _ in range(8):
        loop.tick(yard.later)
    assert {} == yard.states()
    run(loop, yard.later + 1.0)
    assert READY is yard.states()["wave.csv"]


# --- what waits, after a start


def test_nothing_of_a_root_is_sent_before_what_waits_is_described_anew(yard: Yard) -> None:
    yard.fill(*(f"wave.{number}.csv" for number in range(1_200)))
    woken: list[bool] = []
    loop = yard.watcher(metadata={"site": "lab"}, handed={"labelled": lambda: woken.append(True)})
    assert {1} == loop.unlabelled()
    ticks = 0
    while loop.unlabelled():
        loop.tick(yard.later)
        ticks += 1
    assert 3 <= ticks <= 6, "a page at a time"
    assert [True] == woken
    items = yard.outbox.claim("main", [1], limit=2_000, claim=1, now=yard.later)
    assert [(("site", "lab"),)] * 1_200 == [item.metadata for item in items]


def test_a_root_that_is_away_keeps_no_other_from_being_sent(yard: Yard) -> None:
    loop = yard.watcher()
    yard.path("").rmdir()
    loop.tick(yard.later)
    assert set() == loop.unlabelled()
