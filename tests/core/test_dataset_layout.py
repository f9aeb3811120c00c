import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.dataset import place_key
from eisync.core.dataset_layout import DatasetFormat, Layout, is_image, top_of

EI, COCO, YOLO, VOC, CSV = map(Layout, DatasetFormat)
NAMES = st.text(max_size=40) | st.text(st.sampled_from('./\\:aAé\u0301 \x00\n*"\ud800'), max_size=12)
ALIKE = st.sampled_from(
    ["a.png", "A.PNG", "a.jpg", "a.json", "7.png", "7", "_annotations.coco.json", "_annotations.csv"]
)


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("a.csv", [], "training/a.csv"),
        ("a.csv", ["testing/a.csv"], "training/a.csv"),
        ("a.csv", ["training/a.csv"], "training/7/a.csv"),
        ("A.CSV", ["training/a.csv"], "training/7/A.CSV"),
        ("e\u0301.csv", ["training/é.csv"], "training/7/e\u0301.csv"),
        ("straße.csv", ["training/STRASSE.csv"], "training/7/straße.csv"),
        ("12", [], "training/7/12"),
    ],
)
def test_two_samples_never_share_a_file(name: str, taken: list[str], expected: str) -> None:
    assert expected == EI.place_for("training", name, 7, {place_key(place) for place in taken})


def test_a_category_cannot_leave_the_dataset() -> None:
    assert "_._etc/a.csv" == EI.place_for("../etc", "a.csv", 7, set())


@pytest.mark.parametrize(
    ("layout", "category", "name", "expected"),
    [
        (EI, "validation", "a.png", "validation/a.png"),
        (COCO, "training", "a.png", "train/a.png"),
        (COCO, "validation", "a.png", "valid/a.png"),
        (COCO, "testing", "a.csv", "test/a.csv"),
        (COCO, "post-processing", "a.csv", "post-processing/a.csv"),
        (COCO, "training", "_annotations.coco.json", "train/7/_annotations.coco.json"),
        (COCO, "training", "_Annotations.COCO.json", "train/7/_Annotations.COCO.json"),
        (COCO, "training", "_annotations.csv", "train/_annotations.csv"),
        (CSV, "training", "_annotations.csv", "train/7/_annotations.csv"),
        (CSV, "validation", "a.JPEG", "valid/a.JPEG"),
        (YOLO, "training", "a.png", "images/train/a.png"),
        (YOLO, "validation", "a.jpg", "images/val/a.jpg"),
        (YOLO, "testing", "a.csv", "test/a.csv"),
        (YOLO, "testing", "12.png", "images/test/12.png"),
        (YOLO, "../etc", "../a.png", "images/_._etc/_._a.png"),
        (VOC, "testing", "a.png", "JPEGImages/a.png"),
        (VOC, "validation", "a.wav", "val/a.wav"),
    ],
)
def test_a_file_lies_where_the_tools_of_its_format_look(
    layout: Layout, category: str, name: str, expected: str
) -> None:
    assert expected == layout.place_for(category, name, 7, set())


@pytest.mark.parametrize(
    ("layout", "category", "names", "expected"),
    [
        (COCO, "training", ["a.png", "a.jpg"], ["train/a.png", "train/a.jpg"]),
        (YOLO, "training", ["a.png", "a.jpg"], ["images/train/a.png", "images/train/1/a.jpg"]),
        (YOLO, "training", ["a.png", "A.PNG"], ["images/train/a.png", "images/train/1/A.PNG"]),
        (YOLO, "training", ["a.png", "a.txt"], ["images/train/a.png", "train/a.txt"]),
        (VOC, "training", ["a.png", "a.jpg", "a.csv"], ["JPEGImages/a.png", "JPEGImages/1/a.jpg", "train/a.csv"]),
    ],
)
def test_two_images_never_share_a_label_file(
    layout: Layout, category: str, names: list[str], expected: list[str]
) -> None:
    taken: set[str] = set()
    found = []
    for number, name in enumerate(names):
        found.append(layout.place_for(category, name, number, taken))
        taken.add(layout.key_of(found[-1]))
    assert expected == found


@pytest.mark.parametrize(
    ("layout", "place", "expected"),
    [
        (YOLO, "images/train/7/a.b.png", ("images/train/7/a.b.png", "labels/train/7/a.b.txt")),
        (YOLO, "train/a.png", ("train/a.png",)),
        (YOLO, "images/train/a.csv", ("images/train/a.csv",)),
        (VOC, "JPEGImages/a.jpg", ("JPEGImages/a.jpg", "Annotations/a.xml")),
        (COCO, "train/a.png", ("train/a.png",)),
    ],
)
def test_an_image_of_yolo_and_voc_has_a_label_file(layout: Layout, place: str, expected: tuple[str, ...]) -> None:
    assert expected == layout.files_of(place)


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (EI, ()),
        (COCO, ("train", "valid", "test")),
        (YOLO, ("train", "val", "test")),
        (VOC, ("train", "val", "test")),
        (CSV, ("train", "valid", "test")),
    ],
)
def test_each_format_has_its_own_names_of_splits(layout: Layout, expected: tuple[str, ...]) -> None:
    assert expected == layout.splits()


def test_coco_and_csv_have_one_file_for_the_boxes_of_a_folder() -> None:
    assert ["train/_annotations.coco.json", "train/_annotations.csv"] == [
        one.boxes_file("train") for one in (COCO, CSV)
    ]
    assert ("train", "7/a.png") == top_of("train/7/a.png")
    assert [True, True, False] == list(map(is_image, ("a.PNG", "b/a.jpeg", "a.csv")))


@given(
    st.sampled_from(DatasetFormat),
    st.lists(st.tuples(st.sampled_from(["training", "testing"]), NAMES | ALIKE), max_size=30),
)
def test_every_sample_has_its_own_files(form: DatasetFormat, samples: list[tuple[str, str]]) -> None:
    layout = Layout(form)
    taken: set[str] = set()
    files: set[str] = set()
    for number, (category, name) in enumerate(samples, start=1):
        place = layout.place_for(category, name, number, taken)
        taken.add(layout.key_of(place))
        for key in map(place_key, layout.files_of(place)):
            assert key not in files
            # No file is in the place of a folder.
            assert not any(other.startswith(key + "/") or key.startswith(other + "/") for other in files)
            files.add(key)
