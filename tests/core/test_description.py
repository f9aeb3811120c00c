from typing import Any

import pytest

from eisync.core.labels.description import LONGEST_LABEL, Description, describe, given_name, with_canonical_labels
from eisync.core.labels.parts import PartKind, unpacked
from eisync.core.labels.path_rules import PathRules
from eisync.core.labels.sidecars import Entry, packed, speaking
from eisync.core.labels.sidecars import unpacked as entry_of
from eisync.core.model import Category

BOX = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
RANGE = {"startIndex": 0, "endIndex": 2, "label": "a"}
PATH = "testing/wave.1.csv"


def told(*entries: Entry, labelling: PathRules | None = None, **metadata: str) -> Description:
    return describe(PATH, labelling or PathRules(), metadata, entries)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, ("wave", Category.TESTING, {})),
        ({"label": "x"}, ("x", Category.TESTING, {})),
        ({"label": ""}, ("wave", Category.TESTING, {})),
        ({"is_unlabeled": True}, (None, Category.TESTING, {})),
        ({"category": "validation"}, ("wave", Category.VALIDATION, {})),
        ({"metadata": {"a": "b", "n": 7, "t": True}}, ("wave", Category.TESTING, {"a": "b", "n": "7", "t": "true"})),
    ],
)
def test_what_is_said_of_the_file_goes_before_what_its_place_says(entry: dict[str, Any], expected: object) -> None:
    said = told(Entry(path=PATH, **entry))
    assert expected == (said.label, said.category, said.metadata)
    assert said.companions is None


def test_it_goes_before_the_configuration_of_the_folder_and_adds_to_its_metadata() -> None:
    entry = Entry(path=PATH, label="x", category="training", metadata={"site": "lab"})
    said = told(entry, labelling=PathRules("y", Category.TESTING), site="home", by="me")
    assert ("x", Category.TRAINING, {"site": "lab", "by": "me"}) == (said.label, said.category, said.metadata)


def test_what_lies_beside_the_file_goes_before_the_account() -> None:
    account = Entry(path=PATH, label="x", bounding_boxes=[{**BOX, "x": 9}], structured_labels=[RANGE])
    beside = Entry(path="wave.1.csv", bounding_boxes=[BOX])
    said = told(account, beside)
    assert "x" == said.label
    assert {PartKind.BOXES: [BOX], PartKind.STRUCTURED: [RANGE]} == unpacked(said.companions)


def test_a_map_of_labels_goes_along() -> None:
    assert {PartKind.LABEL_MAP: {"k": "v"}} == unpacked(told(Entry(path=PATH, label_map={"k": "v"})).companions)


def test_boxes_that_were_taken_away_beside_it_are_none() -> None:
    said = told(Entry(path=PATH, bounding_boxes=[BOX]), Entry(path=PATH, bounding_boxes=[]))
    assert said.companions is None


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"category": "trainning"}, "category 'trainning', and there are training, testing"),
        ({"category": 7}, "category 7"),
        ({"metadata": ["a"]}, "its metadata is not an object"),
        ({"label": "\ud800"}, "its label contains half a character"),
        ({"metadata": {"a": "\ud800"}}, "its metadata contains half a character"),
        ({"bounding_boxes": {"x": 1}}, "boundingBoxes that are no list of objects"),
        ({"structured_labels": [1]}, "structuredLabels that are no list of objects"),
        ({"problem": "it is odd"}, "it is odd"),
        ({"label": "x" * 16_385}, "its label has more than 16,384 bytes"),
        ({"label": "\N{BOMB}" * 1_366}, "its label has more than 16,384 bytes"),
        ({"metadata": {str(number): "x" for number in range(501)}}, "more than 500 metadata"),
        ({"metadata": {"a": "x" * 65_536}}, "its metadata has more than 65,536 bytes"),
    ],
)
def test_what_could_not_be_sent_is_told(entry: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        told(Entry(path=PATH, **entry))


@pytest.mark.parametrize(
    "entry",
    [
        Entry(path="a"),
        Entry(path="ü/a b.png", label="0", is_unlabeled=True, bounding_boxes=[], structured_labels=[RANGE]),
        Entry(path="a", label_map={"k": "v"}, metadata={"n": 1}, category="testing", problem="odd"),
    ],
)
def test_an_entry_is_kept_as_it_was(entry: Entry) -> None:
    assert entry == entry_of(packed(entry))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], {}),
        (["info.labels"], {"info.labels": "a/b/c.png"}),
        (["info.labels", "a/info.labels", "a/b/d/info.labels"], {"a/info.labels": "b/c.png"}),
        (["bounding_boxes.labels"], {}),
        (
            ["a/b/bounding_boxes.labels", "a/b/structured_labels.labels", "info.labels"],
            {
                "info.labels": "a/b/c.png",
                "a/b/structured_labels.labels": "c.png",
                "a/b/bounding_boxes.labels": "c.png",
            },
        ),
    ],
)
def test_the_nearest_account_speaks_and_what_lies_beside_the_file(there: list[str], expected: dict[str, str]) -> None:
    assert list(expected.items()) == list(speaking("a/b/c.png", there).items())


