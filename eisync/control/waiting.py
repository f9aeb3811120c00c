"""Tell complete files that wait what they wait for, from what the running process and the database say now."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from eisync.core.batching import Order
from eisync.core.file_status import StatusFinding
from eisync.core.lifecycle import State
from eisync.core.waiting import MAX_BEFORE, Blockers, why_waiting
from eisync.store.index import Index
from eisync.store.observations import DEFAULT_REASONS
from eisync.store.outbox import Outbox
from eisync.store.pauses import ALL

Record = dict[str, Any]

_READY = State.READY.value


class Waiting:
    """The blockers of this moment, for one answer. Nothing is read before a waiting file comes."""

    def __init__(self, index: Index, outbox: Outbox, report: Callable[[], Record | None], *, now: float) -> None:
        self._index = index
        self._outbox = outbox
        self._report = report
        self._now = now

    def told(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records, those of waiting files with what they wait for as `reason`."""
        for record in records:
            yield {**record, "reason": self._reason(record)} if record.get("state") == _READY else record

    def findings(self) -> list[StatusFinding]:
        """Return what the latest waiting files wait for, in groups."""
        return [
            StatusFinding(_READY, self._why(one.root, one.failure, one.due_at, None), one.files, one.path)
            for one in self._index.observations.waiting(self._now)
        ]

    def _reason(self, record: Record) -> str:
        failure = None if record["reason"] == DEFAULT_REASONS[_READY] else record["reason"]
        return self._why(record["root"], failure, record["due_at"], record["file"])

    def _why(self, root: str, failure: str | None, due_at: float, file_id: int | None) -> str:
        blockers, due_in_s = self._blockers.get(root, self._unwatched), due_at - self._now
        is_free = blockers == Blockers(max_rate=blockers.max_rate) and due_in_s <= 0
        before = self._before.get(file_id, MAX_BEFORE) if is_free and file_id is not None else None
        return why_waiting(blockers, failure=failure, due_in_s=due_in_s, before=before)

    @cached_property
    def _live(self) -> Record | None:
        return self._report()

    @property
    def _unwatched(self) -> Blockers:
        return Blockers(is_running=False)

    @cached_property
    def _blockers(self) -> dict[str, Blockers]:
        """The blockers of the folders that this process watches; of all, if none runs."""
        live = self._live
        if live is None:
            return {}
        paused = self._index.pauses.now(self._now)
        refusals = {target.name: target.paused_reason for target in self._index.targets()}
        upload = live.get("upload") or {}
        watched = {one["root"] for one in live.get("watching", ())}
        found = {}
        for root in self._index.roots():
            if root.path not in watched:
                continue
            left = [paused[one] for one in (ALL, root.id) if one in paused]
            found[root.path] = Blockers(
                refusal=refusals.get(root.target),
                paused_s=max(left, default=None),
                held=(live.get("held") or {}).get(root.target),
                is_described_again=root.path in upload.get("described_again", ()),
                max_rate=upload.get("max_rate") or 0,
            )
        return found

    @cached_property
    def _before(self) -> dict[int | None, int]:
        """How many files are sent before each of the first ones, in the order of the running process."""
        order = Order(((self._live or {}).get("upload") or {}).get("order", Order.OLDEST.value))
        by_target: dict[str, list[int]] = {}
        for root in self._index.roots():
            if root.path in self._blockers:
                by_target.setdefault(root.target, []).append(root.id)
        found: dict[int | None, int] = {}
        for target, roots in by_target.items():
            ids = self._outbox.first(target, roots, order=order, limit=MAX_BEFORE, now=self._now)
            found |= {identity: place for place, identity in enumerate(ids)}
        return found
