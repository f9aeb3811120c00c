import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.text import caseless, forms, nfc

COMPOSED, APART = "t\u00fcr", "tu\u0308r"


@pytest.mark.parametrize(
    ("one", "other", "is_same", "is_alike"),
    [
        (COMPOSED, APART, True, True),
        (COMPOSED, "T\u00dcR", False, True),
        (APART, "TU\u0308R", False, True),
        ("\u212b", "\u00c5", True, True),  # the sign for Angstrom is canonically this letter
        ("\uff21", "A", False, False),  # a full-width letter is a different letter
        ("\ufb01", "fi", False, True),  # so is a ligature, though its upper case is the same
        ("a.csv", "a.csv", True, True),
        ("a.csv", "b.csv", False, False),
    ],
)
def test_only_canonical_forms_are_the_same_text(one: str, other: str, is_same: bool, is_alike: bool) -> None:
    assert (is_same, is_alike) == (nfc(one) == nfc(other), caseless(one) == caseless(other))


@given(st.text())
def test_a_form_is_a_form_of_itself(text: str) -> None:
    assert nfc(text) == nfc(nfc(text))
    assert caseless(text) == caseless(caseless(text)) == caseless(unicodedata.normalize("NFD", text))
    assert {nfc(text)} == {nfc(form) for form in forms(text)}
    assert text in forms(text)
