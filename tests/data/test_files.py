import json
import os
from pathlib import Path
from typing import Any

import pytest

from eisync.data import Sample, infer_from_filename, upload_directory, upload_exported_dataset, upload_plain_directory
from eisync.emulator.server import RunningEmulator
from tests.core.formats import png

from .samples import acquisition, csv, held

SHARED_DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"
needs_shared_data = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real files are not here")


def fill(place: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def names(results: list[Any]) -> list[str | None]:
    return [result.sample.filename for result in results]


# Plain directories


def test_files_go_in_the_order_of_their_paths(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {f"{folder}/wave.{n}.csv": csv(10 * n + at) for at, folder in enumerate("ba") for n in range(9)})
    response = upload_directory(str(tmp_path))
    assert [f"wave.{n}.csv" for n in range(9)] * 2 == names(response.successes)
    assert response.success


def test_hidden_files_and_what_the_service_does_not_take_stay_here(service: RunningEmulator, tmp_path: Path) -> None:
    fill(
        tmp_path, {name: csv(n) for n, name in enumerate([".a.csv", ".git/b.csv", "c.md", "csv", "d.CSV", "e.csv.tmp"])}
    )
    assert ["d.CSV"] == names(upload_directory(str(tmp_path)).successes)


def test_links_are_followed_and_no_folder_is_entered_twice(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"here/a.csv": csv(1), "elsewhere/b.csv": csv(2)})
    (tmp_path / "here" / "there").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "again").symlink_to(tmp_path / "here")
    assert ["a.csv", "b.csv"] == names(upload_directory(str(tmp_path / "here")).successes)


