"""The labels of a dataset in the formats of other programs: nothing is lost, and a later run renews them."""

import csv
import errno
import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.dataset import Dataset
from eisync.adapters.dataset_labels import LabelsReport
from eisync.adapters.files import replacing
from eisync.adapters.files.relocate import SafeFolder
from eisync.core.dataset import WholeSample, info_labels_entry
from eisync.core.dataset_layout import DatasetFormat, Layout
from eisync.errors import FolderError
from tests.layouts import media

COCO, YOLO, VOC, CSV = OTHERS = [one for one in DatasetFormat if one is not DatasetFormat.EI]
RANGES = [{"startIndex": 0, "endIndex": 4, "label": "still"}]
BOXES_HEAD = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
NO_SIZE = 99  # the sample whose file is no image


def box(label: str = "nut", x: float = 1, y: float = 2, width: float = 3, height: float = 4) -> dict[str, Any]:
    return {"label": label, "x": x, "y": y, "width": width, "height": height}


def sample(number: int, extension: str = "png", **more: Any) -> tuple[str, WholeSample]:
    """Return a sample and the extension of its file."""
    return extension, WholeSample(
        **{"id": number, "name": f"a{number}", "category": "training", "label": "wave", **more}
    )


def write(place: Path, form: DatasetFormat, *samples: tuple[str, WholeSample]) -> LabelsReport:
    """Pull the samples. Every image has 64 x 32 pixels."""
    dataset = Dataset(str(place), {"project": 1, "format": form.value}, Layout(form))
    try:
        with dataset.labels_writer() as labels:
            for extension, one in samples:
                if not dataset.has(one.id):
                    is_image = extension == "png" and one.id != NO_SIZE
                    content = media.png(64, 32) if is_image else media.table()
                    dataset.store(one.id, one.category, f"{one.name}.{extension}", [content])
                labels.add(info_labels_entry(one, dataset.place_of(one.id)))
            labels.keep()
    finally:
        dataset.close()
    assert dataset.labels_report is not None
    assert [] == list((place / ".eisync/parts").iterdir())
    return dataset.labels_report


def files(place: Path) -> set[str]:
    found = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".eisync")}


