import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.formats import json_stream as module
from eisync.core.formats.json_batch import objects_at
from eisync.core.formats.json_stream import JsonRefused, JsonStream, Unfinished
from eisync.core.formats.json_syntax import Extent


def read(pieces: JsonStream) -> dict[str, Any]:
    """Return the object that the pieces make up."""
    return {name: pieces.value() for name in pieces.members()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def cut(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


@given(document=st.dictionaries(st.text(), JSON, max_size=5), size=st.integers(1, 7), indent=st.sampled_from([None, 1]))
def test_an_object_is_the_same_from_pieces_of_any_size(document: dict[str, Any], size: int, indent: int | None) -> None:
    pieces = JsonStream(cut(json.dumps(document, indent=indent), size))
    assert document == read(pieces)
    assert "" == pieces.next()


@given(document=st.lists(JSON, max_size=5), size=st.integers(1, 7))
def test_a_list_is_the_same_from_pieces_of_any_size(document: list[Any], size: int) -> None:
    pieces = JsonStream(cut(json.dumps(document), size))
    assert document == [pieces.value() for _ in pieces.elements()]
    assert "" == pieces.next()


@given(document=st.dictionaries(st.text(), JSON, min_size=1, max_size=3), size=st.integers(1, 7), data=st.data())
def test_a_text_that_is_cut_is_never_read_as_complete(document: dict[str, Any], size: int, data: st.DataObject) -> None:
    text = json.dumps(document)
    end = data.draw(st.integers(0, len(text) - 1))
    pieces = JsonStream(cut(text[:end], size))
    with pytest.raises(ValueError):
        read(pieces)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "NaN is not a number in JSON"),
        ('{"a":\n\n x}', "Expecting value in line 3"),
        ('{"a" 1}', "':' expected in line 1, and found '1'"),
        ("{1: 2}", "a name is missing in line 1"),
        ('{"a":\n[' + "1000000," * 10_000 + "x]}", "Expecting value in line 2"),
        ('{"a": 1,\n"' + "x" * 600_000 + '": 2}', "a name in line 2 cannot be used"),
        ('{"a": 1,}', "a name is missing in line 1"),
        ('{"a": ' + "[" * 100_000, "it ends in the middle"),
        ('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}", "nested too deeply"),
    ],
)
def test_text_that_is_no_json_is_reported_with_its_line(text: str, reason: str) -> None:
    pieces = JsonStream([text])
    with pytest.raises(ValueError, match=reason):
        read(pieces)


def test_a_value_without_an_end_is_refused_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SKIPPED", 1_000_000)
    given_out = 0

    def endless() -> Iterator[str]:
        nonlocal given_out
        yield '{"a": "'
        while True:
            given_out += 100
            yield "x" * 100

    pieces = JsonStream(endless())
    with pytest.raises(ValueError, match="more than 1,000,000 characters"):
        read(pieces)
    assert given_out < 1_100_000
    assert len(pieces._text) < 200_000, "none of it is held"


def test_blanks_without_an_end_are_refused_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SKIPPED", 10_000)
    with pytest.raises(ValueError, match="only blanks"):
        JsonStream(itertools.repeat(" " * 100)).next()