def test_links_that_lead_nowhere_or_in_circles_are_passed_over(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": csv(1)})
    (tmp_path / "gone.csv").symlink_to(tmp_path / "was there once")
    (tmp_path / "circle.csv").symlink_to(tmp_path / "circle.csv")
    assert ["a.csv"] == names(upload_directory(str(tmp_path)).successes)


def test_what_is_said_holds_for_every_file(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {f"{n}.csv": csv(10 * n) for n in range(3)})
    metadata = {"site": "desk", "run": 7}
    assert upload_plain_directory(str(tmp_path), "testing", "noise", metadata).success
    assert {("testing", "noise", '{"site": "desk", "run": "7"}')} == {
        (one["category"], one["label"], json.dumps(one["metadata"])) for one in held()
    }
    assert {"site": "desk", "run": 7} == metadata


def test_few_files_are_open_at_a_time(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {f"wave.{n:04}.csv": csv(10 * n) for n in range(600)})
    before = len(os.listdir("/proc/self/fd"))
    most = 0

    def look(sample: Sample, file: str) -> None:
        nonlocal most
        stream: Any = sample.data
        assert b"time" == stream.read(4)
        stream.seek(0)
        most = max(most, len(os.listdir("/proc/self/fd")) - before)

    assert upload_directory(str(tmp_path), transform=look).success
    assert most <= 4


def test_a_sample_has_the_category_that_was_asked_for(service: RunningEmulator, tmp_path: Path) -> None:
    """`split` where none was; a `transform` sees what the caller gave, and may give one."""
    fill(tmp_path, {"a.csv": csv(1), "b.csv": csv(20)})
    seen: list[str | None] = []

    def transform(sample: Sample, file: str) -> None:
        seen.append(sample.category)
        if file.endswith("b.csv"):
            sample.category = "testing"

    plain = upload_directory(str(tmp_path), transform=transform)
    assert ([None, None], ["split", "testing"]) == (seen, [one.sample.category for one in plain.successes])
    again = upload_directory(str(tmp_path), category="training", allow_duplicates=True)
    assert ["training", "training"] == [one.sample.category for one in again.successes]
    fill(tmp_path, {"info.labels": '{"version": 1, "files": [{"path": "a.csv"}]}'})
    exported = upload_directory(str(tmp_path), category="training", allow_duplicates=True)
    assert ["split"] == [one.sample.category for one in exported.successes]


def test_a_transform_may_change_anything(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": csv(1), "b.csv": csv(2)})

    def transform(sample: Sample, file: str) -> None:
        sample.data = csv(900 if file.endswith("a.csv") else 910).encode()
        sample.filename = "new." + os.path.basename(file)
        sample.label, sample.category, sample.metadata = "changed", "testing", {"from": os.path.basename(file)}

    assert upload_directory(str(tmp_path), transform=transform, batch_size=1).success
    assert [("new.a", "changed", "testing", {"from": "a.csv"}), ("new.b", "changed", "testing", {"from": "b.csv"})] == [
        (one["filename"], one["label"], one["category"], one["metadata"]) for one in held()
    ]


def test_what_a_transform_raises_is_the_callers(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": csv(1)})
    with pytest.raises(ZeroDivisionError):
        upload_directory(str(tmp_path), transform=lambda sample, file: 1 / 0)


def test_progress_is_of_the_whole_directory(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {f"{n}.csv": csv(10 * n) for n in range(10)})
    seen: list[tuple[int, int]] = []
    upload_directory(
        str(tmp_path),
        transform=infer_from_filename,
        batch_size=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert (10, 10) == seen[-1]


@pytest.mark.parametrize("upload", [upload_directory, upload_plain_directory, upload_exported_dataset])
def test_a_missing_directory_is_named(service: RunningEmulator, tmp_path: Path, upload: Any) -> None:
    missing = str(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=f"^directory '{missing}' not found.$"):
        upload(missing)


@pytest.mark.parametrize("upload", [upload_directory, upload_plain_directory])
def test_an_empty_directory_gives_an_empty_response(service: RunningEmulator, tmp_path: Path, upload: Any) -> None:
    response = upload(str(tmp_path))
    assert (True, [], []) == (response.success, response.successes, response.fails)


def test_a_batch_of_none_is_refused(service: RunningEmulator, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        upload_directory(str(tmp_path), batch_size=0)


@pytest.mark.parametrize("companion", ["", "{", "[]", '{"type":"other"}', '{"boundingBoxes":[]}'])
def test_boxes_that_cannot_be_read_are_no_boxes(service: RunningEmulator, tmp_path: Path, companion: str) -> None:
    fill(tmp_path, {"a.csv": csv(1), "bounding_boxes.labels": companion})
    assert upload_directory(str(tmp_path)).success


# Exported datasets


def test_a_directory_without_an_account_is_no_dataset(service: RunningEmulator, tmp_path: Path) -> None:
    text = "^Labels file 'info.labels' not found in the specified directory.$"
    with pytest.raises(FileNotFoundError, match=text):
        upload_exported_dataset(str(tmp_path))


def test_an_account_that_cannot_be_read_is_told(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"info.labels": "not json"})
    with pytest.raises(ValueError, match=r"info\.labels is not JSON"):
        upload_directory(str(tmp_path))


def test_an_account_is_kept(service: RunningEmulator, tmp_path: Path) -> None:
    ranges = [{"startIndex": 0, "endIndex": 2, "label": "a"}]
    entries = [
        {"path": "training/one.json", "label": {"type": "label", "label": 0}, "metadata": {"k": "v"}},
        {"path": "testing/two.json", "label": {"type": "unlabeled"}},
        {"path": "testing/three.json", "label": {"type": "multi-label", "labels": ranges}},
    ]
    fill(tmp_path, {str(entry["path"]): acquisition(10 * n) for n, entry in enumerate(entries)})
    fill(tmp_path, {"info.labels": json.dumps({"files": entries}), "training/stranger.csv": csv(5)})
    assert ["one.json", "two.json", "three.json"] == names(upload_directory(str(tmp_path)).successes)
    assert [
        ("one", "0", "training", {"k": "v"}, None),
        ("three", "three", "testing", None, ranges),
        ("two", "", "testing", None, None),
    ] == [
        (one["filename"], one["label"], one["category"], one.get("metadata"), one.get("structuredLabels"))
        for one in held()
    ]


def test_a_file_that_is_not_there_keeps_its_place_among_the_failures(service: RunningEmulator, tmp_path: Path) -> None:
    paths = ["../outside.csv", "bad.csv", "missing.csv", "good.csv", "/etc/hostname"]
    fill(tmp_path, {"outside.csv": csv(1), "set/bad.csv": "a,b\n1,2\n3,4\n", "set/good.csv": csv(2)})
    fill(tmp_path, {"set/info.labels": json.dumps({"files": [{"path": path} for path in paths]})})
    response = upload_exported_dataset(str(tmp_path / "set"))
    assert ["outside.csv", "bad.csv", "missing.csv", "hostname"] == names(response.fails)
    assert ["good.csv"] == names(response.successes)


def test_a_link_in_a_dataset_is_its_owners_own_doing(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"cache/4711.csv": csv(1), "set/info.labels": '{"files": [{"path": "wave.csv"}]}'})
    (tmp_path / "set" / "wave.csv").symlink_to(tmp_path / "cache" / "4711.csv")
    assert ["wave.csv"] == names(upload_exported_dataset(str(tmp_path / "set")).successes)


# Names, and the forms in which they are written


COMPOSED, APART = "\u00dcbung/t\u00fcr.1.csv", "U\u0308bung/tu\u0308r.1.csv"
BOX = {"label": "tu\u0308r", "x": 1, "y": 1, "width": 2, "height": 2}


def exported(place: Path, *entries: dict[str, Any]) -> Any:
    fill(place, {"info.labels": json.dumps({"files": entries})})
    return upload_exported_dataset(str(place))


def test_a_name_of_the_account_is_sent_with_the_extension_of_its_file(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"training/idle.1.csv.4ooensbh.pod.csv": csv(1), "b.csv": csv(2)})
    response = exported(
        tmp_path, {"path": "training/idle.1.csv.4ooensbh.pod.csv", "name": "idle.1"}, {"path": "b.csv", "name": ""}
    )
    assert ["idle.1.csv", "b.csv"] == names(response.successes)
    assert ["b", "idle.1"] == sorted(one["filename"] for one in held())


@pytest.mark.parametrize(("on_disk", "mentioned"), [(COMPOSED, APART), (APART, COMPOSED), (APART, APART)])
def test_a_file_is_found_in_whichever_form_the_account_names_it(
    service: RunningEmulator, tmp_path: Path, on_disk: str, mentioned: str
) -> None:
    fill(tmp_path, {on_disk: csv(1)})
    label = {"type": "label", "label": "tu\u0308r"}
    assert exported(tmp_path, {"path": mentioned, "category": "testing", "label": label}).success
    assert [("testing", "t\u00fcr")] == [(one["category"], one["label"]) for one in held()]


def test_of_two_files_that_look_the_same_each_is_its_own_entrys(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {COMPOSED: csv(1), APART: csv(2)})
    labels = [{"type": "label", "label": label} for label in "ab"]
    response = exported(tmp_path, {"path": COMPOSED, "label": labels[0]}, {"path": APART, "label": labels[1]})
    paths = [one.sample.data.path for one in response.successes]
    assert [str(tmp_path / COMPOSED), str(tmp_path / APART)] == paths


def test_a_file_that_another_entry_names_is_not_sent_twice(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {COMPOSED: csv(1)})
    response = exported(tmp_path, {"path": COMPOSED}, {"path": APART})
    assert (1, 1) == (len(response.successes), len(response.fails))
    assert "not found" in str(response.fails[0].error)


def test_a_file_in_another_case_is_missing_and_named(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"Training/idle.1.csv": csv(1)})
    response = exported(tmp_path, {"path": "training/Idle.1.csv"})
    assert "the file is 'Training/idle.1.csv': rename one of them" in str(response.fails[0].error)


def test_an_entry_that_cannot_be_used_is_a_failure(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": csv(1), "b.csv": csv(2)})
    (tmp_path / "info.labels").write_text('{"files": [{"path": "a.csv", "label": "\\ud800"}, {"path": "b.csv"}]}')
    response = upload_exported_dataset(str(tmp_path))
    assert ["b.csv"] == names(response.successes)
    assert "the entry for a.csv in info.labels cannot be used" in str(response.fails[0].error)


def test_boxes_are_found_in_another_form_and_all_of_them(service: RunningEmulator, tmp_path: Path) -> None:
    (tmp_path / "tu\u0308r.1.png").write_bytes(png(b"one"))
    boxes = [BOX, {**BOX, "x": 5}]
    named = ",".join(f'"t\u00fcr.1.png":[{json.dumps(box)}]' for box in boxes)
    (tmp_path / "bounding_boxes.labels").write_text(f'{{"type":"bounding-box-labels","boundingBoxes":{{{named}}}}}')
    assert upload_directory(str(tmp_path)).success
    assert [{**box, "label": "t\u00fcr"} for box in boxes] == held()[0]["boundingBoxes"]


def test_what_is_said_in_utf_16_is_read(service: RunningEmulator, tmp_path: Path) -> None:
    account, boxes = tmp_path / "account", tmp_path / "boxes"
    fill(account, {"a.1.csv": csv(1)})
    (account / "info.labels").write_text(json.dumps({"files": [{"path": "a.1.csv", "label": "run"}]}), "utf-16")
    boxes.mkdir()
    (boxes / "b.1.png").write_bytes(png(b"one"))
    said = {"type": "bounding-box-labels", "boundingBoxes": {"b.1.png": [BOX]}}
    (boxes / "bounding_boxes.labels").write_text(json.dumps(said), "utf-16")
    assert all(upload_directory(str(folder)).success for folder in (account, boxes))
    assert {("run", 0), ("b", 1)} == {(one["label"], len(one["boundingBoxes"])) for one in held()}


def test_boxes_of_an_image_in_another_case_are_warned_of(service: RunningEmulator, tmp_path: Path) -> None:
    (tmp_path / "a.1.png").write_bytes(png(b"one"))
    (tmp_path / "bounding_boxes.labels").write_text(json.dumps({"boundingBoxes": {"A.1.png": [BOX]}}))
    with pytest.warns(UserWarning, match=r"mentions 'A\.1\.png', but the file is 'a\.1\.png': rename one of them"):
        assert upload_directory(str(tmp_path)).success
    assert [] == held()[0]["boundingBoxes"]


def test_a_label_is_sent_in_one_form_and_the_sample_keeps_its_own(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"tu\u0308r.1.csv": csv(1), "t\u00fcr.2.csv": csv(2)})
    response = upload_directory(str(tmp_path), transform=infer_from_filename)
    assert {"tu\u0308r", "t\u00fcr"} == {one.sample.label for one in response.successes}
    assert {"t\u00fcr"} == {one["label"] for one in held()}


def test_attachments_are_warned_of(service: RunningEmulator, tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": csv(1)})
    with pytest.warns(
        UserWarning, match=r"info\.labels lists attachments for 1 file; they are not sent\. Set `attachments`"
    ):
        assert exported(tmp_path, {"path": "a.csv", "attachments": [{"path": "x"}]}).success


# Real files


@needs_shared_data
def test_real_gestures(service: RunningEmulator) -> None:
    response = upload_directory(str(SHARED_DATA / "gestures"), transform=infer_from_filename)
    assert (11, 0) == (len(response.successes), len(response.fails))
    assert {("idle", "training")} == {(one["label"], one["category"]) for one in held()}


@needs_shared_data
def test_a_real_exported_dataset(service: RunningEmulator) -> None:
    account = json.loads((SHARED_DATA / "dataset" / "info.labels").read_text())["files"]
    assert upload_directory(str(SHARED_DATA / "dataset")).success
    assert sorted((one["label"]["label"], one["category"]) for one in account) == sorted(
        (one["label"], one["category"]) for one in held()
    )


@needs_shared_data
def test_real_boxes(service: RunningEmulator) -> None:
    document = json.loads((SHARED_DATA / "object_detection" / "bounding_boxes.labels").read_text())
    assert upload_directory(str(SHARED_DATA / "object_detection")).success
    assert list(document["boundingBoxes"].values()) == [one["boundingBoxes"] for one in held()]


@needs_shared_data
@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("good.01.csv", True),
        ("good.02.txt", True),
        ("bad.01.csv", False),
        ("hadouken.01.wav", True),
        ("capacitor.01.png", True),
        ("wave.01.cbor", True),
        ("wave.01.json", True),
    ],
)
def test_a_real_file(service: RunningEmulator, name: str, is_taken: bool) -> None:
    from eisync.data import upload_samples

    with open(SHARED_DATA / name, "rb") as file:
        response = upload_samples(Sample(file, filename=name, label="x"))
    assert (int(is_taken), int(not is_taken)) == (len(response.successes), len(response.fails))
