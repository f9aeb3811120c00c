"""Upload samples that the caller has in memory, and show the progress on stderr.

Progress is a bar if `rich` is installed, a plain line otherwise.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TextIO

from eisync.data import client
from eisync.data.drafts import Draft, Outgoing, limits_for, outgoing
from eisync.data.sample_type import Sample, SampleIngestionResponse, UploadSamplesResponse
from eisync.data.sending import WORKERS, Entries, Sending, UploadOptions, is_elsewhere
from eisync.data.sources import SourceError

Progress = Callable[[int, int], None]
"""Called with the number of finished samples and the total."""

Advance = Callable[[int], None]


def upload_samples(
    samples: Sample | Iterable[Sample],
    allow_duplicates: bool | None = False,
    api_key: str | None = None,
    timeout_sec: float | None = None,
    max_workers: int | None = None,
    show_progress: bool | None = False,
    pool_maxsize: int | None = 20,
    pool_connections: int | None = 20,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> UploadSamplesResponse:
    """Upload one sample or many, and return the result of each.

    Samples with the same category, label and metadata share requests. The only field that changes is `sample_id`, of a
    sample that was stored. Unless duplicates are allowed, the call is safe to repeat: a sample that is already in the
    project becomes a failure whose `error` says so.

    Replaces `edgeimpulse.data.upload_samples`; `executor` and `progress` are additions.

    Args:
        samples: A sample, or any iterable of samples. Samples of the official SDK are accepted, too.
        allow_duplicates: Store content again that is already in the project. None or False: the service refuses it.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.
        max_workers: How many requests run at the same time, 1 or more. None: 8.
        show_progress: Show progress on stderr: a bar if `rich` is installed, plain lines otherwise.
        pool_maxsize: How many idle connections to keep for each host, at least `max_workers`. None: 20.
        pool_connections: For how many hosts to keep idle connections. None: 20.
        executor: Runs the requests, in threads, processes or on other machines (docs/data.md). It is not shut down.
            None: the call starts and ends threads of its own.
        progress: Called as `progress(done, total)` in the calling thread, each time samples are finished.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        TypeError: An element of `samples` is not a sample.
        ValueError: `timeout_sec` is not positive, or `max_workers` is less than 1.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

    Example:
        >>> from eisync.data import Sample, upload_samples
        >>> response = upload_samples(Sample("timestamp,x\\n0,1\\n10,2\\n", filename="wave.01.csv", label="wave"))
        >>> response.success, len(response.successes), response.successes[0].sample.sample_id is not None
        (True, 1, True)
    """
    given: list[Any] = [samples] if _is_sample(samples) else list(samples)  # type: ignore[arg-type]
    for sample in given:
        if not _is_sample(sample):
            raise TypeError(f"samples must be Sample objects, not {type(sample).__name__}")
    return upload_drafts(
        [Draft(sample) for sample in given],
        options=options_of(
            allow_duplicates=allow_duplicates,
            api_key=api_key,
            timeout_sec=timeout_sec,
            max_workers=max_workers,
            pool_maxsize=pool_maxsize,
            pool_connections=pool_connections,
        ),
        show_progress=show_progress,
        executor=executor,
        progress=progress,
    )


def options_of(
    *,
    allow_duplicates: bool | None,
    api_key: str | None,
    timeout_sec: float | None,
    max_workers: int | None,
    pool_maxsize: int | None = 20,
    pool_connections: int | None = 20,
) -> UploadOptions:
    """Return the options of an upload, checked.

    Raises MissingApiKeyException, InvalidApiKeyException, MissingApiIngestionEndpointException or ValueError.
    """
    if max_workers is not None and max_workers < 1:
        raise ValueError("max_workers must be greater than 0")
    workers = max_workers or WORKERS
    return UploadOptions(
        key=client.api_key(api_key),
        url=client.ingestion_url(),
        allow_duplicates=bool(allow_duplicates),
        timeout_s=client.limits_s(timeout_sec),
        workers=workers,
        pool_connections=pool_connections or 20,
        pool_maxsize=max(pool_maxsize or 20, workers),
    )


def upload_drafts(
    drafts: Sequence[Draft],
    *,
    options: UploadOptions,
    show_progress: bool | None,
    executor: Executor | None,
    progress: Progress | None,
) -> UploadSamplesResponse:
    """Upload as `upload_samples` does, but from drafts."""
    if not drafts:
        return UploadSamplesResponse([], [])
    unsendable: dict[int, Entries] = {}
    with counting(len(drafts), "Uploading", show=show_progress, progress=progress) as advance:

        def sendable() -> Iterator[Outgoing]:
            for position, draft in enumerate(drafts):
                try:
                    sample = outgoing(draft, position)
                    yield sample.portable() if is_elsewhere(executor) else sample
                except SourceError as error:
                    unsendable[position] = [{"success": False, "error": str(error)}]
                    advance(1)

        transport = client.transport(pool_connections=options.pool_connections, pool_maxsize=options.pool_maxsize)
        limits = limits_for(len(drafts), options.workers)
        found = Sending(options, transport).run(sendable(), limits, executor=executor, progress=advance)
    return _response(drafts, found | unsendable)


def _response(drafts: Sequence[Draft], found: dict[int, Entries]) -> UploadSamplesResponse:
    """Return successes and failures in the order of the samples, and set `sample_id` of each success."""
    taken: set[int] = {int(entry["sampleId"]) for entry in _stored(found) if entry.get("sampleId") is not None}
    results: list[SampleIngestionResponse] = []
    for position, draft in enumerate(drafts):
        for entry in found[position]:
            settled = _unless_taken(entry, taken)
            if settled.get("success"):
                draft.sample.sample_id = settled.get("sampleId")
            results.append(SampleIngestionResponse(draft.sample, settled))
    return UploadSamplesResponse(
        [result for result in results if result.success], [result for result in results if not result.success]
    )


def _stored(found: dict[int, Entries]) -> Iterator[dict[str, Any]]:
    return (
        entry for entries in found.values() for entry in entries if entry.get("success") and "confirmed" not in entry
    )


def _unless_taken(entry: dict[str, Any], taken: set[int]) -> dict[str, Any]:
    """Return the entry, but as a duplicate if another sample of this call was stored under its id.

    A sample is confirmed when the service reports its content as a duplicate after a lost answer. If the id in that
    report belongs to another sample of this call, the two have the same content, and this one is a duplicate.
    """
    if "confirmed" not in entry:
        return entry
    sample_id = entry["sampleId"]
    if sample_id in taken:
        refused: dict[str, Any] = entry["confirmed"]
        return refused
    if sample_id is not None:
        taken.add(sample_id)
    return entry


def _is_sample(found: object) -> bool:
    # Checked by attributes, so that a Sample of the official SDK is accepted, too.
    return isinstance(found, Sample) or (hasattr(found, "data") and hasattr(found, "bounding_boxes"))


@contextmanager
def counting(total: int, what: str, *, show: bool | None, progress: Progress | None) -> Iterator[Advance]:
    """Yield a function that adds to the number of finished samples, from any thread. `what` is the text of the bar."""
    done = 0
    lock = threading.Lock()
    bar = _bar(total, what) if show else nullcontext(_draw_nothing)
    with bar as draw:

        def advance(number: int) -> None:
            nonlocal done
            with lock:
                done += number
                draw(done)
                if progress is not None:
                    progress(done, total)

        yield advance


def _draw_nothing(done: int) -> None:
    pass


def _bar(total: int, what: str) -> AbstractContextManager[Advance]:
    try:
        import rich.progress  # noqa: F401 (is it there?)
    except ImportError:
        return _line(total, what, sys.stderr)
    return _rich_bar(total, what)


@contextmanager
def _rich_bar(total: int, what: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def _line(total: int, what: str, stream: TextIO) -> Iterator[Advance]:
    """Rewrite one line in place on a terminal. Elsewhere print a line for each tenth, so that a log stays short."""
    is_terminal = stream.isatty()
    shown_tenth = 0

    def draw(done: int) -> None:
        nonlocal shown_tenth
        tenth = 10 * done // total if total else 10
        if is_terminal or tenth > shown_tenth:
            shown_tenth = tenth
            text = f"{what}: {done} of {total} ({100 * done // total if total else 100} %)"
            print(text, end="\r" if is_terminal else "\n", file=stream, flush=True)

    yield draw
    if is_terminal:
        print(file=stream, flush=True)
