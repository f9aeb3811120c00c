"""Samples come back from the project: listed, newest first, or whole, in the order asked for.

The listing is walked several stretches of ids at a time. Each page is asked for below the last id of the one before: a
page by offset would skip samples while others delete, and repeat them while others upload.

Images, video and sound come as files. Values come as JSON text in the data acquisition format, whatever they were
uploaded as, so that they can be uploaded again; anything else comes as the bytes that were uploaded. Source: the wire
contract, sections 2 and 3.
"""

import contextlib
import io
import json
import operator
import os
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from eisync.adapters.process import hand_over
from eisync.core.batching import PageSize
from eisync.core.listing import may_be_listed
from eisync.core.studio import MOST_LISTED, original_name, says_no_sample
from eisync.data.client import LARGEST_ANSWER_BYTES, Access, TooLargeException
from eisync.data.sample_type import Sample
from eisync.data.uploading import Progress, counting
from eisync.exceptions import UnsuccessfulRequestException

_WORKERS = 16  # they wait for the network, not for a processor
_WHOLE = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_FILES = {
    ("image", "rgba"): "image",
    ("video", "rgba"): "video",
    ("audio", "wav"): "wav?axisIx=0",
}
"""The first sensor of a sample that is a file, and where the file is."""
_MOST_BYTES = 16 * 1024 * 1024  # a page that is larger is asked for smaller

Remote = dict[str, Any]
"""A sample as Studio lists it."""


def download_samples_by_ids(
    sample_ids: int | Iterable[int],
    api_key: str | None = None,
    timeout_sec: float | None = None,
    max_workers: int | None = None,
    show_progress: bool | None = False,
    pool_maxsize: int | None = 20,
    pool_connections: int | None = 20,
    *,
    progress: Progress | None = None,
) -> list[Sample]:
    """Download the samples with these ids, in their order; leave out an id that the project does not have.

    All samples are in memory at once: `stream_samples_by_ids` holds a few.

    Stands for `edgeimpulse.data.download_samples_by_ids`; `progress` is an addition.

    Args:
        sample_ids: One id, or any iterable of ids.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.
        max_workers: How many samples are fetched at a time. None: 16.
        show_progress: Draw a progress bar on stderr: rich's where rich is installed, plain lines otherwise.
        pool_maxsize: How many idle connections to a host are kept for later calls. None: 20.
        pool_connections: For how many hosts connections are kept. None: 20.
        progress: Called as `progress(done, total)`, in the calling thread, each time samples are done.

    Returns:
        The samples. `data` is JSON text in the data acquisition format where the sample is a series of values (its
        `filename` ends in `.json` then), and a binary stream where it is a file.

    Raises:
        TypeError: An id is no whole number.
        MissingApiKeyException: There is no key, in the argument or in `eisync.API_KEY`.
        InvalidApiKeyException: The key cannot be one; it is a ValueError, too.
        UnauthorizedException: The service refuses the key.
        ForbiddenException: The key's role does not allow the call.
        UnsuccessfulRequestException: The service says no; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP status that is an error; the base of the HTTP exceptions here.
        TimeoutException: No answer came in time, even when the request was repeated.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not more than 0.

    Example:
        >>> from eisync.data import Sample, download_samples_by_ids, upload_samples
        >>> sample = Sample("timestamp,x\\n0,1\\n10,2\\n", filename="wave.01.csv", label="wave")
        >>> response = upload_samples(sample)
        >>> (found,) = download_samples_by_ids([sample.sample_id, 999_999])
        >>> found.filename, found.label, json.loads(found.data)["payload"]["values"]
        ('wave.01.json', 'wave', [[1.0], [2.0]])
    """
    found = stream_samples_by_ids(
        sample_ids,
        api_key,
        timeout_sec,
        max_workers,
        show_progress,
        pool_maxsize,
        pool_connections,
        progress=progress,
    )
    return [sample for sample in found if sample is not None]


