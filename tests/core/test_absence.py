"""Every combination of what may be known of an absent file: a deletion is what all of it speaks for."""

from itertools import product

import pytest

from eisync.core.absence import ABSENT_S, Absence, Elsewhere, why_inconclusive

NOW = 1_000_000.0
ABSENT_AT = NOW - ABSENT_S

AGES = {"long ago": ABSENT_AT, "a moment ago": ABSENT_AT + 1.0, "in the future": NOW + 10.0}
LOOKED = {"never": None, "before": -5.0, "in that instant": 0.0, "since": 5.0}
PLACES = {"seen": None, "on a disk that is away": "the disk is not there"}


@pytest.mark.parametrize(
    ("age", "looked", "elsewhere", "place"), list(product(AGES, LOOKED, Elsewhere, PLACES)), ids=str
)
def test_only_all_of_it_together_is_a_deletion(age: str, looked: str, elsewhere: Elsewhere, place: str) -> None:
    after_s = LOOKED[looked]
    absence = Absence(
        looked_through_at=None if after_s is None else AGES[age] + after_s, elsewhere=elsewhere, away=PLACES[place]
    )
    is_proved = (age, looked, elsewhere, place) == ("long ago", "since", Elsewhere.NOWHERE, "seen")
    assert is_proved is (why_inconclusive(AGES[age], absence, now=NOW) is None)


def test_what_nobody_asked_about_proves_nothing() -> None:
    assert why_inconclusive(0.0, None, now=NOW) == "its content was not searched for"
