import json
from typing import Any

import pytest

from eisync.core.labels.entry import Entry, Region, Stretch
from eisync.core.labels.mentions import MAX_JOINED, NearMiss, collected, combined, near, with_boxes, with_more
from eisync.core.labels.sidecars import entries_of

COMPOSED, APART = "t\u00fcr.csv", "tu\u0308r.csv"
THREE = ("\u01d6.csv", "\u00fc\u0304.csv", "u\u0308\u0304.csv")  # one name, in three forms


def box(x: int) -> dict[str, Any]:
    return {"label": "nut", "x": x, "y": 0, "width": 1, "height": 1}


def entry(path: str, label: str = "door") -> Entry:
    return Entry(path=path, label=label)


@pytest.mark.parametrize(
    ("name", "mentioned", "taken", "expected"),
    [
        (COMPOSED, [APART], [], entry(APART)),
        (APART, [COMPOSED], [], entry(COMPOSED)),
        # Both files exist, and the entry mentions one of them exactly, so it describes that one.
        (APART, [COMPOSED], [COMPOSED], NearMiss(COMPOSED, is_taken=True, is_form=True)),
        ("idle.csv", ["Idle.csv"], [], NearMiss("Idle.csv")),
        ("idle.csv", ["Idle.csv", "IDLE.csv"], ["IDLE.csv"], NearMiss("Idle.csv")),
        ("idle.csv", ["Idle.csv"], ["Idle.csv"], NearMiss("Idle.csv", is_taken=True)),
        (APART, [COMPOSED, "T\u00dcR.csv"], [], entry(COMPOSED)),
        (THREE[0], THREE[1:], [], entry(THREE[1])),  # two entries that are equal
        (THREE[0], THREE[1:], [THREE[1]], entry(THREE[2])),
        ("a.csv", [], [], None),
    ],
)
def test_an_entry_matches_in_another_form_but_not_in_another_case(
    name: str, mentioned: list[str], taken: list[str], expected: object
) -> None:
    assert expected == near(name, {path: entry(path) for path in mentioned}, taken)


def test_two_different_entries_for_the_same_name_are_a_problem() -> None:
    found = near(THREE[0], {THREE[1]: entry(THREE[1], "a"), THREE[2]: entry(THREE[2], "b")}, ())
    assert isinstance(found, Entry)
    assert "two names that look the same" in str(found.problem)


@pytest.mark.parametrize(
    ("miss", "expected"),
    [
        (NearMiss("Idle.csv"), "info.labels mentions 'Idle.csv', but the file is 'idle.csv': rename one of them"),
        (
            NearMiss("Idle.csv", is_taken=True),
            "info.labels mentions 'Idle.csv', which is another file, not 'idle.csv': mention both",
        ),
        (
            NearMiss("idle.csv", is_taken=True, is_form=True),
            "info.labels mentions 'idle.csv', which is another file there. This one only looks the same "
            "(its accents are stored differently): mention both, or rename one of them",
        ),
    ],
)
def test_a_near_miss_has_a_sentence(miss: NearMiss, expected: str) -> None:
    assert expected == miss.sentence("info.labels", "idle.csv")


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([[box(1)], [box(2)]], [box(1), box(2)]),
        ([[box(1), box(2)], [box(2)], [box(3)]], [box(1), box(2), box(3)]),
        ([[], [box(1)]], [box(1)]),
        ([[], []], []),
        ([[box(1)]], [box(1)]),
    ],
)
def test_every_box_of_an_image_with_several_entries_counts_once(
    lists: list[list[dict[str, Any]]], expected: list[dict[str, Any]]
) -> None:
    named = ",".join(f'"a.png":{json.dumps(some)}' for some in lists)
    text = f'{{"version":1,"type":"bounding-box-labels","boundingBoxes":{{{named}}}}}'
    for size in (1, 7, len(text)):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        found = collected("bounding_boxes.labels", entries_of("bounding_boxes.labels", pieces))
        assert {"a.png": Entry(path="a.png", bounding_boxes=expected)} == found


def test_ranges_from_several_entries_are_combined() -> None:
    ranges = [{"startIndex": at, "endIndex": at, "label": "x"} for at in (0, 1)]
    named = ",".join(f'"a.csv":[{json.dumps(one)}]' for one in ranges)
    text = f'{{"type":"structured-labels","structuredLabels":{{{named}}}}}'
    found = collected("structured_labels.labels", entries_of("structured_labels.labels", [text]))
    assert {"a.csv": Entry(path="a.csv", structured_labels=ranges)} == found


