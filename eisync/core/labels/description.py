"""Say how a file's samples differ at the service from what was made of the file here.

Pure: what the file was labelled, and its samples as they were listed last; a clause for each difference out.

From all that is said of a file to what is sent of it: label, category, name, metadata, boxes and the like.

What a sidecar says of this very file goes before what the configuration says of its folder. What is said and cannot be
sent is put into words. Pure.

A name of an account plus the extension of the file is the name that is sent, as the official uploader does it
(edge-impulse-cli, cli/uploader.ts; wire contract, section 5): else names grow with each move from project to project.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eisync.core.labels.parts import PartKind, packed
from eisync.core.labels.path_rules import PathRules
from eisync.core.labels.sidecars import Entry
from eisync.core.lifecycle import State
from eisync.core.model import Category, RemoteSample, sent_name, shown, value
from eisync.core.studio import stored_name
from eisync.core.text import nfc


def label_differences(path: str, label: str | None, category: Category, samples: Iterable[RemoteSample]) -> list[str]:
    """What somebody changed in Studio of the file at `path`, or sent under this name, each difference once.

    The service may split as it likes, and write a text in another form that looks the same.
    """
    clauses: dict[str, None] = {}
    for sample in samples:
        clauses.update(dict.fromkeys(_of(path, label or "", category, sample)))
    return list(clauses)


def _of(path: str, label: str, category: Category, sample: RemoteSample) -> Iterable[str]:
    if nfc(sample.label or "") != nfc(label):
        yield f"labelled {_quoted(sample.label)} there, {_quoted(label)} here"
    if category is not Category.SPLIT and sample.category != category.value:
        yield f"in {sample.category} there, {category.value} here"
    if nfc(sample.filename) != nfc(stored_name(sent_name(shown(path)))):
        yield f"named '{sample.filename}' there"
    if sample.is_disabled:
        yield "disabled there"
    if sample.has_processing_error:
        yield "could not be processed there"


def _quoted(label: str | None) -> str:
    return f"'{label}'" if label else "nothing"


LONGEST_LABEL = 16 * 1024
MOST_METADATA = 500
LONGEST_METADATA = 64 * 1024
"""Labels and metadata travel in headers: no server takes headers of this length (wire contract, section 1)."""
LONGEST_NAME_BYTES = 1024

NOT_MENTIONED, ATTACHMENTS, NAME = "not_mentioned", "attachments", "name"
"""The kinds of remarks: no entry fits, attachments are not sent, a name cannot be sent as it is."""

_BARRED_KINDS = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, half a character, ends of lines and paragraphs

_CATEGORIES = {category.value: category for category in Category}


@value(kw_only=True)
class Description:
    """What is sent of a file beside its content. `companions` as `eisync.core.labels.parts.packed` gives it.

    `name` is what it is called there, None: as it is here. `remarks` say what is said of it and not sent, a sentence by
    kind.
    """

    label: str | None
    category: Category
    metadata: Mapping[str, str] = field(default_factory=dict)
    companions: str | None = None
    name: str | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """How much there is to hold of it, in bytes of JSON at most."""
        weight = len(self.companions or "") + _weight(self.label or "") + _weight(self.name or "")
        return weight + sum(map(_weight, (*self.metadata, *self.metadata.values()))) if self.metadata else weight


@dataclass(frozen=True, slots=True)
class UnsentFile:
    """A file that is not sent yet, or is being sent, and how it is described. The next page begins after `cursor`."""

    id: int
    path: str
    state: State
    description: Description
    cursor: tuple[float, int] = (0.0, 0)


def describe(
    path: str,
    labelling: PathRules,
    metadata: Mapping[str, str],
    entries: Sequence[Entry],
    misses: Sequence[str] = (),
) -> Description:
    """The file at `path`, relative to its root; of the `entries` that speak of it, later ones go before earlier ones.

    `misses` say of sidecars why they most likely mean this file and do not mention it. Raises ValueError, with one
    clause for a person, when what the entries say could not be sent.
    """
    label, category = labelling.of(path)
    if not entries and not misses:  # as of most files
        return Description(label=label, category=category, metadata=dict(metadata))
    about: dict[PartKind, Any] = {}
    said = dict(metadata)
    for entry in entries:
        if entry.problem is not None:
            raise ValueError(entry.problem)
        if entry.is_unlabeled:
            label = None
        elif entry.label:
            label = nfc(_text(entry.label, "label"))
            if _weight(label) > LONGEST_LABEL:
                raise ValueError(f"its label has more than {LONGEST_LABEL:,} bytes when sent")
        if entry.category is not None:
            category = _category(entry.category)
        said |= _metadata(entry.metadata)
        for kind, found in (
            (PartKind.BOXES, entry.bounding_boxes),
            (PartKind.STRUCTURED, entry.structured_labels),
            (PartKind.LABEL_MAP, entry.label_map),
        ):
            if found is not None:
                about[kind] = with_canonical_labels(kind, _listed(kind, found))
    name, remarks = _name_and_remarks(path, entries, misses)
    return Description(
        label=label, category=category, metadata=said, companions=packed(about), name=name, remarks=remarks
    )


def given_name(path: str, name: str) -> tuple[str | None, str | None]:
    """Return under which name the file at `path` is sent that an account calls `name` (None: under its own), and why it
    is not that very name (None: it is).

    >>> given_name("training/idle.1.csv.4ooensbh.pod.s1.json", "idle.1")
    ('idle.1.json', None)
    """
    own = sent_name(path)
    stem, dot, extension = own.rpartition(".")
    sent = "".join(map(_harmless, name)) + (dot + extension if stem else "")
    if len(sent.encode()) > LONGEST_NAME_BYTES:
        return None, (
            f"the name given for it has more than {LONGEST_NAME_BYTES:,} bytes; its sample keeps the name of the file"
        )
    is_harmless = sent.startswith(name)
    trouble = None if is_harmless else f"the name given for it cannot be sent; its sample is named {sent!r}"
    return None if sent == own else sent, trouble


def with_canonical_labels(kind: PartKind, found: Any) -> Any:
    """What is said of a file, with the labels in it in NFC. What has another form than it should is left as it is."""
    if kind is PartKind.LABEL_MAP:
        return {_nfc(key): _nfc(label) for key, label in found.items()} if isinstance(found, Mapping) else found
    if not isinstance(found, list):
        return found
    return [{**one, "label": _nfc(one["label"])} if isinstance(one, dict) and "label" in one else one for one in found]


def _name_and_remarks(
    path: str, entries: Sequence[Entry], misses: Sequence[str]
) -> tuple[str | None, Mapping[str, str]]:
    name = next((entry.name for entry in reversed(entries) if entry.name), None)
    sent_as, trouble = (None, None) if name is None else given_name(path, name)
    attachments = sum(entry.attachments for entry in entries)
    remarks = {
        NOT_MENTIONED: "; ".join(misses),
        ATTACHMENTS: _attachments_are_not_sent(attachments) if attachments else "",
        NAME: trouble or "",
    }
    return sent_as, {kind: sentence for kind, sentence in remarks.items() if sentence}


def _nfc(label: Any) -> Any:
    return nfc(label) if isinstance(label, str) else label


def _harmless(character: str) -> str:
    # A service keeps what is behind the last separator; then it would not be known by the name that was sent.
    return "_" if character in "/\\" or unicodedata.category(character) in _BARRED_KINDS else character


def _attachments_are_not_sent(number: int) -> str:
    what = "an attachment" if number == 1 else f"{number:,} attachments"
    return f"a sidecar lists {what} for it; eisync does not send attachments: add them in Studio"


def _category(name: object) -> Category:
    if not isinstance(name, str) or name not in _CATEGORIES:
        raise ValueError(f"it gives the category {name!r}, and there are {', '.join(_CATEGORIES)}")
    return _CATEGORIES[name]


def _metadata(found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError("its metadata is not an object of names and texts")
    if len(found) > MOST_METADATA:
        raise ValueError(f"it has more than {MOST_METADATA} metadata entries")
    said = {
        _text(name, "metadata"): _text(value if isinstance(value, str) else json.dumps(value), "metadata")
        for name, value in found.items()
    }
    if sum(map(_weight, [*said, *said.values()])) > LONGEST_METADATA:
        raise ValueError(f"its metadata has more than {LONGEST_METADATA:,} bytes when sent")
    return said


def _text(text: str, what: str) -> str:
    # JSON may hold half a character (a lone surrogate), which no header and no database takes.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"its {what} contains half a character") from None
    return text


def _weight(text: str) -> int:
    """How many bytes the text is at most, with escapes."""
    return len(text) if text.isascii() else 12 * len(text)


def _listed(kind: PartKind, found: Any) -> Any:
    if kind is PartKind.LABEL_MAP:
        return dict(found)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"it gives {kind.value[2]} that are no list of objects")
    return found