def stream_samples_by_ids(
    sample_ids: int | Iterable[int],
    api_key: str | None = None,
    timeout_sec: float | None = None,
    max_workers: int | None = None,
    show_progress: bool | None = False,
    pool_maxsize: int | None = 20,
    pool_connections: int | None = 20,
    *,
    progress: Progress | None = None,
) -> Generator[Sample | None, None, None]:
    """Download samples one after the other, in the order of their ids: a few are fetched ahead, and none is kept.

    Stands for `edgeimpulse.experimental.data.stream_samples_by_ids`; `progress` is an addition.

    Args:
        sample_ids: One id, or any iterable of ids.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.
        max_workers: How many samples are fetched at a time, and half of how many are ahead at most. None: 16.
        show_progress: Draw a progress bar on stderr: rich's where rich is installed, plain lines otherwise.
        pool_maxsize: How many idle connections to a host are kept for later calls. None: 20.
        pool_connections: For how many hosts connections are kept. None: 20.
        progress: Called as `progress(done, total)`, in the calling thread, each time samples are done.

    Returns:
        A generator of the samples, as `download_samples_by_ids` returns them; None for an id that the project does not
        have. Closing it cancels what is ahead.

    Raises:
        TypeError: An id is no whole number. The call raises it; everything below is raised by the step that meets it.
        MissingApiKeyException: There is no key, in the argument or in `eisync.API_KEY`.
        InvalidApiKeyException: The key cannot be one; it is a ValueError, too.
        UnauthorizedException: The service refuses the key.
        ForbiddenException: The key's role does not allow the call.
        UnsuccessfulRequestException: The service says no; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP status that is an error; the base of the HTTP exceptions here.
        TimeoutException: No answer came in time, even when the request was repeated.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not more than 0.

    Example:
        >>> from eisync.data import stream_samples_by_ids
        >>> list(stream_samples_by_ids(999_999))
        [None]
    """
    ids = [number_of(one) for one in (sample_ids if isinstance(sample_ids, Iterable) else [sample_ids])]
    if isinstance(sample_ids, str | bytes):
        raise TypeError("All sample IDs must be integers")
    access = Access(api_key, timeout_sec, pool_connections, pool_maxsize)
    return _stream(ids, access, max_workers or _WORKERS, show=show_progress, progress=progress)


@dataclass(frozen=True, slots=True)
class SampleListing:
    """The samples that a query selects."""

    query: dict[str, object]
    access: Access
    size: PageSize = field(default_factory=PageSize)

    def whole(self, workers: int) -> list[Remote]:
        """All of them, newest first. After the first page, stretches of ids are walked at the same time."""
        first, stated = self._page(None, None)
        total = len(first) + 1 if stated is None else stated
        if len(first) >= total or not first:
            return first
        stretches = stretches_below(first[0]["id"], first[-1]["id"], len(first), total, workers)
        with ThreadPoolExecutor(len(stretches), thread_name_prefix="list") as pool:
            walks = [hand_over(pool, self._walk, stretch) for stretch in stretches]
            return first + [sample for walk in walks for sample in walk.result()]

    def _walk(self, stretch: tuple[int | None, int]) -> list[Remote]:
        from_id, below_id = stretch
        found: list[Remote] = []
        promised: int | None = None
        while True:
            page, stated = self._page(from_id, below_id)
            promised = stated if promised is None else promised
            found += page
            if promised is not None and not may_be_listed(len(found), total=promised):
                raise UnsuccessfulRequestException(
                    f"the listing says that it has {promised} samples, but continues after {len(found)}"
                )
            if not page or (stated is not None and len(page) >= stated):
                return found
            last = page[-1]["id"]
            if last >= below_id:
                raise UnsuccessfulRequestException("the listing does not advance: maxId was not obeyed")
            below_id = last

    def _answer(self, from_id: int | None, below_id: int | None) -> dict[str, Any]:
        """A page of as many samples as are bearable; one at least, however large it is."""
        path = f"/api/{self.access.project_id()}/raw-data"
        limit = self.size.of(MOST_LISTED)
        while True:
            query = self.query | {"limit": limit, "minId": from_id, "maxId": below_id}
            most = _MOST_BYTES if limit > 1 else LARGEST_ANSWER_BYTES
            try:
                return self.access.request("GET", path, query=query, max_answer_bytes=most)
            except TooLargeException:
                if limit == 1:
                    raise
            limit = self.size.was_too_large(limit)

    def _page(self, from_id: int | None, below_id: int | None) -> tuple[list[Remote], int | None]:
        """A page, newest first, and how many the stretch holds, where the service says so."""
        answer = self._answer(from_id, below_id)
        page = sorted(answer["samples"], key=operator.itemgetter("id"), reverse=True)
        return page, answer.get("totalCount")


