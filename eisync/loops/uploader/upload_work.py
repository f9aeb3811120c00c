"""Turn a request into work for a thread or for a worker on another machine, and a lost worker into outcomes."""

from collections.abc import Callable
from functools import partial

from eisync.core import wire
from eisync.core.model import Item
from eisync.core.outcome import Outcome, outcome_of
from eisync.core.retry import Fault
from eisync.core.wire import UploadReply
from eisync.errors import TransitError, UnreachableError
from eisync.loops.uploader.target_state import InFlight, TargetQueue, TargetState


def work_of(state: TargetState, envelope: wire.Envelope) -> Callable[[], UploadReply | None]:
    """Return the upload of the envelope as work. Its result is None when it was not sent."""
    if state.target_queue.remote is not None:
        return state.target_queue.remote(envelope)
    return partial(_upload, state.target_queue, state.key_token, envelope)


def _upload(target_queue: TargetQueue, key_token: object, envelope: wire.Envelope) -> UploadReply | None:
    """Send the envelope, unless the key may be new since it was checked: it may open another project. None: not sent.

    Raise what `Uploads.upload` raises.
    """
    return target_queue.service.upload(envelope) if target_queue.key_token() == key_token else None


def outcomes_of_lost(
    in_flight: InFlight, error: TransitError, *, now: float, jitter: Callable[[], float]
) -> list[tuple[Item, Outcome]]:
    """Return the outcomes of a request that was lost on the way to a worker, or whose answer was on the way back.

    The service had no part in it, so the flow control of the target learns nothing.
    """
    fault = Fault.UNREACHABLE if isinstance(error, UnreachableError) else Fault.UNANSWERED
    target_queue, failed = in_flight.state.target_queue, wire.Failed(fault, str(error))

    def outcome(item: Item) -> Outcome:
        return outcome_of(
            item,
            failed,
            policy=target_queue.policy,
            allow_duplicates=target_queue.allow_duplicates,
            now=now,
            jitter=jitter(),
        )

    return [(item, outcome(item)) for item in in_flight.request.items]
