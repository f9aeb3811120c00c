"""The encodings that spreadsheets and shells write are told apart by the beginning of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.encoding import MARK_BYTES, encoding_of

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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("has_mark", [False, True])
def test_the_first_bytes_of_a_sidecar_give_its_encoding(encoding: str, has_mark: bool) -> None:
    text = '{"files": []}'
    mark = "\ufeff" if has_mark and encoding in ("utf-16-le", "utf-16-be") else ""
    raw = (mark + text).encode(encoding)
    assert text == raw.decode(encoding_of(raw[:MARK_BYTES]))


@given(st.text(max_size=40), st.integers(0, 200))
def test_cut_utf8_is_utf8(text: str, length: int) -> None:
    head = ("ä" + text).encode("utf-8", "replace")[:length]
    assert "utf-8" == encoding_of(head)
