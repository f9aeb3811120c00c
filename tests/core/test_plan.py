import pytest

from eisync.core.items import Missing, RemoteSample
from eisync.core.plan import Ask, Bury, Match, Spare, after_asking, is_complete, match, suspects

HASH, OTHER_HASH = "a" * 64, "b" * 64


def sample(
    identity: int, *, filename: str = "wave.01", sha256: str | None = None, original_name: str | None = None
) -> RemoteSample:
    return RemoteSample(
        id=identity, filename=filename, category="training", label=None, sha256=sha256, original_name=original_name
    )


def test_a_sample_is_asked_for_when_two_sweeps_in_a_row_missed_it() -> None:
    assert [Ask(2), Ask(3)] == suspects([Missing(1, 1), Missing(2, 2), Missing(3, 7)])


def test_only_the_service_s_own_no_buries_a_sample() -> None:
    assert Bury(5) == after_asking(5, is_there=False)
    assert Spare(5) == after_asking(5, is_there=True)


@pytest.mark.parametrize(
    ("listed", "first_total", "last_total", "complete"),
    [
        (0, 0, 0, True),
        (10, 10, 10, True),
        (9, 10, 10, False),
        (9, 10, 9, True),  # one was deleted meanwhile
        (10, 10, 12, True),  # two were uploaded meanwhile
        (11, 10, 12, True),
        (0, 10, 10, False),
    ],
)
def test_a_sweep_is_complete_when_it_listed_what_it_was_promised(
    listed: int, first_total: int, last_total: int, complete: bool
) -> None:
    assert complete is is_complete(listed=listed, first_total=first_total, last_total=last_total)


@pytest.mark.parametrize(
    ("case", "candidates", "expected"),
    [
        ("no candidate", [], Match((), ())),
        ("same name, same hash", [sample(1, sha256=HASH)], Match((1,), ())),
        ("same name, no hash", [sample(1)], Match((), (1,))),
        ("same name, another hash: it may be of something else", [sample(1, sha256=OTHER_HASH)], Match((), (1,))),
        ("the filter is a substring", [sample(1, filename="wave.010", sha256=HASH)], Match((), ())),
        ("renamed there, but sent as this", [sample(1, filename="x", original_name="wave.01.csv")], Match((), (1,))),
        ("another extension was sent", [sample(1, filename="x", original_name="wave.01.wav")], Match((), ())),
        ("one proves it", [sample(1), sample(2, sha256=HASH), sample(3, sha256=HASH)], Match((2, 3), ())),
    ],
)
def test_a_listing_proves_by_name_and_hash_and_by_neither_alone(
    case: str, candidates: list[RemoteSample], expected: Match
) -> None:
    assert expected == match("testing/wave.01.csv", HASH, candidates)


def test_a_name_that_is_not_utf_8_is_found_as_it_was_sent() -> None:
    assert Match((4,), ()) == match("caf\udce9.1.csv", HASH, [sample(4, filename="caf\ufffd.1", sha256=HASH)])
