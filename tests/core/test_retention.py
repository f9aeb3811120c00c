from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.actions import Action, ActionKind, Cause, Progress, StoredAction
from eisync.core.clock_step import ClockSetting
from eisync.core.identity import Identity, Sent
from eisync.core.lifecycle import RemovalState, State
from eisync.core.model import FileFacts, RemoteSample
from eisync.core.policy import After, AfterUpload, MinFree, Retention, read_after, read_min_free
from eisync.core.retention import (
    Disk,
    Local,
    NeedsComparison,
    Proof,
    Removal,
    Room,
    Why,
    decide,
    is_trash_old,
    is_wanted,
    make_room,
    oldest_day,
    removal_of,
    shortage,
    taken_name,
    why_unconfirmed,
    why_unproven,
)
from eisync.core.summary import in_bytes

NOW = 100_000.0
DELETE = Retention(after=After.DELETE, grace_s=600.0)
ARCHIVE = Retention(after=After.ARCHIVE, archive="/old", grace_s=600.0)
ROOM = Retention(min_free=MinFree(1000))


MAY_GO = (Identity.PROVEN, Identity.LIKELY, Identity.UNCERTAIN)  # the bytes of the last two are compared first


def proof(sample_id: int, *, has_error: bool = False, **more: Any) -> Proof:
    """Return a sample that is listed as what was sent."""
    listed = RemoteSample(sample_id, "wave", "training", None, sha256="a" * 64, has_processing_error=has_error)
    return Proof(**{"id": sample_id, "sent": Sent(sha256="a" * 64, name="wave.csv"), "listed": listed, **more})


def local(identity: int = 1, **more: Any) -> Local:
    """Return a file that the service has certainly had for an hour."""
    return Local(
        **{
            "id": identity,
            "root_id": 1,
            "root": "/data",
            "path": f"wave.{identity}.csv",
            "target": "main",
            "state": State.SYNCED,
            "facts": FileFacts(100, 1, identity),
            "since_at": NOW - 3600.0,
            "sha256": "a" * 64,
            "proofs": (proof(7),),
            **more,
        }
    )


UNCONFIRMED = [
    *[({"state": state}, Why.NOT_SYNCED) for state in State if state is not State.SYNCED],
    ({"is_absent": True}, Why.ABSENT),
    *[({"removal": how}, Why.REMOVED) for how in RemovalState if how is not RemovalState.NONE],
    ({"is_followed": True}, Why.FOLLOWED),
    ({"sha256": None}, Why.UNKNOWN),
    ({"sha256": ""}, Why.UNKNOWN),
    ({"proofs": ()}, Why.UNLISTED),
    ({"proofs": (proof(7, identity=Identity.UNLISTED),)}, Why.UNLISTED),
    ({"proofs": (proof(7), proof(8, identity=Identity.UNLISTED))}, Why.UNLISTED),
    ({"proofs": (proof(7), proof(8, identity=Identity.CHANGED))}, Why.CHANGED),
    ({"proofs": (proof(7), proof(8, identity=Identity.FOREIGN))}, Why.FOREIGN),
    ({"proofs": (proof(7, identity=Identity.UNLISTED), proof(8, identity=Identity.FOREIGN))}, Why.FOREIGN),
    ({"proofs": (proof(7), proof(8, is_missed=True))}, Why.MISSED),
    ({"proofs": (proof(7, has_error=True),)}, Why.FAULTY),
    ({"proofs": (proof(7), proof(8, is_cut=True))}, Why.CUT),
]


@pytest.mark.parametrize(("facts", "why"), UNCONFIRMED)
@pytest.mark.parametrize("short_bytes", [0, 10**12])
@pytest.mark.parametrize("policy", [DELETE, ARCHIVE, replace(DELETE, min_free=MinFree(1000))])
def test_a_file_that_is_not_confirmed_stays(
    facts: dict[str, Any], why: Why, short_bytes: int, policy: Retention
) -> None:
    assert why is decide(local(**facts), policy, now=NOW, short_bytes=short_bytes)


