"""Text of strangers stands on one line of any terminal, and says what it said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.text import caseless, forms, nfc, printable, printable_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Prüfstand 3, 日記", "Prüfstand 3, 日記"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("gpj.\u202egnp", "gpj.\\u202egnp"),
        ("odd\udcff.csv", "odd\\xff.csv"),
        ("half \ud800", "half \\ud800"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_what_steers_a_terminal_is_shown_as_an_escape(text: str, expected: str) -> None:
    assert expected == printable(text)


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_it_is_it_stays_on_one_line_and_can_be_repeated(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown == printable(shown)


def test_lines_that_are_meant_stay_lines() -> None:
    assert "Traceback\n  a\\x1b[0m\n\n" == printable_lines("Traceback\n  a\x1b[0m\n\n")


COMPOSED, APART = "t\u00fcr.csv", "tu\u0308r.csv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("door.csv", ("door.csv",)), (COMPOSED, (COMPOSED, APART)), (APART, (APART, COMPOSED)), ("日記", ("日記",))],
)
def test_a_name_has_the_forms_in_which_file_systems_have_it(text: str, expected: tuple[str, ...]) -> None:
    assert expected == forms(text)
    assert 1 == len({nfc(form) for form in forms(text)})


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [("T\u00dcR.csv", APART, True), ("Straße", "STRASSE", True), ("tur.csv", COMPOSED, False)],
)
def test_texts_that_differ_in_form_and_case_only_are_the_same_without_them(one: str, other: str, is_same: bool) -> None:
    assert is_same == (caseless(one) == caseless(other))
