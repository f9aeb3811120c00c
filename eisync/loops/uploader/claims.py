"""Claim due files. Hash those whose content may be known, and do not send what the project has already.

Only a few files are hashed: those with the size of a deleted content, and those with the size and mtime of a file that
is no longer in its place. One worker hashes, a bounded number of files at a time, while the others send.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import dataclass, field

from eisync.core.batching import Inference, Request, unsendable
from eisync.core.known_content import KnownContent, settle_known
from eisync.core.lifecycle import Event
from eisync.core.model import Item, value
from eisync.core.outcome import Outcome, after_file_error, give_back, refuse
from eisync.errors import FileError, UnreachableError
from eisync.loops.uploader.label_inference import LabelInference
from eisync.loops.uploader.results import Results
from eisync.loops.uploader.target_state import SendingRules, TargetQueue, TargetState, Workers
from eisync.store.outbox import Outbox

FILES_AT_ONCE = 64
BYTES_AT_ONCE = 32 * 1024 * 1024
MAX_WAITING = 4_000
"""A target with this many files to hash claims no more."""
RETRY_S = 5.0
REQUESTS_AT_ONCE = 4
"""A claim takes the files of about this many requests."""
PROBE_CHOICE = 64
"""A probe is the smallest of this many due files."""

Found = str | FileError | UnreachableError
Known = Callable[[str, Sequence[tuple[Item, str]]], Mapping[int, Sequence[KnownContent]]]
"""Return the known contents of a target's items, by the id of the item. Each item is given with its SHA-256."""


@value
class Suspect:
    """A claimed file whose content may be known."""

    state: TargetState
    claim: int
    item: Item


@dataclass(slots=True)
class Checked:
    """The results for one target's files of one claim: some have an outcome, the unknown ones must be sent."""

    state: TargetState
    claim: int
    settled: list[tuple[Item, Outcome]] = field(default_factory=list)
    unknown: list[Item] = field(default_factory=list)


class Deduplicator:
    """Holds claimed files until they are hashed. Every file is settled, sent, or given back."""

    def __init__(
        self,
        workers: Workers,
        hash_of: Callable[[Item], str],
        *,
        known: Known,
    ) -> None:
        self._workers = workers
        self._hash_of = hash_of
        self._known = known
        self._waiting: deque[Suspect] = deque()
        self._under_way: tuple[list[Suspect], Future[list[Found]]] | None = None

    def add(self, state: TargetState, claim: int, items: Sequence[Item], suspects: Set[int]) -> list[Item]:
        """Take the items whose id is in `suspects`. Return the others."""
        self._waiting.extend(Suspect(state, claim, item) for item in items if item.id in suspects)
        return [item for item in items if item.id not in suspects]

    def is_full(self, state: TargetState) -> bool:
        """Return whether too many files of the target wait to claim more."""
        return len(self._waiting) >= MAX_WAITING and sum(one.state is state for one in self._waiting) >= MAX_WAITING

    @property
    def is_idle(self) -> bool:
        """Return whether no file waits or is being hashed."""
        return not self._waiting and self._under_way is None

    def begin(self) -> None:
        """Hand the next files to a worker to hash, unless one is hashing already."""
        if self._under_way is not None or not self._waiting:
            return
        piece: list[Suspect] = []
        left_bytes = BYTES_AT_ONCE
        while self._waiting and len(piece) < FILES_AT_ONCE and left_bytes > 0:
            piece.append(self._waiting.popleft())
            left_bytes -= piece[-1].item.facts.size
        try:
            future = self._workers.pool.submit(self._hash_all, [one.item for one in piece])
        except RuntimeError:  # no thread can be started now
            self._waiting.extendleft(reversed(piece))
            return
        self._under_way = (piece, future)
        future.add_done_callback(lambda _: self._workers.wake())

    def take(self, now: float) -> Iterator[Checked]:
        """Yield the results of the files that have been hashed, by target and claim."""
        if self._under_way is None or not self._under_way[1].done():
            return
        piece, future = self._under_way
        results = future.result()
        contents = self._contents_of(piece, results)  # if the store fails here, the next call asks again
        self._under_way = None
        found: dict[tuple[int, int], Checked] = {}
        for suspect, one in zip(piece, results, strict=True):
            key = (id(suspect.state), suspect.claim)
            checked = found.setdefault(key, Checked(suspect.state, suspect.claim))
            outcome = self._outcome_of(suspect.item, one, contents, now)
            if outcome is None:
                checked.unknown.append(suspect.item)
            else:
                checked.settled.append((suspect.item, outcome))
        yield from found.values()

    def give_back(self, state: TargetState | None = None) -> list[tuple[int, Item]]:
        """Remove the waiting files of one target, or of all, and return them as (claim, item)."""
        given = [one for one in self._waiting if state is None or one.state is state]
        self._waiting = deque(one for one in self._waiting if state is not None and one.state is not state)
        return [(one.claim, one.item) for one in given]

    def _contents_of(self, piece: Sequence[Suspect], results: Sequence[Found]) -> dict[int, Sequence[KnownContent]]:
        hashed: defaultdict[str, list[tuple[Item, str]]] = defaultdict(list)
        for suspect, one in zip(piece, results, strict=True):
            if isinstance(one, str):
                hashed[suspect.state.target_queue.target].append((suspect.item, one))
        contents: dict[int, Sequence[KnownContent]] = {}
        for target, items in hashed.items():
            contents.update(self._known(target, items))
        return contents

    def _outcome_of(
        self, item: Item, found: Found, contents: Mapping[int, Sequence[KnownContent]], now: float
    ) -> Outcome | None:
        if isinstance(found, FileError):
            return after_file_error(item, found)
        if isinstance(found, UnreachableError):
            retry_at = now + RETRY_S
            return Outcome(item_id=item.id, events=(Event.DEFER,), due_at=retry_at, is_attempt=False)
        return settle_known(item.id, found, contents.get(item.id, ()))

    def _hash_all(self, items: Sequence[Item]) -> list[Found]:
        return [self._hash(item) for item in items]

    def _hash(self, item: Item) -> Found:
        try:
            return self._hash_of(item)
        except (FileError, UnreachableError) as error:
            return error


