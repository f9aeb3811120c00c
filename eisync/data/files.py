"""Upload what lies in a folder: plain files, or a dataset that was exported from Studio.

Files are opened when their turn comes. `transform(sample, file)` may change anything of a sample before it is sent.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from eisync.core.dataset import INFO_LABELS as LABEL_FILE
from eisync.core.labels.description import given_name
from eisync.core.labels.parts import PartKind
from eisync.core.labels.path_rules import infer_category_as_sdk, infer_label
from eisync.core.labels.sidecars import Entry, entries_of
from eisync.core.model import extension_of
from eisync.data.datasets import CHUNK_CHARACTERS, Beside, Places, open_sidecar
from eisync.data.drafts import Draft
from eisync.data.progress import Progress
from eisync.data.sample_type import Sample, UploadSamplesResponse
from eisync.data.sending import UploadOptions
from eisync.data.sources import LazyFile
from eisync.data.uploading import options_of, upload_drafts

Transform = Callable[[Sample, str], Any]

EXTENSIONS = frozenset((".cbor", ".json", ".csv", ".txt", ".wav", ".jpg", ".jpeg", ".png", ".mp4", ".avi", ".parquet"))
"""What the service takes (wire contract, section 1), in upper or lower case."""


def infer_from_filename(sample: Sample, file: str) -> None:
    """Set `sample.label` to the text before the first dot of the base name, and the category if the path names one.

    `my-dataset/training/wave.1.cbor` gives label `wave` and category `training`. The rule is the official SDK's to the
    letter: the first of `testing`, `anomaly`, `training` that occurs anywhere in the whole path, also as a part of a
    word. The daemon looks for whole words below the watched folder; there `category = "sdk"` asks for this rule.

    >>> sample = Sample(b"")
    >>> infer_from_filename(sample, "my-dataset/training/wave.1.cbor")
    >>> sample.label, sample.category
    ('wave', 'training')
    """
    path = file.replace(os.sep, "/")
    sample.label = infer_label(path) or ""
    category = infer_category_as_sdk(path)
    if category is not None:
        sample.category = category.value


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
    """Upload the files below `directory`: as an exported dataset if `info.labels` is there, else as plain files.

    An exported dataset brings its own category, labels and metadata. See `upload_plain_directory` and
    `upload_exported_dataset`; raises FileNotFoundError when there is no such directory.

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
    has_labels = os.path.exists(os.path.join(directory, LABEL_FILE))
    if has_labels:
        return upload_exported_dataset(
            directory,
            transform,
            allow_duplicates,
            show_progress,
            batch_size,
            api_key=api_key,
            timeout_sec=timeout_sec,
            max_workers=max_workers,
            executor=executor,
            progress=progress,
        )
    return upload_plain_directory(
        directory,
        category,
        label,
        metadata,
        transform,
        allow_duplicates,
        show_progress,
        batch_size,
        api_key=api_key,
        timeout_sec=timeout_sec,
        max_workers=max_workers,
        executor=executor,
        progress=progress,
    )


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
    """Upload every file below `directory` that the service takes, in the order of their paths.

    Hidden files and `info.labels` are left out; boxes are read from a `bounding_boxes.labels` beside the images.
    `category`, `label` and `metadata` are for all of them; without a label the service infers one from the name.
    `batch_size` is how many samples a `transform` prepares before they are sent. Raises FileNotFoundError when there is
    no such directory; what goes wrong with a file is its failure in the response.
    """
    _directory_there(directory)
    options = _options(allow_duplicates, api_key, timeout_sec, max_workers)
    size = _batch_size(batch_size)
    beside = Beside()

    def drafts() -> Iterator[_Given]:
        for path in _eligible(directory):
            given = _plain(path, beside)
            sample = given.draft.sample
            sample.category, sample.label = category, label
            sample.metadata = None if metadata is None else dict(metadata)
            yield given

    given = list(drafts())
    if beside.misses:
        others = "" if len(beside.misses) == 1 else f" (and {len(beside.misses) - 1:,} more like this)"
        warnings.warn(f"{beside.misses[0]}{others}", stacklevel=2)
    return _upload(given, options, transform, size, show_progress, executor, progress)


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
    """Upload a dataset that was exported from Studio, and keep what its `info.labels` says of each file.

    That is the label (none for `unlabeled`), the name, structured labels, boxes, metadata and category. A file that is
    named and missing, or that lies outside the dataset, is a failure in the response; attachments are not sent, and
    warned of. Raises FileNotFoundError when there is no
    such directory or no `info.labels` in it, and ValueError when that cannot be read.
    """
    _directory_there(directory)
    options = _options(allow_duplicates, api_key, timeout_sec, max_workers)
    size = _batch_size(batch_size)
    try:
        with open_sidecar(os.path.join(directory, LABEL_FILE)) as file:
            entries = list(entries_of(LABEL_FILE, iter(lambda: file.read(CHUNK_CHARACTERS), "")))
    except FileNotFoundError:
        raise FileNotFoundError(f"Labels file '{LABEL_FILE}' not found in the specified directory.") from None
    _tell_of_attachments(entries)
    places = Places(directory, frozenset(entry.path for entry in entries))
    given = [_of_entry(entry, places) for entry in entries]
    return _upload(given, options, transform, size, show_progress, executor, progress)


