"""Labels that are surely wrong are warned of, each once; labels that people choose are not."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.labels.warnings import LabelCount, label_warnings


def counted(files: Mapping[str, int], *, named: bool = True) -> dict[str, LabelCount]:
    return {label: LabelCount(number, number if named else 0) for label, number in files.items()}


def found(files: Mapping[str, int], *, named: bool = True) -> list[tuple[str, int, int]]:
    return [(one.pattern.value, one.labels, one.files) for one in label_warnings(counted(files, named=named))]


NAMES = [f"{name}{end}" for name in ("anna", "bert", "carl", "dora") for end in ("berlin", "wien")]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # only counters
        ({"000": 1, "001": 1, "002": 1}, [("counters", 3, 3)]),
        ({"000": 30, "001": 30}, [("counters", 2, 60)]),  # numbered anew in the folder of each day
        ({"IMG_0042": 1}, [("counters", 1, 1)]),
        ({"0a7c2a8d_nohash_0": 1, "wave": 20}, [("counters", 1, 1)]),
        ({"550e8400-e29b-41d4-a716-446655440000": 1}, [("counters", 1, 1)]),
        ({"2026-11-30": 4, "2026-12-01": 5}, [("counters", 2, 9)]),
        ({"1": 1, "2": 1, "3": 1}, [("counters", 3, 3)]),
        ({"1733011200": 1, "1733011260": 1}, [("counters", 2, 2)]),
        # spellings of one label
        ({"Wave": 9, "wave": 7}, [("spellings", 2, 16)]),
        ({"left turn": 5, "left_turn": 5, "right": 5}, [("spellings", 2, 10)]),
        ({"idle": 5, "idle ": 1}, [("spellings", 2, 6)]),
        ({"tür": 5, "tu\u0308r": 5}, [("spellings", 2, 10)]),
        ({"wave": 5, "\uff57ave": 5}, [("spellings", 2, 10)]),
        ({"wave": 5, "wa\u200bve": 5}, [("spellings", 2, 10)]),
        ({"Wave": 5, "wave": 5, "Idle": 5, "idle": 5}, [("spellings", 4, 20)]),
        # one label with numbers
        ({"wave1": 1, "wave2": 1}, [("numbered", 2, 2)]),
        ({"wave": 90, "wave2": 1}, [("numbered", 2, 91)]),
        ({"wave": 90, "wave (2)": 2, "wave_3": 1}, [("numbered", 3, 93)]),
        ({f"wave{number}": 1 for number in range(40)}, [("numbered", 40, 40)]),
        # every file has its own
        (dict.fromkeys(NAMES, 1), [("one_each", 8, 8)]),
        # several at once, each label in one of them
        ({"001": 1, "Wave": 3, "wave": 3, "snake1": 1, "snake2": 1},
         [("counters", 1, 1), ("spellings", 2, 6), ("numbered", 2, 2)]),
        # what people choose
        ({}, []),
        ({"wave": 1}, []),
        ({"wave": 5, "snake": 5, "idle": 5}, []),
        ({str(digit): 100 for digit in range(10)}, []),
        ({"CO": 50, "CO2": 50}, []),
        ({"gesture1": 20, "gesture2": 20}, []),
        ({"Tür": 5, "Tur": 5}, []),
        ({"c": 5, "c++": 5, "c#": 5}, []),
        (dict.fromkeys(NAMES[:7], 1), []),
        ({**dict.fromkeys(NAMES, 1), "wave": 2}, []),
    ],
)  # fmt: skip
def test_labels_that_are_surely_wrong_are_warned_of(
    files: Mapping[str, int], expected: list[tuple[str, int, int]]
) -> None:
    assert expected == found(files)


@pytest.mark.parametrize("files", [{"23.5": 1, "-4": 1, "1500": 1}, {"7": 1, "8": 1}, dict.fromkeys(NAMES, 1)])
def test_a_value_or_a_label_that_a_sidecar_gives_is_no_warning(files: Mapping[str, int]) -> None:
    assert [] == found(files, named=False)


def sentence(files: Mapping[str, int]) -> str:
    (warning,) = label_warnings(counted(files))
    return warning.sentence


FOLDERS = 'put the files of each class into a folder of its own and set label = "folder"'
ONE_NAME = "give them one name (rename files or folders, or correct the sidecar)"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"000": 1, "001": 1, "002": 1, "003": 1},
            "4 labels only tell files apart, such as '000', '001', '002' and 1 more: "
            f"{FOLDERS}, or name the files '<label>.<number>', or set label = \"none\"",
        ),
        (
            {"IMG_0042": 1},
            "the label 'IMG_0042' only tells its files apart: "
            f"{FOLDERS}, or name the files '<label>.<number>', or set label = \"none\"",
        ),
        (
            {"Left Turn": 9, "left_turn": 7, "Idle": 2, "idle": 1},
            "'Left Turn' and 'left_turn'; 'Idle' and 'idle' differ only in letter case and blanks: " + ONE_NAME,
        ),
        (
            {f"{letter}{case}": 3 for letter in "abcd" for case in ("x", "X")},
            "'aX' and 'ax'; 'bX' and 'bx'; 'cX' and 'cx'; and 1 more group differ only in letter case: " + ONE_NAME,
        ),
        ({"tür": 5, "tu\u0308r": 4}, "'tür' and 'tu\u0308r' differ only in the form of their characters: " + ONE_NAME),
        (
            {"wave1": 1, "wave2": 1},
            "'wave1' and 'wave2' differ only in a trailing number: "
            f"put a dot before the number ('<label>.<number>'), or {FOLDERS}",
        ),
        (
            dict.fromkeys(NAMES, 1),
            "each of 8 files has a label of its own, such as 'annaberlin', 'annawien', 'bertberlin' and 5 more: "
            f"{FOLDERS}, or name the files '<label>.<anything>', or set label = \"none\"",
        ),
    ],
)
def test_a_warning_is_one_sentence_with_what_mends_it(files: Mapping[str, int], expected: str) -> None:
    assert expected == sentence(files)


def test_a_label_cannot_forge_a_line_or_fill_the_screen() -> None:
    said = sentence({"\x1b[31mA\n" + "b" * 1000: 5, "\x1b[31ma\n" + "b" * 1000: 5})
    assert said.isprintable()
    assert len(said) < 300


LABELS = st.text(st.characters(codec="utf-8"), min_size=1) | st.sampled_from(
    ["0", "00", "7", "wave", "Wave", "wave ", "WAVE2", "wave2", "wave 2", "IMG_1", "_", " ", "(1)", "1.5", "\u200b"]
)
COUNTS = st.dictionaries(LABELS, st.builds(LabelCount, st.integers(1, 20), st.integers(0, 20)), max_size=30)


@given(COUNTS)
def test_no_label_is_warned_of_twice_and_nothing_raises(counts: dict[str, LabelCount]) -> None:
    warnings = label_warnings(counts)
    assert len(warnings) == len({one.pattern for one in warnings})
    assert sum(one.labels for one in warnings) <= len(counts)
    assert sum(one.files for one in warnings) <= sum(count.files for count in counts.values())
    assert all(one.labels and one.sentence.isprintable() for one in warnings)


@given(COUNTS)
def test_the_order_of_the_labels_changes_nothing(counts: dict[str, LabelCount]) -> None:
    labels = sorted(counts, reverse=True)
    assert label_warnings(counts) == label_warnings({label: counts[label] for label in labels})
