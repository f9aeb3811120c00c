"""The progress of a requested sample. Pure: a state and a message in, the next state out.

::

    asked -> accepted -> started -> reading, processing -> uploading -> finished
    each of them -> failed: the device reports a failure, sends nothing for too long, or disconnects

A device may omit `sample: true`: the official client for Linux sends it after `sampleStarted`, or not at all.
Source: the official page "Remote management, WebSocket".
"""

from dataclasses import dataclass, replace
from enum import Enum

from eisync.emulator.device_messages import Message

_MAX_ERROR_CHARS = 500
REQUIRED = ("sampleStarted", "sampleUploading")  # before sampleFinished


class Stage(Enum):
    ASKED = "asked"
    ACCEPTED = "accepted"
    STARTED = "started"
    READING = "reading"
    PROCESSING = "processing"
    UPLOADING = "uploading"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def is_end(self) -> bool:
        return self in (Stage.FINISHED, Stage.FAILED)


_STAGE_OF = {
    "sampleStarted": Stage.STARTED,
    "sampleReading": Stage.READING,
    "sampleProcessing": Stage.PROCESSING,
    "sampleUploading": Stage.UPLOADING,
    "sampleFinished": Stage.FINISHED,
}


@dataclass(frozen=True, slots=True)
class Sampling:
    """The state of one requested sample."""

    stage: Stage = Stage.ASKED
    received: frozenset[str] = frozenset()  # the notifications so far
    error: str = ""  # why it failed

    def fail(self, error: str) -> "Sampling":
        return self if self.stage.is_end else replace(self, stage=Stage.FAILED, error=error[:_MAX_ERROR_CHARS])

    def advance(self, message: Message, *, needs_notifications: bool) -> "Sampling":
        """Return the state after a message of the device. Messages that are not about a sample change nothing."""
        if self.stage.is_end:
            return self
        if "sample" in message:
            if message["sample"] is True:
                return replace(self, stage=Stage.ACCEPTED) if self.stage is Stage.ASKED else self
            # The official page names the field `err`; the official clients and firmware write `error`.
            error = message.get("error") or message.get("err")
            return self.fail(error if isinstance(error, str) else "The device refused the sample and gave no reason")
        for name, stage in _STAGE_OF.items():
            if name in message:
                return self._notified(name, stage, message[name] is True, needs_notifications)
        return self

    def _notified(self, name: str, stage: Stage, is_true: bool, needs_notifications: bool) -> "Sampling":
        if not is_true:
            return self.fail(f"The device sent {name}: false")
        missing = [one for one in REQUIRED if one not in self.received]
        if stage is Stage.FINISHED and needs_notifications and missing:
            return self.fail(f"The device did not send {' and '.join(missing)}, which the protocol requires")
        return replace(self, stage=stage, received=self.received | {name})
