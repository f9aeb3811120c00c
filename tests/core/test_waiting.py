"""A waiting file is told what it waits for: what keeps all files first, its own turn last."""

import math
from dataclasses import replace

import pytest

from eisync.core.waiting import MAX_BEFORE, Blockers, why_not_answering, why_waiting

EVERYTHING = Blockers(
    refusal="Invalid API key", paused_s=5400.0, held="the service does not answer", is_described_again=True
)


@pytest.mark.parametrize(
    ("blockers", "expected"),
    [
        (replace(EVERYTHING, is_running=False), "waiting for 'eisync run' or 'eisync once' to send it"),
        (EVERYTHING, "waiting until its target accepts files again: Invalid API key"),
        (
            replace(EVERYTHING, refusal=None),
            "a person paused the uploads for another 1 h 30 min; 'eisync resume' continues at once",
        ),
        (Blockers(paused_s=math.inf), "a person paused the uploads; 'eisync resume' continues"),
        (Blockers(held="these are quiet hours", is_described_again=True), "these are quiet hours"),
        (Blockers(is_described_again=True), "its folder's labelling changed; it is described again before it is sent"),
    ],
)
def test_what_keeps_all_files_comes_first(blockers: Blockers, expected: str) -> None:
    assert expected == why_waiting(blockers, failure=None, due_in_s=9.0, before=3)
    assert f"HTTP 500; {expected}" == why_waiting(blockers, failure="HTTP 500", due_in_s=9.0, before=None)


def test_the_reason_of_its_target_is_said_once() -> None:
    told = why_waiting(EVERYTHING, failure="Invalid API key", due_in_s=9.0, before=None)
    assert "waiting until its target accepts files again: Invalid API key" == told


@pytest.mark.parametrize(
    ("due_in_s", "before", "max_rate", "expected"),
    [
        (11.2, 5, 0, "tried again in 12 s"),
        (0.0, None, 0, "waiting for its turn"),
        (-5.0, 0, 0, "it is sent next"),
        (0.0, 1, 0, "waiting for its turn: 1 file is before it"),
        (0.0, 4_100, 0, "waiting for its turn: 4,100 files are before it"),
        (0.0, MAX_BEFORE, 0, "waiting for its turn: many files are before it"),
        (0.0, None, 500_000, "waiting for its turn; max_rate limits uploads to 500 kB a second"),
        (0.0, 1, 500_000, "waiting for its turn: 1 file is before it; max_rate limits uploads to 500 kB a second"),
    ],
)
def test_then_its_own_turn(due_in_s: float, before: int | None, max_rate: int, expected: str) -> None:
    assert expected == why_waiting(Blockers(max_rate=max_rate), failure=None, due_in_s=due_in_s, before=before)


@pytest.mark.parametrize(
    ("since_s", "again_in_s", "expected"),
    [
        (0.4, 12.0, "the service does not answer; eisync tries again in 12 s"),
        (185.0, 30.0, "the service has not answered for 4 min; eisync tries again in 30 s"),
        (9.0, 0.0, "the service has not answered for 9 s; eisync is trying again"),
    ],
)
def test_a_service_that_does_not_answer(since_s: float, again_in_s: float, expected: str) -> None:
    assert expected == why_not_answering(since_s, again_in_s)