@pytest.mark.parametrize(
    ("policy", "more", "expected"),
    [
        (Retention(), {}, Why.KEPT),
        (Retention(), {"short_bytes": 1}, Why.KEPT),
        (DELETE, {}, ActionKind.DELETE_FILE),
        (ARCHIVE, {}, ActionKind.ARCHIVE_FILE),
        (ARCHIVE, {"frees": False}, ActionKind.ARCHIVE_FILE),
        (DELETE, {"counts_from": NOW - 599.0}, Why.YOUNG),
        (DELETE, {"counts_from": NOW - 600.0}, ActionKind.DELETE_FILE),
        (replace(DELETE, grace_s=3600.0), {}, ActionKind.DELETE_FILE),
        (replace(DELETE, grace_s=3601.0), {}, Why.YOUNG),
        (replace(DELETE, grace_s=3601.0), {"short_bytes": 1}, ActionKind.DELETE_FILE),
        (DELETE, {"doubts_clock": True}, Why.CLOCK),
        (DELETE, {"doubts_clock": True, "short_bytes": 1}, ActionKind.DELETE_FILE),  # then the age does not matter
        (ROOM, {}, Why.KEPT),
        (ROOM, {"short_bytes": 1}, ActionKind.DELETE_FILE),
        (ARCHIVE, {"short_bytes": 1}, ActionKind.ARCHIVE_FILE),
        (ARCHIVE, {"short_bytes": 1, "frees": False}, Why.SAME_DISK),
    ],
)
def test_a_confirmed_file_follows_the_policy(
    policy: Retention, more: dict[str, Any], expected: ActionKind | Why
) -> None:
    decision = decide(local(), policy, now=NOW, **more)
    assert expected is (decision.kind if isinstance(decision, Action) else decision)
    if isinstance(decision, Action):
        assert (Cause.RETENTION, 1, "/data", "wave.1.csv", None) == (
            decision.cause, decision.file_id, decision.root, decision.path, decision.sample_id
        )  # fmt: skip


def test_after_the_clock_was_set_back_a_file_waits() -> None:
    assert Why.YOUNG is decide(local(since_at=NOW + 10**9), replace(DELETE, grace_s=0.0), now=NOW)


files = st.builds(
    local,
    identity=st.integers(1, 10**6),
    state=st.sampled_from([State.SYNCED, State.SYNCED, *State]),
    facts=st.builds(FileFacts, st.integers(0, 1000), st.integers(0, 9), st.integers(0, 9)),
    since_at=st.floats(0, 2 * NOW),
    sha256=st.sampled_from(["a" * 64, None]),
    is_absent=st.booleans(),
    removal=st.sampled_from([RemovalState.NONE, RemovalState.NONE, *RemovalState]),
    is_followed=st.booleans(),
    proofs=st.lists(
        st.builds(
            proof,
            st.integers(),
            identity=st.sampled_from(Identity),
            is_missed=st.booleans(),
            has_error=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
)
policies = st.builds(
    lambda after, grace_s, min_free: Retention(
        after=after, archive="/old" if after is After.ARCHIVE else None, grace_s=grace_s, min_free=MinFree(min_free)
    ),
    st.sampled_from(After),
    st.floats(0, NOW),
    st.integers(0, 10**6),
)


@given(st.lists(files, unique_by=lambda file: file.id), policies, st.integers(0, 20_000), st.booleans())
def test_only_confirmed_files_are_removed_for_space_oldest_first_and_no_more_than_needed(
    rows: list[Local], policy: Retention, short_bytes: int, frees: bool
) -> None:
    by_id = {file.id: file for file in rows}
    actions = make_room(rows, policy, now=NOW, short_bytes=short_bytes, frees=frees)
    taken = [by_id[action.file_id] for action in actions]
    assert [] == [file for file in taken if why_unconfirmed(file) is not None]
    assert taken == sorted(taken, key=lambda file: (file.since_at, file.id))
    assert not taken or sum(file.facts.size for file in taken[:-1]) < short_bytes
    left = [file for file in rows if file not in taken and why_unconfirmed(file) is None]
    may_free = policy.removes and (frees or policy.after is not After.ARCHIVE)
    if may_free and left:
        assert sum(file.facts.size for file in taken) >= short_bytes
        assert not taken or min((file.since_at, file.id) for file in left) >= (taken[-1].since_at, taken[-1].id)
    if not may_free:
        assert [] == actions


def test_only_files_that_free_space_are_removed_for_it() -> None:
    rows = [local(identity, since_at=float(identity)) for identity in range(1, 5)]
    rooms = {1: Room(1, 4096, links=2), 2: Room(1, 0), 3: Room(1, 600), 4: Room(1, 4096)}
    for short_bytes, taken in ((1, [3]), (600, [3]), (601, [3, 4])):
        actions = make_room(rows, ROOM, now=NOW, short_bytes=short_bytes, rooms=rooms)
        assert taken == [action.file_id for action in actions]


@pytest.mark.parametrize(
    ("to", "policy", "is_so"),
    [
        (None, DELETE, True),
        (None, Retention(), False),
        ("/old/a.csv", ARCHIVE, True),
        ("/old/deep/a.csv", ARCHIVE, True),
        ("/older/a.csv", ARCHIVE, False),
        ("/old/a.csv", DELETE, False),
        ("/old/a.csv", Retention(), False),
    ],
)
def test_a_removal_continues_if_the_configuration_still_wants_it(
    to: str | None, policy: Retention, is_so: bool
) -> None:
    removal = Removal(file_id=1, root="/r", path="a.csv", name="n", facts=FileFacts(1, 1, 1), sha256="a", to=to)
    assert is_so is is_wanted(removal, policy)


@given(files, policies, st.integers(0, 10**6), st.booleans(), st.floats(0, 2 * NOW))
def test_no_unconfirmed_file_is_ever_touched(
    file: Local, policy: Retention, short_bytes: int, frees: bool, counts_from: float
) -> None:
    decision = decide(file, policy, now=NOW, short_bytes=short_bytes, frees=frees, counts_from=counts_from)
    if isinstance(decision, Action):
        assert (State.SYNCED, False, RemovalState.NONE, False) == (
            file.state,
            file.is_absent,
            file.removal,
            file.is_followed,
        )
        assert file.sha256
        assert file.proofs
        assert all(one.identity in MAY_GO and not one.is_missed and not one.has_error for one in file.proofs)
        assert short_bytes > 0 or NOW - file.since_at >= policy.grace_s


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, MinFree()),
        (500_000_000, MinFree(500_000_000)),
        ("500000000", MinFree(500_000_000)),
        ("2 GB", MinFree(2 * 10**9)),
        ("1.5gib", MinFree(3 * 2**29)),
        ("512 MiB", MinFree(2**29)),
        ("10%", MinFree(percent=10.0)),
        ("2.5 %", MinFree(percent=2.5)),
    ],
)
def test_min_free_is_bytes_a_size_or_a_share(value: int | str, expected: MinFree) -> None:
    assert expected == read_min_free(value)


