"""The answers and verdicts of checks. Values only.

`Mark` tells how certain the wire contract is of a claim. For a question that it leaves open (`?`), no answer is
expected: any answer is a result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from eisync.errors import EisyncError

Sample = Mapping[str, Any]
"""A sample as Studio shows it (wire contract, section 3)."""


class Mark(Enum):
    """The source of a claim."""

    DOCUMENTED = "D"
    CODE = "C"  # read in an official client
    RUN = "R"  # observed in a run of an official client
    LIVE = "L"  # observed at the live service
    INFERRED = "I"
    OPEN = "?"


class Verdict(Enum):
    """What an answer means for the claim."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    ANSWERED = "answered"  # the contract leaves the question open
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the project did: `text` is short and is compared, `detail` is for a person."""

    text: str
    detail: str = ""


class NoAnswerError(EisyncError):
    """The check is not possible here. The text is the reason."""


class SilenceError(NoAnswerError):
    """A request got no answer. The text is the reason."""


class StoppedError(EisyncError):
    """A person or the system asked the run to stop."""


class UploadRefusedError(EisyncError):
    """The service refused an upload that the check needs. The text is the service's reason."""


def verdict_of(answer: Answer | None, expects: tuple[str, ...]) -> Verdict:
    """Return what `answer` means for a claim that expects one of `expects`. None: there was no answer.

    An empty `expects` means that the contract leaves the question open.

    >>> verdict_of(Answer("decoded"), ("decoded",))
    <Verdict.CONFIRMED: 'confirmed'>
    >>> verdict_of(Answer("HTTP 421"), ())
    <Verdict.ANSWERED: 'answered'>
    """
    if answer is None:
        return Verdict.UNANSWERED
    if not expects:
        return Verdict.ANSWERED
    return Verdict.CONFIRMED if answer.text in expects else Verdict.CONTRADICTED