# --- values that are too large


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[" + "[]," * 30_000 + "[]]", "made of more than 25,000 values"),
        ("[" + '{"a":0},' * 20_000 + "0]", "made of more than 25,000 values"),
        ("{" + ",".join(f'"{n}":0' for n in range(30_000)) + "}", "made of more than 25,000 values"),
        ('"' + "x" * 600_000 + '"', "more than 524,288 characters"),
        ('"' + '\\"' * 300_000 + '"', "more than 524,288 characters"),
        ("[" * 20_000 + "]" * 20_000, "nested too deeply"),  # Python 3.11 allows 1,000 levels, 3.13 allows 10,000
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("[1, NaN, 2]", "NaN is not a number in JSON"),
        ("[-Infinity]", "-Infinity is not a number in JSON"),
        ("[" + "9" * 5_000 + "]", "thousands of digits"),
        ("[" + "9" * 5_000 + ",NaN" + ",0" * 20_000 + "]", "thousands of digits"),
        ("9" * 600_000, "thousands of digits"),
        # The part that cannot be used comes after the size that is created without counting.
        ("[" + "1000000," * 10_000 + "[" * 14_000 + "]" * 14_000 + "]", "nested too deeply"),
        ("[" + "1000000," * 10_000 + "NaN]", "NaN is not a number in JSON"),
        ("[" + "1000000," * 10_000 + "9" * 5_000 + "]", "thousands of digits"),
    ],
)
@pytest.mark.parametrize("size", [1_000, 65_536])
def test_a_value_that_cannot_be_used_is_skipped_and_the_next_is_read(value: str, reason: str, size: int) -> None:
    pieces = JsonStream(cut(f"[1, {value},\n\n2]", size))
    found: list[Any] = []
    for _ in pieces.elements():
        try:
            found.append(pieces.value())
        except JsonRefused as error:
            found.append(str(error))
    assert [1, found[1], 2] == found
    assert reason in found[1]
    assert 3 == pieces.line
    assert "" == pieces.next()