@pytest.mark.parametrize("value", [-1, "", "much", "-5%", "100%", "101 %", "5 parsecs", "GB", "1..5 GB", "9e9 TB"])
def test_an_invalid_size_is_refused(value: int | str) -> None:
    with pytest.raises(ValueError, match='a size such as "2 GB"'):
        read_min_free(value)


@pytest.mark.parametrize(
    ("policy", "disk", "short"),
    [
        (MinFree(1000), Disk(free=400, total=10_000), 600),
        (MinFree(1000), Disk(free=1000, total=10_000), 0),
        (MinFree(percent=10), Disk(free=400, total=10_000), 600),
        (MinFree(), Disk(free=0, total=10_000), 0),
    ],
)
def test_the_shortage_is_what_is_missing_for_min_free(policy: MinFree, disk: Disk, short: int) -> None:
    assert short == shortage(Retention(min_free=policy), disk)


def test_after_upload_is_parsed_from_its_words() -> None:
    assert [AfterUpload(), AfterUpload(After.DELETE), AfterUpload(After.ARCHIVE, "/mnt/a:b")] == [
        read_after("keep"), read_after("delete"), read_after("archive:/mnt/a:b")
    ]  # fmt: skip
    for wrong in ("", "archive", "archive:", "trash", "DELETE"):
        with pytest.raises(ValueError, match='must be "keep", "delete" or "archive:DIR"'):
            read_after(wrong)
    with pytest.raises(ValueError, match="an archive wants a folder"):
        Retention(after=After.ARCHIVE)


def test_the_oldest_day_of_the_trash() -> None:
    assert "2026-10-27" == oldest_day(1_795_698_000.0, 30)  # 2026-11-26


def test_the_temporary_name_of_a_removed_file_is_unique() -> None:
    assert ".eisync-17-1000500.taken" == taken_name(17, 1000.5)
    assert taken_name(17, 1000.5) != taken_name(17, 1000.501)


def test_sizes_for_people() -> None:
    sizes = [0, 999, 1000, 1_500_000, 250_000_000, 2 * 10**12]
    assert ["0 bytes", "999 bytes", "1.0 kB", "1.5 MB", "250 MB", "2.0 TB"] == [in_bytes(size) for size in sizes]


@pytest.mark.parametrize("text", ["keep", "delete", "archive:/mnt/a:b"])
def test_after_upload_is_serialized_as_it_is_parsed(text: str) -> None:
    assert text == str(read_after(text))


