"""Rules for labels are read from `[[watch.rule]]`, and labels, folders and files from the command line."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from eisync.core.labels.path_rules import PathRules
from eisync.core.labels.rules import LabelRules, Rule
from eisync.core.model import Category
from eisync.settings import LabelFlags, json_schema
from tests.test_settings import Site, site

__all__ = ["site"]

RULES = r"""
[[watch]]
path = "recordings"
label = "folder"
[[watch.rule]]
match = "gym/**/*.wav"
pattern = '(?P<subject>s\d+)_(?P<label>[a-z]+)'
category = "testing"
metadata = { site = "lab 3" }
[[watch.rule]]
label = "none"
"""


def test_rules_are_read_in_their_order(site: Site) -> None:
    site.write(RULES)
    (watch,) = site.load().watches
    first = Rule(
        match="gym/**/*.wav",
        pattern=r"(?P<subject>s\d+)_(?P<label>[a-z]+)",
        category="testing",
        metadata={"site": "lab 3"},
    )
    assert LabelRules(PathRules("folder"), (first, Rule(label="none"))) == watch.label_rules


def test_a_rule_can_be_written_in_braces(site: Site) -> None:
    site.write('[[watch]]\npath = "recordings"\nrule = [{ match = "*.wav", label = "x" }]\n')
    assert (Rule(match="*.wav", label="x"),) == site.load().watches[0].label_rules.rules


FAULTS = {
    'labl = "x"': 'unknown key (did you mean "label"?)',
    'settle_s = 1\nlabel = "x"': "unknown key (it belongs in the table [[watch]])",
    'match = "*.wav"': "says nothing: give a label, a category, metadata, or a pattern with named groups",
    'category = "nonsense"': 'must be one of "infer", "sdk", "training", "testing", "validation", "post-processing", '
    '"split" or "anomaly"',
    'label = "x"\nmatch = 3': "must be text in quotes",
    'label = "x"\nmatch = "a\\\\"': "the pattern 'a\\\\' cannot be used: nothing follows its last backslash",
    "pattern = '(?P<label>a'": "the pattern is not a regular expression: missing ), unterminated subpattern at "
    "position 0",
    "pattern = '(?P<label>(a+)+)$'": "the pattern can take too long: a repeated part contains a choice that the next "
    "character does not decide; say what separates its repeats, as in (?:[^/]+/)*",
    "pattern = '(?P<label>.*)_(.*)_(.*)_(.*)'": "the pattern can take too long: too many of its parts can match the "
    "same text; say what separates them, as in [^_/]+_[^_/]+, or begin with ^",
    "pattern = '(?P<label>a)(?=b)'": "the pattern contains (?=b, which is not supported: use (…), (?:…) and "
    "(?P<name>…)",
}


@pytest.mark.parametrize("options", FAULTS)
def test_a_rule_that_cannot_be_used_is_one_sentence(site: Site, options: str) -> None:
    site.write(f'[[watch]]\npath = "recordings"\n[[watch.rule]]\nlabel = "x"\n[[watch.rule]]\n{options}\n')
    (fault,) = site.faults()
    place, said = fault.split(": watch[0].rule[1]", 1)
    assert ("eisync.toml", FAULTS[options]) == (place.split(":")[0], said.split(": ", 1)[1])


def test_a_single_table_of_rules_is_one_sentence(site: Site) -> None:
    site.write('[[watch]]\npath = "recordings"\n[watch.rule]\nlabel = "x"\n')
    said = "eisync.toml:3: watch[0].rule: write [[watch.rule]] with two brackets on each side: there can be several"
    assert [said] == site.faults()


def test_too_many_rules_are_one_sentence(site: Site) -> None:
    site.write('[[watch]]\npath = "recordings"\n' + '[[watch.rule]]\nlabel = "x"\n' * 101)
    assert ["eisync.toml:3: watch[0].rule: must not have more than 100 entries"] == site.faults()


def test_the_schema_knows_rules(site: Site) -> None:
    document: dict[str, Any] = {"watch": [{"path": "recordings", "rule": [{"match": "*.wav", "label": "x"}]}]}
    jsonschema_rs.validate(json_schema(), document)
    document["watch"][0]["rule"][0]["labl"] = "x"
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(json_schema(), document)


def test_flags_win_over_the_folder(site: Site) -> None:
    site.write('[[watch]]\npath = "recordings"\nlabel = "none"\nmetadata = { site = "a", who = "me" }\n')
    flags = LabelFlags(label="x", category="testing", metadata={"site": "b"})
    (watch,) = site.load(labels=flags).watches
    assert LabelRules(PathRules("x", Category.TESTING)) == watch.label_rules
    assert {"site": "b", "who": "me"} == watch.metadata


def test_flags_win_over_rules(site: Site) -> None:
    site.write(RULES)
    (watch,) = site.load(labels=LabelFlags(label="x")).watches
    assert Rule(label="x") == watch.label_rules.rules[0]
    assert 3 == len(watch.label_rules.rules)


def test_flags_that_cannot_be_used_are_one_sentence_each(site: Site) -> None:
    flags = LabelFlags(label="", category="nonsense")
    faults = site.faults("recordings", labels=flags)
    assert ["--category: must be one of", "--label: must not be empty"] == sorted(one[:26].strip() for one in faults)


@pytest.mark.parametrize(
    ("places", "root", "names"),
    [
        (["recordings/cat/a.csv", "recordings/b.csv"], "recordings", {"cat/a.csv", "b.csv"}),
        (["other/c.csv"], "other", {"c.csv"}),
    ],
)
def test_files_belong_to_the_watched_folder_or_to_their_own(
    site: Site, places: list[str], root: str, names: set[str]
) -> None:
    site.write('[[watch]]\npath = "recordings"\nlabel = "x"\n')
    for name in ("recordings/cat/a.csv", "recordings/b.csv", "other/c.csv"):
        (site.path / name).parent.mkdir(exist_ok=True)
        (site.path / name).write_text("a\n1\n")
    (watch,) = site.load(*places, takes_files=True).watches
    assert (site.path / root, frozenset(names)) == (watch.path, watch.only)
    assert ("x" if root == "recordings" else "infer") == watch.label


def test_a_file_is_no_folder_for_other_commands(site: Site) -> None:
    (site.path / "a.csv").write_text("a\n1\n")
    assert ["a.csv: SITE/a.csv is not a folder: name the folder that contains the files"] == site.faults("a.csv")


def test_a_file_and_its_folder_are_one_too_many(site: Site, tmp_path: Path) -> None:
    (tmp_path / "recordings/a.csv").write_text("a\n1\n")
    faults = site.faults("recordings", "recordings/a.csv", takes_files=True)
    assert ["recordings/a.csv: SITE/recordings is watched already: name each folder once"] == faults
