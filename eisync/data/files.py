"""Upload a folder: plain files, or a dataset exported from Studio. Files are opened only when they are read."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from eisync.core.dataset import INFO_LABELS as LABEL_FILE
from eisync.core.labels.sidecars import entries_of
from eisync.data.datasets import (
    CHUNK_CHARACTERS,
    CompanionFiles,
    DatasetFiles,
    FolderSample,
    eligible,
    open_sidecar,
    sample_of_entry,
    sample_of_file,
)
from eisync.data.sample_type import Sample, UploadSamplesResponse
from eisync.data.sending import UploadOptions
from eisync.data.sources import LazyFile
from eisync.data.uploading import Progress, options_of, upload_drafts

Transform = Callable[[Sample, str], Any]


def upload_directory(
    directory: str,
    category: str | None = None,
    label: str | None = None,
    metadata: dict[str, Any] | None = None,
    transform: Transform | None = None,
    allow_duplicates: bool | None = False,
    show_progress: bool | None = False,
    batch_size: int | None = 1024,
    *,
    api_key: str | None = None,
    timeout_sec: float | None = None,
    max_workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> UploadSamplesResponse:
    """Upload the files of a folder: as an exported dataset if it contains `info.labels`, else as plain files.

    An exported dataset ignores `category`, `label` and `metadata`: `info.labels` has them. For details, see
    `upload_plain_directory` and `upload_exported_dataset`.

    Replaces `edgeimpulse.data.upload_directory`; the parameters after `batch_size` are additions.

    Args:
        directory: The path of the folder; its subfolders are included.
        category: `training`, `testing`, `validation`, `post-processing`, or `split` or None: the service chooses.
        label: The label of all samples. None: the service infers a label from each file name.
        metadata: The metadata of all samples; the values are sent as text. None: no metadata.
        transform: Called as `transform(sample, file)` once for each sample, before it is sent. `file` is the path of
            its file and begins with `directory`. It may change every field of the `Sample`. Its return value is
            ignored; an exception that it raises ends the call. `sample.data` is the file, opened on the first read.
        allow_duplicates: Store content again that is already in the project. None or False: the service refuses it.
        show_progress: Show progress on stderr: a bar if `rich` is installed, plain lines otherwise.
        batch_size: With a `transform`: how many samples are prepared before they are sent, 1 or more. None: 1024.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.
        max_workers: How many requests run at the same time, 1 or more. None: 8.
        executor: Runs the requests, in threads, processes or on other machines (docs/data.md). It is not shut down.
            None: the call starts and ends threads of its own.
        progress: Called as `progress(done, total)` in the calling thread, each time samples are finished.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: `batch_size` or `max_workers` is below 1, `timeout_sec` is not positive, or `info.labels` invalid.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

    Example:
        >>> import os, tempfile
        >>> from eisync.data import infer_from_filename, upload_directory
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(os.path.join(folder, "idle.01.csv"), "w") as file:
        ...         _ = file.write("timestamp,x\\n0,5\\n10,6\\n")
        ...     response = upload_directory(folder, transform=infer_from_filename)
        >>> [stored.sample.label for stored in response.successes]
        ['idle']
    """
    _directory_there(directory)
    call = _Call(
        options=_options(allow_duplicates, api_key, timeout_sec, max_workers),
        transform=transform,
        batch_size=_batch_size(batch_size),
        show_progress=show_progress,
        executor=executor,
        progress=progress,
    )
    is_exported = os.path.exists(os.path.join(directory, LABEL_FILE))
    return call.send(_exported(directory) if is_exported else _plain(directory, category, label, metadata))


def upload_plain_directory(
    directory: str,
    category: str | None = None,
    label: str | None = None,
    metadata: dict[str, Any] | None = None,
    transform: Transform | None = None,
    allow_duplicates: bool | None = False,
    show_progress: bool | None = False,
    batch_size: int | None = 1024,
    *,
    api_key: str | None = None,
    timeout_sec: float | None = None,
    max_workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> UploadSamplesResponse:
    """Upload every file of a folder whose type the service accepts, in the order of their paths.

    The types are `.cbor`, `.json`, `.csv`, `.txt`, `.wav`, `.jpg`, `.jpeg`, `.png`, `.mp4`, `.avi` and `.parquet`.
    Hidden files and `info.labels` are skipped. Boxes and structured labels are read from the files
    `bounding_boxes.labels` and `structured_labels.labels` in the same folder. A file that cannot be uploaded is a
    failure in the response; the other files are uploaded all the same.

    Replaces `edgeimpulse.data.upload_plain_directory`; the parameters after `batch_size` are additions.

    Args:
        directory: The path of the folder; its subfolders are included.
        category: `training`, `testing`, `validation`, `post-processing`, or `split` or None: the service chooses.
        label: The label of all samples. None: the service infers a label from each file name.
        metadata: The metadata of all samples; the values are sent as text. None: no metadata.
        transform: Called as `transform(sample, file)` once for each sample, before it is sent. `file` is the path of
            its file and begins with `directory`. It may change every field of the `Sample`. Its return value is
            ignored; an exception that it raises ends the call. `sample.data` is the file, opened on the first read.
        allow_duplicates: Store content again that is already in the project. None or False: the service refuses it.
        show_progress: Show progress on stderr: a bar if `rich` is installed, plain lines otherwise.
        batch_size: With a `transform`: how many samples are prepared before they are sent, 1 or more. None: 1024.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.
        max_workers: How many requests run at the same time, 1 or more. None: 8.
        executor: Runs the requests, in threads, processes or on other machines (docs/data.md). It is not shut down.
            None: the call starts and ends threads of its own.
        progress: Called as `progress(done, total)` in the calling thread, each time samples are finished.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: `batch_size` or `max_workers` is below 1, or `timeout_sec` is not positive.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

    Example:
        >>> import os, tempfile
        >>> from eisync.data import infer_from_filename, upload_plain_directory
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(os.path.join(folder, "still.01.csv"), "w") as file:
        ...         _ = file.write("timestamp,x\\n0,6\\n10,7\\n")
        ...     response = upload_plain_directory(folder, transform=infer_from_filename)
        >>> [stored.sample.label for stored in response.successes]
        ['still']
    """
    _directory_there(directory)
    call = _Call(
        options=_options(allow_duplicates, api_key, timeout_sec, max_workers),
        transform=transform,
        batch_size=_batch_size(batch_size),
        show_progress=show_progress,
        executor=executor,
        progress=progress,
    )
    return call.send(_plain(directory, category, label, metadata))


def upload_exported_dataset(
    directory: str,
    transform: Transform | None = None,
    allow_duplicates: bool | None = False,
    show_progress: bool | None = False,
    batch_size: int | None = 1024,
    *,
    api_key: str | None = None,
    timeout_sec: float | None = None,
    max_workers: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> UploadSamplesResponse:
    """Upload a dataset that was exported from Studio, with everything that its `info.labels` has for each file.

    That is the label (none for `unlabeled`), the name, structured labels, boxes, metadata and category. A file that
    `info.labels` lists but that is missing or outside the folder is a failure in the response. Attachments are not
    sent: a warning says how many files have some, and a `transform` may set the `attachments` of a sample.

    Replaces `edgeimpulse.data.upload_exported_dataset`; the parameters after `batch_size` are additions.

    Args:
        directory: The path of the folder; its subfolders are included.
        transform: Called as `transform(sample, file)` once for each sample, before it is sent. `file` is the path of
            its file and begins with `directory`. It may change every field of the `Sample`. Its return value is
            ignored; an exception that it raises ends the call. `sample.data` is the file, opened on the first read.
        allow_duplicates: Store content again that is already in the project. None or False: the service refuses it.
        show_progress: Show progress on stderr: a bar if `rich` is installed, plain lines otherwise.
        batch_size: With a `transform`: how many samples are prepared before they are sent, 1 or more. None: 1024.
        api_key: The project's API key. None: `eisync.API_KEY`, which is set from the variable `EI_API_KEY` at import.
        timeout_sec: Time limit of each wait for the service, in seconds, more than 0. None: 60.
        max_workers: How many requests run at the same time, 1 or more. None: 8.
        executor: Runs the requests, in threads, processes or on other machines (docs/data.md). It is not shut down.
            None: the call starts and ends threads of its own.
        progress: Called as `progress(done, total)` in the calling thread, each time samples are finished.

    Returns:
        An `UploadSamplesResponse`: `successes` and `fails`, each in the order of the samples; `success` is true if
        `fails` is empty. A rejected key or a network error raises no exception: the affected samples are in `fails`.

    Raises:
        FileNotFoundError: The folder does not exist, or it has no `info.labels`.
        ValueError: `batch_size` or `max_workers` is below 1, `timeout_sec` is not positive, or `info.labels` invalid.
        MissingApiKeyException: `api_key` is empty, or it is None and `eisync.API_KEY` is not set.
        InvalidApiKeyException: The text cannot be an API key, such as one with a space in it. Also a ValueError.
        MissingApiIngestionEndpointException: `eisync.INGESTION_ENDPOINT` is not set.

    Example:
        >>> import json, os, tempfile
        >>> from eisync.data import upload_exported_dataset
        >>> entry = {"path": "wave.csv", "category": "testing", "label": {"type": "label", "label": "wave"}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(os.path.join(folder, "wave.csv"), "w") as file:
        ...         _ = file.write("timestamp,x\\n0,8\\n10,9\\n")
        ...     with open(os.path.join(folder, "info.labels"), "w") as file:
        ...         json.dump({"version": 1, "files": [entry]}, file)
        ...     response = upload_exported_dataset(folder)
        >>> [(stored.sample.label, stored.sample.category) for stored in response.successes]
        [('wave', 'testing')]
    """
    _directory_there(directory)
    call = _Call(
        options=_options(allow_duplicates, api_key, timeout_sec, max_workers),
        transform=transform,
        batch_size=_batch_size(batch_size),
        show_progress=show_progress,
        executor=executor,
        progress=progress,
    )
    return call.send(_exported(directory))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """How the samples of one call are prepared and sent."""

    options: UploadOptions
    transform: Transform | None
    batch_size: int
    show_progress: bool | None
    executor: Executor | None
    progress: Progress | None

    def send(self, given: Sequence[FolderSample]) -> UploadSamplesResponse:
        """Prepare and send in batches if there is a `transform`, which may load data into memory; else all at once."""
        response = UploadSamplesResponse([], [])
        left = iter(given)
        step = self.batch_size if self.transform is not None else max(1, len(given))
        while batch := list(islice(left, step)):
            for one in batch:
                self._prepare(one)
            sent = upload_drafts(
                [one.draft for one in batch],
                options=self.options,
                show_progress=self.show_progress,
                executor=self.executor,
                progress=_progress_from(self.progress, len(response.successes) + len(response.fails), len(given)),
            )
            response.extend(sent.successes, sent.fails)
        return response

    def _prepare(self, given: FolderSample) -> None:
        sample = given.draft.sample
        if self.transform is not None and given.draft.problem is None:
            self.transform(sample, given.path)
        if sample.category is None:
            sample.category = "split"
        if isinstance(sample.data, LazyFile):
            sample.data.release()


def _plain(
    directory: str, category: str | None, label: str | None, metadata: dict[str, Any] | None
) -> list[FolderSample]:
    beside = CompanionFiles()
    found = []
    for path in eligible(directory):
        given = sample_of_file(path, beside)
        sample = given.draft.sample
        sample.category, sample.label = category, label
        sample.metadata = None if metadata is None else dict(metadata)
        found.append(given)
    if beside.misses:
        others = "" if len(beside.misses) == 1 else f" (and {len(beside.misses) - 1:,} more like this)"
        warnings.warn(f"{beside.misses[0]}{others}", stacklevel=3)
    return found


def _exported(directory: str) -> list[FolderSample]:
    try:
        with open_sidecar(os.path.join(directory, LABEL_FILE)) as file:
            entries = list(entries_of(LABEL_FILE, iter(lambda: file.read(CHUNK_CHARACTERS), "")))
    except FileNotFoundError:
        raise FileNotFoundError(f"Labels file '{LABEL_FILE}' not found in the specified directory.") from None
    number = sum(1 for entry in entries if entry.attachments)
    if number:
        warnings.warn(
            f"{LABEL_FILE} lists attachments for {number:,} file{'s' * (number != 1)}; they are not sent. Set "
            "`attachments` of the samples in a `transform`, or add them in Studio",
            stacklevel=3,
        )
    places = DatasetFiles(directory, frozenset(entry.path for entry in entries))
    return [sample_of_entry(entry, places) for entry in entries]


def _progress_from(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return a `progress` for one batch that reports the progress of the whole call."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


def _options(
    allow_duplicates: bool | None, api_key: str | None, timeout_sec: float | None, max_workers: int | None
) -> UploadOptions:
    return options_of(
        allow_duplicates=allow_duplicates, api_key=api_key, timeout_sec=timeout_sec, max_workers=max_workers
    )


def _directory_there(directory: str) -> None:
    if not os.path.isdir(directory):
        raise FileNotFoundError(f"directory '{directory}' not found.")


def _batch_size(batch_size: int | None) -> int:
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
    return batch_size or 1024
