import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core import pieces as module
from eisync.core.pieces import Pieces


def read(pieces: Pieces) -> dict[str, Any]:
    """The object that the pieces are of."""
    return {name: pieces.value() for name in pieces.members()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def cut(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


@given(document=st.dictionaries(st.text(), JSON, max_size=5), size=st.integers(1, 7), indent=st.sampled_from([None, 1]))
def test_an_object_is_the_same_however_it_is_cut(document: dict[str, Any], size: int, indent: int | None) -> None:
    pieces = Pieces(cut(json.dumps(document, indent=indent), size))
    assert document == read(pieces)
    assert "" == pieces.next()


@given(document=st.lists(JSON, max_size=5), size=st.integers(1, 7))
def test_a_list_is_the_same_however_it_is_cut(document: list[Any], size: int) -> None:
    pieces = Pieces(cut(json.dumps(document), size))
    assert document == list(pieces.elements())
    assert "" == pieces.next()


@given(document=st.dictionaries(st.text(), JSON, min_size=1, max_size=3), size=st.integers(1, 7), data=st.data())
def test_what_is_cut_off_is_never_taken_for_whole(document: dict[str, Any], size: int, data: st.DataObject) -> None:
    text = json.dumps(document)
    end = data.draw(st.integers(0, len(text) - 1))
    pieces = Pieces(cut(text[:end], size))
    with pytest.raises(ValueError):
        read(pieces)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a":\n\n x}', "Expecting value in line 3"),
        ('{"a" 1}', "':' expected in line 1, and found '1'"),
        ("{1: 2}", "a name is missing in line 1"),
        ('{"a": 1,}', "a name is missing in line 1"),
        ('{"a": ' + "[" * 100_000, "nested too deeply|Expecting value"),
    ],
)
def test_what_is_no_json_is_told_with_its_line(text: str, reason: str) -> None:
    pieces = Pieces([text])
    with pytest.raises(ValueError, match=reason):
        read(pieces)


def test_a_value_without_an_end_is_not_gathered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_VALUE", 1_000)
    given_out = 0

    def endless() -> Iterator[str]:
        nonlocal given_out
        yield '{"a": "'
        while True:
            given_out += 100
            yield "x" * 100

    pieces = Pieces(endless())
    with pytest.raises(ValueError, match="more than 1,000 characters"):
        read(pieces)
    assert given_out < 10_000
