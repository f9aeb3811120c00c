"""Every combination of witnesses has one identity, and every identity one decision for each operation."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.identity import (
    DECISIONS,
    IDENTITIES,
    Agreement,
    Decision,
    Destruction,
    Evidence,
    Identity,
    Sent,
    decide,
    identify,
    is_other_project,
    other_project,
    weigh,
    why_foreign,
)
from eisync.core.model import RemoteSample

A, U, D = Agreement.AGREES, Agreement.UNKNOWN, Agreement.DIFFERS
PROVEN, LIKELY, UNCERTAIN = Identity.PROVEN, Identity.LIKELY, Identity.UNCERTAIN
CHANGED, FOREIGN, UNLISTED = Identity.CHANGED, Identity.FOREIGN, Identity.UNLISTED

# By content: rows are the name, columns the time of adding, each in the order agrees, unknown, differs.
MEANINGS = {
    A: ((PROVEN, PROVEN, PROVEN), (PROVEN, PROVEN, PROVEN), (PROVEN, PROVEN, PROVEN)),
    U: ((LIKELY, LIKELY, UNCERTAIN), (LIKELY, UNCERTAIN, FOREIGN), (UNCERTAIN, FOREIGN, FOREIGN)),
    D: ((CHANGED, CHANGED, FOREIGN), (CHANGED, CHANGED, FOREIGN), (FOREIGN, FOREIGN, FOREIGN)),
}


@pytest.mark.parametrize(("content", "name", "added"), list(product(Agreement, repeat=3)))
def test_every_combination_of_witnesses_has_its_meaning(content: Agreement, name: Agreement, added: Agreement) -> None:
    order = (A, U, D)
    expected = MEANINGS[content][order.index(name)][order.index(added)]
    assert expected is identify(Evidence(content=content, name=name, added=added))
    assert 27 == len(IDENTITIES)


GO, COMPARE, WAIT, LEAVE, STOP = Decision.GO, Decision.COMPARE, Decision.WAIT, Decision.LEAVE, Decision.STOP
# In the order of the identities: proven, likely, uncertain, changed, foreign, unlisted.
CONSEQUENCES = {
    Destruction.REMOVE_FILE: (GO, COMPARE, COMPARE, LEAVE, STOP, WAIT),
    Destruction.BURY: (GO, GO, GO, GO, STOP, LEAVE),
    Destruction.FOLLOW_DELETION: (GO, GO, GO, LEAVE, STOP, LEAVE),
    Destruction.DELETE_SAMPLE: (COMPARE, COMPARE, COMPARE, LEAVE, STOP, WAIT),
    Destruction.EDIT_SAMPLE: (GO, GO, LEAVE, GO, STOP, WAIT),
}


@pytest.mark.parametrize(("destruction", "identity"), list(product(Destruction, Identity)))
def test_every_identity_has_its_consequence_for_every_act(destruction: Destruction, identity: Identity) -> None:
    expected = CONSEQUENCES[destruction][tuple(Identity).index(identity)]
    assert expected is decide(destruction, identity)
    assert len(Destruction) * len(Identity) == len(DECISIONS)


HASH, OTHER = "a" * 64, "b" * 64
SENT = Sent(sha256=HASH, name="wave.1.csv")
LISTED = RemoteSample(
    id=7,
    filename="wave.1",
    category="training",
    label="wave",
    sha256=OTHER,  # for a CSV the service's hash is of other bytes
    original_name="wave.1.csv",
    added="2026-11-28T10:00:00.000Z",
)


@pytest.mark.parametrize(
    ("sent", "more", "before", "raw", "expected"),
    [
        ({}, {}, None, None, (U, A, U)),
        ({}, {"sha256": HASH}, None, None, (A, A, U)),
        ({}, {"sha256": None}, None, None, (U, A, U)),
        ({}, {}, None, HASH, (A, A, U)),
        ({}, {}, None, OTHER, (D, A, U)),
        ({}, {}, None, "c" * 64, (D, A, U)),
        ({}, {"sha256": HASH}, None, OTHER, (A, A, U)),
        # listed as before, or not
        ({}, {}, {}, None, (U, A, A)),
        ({}, {}, {"sha256": "c" * 64}, None, (D, A, A)),
        ({}, {}, {"sha256": None}, None, (U, A, A)),
        ({}, {"sha256": None}, {}, None, (U, A, A)),
        ({}, {}, {"added": "2026-11-28T11:00:00.000Z"}, None, (U, A, D)),
        ({}, {"added": None}, {}, None, (U, A, U)),
        # images are stored unchanged
        ({"name": "a.PNG"}, {"original_name": "a.PNG"}, None, None, (D, A, U)),
        ({"name": "a.jpg"}, {"original_name": "a.jpg", "sha256": None}, None, None, (U, A, U)),
        ({"name": None}, {"original_name": "a.jpeg"}, None, None, (D, U, U)),
        # the name that was sent survives a rename in Studio
        ({}, {"filename": "renamed"}, None, None, (U, A, U)),
        ({}, {"original_name": "other.csv"}, None, None, (U, D, U)),
        ({}, {"original_name": None}, None, None, (U, A, U)),
        ({}, {"original_name": None, "filename": "renamed"}, None, None, (U, U, U)),
        ({"name": None}, {}, None, None, (U, U, U)),
        ({"name": None}, {}, {}, None, (U, A, A)),
        # the likely name can agree, and never differs
        ({"name": None, "stored_name": "wave.1"}, {}, None, None, (U, A, U)),
        ({"name": None, "stored_name": "wave.1"}, {"original_name": None}, None, None, (U, A, U)),
        ({"name": None, "stored_name": "wave.1"}, {"filename": "renamed"}, None, None, (U, A, U)),
        ({"name": None, "stored_name": "other"}, {}, None, None, (U, U, U)),
        ({"name": None, "stored_name": ""}, {"original_name": None}, None, None, (U, U, U)),
        ({"name": None}, {"original_name": "other.csv"}, {}, None, (U, D, A)),
        ({"sha256": None}, {"sha256": None}, None, None, (U, A, U)),
        ({"sha256": None}, {}, None, HASH, (U, A, U)),
    ],
)
def test_the_statements_of_the_witnesses(
    sent: dict[str, Any],
    more: dict[str, Any],
    before: dict[str, Any] | None,
    raw: str | None,
    expected: tuple[Agreement, ...],
) -> None:
    evidence = weigh(
        replace(SENT, **sent),
        replace(LISTED, **more),
        before=None if before is None else replace(LISTED, **before),
        raw_sha256=raw,
    )
    assert expected == (evidence.content, evidence.name, evidence.added)


def test_a_foreign_id_has_a_clause_that_says_why() -> None:
    other = replace(LISTED, filename="theirs.9", original_name=None)
    assert "sample 7 was sent as 'wave.1.csv' and is now 'theirs.9'" == why_foreign(SENT, other)
    assert "sample 7 ('theirs.9') now has different content" == why_foreign(Sent(sha256=HASH), other)


texts = st.sampled_from([None, HASH, OTHER])
names = st.sampled_from([None, "a.csv", "b.csv", "a.png"])
samples = st.builds(
    RemoteSample,
    id=st.just(7),
    filename=st.sampled_from(["a", "b"]),
    category=st.just("training"),
    label=st.none(),
    sha256=texts,
    original_name=names,
    added=st.sampled_from([None, "1", "2"]),
)


@given(st.builds(Sent, sha256=texts, name=names), samples, st.none() | samples, texts)
def test_a_file_is_removed_only_for_its_own_bytes(
    sent: Sent, listed: RemoteSample, before: RemoteSample | None, raw: str | None
) -> None:
    identity = identify(weigh(sent, listed, before=before, raw_sha256=raw))
    if decide(Destruction.REMOVE_FILE, identity) is GO:
        assert sent.sha256 is not None
        assert sent.sha256 in (listed.sha256, raw)
    if raw is not None and sent.sha256 is not None:
        assert decide(Destruction.REMOVE_FILE, identity) is not COMPARE  # its bytes were compared


@given(st.builds(Sent, sha256=texts, name=names), samples)
def test_a_sample_that_is_listed_unchanged_is_never_foreign(sent: Sent, listed: RemoteSample) -> None:
    assert identify(weigh(replace(sent, name=None), listed, before=listed)) is not FOREIGN


def test_a_name_in_another_unicode_form_is_the_name_that_was_sent() -> None:
    listed = RemoteSample(id=1, filename="t\u00fcr", category="training", label=None, original_name="t\u00fcr.csv")
    assert Agreement.AGREES is weigh(Sent(sha256=None, name="tu\u0308r.csv"), listed).name
    assert Agreement.AGREES is weigh(Sent(sha256=None, stored_name="tu\u0308r"), listed).name


def test_another_project_is_told_from_a_refused_key() -> None:
    reason = other_project("main", opened=7, known=6)
    assert reason.startswith("the key of target 'main' opens project 7, but its files are in project 6; give the key")
    assert [True, False] == [is_other_project(reason), is_other_project("HTTP 401: Invalid API key")]
