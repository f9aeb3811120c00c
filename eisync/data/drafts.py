"""Prepare a caller's samples for upload, and group them into requests.

The samples are read and never changed. One that cannot be sent raises SourceError; the others are not affected.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eisync.core.batching import Limits, OpenRequest
from eisync.core.labels.description import with_canonical_labels
from eisync.core.labels.parts import PartKind
from eisync.core.model import MAX_FILE_BYTES, Category, shown
from eisync.core.text import nfc
from eisync.core.wire import label_headers
from eisync.data.sample_type import DataAcquisition, Sample
from eisync.data.sources import Source, SourceError, json_default, portable, source_of
from eisync.data.tables import label_text, metadata_texts

Key = tuple[str, tuple[tuple[str, str], ...]]

_KNOWN_CATEGORIES = frozenset(category.value for category in Category)
_UNLIMITED = (".csv", ".txt")  # in a project with a CSV wizard the service accepts larger ones
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")

# Recognises data without a file name by its first bytes.
_BEGINNINGS = (
    (re.compile(rb"RIFF....WAVE", re.DOTALL), ".wav"),
    (re.compile(rb"RIFF....AVI ", re.DOTALL), ".avi"),
    (re.compile(rb"\x89PNG"), ".png"),
    (re.compile(rb"\xff\xd8\xff"), ".jpg"),
    (re.compile(rb"....ftyp", re.DOTALL), ".mp4"),
    (re.compile(rb"PAR1"), ".parquet"),
    (re.compile(rb"\s*\{"), ".json"),
    (re.compile(rb"[\xa0-\xbf]|\xd9\xd9\xf7"), ".cbor"),
    (re.compile(rb"[\t\r\n\x20-\x7e]"), ".csv"),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A sample, and whether its dataset says that it has no label: `Sample.label` cannot tell that from "infer one".

    `problem` is the reason why it is not sent; None when it is.
    """

    sample: Sample
    has_no_label: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A sample that is ready to be sent. Samples with the same `key` may share a request if their names allow it."""

    position: int  # among the caller's samples
    name: str
    category: str
    headers: tuple[tuple[str, str], ...]
    about: Mapping[PartKind, Any]
    source: Source
    attachments: tuple[tuple[str, Source], ...] = ()

    def portable(self) -> "Outgoing":
        """Return the sample in a form that can be pickled. Raises SourceError."""
        attachments = tuple((name, portable(source)) for name, source in self.attachments)
        return replace(self, source=portable(self.source), attachments=attachments)

    @property
    def key(self) -> Key:
        return self.category, self.headers

    @property
    def goes_alone(self) -> bool:
        """Return whether the sample needs a request of its own because it could spoil that of others.

        Its name could be mistaken for that of a companion part; the service may not know its category and refuse the
        whole request; or an attachment may have the name of another sample.
        """
        return self.name.endswith(".labels") or self.category not in _KNOWN_CATEGORIES or bool(self.attachments)


def outgoing(draft: Draft, position: int) -> Outgoing:
    """Return the sample as it is sent. Raises SourceError with the reason when it cannot be sent."""
    sample = draft.sample
    if draft.problem is not None:
        raise SourceError(draft.problem)
    source = source_of(sample.data)
    name = _name_of(sample, source)
    _require_size(name, source)
    attachments = _attachments(getattr(sample, "attachments", None), name)
    about = {
        PartKind.BOXES: with_canonical_labels(PartKind.BOXES, _entries(sample.bounding_boxes, "bounding_boxes")),
        PartKind.STRUCTURED: with_canonical_labels(
            PartKind.STRUCTURED, _entries(sample.structured_labels, "structured_labels")
        ),
        PartKind.LABEL_MAP: with_canonical_labels(PartKind.LABEL_MAP, _label_map(getattr(sample, "label_map", None))),
        PartKind.ATTACHMENTS: [{"filename": attached} for attached, _ in attachments],
    }
    return Outgoing(
        position=position,
        name=name,
        category="split" if sample.category is None else str(sample.category),
        headers=tuple(_headers(draft)),
        about={kind: entries for kind, entries in about.items() if entries},
        source=source,
        attachments=attachments,
    )


def _require_size(name: str, source: Source) -> None:
    if source.estimate >= MAX_FILE_BYTES and not name.lower().endswith(_UNLIMITED):
        raise SourceError(
            f"{name} has {source.estimate / 1024**2:.1f} MiB, but Edge Impulse takes only files below "
            f"{MAX_FILE_BYTES // 1024**2} MiB"
        )


def _attachments(given: Any, name: str) -> tuple[tuple[str, Source], ...]:
    """Return the names and sources of the attachments of the sample `name`."""
    if given is not None and not isinstance(given, Mapping):
        raise SourceError(f"attachments must be a dict of file names and data, not {type(given).__name__}")
    found = tuple((_usable(str(attached)), source_of(data)) for attached, data in (given or {}).items())
    for attached, source in found:
        if attached == name or attached.endswith(".labels"):
            raise SourceError(f"an attachment cannot be named {attached}: choose another name")
        _require_size(attached, source)
    return found


def _label_map(given: Any) -> dict[str, str]:
    """Return labels by name. The names of a list's labels are their positions, from 0."""
    if isinstance(given, list | tuple):
        given = dict(enumerate(given))
    if given is not None and not isinstance(given, Mapping):
        raise SourceError(f"label_map must be a dict of names and labels, not {type(given).__name__}")
    labels = {str(key): label_text(label) for key, label in (given or {}).items()}
    return {key: label for key, label in labels.items() if label is not None}


