"""A malformed entry of a page does not affect the others, and the number of objects of a page is limited."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.adapters.client.listing_page import NoListingError, first_id, read_full_page, read_page
from eisync.adapters.client.replies import sample_of
from eisync.core.model import Unread
from eisync.errors import AnswerTooLargeError

GOOD = '{"id":9,"filename":"a","label":"wave"}'


def page(*entries: str, total: int | None = None) -> bytes:
    count = len(entries) if total is None else total
    return f'{{"success":true,"samples":[{",".join(entries)}],"totalCount":{count}}}'.encode()


@pytest.mark.parametrize(
    ("entry", "sample_id", "reason"),
    [
        ('{"filename":"a"}', None, "its id is not what a sample has"),
        ('{"id":"7"}', None, "its id is not what a sample has"),
        ('{"id":7.0}', None, "its id is not what a sample has"),
        ('{"id":true}', None, "its id is not what a sample has"),
        ('{"id":null}', None, "its id is not what a sample has"),
        ('{"id":NaN}', None, "its id is not what a sample has"),
        ('{"id":-7}', None, "its id is not what a sample has"),
        (f'{{"id":{2**63}}}', None, "its id is not what a sample has"),
        ('{"id":1' + "0" * 5000 + "}", None, "its entry is not what a sample has"),
        ('{"id":7,"metadata":[]}', 7, "its metadata is not what a sample has"),
        ('{"id":7,"filename":{}}', 7, "its filename is not what a sample has"),
        ('{"id":7,"isDisabled":"perhaps"}', 7, "its isDisabled is not what a sample has"),
        ('{"id":7,"metadata":' + "[" * 900 + "]" * 900 + "}", 7, "its entry is not what a sample has"),
        (
            '{"id":7,"metadata":' + "[" * 100_000 + "]" * 100_000 + "}",
            7,
            "its entry holds more values than a sample has",
        ),
        ("7", None, "its id is not what a sample has"),
        ("null", None, "its id is not what a sample has"),
        ('"{}"', None, "its id is not what a sample has"),
        ("[]", None, "its id is not what a sample has"),
        ("NaN", None, "its id is not what a sample has"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_and_the_others_are_used(
    entry: str, sample_id: int | None, reason: str
) -> None:
    for at in range(3):
        others = [GOOD, '{"id":5}']
        body = page(*others[:at], entry, *others[at:])
        found = read_page(body, 1000)
        assert ([9, 5], 3) == ([one["id"] for one in found.read], found.total)
        assert [Unread(sample_id, reason, after=at)] == found.unread


@pytest.mark.parametrize("date", ['"soon"', "1e300", '"0000-00-00"', "[]", '"+999999-01-01T00:00:00Z"'])
def test_a_date_that_is_none_costs_nothing_else(date: str) -> None:
    found = read_page(page(f'{{"id":9,"filename":"a","added":{date}}}'), 10)
    assert ([], "a") == (found.unread, found.read[0].get("filename"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [('"\\ud800"', "�"), ('"a\\udfffb"', "a�b"), ('"\\ud83d\\ude00"', "😀"), ('"\\udc80\\ud800"', "��")],
)
def test_half_a_character_becomes_a_whole_one(text: str, shown: str) -> None:
    entry = f'{{"id":9,"filename":{text},"label":{text},"category":{text},"metadata":{{{text}:{text}}}}}'
    (one,) = map(sample_of, read_page(page(entry), 10).read)
    assert (shown, shown, shown, ((shown, shown),)) == (one.filename, one.label, one.category, one.metadata)
    (whole,) = read_full_page(page(entry), 10).read
    assert shown == whole.as_whole().label


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"success":true}',
        b'{"success":true,"samples":[{"id":1}',
        b'{"success":true,"samples":[{"id":1}],"totalCount":1',
        b'{"success":true,"samples":[{"id":1}:{"id":2}],"totalCount":2}',
        b'{"success":false,"samples":[],"totalCount":0}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_page_concludes_nothing(body: bytes) -> None:
    with pytest.raises(NoListingError):
        read_page(body, 10)


def test_more_than_was_asked_for_is_not_believed() -> None:
    for padding in ("", "1," * 200_000):
        body = b'{"x":[' + padding.encode() + b"1]," + page(*(f'{{"id":{one}}}' for one in range(11)))[1:]
        with pytest.raises(NoListingError, match="11 samples where 10 were asked for"):
            read_page(body, 10)


def test_a_page_that_would_become_too_much_is_to_be_asked_for_smaller() -> None:
    metadata = json.dumps({f"name{number}": number for number in range(30_000)})
    one = f'{{"id":1,"metadata":{metadata}}}'
    assert 1 == len(read_page(page(one), 10).read)
    with pytest.raises(AnswerTooLargeError):
        read_page(page(one, one, one), 10)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"success":true,"samples":[{"id":9,"x":"' + b"x" * 100, 9),
        (b'{"success":true,"samples":[ {"x":[1,{"id":3}],"id": 9,"y":[[[', 9),
        (b'{"success":true,"samples":[{"x":"' + b"x" * 100, None),
        (b'{"success":true,"samples":[{"id":9', None),
        (b'{"success":true,"samples":[{"id":"9","x":"', None),
        (b'{"success":true,"samples":[{"id":' + b"9" * 50 + b',"x":"', None),
        (b"", None),
        (b"[" * 5000, None),
    ],
)
def test_the_id_of_a_truncated_entry_is_read(body: bytes, expected: int | None) -> None:
    assert expected == first_id(body)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("filename", "category", "label", "added", "isDisabled", "sha256Hash", "coldstorageFilename", "metadata", "x")


@settings(database=None)
@given(
    st.lists(st.tuples(JSON, st.dictionaries(st.sampled_from(FIELDS), JSON)), max_size=6), st.sampled_from([None, 1])
)
def test_whatever_entries_hold_none_is_lost_and_none_breaks_the_page(
    odd: list[tuple[Any, dict[str, Any]]], indent: int | None
) -> None:
    samples = [{"id": identity, **fields} for identity, fields in odd] + [{"id": 3, "label": "last"}]
    text = json.dumps({"success": True, "samples": samples, "totalCount": len(samples)}, indent=indent).encode()
    found = read_page(text, 100)
    assert len(samples) == len(found.read) + len(found.unread)
    assert "last" == found.read[-1]["label"]
    for one in map(sample_of, found.read):
        assert 0 <= one.id < 2**63
        for word in (one.filename, one.category, one.label or "", *(text for pair in one.metadata for text in pair)):
            assert word == word.encode().decode()
    full = read_full_page(text, 100)
    assert len(samples) == len(full.read) + len(full.unread)
