"""Annotations of other files: left out because of their content, read once for each version, and counted."""

import os
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import sidecars
from eisync.core.completeness import CompletenessPolicy
from eisync.core.labels.annotations import ANNOTATION
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts
from eisync.errors import UnreachableError
from eisync.loops.watcher import left_out as module
from eisync.loops.watcher.left_out import NotSamples
from tests.core import formats

from .yard import Yard, run

READY, QUARANTINED, GONE, SYNCED = State.READY, State.QUARANTINED, State.GONE, State.SYNCED
YOLO = b"0 0.5 0.5 0.1 0.1\n"
JSON = b'{"start": 1, "freq": 162400000}'


class Counting:
    """The real function, with a list of the files that it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, root: str, path: str, facts: FileFacts, is_known: Any, head: bytes) -> Any:
        self.asked.append(path)
        return sidecars.annotation_at(root, path, facts, is_known, head)


def left_out(yard: Yard) -> dict[str, int]:
    (root,) = yard.index.roots()
    return dict(root.left_out)


def fill(yard: Yard) -> None:
    yard.write("images/im0.jpg", formats.jpeg(b"1"))
    yard.write("labels/im0.txt", YOLO)
    yard.write("labels/im1.txt", b"")
    yard.write("im2.png", formats.png(b"2"))
    yard.write("im2.txt", b"")
    yard.write("classes.txt", b"cat\n")
    yard.write("call.1.wav", formats.wav(b"12" * 100))
    yard.write("call.1.json", JSON)
    yard.write("call.1.txt", b"timestamp,x\n0,1\n")


SAMPLES = {"images/im0.jpg": READY, "im2.png": READY, "call.1.wav": READY, "call.1.txt": READY}


def test_annotations_are_left_out_and_counted_in_one_line(yard: Yard) -> None:
    fill(yard)
    loop = yard.watcher()
    run(loop, yard.later)
    assert SAMPLES == yard.states()
    assert ({ANNOTATION: 5}, []) == (left_out(yard), loop.unsettled(yard.later))
    assert "file.quarantined" not in yard.log.events()


def test_each_version_is_read_once_for_annotations(yard: Yard) -> None:
    fill(yard)
    reported = Counting()
    loop = yard.watcher(outside={"annotation_of": reported})
    run(loop, yard.later)
    looked_into = ["call.1.json", "classes.txt", "im2.txt", "labels/im0.txt", "labels/im1.txt"]
    assert looked_into == sorted(reported.asked), "a table is known at a glance"
    reported.asked.clear()
    for scan in range(1, 4):
        run(loop, yard.later + 4000.0 * scan)
    assert ([], {ANNOTATION: 5}) == (reported.asked, left_out(yard))
    yard.write("classes.txt", b"cat\ndog\n")
    run(loop, yard.later + 20_000.0)
    run(loop, yard.later + 24_000.0)
    assert (["classes.txt"], {ANNOTATION: 5}) == (reported.asked, left_out(yard))


def test_no_file_is_opened_for_it_besides_the_format_check(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> int:
        raise AssertionError("what was read already is enough")

    monkeypatch.setattr(sidecars, "open_inside", never)
    fill(yard)
    yard.write("a.csv", b"timestamp,x\n0,1\n" * 1000)
    yard.write("b.json", b'{"protected": {}, "payload": {}}')
    run(yard.watcher(), yard.later)
    assert SAMPLES | {"a.csv": READY, "b.json": READY} == yard.states()
    assert {ANNOTATION: 5} == left_out(yard)


def test_an_annotation_longer_than_its_head_is_read_further(yard: Yard) -> None:
    yard.write("a.csv", b"id,place\n" + b"12-3,elsewhere\n" * 100 + b"12-4,elsewhere\n")
    yard.write("b.csv", b"#" * 600 + b"\nid,place\n12-3,im0.jpg\n" + b"#" * 600)
    run(yard.watcher(), yard.later)
    assert ({"a.csv": READY}, {ANNOTATION: 1}) == (yard.states(), left_out(yard))


def test_annotations_do_not_count_as_missed_events(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    for name in ("a", "b"):
        yard.write(f"labels/{name}.txt", YOLO)
        yard.fake_events.of(1).files.add(f"labels/{name}.txt")
    run(loop, yard.later + 10.0)
    for scan in range(1, 4):
        run(loop, yard.later + 10.0 + 4000.0 * scan)
    (attention,) = loop.status()
    assert (0, {ANNOTATION: 2}) == (attention.missed, left_out(yard))


def test_an_empty_annotation_is_left_out_at_once(yard: Yard) -> None:
    yard.write("im.png", formats.png(b"1"))
    empty = ("im.txt", "labels/other.txt", "alone.txt")
    for name in empty:
        yard.write(name, b"")
    loop = yard.watcher()
    now = max(os.stat(os.path.join(yard.root.path, name)).st_mtime for name in empty) + 3.0
    run(loop, now)
    assert (["alone.txt"], {ANNOTATION: 2}) == ([seen.path for seen in loop.unsettled(now)], left_out(yard))


@pytest.mark.parametrize("stops", [True, False])
def test_the_last_annotation_is_counted_too(yard: Yard, stops: bool) -> None:
    """Less than a second after the last note: at the end, or when that second is over."""
    yard.write("call.1.wav", formats.wav(b"12" * 100))
    loop = yard.watcher()
    run(loop, yard.later)
    for number, name in enumerate(("call.1.json", "classes.txt"), 1):
        yard.write(name, JSON if number == 1 else b"cat\n")
        yard.fake_events.of(1).files.add(name)
        wait_s = run(loop, yard.later + 100.0 + number / 10)
    assert {ANNOTATION: 1} == left_out(yard)
    if stops:
        loop.stop(yard.later + 100.3)
    else:
        assert wait_s <= 1.0
        run(loop, yard.later + 100.2 + wait_s)
    assert {ANNOTATION: 2} == left_out(yard)


def test_an_annotation_that_becomes_a_table_is_a_sample(yard: Yard) -> None:
    yard.write("rec.jpg", formats.jpeg(b"1"))
    yard.write("rec.txt", b"")
    loop = yard.watcher()
    run(loop, yard.later)
    assert {"rec.jpg": READY} == yard.states()
    yard.write("rec.txt", b"timestamp,x\n0,1\n")
    yard.fake_events.of(1).files.add("rec.txt")
    run(loop, yard.later + 10.0)
    assert {"rec.jpg": READY, "rec.txt": READY} == yard.states()
    run(loop, yard.later + 8000.0)
    assert {} == left_out(yard)


def test_a_waiting_file_that_becomes_an_annotation_is_left_out(yard: Yard) -> None:
    yard.write("rec.jpg", formats.jpeg(b"1"))
    yard.write("rec.txt", b"timestamp,x\n0,1\n")
    loop = yard.watcher(annotations="none")
    run(loop, yard.later)
    yard.write("rec.txt", YOLO)
    yard.fake_events.of(1).files.add("rec.txt")
    run(loop, yard.later + 10.0)
    assert {"rec.jpg": READY, "rec.txt": GONE} == yard.states()
    assert f"left out: {ANNOTATION}" == yard.reason("rec.txt")
    assert [] == loop.unsettled(yard.later + 10.0)


def test_an_annotation_stays_left_out_after_its_file_was_removed(yard: Yard) -> None:
    yard.write("call.1.wav", formats.wav(b"12" * 100))
    run(yard.watcher(), yard.later)
    with yard.database.transaction() as connection:
        connection.execute("update file set state = 'synced', absent_at = ?, removal = 'deleted'", (yard.later,))
    yard.path("call.1.wav").unlink()
    yard.write("call.1.json", JSON)
    run(yard.watcher(), yard.later + 10.0)
    assert {"call.1.wav": SYNCED} == yard.states()


def test_an_annotation_that_arrived_before_its_file_leaves_quarantine(yard: Yard) -> None:
    yard.write("call.1.json", JSON)
    loop = yard.watcher()
    run(loop, yard.later)
    assert {"call.1.json": READY} == yard.states()
    with yard.database.transaction() as connection:
        connection.execute("update file set state = 'quarantined', reason = 'Invalid acquisition file'")
    yard.write("call.1.wav", formats.wav(b"12" * 100))
    yard.fake_events.of(1).files.add("call.1.wav")
    run(loop, yard.later + 10.0)
    run(loop, yard.later + 10.0 + module.REVIEW_EVERY_S)
    assert {"call.1.json": GONE, "call.1.wav": READY} == yard.states()
    run(loop, yard.later + 8000.0)
    assert {ANNOTATION: 1} == left_out(yard)


def test_a_quarantined_file_leaves_quarantine_when_a_rule_covers_it(yard: Yard) -> None:
    yard.fill("a.csv", "b.csv")
    with yard.database.transaction() as connection:
        connection.execute("update file set state = 'quarantined'")
        connection.execute("update file set name = ? where name = ?", (b"README.txt", b"b.csv"))
    yard.path("b.csv").rename(yard.path("README.txt"))
    run(yard.watcher(), yard.later + 10.0)
    assert {"a.csv": QUARANTINED, "README.txt": GONE} == yard.states()
    assert "left out: a readme, not a sample" == yard.reason("README.txt")


def test_a_lack_of_descriptors_makes_no_sample_of_an_annotation(yard: Yard) -> None:
    yard.write("labels/im0.txt", YOLO)
    is_full = True

    def annotating(root: str, path: str, facts: FileFacts, is_known: Any, head: bytes) -> Any:
        if is_full:
            raise UnreachableError("no file can be read at the moment (Too many open files)")
        return sidecars.annotation_at(root, path, facts, is_known, head)

    loop = yard.watcher(outside={"annotation_of": annotating})
    assert run(loop, yard.later) <= 1.0
    is_full = False
    run(loop, yard.later + 1.0)
    assert ({}, {ANNOTATION: 1}) == (yard.states(), left_out(yard))


def test_an_annotation_with_a_marker_is_left_out_when_it_is_complete(yard: Yard) -> None:
    yard.write("labels/im0.txt", YOLO)
    yard.write("labels/im0.txt.done", b"")
    os.utime(yard.path("labels/im0.txt.done"), (yard.later, yard.later))
    run(yard.watcher(policy=CompletenessPolicy(needs_marker=True)), yard.later + 1.0)
    assert ({}, 1) == (yard.states(), left_out(yard)[ANNOTATION])


def test_the_number_of_stored_versions_is_limited(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
    not_samples = NotSamples(yard.root.id, yard.index)
    facts = FileFacts(1, 2, 3)
    for name in "abc":
        not_samples.add(name, facts, ANNOTATION)
    assert [True, True, False] == [not_samples.holds(name, facts) for name in "abc"]
    assert {ANNOTATION: 2, "other": 5} == not_samples.scanned({"other": 5})
    not_samples.scan_began()
    assert not not_samples.holds("a", FileFacts(2, 2, 3))
    assert not_samples.holds("b", facts)
    assert {ANNOTATION: 1} == not_samples.scanned({})


@pytest.mark.parametrize("place", ["im0.jpg", "IM0.JPG"])
def test_a_file_is_an_annotation_only_if_its_data_file_exists(tmp_path: Path, place: str) -> None:
    (tmp_path / "im0.txt").write_bytes(YOLO)
    facts = _facts(tmp_path / "im0.txt")
    assert sidecars.annotation_at(str(tmp_path), "im0.txt", facts) is None
    (tmp_path / place).mkdir()
    assert sidecars.annotation_at(str(tmp_path), "im0.txt", facts) is None
    (tmp_path / "im0.png").write_bytes(b"1")
    found = sidecars.annotation_at(str(tmp_path), "im0.txt", facts)
    assert (ANNOTATION, "YOLO, next to a file of the same name") == (found and found.reason, found and found.kind)
    (tmp_path / "im0.txt").write_bytes(YOLO * 2)
    assert sidecars.annotation_at(str(tmp_path), "im0.txt", facts) is None, "it is another version by now"


def _facts(path: Path) -> FileFacts:
    from eisync.adapters.files.folder_walk import facts_of

    return facts_of(os.lstat(path))