@pytest.mark.parametrize("text", ["0", "17", "3 KB", "20 MB", "2 GB", "1 TB", "10.0%", "0.5%"])
def test_min_free_is_serialized_as_it_is_parsed(text: str) -> None:
    assert text == str(read_min_free(text))
    assert read_min_free(text) == read_min_free(str(read_min_free(text)))


OTHER = "b" * 64
LISTED = proof(7).listed


@pytest.mark.parametrize(
    ("proofs", "listed", "raw", "expected"),
    [
        ((), [], {}, Why.UNLISTED),
        ((proof(7),), [LISTED], {}, None),
        ((proof(7),), [], {}, Why.MISSED),
        ((proof(7), proof(8)), [LISTED], {}, Why.MISSED),
        ((proof(7),), [replace(LISTED, has_processing_error=True)], {}, Why.FAULTY),
        ((proof(7),), [replace(LISTED, is_cropped=True)], {}, Why.CUT),
        # The service's own hash changed, so the content changed.
        ((proof(7),), [replace(LISTED, sha256=OTHER)], {}, Why.CHANGED),
        # Another name and another time: the id belongs to another sample.
        (
            (proof(7, listed=replace(LISTED, sha256=None, added="monday")),),
            [replace(LISTED, sha256=None, added="friday", original_name="other.csv")],
            {},
            Why.FOREIGN,
        ),
        # The service lists no hash, so the bytes must be compared.
        ((proof(7, listed=replace(LISTED, sha256=None)),), [replace(LISTED, sha256=None)], {}, NeedsComparison(7)),
        ((proof(7, listed=replace(LISTED, sha256=None)),), [replace(LISTED, sha256=None)], {7: "a" * 64}, None),
        ((proof(7, listed=replace(LISTED, sha256=None)),), [replace(LISTED, sha256=None)], {7: OTHER}, Why.CHANGED),
        # An earlier comparison counts while the listing of the sample is unchanged.
        (
            (proof(7, listed=replace(LISTED, sha256=None), raw_sha256="a" * 64),),
            [replace(LISTED, sha256=None)],
            {},
            None,
        ),
        (
            (proof(7, listed=replace(LISTED, sha256=None), raw_sha256="a" * 64),),
            [replace(LISTED, sha256=None, added="friday")],
            {},
            NeedsComparison(7),
        ),
    ],
)
def test_before_a_file_is_removed_every_sample_is_proved_once_more(
    proofs: tuple[Proof, ...], listed: list[RemoteSample], raw: dict[int, str], expected: Why | NeedsComparison | None
) -> None:
    assert expected == why_unproven(local(proofs=proofs), {sample.id: sample for sample in listed}, raw)


DAY_S = 24 * 3600.0


@pytest.mark.parametrize(
    ("made_days", "newest_days", "set_days", "is_old"),
    [
        (None, 3.0, None, True),
        (None, 2.9, None, False),
        (3.0, 3.0, None, True),
        (2.9, 3.0, None, False),  # one disagreement is enough
        (3.0, 2.9, None, False),
        (9.0, 9.0, 2.9, False),  # time from before the clock was set does not count
        (9.0, 9.0, 3.0, True),
        (None, -1.0, None, False),
    ],
)
def test_a_day_of_the_trash_is_old_only_when_all_evidence_agrees(
    made_days: float | None, newest_days: float, set_days: float | None, is_old: bool
) -> None:
    now = 100 * DAY_S
    setting = ClockSetting() if set_days is None else ClockSetting(counts_from=now - set_days * DAY_S)
    made_at = None if made_days is None else now - made_days * DAY_S
    assert is_old is is_trash_old(made_at, now - newest_days * DAY_S, 3, setting=setting, now=now)


@pytest.mark.parametrize(("sha256", "expected"), [("a" * 64, "a" * 64), (None, "")])
def test_a_removal_has_the_facts_of_the_indexed_version(sha256: str | None, expected: str) -> None:
    action = decide(local(), ARCHIVE, now=NOW)
    assert isinstance(action, Action)
    written = StoredAction(id=17, action=action, progress=Progress.BEGUN, made_at=12.5, lies_at="/old/a.csv")
    removal = removal_of(written, local(sha256=sha256))
    assert removal == Removal(
        file_id=1,
        root="/data",
        path="wave.1.csv",
        name=taken_name(17, 12.5),
        facts=FileFacts(100, 1, 1),
        sha256=expected,
        to="/old/a.csv",
    )
