"""What the project holds: list it, look a name up, delete.

The listing is walked newest first, each page below the last id seen: a page by offset would skip samples while others
delete, and repeat them while others upload. The service's filter by name finds parts of names, so every name is looked
at again before it is believed. Source: the wire contract, section 3.
"""

import operator
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from eisync.adapters import clock
from eisync.adapters.thread_pool import hand_over
from eisync.core.batching import PageSize
from eisync.core.listing import may_be_listed
from eisync.core.studio import MOST_LISTED, says_no_sample
from eisync.data.client import LARGEST_ANSWER_BYTES, Access, TooLargeException
from eisync.data.sample_type import SampleInfo
from eisync.exceptions import NotFoundException, TimeoutException, UnsuccessfulRequestException

CATEGORIES = ("training", "testing", "validation", "post-processing")
"""What may be asked for. Samples of the legacy category `anomaly` are found when every category is asked for."""

_MOST_BYTES = 16 * 1024 * 1024  # a page that is larger is asked for smaller
_BATCH = 500  # ids in a query: about 6 KB, and a request line may have 16 KB
_JOB_PAUSE_S = 0.5
_JOB_LIMIT_S = 600.0

Remote = dict[str, Any]
"""A sample as Studio lists it."""


@dataclass(frozen=True, slots=True)
class GenericApiResponse:
    """Studio's answer to what has no other result."""

    success: bool
    error: str | None = None


def get_sample_ids(
    filename: str | None = None,
    category: str | None = None,
    labels: str | Sequence[str] | None = None,
    api_key: str | None = None,
    num_workers: int | None = 4,
    timeout_sec: float | None = None,
) -> list[SampleInfo]:
    """Every sample with this name, category and label, newest first; None stands for any.

    `filename` is the name without its last extension and is compared whole; several samples may have it. `category` is
    one of `CATEGORIES`, None or `all`. `labels` is one label or several. Up to `num_workers` pages are asked for at a
    time. `timeout_sec` (seconds) limits each wait for the service. Raises ValueError for an unknown category; for the
    service's refusals see `eisync.data.client.studio_request`.

    >>> from eisync.data import Sample, get_sample_ids, upload_samples
    >>> response = upload_samples(Sample("timestamp,x\\n0,1\\n10,2\\n", filename="wave.01.csv", label="wave"))
    >>> [(info.filename, info.label) for info in get_sample_ids(filename="wave.01")]
    [('wave.01', 'wave')]
    """
    asked = _category(category, also=("all",)) or "all"
    query = _selection(asked, filename) | {"labels": _labels(labels), "excludeSensors": True}
    return [
        SampleInfo(
            sample_id=sample["id"],
            filename=sample.get("filename"),
            category=sample.get("category"),
            label=sample.get("label"),
        )
        for sample in _Listing(query, Access(api_key, timeout_sec)).whole(num_workers or 1)
        if filename is None or sample.get("filename") == filename
    ]


def get_filename_by_id(sample_id: int, api_key: str | None = None, timeout_sec: float | None = None) -> str | None:
    """The name of the sample, without its last extension; None when there is no such sample.

    Raises TypeError for an id that is no whole number.

    >>> from eisync.data import get_filename_by_id
    >>> get_filename_by_id(999_999) is None
    True
    """
    number = as_id(sample_id)
    query = _selection("all") | {"minId": number, "maxId": number + 1, "limit": 1, "excludeSensors": True}
    access = Access(api_key, timeout_sec)
    found = access.request("GET", f"/api/{access.project_id()}/raw-data", query=query)["samples"]
    return next((sample.get("filename") for sample in found if sample["id"] == number), None)


def delete_sample_by_id(
    sample_id: int, api_key: str | None = None, timeout_sec: float | None = None
) -> GenericApiResponse | None:
    """Delete the sample; None when there is no such sample. Raises TypeError for an id that is no whole number.

    A request whose answer was lost is sent again: then None may mean that the first one deleted it.

    >>> from eisync.data import delete_sample_by_id
    >>> delete_sample_by_id(999_999) is None
    True
    """
    return _delete_one(as_id(sample_id), Access(api_key, timeout_sec))


def delete_samples_by_filename(
    filename: str, category: str | None = None, api_key: str | None = None, timeout_sec: float | None = None
) -> tuple[GenericApiResponse | None, ...]:
    """Delete every sample with exactly this name (less its last extension), one answer for each.

    `wave.01` deletes neither `wave.010` nor `big-wave.01`. Looking and deleting are done in the same project, that of
    `api_key`. Raises TypeError for a name that is no text, ValueError for an unknown category.

    >>> from eisync.data import Sample, delete_samples_by_filename, upload_samples
    >>> response = upload_samples(Sample("timestamp,x\\n0,3\\n10,4\\n", filename="idle.01.csv", label="idle"))
    >>> delete_samples_by_filename("idle"), len(delete_samples_by_filename("idle.01"))
    ((), 1)
    """
    if not isinstance(filename, str):
        raise TypeError(
            f"The filename must be text, not {type(filename).__name__}; to delete everything, use delete_all_samples"
        )
    infos = get_sample_ids(filename, category, api_key=api_key, timeout_sec=timeout_sec)
    ids = [info.sample_id for info in infos if info.sample_id is not None]
    answers: list[GenericApiResponse | None] = []
    for at in range(0, len(ids), _BATCH):
        answers += _delete_batch(ids[at : at + _BATCH], filename, category, Access(api_key, timeout_sec))
    return tuple(answers)


