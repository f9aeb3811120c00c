"""Only files that the service has at this moment, as they were sent, are removed."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, cast

import pytest

from eisync.core.identity import Identity, Sent
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, RemoteSample
from eisync.core.retention import Local, Proof, Why
from eisync.errors import EisyncError, KeyRefusedError, StudioError, UnansweredError
from eisync.loops.retention.removal import FRESH_S, IdentityCheck
from tests.conftest import sha256
from tests.fakes import Clock, Cloud

BODY = b"timestamp,x\n0,1\n"
HASH = sha256(BODY)
LISTED = RemoteSample(
    id=7, filename="a", category="training", label=None, sha256=HASH, original_name="a.csv", added="then"
)


class Notes:
    def __init__(self) -> None:
        self.noted: list[tuple[str, int, str]] = []

    def note_raw(self, target: str, sample: RemoteSample, raw_sha256: str) -> None:
        self.noted.append((target, sample.id, raw_sha256))


class Desk:
    """One target, its service, and the check that asks it."""

    def __init__(self) -> None:
        self.cloud, self.clock = Cloud(), Clock(1000.0)
        self.notes = Notes()
        self.identity_check = IdentityCheck({"main": self.cloud}, cast("Any", self.notes), clock=self.clock)

    def holds(self, body: bytes = BODY, **more: Any) -> None:
        """Store this at the service."""
        one = replace(LISTED, **more)
        self.cloud.samples[one.id], self.cloud.contents[one.id] = one, body

    def why(self, file: Local, *others: Local) -> Why | None:
        return self.identity_check.why_unproven(file, others)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def local(sample_id: int = 7, *, target: str = "main", **more: Any) -> Local:
    listed = replace(LISTED, id=sample_id, **more)
    proof = Proof(id=sample_id, sent=Sent(sha256=HASH, name="a.csv"), listed=listed, identity=Identity.LIKELY)
    return Local(
        id=sample_id,
        root_id=1,
        root="/data",
        path="a.csv",
        target=target,
        state=State.SYNCED,
        facts=FileFacts(len(BODY), 1, 1),
        since_at=0.0,
        sha256=HASH,
        proofs=(proof,),
    )


@pytest.mark.parametrize(
    ("more", "body", "why", "looked"),
    [
        ({}, BODY, None, False),  # its hash proves it
        ({"sha256": None}, BODY, None, True),
        ({"sha256": "c" * 64}, BODY, Why.CHANGED, False),  # an earlier listing had another hash
        ({"sha256": None}, b"somebody else's", Why.CHANGED, True),
        ({"sha256": None}, b"", Why.CHANGED, True),
        ({"sha256": None}, BODY[:-1], Why.CHANGED, True),  # a truncated download is no proof
        ({"sha256": None, "original_name": "b.csv", "filename": "b"}, BODY, None, True),
        ({"sha256": None, "original_name": "b.csv", "added": "later"}, BODY, Why.FOREIGN, False),
        ({"sha256": HASH, "original_name": "b.csv", "filename": "b", "added": "later"}, BODY, None, False),
        ({"has_processing_error": True}, BODY, Why.FAULTY, False),
    ],
)
def test_what_the_service_holds_now_decides(
    desk: Desk, more: dict[str, Any], body: bytes, why: Why | None, looked: bool
) -> None:
    desk.holds(body, **more)
    asked: list[int] = []
    real = desk.cloud.raw

    def hash_of(sample_id: int) -> str:
        asked.append(sample_id)
        return sha256(b"".join(real(sample_id)))

    desk.cloud.sha256_of = hash_of  # type: ignore[method-assign]
    assert why is desk.why(local())
    assert looked is bool(asked)
    assert [("main", 7, sha256(body))] * looked == desk.notes.noted
    assert None is desk.identity_check.trouble


def test_a_sample_that_is_not_there_any_more_proves_nothing(desk: Desk) -> None:
    assert Why.MISSED is desk.why(local())


def test_a_target_without_a_service_proves_nothing(desk: Desk) -> None:
    desk.holds()
    assert Why.UNASKED is desk.why(local(target="other"))


@pytest.mark.parametrize("error", [UnansweredError("no answer"), KeyRefusedError("no"), EisyncError("other")])
def test_a_service_that_does_not_answer_proves_nothing_and_is_reported(desk: Desk, error: EisyncError) -> None:
    desk.holds()
    desk.cloud.trouble = error
    assert (Why.UNASKED, str(error)) == (desk.why(local()), desk.identity_check.trouble)
    desk.cloud.trouble = None
    assert (None, None) == (desk.why(local()), desk.identity_check.trouble)


def test_one_sample_that_cannot_be_downloaded_does_not_affect_the_others(desk: Desk) -> None:
    desk.holds(sha256=None)

    def refuse(sample_id: int) -> str:
        raise StudioError("not this one", status=200)

    desk.cloud.sha256_of = refuse  # type: ignore[method-assign]
    assert (Why.UNASKED, None) == (desk.why(local(sha256=None)), desk.identity_check.trouble)


def test_one_request_checks_many_files_and_an_old_answer_does_not_count(desk: Desk) -> None:
    files = [local(number) for number in range(1, 6)]
    for file in files:
        desk.holds(id=file.id)
    questions: list[Collection[int]] = []
    real = desk.cloud.listed

    def listed(ids: Collection[int]) -> dict[int, RemoteSample]:
        questions.append(ids)
        return real(ids)

    desk.cloud.listed = listed  # type: ignore[method-assign]
    assert [None] * 5 == [desk.why(file, *files) for file in files]
    assert [{1, 2, 3, 4, 5}] == [set(ids) for ids in questions]
    del desk.cloud.samples[5]
    desk.clock.now += FRESH_S
    assert Why.MISSED is desk.why(files[4])
    desk.clock.now -= 1000.0  # set back: the age of the answer is unknown
    assert Why.MISSED is desk.why(files[4])
    assert 3 == len(questions)
