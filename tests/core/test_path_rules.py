import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.labels.path_rules import (
    FOLDER,
    INFER,
    NONE,
    SDK,
    PathRules,
    infer_category,
    infer_category_as_sdk,
    infer_label,
    naming_of,
)
from eisync.core.labels.rules import LabelRules
from eisync.core.model import Category, shown
from eisync.core.text import nfc


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
    ("path", "label"),
    [
        ("train/cat/001.csv", "cat"),
        ("Testing/cat/004.csv", "cat"),
        ("cat/train/001.csv", "cat"),
        ("cat/Test Data/001.csv", "cat"),
        ("pets/cat/IMG_0042.jpg", "cat"),
        ("cat/DSC00012.jpg", "cat"),
        ("cat/PXL_20260102_101112345.jpg", "cat"),
        ("yes/0a7c2a8d_nohash_0.wav", "yes"),
        ("yes/fcafebef_nohash_0.wav", "yes"),  # one of 2,500 such names has no digit in its hash
        ("yes/fcafebef_0.wav", "fcafebef_0"),
        ("cat/3f2504e0-4f89-41d3-9a0c-0305e82c3301.png", "cat"),
        ("digits/7/00012.png", "7"),
        ("左/12.csv", "左"),
        ("cat/2026-01-02/001.csv", "cat"),
        ("cat/2026/05/IMG_0042.jpg", "cat"),
        ("cat/train/20260102_1011/001.csv", "cat"),
        ("digits/7/2026-01-02/001.csv", "7"),
        # the name tells more than which file it is
        ("cat/wave.1.csv", "wave"),
        ("cat/wave2.csv", "wave2"),
        ("cat/deadbeef.csv", "deadbeef"),
        ("cat/img.csv", "img"),
        ("cat/12 up.csv", "12 up"),
        # no folder of a class
        ("001.csv", "001"),
        ("train/001.csv", "001"),
        ("2026-01-02/001.csv", "001"),
        ("train/20260102_1011/001.csv", "001"),
    ],
)
def test_a_name_that_only_counts_leaves_the_label_to_the_folder(path: str, label: str) -> None:
    assert label == PathRules().label_of(path)[0]
    assert infer_label(path) == PathRules(label=SDK).label_of(path)[0]


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), min_size=1, max_size=5))
def test_a_label_comes_from_the_name_or_from_a_folder(parts: list[str]) -> None:
    path = "/".join(parts)
    for rules in (PathRules(), PathRules(label=FOLDER)):
        at, label = rules.label_folder(path), rules.label_of(path)[0]
        wanted = infer_label(path) if at is None else shown(parts[at])
        assert label == (wanted and nfc(wanted))


TRAINING, TESTING, VALIDATION, ANOMALY = Category.TRAINING, Category.TESTING, Category.VALIDATION, Category.ANOMALY


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("train/a.csv", TRAINING),
        ("training/a.csv", TRAINING),
        ("test/a.csv", TESTING),
        ("testing/a.csv", TESTING),
        ("val/a.csv", VALIDATION),
        ("valid/a.csv", VALIDATION),
        ("validation/a.csv", VALIDATION),
        ("anomaly/a.csv", ANOMALY),
        # in any letter case, and in any folder
        ("Testing/cat/004.csv", TESTING),
        ("TRAIN/a.csv", TRAINING),
        ("day 1/Test Data/cat/a.csv", TESTING),
        ("my_test_set/a.csv", TESTING),
        ("my-training-set/a.csv", TRAINING),
        ("(val)/a.csv", VALIDATION),
        ("2026.train/a.csv", TRAINING),
        # whole words only
        ("contesting/a.csv", None),
        ("pretraining/a.csv", None),
        ("trainings/a.csv", None),
        ("validated/a.csv", None),
        ("values/a.csv", None),
        ("train2/a.csv", None),
        ("2test/a.csv", None),
        ("testData/a.csv", None),
        ("tests/a.csv", None),
        ("post-processing/a.csv", None),
        # words have letters and digits of any script
        ("étest/a.csv", None),
        ("testé/a.csv", None),
        ("teste\u0301/a.csv", None),
        ("test\u0301/a.csv", None),
        ("тtest/a.csv", None),
        ("test٣/a.csv", None),
        ("左test/a.csv", None),
        ("左 test/a.csv", TESTING),
        ("é-Test/a.csv", TESTING),
        ("test\udcff/a.csv", TESTING),
        # the nearest to the file
        ("training/testing/a.csv", TESTING),
        ("testing/training/a.csv", TRAINING),
        ("anomaly/testing/cat/a.csv", TESTING),
        ("train-test-split/a.csv", TESTING),
        ("test/contesting/a.csv", TESTING),
        ("training/a.testing.csv", TESTING),
        # the label gives no category, but the text after it does
        ("anomaly.7.csv", None),
        ("training.1.csv", None),
        ("strength_training.1.csv", None),
        ("my test.csv", None),
        ("test", None),
        ("train/anomaly.7.csv", TRAINING),
        ("wave.testing.1.cbor", TESTING),
        ("wave.1-TEST.cbor", TESTING),
        ("wave.test.train.csv", TRAINING),
        (".testing.csv", TESTING),
        ("a.csv", None),
    ],
)
def test_the_category_is_the_whole_word_nearest_to_the_file(path: str, category: Category | None) -> None:
    assert category is infer_category(path)


