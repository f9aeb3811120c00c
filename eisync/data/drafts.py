"""Turn a caller's samples into what is sent of them, and decide which of them share a request.

The samples themselves are only read. One that cannot be sent raises SourceError, and costs no other.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.core.batching import Limits, OpenRequest
from eisync.core.labels.description import with_canonical_labels
from eisync.core.labels.parts import PartKind
from eisync.core.model import MAX_FILE_BYTES, Category, shown
from eisync.core.text import nfc
from eisync.core.wire import label_headers
from eisync.data.sample_type import DataAcquisition, Sample
from eisync.data.sources import Source, SourceError, plain, source_of
from eisync.data.tables import label_text, metadata_texts

Key = tuple[str, tuple[tuple[str, str], ...]]

_KNOWN_CATEGORIES = frozenset(category.value for category in Category)
_UNLIMITED = (".csv", ".txt")  # with a CSV-wizard configuration the service takes larger ones
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")

# How files begin that callers hand over without a name.
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
    """A sample and what an exported dataset says beyond it: that it has no label at all.

    `problem` says why nothing of it is sent.
    """

    sample: Sample
    has_no_label: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A sample ready to be sent. Those of one `key` may share a request, if their names allow it."""

    position: int  # among the caller's samples
    name: str
    category: str
    headers: tuple[tuple[str, str], ...]
    about: Mapping[PartKind, Any]
    source: Source
    attachments: tuple[tuple[str, Source], ...] = ()

    @property
    def key(self) -> Key:
        return self.category, self.headers

    @property
    def goes_alone(self) -> bool:
        """Whether another sample could suffer from it.

        By a name that could be taken for a companion's, a category that the service may refuse for all who share it, or
        an attachment that has the other's name.
        """
        return self.name.endswith(".labels") or self.category not in _KNOWN_CATEGORIES or bool(self.attachments)


def outgoing(draft: Draft, position: int) -> Outgoing:
    """Raises SourceError, whose text says what is wrong with the sample."""
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
    """The names and sources of the files that belong to the sample called `name`."""
    if given is not None and not isinstance(given, Mapping):
        raise SourceError(f"attachments must be a dict of names and data, not {type(given).__name__}")
    found = tuple((_usable(str(attached)), source_of(data)) for attached, data in (given or {}).items())
    for attached, source in found:
        if attached == name or attached.endswith(".labels"):
            raise SourceError(f"an attachment cannot be called {attached}: give it a name of its own")
        _require_size(attached, source)
    return found


def _label_map(given: Any) -> dict[str, str]:
    """Labels by name; those of a list have their numbers for names."""
    if isinstance(given, list | tuple):
        given = dict(enumerate(given))
    if given is not None and not isinstance(given, Mapping):
        raise SourceError(f"label_map must be a dict of names and labels, not {type(given).__name__}")
    labels = {str(key): label_text(label) for key, label in (given or {}).items()}
    return {key: label for key, label in labels.items() if label is not None}


def _headers(draft: Draft) -> Iterator[tuple[str, str]]:
    label = label_text(draft.sample.label)
    if label is not None:
        # A header has one line, and a lone surrogate no bytes. One class is one label, however it was typed.
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
    """Boxes or structured labels as plain JSON, whatever they came as; the caller's list is not touched."""
    if found is None:
        return None
    try:
        entries = (
            json.loads(found) if isinstance(found, str | bytes) else json.loads(json.dumps(found, default=_listed))
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise SourceError(f"{what} cannot be read as JSON ({error})") from error
    if isinstance(entries, Mapping):
        # As Studio shows them: {"version": 1, "boundingBoxes": […]}.
        entries = next((entries[key] for key in ("boundingBoxes", "structuredLabels") if key in entries), [entries])
    return entries


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, Iterable) and not hasattr(value, "tolist") else plain(value)


def _name_of(sample: Sample, source: Source) -> str:
    """The name for the service; a new one where there is none, and the sample keeps None."""
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
"""A request of so many small files takes about as long to answer as to send; more would only coarsen the progress."""

MOST_BYTES = 16 * 1024 * 1024


def limits_for(samples: int, workers: int) -> Limits:
    """Requests just large enough that every worker has one, and no larger than they may be."""
    return Limits(files=max(8, min(MOST_FILES, -(-samples // workers))), bytes=MOST_BYTES)


def requests_of(samples: Iterable[Outgoing], limits: Limits) -> Iterator[Sequence[Outgoing]]:
    """The requests that carry `samples`, each as soon as it is full; those that never are, in the end."""
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
