"""How well a copy of a sample is proved, for every combination of what is known."""

from itertools import product

import pytest

from eisync.core.actions import FileSide, LinkedSample
from eisync.core.copies import Copy, Standing, standing, why_no_copy
from eisync.core.identity import Identity, Sent
from eisync.core.lifecycle import State
from eisync.core.model import Category, FileFacts, RemoteSample

SENT, LISTED, NEITHER = "5e47", "715d", "0000"
SAMPLE = 7


def side(
    path: str, *, sent: str | None, listed: str | None, is_older: bool, identity: Identity = Identity.LIKELY
) -> FileSide:
    held = LinkedSample(
        RemoteSample(id=SAMPLE, filename="wave", category="training", label=None, sha256=listed),
        Sent(sha256=sent, name=path),
        identity=identity,
    )
    other = LinkedSample(
        RemoteSample(id=8, filename="wave", category="training", label=None, sha256=NEITHER), Sent(sha256=NEITHER)
    )
    return FileSide(
        id=1,
        root_id=1,
        root="/r",
        path=path,
        state=State.SYNCED,
        facts=FileFacts(1, 1, 1),
        label=None,
        category=Category.TRAINING,
        sha256=NEITHER if is_older else sent,  # the hash of the current version proves nothing about an older sample
        samples=(other,) if is_older else (held,),
        older=(held,) if is_older else (other,),
    )


@pytest.mark.parametrize(
    ("found", "sent", "listed", "is_older", "path", "ends", "identity"),
    list(
        product(
            (SENT, LISTED, NEITHER),
            (SENT, None),
            (LISTED, None),
            (True, False),
            ("a.csv", "a.txt", "a.wav"),
            (b"{}", b"{1"),
            Identity,
        )
    ),
)
def test_only_a_proved_copy_counts(
    found: str, sent: str | None, listed: str | None, is_older: bool, path: str, ends: bytes, identity: Identity
) -> None:
    file = side(path, sent=sent, listed=listed, is_older=is_older, identity=identity)
    # The service's hash counts only when the hash of what was sent is unknown.
    is_proved = found == SENT if sent is not None else found == listed
    is_it = identity in (Identity.PROVEN, Identity.LIKELY)
    is_likely = not path.endswith(".wav") and ends == b"{}" and is_it
    expected = Standing.PROVED if is_proved else Standing.LIKELY if is_likely else Standing.NONE
    assert expected is standing(Copy(found, ends), file, SAMPLE)


def test_the_hash_of_another_sample_proves_nothing() -> None:
    both = side("a.wav", sent=None, listed=LISTED, is_older=False)
    assert Standing.NONE is standing(Copy(NEITHER, b""), both, SAMPLE)
    assert Standing.NONE is standing(Copy(LISTED, b""), both, SAMPLE + 10)


def test_the_sentence_names_the_sample_and_what_to_do() -> None:
    assert "sample 7" in why_no_copy(SAMPLE)
    assert "delete it in Studio" in why_no_copy(SAMPLE)
