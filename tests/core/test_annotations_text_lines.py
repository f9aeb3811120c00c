"""Texts of every program become the same lines, wherever their pieces are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.text_lines import LONGEST_LINE, encoding_of, is_absolute, lines_of, relative_path

ROW = "Datei;Label\r\nTür.wav;öffnen\r\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (ROW.encode("cp1252"), "cp1252"),
        (ROW.encode(), "utf-8"),
        (ROW.encode("utf-8-sig"), "utf-8-sig"),
        (ROW.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + ROW.encode("utf-16-be"), "utf-16"),
        (ROW.encode("utf-16-le"), "utf-16-le"),
        (ROW.encode("utf-16-be"), "utf-16-be"),
        ("Tür".encode()[:2], "utf-8"),
        (b"", "utf-8"),
        (b"\0\0\0\0", "utf-8"),
        (b"a,b\n", "utf-8"),
    ],
)
def test_the_encoding_is_found(head: bytes, expected: str) -> None:
    assert expected == encoding_of(head)


@given(st.text(max_size=40), st.integers(0, 200))
def test_cut_utf8_is_utf8(text: str, length: int) -> None:
    head = ("ä" + text).encode("utf-8", "replace")[:length]
    assert "utf-8" == encoding_of(head)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["a\nb"], ["a\n", "b"]),
        (["a\r\nb\r\n"], ["a\n", "b\n"]),
        (["a\rb\r"], ["a\n", "b\n"]),
        (["a\r", "\nb"], ["a\n", "b"]),
        (["a\r", "", "\nb"], ["a\n", "b"]),
        (["a\r", "\n", "\nb"], ["a\n", "\n", "b"]),
        (["a", "b\n", "c"], ["ab\n", "c"]),
        (["", "\n"], ["\n"]),
        ([], []),
    ],
)
def test_lines_end_in_many_ways(pieces: list[str], expected: list[str]) -> None:
    assert expected == list(lines_of(pieces))


@given(st.lists(st.text("ab\r\n", max_size=6), max_size=6))
def test_cuts_change_no_line(pieces: list[str]) -> None:
    assert list(lines_of(["".join(pieces)])) == list(lines_of(pieces))


def test_a_line_is_bounded() -> None:
    assert ["x" * LONGEST_LINE] == list(lines_of(["x" * LONGEST_LINE]))
    endless = ("x" * 1000 for _ in range(10**9))
    lines = lines_of(["a\n", *(next(endless) for _ in range(600))])
    assert "a\n" == next(lines)
    with pytest.raises(ValueError, match="line 2 has more than 524,288 characters"):
        next(lines)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a.wav", "a.wav"),
        (" ./a.wav ", "a.wav"),
        (".\\train\\a.wav", "train/a.wav"),
        ("x//y/./../a.csv", "x/a.csv"),
        ("../a.csv", "../a.csv"),
        ("train/", "train"),
        ("", ""),
        ("C:\\data\\a.wav", "C:/data/a.wav"),
        ("/data/./a.wav", "/data/./a.wav"),
        ("s3://bucket//a.wav", "s3://bucket//a.wav"),
    ],
)
def test_paths_are_written_in_one_way(written: str, expected: str) -> None:
    assert expected == relative_path(written)


@pytest.mark.parametrize(
    ("path", "expected"), [("/a", True), ("C:/a", True), ("http://a/b", True), ("a/b", False), ("c:a", False)]
)
def test_absolute_paths_are_known(path: str, expected: bool) -> None:
    assert expected == is_absolute(path)
