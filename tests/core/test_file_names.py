import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.dataset import MAX_NAME_BYTES, safe_name

NAMES = st.text(max_size=80) | st.text(st.sampled_from('./\\:aAé\u0301 \x00\n*"\ud800'), max_size=12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wave.01.csv", "wave.01.csv"),
        ("Prüfstand 3 (links).wav", "Prüfstand 3 (links).wav"),
        ("日本語.png", "日本語.png"),
        ("a/b\\c.csv", "a_b_c.csv"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("..", "sample"),
        ("", "sample"),
        ("...", "sample"),
        (".hidden.csv", "_hidden.csv"),
        (" leading.csv", "_leading.csv"),
        ("trailing. .", "trailing"),
        ("a\x00b\x1b[2J\n.csv", "a_b_[2J_.csv"),
        ("gpj\u202evsc.csv", "gpj_vsc.csv"),
        ("half\ud800.csv", "half_.csv"),
        ('<>:"|?*.csv', "_______.csv"),
        ("NUL.csv", "_NUL.csv"),
        ("com1", "_com1"),
        ("con .csv", "_con .csv"),
        ("console.csv", "console.csv"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
        ("é" * 150 + ".json", "é" * 97 + ".json"),
        ("x" * 300, "x" * 200),
        ("a." + "x" * 300, "a." + "x" * 198),
    ],
)
def test_a_name_becomes_safe_with_the_least_change(name: str, expected: str) -> None:
    assert expected == safe_name(name)


@given(NAMES)
def test_no_name_leaves_its_folder_or_is_hidden(name: str) -> None:
    safe = safe_name(name)
    assert safe == safe_name(safe)
    assert safe
    assert not safe.startswith((".", " "))
    assert not safe.endswith((".", " "))
    assert set() == set(safe) & set('/\\\x00\n:*"')
    assert len(safe.encode()) <= MAX_NAME_BYTES
