"""A dataset against a plain model: whatever fails, ends or is deleted, every sample has its own complete file."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from eisync.adapters.dataset import Dataset
from eisync.core.dataset import place_key
from eisync.core.dataset_layout import DatasetFormat, Layout
from eisync.errors import UnansweredError
from tests.examples import examples

SELECTION: dict[str, object] = {"project": 1, "category": None, "labels": []}
IDS = st.integers(1, 6)
NAMES = st.sampled_from(
    [
        "a.csv",
        "A.csv",
        "a.json",
        "2",
        "../a.csv",
        "é.csv",
        "e\u0301.csv",
        ".eisync",
        "..",
        "",
        "a.png",
        "A.PNG",
        "a.jpg",
    ]
)
PLACES = ["training/a.csv", "training/2/a.csv", "testing/é.csv"]
CATEGORIES = st.sampled_from(["training", "testing", "../training", "TRAINING"])


class DatasetKeepsItsModel(RuleBasedStateMachine):
    layout = Layout()

    @initialize()
    def begin(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.dataset = Dataset(str(self.place / "pulled"), SELECTION, self.layout)
        self.whole: dict[int, bytes] = {}
        self.foreign: dict[Path, bytes] = {}

    @rule(sample_id=IDS, name=NAMES, category=CATEGORIES, is_json=st.booleans())
    def store(self, sample_id: int, name: str, category: str, is_json: bool) -> None:
        content = b"{%d}" % sample_id if is_json else b"x\n%d\n" % sample_id
        try:
            self.dataset.store(sample_id, category, name, [content[:2], content[2:]])
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            assert self.foreign
            return
        self.whole[sample_id] = content

    @rule(sample_id=IDS, name=NAMES, category=CATEGORIES)
    def break_off(self, sample_id: int, name: str, category: str) -> None:
        def broken() -> Iterator[bytes]:
            yield b"half"
            raise UnansweredError("the connection broke")

        try:
            self.dataset.store(sample_id, category, name, broken())
        except UnansweredError:
            return
        raise AssertionError

    @rule(sample_id=IDS)
    def delete_here(self, sample_id: int) -> None:
        if self.whole.pop(sample_id, None) is not None:
            (Path(self.dataset.folder) / self.dataset.place_of(sample_id)).unlink()

    @rule(place=st.sampled_from([*PLACES, "labels/train/a.txt", "images/train/2/a.png"]))
    def somebody_writes(self, place: str) -> None:
        path = Path(self.dataset.folder) / place
        known = {
            place_key(file) for one in self.dataset.ids() for file in self.layout.files_of(self.dataset.place_of(one))
        }
        if not path.exists() and place_key(place) not in known:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"mine")
            self.foreign[path] = b"mine"

    @rule(torn=st.sampled_from([b"", b"{", b'{"id": 1, "place": "training/x.csv"}', b"\xff\x00"]))
    def die(self, torn: bytes) -> None:
        """The process ends with a file and a line of its journal half written."""
        self.dataset.close()
        own = Path(self.dataset.folder) / ".eisync"
        (own / "parts/1").write_bytes(b"half")
        with (own / "pull.jsonl").open("ab") as journal:
            journal.write(torn)
        self.dataset = Dataset(self.dataset.folder, SELECTION, self.layout)

    @invariant()
    def every_sample_has_its_own_whole_file(self) -> None:
        if not hasattr(self, "whole"):
            return
        folder = Path(self.dataset.folder)
        assert set(self.whole) == {one for one in range(1, 7) if self.dataset.has(one)}
        found = {
            path: path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and ".eisync" not in path.relative_to(folder).parts[:1]
        }
        places = {folder / self.dataset.place_of(one): content for one, content in self.whole.items()}
        assert {**places, **self.foreign} == found
        keys = [self.layout.key_of(self.dataset.place_of(one)) for one in self.dataset.ids()]
        assert len(keys) == len(set(keys))
        assert [] == os.listdir(folder / ".eisync/parts")
        assert ["pulled"] == os.listdir(self.place)

    def teardown(self) -> None:
        if hasattr(self, "place"):
            self.dataset.close()
            shutil.rmtree(self.place)


class YoloDatasetKeepsItsModel(DatasetKeepsItsModel):
    """Two images never share a label file."""

    layout = Layout(DatasetFormat.YOLO)


TestYoloDatasetKeepsItsModel = YoloDatasetKeepsItsModel.TestCase
TestYoloDatasetKeepsItsModel.settings = settings(max_examples=examples(60), stateful_step_count=25)

TestDatasetKeepsItsModel = DatasetKeepsItsModel.TestCase
TestDatasetKeepsItsModel.settings = settings(max_examples=examples(60), stateful_step_count=25)
