"""List the samples of a project, newest first, and download samples in the order of the ids given.

Several ranges of ids are listed at the same time. Each page ends below the lowest id of the page before. Paging by
offset would skip samples while others are deleted, and repeat samples while others are uploaded.

Images, video and sound are downloaded as files. A time series is downloaded as JSON text in the data acquisition
format, whatever its file was, so that it can be uploaded again. Anything else is downloaded as the bytes that were
uploaded. Source: the wire contract, sections 2 and 3.
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

_WORKERS = 16  # more than the cores: they mostly wait for the network
_WHOLE = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_FILES = {
    ("image", "rgba"): "image",
    ("video", "rgba"): "video",
    ("audio", "wav"): "wav?axisIx=0",
}
"""By the first sensor (name, units) of a sample that is a file: the path of the file below the sample's own path."""
_MOST_BYTES = 16 * 1024 * 1024  # a page that is larger is requested again with fewer samples

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
    """Download the samples with these ids, in the order of the ids. Ids that the project does not have are skipped.

    All samples are held in memory at once; `stream_samples_by_ids` holds only a few at a time.

    Replaces `edgeimpulse.data.download_samples_by_ids`; `progress` is an addition.

    Args:
        sample_ids: One id, or any iterable of ids.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.
        max_workers: How many samples are downloaded at the same time. None: 16.
        show_progress: Show progress on stderr: a bar if `rich` is installed, plain lines otherwise.
        pool_maxsize: How many idle connections to keep for each host. None: 20.
        pool_connections: For how many hosts to keep idle connections. None: 20.
        progress: Called as `progress(done, total)` in the calling thread, each time samples are finished.

    Returns:
        The samples. For a time series, `data` is JSON text in the data acquisition format and `filename` ends in
        `.json`. For a file, such as an image, `data` is a binary stream.

    Raises:
        TypeError: An id is not a whole number.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        UnauthorizedException: The service rejects the key (HTTP 401).
        ForbiddenException: The key's role does not allow the call (HTTP 403).
        UnsuccessfulRequestException: The service answers that the call failed; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP error status. The base class of the HTTP exceptions above.
        TimeoutException: The service did not answer in time, also after retries.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not positive.

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
    """Download samples one after the other, in the order of the ids. A few are downloaded ahead; none is kept.

    Replaces `edgeimpulse.experimental.data.stream_samples_by_ids`; `progress` is an addition.

    Args:
        sample_ids: One id, or any iterable of ids.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.
        max_workers: How many samples are downloaded at the same time. At most twice as many are held ahead. None: 16.
        show_progress: Show progress on stderr: a bar if `rich` is installed, plain lines otherwise.
        pool_maxsize: How many idle connections to keep for each host. None: 20.
        pool_connections: For how many hosts to keep idle connections. None: 20.
        progress: Called as `progress(done, total)` in the calling thread, each time samples are finished.

    Returns:
        A generator. It yields each sample as `download_samples_by_ids` returns it, and None for an id that the project
        does not have. Closing it cancels the downloads that are ahead.

    Raises:
        TypeError: An id is not a whole number. The call raises it. All exceptions below are raised by the generator.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        UnauthorizedException: The service rejects the key (HTTP 401).
        ForbiddenException: The key's role does not allow the call (HTTP 403).
        UnsuccessfulRequestException: The service answers that the call failed; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP error status. The base class of the HTTP exceptions above.
        TimeoutException: The service did not answer in time, also after retries.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not positive.

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
    """Lists the samples that a query selects."""

    query: dict[str, object]
    access: Access
    size: PageSize = field(default_factory=PageSize)

    def whole(self, workers: int) -> list[Remote]:
        """Return all of them, newest first. After the first page, ranges of ids are listed at the same time."""
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
        """Request a page with as many samples as stay within the size limit, at least one."""
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
        """Return a page, newest first, and the number of samples in the whole range, if the service reports it."""
        answer = self._answer(from_id, below_id)
        page = sorted(answer["samples"], key=operator.itemgetter("id"), reverse=True)
        return page, answer.get("totalCount")


def stretches_below(newest: int, oldest: int, count: int, total: int, workers: int) -> list[tuple[int | None, int]]:
    """Divide the ids below `oldest` into ranges (from, below), newest first. The last range has no lower end.

    The first page held `count` of `total` samples, with ids from `newest` down to `oldest`. The ranges assume that the
    other ids are as dense. A wrong guess costs only time: every id below `oldest` is in exactly one range.

    >>> stretches_below(300, 201, 100, 300, 2)
    [(101, 201), (None, 101)]
    """
    parts = max(1, min(workers, -(-(total - count) // count)))
    width = max(1, (newest - oldest + 1) * (total - count) // (count * parts))
    ends = [oldest - width * number for number in range(parts)]
    ends = [end for end in ends if end > 0] or [oldest]
    return [*((lower, upper) for upper, lower in pairwise(ends)), (None, ends[-1])]


def as_id(sample_id: Any) -> int:
    """Return a sample's id from an integer, or from a text or float with a whole number. Raises TypeError otherwise."""
    if isinstance(sample_id, str) and _WHOLE.fullmatch(sample_id):
        return int(sample_id)
    if isinstance(sample_id, float) and sample_id.is_integer():
        return int(sample_id)
    return number_of(sample_id)


def number_of(sample_id: Any) -> int:
    """Return a sample's id from an integer of Python or numpy. Raises TypeError otherwise."""
    try:
        if isinstance(sample_id, bool):
            raise TypeError
        return operator.index(sample_id)
    except TypeError:
        raise TypeError("All sample IDs must be integers") from None


def _fetch(access: Access, sample_id: int) -> Sample | None:
    """Return the sample; None when the project has no sample with this id."""
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
        # A time series may also name its sensor `image`: then there is no such file.
        with contextlib.suppress(UnsuccessfulRequestException):
            return io.BytesIO(access.file(f"{path}/{place}")), name
    if payload.get("values"):
        return _acquisition(sample, payload), f"{os.path.splitext(name)[0]}.json"
    return io.BytesIO(access.file(f"{path}/raw")), name


def _stream(
    ids: list[int], access: Access, workers: int, *, show: bool | None, progress: Progress | None
) -> Generator[Sample | None, None, None]:
    access.project_id()  # now, so that the workers do not all ask for it
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
            pool.shutdown(wait=False, cancel_futures=True)  # cancel the rest; the pool's exit waits for what runs


def _in_order(pool: Executor, access: Access, ids: list[int], workers: int) -> Iterator[Sample | None]:
    ahead: deque[Future[Sample | None]] = deque()
    for sample_id in ids:
        if len(ahead) >= 2 * workers:
            yield ahead.popleft().result()
        ahead.append(hand_over(pool, _fetch, access, sample_id))
    while ahead:
        yield ahead.popleft().result()


def _acquisition(sample: dict[str, Any], payload: dict[str, Any]) -> str:
    """Return the same JSON, byte for byte, as the official SDK."""
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
