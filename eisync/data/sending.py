"""Send samples in several requests at once, until each sample has a result. A failed sample never affects another.

A request without an answer is sent again when that is safe. It is always safe if the request certainly did not arrive.
Otherwise it is safe only while duplicates are refused: the answer `An item with this hash already exists` then confirms
that the first request was stored. A request that was refused as a whole is split in halves until the file that caused
it is alone. If an answer does not have one entry for each file, the files are sent one by one (wire contract, section
1).
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from eisync.adapters import clock
from eisync.adapters.client.body import joined
from eisync.adapters.process import hand
from eisync.core.batching import Limits
from eisync.core.formats.json_syntax import json_object
from eisync.core.labels.parts import LabelParts
from eisync.core.retry import Fault
from eisync.core.text import one_line
from eisync.core.wire import (
    BETWEEN,
    Barred,
    Duplicate,
    Failed,
    Outcome,
    Reply,
    Silence,
    Smaller,
    closing,
    preamble,
    read_reply,
    upload_headers,
)
from eisync.data import client
from eisync.data.drafts import Outgoing, requests_of
from eisync.data.sources import CHUNK_BYTES, Content, SourceError
from eisync.errors import EisyncError, FileError, FileUnreadableError

if TYPE_CHECKING:
    from eisync.adapters.client.transport import Transport

WORKERS = 8

Entries = list[dict[str, Any]]
"""The entries of one file in the service's answer: one, or several if the service made several samples from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """How to send. `timeout_s` has two limits: to connect, and for each wait after that."""

    key: str | client.KeyElsewhere
    url: str
    allow_duplicates: bool
    timeout_s: tuple[float, float]
    workers: int = WORKERS
    pool_connections: int = 20
    pool_maxsize: int = 20


@dataclass(frozen=True, slots=True)
class _Request:
    samples: Sequence[Outgoing]
    is_doubtful: bool = False  # an earlier one may have stored these samples


@dataclass(frozen=True, slots=True)
class _Results:
    """The entries of each sample, by position, and the requests that must be sent again.

    `attempts` and `barred` are what the request taught about the service, for those that follow.
    """

    entries: Mapping[int, Entries] = field(default_factory=dict)
    again: Sequence[_Request] = ()
    attempts: int = client.ATTEMPTS
    barred: dict[str, Any] | None = None