@dataclass(frozen=True, slots=True)
class _Given:
    """A sample to be, and where its file lies."""

    draft: Draft
    path: str


def _plain(path: str, beside: Beside) -> _Given:
    """A file and what companions say of it; its category, label and metadata are the caller's."""
    boxes, ranges = beside.of(path, PartKind.BOXES), beside.of(path, PartKind.STRUCTURED)
    problem = next((one.problem for one in (boxes, ranges) if one is not None and one.problem is not None), None)
    sample = Sample(
        data=LazyFile(path),
        filename=os.path.basename(path),
        bounding_boxes=None if boxes is None else boxes.bounding_boxes,
        structured_labels=None if ranges is None else ranges.structured_labels,
    )
    return _Given(Draft(sample, problem=problem and f"the entry for {path} cannot be used: {problem}"), path)


def _of_entry(entry: Entry, places: Places) -> _Given:
    path, problem = places.of(entry.path)
    if entry.problem is not None:
        problem = f"the entry for {entry.path} in {LABEL_FILE} cannot be used: {entry.problem}"
    sent_as = None if entry.name is None else given_name(path, entry.name)[0]
    sample = Sample(
        data=LazyFile(path),
        filename=sent_as or os.path.basename(path),
        category=entry.category,
        label=entry.label,
        bounding_boxes=entry.bounding_boxes,
        metadata=entry.metadata,
        structured_labels=entry.structured_labels,
    )
    draft = Draft(sample, has_no_label=entry.is_unlabeled, label_map=entry.label_map, problem=problem)
    return _Given(draft, path)


def _tell_of_attachments(entries: Iterable[Entry]) -> None:
    number = sum(1 for entry in entries if entry.attachments)
    if number:
        warnings.warn(
            f"{LABEL_FILE} lists attachments for {number:,} file{'s' * (number != 1)}; eisync does not send "
            "attachments: add them in Studio",
            stacklevel=3,
        )


def _upload(
    given: Sequence[_Given],
    options: UploadOptions,
    transform: Transform | None,
    batch_size: int,
    show_progress: bool | None,
    executor: Executor | None,
    progress: Progress | None,
) -> UploadSamplesResponse:
    """Prepared and sent a batch at a time where a `transform` may hold data in memory, all at once otherwise."""
    response = UploadSamplesResponse([], [])
    left = iter(given)
    step = batch_size if transform is not None else max(1, len(given))
    while batch := list(islice(left, step)):
        for one in batch:
            if transform is not None and one.draft.problem is None:
                transform(one.draft.sample, one.path)
            if isinstance(one.draft.sample.data, LazyFile):
                one.draft.sample.data.release()
        sent = upload_drafts(
            [one.draft for one in batch],
            options=options,
            show_progress=show_progress,
            executor=executor,
            progress=_after(progress, len(response.successes) + len(response.fails), len(given)),
        )
        response.extend(sent.successes, sent.fails)
    return response


def _after(progress: Progress | None, before: int, total: int) -> Progress | None:
    """`progress` of a batch as progress of the whole."""
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


def _eligible(directory: str) -> Iterator[str]:
    """Paths of the files to be sent: of each folder its files, then its folders, sorted.

    Links are followed, and no folder is entered twice; one that cannot be read is passed over.
    """
    entered: set[tuple[int, int]] = set()
    folders = [directory]
    while folders:
        folder = folders.pop()
        try:
            facts = os.stat(folder)
            with os.scandir(folder) as found:
                entries = sorted((one for one in found if not one.name.startswith(".")), key=lambda one: one.name)
        except OSError:
            continue
        if (facts.st_dev, facts.st_ino) in entered:
            continue
        entered.add((facts.st_dev, facts.st_ino))
        for entry in entries:
            if extension_of(entry.name) in EXTENSIONS and _is(entry.is_file):
                yield entry.path
        folders.extend(entry.path for entry in reversed(entries) if _is(entry.is_dir))


def _is(kind: Callable[[], bool]) -> bool:
    """False where a link leads in circles, or to where nobody may look."""
    try:
        return kind()
    except OSError:
        return False
