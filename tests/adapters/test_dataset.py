import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.dataset import Dataset
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


def test_what_is_somebody_elses_is_never_touched(dataset: Dataset, place: Path) -> None:
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
        with dataset.account() as account:
            for name in names:
                account.add({"path": name})
            if is_kept:
                account.keep()
        document = json.loads((place / "info.labels").read_text())
        expected = names if is_kept else ["a"]
        assert (1, expected) == (document["version"], [entry["path"] for entry in document["files"]])
    assert {"info.labels"} == files(place)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no disk that is always full")
def test_a_full_disk_is_told(dataset: Dataset, place: Path) -> None:
    (place / ".eisync/parts/7").symlink_to("/dev/full")
    (place / ".eisync/info.labels").symlink_to("/dev/full")
    with pytest.raises(FolderError, match=r"no space left for .*; make room and run it again"):
        dataset.store(7, "training", "a.csv", [b"x" * 100_000])
    with pytest.raises(FolderError, match="no space left"), dataset.account() as account:
        account.keep()
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