class Sending:
    """The requests of one call. Call `run` once; the executor runs every request.

    It can be pickled with a request. In another process it uses the connections of that process.
    """

    def __init__(self, options: UploadOptions, transport: "Transport | None" = None) -> None:
        self._options = options
        self._own_transport = transport
        self._attempts = client.ATTEMPTS
        self._barred: dict[str, Any] | None = None

    def __getstate__(self) -> tuple[UploadOptions, int, dict[str, Any] | None]:
        return self._options, self._attempts, self._barred

    def __setstate__(self, state: tuple[UploadOptions, int, dict[str, Any] | None]) -> None:
        self._options, self._attempts, self._barred = state
        self._own_transport = None

    @property
    def _transport(self) -> "Transport":
        options = self._options
        return self._own_transport or client.transport(
            pool_connections=options.pool_connections, pool_maxsize=options.pool_maxsize
        )

    def run(
        self,
        samples: Iterable[Outgoing],
        limits: Limits,
        *,
        executor: Executor | None,
        progress: Callable[[int], None],
    ) -> dict[int, Entries]:
        """Send all samples, and return the entries of each, by position.

        `progress` is called with the number of samples that were finished since its last call. `samples` is iterated
        in this thread while requests are running.
        """
        requests = (_Request(one) for one in requests_of(samples, limits))
        if executor is not None:
            self._options = replace(self._options, key=client.key_for(executor, client.api_key(self._options.key)))
            return self._drain(requests, executor, progress)
        with ThreadPoolExecutor(self._options.workers, "eisync-upload") as own:
            try:
                return self._drain(requests, own, progress)
            except BaseException:
                own.shutdown(wait=False, cancel_futures=True)
                raise

    def _drain(
        self, requests: Iterator[_Request], executor: Executor, progress: Callable[[int], None]
    ) -> dict[int, Entries]:
        found: dict[int, Entries] = {}
        again: deque[_Request] = deque()
        under_way: dict[Future[_Results], _Request] = {}
        while True:
            while len(under_way) < self._options.workers:
                request = again.popleft() if again else next(requests, None)
                if request is None:
                    break
                under_way[self._handed(executor, request)] = request
            if not under_way:
                return found
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                results = self._results_of(future, under_way.pop(future), executor)
                self._attempts = min(self._attempts, results.attempts)
                self._barred = self._barred or results.barred
                found.update(results.entries)
                again.extend(results.again)
                progress(len(results.entries))

    def _handed(self, executor: Executor, request: _Request) -> Future[_Results]:
        """Hand the request to the executor. Where that is broken, return a future with the error."""
        try:
            return hand(executor, self._work, request)
        except BrokenExecutor as error:
            failed: Future[_Results] = Future()
            failed.set_exception(error)
            return failed

    def _results_of(self, future: Future[_Results], request: _Request, executor: Executor) -> _Results:
        """Return the results. An executor that lost the request cannot say whether its samples were stored."""
        try:
            return future.result()
        except EisyncError as error:
            failure = _failure(str(error))  # the other process has no key, or another one: nothing was sent
        except Exception as error:
            if not is_elsewhere(executor):
                raise
            reason = one_line(f"{type(error).__name__}: {error}")
            failure = _failure(f"the executor lost the request, and the sample may be stored ({reason})")
        return _Results({sample.position: [failure] for sample in request.samples})

    def _work(self, request: _Request) -> _Results:
        results = self._send_to_the_end(request)
        return replace(results, attempts=self._attempts, barred=self._barred)

    def _send_to_the_end(self, request: _Request) -> _Results:
        """Send the request until it has an outcome or the attempts are used up."""
        samples = request.samples
        if self._barred is not None:
            return _Results({sample.position: [self._barred] for sample in samples})
        is_doubtful = request.is_doubtful
        attempt = 1
        while True:
            try:
                reply = self._send(samples)
            except FileError as error:
                bad = samples[error.item_id]
                rest = [sample for sample in samples if sample is not bad]
                again = [_Request(rest, is_doubtful)] if rest else []
                return _Results({bad.position: [_failure(str(error))]}, again)
            outcomes = read_reply(reply, sent=len(samples), now=clock.now())
            if attempt >= self._attempts or not self._is_worth_repeating(reply, outcomes):
                break
            is_doubtful = is_doubtful or _may_have_arrived(outcomes)
            client.pause(reply, attempt)
            attempt += 1
        if isinstance(reply, Silence) and reply.fault is Fault.UNREACHABLE:
            self._attempts = 1  # all attempts failed to connect: the other requests try only once
        return self._read(reply, outcomes, _Request(samples, is_doubtful))

    def _send(self, samples: Sequence[Outgoing]) -> Reply | Silence:
        options = self._options
        boundary = clock.boundary()
        headers = {
            "x-api-key": client.api_key(options.key),
            **upload_headers(boundary, allow_duplicates=options.allow_duplicates),
            **dict(samples[0].headers),
        }
        return self._transport.send(
            "POST",
            f"{options.url}/api/{quote(samples[0].category, safe='')}/files",
            headers=headers,
            timeout_s=options.timeout_s,
            body=_Body(samples, boundary),
        )

    def _is_worth_repeating(self, reply: Reply | Silence, outcomes: Sequence[Outcome]) -> bool:
        is_repeatable = not self._options.allow_duplicates
        if isinstance(reply, Reply) and reply.status == 200:
            return is_repeatable and any(isinstance(outcome, Failed) for outcome in outcomes)
        return client.may_repeat(reply, is_repeatable=is_repeatable)

    def _read(self, reply: Reply | Silence, outcomes: Sequence[Outcome], request: _Request) -> _Results:
        samples = request.samples
        entries = _entries(reply, outcomes)
        if isinstance(outcomes[0], Barred):
            self._barred = entries[0][0]
        if isinstance(outcomes[0], Smaller):
            return self._in_smaller_requests(outcomes[0], reply, request)
        if request.is_doubtful:
            entries = [_as_stored(outcome, one) for outcome, one in zip(outcomes, entries, strict=True)]
        return _Results({sample.position: one for sample, one in zip(samples, entries, strict=True)})

    def _in_smaller_requests(self, outcome: Smaller, reply: Reply | Silence, request: _Request) -> _Results:
        samples = request.samples
        was_stored = isinstance(reply, Reply) and reply.status == 200
        if was_stored and self._options.allow_duplicates:
            # Sending them again would store them twice. A guess could give a sample the id of another.
            failure = _failure(f"{outcome.reason}; the samples may be stored, but eisync cannot tell which is which")
            return _Results({sample.position: [failure] for sample in samples})
        pieces = [samples[first : first + outcome.cap] for first in range(0, len(samples), outcome.cap)]
        return _Results(again=[_Request(piece, request.is_doubtful or was_stored) for piece in pieces])


