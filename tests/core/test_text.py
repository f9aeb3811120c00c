"""Any text is shown on one line of any terminal, with its content visible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.text import caseless, fitted, forms, nfc, printable, printable_lines, width_of


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
def test_terminal_control_characters_are_shown_as_escapes(text: str, expected: str) -> None:
    assert expected == printable(text)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_one_line_and_redoing_it_changes_nothing(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown == printable(shown)


def test_intended_lines_stay_lines() -> None:
    assert "Traceback\n  a\\x1b[0m\n\n" == printable_lines("Traceback\n  a\x1b[0m\n\n")


COMPOSED, APART = "t\u00fcr.csv", "tu\u0308r.csv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("door.csv", ("door.csv",)), (COMPOSED, (COMPOSED, APART)), (APART, (APART, COMPOSED)), ("日記", ("日記",))],
)
def test_a_name_has_the_forms_that_file_systems_use(text: str, expected: tuple[str, ...]) -> None:
    assert expected == forms(text)
    assert 1 == len({nfc(form) for form in forms(text)})


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [("T\u00dcR.csv", APART, True), ("Straße", "STRASSE", True), ("tur.csv", COMPOSED, False)],
)
def test_texts_that_differ_only_in_form_and_case_have_the_same_caseless_text(
    one: str, other: str, is_same: bool
) -> None:
    assert is_same == (caseless(one) == caseless(other))


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("wave.csv", 8, "wave.csv"),
        ("wave.csv", 7, "wave.c\u2026"),
        ("wave.csv", 1, "\u2026"),
        ("wave.csv", 0, ""),
        ("\u65e5\u8a18.wav", 8, "\u65e5\u8a18.wav"),
        ("\u65e5\u8a18.wav", 4, "\u65e5\u2026"),  # the second one would need two columns, and there is one
        ("tu\u0308r", 3, "tu\u0308r"),
        ("tu\u0308rt", 3, "tu\u0308\u2026"),
        ("a\x1b[2J", 9, "a\\x1b[2J"),
    ],
)
def test_a_text_is_cut_to_the_width_of_a_terminal(text: str, columns: int, expected: str) -> None:
    assert expected == fitted(text, columns)
    assert width_of(expected) <= columns