def _headers(draft: Draft) -> Iterator[tuple[str, str]]:
    label = label_text(draft.sample.label)
    if label is not None:
        # `shown` replaces what a header cannot carry: line ends and lone surrogates. NFC makes one label of the same
        # text in different Unicode forms.
        yield from label_headers(nfc(shown(label))).items()
    elif draft.has_no_label:
        yield from label_headers(None).items()
    metadata = _metadata(draft.sample.metadata)
    if metadata:
        yield "x-metadata", json.dumps(metadata, separators=(",", ":"))


def _metadata(metadata: Any) -> dict[str, str] | None:
    if metadata is not None and not isinstance(metadata, Mapping):
        raise SourceError(f"metadata must be a dict, not {type(metadata).__name__}")
    return metadata_texts(metadata)


def _entries(found: Any, what: str) -> Any:
    """Return boxes or structured labels as plain JSON values. The caller's list is not changed."""
    if found is None:
        return None
    try:
        entries = (
            json.loads(found) if isinstance(found, str | bytes) else json.loads(json.dumps(found, default=_listed))
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise SourceError(f"{what} is not valid JSON ({error})") from error
    if isinstance(entries, Mapping):
        # Studio's form: {"version": 1, "boundingBoxes": […]}.
        entries = next((entries[key] for key in ("boundingBoxes", "structuredLabels") if key in entries), [entries])
    return entries


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, Iterable) and not hasattr(value, "tolist") else json_default(value)


def _name_of(sample: Sample, source: Source) -> str:
    """Return the file name to send: the sample's, else the stream's, else a random one. The sample is not changed."""
    if sample.filename is not None:
        return _usable(str(sample.filename))
    given = getattr(sample.data, "name", None)
    if isinstance(given, str) and given:
        return shown(given).replace("\\", "/").rsplit("/", 1)[-1]
    return f"{secrets.token_hex(8)}{_extension_of(sample.data, source)}"


def _usable(name: str) -> str:
    if not name or _UNPRINTABLE.search(name):
        raise SourceError(f"{name!r} is not a file name")
    return shown(name)


def _extension_of(data: Any, source: Source) -> str:
    if isinstance(data, DataAcquisition) or hasattr(data, "payload"):
        return ".json"
    beginning = b"".join(source.load().chunks())[:16]
    return next((extension for pattern, extension in _BEGINNINGS if pattern.match(beginning)), ".json")


MOST_FILES = 100
"""More files in a request are not faster: the service needs about as long to answer as the request to arrive. Progress
would only be reported in larger steps."""

MOST_BYTES = 16 * 1024 * 1024


def limits_for(samples: int, workers: int) -> Limits:
    """Return limits that give each worker a request of its own, and keep requests below the upper limits."""
    return Limits(files=max(8, min(MOST_FILES, -(-samples // workers))), bytes=MOST_BYTES)


def requests_of(samples: Iterable[Outgoing], limits: Limits) -> Iterator[Sequence[Outgoing]]:
    """Yield the samples of each request as soon as it is full, and at the end those that are not full."""
    open_by_key: dict[Key, OpenRequest[Outgoing]] = {}
    for sample in samples:
        if sample.goes_alone:
            yield [sample]
            continue
        current = open_by_key.get(sample.key)
        if current is None or not _take(current, sample, limits):
            if current is not None:
                yield current.members
            current = open_by_key[sample.key] = OpenRequest()
            _take(current, sample, limits)
    for current in open_by_key.values():
        yield current.members


def _take(request: OpenRequest[Outgoing], sample: Outgoing, limits: Limits) -> bool:
    return request.take(sample, sample.name, sample.source.estimate, is_described=bool(sample.about), limits=limits)
