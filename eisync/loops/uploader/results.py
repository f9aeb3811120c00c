"""Write down what became of files that were sent, and log it."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from eisync.core.lifecycle import Event
from eisync.core.model import Item, shown
from eisync.core.outcome import Outcome, dispute
from eisync.loops.ports import MAX_LOG_LINES, Log
from eisync.loops.uploader.target_state import TargetQueue
from eisync.store.outbox import Outbox

_ARRIVALS = frozenset({Event.STORED, Event.DUPLICATE})
_ENDS = _ARRIVALS | {Event.REFUSE, Event.GONE, Event.CHANGED}  # of this version of the file


class UploadLogger:
    """Logs what became of files. `has_uploaded`: one of them arrived."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.has_uploaded = False

    def log(self, results: Sequence[tuple[Item, Outcome]]) -> None:
        """Log a line for each, or one for all where many ended alike."""
        arrived = [item for item, settlement in results if settlement.events[0] in _ARRIVALS]
        is_all = len(arrived) == len(results)  # as nearly always
        deferred = [] if is_all else [(item, settlement) for item, settlement in results if _is_deferral(settlement)]
        log_arrival = self._log.debug if len(arrived) > MAX_LOG_LINES else self._log.info
        log_deferral = self._log.debug if len(deferred) > MAX_LOG_LINES else self._log.warning
        for item, settlement in results:
            self._log_one(item, settlement, log_arrival, log_deferral)
        if len(arrived) > MAX_LOG_LINES:
            self._log.info("files.synced", **_named(arrived))
        if len(deferred) > MAX_LOG_LINES:
            for reason in dict.fromkeys(settlement.reason for _, settlement in deferred):
                alike = [(item, settlement.due_at) for item, settlement in deferred if settlement.reason == reason]
                due_at = min((due_at for _, due_at in alike if due_at is not None), default=None)
                self._log.warning("files.deferred", **_named([item for item, _ in alike]), reason=reason, due_at=due_at)

    def _log_one(
        self,
        item: Item,
        settlement: Outcome,
        log_arrival: Callable[..., object],
        log_deferral: Callable[..., object],
    ) -> None:
        path, reason, attempt = shown(item.path), settlement.reason, item.attempts + settlement.is_attempt
        match settlement.events[0]:
            case Event.STORED | Event.DUPLICATE:
                self.has_uploaded = True
                log_arrival("file.synced", path=path, label=item.label, samples=settlement.sample_ids, how=reason)
            case Event.REFUSE:
                self._log.error("file.quarantined", path=path, reason=reason, attempt=attempt)
            case Event.GONE:
                self._log.info("file.gone", path=path)
            case Event.CHANGED:
                self._log.info("file.changed", path=path, reason=reason)
            case _ if _is_deferral(settlement):
                log_deferral("file.deferred", path=path, reason=reason, attempt=attempt, due_at=settlement.due_at)
            case _:
                pass  # it was given back; why, the target's own line says once


def _is_deferral(settlement: Outcome) -> bool:
    """Return whether the file was sent in vain, and is sent again."""
    return settlement.events[0] not in _ENDS and (settlement.is_attempt or settlement.batch_cap is not None)


def _named(items: Sequence[Item]) -> dict[str, object]:
    """Return how many files there are, and which, for a line about all of them."""
    first, last = shown(items[0].path), shown(items[-1].path)
    return {"files": len(items), "target": items[0].target, "first": first, "last": last}


class Results:
    """What became of claimed files and is not written down yet: a full disk may refuse that for a while."""

    def __init__(
        self, outbox: Outbox, targets: Mapping[str, TargetQueue], *, jitter: Callable[[], float], log: Log
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._jitter = jitter
        self._log = log
        self._upload_log = UploadLogger(log)
        self._results: deque[tuple[int, list[tuple[Item, Outcome]]]] = deque()  # by claim

    @property
    def is_empty(self) -> bool:
        """Return whether everything is written down."""
        return not self._results

    @property
    def has_uploaded(self) -> bool:
        """Return whether any file arrived since the start."""
        return self._upload_log.has_uploaded

    def add(self, claim: int, results: list[tuple[Item, Outcome]]) -> None:
        """Note what became of files of the claim."""
        self._results.append((claim, results))

    def write(self, now: float) -> None:
        """Write it down. Raises what the store raises; then the rest is written by the next call."""
        while self._results:
            claim, results = self._results[0]
            disputed = self._outbox.settle([settlement for _, settlement in results], claim=claim, now=now)
            self._results.popleft()
            if disputed:
                self._results.append((claim, self._disputes(results, disputed, now)))
                results = [(item, settlement) for item, settlement in results if item.id not in disputed]
            self._upload_log.log(results)

    def _disputes(
        self, results: Sequence[tuple[Item, Outcome]], disputed: Mapping[int, int], now: float
    ) -> list[tuple[Item, Outcome]]:
        for target in {item.target for item, _ in results}:
            if not self._targets[target].allow_duplicates:  # where they are, a file that is sent twice is stored twice
                released = self._outbox.release(target, set(disputed.values()), now=now)
                for identity in released:
                    self._log.warning("file.released", target=target, file=identity)
        return [
            (
                item,
                dispute(
                    item,
                    settlement,
                    disputed[item.id],
                    policy=self._targets[item.target].policy,
                    allow_duplicates=self._targets[item.target].allow_duplicates,
                    now=now,
                    jitter=self._jitter(),
                ),
            )
            for item, settlement in results
            if item.id in disputed
        ]