class Claims:
    """Claims files for all targets."""

    def __init__(
        self,
        outbox: Outbox,
        rules: SendingRules,
        targets: Sequence[TargetQueue],
        workers: Workers,
        hash_of: Callable[[Item], str],
        results: Results,
        inference: LabelInference,
    ) -> None:
        self._outbox = outbox
        self._inference = inference
        self._rules = rules
        self._workers = workers
        self._results = results
        self._number = 0
        self._all_roots = sorted({root_id for target_queue in targets for root_id in target_queue.roots})
        self.deduplicator = Deduplicator(workers, hash_of, known=self._known_contents)

    def claim(self, state: TargetState, now: float) -> None:
        """Claim the due files of the target, and queue them as requests."""
        target_queue, flow_control = state.target_queue, state.flow_control
        self._number += 1
        # Claim enough for several requests at a time: a claim has its price.
        files = flow_control.limits.files
        limit = PROBE_CHOICE if flow_control.is_held else files * REQUESTS_AT_ONCE
        items = self._outbox.claim(
            target_queue.target,
            self.roots_of(target_queue, now),
            order=self._rules.order(),
            limit=limit,
            files=1 if flow_control.is_held else files,
            can_infer=self._inference.of(state) is Inference.ON,
            claim=self._number,
            now=now,
        )
        state.note_claim(len(items), limit=limit, now=now)
        settled = [(item, refuse(item, reason)) for item in items if (reason := unsendable(item)) is not None]
        parked = {item.id for item, _ in settled}
        sendable = [item for item in items if item.id not in parked]
        sendable = self._unless_known(state, sendable, settled)
        if flow_control.is_held and sendable:
            probe = min(sendable, key=lambda item: item.facts.size)
            settled += [(item, give_back(item)) for item in sendable if item is not probe]
            sendable = [probe]
        self.queue(state, self._number, sendable, now)
        if settled:
            self._results.add(self._number, settled)

    def is_pressed(self, state: TargetState, now: float) -> bool:
        """Return whether more requests are needed at once than are under way, because many wait or files do.

        While new files arrive, they fill the next requests: then a few large requests are better than many small ones.
        """
        if state.has_more or not state.queue or len(state.queue) >= state.flow_control.window:
            return state.has_more or bool(state.queue)
        due_at = self._outbox.next_due_at(state.target, self.roots_of(state.target_queue, now))
        return due_at is None or due_at > now

    def queue(self, state: TargetState, claim: int, items: Sequence[Item], now: float) -> None:
        """Queue claimed items as requests."""
        state.queue.extend((claim, request) for request in self._inference.requests(state, items, now))

    def give_back(self, state: TargetState) -> None:
        """Give back everything of the target that is not under way."""
        while state.queue:
            self.give_back_request(state, *state.queue.popleft())
        for claim, item in self.deduplicator.give_back(state):
            self._results.add(claim, [(item, give_back(item))])

    def give_back_request(self, state: TargetState, claim: int, request: Request) -> None:
        """Give back the files of a request that is not sent."""
        self._results.add(claim, [(item, give_back(item)) for item in request.items])
        self._inference.withdraw(state, request)

    def _unless_known(self, state: TargetState, items: list[Item], settled: list[tuple[Item, Outcome]]) -> list[Item]:
        """Return the claimed items to send at once. Give those whose content may be known to the deduplicator."""
        if not items:
            return items
        suspects = None
        try:
            suspects = self._outbox.may_be_known(state.target, items, self._all_roots)
        finally:
            if suspects is None:  # the store failed: give back what was claimed
                self._results.add(self._number, settled + [(item, give_back(item)) for item in items])
        return self.deduplicator.add(state, self._number, items, suspects) if suspects else items

    def _known_contents(self, target: str, hashed: Sequence[tuple[Item, str]]) -> Mapping[int, Sequence[KnownContent]]:
        return self._outbox.known_contents(target, hashed, self._all_roots)

    def roots_of(self, target_queue: TargetQueue, now: float) -> list[int]:
        """Return the roots of the target whose files may be sent now."""
        withheld = self._rules.withheld(now)
        return [root_id for root_id in target_queue.roots if root_id not in withheld]
