"""`eisync pull --format`, as a person runs it: what other tools find, what is said, and that nothing is lost."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.data import Sample, client
from tests.cli.test_pull import ask, files_in, fill, of_every_kind, point_at, samples
from tests.conftest import Bench, sha256
from tests.layouts import media

FORMATS = ["coco", "yolo", "voc", "csv"]
LABEL_FILES = {
    "coco": {"train/_annotations.coco.json", "valid/_annotations.coco.json"},
    "yolo": {"data.yaml", "labels/train/nuts.txt", "labels/val/plain.txt"},
    "voc": {
        "Annotations/nuts.xml",
        "Annotations/plain.xml",
        "ImageSets/Main/train.txt",
        "ImageSets/Main/val.txt",
        "ImageSets/Main/test.txt",
    },
    "csv": {"train/_annotations.csv"},
}
IMAGES = {
    "coco": {"train/nuts.png", "valid/plain.png"},
    "yolo": {"images/train/nuts.png", "images/val/plain.png"},
    "voc": {"JPEGImages/nuts.png", "JPEGImages/plain.png"},
    "csv": {"train/nuts.png", "valid/plain.png"},
}
OTHERS = {"train/ranges.01.csv", "test/idle.01.csv", "test/tone.wav", "train/acq.01.json"}


@pytest.fixture(autouse=True)
def _data_api(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `eisync.data` use the bench's emulator."""
    point_at(bench, bench.emulator.key, monkeypatch)
    yield
    client.forget_everything()


def box(label: str = "nut", x: float = 1, y: float = 2, width: float = 3, height: float = 4) -> dict[str, Any]:
    return {"label": label, "x": x, "y": y, "width": width, "height": height}


def nuts(number: int, *boxes: dict[str, Any], category: str = "training") -> Sample:
    return Sample(media.png(64, 32), f"nuts.{number}.png", category, "nuts", bounding_boxes=list(boxes))


@pytest.mark.parametrize("form", FORMATS)
def test_files_are_where_the_tools_of_the_format_look(bench: Bench, form: str) -> None:
    fill(bench, of_every_kind())
    done = bench.run("pull", "pulled", "--format", form)
    assert (0, "") == (done.returncode, done.stderr)
    found = files_in(bench.place / "pulled")
    waves = {name for name in found if name.rpartition("/")[2].lower() == "wave.01.csv"}
    assert 3 == len(waves)
    described = LABEL_FILES[form] | {"labels.csv", "train/structured_labels.labels"}
    assert IMAGES[form] | OTHERS | described == set(found) - waves
    stored = {str(sample["sha256Hash"]) for sample in samples(bench)}
    assert stored == {sha256(content) for name, content in found.items() if name not in described}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("coco", "The boxes of 1 image are written as COCO. labels.csv has the rest."),
        ("yolo", "The boxes of 1 image are written as YOLO. labels.csv has the rest."),
        ("voc", "The boxes of 1 image are written as Pascal VOC. labels.csv has the rest."),
        ("csv", "The boxes of 1 image are written as CSV. labels.csv has the rest."),
    ],
)
def test_what_is_written_is_said(bench: Bench, form: str, expected: str) -> None:
    fill(bench, of_every_kind())
    _, *sentences = bench.run("pull", "pulled", "--format", form).stdout.splitlines()
    assert [expected, "1 sample has ranges: structured_labels.labels in the same folder has them."] == sentences


