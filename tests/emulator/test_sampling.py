from typing import Any

import pytest

from eisync.emulator.sampling import Sampling, Stage

ACCEPTED, STARTED, UPLOADING, FINISHED = (
    {"sample": True},
    {"sampleStarted": True},
    {"sampleUploading": True},
    {"sampleFinished": True},
)
READING = {"sampleReading": True, "progressPercentage": 33}


def after(*messages: dict[str, Any], needs_notifications: bool = True) -> tuple[Stage, str]:
    sampling = Sampling()
    for message in messages:
        sampling = sampling.advance(message, needs_notifications=needs_notifications)
    return sampling.stage, sampling.error


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], Stage.ASKED),
        ([ACCEPTED], Stage.ACCEPTED),
        ([ACCEPTED, STARTED], Stage.STARTED),
        ([ACCEPTED, STARTED, READING], Stage.READING),
        ([ACCEPTED, STARTED, {"sampleProcessing": True}], Stage.PROCESSING),
        ([ACCEPTED, STARTED, UPLOADING], Stage.UPLOADING),
        ([ACCEPTED, STARTED, UPLOADING, FINISHED], Stage.FINISHED),
        ([STARTED, ACCEPTED, UPLOADING, FINISHED], Stage.FINISHED),  # the official client for Linux, with a camera
        ([STARTED, UPLOADING, FINISHED], Stage.FINISHED),  # the same when the sample is there at once
        ([STARTED, ACCEPTED], Stage.STARTED),
        ([ACCEPTED, {"snapshotFrame": "/9j/"}, {}], Stage.ACCEPTED),
    ],
)
def test_a_sample_goes_as_far_as_the_device_says(messages: list[dict[str, Any]], expected: Stage) -> None:
    assert after(*messages) == (expected, "")


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([{"sample": False, "error": "no memory"}], "no memory"),
        ([{"sample": False, "err": "no memory"}], "no memory"),
        ([{"sample": False}], "The device refused the sample and gave no reason"),
        ([{"sample": False, "error": 7}], "The device refused the sample and gave no reason"),
        ([ACCEPTED, STARTED, {"sample": False, "error": "sensor broke"}], "sensor broke"),
        ([ACCEPTED, {"sampleStarted": False}], "The device sent sampleStarted: false"),
        ([{"sample": False, "error": "x" * 1000}], "x" * 500),
    ],
)
def test_a_sample_fails_with_the_words_of_the_device(messages: list[dict[str, Any]], expected: str) -> None:
    assert after(*messages) == (Stage.FAILED, expected)


@pytest.mark.parametrize(
    ("messages", "missing"),
    [
        ([ACCEPTED, UPLOADING], "sampleStarted"),
        ([ACCEPTED, STARTED], "sampleUploading"),
        ([ACCEPTED], "sampleStarted and sampleUploading"),
    ],
)
def test_a_notification_that_the_protocol_requires_is_missed_unless_a_switch_says_otherwise(
    messages: list[dict[str, Any]], missing: str
) -> None:
    error = f"The device did not send {missing}, which the protocol requires"
    assert after(*messages, FINISHED) == (Stage.FAILED, error)
    assert after(*messages, FINISHED, needs_notifications=False) == (Stage.FINISHED, "")


@pytest.mark.parametrize("end", [FINISHED, {"sample": False}])
@pytest.mark.parametrize("late", [ACCEPTED, STARTED, FINISHED, {"sample": False, "error": "late"}])
def test_the_end_is_the_end(end: dict[str, Any], late: dict[str, Any]) -> None:
    ended = after(STARTED, UPLOADING, end)
    assert after(STARTED, UPLOADING, end, late) == ended
    assert ended[0].is_end
