"""Entries of sidecars, from the folder into the outbox: read once, in pieces, and never guessed."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import sidecars
from eisync.core.formats.json_stream import Checkpoint
from eisync.core.ignore import IgnoreRules
from eisync.core.known_content import Trust
from eisync.core.labels.entry import Entry
from eisync.core.labels.parts import PartKind, unpacked
from eisync.core.lifecycle import State
from eisync.errors import StateError
from eisync.loops.watcher import sidecars as module
from eisync.loops.watcher.context import Runtime
from eisync.loops.watcher.sidecars import SidecarReader
from eisync.store.sidecars import Sidecars as Shelf
from tests.fakes import failing

from .yard import Yard, run

READY, SETTLING = State.READY, State.SETTLING
BOXES = "bounding_boxes.labels"


def sidecar(**files_: int) -> bytes:
    return json.dumps(
        {"boundingBoxes": {f"{name}.csv": [{"label": "b", "x": x}] for name, x in files_.items()}}
    ).encode()


def boxes(yard: Yard, path: str) -> list[int]:
    """Return the boxes with which the file would be sent, each by its x."""
    [record] = yard.index.records.files_at(yard.root.path, [path])
    companions: Any = record["companions"]
    return [box["x"] for box in unpacked(companions).get(PartKind.BOXES, [])]


def reasons(loop: Any, now: float) -> dict[str, str]:
    return {one.path: one.reason for one in loop.unsettled(now)}


# --- waiting for a sidecar


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "cannot be used: a name is missing in line 1; correct or remove it"),
        (b"[]", "cannot be used: it has no boundingBoxes; correct or remove it"),
        (b'{"type": "structured-labels", "boundingBoxes": {}}', "cannot be used: its type is not bounding-box-labels;"),
        (b"\xff", "cannot be used: it is not UTF-8 (byte 0xff);"),
        (b'\xff\xfe{\0\0\xdc"\0', "cannot be used: it is not UTF-16 (byte 0x00);"),
        (
            b'{"boundingBoxes": {"a.csv": 7}}',
            "the entry for it in bounding_boxes.labels cannot be used: it is not a list of objects",
        ),
    ],
)
def test_a_file_waits_until_its_sidecar_is_corrected(yard: Yard, content: bytes, reason: str) -> None:
    yard.write("a.csv")
    yard.write(BOXES, content)
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()
    assert reason in reasons(loop, yard.later)["a.csv"]
    assert 0 == loop.stuck(), "no known file waits, and none but those that need a person"

    yard.write(BOXES, sidecar(a=1))
    yard.fake_events.of(1).files.add(BOXES)
    run(loop, yard.later + 1.0)

    assert {"a.csv": READY} == yard.states()
    assert [1] == boxes(yard, "a.csv")


def test_a_waiting_file_is_held_back_while_its_sidecar_is_broken(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write("other/b.csv")
    yard.write(BOXES, sidecar(a=1))
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write(BOXES, b"{")
    yard.fake_events.of(1).files.add(BOXES)
    run(loop, yard.later + 1.0)
    assert {"a.csv": SETTLING, "other/b.csv": READY} == yard.states()
    assert "cannot be used" in reasons(loop, yard.later + 1.0)["a.csv"]
    assert 1 == loop.stuck()

    (yard.path(BOXES)).unlink()
    yard.fake_events.of(1).files.add(BOXES)
    run(loop, yard.later + 2.0)

    assert {"a.csv": READY, "other/b.csv": READY} == yard.states()
    assert [] == boxes(yard, "a.csv")


def test_a_file_that_is_not_mentioned_waits_and_then_enters_without_it(yard: Yard) -> None:
    yard.write(BOXES, sidecar(a=1))
    yard.write("late.json", b"{}")
    yard.write("never.json", b"[]")
    now = max(yard.touched_at(path) for path in (BOXES, "late.json", "never.json")) + 0.5
    yard.fake_events.of(1).files |= {"late.json", "never.json"}
    yard.fake_events.of(1).closed |= {"late.json", "never.json"}
    loop = yard.watcher()
    run(loop, now)
    run(loop, now + 1.4)
    assert {} == yard.states()

    yard.write(BOXES, sidecar(a=1, late=2).replace(b"late.csv", b"late.json"))
    yard.fake_events.of(1).files.add(BOXES)
    run(loop, now + 1.45)
    assert {"late.json": READY} == yard.states()
    assert "does not mention the file; it is sent without that in" in reasons(loop, now + 1.45)["never.json"]
    run(loop, yard.later)
    assert {"late.json": READY, "never.json": READY} == yard.states()
    assert ([2], []) == (boxes(yard, "late.json"), boxes(yard, "never.json"))


def test_a_sidecar_that_never_stops_changing_does_not_block_files_for_ever(yard: Yard) -> None:
    yard.write("a.csv")
    now = yard.touched_at("a.csv")
    loop = yard.watcher()
    for second in range(700):
        if second % 100 == 0:
            yard.write(BOXES, sidecar(other=second))
            yard.fake_events.of(1).files.add(BOXES)
        run(loop, now + second)
    assert {"a.csv": READY} == yard.states()


# --- which sidecars apply


def test_a_sidecar_that_is_ignored_says_nothing(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write(BOXES, b"{")
    yard.write("old/info.labels", b"{")
    yard.write("keep/b.csv")
    run(yard.watcher(eligibility=IgnoreRules([BOXES, "old/"])), yard.later)
    assert {"a.csv": READY, "keep/b.csv": READY} == yard.states()


def test_a_sidecar_that_is_a_link_is_not_followed(yard: Yard) -> None:
    yard.write("a.csv")
    outside = yard.place / "outside.labels"
    outside.write_bytes(sidecar(a=1))
    yard.path(BOXES).symlink_to(outside)
    run(yard.watcher(), yard.later)
    assert [] == boxes(yard, "a.csv")


def test_a_renamed_file_gets_the_entry_of_its_new_name(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write(BOXES, sidecar(a=1, b=2))
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    yard.fake_events.of(1).files |= {"a.csv", "b.csv"}
    run(loop, yard.later + 1.0)
    run(loop, yard.later + 2.0)
    assert {"b.csv": READY} == yard.states()
    assert [2] == boxes(yard, "b.csv")


def test_info_labels_applies_to_the_folders_below_it_only(yard: Yard) -> None:
    paths = ["set/a.csv", "set/a/b.csv", "set-2/c.csv", "d.csv"]
    for path in paths:
        yard.write(path)
    loop = yard.watcher()
    run(loop, yard.later)
    entries = [{"path": path.removeprefix("set/"), "label": "sidecar"} for path in paths]
    yard.write("set/info.labels", json.dumps({"files": entries}).encode())
    yard.fake_events.of(1).files.add("set/info.labels")
    run(loop, yard.later + 1.0)
    assert {"set/a.csv": "sidecar", "set/a/b.csv": "sidecar", "set-2/c.csv": "c", "d.csv": "d"} == {
        path: yard.record(path)["label"] for path in paths
    }


def test_an_unmounted_root_removes_no_sidecar(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write(BOXES, sidecar(a=1))
    loop = yard.watcher()
    run(loop, yard.later)
    away = yard.place / "away"
    yard.path("").rename(away)
    yard.fake_events.of(1).files.add(BOXES)
    for second in range(1, 200, 40):
        loop.tick(yard.later + second)
    assert [1] == boxes(yard, "a.csv")
    away.rename(yard.path(""))
    run(loop, yard.later + 300.0)
    assert [1] == boxes(yard, "a.csv")


# --- a large sidecar


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
@pytest.mark.timeout(600)  # counting allocations is slow
def test_an_info_labels_of_30_000_files_is_read_once_in_pieces_and_not_kept(yard: Yard) -> None:
    content = account(30_000)
    yard.write("info.labels", content)
    reads: list[str] = []

    def entries(root: str, place: str, after: Checkpoint | None, _: Any) -> sidecars.Reading:
        reads.append(place)
        return sidecars.Reading(root, place, after)

    shelf = Shelf(yard.database)
    root = SidecarReader(yard.watched(), shelf, yard.outside(read_sidecar=entries), Trust(), lambda: True, yard.log)
    tracemalloc.start()
    try:
        root.begin_tick()
        root.check_now("info.labels", yard.later)
        ticks = 1
        while root.is_busy:
            root.begin_tick()
            ticks += 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    facts = root.facts_at("info.labels", yard.later)
    assert facts is not None
    stored_sidecar = root.stored_sidecar("info.labels", facts)
    assert stored_sidecar is not None
    for number in range(0, 30_000, 3_000):
        entry = root.said_of(stored_sidecar, f"training/part.{number:06}.png")
        assert isinstance(entry, Entry)
        assert "x" == entry.label
    root.check_all(yard.later + 100.0)
    assert ["info.labels"] == reads
    assert 30_000 == stored_sidecar.entries
    assert ticks >= 30_000 // module.ENTRIES_PER_TICK
    assert len(content) > 4_500_000
    assert peak < 3_000_000, peak


@pytest.mark.parametrize("method", ["begin", "add", "finish"])
def test_a_store_that_fails_during_reading_loses_no_entry(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(module, "ENTRIES_PER_TICK", 2)
    yard.write("info.labels", account(7))
    shelf = Shelf(yard.database)
    monkeypatch.setattr(shelf, method, failing(2, StateError("disk full"), getattr(shelf, method)))
    root = SidecarReader(yard.watched(), shelf, yard.outside(), Trust(), lambda: True, yard.log)
    failures = 0
    for second in range(40):
        try:
            root.begin_tick()
            facts = root.facts_at("info.labels", yard.later + second)
        except StateError:
            failures += 1
    assert 2 == failures
    assert facts is not None
    stored_sidecar = root.stored_sidecar("info.labels", facts)
    assert stored_sidecar is not None
    assert 7 == stored_sidecar.entries


def test_files_wait_while_info_labels_is_read(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES_PER_TICK", 2)
    yard.write("wave.csv")
    yard.write("info.labels", account(30))
    loop = yard.watcher()
    for _ in range(8):
        loop.tick(yard.later)
    assert {} == yard.states()
    run(loop, yard.later + 1.0)
    assert READY is yard.states()["wave.csv"]


# --- a sidecar that changes


class Read:
    """Counts the readings: how much each read, and whether it continued an earlier one."""

    def __init__(self) -> None:
        self.all: list[sidecars.Reading] = []

    def __call__(self, root: str, place: str, after: Checkpoint | None, _: Any) -> sidecars.Reading:
        self.all.append(sidecars.Reading(root, place, after))
        return self.all[-1]


def lines(*entries: tuple[str, str]) -> bytes:
    return b'{"__ndjson": true}\n' + b"".join(
        json.dumps({"path": path, "label": label}).encode() + b"\n" for path, label in entries
    )


def listed(*entries: tuple[str, str], first: int = 1) -> bytes:
    files_ = [{"path": path, "label": label} for path, label in entries]
    return json.dumps({"version": first, "files": files_, "more": None}, indent=1).encode()


def beside(*entries: tuple[str, str]) -> bytes:
    return json.dumps({"structuredLabels": {path: [{"label": label}] for path, label in entries}}).encode()


def labels_of(yard: Yard) -> dict[str, Any]:
    """Return the label of each file that entered; the first one for structured labels."""
    found = {}
    for path in yard.states():
        [record] = yard.index.records.files_at(yard.root.path, [path])
        companions: Any = record["companions"]
        [structured] = unpacked(companions).get(PartKind.STRUCTURED, [{"label": record["label"]}])
        found[path] = structured["label"]
    return found


OLD = [(f"old.{number}.csv", "old") for number in range(200)]


@pytest.mark.parametrize(
    ("name", "form"), [("info.labels", lines), ("info.labels", listed), ("structured_labels.labels", beside)]
)
def test_a_sidecar_that_only_grew_is_read_from_its_old_end(yard: Yard, name: str, form: Any) -> None:
    reads = Read()
    yard.write(name, b"\xef\xbb\xbf" + form(*OLD))
    loop = yard.watcher(outside={"read_sidecar": reads})
    run(loop, yard.later)
    for number in range(1, 6):
        new = [(f"né.{one}.csv", f"new {one}") for one in range(number)]
        yard.write(f"né.{number - 1}.csv")
        yard.write(name, b"\xef\xbb\xbf" + form(*OLD, *new))
        yard.fake_events.of(1).files |= {name, f"né.{number - 1}.csv"}
        run(loop, yard.later + number)
    assert {f"né.{number}.csv": f"new {number}" for number in range(5)} == labels_of(yard)
    first, *others = reads.all
    assert (5, True) == (len(others), all(one.is_continued for one in others))
    assert max(one.taken for one in others) < first.taken / 20


@pytest.mark.parametrize(
    ("name", "form"), [("info.labels", lines), ("info.labels", listed), ("structured_labels.labels", beside)]
)
def test_a_sidecar_in_utf_16_is_read_again_from_the_start_when_it_grew(yard: Yard, name: str, form: Any) -> None:
    loop = yard.watcher()
    for number in range(1, 4):
        new = [(f"né.{one}.csv", f"new {one}") for one in range(number)]
        yard.write(f"né.{number - 1}.csv")
        yard.write(name, form(*OLD, *new).decode().encode("utf-16"))
        yard.fake_events.of(1).files |= {name, f"né.{number - 1}.csv"}
        run(loop, yard.later + number)
    assert {f"né.{number}.csv": f"new {number}" for number in range(3)} == labels_of(yard)


@pytest.mark.parametrize("form", [lines, listed])
@pytest.mark.parametrize("edited", [("old.7.csv", "new"), ("old.7.csv", "longer")])
def test_a_sidecar_that_grew_and_was_edited_is_read_again_from_the_start(
    yard: Yard, form: Any, edited: tuple[str, str]
) -> None:
    reads = Read()
    yard.write("info.labels", form(*OLD))
    loop = yard.watcher(outside={"read_sidecar": reads})
    run(loop, yard.later)
    yard.write("info.labels", form(*OLD[:7], edited, *OLD[8:], ("old.200.csv", "old")))
    yard.write("old.7.csv")
    yard.fake_events.of(1).files |= {"info.labels", "old.7.csv"}
    run(loop, yard.later + 1.0)
    assert {"old.7.csv": edited[1]} == labels_of(yard)
    assert [False, False] == [one.is_continued for one in reads.all]


@pytest.mark.parametrize("form", [lines, listed])
def test_recordings_enter_while_their_recorder_adds_an_entry_for_each(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    monkeypatch.setattr(module, "ENTRIES_PER_TICK", 20)  # the info.labels takes ten ticks, and changes with each
    yard.write("info.labels", form(*OLD))
    reads = Read()
    loop = yard.watcher(outside={"read_sidecar": reads})
    entries = list(OLD)
    for number in range(40):
        entries.append((f"rec.{number}.csv", f"wave {number}"))
        yard.write(f"rec.{number}.csv")
        yard.write("info.labels", form(*entries))
        yard.fake_events.of(1).files |= {"info.labels", f"rec.{number}.csv"}
        loop.tick(yard.later + number)
    arrived = labels_of(yard)
    assert len(arrived) >= 25, "and not when it is over"
    assert {path: label for path, label in entries if path in arrived} == arrived
    run(loop, yard.later + 100.0)
    assert dict(entries[200:]) == labels_of(yard)
    assert sum(one.taken for one in reads.all) < 3 * len(form(*entries))


@pytest.mark.parametrize("is_in_place", [False, True])
def test_a_sidecar_that_changes_during_every_reading_does_not_block_files_for_ever(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, is_in_place: bool
) -> None:
    yard.write("info.labels", listed(*OLD, ("known.csv", "reported"), first=1))
    loop = yard.watcher()
    run(loop, yard.later)
    monkeypatch.setattr(module, "ENTRIES_PER_TICK", 20)
    yard.write("known.csv")
    yard.write("never.csv")
    yard.fake_events.of(1).files |= {"known.csv", "never.csv"}
    gone_at: dict[str, int] = {}
    for second in range(700):
        place = yard.path("info.labels" if is_in_place else "new")
        place.write_bytes(listed(*OLD, ("known.csv", "reported"), first=10 + second))
        if not is_in_place:
            place.rename(yard.path("info.labels"))
        yard.fake_events.of(1).files.add("info.labels")
        loop.tick(yard.later + second)
        gone_at |= {path: second for path in yard.states() if path not in gone_at}
        if len(gone_at) == 2:
            break
    assert gone_at["known.csv"] <= module.BEHIND_S + 2.0
    assert {"known.csv": "reported", "never.csv": "never"} == labels_of(yard)


@pytest.mark.parametrize("form", [lines, listed])
def test_the_entries_of_a_truncated_sidecar_are_used_and_other_files_wait(yard: Yard, form: Any) -> None:
    content = form(("a.csv", "first"), ("b.csv", "second"), ("c.csv", "third"))
    end = content.index(b"third")
    yard.write("info.labels", content[:end])
    for path in ("a.csv", "c.csv"):
        yard.write(path)
    reads = Read()
    loop = yard.watcher(outside={"read_sidecar": reads})
    run(loop, yard.later)
    assert {"a.csv": "first"} == labels_of(yard)
    assert "cannot be used" in reasons(loop, yard.later)["c.csv"]
    assert 0 == loop.stuck()
    yard.write("info.labels", content)
    yard.fake_events.of(1).files.add("info.labels")
    run(loop, yard.later + 1.0)
    assert {"a.csv": "first", "c.csv": "third"} == labels_of(yard)
    assert [False, True] == [one.is_continued for one in reads.all]


def test_garbage_after_the_read_entries_makes_the_sidecar_unusable(yard: Yard) -> None:
    yard.write("info.labels", lines(("a.csv", "first")))
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write("info.labels", lines(("a.csv", "first")) + b"nonsense\n")
    yard.write("a.csv")
    yard.fake_events.of(1).files |= {"a.csv", "info.labels"}
    run(loop, yard.later + 1.0)
    assert {} == yard.states()
    assert "line 3 of info.labels is not JSON" in reasons(loop, yard.later + 1.0)["a.csv"]


def test_a_large_sidecar_does_not_delay_a_small_one(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES_PER_TICK", 40)
    monkeypatch.setattr(module, "SLICE", 10)
    yard.write("info.labels", lines(*((f"{number}.csv", "x") for number in range(5_000))))
    yard.write("small/info.labels", lines(("a.csv", "small")))
    yard.write("small/a.csv")
    loop = yard.watcher()
    for _ in range(6):
        loop.tick(yard.later)
    assert {"small/a.csv": "small"} == labels_of(yard)


def test_an_unusable_entry_affects_no_other_file_and_no_other_root(yard: Yard) -> None:
    other = yard.add_root("other")
    bad = {"boundingBoxes": {"\ud800.png": [], "a.csv": [{"label": "\ud800"}], "b.csv": [{"label": "b", "x": 2}]}}
    yard.write(BOXES, json.dumps(bad).encode())
    for path in ("a.csv", "b.csv", "c.csv"):
        yard.write(path)
    yard.write("d.csv", root=other)
    loop = yard.watcher(yard.watched(), yard.watched(other))
    run(loop, yard.later)
    assert {"b.csv": READY, "c.csv": READY, "other/d.csv": READY} == yard.states()
    assert [2] == boxes(yard, "b.csv")
    assert "it contains half a character; correct it" in reasons(loop, yard.later)["a.csv"]


# --- waiting files after a restart


def test_no_file_of_a_root_is_sent_before_all_are_described_again(yard: Yard) -> None:
    yard.fill(*(f"wave.{number}.csv" for number in range(1_200)))
    woken: list[bool] = []
    loop = yard.watcher(metadata={"site": "lab"}, runtime=Runtime(on_labelled=lambda: woken.append(True)))
    assert {1} == loop.unlabelled()
    ticks = 0
    while loop.unlabelled():
        loop.tick(yard.later)
        ticks += 1
    assert 3 <= ticks <= 6, "a page at a time"
    assert [True] == woken
    items = yard.outbox.claim("main", [1], limit=2_000, claim=1, now=yard.later)
    assert [(("site", "lab"),)] * 1_200 == [item.metadata for item in items]


def test_a_missing_root_does_not_block_another(yard: Yard) -> None:
    loop = yard.watcher()
    yard.path("").rmdir()
    loop.tick(yard.later)
    assert set() == loop.unlabelled()


# --- names in several forms


COMPOSED, APART = "t\u00fcr/\u00fc.csv", "tu\u0308r/u\u0308.csv"


@pytest.mark.parametrize("form", [lines, listed])
@pytest.mark.parametrize(("on_disk", "mentioned"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_a_waiting_file_gets_a_new_entry_in_another_unicode_form(
    yard: Yard, form: Any, on_disk: str, mentioned: str
) -> None:
    yard.write("info.labels", form(*OLD))
    yard.write(on_disk)
    loop = yard.watcher()
    run(loop, yard.later)
    run(loop, yard.later + 100.0)
    assert {on_disk: "\u00fc"} == labels_of(yard)
    yard.write("info.labels", form(*OLD, (mentioned, "door")))
    yard.fake_events.of(1).files |= {"info.labels"}
    run(loop, yard.later + 101.0)
    run(loop, yard.later + 110.0)
    assert {on_disk: "door"} == labels_of(yard)


def test_an_image_named_once_for_each_box_gets_added_boxes_too(yard: Yard) -> None:
    def named(*xs: int) -> bytes:
        every = [f'"old.{number}.csv":[]' for number in range(200)]
        every += [f'"a.csv":[{json.dumps({"label": "b", "x": x})}]' for x in xs]
        return f'{{"boundingBoxes":{{{",".join(every)}}}}}'.encode()

    reads = Read()
    yard.write("a.csv")
    yard.write(BOXES, named(1))
    loop = yard.watcher(outside={"read_sidecar": reads})
    run(loop, yard.later)
    assert [1] == boxes(yard, "a.csv")
    yard.write(BOXES, named(1, 2, 3))
    yard.fake_events.of(1).files |= {BOXES}
    run(loop, yard.later + 1.0)
    run(loop, yard.later + 10.0)
    assert [1, 2, 3] == boxes(yard, "a.csv")
    assert [False, True] == [one.is_continued for one in reads.all]


def test_a_file_mentioned_in_another_case_waits_and_enters_with_a_remark(yard: Yard) -> None:
    yard.write("day/info.labels", lines(("Idle.csv", "door")))
    yard.write("day/idle.csv")
    loop = yard.watcher()
    sentence = "day/info.labels mentions 'Idle.csv', but the file is 'idle.csv': rename one of them"
    run(loop, yard.later)
    run(loop, yard.later + 100.0)
    assert {"day/idle.csv": "idle"} == labels_of(yard)
    [reported] = yard.index.roots()[0].remarks
    assert ("not_mentioned", 1, sentence) == (reported.kind, reported.files, reported.example)
    assert [sentence] == [line.fields["reason"] for line in yard.log.lines if line.event == "files.said_in_part"]
    (Path(yard.root.path) / "day" / "info.labels").unlink()
    yard.fake_events.of(1).files |= {"day/info.labels"}
    run(loop, yard.later + 101.0)
    assert () == yard.index.roots()[0].remarks
