"""Run the checks in order, and remove all uploaded samples at the end, in any case.

First, a single sample is uploaded and removed; if that fails, nothing else is uploaded. A first signal ends the checks
but not the removal. A second signal ends the removal, too; then the journal stays for the next run.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from eisync.core.text import one_line
from eisync.errors import CONTENT_ERRORS
from eisync.selftest.check import Check
from eisync.selftest.journal import Journal
from eisync.selftest.model import (
    Answer,
    NoAnswerError,
    SilenceError,
    StoppedError,
    UploadRefusedError,
    Verdict,
    verdict_of,
)
from eisync.selftest.probe import Probe
from eisync.selftest.removal import Removal, remove

_MOST_SILENCES = 3
"""After this many checks in a row without an answer, the run ends: the service cannot be reached."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check. `reason` says why there is no answer."""

    check: Check
    verdict: Verdict
    answer: Answer | None = None
    reason: str = ""


@dataclass(slots=True)
class Run:
    """One run. `reason` says why it ended early; empty if every check was run."""

    probe: Probe
    journal: Journal
    hurry: threading.Event
    results: list[Result] = field(default_factory=list)
    removal: Removal = field(default_factory=Removal)
    reason: str = ""

    def conduct(self, checks: Sequence[Check], *, tell: Callable[[int], object] = lambda _: None) -> None:
        """Run the checks, then remove the samples. `tell` is called with the number of finished checks.

        Raises StateError if the journal cannot be written.
        """
        try:
            self._try_one_sample()
            self._ask_all(checks, tell)
        except StoppedError:
            self.reason = "it was stopped"
        except NoAnswerError as error:
            self.reason = str(error)
        finally:
            self._clear()

    def _try_one_sample(self) -> None:
        """Raise NoAnswerError if a sample cannot be uploaded and removed."""
        try:
            sample = self.probe.store(self.probe.json_file("first"))
        except UploadRefusedError as refusal:
            raise NoAnswerError(f"the first sample was refused: {refusal}") from refusal
        reply = self.probe.change("DELETE", f"/{sample['id']}")
        if not reply.is_success:
            raise NoAnswerError(f"the first sample cannot be deleted ({reply.refusal}), so nothing more was uploaded")

    def _ask_all(self, checks: Sequence[Check], tell: Callable[[int], object]) -> None:
        silences = 0
        for number, check in enumerate(checks, start=1):
            result, is_silent = self._ask(check)
            self.results.append(result)
            tell(number)
            silences = silences + 1 if is_silent else 0
            if silences >= _MOST_SILENCES:
                raise NoAnswerError(f"the service does not answer: {result.reason}")

    def _ask(self, check: Check) -> tuple[Result, bool]:
        """Return the result, and whether the service did not answer."""
        try:
            found = check.ask(self.probe)
        except UploadRefusedError as refusal:
            found = Answer("refused", str(refusal))
        except NoAnswerError as error:
            reason = self._plain(str(error))
            return Result(check, Verdict.UNANSWERED, reason=reason), isinstance(error, SilenceError)
        except CONTENT_ERRORS as error:
            reason = self._plain(f"the answer has an unexpected form ({type(error).__name__}: {error})")
            return Result(check, Verdict.UNANSWERED, reason=reason), False
        answer = Answer(found) if isinstance(found, str) else found
        answer = Answer(self._plain(answer.text), self._plain(answer.detail))
        return Result(check, verdict_of(answer, check.expects), answer), False

    def _plain(self, text: str) -> str:
        """Replace the name of the run, so that two reports can be compared."""
        return one_line(text.replace(self.probe.token, "RUN"))

    def _clear(self) -> None:
        self.removal, gone = clear(self.probe, self.journal, self.hurry)
        if not gone and not self.reason:
            self.reason = "it was stopped"


def clear(probe: Probe, journal: Journal, hurry: threading.Event) -> tuple[Removal, bool]:
    """Remove the samples of the journal's run, and the journal if no sample is left.

    Return the result, and whether the removal was finished: False if `hurry` was set.
    """
    probe.client.is_stopped = hurry.is_set
    try:
        removal = remove(probe.client, journal.record, wait=hurry.wait)
    except StoppedError:
        return Removal(reason="the removal was stopped"), False
    if removal.is_complete:
        journal.remove()
    return removal, True


def not_asked(checks: Iterable[Check], results: Sequence[Result], reason: str) -> list[Result]:
    """Return a result for every check. Those that were not run are unanswered with `reason`."""
    asked = {result.check.id for result in results}
    rest = [Result(one, Verdict.UNANSWERED, reason=reason) for one in checks if one.id not in asked]
    return [*results, *rest]
