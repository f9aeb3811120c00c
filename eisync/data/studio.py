"""List the samples of a project, look up names, and delete samples.

The service's filter by name also finds names that only contain the text, so every name is compared again here. Source:
the wire contract, section 3.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

from eisync.adapters import clock
from eisync.core.studio import says_no_sample
from eisync.data.client import Access
from eisync.data.downloading import as_id
from eisync.data.sample_listing import SampleListing
from eisync.data.sample_type import GenericApiResponse, SampleInfo
from eisync.exceptions import NotFoundException, TimeoutException, UnsuccessfulRequestException

CATEGORIES = ("training", "testing", "validation", "post-processing")
"""The categories that may be given. The legacy category `anomaly` is included only if none is given."""

_BATCH = 500  # ids in a query: about 6 KB; a request line may have 16 KB
_JOB_PAUSE_S = 0.5
_JOB_LIMIT_S = 600.0


def get_sample_ids(
    filename: str | None = None,
    category: str | None = None,
    labels: str | Sequence[str] | None = None,
    api_key: str | None = None,
    num_workers: int | None = 4,
    timeout_sec: float | None = None,
) -> list[SampleInfo]:
    """List the samples with this name, category and label, newest first.

    Replaces `edgeimpulse.data.get_sample_ids`.

    Args:
        filename: The whole file name without its last extension. Several samples may have the same name. None: any.
        category: `training`, `testing`, `validation` or `post-processing`. None or `all`: any.
        labels: One label, or several: the samples that have one of them. None: any.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        num_workers: How many pages of the listing are requested at the same time. None: 1.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        A `SampleInfo` for each sample, disabled ones included.

    Raises:
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        UnauthorizedException: The service rejects the key (HTTP 401).
        ForbiddenException: The key's role does not allow the call (HTTP 403).
        UnsuccessfulRequestException: The service answers that the call failed; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP error status. The base class of the HTTP exceptions above.
        TimeoutException: The service did not answer in time, also after retries.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not positive, or `category` is unknown.

    Example:
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
        for sample in SampleListing(query, Access(api_key, timeout_sec)).whole(num_workers or 1)
        if filename is None or sample.get("filename") == filename
    ]


def get_filename_by_id(sample_id: int, api_key: str | None = None, timeout_sec: float | None = None) -> str | None:
    """Look up the file name of a sample.

    Replaces `edgeimpulse.data.get_filename_by_id`.

    Args:
        sample_id: The sample's id. A text such as "7" is accepted.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        The file name without its last extension. None: the project has no such sample.

    Raises:
        TypeError: `sample_id` is not a whole number.
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
    """Delete a sample.

    If the answer to a request is lost, the request is sent again. The result may then be None although the first
    request deleted the sample.

    Replaces `edgeimpulse.data.delete_sample_by_id`.

    Args:
        sample_id: The sample's id. A text such as "7" is accepted.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        A `GenericApiResponse` with `success`. None: the project has no such sample.

    Raises:
        TypeError: `sample_id` is not a whole number.
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
        >>> from eisync.data import delete_sample_by_id
        >>> delete_sample_by_id(999_999) is None
        True
    """
    return _delete_one(as_id(sample_id), Access(api_key, timeout_sec))


def delete_samples_by_filename(
    filename: str, category: str | None = None, api_key: str | None = None, timeout_sec: float | None = None
) -> tuple[GenericApiResponse | None, ...]:
    """Delete all samples with exactly this name.

    `wave.01` deletes neither `wave.010` nor `big-wave.01`. Samples are looked up and deleted in the project of
    `api_key`.

    Replaces `edgeimpulse.data.delete_samples_by_filename`.

    Args:
        filename: The whole file name without its last extension.
        category: `training`, `testing`, `validation` or `post-processing`. None: any.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        One result for each sample that was found, as `delete_sample_by_id` returns it.

    Raises:
        TypeError: `filename` is not a text.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        UnauthorizedException: The service rejects the key (HTTP 401).
        ForbiddenException: The key's role does not allow the call (HTTP 403).
        UnsuccessfulRequestException: The service answers that the call failed; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP error status. The base class of the HTTP exceptions above.
        TimeoutException: The service did not answer in time, also after retries.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not positive, or `category` is unknown.

    Example:
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
    """Delete all samples of a category, or of the whole project.

    Replaces `edgeimpulse.data.delete_all_samples`.

    Args:
        category: `training`, `testing`, `validation` or `post-processing`. None: the whole project.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.

    Returns:
        A `GenericApiResponse` with `success`.

    Raises:
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        UnauthorizedException: The service rejects the key (HTTP 401).
        ForbiddenException: The key's role does not allow the call (HTTP 403).
        UnsuccessfulRequestException: The service answers that the call failed; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP error status. The base class of the HTTP exceptions above.
        TimeoutException: The service did not answer in time, also after retries.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not positive, or `category` is unknown.

    Example:
        >>> from eisync.data import delete_all_samples, get_sample_ids
        >>> delete_all_samples(category="testing").success, get_sample_ids(category="testing")
        (True, [])
    """
    suffix = "" if _category(category) is None else f"/{category}"
    access = Access(api_key, timeout_sec)
    access.request("POST", f"/api/{access.project_id()}/raw-data/delete-all{suffix}")
    return GenericApiResponse(success=True)


def _category(category: str | None, *, also: Sequence[str] = ()) -> str | None:
    if category is not None and category not in (*CATEGORIES, *also):
        raise ValueError(
            f"Invalid category. Allowable categories: {list(CATEGORIES)} and None to search in all categories."
        )
    return category


def _selection(category: str, filename: str | None = None) -> dict[str, object]:
    return {"category": category, "filename": filename or None, "includeDisabled": "both"}


def _labels(labels: Any) -> list[str] | None:
    """Return labels as texts; 0 is a label. None means any label."""
    if labels is None:
        return None
    wanted = [labels] if isinstance(labels, str) or not isinstance(labels, Iterable) else list(labels)
    return [str(label) for label in wanted] or None


def _delete_batch(
    ids: Sequence[int], filename: str, category: str | None, access: Access
) -> list[GenericApiResponse | None]:
    if len(ids) > 1:
        # Send the name, too: if the service ignored the ids, it would still delete nothing with another name.
        query = _selection(category or "all", filename) | {"ids": list(ids)}
        path = f"/api/{access.project_id()}/raw-data/batch/delete"
        try:
            answer = access.request("POST", path, query=query, is_repeatable=True)
        except NotFoundException:
            pass  # this service has no batch call: delete one by one
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
    """Wait for the end of a job, if there is one. Raises UnsuccessfulRequestException and TimeoutException."""
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