def test_the_last_entry_of_a_path_counts_in_info_labels() -> None:
    entries = [Entry(path="a.csv", label="a", bounding_boxes=[box(1)]), Entry(path="a.csv", label="b")]
    assert {"a.csv": entries[1]} == collected("info.labels", entries)


def test_one_entry_with_a_problem_makes_all_entries_of_the_path_unusable() -> None:
    found = combined([Entry(path="a.png", bounding_boxes=[box(1)]), Entry(path="a.png", problem="no list")])
    assert Entry(path="a.png", problem="no list") == found


def test_a_file_with_too_many_boxes_has_a_problem() -> None:
    halves = [[box(at) for at in range(begin, begin + MAX_JOINED // 2)] for begin in (0, MAX_JOINED // 2)]
    many = [Entry(path="a.png", bounding_boxes=half) for half in halves]
    assert MAX_JOINED == len(getattr(combined(many), "bounding_boxes"))  # noqa: B009
    too_many = combined([*many, Entry(path="a.png", bounding_boxes=[box(-1)])])
    assert too_many is not None
    assert "more than 4,000" in str(too_many.problem)


def region(label: str, where: str) -> Region:
    return Region(label, 0.1, 0.1, 0.2, 0.2, where)


def stretch(label: str, where: str) -> Stretch:
    return Stretch(label, 0.0, 1.0, where)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # What differs only in its line is drawn twice by mistake.
        (
            [
                Entry(path="a", regions=[region("cat", "line 1"), region("dog", "line 2")]),
                Entry(path="a"),
                Entry(path="a", regions=[region("cat", "line 3")]),
            ],
            Entry(path="a", regions=[region("cat", "line 1"), region("dog", "line 2")]),
        ),
        (
            [Entry(path="a", stretches=[stretch("owl", "line 1")]), Entry(path="a", stretches=[stretch("owl", "2")])],
            Entry(path="a", stretches=[stretch("owl", "line 1")]),
        ),
        ([Entry(path="a", regions=[]), Entry(path="a")], Entry(path="a", regions=[])),
        # COCO: the boxes of an image refer to its entry, which has the size.
        (
            [Entry(path="a", size=(4, 2), more="//7"), Entry(path="a", regions=[region("1", "x")])],
            Entry(path="a", size=(4, 2), more="//7", regions=[region("1", "x")]),
        ),
        (
            [Entry(path="a", size=(4, 2), where="line 1"), Entry(path="a", size=(2, 4), where="line 2")],
            Entry(path="a", problem="line 1 gives the size [4, 2], and line 2 gives [2, 4]"),
        ),
    ],
)
def test_regions_and_stretches_of_one_path_count_once(entries: list[Entry], expected: Entry) -> None:
    assert expected == combined(entries)


@pytest.mark.parametrize(
    ("entry", "more", "expected"),
    [
        (Entry(path="a", more="//7"), Entry(path="//7"), Entry(path="a", regions=[])),
        (
            Entry(path="a", more="//7", regions=[region("1", "x")], size=(4, 2)),
            Entry(path="//7", regions=[region("2", "y")], remark="its outlines are sent as boxes"),
            Entry(
                path="a",
                regions=[region("1", "x"), region("2", "y")],
                size=(4, 2),
                remark="its outlines are sent as boxes",
            ),
        ),
        (
            Entry(path="a", more="//7", remark="own"),
            Entry(path="//7", remark="other"),
            Entry(path="a", regions=[], remark="own"),
        ),
        (Entry(path="a", more="//7"), Entry(path="//7", problem="p"), Entry(path="a", more="//7", problem="p")),
    ],
)
def test_an_entry_takes_the_regions_to_which_it_refers(entry: Entry, more: Entry, expected: Entry) -> None:
    assert expected == with_more(entry, more)


def test_an_entry_takes_the_boxes_of_its_image() -> None:
    one, two = region("1", "x"), region("2", "y")
    assert Entry(path="a", regions=[one, two]) == with_boxes(Entry(path="a", more="//7", regions=[one]), [two])
    assert Entry(path="a", regions=[]) == with_boxes(Entry(path="a", more="//7"), [])
    assert Entry(path="a", regions=[], problem="p") == with_boxes(Entry(path="a", more="//7", problem="p"), [])
    found = with_boxes(Entry(path="a", more="//7"), [one] * (MAX_JOINED + 1))
    assert f"it gives more than {MAX_JOINED:,} boxes" == found.problem


def test_two_images_of_one_name_are_a_problem() -> None:
    found = combined([Entry(path="a", more="//image/1"), Entry(path="a", more="//image/2")])
    assert Entry(path="a", problem="two images in it have this name; give each its folder there") == found
    assert Entry(path="a", more="//image/1") == combined([Entry(path="a", more="//image/1")] * 2)
