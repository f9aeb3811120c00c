"""Rules for labels: the first that fits a file and says something about a part decides it."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.labels import origins
from eisync.core.labels import rules as rules_module
from eisync.core.labels.description import MAX_METADATA_BYTES, describe, describe_by_path
from eisync.core.labels.entry import Entry
from eisync.core.labels.path_rules import FOLDER, NONE, SDK, PathRules
from eisync.core.labels.rules import Decision, LabelRules, Rule, RuleProblemError
from eisync.core.model import Category

SESSION = r"(?P<subject>s\d+)_(?P<label>[a-z]+)_(?P<session>\d{8})"


def decided(path: str, *rules: Rule, by: PathRules | None = None) -> Decision:
    return LabelRules(by or PathRules(), rules).decide(path)


CASES: Mapping[str, tuple[str, list[Rule], str | None, Category, Mapping[str, str]]] = {
    "without rules, the folder's options": ("train/cat/001.csv", [], "cat", Category.TRAINING, {}),
    "groups of a pattern": (
        "gym/s01_squat_20260102.wav",
        [Rule(match="gym/**/*.wav", pattern=SESSION, category="testing", metadata={"site": "lab 3"})],
        "squat",
        Category.TESTING,
        {"subject": "s01", "session": "20260102", "site": "lab 3"},
    ),
    "match and pattern must both fit": (
        "home/s01_squat_20260102.wav",
        [Rule(match="gym/**/*.wav", pattern=SESSION, category="testing", metadata={"site": "lab 3"})],
        "s01_squat_20260102",
        Category.SPLIT,
        {},
    ),
    "the pattern must be found": ("gym/x.wav", [Rule(match="gym/", pattern=SESSION)], "x", Category.SPLIT, {}),
    "the first that fits wins": (
        "gym/a.wav",
        [Rule(match="*.wav", label="first"), Rule(match="gym/", label="second")],
        "first",
        Category.SPLIT,
        {},
    ),
    "each part by itself": (
        "gym/a.wav",
        [
            Rule(match="*.wav", label="first", metadata={"a": "1"}),
            Rule(match="gym/", label="second", category="testing", metadata={"a": "2", "b": "2"}),
        ],
        "first",
        Category.TESTING,
        {"a": "1", "b": "2"},
    ),
    "a group that is not there says nothing": (
        "7.csv",
        [Rule(pattern=r"(?:(?P<label>[a-z]+)-)?(?P<take>\d+)"), Rule(label="other")],
        "other",
        Category.SPLIT,
        {"take": "7"},
    ),
    "an empty group says nothing": (
        "_7.csv",
        [Rule(pattern="^(?P<label>[a-z]*)_", label="x")],
        "x",
        Category.SPLIT,
        {},
    ),
    "blanks say nothing": ("  _7.csv", [Rule(pattern="^(?P<label>[ ]*)_", label="x")], "x", Category.SPLIT, {}),
    "no label is said": ("a.csv", [Rule(match="a.csv", label=NONE), Rule(label="x")], None, Category.SPLIT, {}),
    "the folder by a rule": ("x/cat/wave.1.csv", [Rule(match="x", label=FOLDER)], "cat", Category.SPLIT, {}),
    "a folder pattern fits all below": ("x/y/z/a.csv", [Rule(match="y/", label="in")], "in", Category.SPLIT, {}),
    "a folder pattern fits no file": ("x/y", [Rule(match="y/", label="in")], "y", Category.SPLIT, {}),
    "an anchored pattern": ("x/a.csv", [Rule(match="/a.csv", label="top")], "a", Category.SPLIT, {}),
    "the category by a group": (
        "TRAIN-1/a.csv",
        [Rule(pattern=r"^(?P<category>[^/-]+)-\d+/")],
        "a",
        Category.TRAINING,
        {},
    ),
    "every category has its name": (
        "post-processing/a.csv",
        [Rule(pattern="^(?P<category>[^/]+)/")],
        "a",
        Category.POST_PROCESSING,
        {},
    ),
    "a rule that infers says nothing without a word": (
        "day/a.csv",
        [Rule(category="infer"), Rule(category="testing")],
        "a",
        Category.TESTING,
        {},
    ),
    "a rule that infers says the word": (
        "valid/a.csv",
        [Rule(category="infer"), Rule(category="testing")],
        "a",
        Category.VALIDATION,
        {},
    ),
    "a rule as the official SDK": ("contesting/a.csv", [Rule(category="sdk")], "a", Category.TESTING, {}),
    "a folder that is the label gives no category": (
        "anomaly/001.csv",
        [Rule(pattern="^(?P<label>[^/]+)/")],
        "anomaly",
        Category.SPLIT,
        {},
    ),
    "other folders give it": (
        "test/anomaly/001.csv",
        [Rule(pattern="/(?P<label>[^/]+)/")],
        "anomaly",
        Category.TESTING,
        {},
    ),
    "labels are in NFC": ("tu\u0308r/1.csv", [Rule(pattern="(?P<label>[^/]+)/")], "t\u00fcr", Category.SPLIT, {}),
    "rules fit every form": ("tu\u0308r.csv", [Rule(match="t\u00fcr.*", label="x")], "x", Category.SPLIT, {}),
    "undecodable bytes are replaced": (
        "a\udcff/1.csv",
        [Rule(pattern="^(?P<label>[^/]+)/")],
        "a\ufffd",
        Category.SPLIT,
        {},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_rules_decide(case: str) -> None:
    path, rules, label, category, metadata = CASES[case]
    found = decided(path, *rules)
    assert (label, category, metadata, None) == (found.label, found.category, found.metadata, found.problem)


def test_the_options_of_the_folder_come_last() -> None:
    found = decided("a.csv", Rule(match="*.wav", label="x"), by=PathRules("fixed", Category.TESTING))
    assert ("fixed", Category.TESTING) == (found.label, found.category)


SENTENCES = [
    ("a.csv", [], "the file's name up to its first dot", "no word of its path names one: the service decides"),
    (
        "gym/s1_up_20260102.csv",
        [Rule(pattern=SESSION), Rule(category="testing")],
        "the group label of rule 1",
        "rule 2",
    ),
    (
        "test/cat/wave.csv",
        [Rule(match="dog", label="dog"), Rule(label=FOLDER, category="infer")],
        "rule 2: the folder cat",
        "rule 2: the word 'test' in the folder test",
    ),
    ("a.csv", [Rule(label="x", category="sdk")], "rule 1", "no word of its path names one: the service decides"),
]


@pytest.mark.parametrize(("path", "rules", "label", "category"), SENTENCES)
def test_every_part_has_its_reason(path: str, rules: list[Rule], label: str, category: str) -> None:
    found = decided(path, *rules)
    assert (label, category) == (origins.label_from(path, found), origins.category_from(path, found))


def test_metadata_has_its_reason() -> None:
    found = decided("s1_up_20260102.csv", Rule(metadata={"site": "lab"}), Rule(pattern=SESSION))
    said = {"site": "rule 1", "subject": "the group subject of rule 2", "session": "the group session of rule 2"}
    assert said == origins.metadata_from(found)


NO_CATEGORY = Rule(pattern="^(?P<category>[^/]+)/")
NOT_ONE = (
    "rule 1 finds the category 'day' in its path, and there are training, testing, validation, post-processing, split, "
    "anomaly"
)


def test_a_group_that_is_no_category_is_a_sentence() -> None:
    found = decided("day/a.csv", NO_CATEGORY, Rule(category="testing"))
    assert (Category.TESTING, NOT_ONE) == (found.category, found.problem)
    with pytest.raises(RuleProblemError) as raised:
        describe("day/a.csv", LabelRules(rules=(NO_CATEGORY,)), {}, ())
    assert NOT_ONE == str(raised.value)
    assert Category.SPLIT is describe_by_path("day/a.csv", LabelRules(rules=(NO_CATEGORY,)), {}).category


def test_a_sidecar_wins_over_rules_and_over_their_problems() -> None:
    entry = Entry(path="day/a.csv", label="x", category="testing", metadata={"site": "b"})
    rules = LabelRules(rules=(NO_CATEGORY, Rule(label="y", metadata={"site": "a", "who": "me"})))
    found = describe("day/a.csv", rules, {"site": "0", "more": "0"}, [entry])
    assert ("x", Category.TESTING) == (found.label, found.category)
    assert {"site": "b", "who": "me", "more": "0"} == found.metadata


def test_metadata_of_rules_and_folder_has_the_limits_of_a_request() -> None:
    rules = tuple(Rule(metadata={f"n{number}": "x" * 8000}) for number in range(MAX_METADATA_BYTES // 8000 + 1))
    with pytest.raises(RuleProblemError, match="more than 65,536 bytes of them when sent"):
        describe("a.csv", LabelRules(rules=rules), {}, ())
    assert {"a": "1"} == describe_by_path("a.csv", LabelRules(rules=rules), {"a": "1"}).metadata


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "says nothing: give a label, a category, metadata, or a pattern with named groups"),
        ({"match": "a", "pattern": "x"}, "says nothing: give a label, a category, metadata, or a pattern with"),
        ({"pattern": "(a+)+$", "label": "x"}, r"the pattern can take too long: a repeated part contains a choice"),
        ({"match": " ", "label": "x"}, "match is blank, so it matches nothing"),
        ({"match": "!a", "label": "x"}, "match begins with !, so it matches nothing: write \\! for the character"),
        ({"match": "a\\", "label": "x"}, "the pattern 'a\\\\' cannot be used: nothing follows its last backslash"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as raised:
        Rule(**options)
    assert sentence in str(raised.value)


def test_a_changed_rule_has_another_text() -> None:
    assert repr(LabelRules(rules=(Rule(label="a"),))) != repr(LabelRules(rules=(Rule(label="b"),)))
    assert repr(LabelRules(rules=(Rule(match="a", label="a"),))) == repr(
        LabelRules(rules=(Rule(match="a", label="a"),))
    )


_PATHS = st.lists(st.sampled_from(["train", "test", "cat", "s1_up_20260102", "a.1", "day"]), min_size=1, max_size=4)
_RULES = st.lists(
    st.builds(
        Rule,
        match=st.sampled_from([None, "cat/", "*.wav", "test/**", "s1*"]),
        pattern=st.sampled_from([None, SESSION, "^(?P<category>[^/]+)/", r"/(?P<label>[^/]+)/"]),
        label=st.sampled_from(["x", "infer", "folder", "none"]),
        category=st.sampled_from([None, "infer", "sdk", "testing"]),
    ),
    max_size=4,
)


@given(paths=st.lists(_PATHS.map("/".join), max_size=8), rules=_RULES, data=st.data())
def test_a_file_is_decided_by_its_path_alone(paths: list[str], rules: list[Rule], data: st.DataObject) -> None:
    one = LabelRules(rules=tuple(rules))
    expected = {path: one.decide(path) for path in paths}
    again = LabelRules(rules=tuple(rules))
    for path in data.draw(st.permutations(paths)):
        assert expected[path] == again.decide(path)


@pytest.mark.parametrize(
    ("rules", "by", "path", "origin"),
    [
        ([Rule(match="*.wav", category="testing")], PathRules(), "a.wav", "rule 1"),
        ([Rule(pattern="^(?P<category>[a-z]+)/")], PathRules(), "testing/a.wav", "the group category of rule 1"),
        ([], PathRules(rule=SDK), "contesting/a.wav", "'testing' occurs in its path, and category = \"sdk\""),
        ([], PathRules(rule=SDK), "a.wav", "no word of its path names one"),
        ([], PathRules(category=Category.TESTING), "a.wav", "the configuration of the folder"),
    ],
)
def test_the_origin_of_a_category_is_named(rules: list[Rule], by: PathRules, path: str, origin: str) -> None:
    assert origins.category_from(path, decided(path, *rules, by=by)).startswith(origin)


def test_there_may_not_be_too_many_rules() -> None:
    with pytest.raises(ValueError, match="more than 100 rules"):
        LabelRules(rules=tuple(Rule(label=str(number)) for number in range(101)))


def test_what_is_remembered_of_folders_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_module, "_MAX_FOLDERS", 2)
    rules = LabelRules(rules=(Rule(match="/gym/", label="in the gym"),))
    for _ in range(2):
        for folder in ("gym", "home", "lab"):
            assert ("in the gym" if folder == "gym" else "x") == rules.decide(f"{folder}/x.wav").label
    assert len(rules._folders) <= 2
