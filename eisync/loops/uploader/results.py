"""Store and log the outcomes of claimed files."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from eisync.core.lifecycle import Event
from eisync.core.model import Item, shown
from eisync.core.outcome import Outcome, dispute
from eisync.loops.ports import MAX_LOG_LINES, Log
from eisync.loops.uploader.counters import UploadCounters
from eisync.loops.uploader.target_state import TargetState
from eisync.store.outbox import Outbox

_ARRIVALS = frozenset({Event.STORED, Event.DUPLICATE})
_ENDS = _ARRIVALS | {Event.REFUSE, Event.GONE, Event.CHANGED}  # of this version of the file

MOST_AT_ONCE = 1_024
"""The outcomes of several requests are stored in one transaction until these are that many files."""


class UploadLogger:
    """Logs the outcomes of files. `has_uploaded`: at least one file arrived."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.has_uploaded = False

    def log(self, results: Sequence[tuple[Item, Outcome]]) -> None:
        """Log a line for each file, or one line for many files with the same outcome."""
        arrived = [item for item, outcome in results if outcome.events[0] in _ARRIVALS]
        is_all = len(arrived) == len(results)  # the usual case
        deferred = [] if is_all else [(item, outcome) for item, outcome in results if _is_deferral(outcome)]
        log_arrival = self._log.debug if len(arrived) > MAX_LOG_LINES else self._log.info
        log_deferral = self._log.debug if len(deferred) > MAX_LOG_LINES else self._log.warning
        for item, outcome in results:
            self._log_one(item, outcome, log_arrival, log_deferral)
        if len(arrived) > MAX_LOG_LINES:
            self._log.info("files.synced", **_summary_fields(arrived))
        if len(deferred) > MAX_LOG_LINES:
            for reason in dict.fromkeys(outcome.reason for _, outcome in deferred):
                alike = [(item, outcome.due_at) for item, outcome in deferred if outcome.reason == reason]
                due_at = min((due_at for _, due_at in alike if due_at is not None), default=None)
                self._log.warning(
                    "files.deferred", **_summary_fields([item for item, _ in alike]), reason=reason, due_at=due_at
                )

    def _log_one(
        self,
        item: Item,
        outcome: Outcome,
        log_arrival: Callable[..., object],
        log_deferral: Callable[..., object],
    ) -> None:
        path, reason, attempt = shown(item.path), outcome.reason, item.attempts + outcome.is_attempt
        match outcome.events[0]:
            case Event.STORED | Event.DUPLICATE:
                self.has_uploaded = True
                log_arrival("file.synced", path=path, label=item.label, samples=outcome.sample_ids, how=reason)
            case Event.REFUSE:
                self._log.error("file.quarantined", path=path, reason=reason, attempt=attempt)
            case Event.GONE:
                self._log.info("file.gone", path=path)
            case Event.CHANGED:
                self._log.info("file.changed", path=path, reason=reason)
            case _ if _is_deferral(outcome):
                log_deferral("file.deferred", path=path, reason=reason, attempt=attempt, due_at=outcome.due_at)
            case _:
                pass  # it was given back; the line of the target has the reason, once


def _is_deferral(outcome: Outcome) -> bool:
    """Return whether the file was sent without success and will be sent again."""
    return outcome.events[0] not in _ENDS and (outcome.is_attempt or outcome.batch_cap is not None)


def _summary_fields(items: Sequence[Item]) -> dict[str, object]:
    """Return the fields of a log line about all these files: their number, the first and the last."""
    first, last = shown(items[0].path), shown(items[-1].path)
    return {"files": len(items), "target": items[0].target, "first": first, "last": last}


class Results:
    """The outcomes of claimed files that are not stored yet: a full disk can prevent that for a while."""

    def __init__(
        self, outbox: Outbox, targets: Mapping[str, TargetState], *, jitter: Callable[[], float], log: Log
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._jitter = jitter
        self._log = log
        self.counters = UploadCounters(targets)
        self._upload_logger = UploadLogger(log)
        self._results: deque[tuple[int, list[tuple[Item, Outcome]]]] = deque()  # by claim

    @property
    def is_empty(self) -> bool:
        """Return whether every outcome is stored."""
        return not self._results

    @property
    def has_uploaded(self) -> bool:
        """Return whether any file arrived since the start."""
        return self._upload_logger.has_uploaded

    def add(self, claim: int, results: list[tuple[Item, Outcome]]) -> None:
        """Add outcomes of files of a claim."""
        self._results.append((claim, results))

    def write(self, now: float) -> None:
        """Store and log the outcomes. Raises what the store raises; the next call then stores the rest."""
        while self._results:
            taken = self._next()
            outcomes = [(claim, [outcome for _, outcome in results]) for claim, results in taken]
            disputed = self._outbox.settle_all(outcomes, now=now)
            by_target: dict[str, list[tuple[Item, Outcome]]] = {}
            for claim, results in taken:
                self._results.popleft()
                if disputed and any(item.id in disputed for item, _ in results):
                    self._results.append((claim, self._disputes(results, disputed, now)))
                    results = [(item, outcome) for item, outcome in results if item.id not in disputed]
                if results:
                    by_target.setdefault(results[0][0].target, []).extend(results)
            for results in by_target.values():
                self.counters.add(results, now)
                self._upload_logger.log(results)

    def _next(self) -> list[tuple[int, list[tuple[Item, Outcome]]]]:
        """Return the outcomes of the next requests: those of one transaction. A transaction has its price."""
        taken: list[tuple[int, list[tuple[Item, Outcome]]]] = []
        files = 0
        for one in self._results:
            files += len(one[1])
            if taken and files > MOST_AT_ONCE:
                break
            taken.append(one)
        return taken

    def _disputes(
        self, results: Sequence[tuple[Item, Outcome]], disputed: Mapping[int, int], now: float
    ) -> list[tuple[Item, Outcome]]:
        for target in {item.target for item, _ in results}:
            # Where duplicates are allowed, do not send these files again: each would be stored twice.
            if not self._targets[target].target_queue.allow_duplicates:
                released = self._outbox.release(target, set(disputed.values()), now=now)
                for identity in released:
                    self._log.warning("file.released", target=target, file=identity)
        return [
            (
                item,
                dispute(
                    item,
                    outcome,
                    disputed[item.id],
                    policy=self._targets[item.target].target_queue.policy,
                    allow_duplicates=self._targets[item.target].target_queue.allow_duplicates,
                    now=now,
                    jitter=self._jitter(),
                ),
            )
            for item, outcome in results
            if item.id in disputed
        ]
