"""Find the files of a folder, and what their names and the sidecars beside them say of each.

A name in a sidecar is looked up exactly first, then in another Unicode form: macOS writes names in another form than
the rest, and datasets travel through both.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TextIO

from eisync.core.annotations.encoding import MARK_BYTES, encoding_of
from eisync.core.dataset import INFO_LABELS
from eisync.core.ignore import ACCEPTED_EXTENSIONS
from eisync.core.labels.description import given_name
from eisync.core.labels.entry import Entry
from eisync.core.labels.mentions import NearMiss, collected, near
from eisync.core.labels.parts import PartKind
from eisync.core.labels.path_rules import infer_category_as_sdk, infer_label
from eisync.core.labels.sidecars import entries_of
from eisync.core.model import extension_of
from eisync.core.text import caseless, nfc
from eisync.data.drafts import Draft
from eisync.data.sample_type import Sample
from eisync.data.sources import LazyFile

CHUNK_CHARACTERS = 64 * 1024


def infer_from_filename(sample: Sample, file: str) -> None:
    """Set the label to the text before the first dot of the base name, and the category if the path names one.

    `my-dataset/training/wave.1.cbor` gives label `wave` and category `training`. The category is the first of
    `testing`, `anomaly`, `training` that occurs anywhere in the whole path, also as a part of a word. The daemon asks
    for whole words below the watched folder instead; there `category = "sdk"` chooses this rule.

    Stands for `edgeimpulse.data.infer_from_filename`, and for `infer_category_and_label_from_filename` of
    `edgeimpulse.experimental.data`, to the letter. It is made to be a `transform`.

    Args:
        sample: The sample to change.
        file: The path of its file.

    Raises:
        Nothing. A path without a name gives the label `""`.

    Example:
        >>> from eisync.data import Sample, infer_from_filename
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


@dataclass(slots=True)
class Beside:
    """The companion files of each folder, read once; one that cannot be read is as good as none."""

    found: dict[tuple[str, PartKind], "_Companion"] = field(default_factory=dict)
    misses: list[str] = field(default_factory=list)
    """Of files that a companion most likely means and does not mention, a sentence each."""

    def of(self, path: str, kind: PartKind) -> Entry | None:
        """What a companion beside the file at `path` says of it; None: nothing."""
        folder, name = os.path.split(path)
        if (folder, kind) not in self.found:
            self.found[folder, kind] = _Companion(_read_companion(os.path.join(folder, kind.part_name), kind))
        entry = self.found[folder, kind].of(folder, name)
        if isinstance(entry, NearMiss):
            self.misses.append(entry.sentence(kind.part_name, name))
            return None
        return entry