def stretches_below(newest: int, oldest: int, count: int, total: int, workers: int) -> list[tuple[int | None, int]]:
    """Parts of the ids below `oldest`, newest first, as (from, below); the last one has no lower end.

    The first page held `count` of `total` samples, from `newest` to `oldest`; where the others lie is guessed from how
    thick they are there. A wrong guess costs time and nothing else: every id below `oldest` is in one part.

    >>> stretches_below(300, 201, 100, 300, 2)
    [(101, 201), (None, 101)]
    """
    parts = max(1, min(workers, -(-(total - count) // count)))
    width = max(1, (newest - oldest + 1) * (total - count) // (count * parts))
    ends = [oldest - width * number for number in range(parts)]
    ends = [end for end in ends if end > 0] or [oldest]
    return [*((lower, upper) for upper, lower in pairwise(ends)), (None, ends[-1])]


def as_id(sample_id: Any) -> int:
    """A sample's id, also as a text or a fraction that is a whole number. Raises TypeError for anything else."""
    if isinstance(sample_id, str) and _WHOLE.fullmatch(sample_id):
        return int(sample_id)
    if isinstance(sample_id, float) and sample_id.is_integer():
        return int(sample_id)
    return number_of(sample_id)


def number_of(sample_id: Any) -> int:
    """A sample's id, of Python or numpy. Raises TypeError for anything else."""
    try:
        if isinstance(sample_id, bool):
            raise TypeError
        return operator.index(sample_id)
    except TypeError:
        raise TypeError("All sample IDs must be integers") from None


def _fetch(access: Access, sample_id: int) -> Sample | None:
    """The sample; None when there is none of this id."""
    path = f"/api/{access.project_id()}/raw-data/{sample_id}"
    try:
        answer = access.request("GET", path)
    except UnsuccessfulRequestException as error:
        if says_no_sample(error.error):
            return None
        raise
    sample = answer["sample"]
    name = original_name(sample.get("coldstorageFilename") or "") or sample.get("filename")
    data, name = _content(access, path, answer, name or str(sample_id))
    return Sample(
        data=data,
        filename=name,
        sample_id=sample_id,
        label=sample.get("label"),
        category=sample.get("category"),
        bounding_boxes=sample.get("boundingBoxes"),
        metadata=sample.get("metadata"),
        structured_labels=sample.get("structuredLabels"),
        label_map=(sample.get("labelMap") or {}).get("labels"),
    )


def _content(access: Access, path: str, answer: dict[str, Any], name: str) -> tuple[str | io.BytesIO, str]:
    sample, payload = answer["sample"], answer.get("payload") or {}
    sensors = payload.get("sensors") or sample.get("sensors") or []
    place = _FILES.get((sensors[0].get("name"), sensors[0].get("units"))) if sensors else None
    if place is not None:
        # A series of values may call its sensor `image`, and has none.
        with contextlib.suppress(UnsuccessfulRequestException):
            return io.BytesIO(access.file(f"{path}/{place}")), name
    if payload.get("values"):
        return _acquisition(sample, payload), f"{os.path.splitext(name)[0]}.json"
    return io.BytesIO(access.file(f"{path}/raw")), name


def _stream(
    ids: list[int], access: Access, workers: int, *, show: bool | None, progress: Progress | None
) -> Generator[Sample | None, None, None]:
    access.project_id()  # asked once, before the workers would all ask
    if not ids:
        return
    with (
        counting(len(ids), "Downloading samples", show=show, progress=progress) as advance,
        ThreadPoolExecutor(min(workers, len(ids)), thread_name_prefix="download") as pool,
    ):
        try:
            for sample in _in_order(pool, access, ids, workers):
                advance(1)
                yield sample
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # the rest is not wanted; what runs is waited for above


def _in_order(pool: Executor, access: Access, ids: list[int], workers: int) -> Iterator[Sample | None]:
    ahead: deque[Future[Sample | None]] = deque()
    for sample_id in ids:
        if len(ahead) >= 2 * workers:
            yield ahead.popleft().result()
        ahead.append(hand_over(pool, _fetch, access, sample_id))
    while ahead:
        yield ahead.popleft().result()


def _acquisition(sample: dict[str, Any], payload: dict[str, Any]) -> str:
    """To the byte what the official SDK makes of it."""
    return json.dumps(
        {
            "protected": {"ver": "v1", "alg": "none", "iat": None},
            "payload": {
                "device_type": payload.get("device_type"),
                "sensors": [
                    {"name": sensor.get("name"), "units": sensor.get("units")}
                    for sensor in sample.get("sensors") or payload["sensors"]
                ],
                "values": payload["values"],
                "interval_ms": sample.get("intervalMs", payload.get("interval_ms")),
                "device_name": payload.get("device_name"),
            },
            "signature": None,
        }
    )
