"""What the project holds: list it, look a name up, delete.

The service's filter by name finds parts of names, so every name is compared again. Source: the wire
contract, section 3.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

from eisync.adapters import clock
from eisync.core.studio import says_no_sample
from eisync.data.client import Access
from eisync.data.downloading import SampleListing, as_id
from eisync.data.sample_type import GenericApiResponse, SampleInfo
from eisync.exceptions import NotFoundException, TimeoutException, UnsuccessfulRequestException

CATEGORIES = ("training", "testing", "validation", "post-processing")
"""What may be asked for. Samples of the legacy category `anomaly` are found when every category is asked for."""

_BATCH = 500  # ids in a query: about 6 KB, and a request line may have 16 KB
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
    """List every sample with this name, category and label, newest first.

    Stands for `edgeimpulse.data.get_sample_ids`.

    Args:
        filename: The whole name without its last extension; several samples may have it. None: any.
        category: `training`, `testing`, `validation` or `post-processing`. None or `all`: any.
        labels: One label, or several of which a sample has one. None: any.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        num_workers: How many pages of the listing are asked for at a time. None: 1.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.

    Returns:
        A `SampleInfo` for each sample, disabled ones included.

    Raises:
        MissingApiKeyException: There is no key, in the argument or in `eisync.API_KEY`.
        InvalidApiKeyException: The key cannot be one; it is a ValueError, too.
        UnauthorizedException: The service refuses the key.
        ForbiddenException: The key's role does not allow the call.
        UnsuccessfulRequestException: The service says no; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP status that is an error; the base of the HTTP exceptions here.
        TimeoutException: No answer came in time, even when the request was repeated.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not more than 0, or the category is unknown.

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
    """Return the name of the sample, without its last extension; None when there is no such sample.

    Stands for `edgeimpulse.data.get_filename_by_id`.

    Args:
        sample_id: The sample's id; a text that is a whole number will do.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.

    Returns:
        The name, or None.

    Raises:
        TypeError: The id is no whole number.
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
    """Delete the sample.

    A request whose answer was lost is sent again: then None may mean that the first one deleted the sample.

    Stands for `edgeimpulse.data.delete_sample_by_id`.

    Args:
        sample_id: The sample's id; a text that is a whole number will do.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.

    Returns:
        An answer with `success`, or None when there is no such sample.

    Raises:
        TypeError: The id is no whole number.
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
        >>> from eisync.data import delete_sample_by_id
        >>> delete_sample_by_id(999_999) is None
        True
    """
    return _delete_one(as_id(sample_id), Access(api_key, timeout_sec))


def delete_samples_by_filename(
    filename: str, category: str | None = None, api_key: str | None = None, timeout_sec: float | None = None
) -> tuple[GenericApiResponse | None, ...]:
    """Delete every sample with exactly this name.

    `wave.01` deletes neither `wave.010` nor `big-wave.01`. Samples are looked up and deleted in the same project, that
    of `api_key`.

    Stands for `edgeimpulse.data.delete_samples_by_filename`.

    Args:
        filename: The whole name without its last extension.
        category: `training`, `testing`, `validation` or `post-processing`. None: any.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.

    Returns:
        An answer for each sample that was found, as of `delete_sample_by_id`.

    Raises:
        TypeError: The name is no text.
        MissingApiKeyException: There is no key, in the argument or in `eisync.API_KEY`.
        InvalidApiKeyException: The key cannot be one; it is a ValueError, too.
        UnauthorizedException: The service refuses the key.
        ForbiddenException: The key's role does not allow the call.
        UnsuccessfulRequestException: The service says no; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP status that is an error; the base of the HTTP exceptions here.
        TimeoutException: No answer came in time, even when the request was repeated.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not more than 0, or the category is unknown.

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
    """Delete every sample of the category, or of the whole project.

    Stands for `edgeimpulse.data.delete_all_samples`.

    Args:
        category: `training`, `testing`, `validation` or `post-processing`. None: the whole project.
        api_key: The project's key. None: `eisync.API_KEY`, which begins as `EI_API_KEY` of the environment.
        timeout_sec: Seconds that one wait for the service may last, more than 0. None: 60.

    Returns:
        An answer with `success`.

    Raises:
        MissingApiKeyException: There is no key, in the argument or in `eisync.API_KEY`.
        InvalidApiKeyException: The key cannot be one; it is a ValueError, too.
        UnauthorizedException: The service refuses the key.
        ForbiddenException: The key's role does not allow the call.
        UnsuccessfulRequestException: The service says no; `error` is its text.
        ServiceException: The service fails (HTTP 500 and above), or its answer cannot be read.
        ApiException: Any other HTTP status that is an error; the base of the HTTP exceptions here.
        TimeoutException: No answer came in time, even when the request was repeated.
        UnreachableException: The service cannot be reached, or the connection breaks.
        ValueError: `timeout_sec` is not more than 0, or the category is unknown.

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
    """0 is a label; no label at all asks for any."""
    if labels is None:
        return None
    wanted = [labels] if isinstance(labels, str) or not isinstance(labels, Iterable) else list(labels)
    return [str(label) for label in wanted] or None


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
