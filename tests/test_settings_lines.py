"""Every key of a TOML text is found on its line."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.settings.problems import Location, find_lines

CASES: list[tuple[str, Location, int]] = [
    ("a = 1\nb = 2\n", ("b",), 2),
    ("# first\n\n[upload]\nworkers = 4 # four\ntimeout_s = 2.5", ("upload", "timeout_s"), 5),
    ("[[watch]]\npath = 'a'\n[[watch]]\npath = 'b'\n", ("watch", 1, "path"), 4),
    (
        "[[watch]]\n[watch.metadata]\nsite = 'x'\n[[watch]]\n[watch.metadata]\nsite = 'y'\n",
        ("watch", 1, "metadata", "site"),
        6,
    ),
    ("[[watch]]\nmetadata = { site = 'x', 'desk no' = '4' }\n", ("watch", 0, "metadata", "desk no"), 2),
    ("upload.workers = 1\nupload.batch_files = 2\n", ("upload", "batch_files"), 2),
    ('"up\\u006Coad" . workers = 1\n', ("upload", "workers"), 1),
    ("watch = [\n  { path = 'a' },  # ]\n  { path = 'b' },\n]\nlog = {}\n", ("watch", 1, "path"), 3),
    ("watch = [\n  { path = 'a' },  # ]\n  { path = 'b' },\n]\nlog = {}\n", ("log",), 5),
    ('a = """\nb = 1\n[c]\n\\"""\n"""""\nd = 1\n', ("d",), 6),
    ("a = '''\nb = 1 ''''\nd = 1\n", ("d",), 3),
    ('a = "x # no \\" comment = ]"\nb = 1', ("b",), 2),
    ("a = [[1, 2], ['x', ']']]\nb = 2020-01-01 10:00:00\nc = -inf", ("c",), 3),
    ("[a]\n[[a.b]]\nc = 1\n[[a.b]]\nc = 2\n", ("a", "b", 1, "c"), 5),
    ("[ a . 'b' ]\nc = 1\n", ("a", "b", "c"), 2),
    ("[[a]]\n[[a.b]]\n[[a]]\n[[a.b]]\n[[a.b]]\nc = 1\n", ("a", 1, "b", 1, "c"), 6),
]


def _locations(value: Any, location: Location = ()) -> Iterator[Location]:
    """Return every table, key and element of a parsed document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*location, key)
        yield from _locations(inner, (*location, key))


@pytest.mark.parametrize(("text", "location", "line"), CASES)
def test_a_key_is_found_on_its_line(text: str, location: Location, line: int) -> None:
    assert find_lines(text)[location] == line


@pytest.mark.parametrize("text", sorted({text for text, _, _ in CASES}))
def test_every_key_that_tomllib_reads_has_a_line_and_no_other_has(text: str) -> None:
    assert set(find_lines(text)) == set(_locations(tomllib.loads(text)))


@given(st.text(alphabet="ab.=[]{}\"'#\n\\, 1", max_size=60))
def test_no_text_raises_an_error(text: str) -> None:
    lines = find_lines(text)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(lines) == set(_locations(document))
