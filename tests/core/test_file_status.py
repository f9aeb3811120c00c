from typing import Any

import pytest

from eisync.core.file_status import FileStatus, status_of
from eisync.core.model import FileFacts

NOW = FileFacts(5, 1, 1, 1_000.0)
SAME, OTHER, TOUCHED = [5, 1, 1], [6, 1, 1], [5, 2, 1]


def record(state: str, facts: list[int] | None, sha256: str | None = None) -> dict[str, Any]:
    return {"state": state, "reason": "so it is", "facts": facts, "sha256": sha256}


@pytest.mark.parametrize(
    ("known", "is_live", "scanned_at", "state"),
    [
        (record("synced", SAME), True, 5_000.0, "synced"),
        (record("quarantined", SAME), False, None, "quarantined"),
        (record("settling", None), True, 5_000.0, "settling"),
        (record("settling", OTHER), False, 5_000.0, "settling"),
        (record("sending", OTHER), True, 5_000.0, "sending"),
        (None, False, 5_000.0, "new"),
        (None, True, None, "new"),
        (None, True, 1_010.0, "new"),
        (None, True, 5_000.0, "unexplained"),
        (record("gone", SAME), True, 5_000.0, "unexplained"),
        (record("synced", TOUCHED, "a"), True, 5_000.0, "synced"),
        (record("tombstone", TOUCHED, "a"), False, None, "tombstone"),
        (record("quarantined", TOUCHED, "a"), True, 5_000.0, "quarantined"),
        (record("synced", TOUCHED), True, 5_000.0, "unexplained"),
        (record("ready", TOUCHED), True, 5_000.0, "unexplained"),
        (record("synced", OTHER, "a"), True, 5_000.0, "unexplained"),
        (record("synced", OTHER), True, 1_010.0, "new"),
        (record("synced", OTHER), True, 5_000.0, "unexplained"),
        (record("synced", OTHER), False, 5_000.0, "new"),
    ],
)
def test_every_file_has_one_state_and_a_reason(
    known: dict[str, Any] | None, is_live: bool, scanned_at: float | None, state: str
) -> None:
    found = status_of(NOW, known, is_live=is_live, scanned_at=scanned_at)

    assert isinstance(found, FileStatus)
    assert (state, True) == (found.state, bool(found.reason))