def test_what_does_not_fit_is_said_and_counted(bench: Bench) -> None:
    fill(bench, [nuts(1, box(x=-1), box()), nuts(2, box(x=0.5)), nuts(3, box(), category="testing"), nuts(4)])
    listed = ask(bench, "GET", f"/api/{bench.emulator.project_id}/raw-data?category=all")["samples"]
    (moved,) = (one["id"] for one in listed if one["filename"] == "nuts.3")
    (off,) = (one["id"] for one in listed if one["filename"] == "nuts.4")
    assert 0 == bench.run("pull", "pulled", "--format", "coco").returncode
    ask(bench, "POST", f"/api/{bench.emulator.project_id}/raw-data/{moved}/move", {"newCategory": "training"})
    ask(bench, "POST", f"/api/{bench.emulator.project_id}/raw-data/{off}/disable", {})
    _, *sentences = bench.run("pull", "pulled", "--format", "coco").stdout.splitlines()
    assert sentences == [
        "The boxes of 3 images are written as COCO. labels.csv has the rest.",
        "Boxes that reach out of their image: 1. COCO has the part inside it, and info.labels the whole box.",
        "2 samples do not fit into these files exactly: without a label, with a map of labels, or with a name, boxes "
        "or texts that they cannot hold. info.labels has everything, and eisync prefers it.",
        "1 sample changed category after an earlier pull, and the files stay in their folders; pull into a new folder "
        "to sort them again.",
        "Of these, 1 is disabled in the project. The format cannot record that, so an upload of the folder enables "
        "them.",
    ]
    reported = json.loads(bench.run("pull", "pulled", "--format", "coco", "--json").stdout)
    assert "coco" == reported["format"]
    assert {"images": 3, "outside": 1, "with_ranges": 0, "inexact": 2, "moved": 1} == reported["labels"]


def test_without_a_format_info_labels_has_everything(bench: Bench) -> None:
    fill(bench, [nuts(1, box())])
    reported = json.loads(bench.run("pull", "pulled", "--json").stdout)
    assert ("ei", None) == (reported["format"], reported["labels"])
    assert {"training/nuts.1.png", "info.labels"} == set(files_in(bench.place / "pulled"))
    assert 0 == bench.run("pull", "pulled", "--format", "ei").returncode


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("coco", "1 file of earlier pulls is left in place but not in the label files"),
        ("yolo", "1 file of earlier pulls is left in place, label files included: "),
    ],
)
def test_files_of_deleted_samples_stay(bench: Bench, form: str, sentence: str) -> None:
    fill(bench, [nuts(number, box()) for number in range(2)])
    assert 0 == bench.run("pull", "pulled", "--format", form).returncode
    victim = ask(bench, "GET", f"/api/{bench.emulator.project_id}/raw-data?category=all")["samples"][0]
    ask(bench, "DELETE", f"/api/{bench.emulator.project_id}/raw-data/{victim['id']}")
    done = bench.run("pull", "pulled", "--format", form)
    assert (0, True) == (done.returncode, sentence in done.stdout), done.stdout
    assert 2 == len(list((bench.place / "pulled").rglob("*.png")))


def test_a_folder_is_for_one_format(bench: Bench) -> None:
    fill(bench, [nuts(1, box())])
    assert 0 == bench.run("pull", "pulled", "--format", "coco").returncode
    for asked in ("yolo", "ei"):
        other = bench.run("pull", "pulled", "--format", asked)
        assert (73, True) == (other.returncode, "(format coco), not project" in other.stderr), other.stderr
    wrong = bench.run("pull", "pulled", "--format", "tfrecord")
    assert (2, True) == (
        wrong.returncode,
        "'tfrecord' is not one of 'ei', 'coco', 'yolo', 'voc', 'csv'" in wrong.stderr,
    )


def test_a_run_that_is_killed_leaves_no_incomplete_label_file(bench: Bench) -> None:
    fill(bench, [nuts(number, *[box(f"c{one}", x=one) for one in range(40)]) for number in range(60)])
    pulled = bench.place / "pulled"
    process = subprocess.Popen(
        [*bench.command("pull", "pulled", "--format", "yolo"), "--state-dir", str(bench.state)],
        env=bench.environ,
        cwd=bench.place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not (pulled / "labels").is_dir():
        pass
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    killed = label_files(pulled)
    assert "labels.csv" not in files_in(pulled)
    done = bench.run("pull", "pulled", "--format", "yolo")
    assert 0 == done.returncode, done.stderr
    whole = label_files(pulled)
    assert 60 == len(whole)
    assert {40} == {len(text.splitlines()) for text in whole.values()}
    assert killed == {name: whole[name] for name in killed}
    assert [] == list((pulled / ".eisync/parts").iterdir())


def label_files(pulled: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (pulled / "labels").rglob("*.txt")}
