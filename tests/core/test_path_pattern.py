"""Regular expressions for paths: those that cannot take long are admitted, all others are refused with a sentence."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.labels.path_pattern import PathPattern
from eisync.core.labels.pattern_cost import MAX_PATH
from tests.examples import examples

ADMITTED = {
    r"(?P<subject>s\d+)_(?P<label>[a-z]+)_(?P<session>\d{8})": ("gym/s01_squat_20260102.wav", "s01_squat_20260102"),
    r"^(?P<site>[^/]+)/(?P<label>[^/]+)/": ("lab 3/cat/1.csv", "lab 3/cat/"),
    r".*/(?P<label>[^/]+)/[^/]+$": ("a/b/cat/1.csv", "a/b/cat/1.csv"),
    r"(?P<label>.*)_(?P<take>.*)": ("a_b_c", "a_b_c"),
    r"(?P<label>\w+)_(?P<take>\d+)": ("wave_up_12.csv", "wave_up_12"),
    r"^(\w+)_(\w+)_(\w+)\.wav": ("a_b_c_d.wav", "a_b_c_d.wav"),
    r"(?P<label>\w+)_(?P<take>\w+)\.wav": ("a_b_c.wav", "a_b_c.wav"),
    r"(.*)/(.*)_(.*)": ("a/b/c_d", "a/b/c_d"),
    r"^(?:[^/]+/)*(?P<label>[^/]+)/[^/]+$": ("x/y/cat/1.csv", "x/y/cat/1.csv"),
    r"s\d{1,3}-(?P<label>[a-z]{2,20})(?:-v\d{1,2})?\.": ("s12-squat-v2.csv", "s12-squat-v2."),
    r"(?i)(?P<label>CAT|dog)s?/": ("Cats/1.csv", "Cats/"),
    r"(?:train|test)/(?P<label>.*?)/": ("train/cat/dog/1.csv", "train/cat/"),
    r"[]_]x{,2}\.": ("a_xx.csv", "_xx."),
    r"a{}b{x": ("a{}b{x", "a{}b{x"),
    r"\bwave\b": ("up wave.csv", "wave"),
    "tu\u0308r": ("t\u00fcr.csv", "t\u00fcr"),
    r"(?:ab*c|ad)_x": ("abbc_x.csv", "abbc_x"),
    r"(?:\b[a-z],)+x": ("a,b,x.csv", "a,b,x"),
}

TOO_LONG = (
    r"(a+)+$",
    r"(.*)*x",
    r"(\w+\s?)+$",
    r"(a|a)*$",
    r"(a|ab)*c",
    r"(?:a?a){2,}b",
    r"(?:(?:a{1,50}){1,50})b",
    r"(.*)_(.*)_(.*)_(.*)",
    r"\w+_\w+_\w+_\w+\.wav",
    r"[^/]*.*[^/]*.*[^/]*.*x",
    "a?" * 40 + "a" * 40,
    "(?:a|a)" * 40 + "b",
    r"(?:)*x",
    r"(?:a*)*b",
    r"(?i)(A+a+)+$",
    r"(?:[^/]+/?)*x",
)

NOT_SUPPORTED = {
    r"(a)\1": r"\1",
    r"(?P<a>x)(?P=a)": "(?P=",
    r"(?=x)a": "(?=x",
    r"(?<!x)a": "(?<!",
    r"(a)?(?(1)b|c)": "(?(1",
    r"a++b": "++",
    r"(?>a)": "(?>a",
    r"\x41": r"\x",
    r"[\x41]": r"\x",
    r"(?s)a": "(?s)",
}


@pytest.mark.parametrize("pattern", ADMITTED)
def test_an_ordinary_expression_is_admitted(pattern: str) -> None:
    path, found = ADMITTED[pattern]
    match = PathPattern(pattern).find(path)
    assert match is not None
    assert found == match[0]


@pytest.mark.parametrize("pattern", TOO_LONG)
def test_an_expression_that_can_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"^can take too long: "):
        PathPattern(pattern)


@pytest.mark.parametrize("pattern", NOT_SUPPORTED)
def test_what_cannot_be_counted_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape(NOT_SUPPORTED[pattern]) + r".*, which is not supported"):
        PathPattern(pattern)


@pytest.mark.parametrize("pattern", ["(", "a**", "[z-a]", "(?P<a>x)(?P<a>y)", "[[a]b]", "*a", "x{99999999999}"])
def test_what_is_no_expression_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a regular expression: "):
        PathPattern(pattern)


def test_a_deep_expression_is_refused() -> None:
    assert PathPattern("(" * 20 + "a" + ")" * 20).find("a") is not None
    with pytest.raises(ValueError, match=r"^has groups inside groups more than 20 deep$"):
        PathPattern("(" * 21 + "a" + ")" * 21)


def test_a_long_expression_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^has more than 500 characters$"):
        PathPattern("a" * 501)


def test_no_expression_matches_a_path_that_is_too_long() -> None:
    pattern = PathPattern("a")
    assert pattern.find("a" * MAX_PATH) is not None
    assert pattern.find("a" * (MAX_PATH + 1)) is None


def test_groups_are_named() -> None:
    assert ("label", "take") == PathPattern(r"(?P<label>[a-z]+)(\d)(?P<take>\d)").groups


HOSTILE = (
    (r"(\w+)_(\w+)\.wav", "/".join(["_" * 255] * 2)),
    (r"^(\w+)_(\w+)_(\w+)\.wav", "_" * 255),
    (r"(?P<label>\w+)_(?P<take>\d+)\.", "/".join(["_0" * 127] * 2)),
    (r"(.*)/(.*)_(.*)", "/" * MAX_PATH),
    (r"^(?:[^/]+/)*(?P<label>[^/]+)/[^/]+\.wav$", "a/" * (MAX_PATH // 2)),
)


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "path"), HOSTILE)
def test_the_worst_name_for_an_admitted_expression_ends(pattern: str, path: str) -> None:
    assert PathPattern(pattern).find(path) is None


_PARTS = st.sampled_from(["a", "b", "/", "_", r"\w", "[ab]", "[^/]", ".", r"\d"])
_REPEATS = st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "*?"])
_SEQUENCES = st.lists(st.tuples(_PARTS, _REPEATS).map("".join), min_size=1, max_size=4).map("".join)
_EXPRESSIONS = st.recursive(
    _SEQUENCES,
    lambda inner: st.one_of(
        st.tuples(inner, _REPEATS).map(lambda one: f"(?:{one[0]}){one[1]}"),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, inner).map("".join),
    ),
    max_leaves=4,
)


@settings(max_examples=examples(150))
@given(pattern=_EXPRESSIONS, path=st.text("ab/_0", max_size=20))
def test_an_admitted_expression_finds_what_python_finds(pattern: str, path: str) -> None:
    try:
        found = PathPattern(pattern).find(path)
    except ValueError:
        return  # refused; the tables above have the reasons
    expected = re.compile(pattern, re.DOTALL).search(path)
    assert (expected and expected.span()) == (found and found.span())
