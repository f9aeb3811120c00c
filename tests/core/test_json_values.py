"""The names of its members decide what a JSON object describes, or the names inside its first member."""

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
        ({"im 1": {"regions": []}}, None),  # one of two names is missing
        ({"other": 1, "im 1": {"annotations": []}}, None),  # only the first member is read
        ({"im 1": [{"annotations": []}]}, None),
        ({"file": "a.wav"}, "JSON that names other files"),
        ({}, None),
    ],
)
def test_the_members_of_an_object_decide_what_it_describes(value: dict[str, Any], expected: str | None) -> None:
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
def test_an_acquisition_is_recognised_by_a_member_that_nothing_else_has(value: dict[str, Any], is_so: bool) -> None:
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
def test_only_lone_surrogates_are_replaced(text: str, expected: str) -> None:
    assert (text == expected) is is_whole(text)
    assert expected == mended(text)