COMPOSED, APART = "t\u00fcr", "tu\u0308r"


@pytest.mark.parametrize(
    "said",
    [
        describe(f"{APART}.1.csv", PathRules(), {}, ()),
        describe("a.csv", PathRules(label=APART), {}, ()),
        told(Entry(path=PATH, label=APART)),
    ],
    ids=["the file's name", "the configuration", "a sidecar"],
)
def test_a_label_has_one_form_wherever_it_comes_from(said: Description) -> None:
    assert COMPOSED == said.label


def test_the_labels_of_boxes_ranges_and_maps_have_that_form_too() -> None:
    entry = Entry(
        path=PATH,
        bounding_boxes=[{**BOX, "label": APART}, {"x": 1}],
        structured_labels=[{**RANGE, "label": APART}],
        label_map={APART: APART, "n": 7},  # type: ignore[dict-item]
    )
    assert {
        PartKind.BOXES: [{**BOX, "label": COMPOSED}, {"x": 1}],
        PartKind.STRUCTURED: [{**RANGE, "label": COMPOSED}],
        PartKind.LABEL_MAP: {COMPOSED: COMPOSED, "n": 7},
    } == unpacked(told(entry).companions)


def test_a_label_may_be_as_long_as_it_is_sent() -> None:
    longest = LONGEST_LABEL // 12
    assert "\u00fc" * longest == told(Entry(path=PATH, label="u\u0308" * longest)).label
    with pytest.raises(ValueError, match="its label has more than"):
        told(Entry(path=PATH, label="u\u0308" * (longest + 1)))


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("training/idle.1.csv.4ooensbh.pod.s1.json", "idle.1.s1", ("idle.1.s1.json", None)),
        ("idle.1.JSON", "idle.1", (None, None)),  # it is called so
        ("long.JPG", "a", ("a.JPG", None)),
        ("photo.jpg", "photo.jpg", ("photo.jpg.jpg", None)),  # what Studio shows is `photo.jpg`
        (".hidden", "a", ("a", None)),
        ("a.csv", "day/a", ("day_a.csv", "the name given for it cannot be sent; its sample is named 'day_a.csv'")),
        ("a.csv", "b\nc\\", ("b_c_.csv", "the name given for it cannot be sent; its sample is named 'b_c_.csv'")),
        (
            "a.csv",
            "\u00fc" * 511,
            (None, "the name given for it has more than 1,024 bytes; its sample keeps the name of the file"),
        ),
        ("a.csv", "\u00fc" * 510, ("\u00fc" * 510 + ".csv", None)),
    ],
)
def test_the_name_of_an_account_and_the_extension_of_the_file_are_what_is_sent(
    path: str, name: str, expected: tuple[str | None, str | None]
) -> None:
    assert expected == given_name(path, name)
    said = describe(path, PathRules(), {}, [Entry(path=path, name=name)])
    assert expected == (said.name, said.remarks.get("name"))


def test_what_is_said_and_not_sent_is_put_into_words() -> None:
    said = describe(PATH, PathRules(), {}, [Entry(path=PATH, attachments=2)], ["one sidecar", "another"])
    assert {
        "not_mentioned": "one sidecar; another",
        "attachments": "a sidecar lists 2 attachments for it; eisync does not send attachments: add them in Studio",
    } == said.remarks
    assert {} == told(Entry(path=PATH, name="wave.1")).remarks


@pytest.mark.parametrize(
    ("said", "weight"),
    [
        ({}, 0),
        ({"label": "wave"}, 4),
        ({"label": "日記"}, 24),  # as an escape of six characters, twice where it takes two
        ({"label": "wave", "name": "a.csv", "companions": "[1]"}, 12),
        ({"label": "wave", "metadata": {"site": "lab", "by": "日"}}, 4 + 4 + 3 + 2 + 12),
    ],
)
def test_what_there_is_to_hold_of_a_description_is_counted_with_escapes(said: dict[str, Any], weight: int) -> None:
    assert weight == Description(**{"label": None, "category": Category.SPLIT, **said}).weight


@pytest.mark.parametrize("kind", PartKind)
@pytest.mark.parametrize("found", [None, "nut", 7])
def test_what_has_another_form_than_it_should_is_left_as_it_is(kind: PartKind, found: object) -> None:
    assert found is with_canonical_labels(kind, found)


@pytest.mark.parametrize(
    ("kind", "found", "expected"),
    [
        (PartKind.BOXES, [{"label": "tu\u0308r", "x": 1}, {"x": 2}, 7], [{"label": "t\u00fcr", "x": 1}, {"x": 2}, 7]),
        (PartKind.LABEL_MAP, {"u\u0308": "tu\u0308r"}, {"\u00fc": "t\u00fcr"}),
        (PartKind.LABEL_MAP, [1], [1]),
    ],
)
def test_labels_are_sent_in_one_form(kind: PartKind, found: object, expected: object) -> None:
    assert expected == with_canonical_labels(kind, found)
