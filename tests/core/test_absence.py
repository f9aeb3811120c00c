"""A missing file counts as deleted only when all evidence agrees. Every combination is tried."""

from itertools import product

import pytest

from eisync.core.absence import ABSENT_S, Absence, Away, Elsewhere, MountedDisk, lost, new, why_away, why_inconclusive

NOW = 1_000_000.0
ABSENT_AT = NOW - ABSENT_S

AGES = {"long ago": ABSENT_AT, "a moment ago": ABSENT_AT + 1.0, "in the future": NOW + 10.0}
SCANNED = {"never": None, "before": -5.0, "in that instant": 0.0, "since": 5.0}
PLACES = {"readable": None, "on a disk that is away": "the disk is not there"}


@pytest.mark.parametrize(
    ("age", "scanned", "elsewhere", "place"), list(product(AGES, SCANNED, Elsewhere, PLACES)), ids=str
)
def test_only_all_evidence_together_is_a_deletion(age: str, scanned: str, elsewhere: Elsewhere, place: str) -> None:
    after_s = SCANNED[scanned]
    absence = Absence(
        scanned_at=None if after_s is None else AGES[age] + after_s, elsewhere=elsewhere, away=PLACES[place]
    )
    is_proved = (age, scanned, elsewhere, place) == ("long ago", "since", Elsewhere.NOWHERE, "readable")
    assert is_proved is (why_inconclusive(AGES[age], absence, now=NOW) is None)


def test_without_a_search_nothing_is_proved() -> None:
    assert why_inconclusive(0.0, None, now=NOW) == "its content was not searched for"


CARD = MountedDisk("card", "40", (8, 2))
ROOT = MountedDisk("", "/", (8, 1))


@pytest.mark.parametrize(
    ("folder", "path", "file_id", "is_held"),
    [
        ("card", "card/a.csv", 5, True),
        ("card", "card", 5, True),
        ("card", "cards/a.csv", 5, False),  # a folder whose name only begins in the same way
        ("card", "a.csv", 5, False),
        ("", "a.csv", 5, True),
        ("card", "card/a.csv", 2, False),  # a file of the layer before
        ("card", "card/a.csv", 3, True),
        ("card", "card/a.csv", 9, True),
        ("card", "card/a.csv", 10, False),  # it came when the layer was already missing
    ],
)
def test_only_files_of_the_missing_layer_prove_nothing(folder: str, path: str, file_id: int, is_held: bool) -> None:
    away = Away(id=1, folder=folder, disk=CARD, from_id=2, upto_id=9, since_at=NOW)
    assert is_held is away.holds(path, file_id)
    assert is_held is (why_away([away], "/data", path, file_id) is not None)


@pytest.mark.parametrize(
    ("root", "folder", "disk", "begin", "place"),
    [
        ("/data", "card", CARD, "the disk at /data/card is missing, or it is a different one", "/data/card"),
        ("/data/", "card", CARD, "the disk at /data/card is missing, or it is a different one", "/data/card"),
        ("/data", "", ROOT, "the disk at /data is missing, or it is a different one", "/data"),
        ("/data", "card", None, "another disk is mounted over /data/card, which held files", "/data/card"),
    ],
)
def test_a_person_is_told_which_disk_is_missing_and_what_to_do(
    root: str, folder: str, disk: MountedDisk | None, begin: str, place: str
) -> None:
    away = Away(id=1, folder=folder, disk=disk, from_id=0, upto_id=9, since_at=NOW)
    said = why_away([away], root, f"{folder}/a.csv", 5)
    assert said is not None
    assert said.startswith(begin)
    assert said.endswith(f"create a file named .eisync-root in {place}")


@pytest.mark.parametrize(
    ("before", "now", "is_same"),
    [
        (CARD, CARD, True),
        (CARD, MountedDisk("card", "40", (8, 2), since_id=7), True),
        (CARD, None, False),
        (CARD, MountedDisk("other", "40", (8, 2)), False),
        (CARD, MountedDisk("card", "41", (8, 2)), False),  # mounted again: it may be another disk with the same number
        (CARD, MountedDisk("card", "40", (8, 3)), False),
        (ROOT, MountedDisk("", "/", (9, 1)), True),  # device numbers change at each boot
        (ROOT, MountedDisk("", "/mnt", (8, 1)), True),
        (ROOT, MountedDisk("", "/mnt", (9, 1)), False),
    ],
)
def test_a_disk_is_lost_when_it_is_missing_or_replaced(
    before: MountedDisk, now: MountedDisk | None, is_same: bool
) -> None:
    there = [] if now is None else [now]
    assert ([] if is_same else [before]) == lost([before], there)
    assert ([] if is_same else there) == new([before], there)