def test_a_large_value_below_the_limits_is_read() -> None:
    value = [{"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}] * 4_000
    pieces = JsonStream(cut(json.dumps([value, 7]), 65_536))
    assert [value, 7] == [pieces.value() for _ in pieces.elements()]


@given(
    value=JSON.filter(lambda value: isinstance(value, dict | list | str)), rest=st.text('[]{},\\"x '), data=st.data()
)
def test_the_end_of_a_value_is_found_in_pieces_of_any_size(value: Any, rest: str, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    extent = Extent(text[0])
    passed = 0
    for chunk in cut(text + rest, data.draw(st.integers(1, 9))):
        if (end := extent.end_in(chunk)) is not None:
            passed += end
            break
        passed += len(chunk)
    assert len(text) == passed


def test_a_megabyte_of_brackets_is_skipped_quickly() -> None:
    pieces = JsonStream(cut("[" + "[]," * 1_000_000 + "[]]", 65_536))
    began = time.process_time()
    with pytest.raises(JsonRefused):
        pieces.value()
    assert time.process_time() - began < 1.0


# --- continuing from a checkpoint


@given(document=st.lists(JSON, min_size=1, max_size=6), size=st.integers(1, 9), again=st.integers(1, 9), data=st.data())
def test_a_text_that_grew_is_read_from_its_checkpoint(
    document: list[Any], size: int, again: int, data: st.DataObject
) -> None:
    text = json.dumps(document, ensure_ascii=False)
    number = data.draw(st.integers(1, len(document)))
    pieces = JsonStream(cut(text, size))
    found = []
    for _ in pieces.elements():
        found.append(pieces.value())
        pieces.mark("inside")
        if len(found) == number:
            break
    if data.draw(st.booleans()):
        pieces.next()  # it reads ahead; the mark stays before that
    checkpoint = pieces.checkpoint()
    assert checkpoint is not None
    raw = text.encode()
    assert hashlib.sha256(raw[: checkpoint.offset]).hexdigest() == checkpoint.sha256()
    assert "inside" == checkpoint.where
    more = JsonStream(cut(raw[checkpoint.offset :].decode(), again), checkpoint)
    for _ in more.elements(is_inside=True):
        found.append(more.value())
        more.mark("inside")
    assert document == found
    later = more.checkpoint()
    assert later is not None
    assert hashlib.sha256(raw[: later.offset]).hexdigest() == later.sha256()


@pytest.mark.parametrize(
    ("text", "is_unfinished"),
    [("[1, 2", True), ("[1, {", True), ('[1, "a', True), ("[1,", True), ("[1, x]", False), ("[1 2]", False)],
)
def test_an_unfinished_text_is_distinguished_from_one_that_is_no_json(text: str, is_unfinished: bool) -> None:
    pieces = JsonStream([text])
    with pytest.raises(ValueError) as caught:
        _ = [pieces.value() for _ in pieces.elements()]
    assert is_unfinished is isinstance(caught.value, Unfinished)


def test_a_checkpoint_has_the_hash_of_all_bytes_before_it() -> None:
    pieces = JsonStream(["[1, 2]"])
    for _ in pieces.elements():
        pieces.value()
        pieces.mark("inside")
    checkpoint = pieces.checkpoint()
    assert checkpoint is not None
    assert (5, hashlib.sha256(b"[1, 2").hexdigest()) == (checkpoint.offset, checkpoint.sha256())


def test_a_large_number_at_the_very_end_is_refused_and_taken() -> None:
    pieces = JsonStream(cut("9" * 40_000, 1_000))
    with pytest.raises(JsonRefused, match="thousands of digits"):
        pieces.value()
    assert "" == pieces.next()


def test_a_large_record_is_kept_up_to_a_limit() -> None:
    members = {name: [name * 100] * 3_000 for name in "abc"}
    pieces = JsonStream(cut(json.dumps([{"path": "x.csv", **members}, 7]), 65_536))
    found: list[Any] = []
    for _ in pieces.elements():
        found.append(pieces.record(("path", *members)))
    assert [({"path": "x.csv"}, "it has more than 524,288 characters"), (7, None)] == found


@pytest.mark.parametrize(("rest", "names"), [("}", []), (', "b": 2}', ["b"])])
def test_reading_continues_in_an_object_after_a_value(rest: str, names: list[str]) -> None:
    pieces = JsonStream([rest])
    found = []
    for name in pieces.members(is_inside=True):
        found.append(name)
        pieces.value()
    assert names == found
    assert "" == pieces.next()


@pytest.mark.parametrize(("rest", "values"), [("]", []), (", 2]", [2])])
def test_reading_continues_in_a_list_after_an_element(rest: str, values: list[int]) -> None:
    pieces = JsonStream([rest])
    assert values == [pieces.value() for _ in pieces.elements(is_inside=True)]
    assert "" == pieces.next()


OBJECTS = st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=12)


@given(objects=OBJECTS, size=st.integers(1, 60), indent=st.sampled_from([None, 1]))
def test_batches_have_the_elements_that_single_values_have(
    objects: list[dict[str, Any]], size: int, indent: int | None
) -> None:
    pieces = JsonStream(cut(json.dumps(objects, indent=indent), size))
    found = []
    for _ in pieces.elements():
        found += pieces.batch() or [pieces.value()]
    assert objects == found
    assert "" == pieces.next()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1},\n {"b": "},{"}, {"c": 2}', ([{"a": 1}, {"b": "},{"}], 23)),
        ('{"a": 1}, 2', ([], 0)),
        ('{"a": {"b": 1}, "c": 2}', ([], 0)),
        ('{"a": [{"b": 1}, {"c": 2}]', None),
        ('{"a": NaN}, {"c": 2}', None),
        ('{"a": ' + "[" * 9_000 + "]" * 9_000 + "}, {", None),
        ('{"a": 1}' + ",2},3" * 100 + "}, 4", ([], 0)),
    ],
)
def test_a_batch_ends_before_another_object(text: str, found: Any) -> None:
    assert found == objects_at(text, 0, len(text))


def test_after_a_batch_that_was_none_elements_are_taken_singly() -> None:
    inside = '{"a": [{"b": 1}, {"c": 2}]}'  # the last comma of the text is inside an element
    pieces = JsonStream(["[" + '{"d": 1}, ' * 100 + inside, ', {"e": 1}, {"f": 2}]'])
    sizes = []
    for _ in pieces.elements():
        sizes.append(len(pieces.batch()))
        if not sizes[-1]:
            pieces.value()
    assert [0] * 65 == sizes[:65]
    assert 103 == sum(sizes) + sizes.count(0)