@pytest.mark.parametrize(
    ("path", "word", "part", "in_name"),
    [
        ("train/cat/1.csv", "train", "train", False),
        ("a/Test Data/1.csv", "Test", "Test Data", False),
        ("train/wave.VAL.1.csv", "VAL", "wave.VAL.1.csv", True),
    ],
)
def test_the_word_and_its_part_of_the_path_are_reported(path: str, word: str, part: str, in_name: bool) -> None:
    naming = naming_of(path)
    assert naming is not None
    assert (word, part, in_name) == (naming.word, naming.part, naming.in_name)


WORDS = st.sampled_from(["train", "Testing", "val", "anomaly", "cat", "contesting", "é", "7"])
PARTS = st.lists(WORDS, min_size=1, max_size=3).flatmap(
    lambda words: st.sampled_from(" -_()+").map(lambda separator: separator.join(words))
)


@given(folders=st.lists(PARTS, max_size=3), label=PARTS, rest=st.lists(PARTS, max_size=2))
def test_no_label_gives_a_category(folders: list[str], label: str, rest: list[str]) -> None:
    path = "/".join([*folders, ".".join([label, *rest, "csv"])])
    assert infer_category("/".join([*folders, ".".join(["x", *rest, "csv"])])) is infer_category(path)


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("training/a.csv", TRAINING),
        ("anomaly.7.csv", ANOMALY),
        ("contesting/a.csv", TESTING),
        ("my-training-set/a.csv", TRAINING),
        ("training/testing/a.csv", TESTING),
        ("training/anomaly/a.csv", ANOMALY),
        ("anomaly/testing/a.csv", TESTING),
        ("testing/training/a.csv", TESTING),
        ("Testing/a.csv", None),
        ("train/a.csv", None),
        ("validation/a.csv", None),
        ("a.csv", None),
    ],
)
def test_the_sdk_rule_takes_the_first_word_that_occurs_anywhere(path: str, category: Category | None) -> None:
    assert category is infer_category_as_sdk(path)
    assert (category or Category.SPLIT) is LabelRules(PathRules(rule=SDK)).decide(path).category


@pytest.mark.parametrize(
    ("labelling", "path", "expected"),
    [
        (PathRules(), "testing/wave.1.csv", ("wave", Category.TESTING)),
        (PathRules(), "wave.1.csv", ("wave", Category.SPLIT)),
        (PathRules(), "training/.csv", (None, Category.TRAINING)),
        (PathRules(label=NONE), "training/wave.csv", (None, Category.TRAINING)),
        (PathRules(label="左 右"), "training/wave.csv", ("左 右", Category.TRAINING)),
        (PathRules(category=Category.VALIDATION), "testing/wave.csv", ("wave", Category.VALIDATION)),
        (PathRules(label=INFER, category=Category.SPLIT), "testing/wave.csv", ("wave", Category.SPLIT)),
        (PathRules(), "anomaly/001.csv", ("001", Category.ANOMALY)),
        (PathRules(), "train/strength_training/001.csv", ("strength_training", Category.TRAINING)),
        (PathRules(label=FOLDER), "Test Data/strength_training/wave.1.csv", ("strength_training", Category.TESTING)),
        (PathRules(label=FOLDER), "wave.1.csv", ("wave", Category.SPLIT)),
        (PathRules(label=FOLDER), "train/caf\udce9/wave.1.csv", ("caf\ufffd", Category.TRAINING)),
        (PathRules(label=FOLDER, rule=SDK), "cat/testing-1/a.csv", ("testing-1", Category.TESTING)),
        (PathRules(label=SDK), "train/cat/001.csv", ("001", Category.TRAINING)),
    ],
)
def test_a_folder_infers_or_fixes_label_and_category(
    labelling: PathRules, path: str, expected: tuple[str | None, Category]
) -> None:
    decided = LabelRules(labelling).decide(path)
    assert expected == (decided.label, decided.category)
