"""Download samples in the order of the ids given.

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
from collections.abc import Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

from eisync.adapters.process import hand
from eisync.core.studio import original_name, says_no_sample
from eisync.data.client import Access
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


def download_samples_by_ids(
    sample_ids: int | Iterable[int],
    api_key: str | None = None,
    timeout_sec: float | None = None,
    max_workers: int | None = None,
    show_progress: bool | None = False,
    pool_maxsize: int | None = 20,
    pool_connections: int | None = 20,
    *,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[Sample]:
    """Download the samples with these ids, in the order of the ids. Ids that the project does not have are skipped.

    All samples are held in memory at once; `stream_samples_by_ids` holds only a few at a time.

    Replaces `edgeimpulse.data.download_samples_by_ids`; `executor` and `progress` are additions.

    Args:
        sample_ids: One id, or any iterable of ids.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.
        max_workers: How many samples are downloaded at the same time. None: 16.
        show_progress: Show progress on stderr: a bar if `rich` is installed, plain lines otherwise.
        pool_maxsize: How many idle connections to keep for each host. None: 20.
        pool_connections: For how many hosts to keep idle connections. None: 20.
        executor: Runs the requests, in threads, processes or on other machines (docs/data.md). It is not shut down.
            None: the call starts and ends threads of its own.
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
        executor=executor,
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
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Generator[Sample | None, None, None]:
    """Download samples one after the other, in the order of the ids. A few are downloaded ahead; none is kept.

    Replaces `edgeimpulse.experimental.data.stream_samples_by_ids`; `executor` and `progress` are additions.

    Args:
        sample_ids: One id, or any iterable of ids.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.
        max_workers: How many samples are downloaded at the same time. At most twice as many are held ahead. None: 16.
        show_progress: Show progress on stderr: a bar if `rich` is installed, plain lines otherwise.
        pool_maxsize: How many idle connections to keep for each host. None: 20.
        pool_connections: For how many hosts to keep idle connections. None: 20.
        executor: Runs the requests, in threads, processes or on other machines (docs/data.md). It is not shut down.
            None: the call starts and ends threads of its own.
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
    return _stream(ids, access, executor, max_workers or _WORKERS, show=show_progress, progress=progress)


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
    ids: list[int],
    access: Access,
    executor: Executor | None,
    workers: int,
    *,
    show: bool | None,
    progress: Progress | None,
) -> Generator[Sample | None, None, None]:
    access.project_id()  # now, so that the workers do not all ask for it
    if not ids:
        return
    with (
        counting(len(ids), "Downloading samples", show=show, progress=progress) as advance,
        _pool(executor, min(workers, len(ids))) as pool,
        contextlib.closing(_in_order(pool, access.portable(pool), ids, workers)) as found,
    ):
        for sample in found:
            advance(1)
            yield sample


def _pool(executor: Executor | None, workers: int) -> AbstractContextManager[Executor]:
    """Return the caller's executor, which is left running, or threads that end with the call."""
    if executor is not None:
        return contextlib.nullcontext(executor)
    return ThreadPoolExecutor(workers, thread_name_prefix="download")


def _in_order(pool: Executor, access: Access, ids: list[int], workers: int) -> Generator[Sample | None, None, None]:
    ahead: deque[Future[Sample | None]] = deque()
    try:
        for sample_id in ids:
            if len(ahead) >= 2 * workers:
                yield ahead.popleft().result()
            ahead.append(hand(pool, _fetch, access, sample_id))
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:  # the caller took no more, or one failed
            future.cancel()


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
