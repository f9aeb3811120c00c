"""The report: a table for a person, and JSON for a bug report. It has no key and no name of the person's samples."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.core.text import amount
from eisync.selftest.model import Verdict
from eisync.selftest.removal import Removal
from eisync.selftest.run import Result

_REMEDY = "delete them in Studio (search for the label or name eisync-selftest), or run 'eisync selftest' again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results of one run. `reason` says why it ended early; `seconds` is how long it took."""

    version: str
    results: Sequence[Result]
    removal: Removal
    reason: str
    requests: int
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        """Return how many checks have each verdict."""
        found = Counter(result.verdict for result in self.results)
        return {verdict.value: found[verdict] for verdict in Verdict}

    @property
    def has_contradictions(self) -> bool:
        """Return whether the project contradicts the contract."""
        return any(result.verdict is Verdict.CONTRADICTED for result in self.results)

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "eisync": self.version,
            "counts": self.counts,
            "requests": self.requests,
            "seconds": round(self.seconds, 1),
            "reason": self.reason,
            "removed": len(self.removal.removed),
            "left": [{"sample_id": one.sample_id, "reason": one.reason} for one in self.removal.left],
            "removal_reason": self.removal.reason,
            "checks": [_check(result) for result in self.results],
        }

    def lines(self) -> Iterator[str]:
        """Return the table and the sentences below it."""
        width = max((len(result.check.id) for result in self.results), default=0)
        for result in self.results:
            yield f"{result.verdict.value:<12}  {result.check.id:<{width}}  {_found(result)}"
        yield ""
        counts = self.counts
        yield (
            f"{counts['confirmed']} confirmed, {counts['contradicted']} contradicted, {counts['answered']} answered "
            f"(the contract leaves them open), {counts['unanswered']} unanswered; {self.requests} requests in "
            f"{self.seconds:.0f} s"
        )
        if self.reason:
            yield f"The run ended early: {self.reason}"
        yield from removal_lines(self.removal)


def removal_lines(removal: Removal) -> Iterator[str]:
    """Yield sentences about the removal of the samples."""
    if removal.is_complete:
        yield f"Every sample was removed again ({len(removal.removed)}), and none is listed any more."
        return
    yield f"{amount(len(removal.removed), 'sample')} removed. It is not proved that none is left."
    if removal.reason:
        yield f"Why: {removal.reason}"
    for left in removal.left:
        yield f"Sample {left.sample_id} is still there: {left.reason}"
    yield f"What to do: {_REMEDY}"


def _found(result: Result) -> str:
    if result.answer is None:
        return result.reason
    detail = f" ({result.answer.detail})" if result.answer.detail else ""
    text = f"{result.answer.text}{detail}"
    if result.verdict is Verdict.CONTRADICTED:
        text += f"; the contract [{result.check.mark.value}] says: {result.check.says}"
    return text


def _check(result: Result) -> dict[str, Any]:
    answer = result.answer
    return {
        "id": result.check.id,
        "mark": result.check.mark.value,
        "says": result.check.says,
        "asked": result.check.asked,
        "expects": list(result.check.expects),
        "verdict": result.verdict.value,
        "answer": None if answer is None else answer.text,
        "detail": result.reason if answer is None else answer.detail,
    }