def delete_all_samples(
    category: str | None = None, api_key: str | None = None, timeout_sec: float | None = None
) -> GenericApiResponse:
    """Delete every sample of the category; None: of the whole project. Raises ValueError for an unknown category.

    >>> from eisync.data import delete_all_samples, get_sample_ids
    >>> delete_all_samples(category="testing").success, get_sample_ids(category="testing")
    (True, [])
    """
    suffix = "" if _category(category) is None else f"/{category}"
    access = Access(api_key, timeout_sec)
    access.request("POST", f"/api/{access.project_id()}/raw-data/delete-all{suffix}")
    return GenericApiResponse(success=True)


def as_id(sample_id: Any) -> int:
    """A sample's id, of Python or numpy. Raises TypeError for anything else: a text would become a part of the path."""
    try:
        if isinstance(sample_id, bool):
            raise TypeError
        return operator.index(sample_id)
    except TypeError:
        raise TypeError("All sample IDs must be integers") from None


def _category(category: str | None, *, also: Sequence[str] = ()) -> str | None:
    if category is not None and category not in (*CATEGORIES, *also):
        raise ValueError(
            f"Invalid category. Allowable categories: {list(CATEGORIES)} and None to search in all categories."
        )
    return category


def _selection(category: str, filename: str | None = None) -> dict[str, object]:
    return {"category": category, "filename": filename or None, "includeDisabled": "both"}


def _labels(labels: Any) -> list[str] | None:
    """0 is a label; no label at all asks for any."""
    if labels is None:
        return None
    wanted = [labels] if isinstance(labels, str) or not isinstance(labels, Iterable) else list(labels)
    return [str(label) for label in wanted] or None


@dataclass(frozen=True, slots=True)
class _Listing:
    """The samples that a query selects."""

    query: dict[str, object]
    access: Access
    size: PageSize = field(default_factory=PageSize)

    def whole(self, workers: int) -> list[Remote]:
        """All of them, newest first. After the first page, stretches of ids are walked at the same time."""
        first, told = self._page(None, None)
        total = len(first) + 1 if told is None else told
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
            page, told = self._page(from_id, below_id)
            promised = told if promised is None else promised
            found += page
            if promised is not None and not may_be_listed(len(found), total=promised):
                raise UnsuccessfulRequestException(
                    f"the listing says that it has {promised} samples, but continues after {len(found)}"
                )
            if not page or (told is not None and len(page) >= told):
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
        """A page, newest first, and how many the stretch holds, where it is told."""
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


def _delete_batch(
    ids: Sequence[int], filename: str, category: str | None, access: Access
) -> list[GenericApiResponse | None]:
    if len(ids) > 1:
        # The name goes along: were the ids not obeyed, nothing of another name could be deleted.
        query = _selection(category or "all", filename) | {"ids": list(ids)}
        path = f"/api/{access.project_id()}/raw-data/batch/delete"
        try:
            answer = access.request("POST", path, query=query, is_repeatable=True)
        except NotFoundException:
            pass  # no such call there: one by one
        else:
            _await_job(answer.get("id"), access)
            return [GenericApiResponse(success=True)] * len(ids)
    return [_delete_one(one, access) for one in ids]


def _delete_one(sample_id: int, access: Access) -> GenericApiResponse | None:
    try:
        access.request("DELETE", f"/api/{access.project_id()}/raw-data/{sample_id}")
    except UnsuccessfulRequestException as error:
        if says_no_sample(error.error):
            return None
        raise
    return GenericApiResponse(success=True)


def _await_job(job_id: object, access: Access) -> None:
    """Wait until a job has ended; no job has ended. Raises UnsuccessfulRequestException, and TimeoutException."""
    path = f"/api/{access.project_id()}/jobs/{job_id}/status"
    started = clock.monotonic()
    while isinstance(job_id, int):
        job = access.request("GET", path).get("job", {})
        if job.get("finished"):
            if not job.get("finishedSuccessful", True):
                raise UnsuccessfulRequestException(f"the deletion failed (job {job_id})")
            return
        if clock.monotonic() - started > _JOB_LIMIT_S:
            raise TimeoutException(f"the deletion is still running (job {job_id}); check again later")
        threading.Event().wait(_JOB_PAUSE_S)
