"""What an object of JSON describes is told by the names of its members, or by those of its first one."""

import json
from typing import Any

import pytest

from eisync.core.formats.json_values import is_acquisition, is_whole, mended, what_it_describes

DESCRIBES = "JSON that describes other files"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"annotations": []}, DESCRIBES),
        ({"im 1": {"filename": "scan 1", "regions": []}}, DESCRIBES),
        ({"im 1": {"annotations": []}, "im 2": {}}, DESCRIBES),
        ({"im 1": {"other": 1}}, None),
        ({"im 1": {"regions": []}}, None),  # one name of the two
        ({"other": 1, "im 1": {"annotations": []}}, None),  # only the first one is asked
        ({"im 1": [{"annotations": []}]}, None),
        ({"file": "a.wav"}, "JSON that names other files"),
        ({}, None),
    ],
)
def test_the_members_of_an_object_tell_what_it_describes(value: dict[str, Any], expected: str | None) -> None:
    assert expected == what_it_describes(json.dumps(value).encode(), 0)


@pytest.mark.parametrize(
    ("value", "is_so"),
    [
        ({"protected": {}, "payload": {}}, True),
        ({"payload": {}}, True),
        ({"first": 1, "payload": {}}, True),
        ({"Payload": {}}, False),
        ({"first": {"payload": {}}}, False),
        ({}, False),
    ],
)
def test_an_acquisition_is_told_by_a_member_that_nothing_else_has(value: dict[str, Any], is_so: bool) -> None:
    assert is_so is is_acquisition(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.csv", "a.csv"),
        ("日記.csv", "日記.csv"),
        ("\U0001f600.csv", "\U0001f600.csv"),
        ("a\ud83d.csv", "a\ufffd.csv"),
        ("\udfff", "\ufffd"),
    ],
)
def test_half_a_character_is_mended_and_nothing_else(text: str, expected: str) -> None:
    assert (text == expected) is is_whole(text)
    assert expected == mended(text)
