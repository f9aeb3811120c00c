from dataclasses import replace

import pytest

from eisync.core.listing import LastPoll, PollResult, SweepProgress, may_resume, must_count, why_sweep

DAY = 86_400.0
BEFORE = LastPoll(newest_id=70, samples=60, modified_at=500.0, swept_at=10_000.0, sweep_s=30.0)
QUIET = PollResult(modified_at=500.0, new=0)


@pytest.mark.parametrize(
    ("case", "poll", "since_s", "reason"),
    [
        ("nothing changed", QUIET, 3_000.0, None),
        ("it is due all the same", QUIET, DAY, "the interval has passed"),
        ("the clock was set back", QUIET, -1.0, "the interval has passed"),
        ("it does not tell, and the count is right", PollResult(modified_at=None, new=0, samples=60), 301.0, None),
        ("one went", PollResult(modified_at=600.0, new=0, samples=59), 301.0, "the number of samples changed"),
        (
            "one went, one came",
            PollResult(modified_at=600.0, new=1, samples=60),
            301.0,
            "the number of samples changed",
        ),
        ("edited", PollResult(modified_at=600.0, new=0, samples=60), 301.0, "the project was modified"),
        (
            "new ones, the last change",
            PollResult(modified_at=600.0, new=2, newest_added_at=600.0, samples=62),
            301.0,
            None,
        ),
        (
            "new ones, and edited after",
            PollResult(modified_at=605.0, new=2, newest_added_at=600.0, samples=62),
            301.0,
            "the project was modified",
        ),
        (
            "a new one went before the last came",
            PollResult(modified_at=600.0, new=1, newest_added_at=600.0, samples=61, unlisted=1),
            301.0,
            "new samples are no longer listed",
        ),
        ("edited, and a sweep was only just", PollResult(modified_at=600.0, new=0, samples=60), 299.0, None),
    ],
)  # fmt: skip
def test_a_sweep_runs_when_there_is_a_reason(case: str, poll: PollResult, since_s: float, reason: str | None) -> None:
    assert reason == why_sweep(BEFORE, poll, now=BEFORE.swept_at + since_s, every_s=DAY)


def test_a_missed_sample_causes_another_sweep() -> None:
    before = replace(BEFORE, has_missed=True)
    assert "the last listing missed some samples" == why_sweep(before, QUIET, now=10_301.0, every_s=DAY)


@pytest.mark.parametrize(
    ("modified_at", "new", "counts"), [(500.0, 0, False), (500.0, 1, True), (501.0, 0, True), (None, 0, True)]
)
def test_samples_are_counted_when_anything_may_have_changed(modified_at: float | None, new: int, counts: bool) -> None:
    assert counts is must_count(BEFORE, modified_at=modified_at, new=new)


@pytest.mark.parametrize(("age_s", "resumes"), [(0.0, True), (DAY, True), (DAY + 1, False), (-1.0, False)])
def test_an_interrupted_sweep_can_resume_for_a_day(age_s: float, resumes: bool) -> None:
    assert resumes is may_resume(SweepProgress(generation=1, began_at=10.0), now=10.0 + age_s)
