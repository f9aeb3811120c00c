"""Upload what lies in a folder: plain files, or a dataset that was exported from Studio.

Files are opened when their turn comes. `transform(sample, file)` may change anything of a sample before it is sent.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from eisync.core.companions import Kind
from eisync.core.dataset import ACCOUNT_NAME as LABEL_FILE
from eisync.core.items import extension_of
from eisync.core.labelling import infer_category_as_sdk, infer_label
from eisync.core.sidecars import Entry, entries_of
from eisync.data.lazy_file import LazyFile
from eisync.data.outgoing import Draft
from eisync.data.progress import Progress
from eisync.data.sample_type import Sample, UploadSamplesResponse
from eisync.data.sending import Wishes
from eisync.data.uploading import upload_drafts, wishes_of

Transform = Callable[[Sample, str], Any]

EXTENSIONS = frozenset((".cbor", ".json", ".csv", ".txt", ".wav", ".jpg", ".jpeg", ".png", ".mp4", ".avi", ".parquet"))
"""What the service takes (wire contract, section 1), in upper or lower case."""

_CHUNK_CHARACTERS = 64 * 1024


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
    wishes = _wishes(allow_duplicates, api_key, timeout_sec, max_workers)
    size = _batch_size(batch_size)
    beside = _Beside()

    def drafts() -> Iterator[_Given]:
        for path in _eligible(directory):
            sample = Sample(
                data=LazyFile(path),
                filename=os.path.basename(path),
                category=category,
                label=label,
                bounding_boxes=beside.of(path, Kind.BOXES),
                metadata=None if metadata is None else dict(metadata),
                structured_labels=beside.of(path, Kind.STRUCTURED),
            )
            yield _Given(Draft(sample), path)

    return _upload(list(drafts()), wishes, transform, size, show_progress, executor, progress)


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

    That is the label (none for `unlabeled`), structured labels, boxes, metadata and category. A file that is named and
    missing, or that lies outside the dataset, is a failure in the response. Raises FileNotFoundError when there is no
    such directory or no `info.labels` in it, and ValueError when that cannot be read.
    """
    _directory_there(directory)
    wishes = _wishes(allow_duplicates, api_key, timeout_sec, max_workers)
    size = _batch_size(batch_size)
    try:
        with open(os.path.join(directory, LABEL_FILE), encoding="utf-8-sig") as file:
            entries = list(entries_of(LABEL_FILE, iter(lambda: file.read(_CHUNK_CHARACTERS), "")))
    except FileNotFoundError:
        raise FileNotFoundError(f"Labels file '{LABEL_FILE}' not found in the specified directory.") from None
    given = [_of_entry(entry, directory) for entry in entries]
    return _upload(given, wishes, transform, size, show_progress, executor, progress)


@dataclass(frozen=True, slots=True)
class _Given:
    """A sample to be, and where its file lies."""

    draft: Draft
    path: str


@dataclass(slots=True)
class _Beside:
    """The companion files of each folder, read once; one that cannot be read is as good as none."""

    found: dict[tuple[str, Kind], Mapping[str, Entry]] = field(default_factory=dict)

    def of(self, path: str, kind: Kind) -> list[dict[str, Any]] | None:
        folder, name = os.path.split(path)
        if (folder, kind) not in self.found:
            self.found[folder, kind] = _read_companion(os.path.join(folder, kind.part_name), kind)
        entry = self.found[folder, kind].get(name)
        if entry is None:
            return None
        return entry.bounding_boxes if kind is Kind.BOXES else entry.structured_labels


def _read_companion(path: str, kind: Kind) -> Mapping[str, Entry]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            said = entries_of(kind.part_name, iter(lambda: file.read(_CHUNK_CHARACTERS), ""))
            return {entry.path: entry for entry in said}
    except (OSError, ValueError):
        return {}


def _of_entry(entry: Entry, directory: str) -> _Given:
    path = os.path.join(directory, *entry.path.split("/"))
    sample = Sample(
        data=LazyFile(path),
        filename=os.path.basename(path),
        category=entry.category,
        label=entry.label,
        bounding_boxes=entry.bounding_boxes,
        metadata=entry.metadata,
        structured_labels=entry.structured_labels,
    )
    return _Given(
        Draft(
            sample,
            has_no_label=entry.is_unlabeled,
            label_map=entry.label_map,
            problem=_problem(entry.path, path, directory),
        ),
        path,
    )


def _problem(named: str, path: str, directory: str) -> str | None:
    root = os.path.abspath(directory)
    if os.path.commonpath((root, os.path.abspath(path))) != root:
        # A dataset comes from somebody else: it must not name files of ours. Links in it are the owner's own doing.
        return f"{named} lies outside the dataset; it is not sent"
    return None if os.path.isfile(path) else f"{path} not found, though {LABEL_FILE} names it"


def _upload(
    given: Sequence[_Given],
    wishes: Wishes,
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
            wishes=wishes,
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


def _wishes(
    allow_duplicates: bool | None, api_key: str | None, timeout_sec: float | None, max_workers: int | None
) -> Wishes:
    return wishes_of(
        allow_duplicates=allow_duplicates, api_key=api_key, timeout_sec=timeout_sec, max_workers=max_workers
    )


def _directory_there(directory: str) -> None:
    if not os.path.isdir(directory):
        raise FileNotFoundError(f"directory '{directory}' not found.")


def _batch_size(batch_size: int | None) -> int:
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size should be 1 or more, not {batch_size}")
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
