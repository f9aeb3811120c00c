"""What `eisync pull` writes in any format, `eisync once` uploads into another project as the same samples."""

from collections.abc import Iterator
from typing import Any

import pytest

from eisync.core.dataset_layout import DatasetFormat
from eisync.data import Sample, client
from tests.cli.test_pull import fill, of_every_kind, point_at, samples
from tests.conftest import Bench
from tests.layouts import media

BOXES = [
    {"label": "Fußgänger", "x": 0, "y": 0, "width": 64, "height": 32},
    {"label": 'bolt, "M3" & <x>', "x": 63, "y": 31, "width": 1, "height": 1},
]
RANGES = [{"startIndex": 0, "endIndex": 2, "label": "still"}, {"startIndex": 3, "endIndex": 4, "label": "moving"}]


@pytest.fixture(autouse=True)
def _data_api(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `eisync.data` use the bench's emulator."""
    point_at(bench, bench.emulator.key, monkeypatch)
    yield
    client.forget_everything()


def image(name: str, category: str, **more: Any) -> Sample:
    return Sample(media.png(64, 32), name, category, "street", **more)


def that_fit() -> list[Sample]:
    """Return samples that every format can hold, with its manifest and its ranges."""
    return [
        image("street.1.png", "training", bounding_boxes=BOXES, metadata={"site": "lab, 3", "né": "ü"}),
        image("street.1.png", "training", bounding_boxes=BOXES[:1]),
        image("street.1.png", "testing", bounding_boxes=BOXES[1:]),
        image("street.2.png", "validation"),
        Sample(media.jpeg(64, 32), "street.1.jpg", "training", "street", bounding_boxes=BOXES[1:]),
        Sample(media.table(), "wave.01.csv", "testing", "wave", structured_labels=RANGES),
        Sample(
            media.table(),
            "wave.01.csv",
            "testing",
            "wave",
            structured_labels=[RANGES[0], {**RANGES[1], "label": "x"}],
        ),
        Sample(media.wav(0.1), "tone.test.wav", "training", 'ruhig, "still" & 日本'),
        Sample(media.acquisition(), "acq.01.json", "validation", "acq", metadata={"site": "lab 4"}),
    ]


def that_do_not_fit() -> list[Sample]:
    """Return samples for which a format needs `info.labels`."""
    return [
        image("out.1.png", "training", bounding_boxes=[{**BOXES[0], "x": -3}, {**BOXES[1], "x": 200}]),
        image("half.1.png", "testing", bounding_boxes=[{**BOXES[1], "x": 0.5, "y": 1.25}]),
        Sample(media.table(), "blank.01.csv", "training", "wave", metadata={"a": "", "b": " x "}),
        Sample(media.table(), "a.csv", "training", "wave", metadata={"Site": "1", "site": "2"}),
    ]


@pytest.mark.parametrize("form", DatasetFormat)
@pytest.mark.parametrize("given", [that_fit, that_do_not_fit, of_every_kind], ids=lambda one: one.__name__)
def test_what_is_pulled_is_uploaded_as_it_was(bench: Bench, form: DatasetFormat, given: Any) -> None:
    fill(bench, given())
    done = bench.run("pull", "pulled", "--format", form.value)
    assert (0, "") == (done.returncode, done.stderr)
    has_info = (bench.place / "pulled/info.labels").exists()
    assert has_info is (form is DatasetFormat.EI or given is that_do_not_fit)
    bench.recordings.rmdir()
    (bench.place / "pulled").rename(bench.recordings)
    other = bench.emulator.add_project(name="the copy")
    key = other["keys"][0]["key"]
    done = bench.run("once", "--quiet", "--timeout", "40", EI_API_KEY=key)
    assert samples(bench) == samples(bench, key=key, project=other["id"]), done.stdout + done.stderr
    assert 0 == done.returncode, done.stdout + done.stderr
