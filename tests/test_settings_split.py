"""The split of a folder is read from `[watch.split]` and from the command line."""

import jsonschema_rs
import pytest

from eisync.core.labels.split import Split
from eisync.settings import LabelFlags, json_schema
from tests.test_settings import Site, site

__all__ = ["site"]

WATCH = '[[watch]]\npath = "recordings"\n'


def test_a_split_is_read(site: Site) -> None:
    site.write(f'{WATCH}[watch.split]\nby = "session"\ntesting = 25\nvalidation = 12.5\n')
    (watch,) = site.load().watches
    assert watch.split is not None
    assert Split(by="session", testing=25, validation=12.5) == watch.split.as_split


def test_a_fifth_is_for_testing_by_default(site: Site) -> None:
    site.write(f'{WATCH}split = {{ by = "folder" }}\n')
    (watch,) = site.load().watches
    assert watch.split is not None
    assert Split(by="folder", testing=20, validation=0) == watch.split.as_split


FAULTS = {
    "": ("watch[0].split.by", "is missing"),
    'by = ""': ("watch[0].split.by", "must not be empty"),
    'by = " "': ("watch[0].split.by", "must not be empty"),
    'by = "s"\ntstng = 2': ("watch[0].split.tstng", 'unknown key (did you mean "testing"?)'),
    'by = "s"\nlabel = "x"': ("watch[0].split.label", "unknown key (it belongs in the table [[watch]])"),
    'by = "s"\ntesting = 100': ("watch[0].split.testing", "must be less than 100"),
    'by = "s"\nvalidation = -1': ("watch[0].split.validation", "must be at least 0"),
    'by = "s"\ntesting = 60\nvalidation = 40': (
        "watch[0].split",
        "testing and validation together must be more than 0 and less than 100 per cent",
    ),
    "by = '(?P<group>a'": (
        "watch[0].split",
        "the pattern of by is not a regular expression: missing ), unterminated subpattern at position 0",
    ),
    r"by = 's\d+'": (
        "watch[0].split",
        "by is no name of metadata, and a pattern needs a group named group: (?P<group>…)",
    ),
}


@pytest.mark.parametrize("written", FAULTS)
def test_a_fault_is_said_with_its_place(site: Site, written: str) -> None:
    site.write(f"{WATCH}[watch.split]\n{written}\n")
    place, what = FAULTS[written]
    (fault,) = site.faults()
    assert fault.startswith("eisync.toml:")
    assert fault.endswith(f": {place}: {what}")


def test_a_split_is_one_table(site: Site) -> None:
    site.write(f"{WATCH}split = 3\n")
    assert ["eisync.toml:3: watch[0].split: must be a table"] == site.faults()


def test_the_command_line_wins(site: Site) -> None:
    site.write(f'{WATCH}[watch.split]\nby = "session"\ntesting = 25\n')
    (watch,) = site.load(labels=LabelFlags(split={"testing": 30.0, "validation": 5.0})).watches
    assert watch.split is not None
    assert Split(by="session", testing=30, validation=5) == watch.split.as_split


def test_the_command_line_is_enough(site: Site) -> None:
    (watch,) = site.load("recordings", labels=LabelFlags(label="folder", split={"by": "folder"})).watches
    assert "folder" == watch.label
    assert watch.split is not None
    assert Split(by="folder", testing=20) == watch.split.as_split


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"testing": 30.0}, "--split-by: is missing"),
        ({"by": "s", "testing": 130.0}, "--testing: must be less than 100"),
        ({"by": "s", "validation": -1.0}, "--validation: must be at least 0"),
        ({"by": "s", "testing": 0.0}, "--split-by: testing and validation together must be more than 0 and less than"),
    ],
)
def test_a_fault_of_the_command_line_names_the_flag(site: Site, flags: dict[str, object], sentence: str) -> None:
    (fault,) = site.faults("recordings", labels=LabelFlags(split=flags))
    assert fault.startswith(sentence)


def test_the_schema_knows_the_table() -> None:
    validator = jsonschema_rs.Draft202012Validator(json_schema())
    assert validator.is_valid({"watch": [{"path": "a", "split": {"by": "session", "testing": 20}}]})
    assert not validator.is_valid({"watch": [{"path": "a", "split": {"testing": 20}}]})
