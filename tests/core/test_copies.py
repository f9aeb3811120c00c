"""What a copy of a sample is worth, for every mixture of what is known of it."""

from itertools import product

import pytest

from eisync.core.acts import FileSide, Held
from eisync.core.copies import Copy, Standing, standing, why_no_copy
from eisync.core.items import Category, FileFacts, RemoteSample
from eisync.core.lifecycle import State

SENT, LISTED, NEITHER = "5e47", "715d", "0000"
SAMPLE = 7


def side(path: str, *, sent: str | None, listed: str | None, is_older: bool) -> FileSide:
    held = Held(RemoteSample(id=SAMPLE, filename="wave", category="training", label=None, sha256=listed))
    other = Held(RemoteSample(id=8, filename="wave", category="training", label=None, sha256=NEITHER))
    return FileSide(
        id=1,
        root_id=1,
        root="/r",
        path=path,
        state=State.SYNCED,
        facts=FileFacts(1, 1, 1),
        label=None,
        category=Category.TRAINING,
        sha256=sent,
        samples=(other,) if is_older else (held,),
        older=(held,) if is_older else (other,),
    )


@pytest.mark.parametrize(
    ("found", "sent", "listed", "is_older", "path", "ends"),
    list(
        product(
            (SENT, LISTED, NEITHER),
            (SENT, None),
            (LISTED, None),
            (True, False),
            ("a.csv", "a.txt", "a.wav"),
            (b"{}", b"{1"),
        )
    ),
)
def test_only_what_is_proved_is_a_copy(
    found: str, sent: str | None, listed: str | None, is_older: bool, path: str, ends: bytes
) -> None:
    worth = standing(Copy(found, ends), side(path, sent=sent, listed=listed, is_older=is_older), SAMPLE)
    # The hash of the file is that of its present version: of an older sample it proves nothing.
    is_proved = (found == listed) or (found == sent and not is_older)
    is_likely = not path.endswith(".wav") and ends == b"{}"
    expected = Standing.PROVED if is_proved else Standing.LIKELY if is_likely else Standing.NONE
    assert expected is worth


def test_the_hash_of_another_sample_proves_nothing() -> None:
    both = side("a.wav", sent=None, listed=LISTED, is_older=False)
    assert Standing.NONE is standing(Copy(NEITHER, b""), both, SAMPLE)


def test_a_person_is_told_what_to_do() -> None:
    assert "nothing is deleted before a whole copy of it is kept" in why_no_copy(SAMPLE)
    assert "sample 7" in why_no_copy(SAMPLE)