def manifest(place: Path) -> list[dict[str, str]]:
    with (place / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def entries(place: Path) -> dict[str, dict[str, Any]]:
    """Return the entries of `info.labels`, by path."""
    document = json.loads((place / "info.labels").read_text())
    return {entry["path"]: entry for entry in document["files"]}


def ranges(place: Path, folder: str) -> dict[str, Any]:
    document = json.loads((place / folder / "structured_labels.labels").read_text())
    assert (1, "structured-labels") == (document["version"], document["type"])
    found: dict[str, Any] = document["structuredLabels"]
    return found


# What each format writes, by the path of the image below its folder of images: None if it is not described.


def of_coco(place: Path) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for path in place.rglob("_annotations.coco.json"):
        document = json.loads(path.read_text())
        names = {one["id"]: one["name"] for one in document["categories"]}
        ids = {one["id"]: f"{path.parent.name}/{one['file_name']}" for one in document["images"]}
        assert all((64, 32) == (one["width"], one["height"]) for one in document["images"])
        found |= {name: [] for name in ids.values()}
        for one in document["annotations"]:
            found[ids[one["image_id"]]].append((names[one["category_id"]], *one["bbox"]))
    return found


def of_yolo(place: Path) -> dict[str, list[tuple[Any, ...]]]:
    lines = (place / "data.yaml").read_text().partition("names:")[2].strip().splitlines()
    names = {int(line.partition(":")[0]): json.loads(line.partition(":")[2]) for line in lines if ":" in line}
    found = {}
    for path in (place / "labels").rglob("*.txt"):
        name = path.relative_to(place / "labels").with_suffix(".png").as_posix()
        found[name] = [
            (names[int(number)], (x - across / 2) * 64, (y - down / 2) * 32, across * 64, down * 32)
            for number, x, y, across, down in (map(float, line.split()) for line in path.read_text().splitlines())
        ]
    return found


def of_voc(place: Path) -> dict[str, list[tuple[Any, ...]]]:
    splits = {
        stem: path.stem for path in (place / "ImageSets/Main").glob("*.txt") for stem in path.read_text().splitlines()
    }
    found = {}
    for path in (place / "Annotations").rglob("*.xml"):
        stem, boxes = path.relative_to(place / "Annotations").with_suffix("").as_posix(), []
        for one in ET.parse(path).getroot().findall("object"):
            left, top, right, bottom = (float(cell.text or "") for cell in one.find("bndbox") or [])
            boxes.append((one.findtext("name"), left, top, right - left, bottom - top))
        if stem in splits:
            found[f"{splits[stem]}/{stem}.png"] = boxes
    return found


def of_csv(place: Path) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for path in place.rglob("_annotations.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                left, top, right, bottom = (float(row[name]) for name in ("xmin", "ymin", "xmax", "ymax"))
                boxes = found.setdefault(f"{path.parent.name}/{row['filename']}", [])
                boxes.append((row["class"], left, top, right - left, bottom - top))
    return found


READERS: dict[DatasetFormat, Callable[[Path], dict[str, list[tuple[Any, ...]]]]] = {
    COCO: of_coco,
    YOLO: of_yolo,
    VOC: of_voc,
    CSV: of_csv,
}
VALID: dict[DatasetFormat, str] = {COCO: "valid", YOLO: "val", VOC: "val", CSV: "valid"}


def boxes(place: Path, form: DatasetFormat) -> dict[str, list[tuple[Any, ...]]]:
    """Return the boxes of the images that have any, by path with the split first."""
    found = READERS[form](place)
    return {
        name: [(one[0], *(round(number, 6) for number in one[1:])) for one in some]
        for name, some in found.items()
        if some
    }


@pytest.mark.parametrize("form", OTHERS)
def test_the_boxes_of_every_category_are_in_the_format(tmp_path: Path, form: DatasetFormat) -> None:
    done = write(
        tmp_path,
        form,
        sample(1, boxes=[box(), box('bolt, "M3" & 日本', 0, 0, 64, 32)]),
        sample(2, boxes=[box("screw", 60, 31, 4, 1)], category="validation"),
        sample(3, boxes=[box()], category="testing"),
        sample(4, boxes=[box()], category="post-processing"),
        sample(5),
    )
    assert {
        "train/a1.png": [("nut", 1, 2, 3, 4), ('bolt, "M3" & 日本', 0, 0, 64, 32)],
        f"{VALID[form]}/a2.png": [("screw", 60, 31, 4, 1)],
        "test/a3.png": [("nut", 1, 2, 3, 4)],
        "post-processing/a4.png": [("nut", 1, 2, 3, 4)],
    } == boxes(tmp_path, form)
    assert LabelsReport(images=4) == done
    assert ("train/a5.png" in READERS[form](tmp_path)) is (form is not CSV)  # a table has no line for no boxes
    assert "info.labels" not in files(tmp_path)


@pytest.mark.parametrize("form", OTHERS)
def test_the_manifest_has_the_label_and_the_metadata_of_every_file(tmp_path: Path, form: DatasetFormat) -> None:
    done = write(
        tmp_path,
        form,
        sample(1, boxes=[box()], metadata={"site": "lab, 3", "né": "ü"}),
        sample(2, "csv", label='ruhig, "still"', category="testing"),
        sample(3, "wav", metadata={"by": "me"}),
    )
    image = {"yolo": "images/train/a1.png", "voc": "JPEGImages/a1.png"}.get(form.value, "train/a1.png")
    others = {"metadata.by": "", "metadata.né": "", "metadata.site": "", "label": "wave", "category": "training"}
    assert [
        {**others, "file_name": image, "metadata.site": "lab, 3", "metadata.né": "ü"},
        {**others, "file_name": "test/a2.csv", "label": 'ruhig, "still"', "category": "testing"},
        {**others, "file_name": "train/a3.wav", "metadata.by": "me"},
    ] == manifest(tmp_path)  # fmt: skip
    assert LabelsReport(images=1) == done
    assert {one["file_name"] for one in manifest(tmp_path)} <= files(tmp_path)


@pytest.mark.parametrize("form", OTHERS)
def test_ranges_are_in_the_folder_of_their_file(tmp_path: Path, form: DatasetFormat) -> None:
    def twice(is_second: bool) -> list[tuple[str, WholeSample]]:
        return [
            sample(1, "csv", structured_labels=RANGES),
            sample(2, "csv", structured_labels=() if is_second else RANGES, category="testing"),
            sample(3, "csv", structured_labels=RANGES),
            sample(4, "csv", name="a1", structured_labels=() if is_second else RANGES),
        ]

    assert LabelsReport(with_ranges=4) == write(tmp_path, form, *twice(False))
    assert {"a1.csv": RANGES, "a3.csv": RANGES} == ranges(tmp_path, "train")
    assert {"a2.csv": RANGES} == ranges(tmp_path, "test")
    assert {"a1.csv": RANGES} == ranges(tmp_path, "train/4")
    assert LabelsReport(with_ranges=2) == write(tmp_path, form, *twice(True))
    assert {"a1.csv": RANGES, "a3.csv": RANGES} == ranges(tmp_path, "train")
    assert ({}, {}) == (ranges(tmp_path, "test"), ranges(tmp_path, "train/4"))


NUT, WAVE = ("nut", 1, 2, 3, 4), "wave"


@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.parametrize(
    ("one", "label", "shown"),
    [
        (sample(1, label=None, boxes=[box()]), "", [NUT]),
        (sample(1, label=None, label_map={"k": "v"}), "", []),
        (sample(1, name="a/1", boxes=[box()]), WAVE, [NUT]),
        (sample(1, label=None, structured_labels=RANGES), "", []),
        (sample(1, label=" wave"), "", []),
        (sample(1, metadata={"site": ""}), WAVE, []),
        (sample(1, boxes=[box(x=0.5)]), WAVE, [("nut", 0.5, 2, 3, 4)]),
        (sample(1, boxes=[box(x=-1), box(), box(x=64)]), WAVE, [("nut", 0, 2, 2, 4), NUT]),
        (sample(1, boxes=[box(), box(label=" a\tb ")]), WAVE, [NUT, ("a b", 1, 2, 3, 4)]),
        (sample(NO_SIZE, boxes=[box()]), WAVE, []),
        (sample(1, "mp4", boxes=[box()]), WAVE, []),
    ],
)
def test_if_a_sample_does_not_fit_info_labels_has_everything(
    tmp_path: Path, form: DatasetFormat, one: tuple[str, WholeSample], label: str, shown: list[tuple[Any, ...]]
) -> None:
    _, awkward = one
    other = sample(2, boxes=[box("bolt")])
    done = write(tmp_path, form, one, other)
    assert (1, 1 + bool(shown)) == (done.inexact, done.images)
    known = {entry["name"]: entry for entry in entries(tmp_path).values()}
    assert set(entries(tmp_path)) <= files(tmp_path)
    for each in (awkward, other[1]):
        entry = known[each.name]
        assert info_labels_entry(each, entry["path"]) == entry
    assert [label, WAVE] == [row["label"] for row in manifest(tmp_path)]
    found = list(boxes(tmp_path, form).values())
    assert sorted(found) == sorted(([shown] if shown else []) + [[("bolt", 1, 2, 3, 4)]])


def test_boxes_that_reach_out_are_counted(tmp_path: Path) -> None:
    assert LabelsReport(images=1, outside=2, inexact=1) == write(
        tmp_path, COCO, sample(1, boxes=[box(x=-1), box(), box(x=62)])
    )


@pytest.mark.parametrize("form", OTHERS)
def test_a_later_run_renews_the_labels_and_keeps_the_numbers_of_classes(tmp_path: Path, form: DatasetFormat) -> None:
    write(tmp_path, form, sample(1, boxes=[box("screw")]), sample(2, boxes=[box("screw")], category="testing"))
    before = boxes(tmp_path, form)
    write(
        tmp_path,
        form,
        sample(1, boxes=[box("bolt"), box("screw")], label=None),
        sample(3, boxes=[box("a")], category="validation"),
    )
    assert {"train/a1.png", f"{VALID[form]}/a3.png"} == {
        name for name in boxes(tmp_path, form) if name != "test/a2.png"
    }
    assert ["bolt", "screw"] == [one[0] for one in boxes(tmp_path, form)["train/a1.png"]]
    assert ["screw", "a", "bolt"] == json.loads((tmp_path / ".eisync/classes.json").read_text())
    if form is YOLO:  # the label file of a sample that is not listed any more stays, and means the same
        assert before["test/a2.png"] == boxes(tmp_path, form)["test/a2.png"]
    assert {"a1", "a3"} == {entry["name"] for entry in entries(tmp_path).values()}
    write(tmp_path, form, sample(1))
    assert ["wave"] == [entry["label"]["label"] for entry in entries(tmp_path).values()]  # renewed, as it is there
    assert [] == boxes(tmp_path, form).get("train/a1.png", [])
    assert form is YOLO or "test/a2.png" not in boxes(tmp_path, form)


def test_unchanged_label_files_are_not_written_again(tmp_path: Path) -> None:
    samples = [sample(number, boxes=[box(x=number)]) for number in range(5)]
    write(tmp_path, YOLO, *samples)
    before = {path: path.stat().st_ino for path in (tmp_path / "labels").rglob("*.txt")}
    write(tmp_path, YOLO, *samples[1:], sample(0, boxes=[box(x=7)]))
    after = {path: path.stat().st_ino for path in (tmp_path / "labels").rglob("*.txt")}
    assert {tmp_path / "labels/train/a0.txt"} == {path for path, inode in after.items() if before[path] != inode}


@pytest.mark.parametrize("form", OTHERS)
def test_a_sample_that_moved_is_counted_and_keeps_its_file(tmp_path: Path, form: DatasetFormat) -> None:
    write(tmp_path, form, sample(1, boxes=[box()]), sample(2, "csv"))
    before = files(tmp_path)
    done = write(tmp_path, form, sample(1, boxes=[box()], category="testing"), sample(2, "csv", category="testing"))
    assert (before, 1 if form is VOC else 2) == (files(tmp_path), done.moved)  # VOC has lists, not folders
    assert ["testing", "testing"] == [row["category"] for row in manifest(tmp_path)]


@pytest.mark.parametrize("form", OTHERS)
def test_images_of_one_name_keep_their_own_boxes(tmp_path: Path, form: DatasetFormat) -> None:
    write(tmp_path, form, *(sample(n, name="a", boxes=[box(x=n)]) for n in (1, 2, 3)))
    assert {
        "train/a.png": [("nut", 1, 2, 3, 4)],
        "train/2/a.png": [("nut", 2, 2, 3, 4)],
        "train/3/a.png": [("nut", 3, 2, 3, 4)],
    } == {name.replace("2/train", "train/2"): some for name, some in boxes(tmp_path, form).items()}


@pytest.mark.parametrize("content", ["", "{", '["screw"]'])
def test_numbers_that_a_power_cut_destroyed_are_made_anew(tmp_path: Path, content: str) -> None:
    write(tmp_path, YOLO, sample(1, boxes=[box("screw"), box("bolt")]))
    (tmp_path / ".eisync/classes.json").write_text(content)
    (tmp_path / "labels/train/a1.txt").write_text("")
    write(tmp_path, YOLO, sample(1, boxes=[box("screw"), box("bolt")]))
    assert ["screw", "bolt"] == [one[0] for one in boxes(tmp_path, YOLO)["train/a1.png"]]


@pytest.mark.parametrize("form", OTHERS)
def test_a_listing_that_ended_early_changes_no_labels(tmp_path: Path, form: DatasetFormat) -> None:
    write(tmp_path, form, sample(1, boxes=[box()], structured_labels=RANGES))
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    dataset = Dataset(str(tmp_path), {"project": 1, "format": form.value}, Layout(form))
    with dataset.labels_writer() as labels:
        labels.add(info_labels_entry(sample(1)[1], dataset.place_of(1)))
    dataset.close()
    assert before == {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    assert dataset.labels_report is None


def test_a_label_file_that_another_program_made_is_not_changed(tmp_path: Path) -> None:
    write(tmp_path, YOLO, sample(1))
    (tmp_path / "labels/train/a2.txt").write_text("mine")
    write(tmp_path, YOLO, sample(1), sample(2, boxes=[box()]))
    assert "mine" == (tmp_path / "labels/train/a2.txt").read_text()
    assert (tmp_path / "labels/train/2/a2.txt").read_text().startswith("0 ")


def test_a_folder_is_for_one_format(tmp_path: Path) -> None:
    write(tmp_path, COCO, sample(1))
    with pytest.raises(FolderError, match=r"holds project 1 \(format coco\), not project 1; name another folder"):
        Dataset(str(tmp_path), {"project": 1})


@pytest.mark.parametrize("form", OTHERS)
def test_a_full_disk_leaves_the_labels_as_they_were(
    tmp_path: Path, form: DatasetFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, form, sample(1, boxes=[box()]), sample(2, "csv", structured_labels=RANGES))
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    create = SafeFolder.create

    def full(folder: SafeFolder, place: str) -> int:
        if "/parts/" in place and not place.endswith("/new-0"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return create(folder, place)

    monkeypatch.setattr(SafeFolder, "create", full)
    with pytest.raises(FolderError, match="no space left"):
        write(tmp_path, form, sample(1, boxes=[box("bolt")]), sample(2, "csv"))
    assert before == {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    assert [] == list((tmp_path / ".eisync/parts").iterdir())


def test_without_a_sync_of_the_system_each_file_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for has_sync in (True, False):
        synced: list[int] = []
        monkeypatch.setattr(replacing, "_HAS_SYNC", has_sync)
        monkeypatch.setattr(os, "fsync", synced.append)
        write(tmp_path / str(has_sync), YOLO, *(sample(number, boxes=[box()]) for number in range(3)))
        counts.append(len(synced))
    assert counts[0] + 3 + 2 == counts[1]  # a label file for each image, the classes, data.yaml


def test_no_link_is_followed_to_write_a_label_file(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    place = tmp_path / "pulled"
    write(place, YOLO, sample(1))
    (place / "labels/train/a1.txt").unlink()
    (place / "labels/train/a1.txt").symlink_to(tmp_path / "outside/words")
    (tmp_path / "outside/words").write_text("words")
    write(place, YOLO, sample(1, boxes=[box()]))
    assert "words" == (tmp_path / "outside/words").read_text()
    assert not (place / "labels/train/a1.txt").is_symlink()
