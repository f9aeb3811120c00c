"""Positions in JSON text are where a parser finds the values. Text that is cut has none after the cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.formats.json_syntax import MAX_STRUCTURE, Extent, elements, json_object, members, structure, value_end

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
INDENTS = st.sampled_from([None, 0, 2])


def deep(levels: int, inner: str = "") -> str:
    return "[" * levels + inner + "]" * levels


@given(document=st.lists(JSON, max_size=5), indent=INDENTS)
def test_elements_of_a_list_are_found_where_they_are(document: list[Any], indent: int | None) -> None:
    text = json.dumps(document, indent=indent).encode()
    assert document == [json.loads(text[start:end]) for start, end in elements(text, 0)]


@given(document=st.dictionaries(st.text(), JSON, max_size=5), indent=INDENTS)
def test_members_of_an_object_are_found_where_they_are(document: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(document, indent=indent).encode()
    found = {json.loads(b'"' + key + b'"'): json.loads(text[start:end]) for key, start, end in members(text, 0)}
    assert document == found


@given(document=st.lists(JSON, min_size=1, max_size=5), data=st.data())
def test_a_list_that_is_cut_yields_only_complete_elements(document: list[Any], data: st.DataObject) -> None:
    text = json.dumps(document).encode()
    end = data.draw(st.integers(0, len(text) - 1))
    found = [json.loads(text[start:stop]) for start, stop in elements(text[:end], 0)]
    assert document[: len(found)] == found


@pytest.mark.parametrize("text", [b"", b"7", b'"a"', b" []", b"x"])
def test_text_that_is_no_list_or_object_yields_nothing(text: bytes) -> None:
    assert [] == list(members(text, 0))
    assert [] == list(elements(text, 0))


@pytest.mark.parametrize(
    ("text", "found"), [(b"[", []), (b"[1", []), (b"[}", []), (b"[1, ", [b"1"]), (b"[1, :]", [b"1"]), (b"[1 [", [b"1"])]
)
def test_elements_end_where_the_text_does_not_continue(text: bytes, found: list[bytes]) -> None:
    assert found == [text[start:end] for start, end in elements(text, 0)]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("1 ", 1),
        ("12,", 2),
        ("12", None),  # it may continue
        ('"a"', 3),
        ('"a', None),
        (deep(3), 6),
        (deep(12), 24),
        (deep(13), 26),
        (deep(500, '{"a": "]"}'), 1_010),
        ("[" * 13, None),
        ("[" * 500 + "]" * 499, None),
        ('["]', None),  # cut within a text, whose bracket does not count
        ('[{"a": "}]', None),
        ("]", None),
        ("", None),
    ],
)
def test_a_value_ends_at_its_last_bracket_at_any_depth(text: str, end: int | None) -> None:
    assert end == value_end(text.encode(), 0)


@pytest.mark.parametrize("first", ["[", "{", '"', "7"])
def test_an_empty_chunk_ends_no_value(first: str) -> None:
    assert Extent(first).end_in("") is None


@given(JSON)
def test_parsing_creates_no_more_values_than_were_counted(document: Any) -> None:
    def values(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        return 1 + sum(map(values, inner))

    assert values(document) <= 1 + structure(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"success": true}', {"success": True}),
        (b"{}", {}),
        (b"[1]", None),
        (b"7", None),
        (b"", None),
        (b"{", None),
        (b"\xff\xfe", None),
        (b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", None),
        (b'{"a": [' + b"[]," * MAX_STRUCTURE + b"0]}", None),
    ],
)
def test_an_answer_is_an_object_of_limited_size_or_none(body: bytes, expected: dict[str, Any] | None) -> None:
    assert expected == json_object(body)


def test_an_answer_is_of_any_size_where_it_is_asked_for() -> None:
    body = b'{"a": [' + b"0," * MAX_STRUCTURE + b"0]}"
    assert json_object(body) is None
    assert {"a": [0] * (MAX_STRUCTURE + 1)} == json_object(body, limit=None)