class _Companion:
    """What one companion file says, by the names in it."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._alike: dict[str, dict[str, Entry]] = {}
        for path, entry in entries.items():
            self._alike.setdefault(caseless(path), {})[path] = entry

    def of(self, folder: str, name: str) -> Entry | NearMiss | None:
        if name in self._entries:
            return self._entries[name]
        alike = self._alike.get(caseless(name), {})
        return near(name, alike, _others(folder, name, alike)) if alike else None


@dataclass(slots=True)
class Places:
    """Where the files are that a sidecar names, below one folder."""

    directory: str
    named: frozenset[str]  # all that it names, as it does
    listed: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def of(self, path: str) -> tuple[str, str | None]:
        """Where the file is, and why it is not sent; None: it is sent."""
        place = os.path.join(self.directory, *path.split("/"))
        root = os.path.abspath(self.directory)
        if os.path.commonpath((root, os.path.abspath(place))) != root:
            # A dataset may come from anywhere: it must not name files of ours. Links in it are the owner's own doing.
            return place, f"{path} lies outside the dataset; it is not sent"
        if os.path.isfile(place):
            return place, None
        found = self._in_another_form(path)
        exact = [one for one in found if nfc(one) == nfc(path) and one not in self.named]
        if len(exact) == 1 and os.path.isfile(os.path.join(self.directory, *exact[0].split("/"))):
            return os.path.join(self.directory, *exact[0].split("/")), None
        hint = next((one for one in found if nfc(one) != nfc(path)), None)
        if hint is not None:
            return place, f"{place} not found; info.labels lists it, but the file is {hint!r}: rename one of them"
        return place, f"{place} not found, although info.labels lists it"

    def _in_another_form(self, path: str) -> list[str]:
        """The paths in the dataset that differ from `path` in form or case only."""
        found = [""]
        for part in path.split("/"):
            found = [
                f"{folder}/{name}" if folder else name
                for folder in found
                for name in self._names_in(folder).get(caseless(part), ())
            ]
        return found

    def _names_in(self, folder: str) -> dict[str, list[str]]:
        if folder not in self.listed:
            names: dict[str, list[str]] = {}
            try:
                for name in os.listdir(os.path.join(self.directory, folder)):
                    names.setdefault(caseless(name), []).append(name)
            except OSError:
                pass  # no folder of that name, or one that cannot be read
            self.listed[folder] = names
        return self.listed[folder]


@dataclass(frozen=True, slots=True)
class Given:
    """A sample to be, and where its file lies."""

    draft: Draft
    path: str


def plain(path: str, beside: Beside) -> Given:
    """A file and what companions say of it; its category, label and metadata are the caller's."""
    boxes, ranges = beside.of(path, PartKind.BOXES), beside.of(path, PartKind.STRUCTURED)
    problem = next((one.problem for one in (boxes, ranges) if one is not None and one.problem is not None), None)
    sample = Sample(
        data=LazyFile(path),
        filename=os.path.basename(path),
        bounding_boxes=None if boxes is None else boxes.bounding_boxes,
        structured_labels=None if ranges is None else ranges.structured_labels,
    )
    return Given(Draft(sample, problem=problem and f"the entry for {path} cannot be used: {problem}"), path)


def of_entry(entry: Entry, places: Places) -> Given:
    path, problem = places.of(entry.path)
    if entry.problem is not None:
        problem = f"the entry for {entry.path} in {INFO_LABELS} cannot be used: {entry.problem}"
    sent_as = None if entry.name is None else given_name(path, entry.name)[0]
    sample = Sample(
        data=LazyFile(path),
        filename=sent_as or os.path.basename(path),
        category=entry.category,
        label=entry.label,
        bounding_boxes=entry.bounding_boxes,
        metadata=entry.metadata,
        structured_labels=entry.structured_labels,
        label_map=entry.label_map,
    )
    return Given(Draft(sample, has_no_label=entry.is_unlabeled, problem=problem), path)


def eligible(directory: str) -> Iterator[str]:
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
            if extension_of(entry.name) in ACCEPTED_EXTENSIONS and _is(entry.is_file):
                yield entry.path
        folders.extend(entry.path for entry in reversed(entries) if _is(entry.is_dir))


def _is(kind: Callable[[], bool]) -> bool:
    """False where a link leads in circles, or to where we may not read."""
    try:
        return kind()
    except OSError:
        return False


def open_sidecar(path: str) -> TextIO:
    """Open a sidecar as the text that it is. Raises OSError."""
    with open(path, "rb") as file:
        encoding = encoding_of(file.read(MARK_BYTES))
    return open(path, encoding=encoding)


def _read_companion(path: str, kind: PartKind) -> Mapping[str, Entry]:
    try:
        with open_sidecar(path) as file:
            said = entries_of(kind.part_name, iter(lambda: file.read(CHUNK_CHARACTERS), ""))
            return collected(kind.part_name, said)
    except (OSError, ValueError):
        return {}


def _others(folder: str, name: str, paths: Iterable[str]) -> set[str]:
    """Those of the paths at which another file is."""
    try:
        own = os.stat(os.path.join(folder, name))
    except OSError:
        return set()
    return {path for path in paths if _is_another(os.path.join(folder, path), own)}


def _is_another(place: str, own: os.stat_result) -> bool:
    try:
        return not os.path.samestat(os.stat(place), own)
    except OSError:
        return False
