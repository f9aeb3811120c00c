"""Entries of sidecars are sent with the right file, whatever fails in between; the service's ledger decides."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from tests.conftest import row
from tests.core.formats import png

from .gate import gate
from .rig import Rig, rig

FILES = 7
BOXES, STRUCTURED, ACCOUNT = "bounding_boxes.labels", "structured_labels.labels", "info.labels"


def box(number: int, label: str = "nut") -> dict[str, Any]:
    return {"label": label, "x": number, "y": 1, "width": 2, "height": 3}


def boxes(said: dict[str, list[dict[str, Any]]]) -> bytes:
    return json.dumps({"version": 1, "type": "bounding-box-labels", "boundingBoxes": said}).encode()


def account(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"version": 1, "files": entries}).encode()


def image(number: int) -> bytes:
    return png(b"image %d" % number)


@pytest.fixture
def machine(tmp_path: Path, emulator: RunningEmulator) -> Iterator[Rig]:
    with rig(tmp_path, emulator) as one:
        yield one


def images(machine: Rig, number: int = FILES, folder: str = "") -> dict[str, bytes]:
    """Write so many images, each with its own box."""
    contents = {f"{folder}part.{one:02}.png": image(one) for one in range(number)}
    for name, content in contents.items():
        machine.write(name, content)
    machine.write(f"{folder}{BOXES}", boxes({f"part.{one:02}.png": [box(one)] for one in range(number)}))
    return contents


def judge(machine: Rig, contents: dict[str, bytes], parked: tuple[str, ...] = ()) -> None:
    """Check that each image is stored once, with its own box."""
    machine.judge({name: content for name, content in contents.items() if name not in parked}, parked=parked)
    expected = {name: [box(number)] for number, name in enumerate(contents) if name not in parked}
    assert expected == {name: machine.sample(name)["boundingBoxes"] for name in expected}


# --- during the upload


@pytest.mark.parametrize("batch_files", [1, 3, 256])
def test_boxes_are_sent_with_their_files(tmp_path: Path, emulator: RunningEmulator, batch_files: int) -> None:
    with rig(tmp_path, emulator, options={"batch_files": batch_files}) as machine:
        contents = images(machine)
        machine.scan()
        machine.drain()
        judge(machine, contents)


@pytest.mark.parametrize("kind", ["withhold", "truncate", "reset_after", "reset_during", "malformed", "count_mismatch"])
def test_boxes_are_sent_with_their_files_when_the_first_answers_are_lost(machine: Rig, kind: str) -> None:
    contents = images(machine)
    machine.scan()
    machine.faults({"kind": kind, "times": 3})
    machine.drain()
    judge(machine, contents)


def test_boxes_are_sent_with_their_files_after_a_crash(machine: Rig) -> None:
    contents = images(machine)
    machine.scan()
    machine.crash_under_way()
    machine.scan()
    machine.drain()
    judge(machine, contents)


def test_a_halved_batch_keeps_the_boxes_with_their_files(tmp_path: Path, emulator: RunningEmulator) -> None:
    port = urlsplit(emulator.ingestion_url).port
    assert port is not None
    with gate(port) as proxy, rig(tmp_path, emulator, ingestion_url=proxy.url) as machine:
        contents = images(machine)
        machine.scan()
        proxy.bars(lambda body: b"image 4" in body)
        machine.round()
        judge(machine, contents, parked=("part.04.png",))


def test_of_two_files_of_one_name_each_has_its_own_boxes(machine: Rig) -> None:
    contents = {f"{folder}/part.png": image(number) for number, folder in enumerate("abc")}
    for number, (path, content) in enumerate(contents.items()):
        machine.write(path, content)
        machine.write(f"{path[0]}/{BOXES}", boxes({"part.png": [box(number)]}))
    machine.scan()
    machine.drain()
    judge(machine, contents)


def test_a_refused_box_affects_only_its_own_file(machine: Rig) -> None:
    contents = images(machine)
    said = {f"part.{one:02}.png": [box(one)] for one in range(FILES)}
    said["part.03.png"] = [{**box(3), "width": 0}]
    machine.write(BOXES, boxes(said))
    machine.scan()
    machine.drain()
    judge(machine, contents, parked=("part.03.png",))
    assert "width and height should be larger than 0" in machine.files()["part.03.png"]["reason"]


# --- entries


def test_info_labels_gives_label_category_metadata_boxes_and_ranges(machine: Rig) -> None:
    ranges = [{"startIndex": 0, "endIndex": 0, "label": "up"}, {"startIndex": 1, "endIndex": 1, "label": "down"}]
    machine.write("set/training/a.png", image(1))
    machine.write("set/training/b.csv", row(2))
    machine.write("set/testing/c.csv", row(3))
    machine.write("set/other.csv", row(4))
    machine.write(
        f"set/{ACCOUNT}",
        account(
            {
                "path": "training/a.png",
                "category": "testing",
                "label": {"type": "label", "label": "nüt, bolt"},
                "metadata": {"site": "lab 3", "run": 7},
                "boundingBoxes": [box(1)],
            },
            {"path": "training/b.csv", "category": "training", "label": {"type": "multi-label", "labels": ranges}},
            {"path": "testing/c.csv", "category": "testing", "label": {"type": "unlabeled"}},
        ),
    )
    machine.scan()
    machine.drain()
    first = machine.sample("set/training/a.png")
    assert ("nüt, bolt", "testing", [box(1)], {"site": "lab 3", "run": "7"}) == (
        first["label"],
        first["category"],
        first["boundingBoxes"],
        first["metadata"],
    )
    assert ranges == machine.sample("set/training/b.csv")["structuredLabels"]
    assert machine.files()["set/testing/c.csv"]["label"] is None
    assert "other" == machine.sample("set/other.csv")["label"], "what it does not mention is labelled as ever"
    assert {"set/training/a.png", "set/training/b.csv", "set/testing/c.csv", "set/other.csv"} == set(machine.files())


def test_structured_labels_come_from_beside_the_file(machine: Rig) -> None:
    ranges = [{"startIndex": 0, "endIndex": 1, "label": "up"}]
    machine.write("wave.csv", row(1))
    machine.write(STRUCTURED, json.dumps({"structuredLabels": {"wave.csv": ranges}}).encode())
    machine.scan()
    machine.drain()
    assert ranges == machine.sample("wave.csv")["structuredLabels"]


# --- sidecars that arrive after the file


def test_a_waiting_file_gets_boxes_that_are_added(machine: Rig) -> None:
    machine.write("part.png", image(1))
    machine.scan()
    assert {"part.png": State.READY} == machine.states()
    machine.write(BOXES, boxes({"part.png": [box(5)]}))
    machine.scan()
    machine.write(BOXES, boxes({"part.png": [box(6)]}))
    machine.scan()
    machine.drain()
    assert [box(6)] == machine.sample("part.png")["boundingBoxes"]


def test_a_waiting_file_loses_boxes_that_are_removed(machine: Rig) -> None:
    machine.write("part.png", image(1))
    machine.write(BOXES, boxes({"part.png": [box(5)]}))
    machine.scan()
    (machine.recordings / BOXES).unlink()
    machine.scan()
    machine.drain()
    assert [] == machine.sample("part.png")["boundingBoxes"]


def test_boxes_added_while_eisync_was_stopped_are_sent(machine: Rig) -> None:
    machine.write("part.png", image(1))
    machine.scan()
    machine.close()
    machine.write(BOXES, boxes({"part.png": [box(5)]}))
    machine.start()
    machine.drain()
    assert [box(5)] == machine.sample("part.png")["boundingBoxes"]


def test_boxes_removed_while_eisync_was_stopped_are_not_sent(machine: Rig) -> None:
    machine.write("part.png", image(1))
    machine.write(BOXES, boxes({"part.png": [box(5)]}))
    machine.scan()
    machine.close()
    (machine.recordings / BOXES).unlink()
    machine.start()
    machine.scan()
    machine.drain()
    assert [] == machine.sample("part.png")["boundingBoxes"]


def test_an_info_labels_added_above_while_eisync_was_stopped_applies(machine: Rig) -> None:
    machine.write("set/training/part.png", image(1))
    machine.scan()
    machine.close()
    machine.start()  # from now on the configuration is unchanged
    machine.close()
    machine.write(f"set/{ACCOUNT}", account({"path": "training/part.png", "label": "bolt"}))
    machine.start()
    machine.scan()
    machine.drain()
    assert "bolt" == machine.sample("set/training/part.png")["label"]


def test_boxes_that_change_after_the_upload_are_not_sent_again(machine: Rig) -> None:
    machine.write("part.png", image(1))
    machine.write(BOXES, boxes({"part.png": [box(5)]}))
    machine.scan()
    machine.drain()
    machine.write(BOXES, boxes({"part.png": [box(6)]}))
    machine.scan()
    machine.drain()
    assert [box(5)] == machine.sample("part.png")["boundingBoxes"]
    assert {1} == set(machine.stored().values())


def test_boxes_that_change_during_the_upload_are_sent_with_the_next_attempt(machine: Rig) -> None:
    machine.write("part.png", image(1))
    machine.write(BOXES, boxes({"part.png": [box(5)]}))
    machine.scan()
    machine.faults({"kind": "reset_before", "times": 1})
    uploader = machine.app.uploader
    uploader.tick(machine.now)
    for _ in range(100):
        uploader.tick(machine.now)
        if State.SENDING in machine.states().values():
            break
        machine.app.bells["uploader"].wait(0.05)
    machine.write(BOXES, boxes({"part.png": [box(6)]}))
    machine.now += 2.0
    machine.app.watcher.tick(machine.now)  # the request is under way, or has failed and its outcome is not stored
    machine.round()
    machine.scan()
    machine.drain()
    assert [box(6)] == machine.sample("part.png")["boundingBoxes"]


# --- changed configuration


def test_waiting_files_are_sent_by_the_new_configuration(tmp_path: Path, emulator: RunningEmulator) -> None:
    with rig(tmp_path, emulator, watch={"label": '"old"', "metadata": '{ site = "a" }'}) as machine:
        contents = {f"wave.{number}.csv": machine.write(f"wave.{number}.csv") for number in range(3)}
        machine.scan()
        machine.close()
        machine.watch = {"label": '"new"', "category": '"testing"', "metadata": '{ site = "b" }'}
        machine.start()
        machine.scan()
        machine.drain()
        machine.judge(contents)
        for path in contents:
            sample = machine.sample(path)
            assert ("new", "testing", {"site": "b"}) == (sample["label"], sample["category"], sample["metadata"])


def test_sent_files_keep_their_labels(tmp_path: Path, emulator: RunningEmulator) -> None:
    with rig(tmp_path, emulator, watch={"label": '"old"'}) as machine:
        machine.write("wave.csv")
        machine.scan()
        machine.drain()
        machine.close()
        machine.watch = {"label": '"new"'}
        machine.start()
        machine.scan()
        machine.drain()
        assert "old" == machine.files()["wave.csv"]["label"]
        assert {1} == set(machine.stored().values())
