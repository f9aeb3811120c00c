"""Every list of classes that tools write gives the names of their numbers."""

import sys

import pytest
import yaml

from eisync.core.annotations import class_names

ROBOFLOW = """train: ../train/images
val: ../valid/images

nc: 3
names: ['cat', "no", 1.0]

roboflow:
  workspace: lab
"""
ULTRALYTICS = """# COCO8
path: coco8
names:
  0: cat
  1: no
  2: 1.0
kpt_shape: [17, 3]
"""
NAMES = {"0": "cat", "1": "no", "2": "1.0"}


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("data.yaml", ROBOFLOW, NAMES),
        ("coco8.YML", ULTRALYTICS, NAMES),
        ("data.yaml", "names:\n- cat\n- no\n- 1.0\n", NAMES),
        ("data.yaml", "names: [cat, [dog], '']", {"0": "cat"}),
        ("data.yaml", "a: &a [cat, dog]\nnames: *a", {"0": "cat", "1": "dog"}),
        ("classes.txt", "\ufeffcat\r\nno \n1.0\n\n", NAMES),
        ("classes.txt", "cat\n\ndog", {"0": "cat", "2": "dog"}),
        ("obj.names", "traffic light\n", {"0": "traffic light"}),
        ("_darknet.labels", "cat\nno\n1.0", NAMES),
        ("labels.txt", "0 cat\n1 traffic light", {"0": "cat", "1": "traffic light"}),
        ("labels.txt", "1 cat\n2 dog", {"0": "1 cat", "1": "2 dog"}),
        ("notes.json", '{"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": 2}, 3], "info": {}}', {"0": "cat"}),
        (
            "class-descriptions-boxable.csv",
            '/m/011k07,Tortoise\n/m/0,"Cat, wild"\n',
            {"/m/011k07": "Tortoise", "/m/0": "Cat, wild"},
        ),
        (
            "oidv7-class-descriptions-boxable.csv",
            "LabelName,DisplayName\n/m/011k07,Tortoise\n/m/1\n",
            {"/m/011k07": "Tortoise"},
        ),
    ],
)
def test_a_list_gives_the_names_of_the_classes(name: str, text: str, found: dict[str, str]) -> None:
    assert class_names.is_list(name)
    assert found == class_names.read(name, text)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("classes.txt", "", "it names no class"),
        ("classes.txt", "a\0b", "it contains a NUL character or half a character"),
        ("classes.txt", "\ud800", "it contains a NUL character or half a character"),
        (
            "classes.txt",
            "a\n" * 600_000,
            "it has more than 1,048,576 characters, which is too many for a list of classes",
        ),
        ("data.yaml", "services: {}", "it has no list of names"),
        ("data.yaml", "- a", "it has no list of names"),
        ("data.yaml", "names: cat", "it has no list of names"),
        ("data.yaml", "", "it has no list of names"),
        ("data.yaml", "a: 1\nb: ]\nc: 2", "it is not YAML (line 2)"),
        ("data.yaml", "a: \x01", "it is not YAML"),
        ("data.yaml", "? [a]\n: b", "it is not YAML (line 1)"),
        ("data.yaml", "a: &a [*a]", "it is not YAML (line 1)"),
        ("data.yaml", "[" * 51, "it is nested deeper than 50 levels"),
        ("notes.json", "[" * 100_000, "it is not JSON"),
        ("notes.json", "{", "it is not JSON"),
        ("notes.json", "[]", "it names no class"),
    ],
)
def test_what_is_not_a_list_of_classes_is_refused(name: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:
        class_names.read(name, text)
    assert reason == str(raised.value)


def test_aliases_are_no_copies() -> None:
    lists = "".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 20))
    assert {"0": "cat"} == class_names.read("data.yaml", f"a0: &a0 x\n{lists}names: [cat]")


@pytest.mark.parametrize("name", ["info.labels", "a.txt", "data.json", "labels.csv", "class.txt.gz", "README.md"])
def test_other_files_are_no_list(name: str) -> None:
    assert not class_names.is_list(name)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (ULTRALYTICS, (17, 3)),
        ("kpt_shape: [4, 2]", (4, 2)),
        ("kpt_shape: [4, 5]", None),
        ("kpt_shape: [x, 3]", None),
        ("kpt_shape: 17", None),
        (ROBOFLOW, None),
        ("", None),
    ],
)
def test_a_document_says_how_many_keypoints_there_are(text: str, shape: tuple[int, int] | None) -> None:
    assert shape == class_names.keypoint_shape(text)


def test_it_is_the_same_without_the_compiled_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CBaseLoader", raising=False)
    assert NAMES == class_names.read("data.yaml", ROBOFLOW)
    with pytest.raises(ValueError, match="nested deeper than 50 levels"):
        class_names.read("data.yaml", "[" * 10_000)


def test_without_the_extra_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ValueError, match=r"install eisync\[annotations\]"):
        class_names.read("data.yaml", ROBOFLOW)
