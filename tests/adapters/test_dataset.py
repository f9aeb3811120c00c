import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.dataset import Dataset
from eisync.adapters.files import relocate
from eisync.adapters.files.relocate import SafeFolder
from eisync.errors import FolderError, UnansweredError

SELECTION: dict[str, Any] = {"project": 1, "category": None, "labels": []}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "pulled"


@pytest.fixture
def dataset(place: Path) -> Iterator[Dataset]:
    dataset = Dataset(str(place), SELECTION)
    yield dataset
    dataset.close()


def reopened(dataset: Dataset, **more: Any) -> Dataset:
    dataset.close()
    return Dataset(dataset.folder, {**SELECTION, **more})


def files(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()} - {".eisync/pull.jsonl"}


def test_a_file_is_there_when_it_is_whole(dataset: Dataset, place: Path) -> None:
    assert not dataset.has(7)
    assert 6 == dataset.store(7, "training", "a.csv", [b"x,y", b"\n1,"])
    assert (True, "training/a.csv") == (dataset.has(7), dataset.place_of(7))
    assert b"x,y\n1," == (place / "training/a.csv").read_bytes()
    assert {"training/a.csv"} == files(place)


def test_what_breaks_off_leaves_nothing(dataset: Dataset, place: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x,y\n"
        assert {".eisync/parts/7"} == files(place)
        raise UnansweredError("the connection broke")

    with pytest.raises(UnansweredError):
        dataset.store(7, "training", "a.csv", broken())
    assert (False, set()) == (dataset.has(7), files(place))


def test_a_second_run_goes_on(dataset: Dataset, place: Path) -> None:
    dataset.store(7, "training", "a.csv", [b"1"])
    dataset.store(8, "training", "A.csv", [b"2"])
    (place / "training/a.csv").unlink()
    again = reopened(dataset)
    assert (False, True) == (again.has(7), again.has(8))
    again.store(9, "training", "a.csv", [b"3"])
    again.store(7, "training", "a.csv", [b"1"])
    again.close()
    assert ["training/a.csv", "training/8/A.csv", "training/9/a.csv"] == [again.place_of(id) for id in (7, 8, 9)]
    assert {"training/a.csv", "training/8/A.csv", "training/9/a.csv"} == files(place)


@pytest.mark.parametrize("torn", [b'{"id": 8, "pla', b'{"id": 8, "place": "training/b.csv"}'])
def test_half_a_line_of_the_journal_is_forgotten(dataset: Dataset, place: Path, torn: bytes) -> None:
    dataset.store(7, "training", "a.csv", [b"1"])
    with (place / ".eisync/pull.jsonl").open("ab") as journal:
        journal.write(torn)
    again = reopened(dataset)
    assert [7] == list(again.ids())
    again.store(8, "training", "c.csv", [b"2"])
    third = reopened(again)
    third.close()
    assert {7: "training/a.csv", 8: "training/c.csv"} == {id: third.place_of(id) for id in third.ids()}


def test_what_another_run_left_half_is_cleared_away(dataset: Dataset, place: Path) -> None:
    (place / ".eisync/parts/9").write_bytes(b"half")
    reopened(dataset).close()
    assert set() == files(place)


def test_foreign_files_are_never_changed(dataset: Dataset, place: Path) -> None:
    (place / "training/8").mkdir(parents=True)
    (place / "training/a.csv").write_bytes(b"mine")
    dataset.store(7, "training", "a.csv", [b"theirs"])
    assert "training/7/a.csv" == dataset.place_of(7)
    (place / "training/8/a.csv").write_bytes(b"mine too")
    with pytest.raises(FileExistsError):
        dataset.store(8, "training", "a.csv", [b"theirs"])
    assert (b"mine", b"mine too") == (
        (place / "training/a.csv").read_bytes(),
        (place / "training/8/a.csv").read_bytes(),
    )
    assert not dataset.has(8)


def test_no_name_leads_out_of_the_folder(dataset: Dataset, place: Path) -> None:
    for number, name in enumerate(["../../up.csv", "/etc/x.csv", "..", ".eisync", "a\x00b.csv"]):
        dataset.store(number, "../training", name, [b"1"])
    assert {"_._training"} == {path.name for path in place.iterdir()} - {".eisync"}
    assert ["pulled"] == [path.name for path in place.parent.iterdir()]


def test_csv_that_became_json_is_named_so(dataset: Dataset) -> None:
    dataset.store(7, "training", "a.csv", [b'{"protected":', b"{}}"])
    assert "training/a.json" == dataset.place_of(7)


def test_an_account_takes_the_place_of_the_old_one_when_it_is_complete(dataset: Dataset, place: Path) -> None:
    for names, is_kept in ((["a"], True), (["b"], False), (["c", "d"], True), ([], True)):
        with dataset.labels_writer() as labels:
            for name in names:
                labels.add({"path": name})
            if is_kept:
                labels.keep()
        document = json.loads((place / "info.labels").read_text())
        expected = names if is_kept else ["a"]
        assert (1, expected) == (document["version"], [entry["path"] for entry in document["files"]])
    assert {"info.labels"} == files(place)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no disk that is always full")
def test_a_full_disk_is_reported(dataset: Dataset, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SafeFolder, "create", lambda _, place: os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(FolderError, match=r"no space left for .*; make room and run it again"):
        dataset.store(7, "training", "a.csv", [b"x" * 100_000])
    with pytest.raises(FolderError, match="no space left"), dataset.labels_writer() as labels:
        labels.keep()
    assert set() == files(place)


def test_a_folder_is_for_one_selection(dataset: Dataset) -> None:
    dataset.close()
    with pytest.raises(FolderError, match=r"holds project 1, not project 2; name another folder"):
        reopened(dataset, project=2)
    with pytest.raises(FolderError, match=r"not project 1 \(category testing, label a, b\)"):
        reopened(dataset, category="testing", labels=["a", "b"])
    reopened(dataset).close()


def test_two_at_once_are_kept_apart(dataset: Dataset) -> None:
    with pytest.raises(FolderError, match="another pull is writing"):
        Dataset(dataset.folder, SELECTION)


def test_a_folder_with_anything_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FolderError, match="is not empty"):
        Dataset(str(tmp_path), SELECTION)
    assert ["mine.txt"] == os.listdir(tmp_path)


PLANTED = {
    "training": "",  # the folder of a category: the target of the link, below the folder outside
    "training/8": "",
    ".eisync": "",
    ".eisync/pull.jsonl": "words",
    ".eisync/parts": "",
    ".eisync/parts/8": "words",
    "training/a.csv": "words",
    "info.labels": "words",
    ".eisync/info.labels": "words",
}


@pytest.fixture(params=[True, False], ids=["descriptors", "none"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With descriptors of folders, and as on a system that has none."""
    monkeypatch.setattr(relocate, "HAS_DESCRIPTORS", request.param)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("is_early", [True, False], ids=["before it begins", "meanwhile"])
@pytest.mark.parametrize("planted", PLANTED)
def test_nothing_is_written_through_a_link(tmp_path: Path, place: Path, planted: str, is_early: bool) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "words").write_text("somebody's words")
    Dataset(str(place), SELECTION).close()
    link = place / planted

    def plant() -> None:
        if link.is_dir() and not link.is_symlink():
            link.rename(tmp_path / "was")
        link.unlink(missing_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(outside / PLANTED[planted])

    # It may replace the link, or refuse it.
    with contextlib.suppress(FolderError, OSError), contextlib.ExitStack() as stack:
        if is_early:
            plant()
        dataset = Dataset(str(place), SELECTION)
        stack.callback(dataset.close)
        if not is_early:
            plant()
        for number in (8, 9):
            dataset.store(number, "training", "a.csv", [b"x,y\n"])
        with dataset.labels_writer() as labels:
            labels.keep()
    assert ["words"] == os.listdir(outside)
    assert "somebody's words" == (outside / "words").read_text()


@pytest.mark.usefixtures("ways")
def test_a_link_is_no_file_that_came(dataset: Dataset, place: Path, tmp_path: Path) -> None:
    dataset.store(7, "training", "a.csv", [b"x"])
    assert dataset.has(7)
    (place / "training/a.csv").rename(tmp_path / "elsewhere")
    (place / "training/a.csv").symlink_to(tmp_path / "elsewhere")
    assert not dataset.has(7)
    (place / "training").rename(tmp_path / "training")
    (place / "training").symlink_to(tmp_path / "training")
    assert not dataset.has(7)


def test_what_is_in_the_way_is_named(dataset: Dataset, place: Path, tmp_path: Path) -> None:
    (place / "training").symlink_to(tmp_path)
    with pytest.raises(OSError) as caught:
        dataset.store(7, "training", "a.csv", [b"x"])
    assert "a link or a file is in the way at training" == caught.value.strerror


def test_the_folder_itself_may_be_reached_through_a_link(place: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    place.symlink_to(tmp_path / "disk")
    dataset = Dataset(str(place), SELECTION)
    dataset.store(7, "training", "a.csv", [b"x"])
    dataset.close()
    assert b"x" == (tmp_path / "disk/training/a.csv").read_bytes()
