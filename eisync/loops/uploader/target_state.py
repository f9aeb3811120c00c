"""What the log says of files that were sent: what arrived, what was put off, what was refused.

One target, as the uploader sees it, and what is known and queued for it at the moment.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from eisync.core.batching import Limits, Request
from eisync.core.flow_control import FlowControl
from eisync.core.lifecycle import Event
from eisync.core.model import Item, shown
from eisync.core.outcome import Outcome
from eisync.core.retry import RetryPolicy
from eisync.loops.ports import MOST_TOLD, Log, Uploads

_ARRIVALS = frozenset({Event.STORED, Event.DUPLICATE})
_ENDS = _ARRIVALS | {Event.REFUSE, Event.GONE, Event.CHANGED}  # of this version of the file


class UploadLogger:
    """Tells what became of files. `has_uploaded`: one of them arrived."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.has_uploaded = False

    def tell(self, results: Sequence[tuple[Item, Outcome]]) -> None:
        """A line each, or one of all where many ended alike."""
        arrived = [item for item, settlement in results if settlement.events[0] in _ARRIVALS]
        is_all = len(arrived) == len(results)  # as nearly always
        deferred = [] if is_all else [(item, settlement) for item, settlement in results if _is_deferral(settlement)]
        tell_arrival = self._log.debug if len(arrived) > MOST_TOLD else self._log.info
        tell_deferral = self._log.debug if len(deferred) > MOST_TOLD else self._log.warning
        for item, settlement in results:
            self._tell_one(item, settlement, tell_arrival, tell_deferral)
        if len(arrived) > MOST_TOLD:
            self._log.info("files.synced", **_named(arrived))
        if len(deferred) > MOST_TOLD:
            for reason in dict.fromkeys(settlement.reason for _, settlement in deferred):
                alike = [(item, settlement.due_at) for item, settlement in deferred if settlement.reason == reason]
                due_at = min((due_at for _, due_at in alike if due_at is not None), default=None)
                self._log.warning("files.deferred", **_named([item for item, _ in alike]), reason=reason, due_at=due_at)

    def _tell_one(
        self,
        item: Item,
        settlement: Outcome,
        tell_arrival: Callable[..., object],
        tell_deferral: Callable[..., object],
    ) -> None:
        path, reason, attempt = shown(item.path), settlement.reason, item.attempts + settlement.is_attempt
        match settlement.events[0]:
            case Event.STORED | Event.DUPLICATE:
                self.has_uploaded = True
                tell_arrival("file.synced", path=path, label=item.label, samples=settlement.sample_ids, how=reason)
            case Event.REFUSE:
                self._log.error("file.quarantined", path=path, reason=reason, attempt=attempt)
            case Event.GONE:
                self._log.info("file.gone", path=path)
            case Event.CHANGED:
                self._log.info("file.changed", path=path, reason=reason)
            case _ if _is_deferral(settlement):
                tell_deferral("file.deferred", path=path, reason=reason, attempt=attempt, due_at=settlement.due_at)
            case _:
                pass  # it was given back; why, the target's own line says once


def _is_deferral(settlement: Outcome) -> bool:
    """Whether the file was sent for nothing, and goes again."""
    return settlement.events[0] not in _ENDS and (settlement.is_attempt or settlement.batch_cap is not None)


def _named(items: Sequence[Item]) -> dict[str, object]:
    """How many files they are, and which, for a line that is of all of them."""
    first, last = shown(items[0].path), shown(items[-1].path)
    return {"files": len(items), "target": items[0].target, "first": first, "last": last}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetQueue:
    """One target as the uploader sees it. `key_token` changes when the key may have."""

    target: str
    roots: tuple[int, ...]
    service: Uploads
    limits: Limits
    policy: RetryPolicy
    allow_duplicates: bool
    key_token: Callable[[], object]


@dataclass(slots=True)
class TargetState:
    """What changes about a lane."""

    target_queue: TargetQueue
    flow_control: FlowControl
    queue: deque[tuple[int, Request]] = field(default_factory=deque)  # claimed, waiting for a worker
    under_way: int = 0
    introduction: Future[int] | None = None
    is_introduced: bool = False
    key_token: object = None  # of the key that was introduced
    refusal: str | None = None  # why it is paused
    paused_until: float = 0.0

    @property
    def heavy_bytes(self) -> int:
        """A request of so many bytes may be under way for long."""
        return max(1, self.target_queue.limits.bytes // 4)

    def is_heavy(self, request: Request) -> bool:
        """Whether the request may be under way for long."""
        return request.size >= self.heavy_bytes

    def take(self, *, light_only: bool) -> tuple[int, Request] | None:
        """The first request of the queue that may go; None when there is none."""
        for place, (_, request) in enumerate(self.queue):
            if not light_only or not self.is_heavy(request):
                found = self.queue[place]
                del self.queue[place]
                return found
        return None


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request that is under way. `sent_in` is the round of the window in which it was sent."""

    state: TargetState
    key_token: object
    claim: int
    request: Request
    sent_in: int
    is_heavy: bool
