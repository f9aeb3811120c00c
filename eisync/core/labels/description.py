"""Decide what is sent with a file, and report how its samples differ from that at the service.

`describe` combines the rules of the watched folder with the sidecars into a label, category, name, metadata and
companions. A sidecar's entry for the file wins over the configuration of its folder. What cannot be sent becomes a
remark, a sentence for a person.

The name that is sent is the name in `info.labels` plus the extension of the file, as the official uploader does it
(edge-impulse-cli, cli/uploader.ts; wire contract, section 5). Otherwise names would grow with each move of a dataset
from project to project.

`label_differences` compares the label and category of a file with its samples as they were last listed.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from eisync.core.labels.entry import Entry
from eisync.core.labels.parts import PartKind, packed
from eisync.core.labels.path_rules import infer_label
from eisync.core.labels.rules import Decision, LabelRules, RuleProblemError
from eisync.core.labels.said import said_by
from eisync.core.lifecycle import State
from eisync.core.model import Category, RemoteSample, sent_name, shown, value
from eisync.core.studio import stored_name
from eisync.core.text import nfc


def label_differences(path: str, label: str | None, category: Category, samples: Iterable[RemoteSample]) -> list[str]:
    """Return what differs between the file at `path` and its samples, as clauses for a person, each once.

    A person may have edited a sample in Studio, or sent another file under this name. Two differences are not reported:
    the category of a file that the service was asked to split, and another Unicode form of the same text.
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


MAX_LABEL_BYTES = 16 * 1024
MAX_METADATA = 500
MAX_METADATA_BYTES = 64 * 1024
"""The limits of labels and metadata. They travel in headers, and no server takes longer ones (wire contract, section
1).
"""
MAX_NAME_BYTES = 1024

NOT_MENTIONED, ATTACHMENTS, NAME, ANNOTATION = "not_mentioned", "attachments", "name", "annotation"
"""The kinds of remarks: no entry fits, attachments are not sent, a name or an annotation cannot be sent as it is."""

_BARRED_KINDS = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, surrogates, line and paragraph separators

_CATEGORIES = {category.value: category for category in Category}


@value(kw_only=True)
class Description:
    """What is sent with the content of a file. `companions` is text as `eisync.core.labels.parts.packed` returns it.

    `name` is the name under which it is sent; None means the name of the file. `remarks` has a sentence for each kind
    of information that sidecars give and that is not sent. `said` names what sidecars say of it, whatever the value
    (`eisync.core.labels.changes`).
    """

    label: str | None
    category: Category
    metadata: Mapping[str, str] = field(default_factory=dict)
    companions: str | None = None
    name: str | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)
    said: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def weight(self) -> int:
        """The most bytes of JSON that this description can need."""
        weight = len(self.companions or "") + _weight(self.label or "") + _weight(self.name or "")
        return weight + sum(map(_weight, (*self.metadata, *self.metadata.values()))) if self.metadata else weight


@value
class UnsentFile:
    """A file that is not sent yet or is being sent, with its description. The next page begins after `cursor`."""

    id: int
    path: str
    state: State
    description: Description
    cursor: tuple[float, int] = (0.0, 0)


def describe(
    path: str,
    labelling: LabelRules,
    metadata: Mapping[str, str],
    entries: Sequence[Entry],
    misses: Sequence[str] = (),
) -> Description:
    """Return what is sent with the file at `path`, which is relative to its root.

    `entries` are the sidecar entries for this file; later ones win over earlier ones. `misses` are sentences about
    sidecars that mention a very similar name, and most likely mean this file. Raises ValueError, with one clause for a
    person, when the values of an entry cannot be sent, and RuleProblemError when those of a rule cannot.
    """
    decided = labelling.decide(path)
    label, category = decided.label, decided.category
    if decided.problem is not None and not any(entry.category for entry in entries):
        raise RuleProblemError(decided.problem)
    merged = _with_metadata(metadata, decided)
    if not entries and not misses:  # true for most files
        return Description(label=label, category=category, metadata=merged)
    about: dict[PartKind, Any] = {}
    for entry in entries:
        if entry.problem is not None:
            raise ValueError(entry.problem)
        if entry.is_unlabeled:
            label = None
        elif entry.label:
            label = nfc(_text(entry.label, "label"))
            if _weight(label) > MAX_LABEL_BYTES:
                raise ValueError(f"its label has more than {MAX_LABEL_BYTES:,} bytes when sent")
        if entry.category is not None:
            category = _category(entry.category)
        merged |= _metadata(entry.metadata)
        about |= _companions(entry)
    name, remarks = _name_and_remarks(path, entries, misses)
    takes_name = decided.by is not None and decided.by.uses_name(path)
    if name is not None and takes_name and not any(one.label or one.is_unlabeled for one in entries):
        label = nfc(infer_label(name) or "") or None
    return Description(
        label=label,
        category=category,
        metadata=merged,
        companions=packed(about),
        name=name,
        remarks=remarks,
        said=said_by(entries, about),
    )


