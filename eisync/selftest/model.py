"""What a check of the contract can be answered, and what an answer means. Values only.

`Mark` is how sure the wire contract is of a claim. A claim that it leaves open (`?`) expects nothing: whatever is
found is the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from eisync.errors import EisyncError

Sample = Mapping[str, Any]
"""A sample as Studio shows it (wire contract, section 3)."""


class Mark(Enum):
    """Where a claim comes from."""

    DOCUMENTED = "D"
    CODE = "C"  # read in an official client
    RUN = "R"  # seen in a run of an official client
    LIVE = "L"  # somebody observed the live service
    INFERRED = "I"
    OPEN = "?"


class Verdict(Enum):
    """What an answer means for the claim."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    ANSWERED = "answered"  # the contract leaves it open
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the project did, in a few words that are compared, and `detail` for a person."""

    text: str
    detail: str = ""


class NoAnswerError(EisyncError):
    """The check cannot be asked here. The text is the reason."""


class SilenceError(NoAnswerError):
    """No usable answer came to a request. The text is the reason."""


class StoppedError(EisyncError):
    """A person or the system asked the run to stop."""


class UploadRefusedError(EisyncError):
    """The service read an upload that the check builds on and said no. The text is the service's reason."""


def verdict_of(answer: Answer | None, expects: tuple[str, ...]) -> Verdict:
    """Return what `answer` means for a claim that expects one of `expects` (empty: the contract leaves it open).

    None: there was no answer.

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
