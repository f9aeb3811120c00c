import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.identity import Sent
from eisync.core.listing import (
    AskService,
    CountMissed,
    IndexChange,
    IndexedSample,
    KeepListed,
    Learn,
    MarkDiffering,
    Match,
    Return,
    compare,
    is_believable,
    is_complete,
    match,
    may_be_listed,
    suspects,
)
from eisync.core.model import Missing, RemoteSample

HASH, OTHER_HASH = "a" * 64, "b" * 64


def sample(
    identity: int, *, filename: str = "wave.01", sha256: str | None = None, original_name: str | None = None
) -> RemoteSample:
    return RemoteSample(
        id=identity, filename=filename, category="training", label=None, sha256=sha256, original_name=original_name
    )


def test_the_service_is_asked_for_a_sample_that_two_sweeps_in_a_row_missed() -> None:
    assert [AskService(2), AskService(3)] == suspects([Missing(1, 1), Missing(2, 2), Missing(3, 7)])


@pytest.mark.parametrize(
    ("listed", "first_total", "last_total", "complete"),
    [
        (0, 0, 0, True),
        (10, 10, 10, True),
        (9, 10, 10, False),
        (9, 10, 9, True),  # one was deleted in the meantime
        (10, 10, 12, True),  # two were uploaded in the meantime
        (11, 10, 12, True),
        (0, 10, 10, False),
    ],
)
def test_a_sweep_is_complete_when_it_listed_the_promised_total(
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
def test_only_name_and_hash_together_prove_a_sample(case: str, candidates: list[RemoteSample], expected: Match) -> None:
    assert expected == match("testing/wave.01.csv", HASH, candidates)


def test_a_name_that_is_not_utf_8_is_found_as_it_was_sent() -> None:
    assert Match((4,), ()) == match("caf\udce9.1.csv", HASH, [sample(4, filename="caf\ufffd.1", sha256=HASH)])


# --- a slice of the index and a slice of the listing

AS_INDEXED = RemoteSample(
    id=5,
    filename="wave.01",
    category="training",
    label="wave",
    sha256=HASH,
    original_name="wave.01.csv",
    metadata=(("site", "lab"),),
)
EDITS: dict[str, tuple[dict[str, Any], str]] = {
    "relabelled": ({"label": "idle"}, "label 'wave' became 'idle'"),
    "label taken away": ({"label": None}, "label 'wave' became none"),
    "moved": ({"category": "testing"}, "category 'training' became 'testing'"),
    "renamed": ({"filename": "other"}, "name 'wave.01' became 'other'"),
    "metadata": ({"metadata": ()}, "metadata was changed"),
    "disabled": ({"is_disabled": True}, "was disabled"),
    "not processed": ({"has_processing_error": True}, "could not be processed"),
}
SENT = Sent(sha256=HASH, name="wave.01.csv")
BELIEFS = {
    "unknown": None,
    "ours": IndexedSample(AS_INDEXED, sent=SENT),
    "ours, known by its id only": IndexedSample(replace(AS_INDEXED, label=None), sent=SENT, was_listed=False),
    "ours, missed": IndexedSample(AS_INDEXED, sent=SENT, missed=1),
    "ours, not listed by this sweep": IndexedSample(AS_INDEXED, sent=SENT, is_noted=True),
    "ours, came during this sweep": IndexedSample(AS_INDEXED, sent=SENT, is_new=True),
    "ours, buried": IndexedSample(AS_INDEXED, sent=SENT, is_gone=True),
    "ours, contradicted": IndexedSample(AS_INDEXED, sent=SENT, is_contradicted=True),
    "another's": IndexedSample(AS_INDEXED),
    "another's, buried": IndexedSample(AS_INDEXED, is_gone=True),
}
FOREIGN = replace(AS_INDEXED, filename="other.7", original_name="other.7.csv", sha256=OTHER_HASH)
EDITED = replace(AS_INDEXED, label="idle")
LISTINGS = {
    "not listed": None,
    "as indexed": AS_INDEXED,
    "edited": EDITED,
    "as another sample": FOREIGN,
}
CONTRADICTED = MarkDiffering(FOREIGN, "sample 5 was sent as 'wave.01.csv' and is now 'other.7.csv'")
CHANGED = ("label 'wave' became 'idle'",)

EXPECTED: dict[tuple[str, str], IndexChange | None] = {
    ("unknown", "not listed"): None,
    ("unknown", "as indexed"): Learn(AS_INDEXED),
    ("unknown", "edited"): Learn(EDITED),
    ("ours", "not listed"): CountMissed(5),
    ("ours", "as indexed"): None,
    ("ours", "edited"): KeepListed(EDITED, CHANGED, is_ours=True),
    ("ours, known by its id only", "not listed"): CountMissed(5),
    ("ours, known by its id only", "as indexed"): KeepListed(AS_INDEXED),
    ("ours, known by its id only", "edited"): KeepListed(EDITED),
    ("ours, missed", "not listed"): CountMissed(5),
    ("ours, missed", "as indexed"): KeepListed(AS_INDEXED, (), is_ours=True),
    ("ours, missed", "edited"): KeepListed(EDITED, CHANGED, is_ours=True),
    ("ours, not listed by this sweep", "not listed"): None,
    ("ours, not listed by this sweep", "as indexed"): KeepListed(AS_INDEXED, (), is_ours=True),
    ("ours, not listed by this sweep", "edited"): KeepListed(EDITED, CHANGED, is_ours=True),
    ("ours, came during this sweep", "not listed"): None,
    ("ours, came during this sweep", "as indexed"): None,
    ("ours, came during this sweep", "edited"): KeepListed(EDITED, CHANGED, is_ours=True),
    ("ours, buried", "not listed"): None,
    ("ours, buried", "as indexed"): Return(AS_INDEXED),
    ("ours, buried", "edited"): Return(EDITED),
    ("ours, contradicted", "not listed"): CountMissed(5),
    ("ours, contradicted", "as indexed"): KeepListed(AS_INDEXED, (), is_ours=True),
    ("ours, contradicted", "edited"): KeepListed(EDITED, CHANGED, is_ours=True),
    ("another's", "not listed"): CountMissed(5),
    ("another's", "as indexed"): None,
    ("another's", "edited"): KeepListed(EDITED, CHANGED),
    ("another's, buried", "not listed"): CountMissed(5),
    ("another's, buried", "as indexed"): Return(AS_INDEXED),
    ("another's, buried", "edited"): Return(EDITED),
    ("unknown", "as another sample"): Learn(FOREIGN),
    **{(belief, "as another sample"): CONTRADICTED for belief in BELIEFS if belief.startswith("ours")},
    ("ours, contradicted", "as another sample"): None,  # it is marked already
    ("another's", "as another sample"): KeepListed(
        FOREIGN, ("name 'wave.01' became 'other.7'", "its content was changed")
    ),
    ("another's, buried", "as another sample"): Return(FOREIGN),
}


@pytest.mark.parametrize(("belief", "listing"), list(itertools.product(BELIEFS, LISTINGS)))
def test_every_pair_of_index_and_listing_has_its_change(belief: str, listing: str) -> None:
    known, listed = BELIEFS[belief], LISTINGS[listing]
    actions = compare([known] if known else [], [listed] if listed else [])
    expected = EXPECTED[belief, listing]
    assert ([expected] if expected else []) == actions


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_is_described_in_a_clause(what: str) -> None:
    fields, clause = EDITS[what]
    edited = replace(AS_INDEXED, **fields)
    assert [KeepListed(edited, (clause,))] == compare([IndexedSample(AS_INDEXED)], [edited])


def test_a_different_hash_is_a_change_and_a_first_hash_is_not() -> None:
    changed = replace(AS_INDEXED, sha256=OTHER_HASH)
    assert [KeepListed(changed, ("its content was changed",))] == compare([IndexedSample(AS_INDEXED)], [changed])
    unhashed = replace(AS_INDEXED, sha256=None)
    assert [KeepListed(AS_INDEXED)] == compare([IndexedSample(unhashed)], [AS_INDEXED])


SAMPLES = st.builds(
    RemoteSample,
    id=st.integers(1, 12),
    filename=st.sampled_from(["a", "b"]),
    category=st.sampled_from(["training", "testing"]),
    label=st.sampled_from([None, "x", "y"]),
    sha256=st.sampled_from([None, HASH, OTHER_HASH]),
    metadata=st.sampled_from([(), (("site", "lab"),)]),
    is_disabled=st.booleans(),
    has_processing_error=st.booleans(),
)
SLICES = st.lists(
    st.builds(
        IndexedSample,
        sample=SAMPLES,
        sent=st.sampled_from([None, Sent(sha256=HASH), Sent(sha256=HASH, name="a.csv")]),
        is_gone=st.booleans(),
        missed=st.integers(0, 3),
        is_noted=st.booleans(),
        is_new=st.booleans(),
        was_listed=st.booleans(),
    ),
    unique_by=lambda one: one.sample.id,
)


def applied(index: list[IndexedSample], actions: list[IndexChange]) -> list[IndexedSample]:
    """Return the index after the changes, as the store saves them."""
    by_id = {one.sample.id: one for one in index}
    for action in actions:
        match action:
            case CountMissed():
                by_id[action.sample_id] = replace(by_id[action.sample_id], is_noted=True)
            case MarkDiffering():
                by_id[action.sample.id] = replace(by_id[action.sample.id], is_contradicted=True, is_noted=False)
            case _:
                before = by_id.get(action.sample.id, IndexedSample(action.sample))
                by_id[action.sample.id] = replace(
                    before,
                    sample=action.sample,
                    is_gone=False,
                    missed=0,
                    is_noted=False,
                    was_listed=True,
                    is_contradicted=False,
                )
    return list(by_id.values())


@given(SLICES, st.lists(SAMPLES, unique_by=lambda one: one.id))
def test_comparing_again_after_applying_changes_nothing(
    index: list[IndexedSample], listing: list[RemoteSample]
) -> None:
    assert [] == compare(applied(index, compare(index, listing)), listing)


@given(SLICES, st.lists(SAMPLES, unique_by=lambda one: one.id))
def test_no_comparison_deletes_or_misses_a_listed_sample(
    index: list[IndexedSample], listing: list[RemoteSample]
) -> None:
    actions = compare(index, listing)
    assert {type(action) for action in actions} <= {Learn, KeepListed, Return, MarkDiffering, CountMissed}
    missed = {action.sample_id for action in actions if isinstance(action, CountMissed)}
    assert set() == missed & {sample.id for sample in listing}
    assert missed <= {one.sample.id for one in index if not one.is_new}


@pytest.mark.parametrize(
    ("first_total", "last_total", "believable"),
    [(0, 0, True), (9, 0, True), (60, 10, True), (60, 9, False), (1000, 900, True), (1000, 899, False), (9, 99, True)],
)
def test_a_total_that_collapses_is_not_believed(first_total: int, last_total: int, believable: bool) -> None:
    assert believable is is_believable(first_total=first_total, last_total=last_total)


def test_a_file_is_found_by_its_given_name_and_by_its_own() -> None:
    samples = [sample(1, filename="idle.1", sha256=HASH), sample(2, filename="long.idle", sha256=HASH)]
    assert Match((1,), ()) == match("long.idle.csv", HASH, samples, names=("idle.1.csv",))
    assert Match((1, 2), ()) == match("long.idle.csv", HASH, samples, names=("idle.1.csv", "long.idle.csv"))
    assert Match((2,), ()) == match("long.idle.csv", HASH, samples)


def test_a_name_in_another_unicode_form_is_the_same() -> None:
    assert Match((3,), ()) == match("tu\u0308r.csv", HASH, [sample(3, filename="t\u00fcr", sha256=HASH)])


@pytest.mark.parametrize(
    ("listed", "total", "is_so"),
    [(0, 0, True), (50, 50, True), (60, 50, True), (1100, 1000, True), (1101, 1000, False), (10**6, 10, False)],
)
def test_a_listing_may_return_a_few_more_than_its_total(listed: int, total: int, is_so: bool) -> None:
    assert is_so is may_be_listed(listed, total=total)
