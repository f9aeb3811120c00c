"""A process without descriptors loses no annotation: what cannot be opened now is read later."""

import json
from dataclasses import replace
from typing import Any

import pytest

from eisync.adapters.files import sidecars
from eisync.core.lifecycle import State
from eisync.errors import UnreachableError
from eisync.loops.watcher.context import AnnotationFiles
from tests.fakes import failing

from .test_annotations import CAT, COCO, VOC, boxes, png, reasons
from .yard import Yard, run

READY = State.READY
EXHAUSTED = UnreachableError("no file can be read at the moment (Too many open files)")
OWN = {"boundingBoxes": {"a.png": [{"label": "cat", "x": 10, "y": 5, "width": 20, "height": 30}]}}

ANNOTATIONS = {
    "companion": {"a.xml": VOC},
    "document": {"annotations.json": json.dumps(COCO)},
    "classes": {"a.txt": "0 0.2 0.4 0.2 0.6\n", "classes.txt": "cat\n"},
}


def lacking(yard: Yard, call: str, times: int) -> AnnotationFiles:
    real = yard.outside().annotations
    return replace(real, **{call: failing(times, EXHAUSTED, getattr(real, call))})


@pytest.mark.parametrize("kind", ANNOTATIONS)
@pytest.mark.parametrize("call", ["listing", "head_of", "text_of", "class_names", "measured"])
@pytest.mark.parametrize("times", [1, 2, 5])
def test_an_image_waits_while_no_file_can_be_opened(yard: Yard, kind: str, call: str, times: int) -> None:
    yard.write("a.png", png())
    for place, text in ANNOTATIONS[kind].items():
        yard.write(place, text.encode())
    loop = yard.watcher(outside={"annotations": lacking(yard, call, times)})
    for second in range(12):
        run(loop, yard.later + 2.0 * second)
        assert yard.states() in ({}, {"a.png": READY})
        if not yard.states():
            assert reasons(loop, yard.later + 2.0 * second)
    assert {"a.png": READY} == yard.states()
    assert CAT == boxes(yard, "a.png")


@pytest.mark.parametrize("call", ["listing", "head_of", "text_of", "measured"])
@pytest.mark.parametrize("kind", ANNOTATIONS)
def test_a_waiting_image_keeps_its_boxes_while_no_file_can_be_opened(yard: Yard, kind: str, call: str) -> None:
    yard.write("a.png", png())
    for place, text in ANNOTATIONS[kind].items():
        yard.write(place, text.encode())
    run(yard.watcher(), yard.later)
    assert CAT == boxes(yard, "a.png")
    loop = yard.watcher(outside={"annotations": lacking(yard, call, 2)})
    yard.fake_events.of(1).files.update(ANNOTATIONS[kind])
    for second in range(10):
        run(loop, yard.later + 10.0 + 2.0 * second)
        assert CAT == boxes(yard, "a.png")
    assert {"a.png": READY} == yard.states()


@pytest.mark.parametrize(
    ("place", "text"), [("bounding_boxes.labels", json.dumps(OWN)), ("annotations.json", json.dumps(COCO))]
)
def test_a_sidecar_that_could_not_be_opened_is_read_again(yard: Yard, place: str, text: str) -> None:
    yard.write("a.png", png())
    yard.write(place, text.encode())
    left = [3]

    class Reading(sidecars.Reading):
        def _run(self, root: str) -> Any:
            if left[0]:
                left[0] -= 1
                raise EXHAUSTED
            yield from super()._run(root)

    loop = yard.watcher(outside={"read_sidecar": Reading})
    for second in range(6):
        run(loop, yard.later + 2.0 * second)
    assert {"a.png": READY} == yard.states()
    assert CAT == boxes(yard, "a.png")
