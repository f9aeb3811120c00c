"""Samples come back from the project, in the order asked for.

Images, video and sound come as files. Values come as JSON text in the data acquisition format, whatever they were
uploaded as, so that they can be uploaded again; anything else comes as the bytes that were uploaded. Source: the wire
contract, sections 2 and 3.
"""

import contextlib
import io
import json
import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from eisync.adapters.thread_pool import hand_over
from eisync.core.sample_names import original_name
from eisync.data.client import project_id, studio_request
from eisync.data.progress import Progress, counting
from eisync.data.sample_type import Sample
from eisync.data.studio import as_id
from eisync.exceptions import UnsuccessfulRequestException

_WORKERS = 16  # they wait for the network, not for a processor
_NOT_FOUND = "No sample found"
_FILES = {
    ("image", "rgba"): "image",
    ("video", "rgba"): "video",
    ("audio", "wav"): "wav?axisIx=0",
}
"""The first sensor of a sample that is a file, and where the file is."""


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
    """The samples with these ids (one id, or several), in their order; an id that nobody knows is left out.

    `data` is text for values, named `.json`, and a binary stream for files. `timeout_sec` (seconds) limits each wait
    for the service. Raises TypeError when an id is no whole number; for the service's refusals see
    `eisync.data.client.studio_request`. All samples are in memory at once: `stream_samples_by_ids` holds a few.

    >>> from eisync.data import Sample, download_samples_by_ids, upload_samples
    >>> sample = Sample("timestamp,x\\n0,1\\n10,2\\n", filename="wave.01.csv", label="wave")
    >>> response = upload_samples(sample)
    >>> (found,) = download_samples_by_ids([sample.sample_id, 999_999])
    >>> found.filename, found.label, json.loads(found.data)["payload"]["values"]
    ('wave.01.json', 'wave', [[1.0], [2.0]])
    """
    return list(
        stream_samples_by_ids(
            sample_ids,
            api_key,
            timeout_sec,
            max_workers,
            show_progress,
            pool_maxsize,
            pool_connections,
            progress=progress,
        )
    )


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
) -> Generator[Sample, None, None]:
    """As `download_samples_by_ids`, one after the other: a few are fetched ahead, and none is kept.

    What is wrong with the ids is raised by the call, what the service refuses by the step that finds it.

    >>> from eisync.data import stream_samples_by_ids
    >>> list(stream_samples_by_ids(999_999))
    []
    """
    ids = [as_id(one) for one in (sample_ids if isinstance(sample_ids, Iterable) else [sample_ids])]
    if isinstance(sample_ids, str | bytes):
        raise TypeError("All sample IDs must be integers")
    source = _Source(api_key, timeout_sec, pool_connections, pool_maxsize)
    return _stream(ids, source, max_workers or _WORKERS, show=show_progress, progress=progress)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where samples come from, and how."""

    api_key: str | None
    timeout_sec: float | None
    pool_connections: int | None
    pool_maxsize: int | None

    def fetch(self, sample_id: int) -> Sample | None:
        """The sample; None when there is none of this id."""
        path = f"/api/{self.project()}/raw-data/{sample_id}"
        try:
            answer = studio_request("GET", path, expect="json", **self._how())
        except UnsuccessfulRequestException as error:
            if (error.error or "").startswith(_NOT_FOUND):
                return None
            raise
        sample = answer["sample"]
        name = original_name(sample.get("coldstorageFilename") or "") or sample.get("filename")
        data, name = self._content(path, answer, name or str(sample_id))
        return Sample(
            data=data,
            filename=name,
            sample_id=sample_id,
            label=sample.get("label"),
            category=sample.get("category"),
            bounding_boxes=sample.get("boundingBoxes"),
            metadata=sample.get("metadata"),
            structured_labels=sample.get("structuredLabels"),
        )

    def project(self) -> int:
        return project_id(self.api_key, self.timeout_sec)

    def _content(self, path: str, answer: dict[str, Any], name: str) -> tuple[str | io.BytesIO, str]:
        sample, payload = answer["sample"], answer.get("payload") or {}
        sensors = payload.get("sensors") or sample.get("sensors") or []
        place = _FILES.get((sensors[0].get("name"), sensors[0].get("units"))) if sensors else None
        if place is not None:
            # A series of values may call its sensor `image`, and has none.
            with contextlib.suppress(UnsuccessfulRequestException):
                return self._file(f"{path}/{place}"), name
        if payload.get("values"):
            return _acquisition(sample, payload), f"{os.path.splitext(name)[0]}.json"
        return self._file(f"{path}/raw"), name

    def _file(self, path: str) -> io.BytesIO:
        return io.BytesIO(studio_request("GET", path, expect="bytes", **self._how()))

    def _how(self) -> dict[str, Any]:
        return {
            "api_key": self.api_key,
            "timeout_sec": self.timeout_sec,
            "pool_connections": self.pool_connections,
            "pool_maxsize": self.pool_maxsize,
        }


def _stream(
    ids: list[int], source: _Source, workers: int, *, show: bool | None, progress: Progress | None
) -> Generator[Sample, None, None]:
    if not ids:
        return
    source.project()  # asked once, before the workers would all ask
    with (
        counting(len(ids), "Downloading samples", show=show, progress=progress) as advance,
        ThreadPoolExecutor(min(workers, len(ids)), thread_name_prefix="download") as pool,
    ):
        try:
            for sample in _in_order(pool, source, ids, workers):
                advance(1)
                if sample is not None:
                    yield sample
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # the rest is not wanted; what runs is waited for above


def _in_order(pool: Executor, source: _Source, ids: list[int], workers: int) -> Iterator[Sample | None]:
    ahead: deque[Future[Sample | None]] = deque()
    for sample_id in ids:
        if len(ahead) >= 2 * workers:
            yield ahead.popleft().result()
        ahead.append(hand_over(pool, source.fetch, sample_id))
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