class _Body:
    """The body of one request. Its length is known; each iteration reads the sources again.

    The constructor loads the sources. It and the iteration raise FileUnreadableError, whose `item_id` is the index of
    the sample in `samples`. If the body is cut short, the service stores nothing of it.
    """

    def __init__(self, samples: Sequence[Outgoing], boundary: str) -> None:
        companions = LabelParts()
        self._files: list[tuple[int, bytes, Content]] = []
        for index, sample in enumerate(samples):
            for name, source in ((sample.name, sample.source), *sample.attachments):
                with _errors_of(index):
                    self._files.append((index, preamble(name, boundary), source.load()))
            companions.add(sample.name, sample.about)
        self._closing = closing(companions, boundary)

    def __len__(self) -> int:
        return sum(len(head) + content.size + len(BETWEEN) for _, head, content in self._files) + len(self._closing)

    def __iter__(self) -> Iterator[bytes]:
        return joined(self._pieces(), CHUNK_BYTES)

    def _pieces(self) -> Generator[bytes, None, None]:
        for index, head, content in self._files:
            yield head
            with _errors_of(index):
                yield from content.chunks()
            yield BETWEEN
        yield self._closing


def is_elsewhere(executor: Executor | None) -> bool:
    """Return whether the executor may work in other processes, so that its work must be pickled."""
    return executor is not None and not isinstance(executor, ThreadPoolExecutor)


@contextmanager
def _errors_of(index: int) -> Iterator[None]:
    """Raise a SourceError as the FileUnreadableError of the sample with this index."""
    try:
        yield
    except SourceError as error:
        raise FileUnreadableError(str(error), item_id=index) from error


def _may_have_arrived(outcomes: Sequence[Outcome]) -> bool:
    return any(isinstance(outcome, Failed) and outcome.fault is Fault.UNANSWERED for outcome in outcomes)


def _entries(reply: Reply | Silence, outcomes: Sequence[Outcome]) -> list[Entries]:
    """Return the service's entries if its answer has some. Otherwise make entries from its error text, or from ours."""
    if isinstance(reply, Silence):
        return [[_failure(reply.reason)]] * len(outcomes)
    answer = json_object(reply.body)
    if reply.status != 200:
        # The body of a redirect is not from the service.
        error = answer.get("error") if answer and not 300 <= reply.status < 400 else None
        text = str(error) if error else getattr(outcomes[0], "reason", f"HTTP {reply.status}")
        return [[_failure(text)]] * len(outcomes)
    found = answer.get("files") if answer else None
    if isinstance(found, list) and all(isinstance(entry, dict) for entry in found):
        if len(found) == len(outcomes):
            return [[entry] for entry in found]
        if len(outcomes) == 1 and found:
            return [found]
        if not found:
            return [[_failure("No files listed in response")]] * len(outcomes)
    return [[_failure(getattr(outcome, "reason", "eisync cannot read the answer"))] for outcome in outcomes]


def _as_stored(outcome: Outcome, entries: Entries) -> Entries:
    """Return a duplicate as a success: an earlier request without an answer has stored this content."""
    if not isinstance(outcome, Duplicate) or any(entry.get("success") for entry in entries):
        return entries
    sample_id = outcome.sample_ids[0] if outcome.sample_ids else None
    return [{"success": True, "sampleId": sample_id, "confirmed": entries[0]}]


def _failure(error: str) -> dict[str, Any]:
    return {"success": False, "error": error}
