"""Boxes become pixels of the image, and stretches indexes of the recording; what does not fit says why."""

import re

import pytest

from eisync.core.annotations.measuring import Measured, without_measures
from eisync.core.formats.sampling import Sampling
from eisync.core.labels.entry import Entry, Region, Stretch

HALF = Region("0", 0.25, 0.5, 0.5, 0.5, "line 1")
IN_PIXELS = {"label": "cat", "x": 25, "y": 25, "width": 50, "height": 25}
OWL = Stretch("owl", 0.0, 0.5, "line 1")
IMAGE = Measured(size=(100, 50))
SECOND = Measured(sampling=Sampling(values=10, interval_ms=100))


@pytest.mark.parametrize(
    ("entry", "measured", "expected"),
    [
        # What was not drawn says nothing; an empty list says that the image shows nothing.
        (Entry(path="a", label="x"), None, Entry(path="a", label="x")),
        (Entry(path="a", regions=[]), None, Entry(path="a", bounding_boxes=[])),
        (Entry(path="a", stretches=[]), None, Entry(path="a")),
        (
            Entry(path="a", bounding_boxes=[IN_PIXELS], structured_labels=[]),
            None,
            Entry(path="a", bounding_boxes=[IN_PIXELS], structured_labels=[]),
        ),
        (
            Entry(path="a", regions=[HALF], is_relative=True, is_numbered=True, remark="r"),
            IMAGE,
            Entry(path="a", bounding_boxes=[IN_PIXELS], is_relative=True, is_numbered=True, remark="r"),
        ),
        (
            Entry(path="a", regions=[Region("0", 25, 25, 50, 25, "box 1")], size=(100, 50)),
            IMAGE,
            Entry(path="a", bounding_boxes=[IN_PIXELS], size=(100, 50)),
        ),
        (
            Entry(path="a", stretches=[OWL]),
            SECOND,
            Entry(
                path="a",
                structured_labels=[
                    {"startIndex": 0, "endIndex": 4, "label": "owl"},
                    {"startIndex": 5, "endIndex": 9, "label": "unlabeled"},
                ],
            ),
        ),
    ],
)
def test_an_entry_is_converted_for_its_file(entry: Entry, measured: Measured | None, expected: Entry) -> None:
    assert expected == without_measures(entry, measured, {"0": "cat"})


@pytest.mark.parametrize(
    ("entry", "measured", "why"),
    [
        (Entry(path="a", regions=[HALF]), None, "the size of the image could not be read, so its boxes are not known"),
        (
            Entry(path="a", regions=[HALF]),
            SECOND,
            "the size of the image could not be read, so its boxes are not known",
        ),
        (
            Entry(path="a", regions=[HALF._replace(label="7")], is_relative=True),
            IMAGE,
            "line 1: class '7' is not in the list of classes; add it there",
        ),
        (
            Entry(path="a", regions=[HALF], size=(50, 100), is_relative=True),
            IMAGE,
            "it is about an image of 50 × 100 pixels, and this one has 100 × 50: it was annotated turned, as its EXIF "
            "orientation says; save the image upright",
        ),
        (
            Entry(path="a", stretches=[OWL]),
            None,
            "where its parts lie in the recording is not known: it cannot be read",
        ),
        (
            Entry(path="a", stretches=[OWL]),
            Measured(trouble="its sound is compressed"),
            "where its parts lie in the recording is not known: its sound is compressed",
        ),
        (
            Entry(path="a", stretches=[OWL._replace(end_s=9.0)]),
            SECOND,
            "line 1: it ends at 9 s, but the recording has 1 s",
        ),
    ],
)
def test_what_does_not_fit_the_file_says_why(entry: Entry, measured: Measured | None, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        without_measures(entry, measured, {"0": "cat"})