def describe_by_path(
    path: str, labelling: LabelRules, metadata: Mapping[str, str], misses: Sequence[str] = ()
) -> Description:
    """Return what the configuration alone says of the file, without what cannot be sent. `misses` as in `describe`."""
    decided = labelling.decide(path)
    try:
        merged = _with_metadata(metadata, decided)
    except RuleProblemError:
        merged = dict(metadata)
    _, remarks = _name_and_remarks(path, (), misses)
    return Description(label=decided.label, category=decided.category, metadata=merged, remarks=remarks)


def _with_metadata(metadata: Mapping[str, str], decided: Decision) -> dict[str, str]:
    """Return the metadata of the folder with that of its rules, which win."""
    if not decided.metadata:
        return dict(metadata)
    merged = {**metadata, **decided.metadata}
    texts = [*merged, *merged.values()]
    is_long = _weight("".join(texts)) > MAX_METADATA_BYTES  # hardly ever, and an upper bound
    if len(merged) > MAX_METADATA or (is_long and sum(map(_weight, texts)) > MAX_METADATA_BYTES):
        raise RuleProblemError(
            f"with what the rules add, it has more than {MAX_METADATA} metadata entries, or more than "
            f"{MAX_METADATA_BYTES:,} bytes of them when sent"
        )
    return merged


def given_name(path: str, name: str) -> tuple[str | None, str | None]:
    """Return the name to send for the file at `path` that `info.labels` calls `name`, and a remark.

    The name is None when the file keeps its own. The remark says why the name is not sent as given; None when it is.

    >>> given_name("training/idle.1.csv.4ooensbh.pod.s1.json", "idle.1")
    ('idle.1.json', None)
    """
    own = sent_name(path)
    stem, dot, extension = own.rpartition(".")
    sent = "".join(map(_harmless, name)) + (dot + extension if stem else "")
    if len(sent.encode()) > MAX_NAME_BYTES:
        return None, (
            f"the name given for it has more than {MAX_NAME_BYTES:,} bytes; its sample keeps the name of the file"
        )
    is_harmless = sent.startswith(name)
    problem = None if is_harmless else f"the name given for it cannot be sent; its sample is named {sent!r}"
    return None if sent == own else sent, problem


def with_canonical_labels(kind: PartKind, found: Any) -> Any:
    """Return the companion entry of a file with its labels in NFC. Leave a value of the wrong type unchanged."""
    if kind is PartKind.LABEL_MAP:
        return {_nfc(key): _nfc(label) for key, label in found.items()} if isinstance(found, Mapping) else found
    if not isinstance(found, list):
        return found
    return [{**one, "label": _nfc(one["label"])} if isinstance(one, dict) and "label" in one else one for one in found]


def _companions(entry: Entry) -> dict[PartKind, Any]:
    found = {
        PartKind.BOXES: entry.bounding_boxes,
        PartKind.STRUCTURED: entry.structured_labels,
        PartKind.LABEL_MAP: entry.label_map,
    }
    return {kind: with_canonical_labels(kind, _listed(kind, one)) for kind, one in found.items() if one is not None}


def _name_and_remarks(
    path: str, entries: Sequence[Entry], misses: Sequence[str]
) -> tuple[str | None, Mapping[str, str]]:
    name = next((entry.name for entry in reversed(entries) if entry.name), None)
    sent_as, problem = (None, None) if name is None else given_name(path, name)
    attachments = sum(entry.attachments for entry in entries)
    remarks = {
        NOT_MENTIONED: "; ".join(misses),
        ATTACHMENTS: _attachments_are_not_sent(attachments) if attachments else "",
        NAME: problem or "",
        ANNOTATION: "; ".join(dict.fromkeys(entry.remark for entry in entries if entry.remark)),
    }
    return sent_as, {kind: sentence for kind, sentence in remarks.items() if sentence}


def _nfc(label: Any) -> Any:
    return nfc(label) if isinstance(label, str) else label


def _harmless(character: str) -> str:
    # The service keeps only what follows the last separator, so it would not know the sample by the name that was sent.
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
    if len(found) > MAX_METADATA:
        raise ValueError(f"it has more than {MAX_METADATA} metadata entries")
    texts = {
        _text(name, "metadata"): _text(value if isinstance(value, str) else json.dumps(value), "metadata")
        for name, value in found.items()
    }
    if sum(map(_weight, [*texts, *texts.values()])) > MAX_METADATA_BYTES:
        raise ValueError(f"its metadata has more than {MAX_METADATA_BYTES:,} bytes when sent")
    return texts


def _text(text: str, what: str) -> str:
    # JSON may contain half a character (a lone surrogate), which no header and no database takes.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"its {what} contains half a character") from None
    return text


def _weight(text: str) -> int:
    """Return the most bytes that the text can need, with escapes."""
    return len(text) if text.isascii() else 12 * len(text)


def _listed(kind: PartKind, found: Any) -> Any:
    if kind is PartKind.LABEL_MAP:
        return dict(found)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"it gives {kind.value[2]} that are no list of objects")
    return found
