"""Find out which project each target's key opens, and pause a target whose key or project is refused.

No file is sent before its target is checked. A key that may be new is checked again, as it may open another project.
"""

from collections.abc import Callable
from concurrent.futures import Future

from eisync.errors import ConfigurationError, EisyncError
from eisync.loops.ports import Log
from eisync.loops.uploader.target_state import InFlight, TargetState
from eisync.store.index import Index

PROBE_AFTER_S = 300.0
"""Time after which a paused target is tried again: an unchanged key may have got new rights."""

Hand = Callable[[Callable[[], int], float], Future[int] | None]
"""Hands work to a worker, at the time (Unix s). Returns None when no thread can be started."""


class ProjectCheck:
    """Checks and pauses the targets of the uploader."""

    def __init__(self, index: Index, hand: Hand, give_back: Callable[[TargetState], None], *, log: Log) -> None:
        """`give_back` gives back all files of a target that are claimed and not under way."""
        self._index = index
        self._hand = hand
        self._give_back = give_back
        self._log = log

    def check(self, state: TargetState, now: float) -> None:
        """Check the project of the target before its first file is sent, and end a pause that is over."""
        if state.project_check is None:
            token = state.target_queue.key_token()
            has_new_key = token != state.key_token
            state.paused_until = min(state.paused_until, now + PROBE_AFTER_S)  # the clock may have been set back
            if state.refusal is not None:
                if not has_new_key and now < state.paused_until:
                    return
                self._index.resume(state.target)
                state.refusal = None
            elif state.is_checked and not has_new_key:
                return
            # A new key may open another project: check it before the next file is sent.
            state.is_checked = False
            state.key_token = token
            state.target_queue.service.forget_project()
            state.project_check = self._hand(state.target_queue.service.project_id, now)
        if state.project_check is not None and state.project_check.done():
            self._take(state, state.project_check, now)

    def refuse(self, in_flight: InFlight, reason: str, now: float) -> None:
        """Pause the target of a request that was refused, unless a newer key is in use: it says nothing about that."""
        if in_flight.key_token == in_flight.state.key_token:
            self.pause(in_flight.state, reason, now)

    def pause(self, state: TargetState, reason: str, now: float) -> None:
        """Send nothing to the target until its key changes, or for PROBE_AFTER_S."""
        if state.refusal is None:
            self._log.error("target.paused", target=state.target, reason=reason)
        self._index.pause(state.target, reason, now=now)
        state.refusal = reason
        state.is_checked = False
        state.paused_until = now + PROBE_AFTER_S
        state.flow_control.distrust()  # try one file first: the key may still be refused
        self._give_back(state)

    def _take(self, state: TargetState, project_check: Future[int], now: float) -> None:
        error = project_check.exception()
        refusal = str(error) if isinstance(error, ConfigurationError) else None
        if error is None:
            refusal = self._index.identify(state.target, project_check.result())
        elif not isinstance(error, EisyncError):
            self._log.error("target.crashed", target=state.target, error=type(error).__name__, exc_info=error)
        if refusal is not None:
            self.pause(state, refusal, now)
        # A key may be allowed to upload but not to read the project. Then the answers to uploads name the project.
        state.project_check, state.is_checked = None, refusal is None
