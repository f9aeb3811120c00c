import pytest

from eisync.core.items import Category
from eisync.core.labelling import INFER, NONE, Labelling, infer_category, infer_label


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("wave.01.cbor", "wave"),
        ("idle.csv", "idle"),
        ("day 1/up down.2.wav", "up down"),
        ("day.1/snake.cbor", "snake"),
        ("noise", "noise"),
        ("左.01.csv", "左"),
        ("50% grey.png", "50% grey"),
        ("0.csv", "0"),
        (".csv", None),
        ("day/.hidden.csv", None),
        ("caf\udce9.csv", "caf\ufffd"),
        ("testing/..csv", None),
    ],
)
def test_the_label_is_the_text_before_the_first_dot_of_the_base_name(path: str, label: str | None) -> None:
    assert label == infer_label(path)


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("training/a.csv", Category.TRAINING),
        ("testing/a.csv", Category.TESTING),
        ("anomaly/a.csv", Category.ANOMALY),
        ("a.testing.csv", Category.TESTING),
        ("my-training-set/a.csv", Category.TRAINING),
        ("training/testing/a.csv", Category.TESTING),
        ("training/anomaly/a.csv", Category.ANOMALY),
        ("anomaly/testing/a.csv", Category.TESTING),
        ("Testing/a.csv", None),
        ("validation/a.csv", None),
        ("a.csv", None),
    ],
)
def test_the_category_is_the_first_that_the_path_names(path: str, category: Category | None) -> None:
    assert category is infer_category(path)


@pytest.mark.parametrize(
    ("labelling", "path", "expected"),
    [
        (Labelling(), "testing/wave.1.csv", ("wave", Category.TESTING)),
        (Labelling(), "wave.1.csv", ("wave", Category.SPLIT)),
        (Labelling(), "training/.csv", (None, Category.TRAINING)),
        (Labelling(label=NONE), "training/wave.csv", (None, Category.TRAINING)),
        (Labelling(label="左 右"), "training/wave.csv", ("左 右", Category.TRAINING)),
        (Labelling(category=Category.VALIDATION), "testing/wave.csv", ("wave", Category.VALIDATION)),
        (Labelling(label=INFER, category=Category.SPLIT), "testing/wave.csv", ("wave", Category.SPLIT)),
    ],
)
def test_a_folder_says_what_is_inferred_and_what_is_fixed(
    labelling: Labelling, path: str, expected: tuple[str | None, Category]
) -> None:
    assert expected == labelling.of(path)
