"""Find the files of a folder, and read label, category and boxes from their names and sidecars.

A name in a sidecar is looked up exactly as written, and then in other Unicode forms: macOS writes names in NFD, other
systems in NFC, and a dataset may have been copied from one to the other.
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

    `my-dataset/training/wave.1.cbor` gives the label `wave` and the category `training`. The category is the first of
    `testing`, `anomaly` and `training` that occurs anywhere in the whole path, even as part of a word. If none occurs,
    the category is not changed. The daemon's own rule is stricter: it looks only at the names of folders below the
    watched folder, and compares whole words. The option `category = "sdk"` chooses the rule of this function there.

    Pass this function as the `transform` of `upload_directory`.

    Replaces `edgeimpulse.data.infer_from_filename`, and for `infer_category_and_label_from_filename` of
    `edgeimpulse.experimental.data`. The results are the same.

    Args:
        sample: The sample to change.
        file: The path of its file.

    Raises:
        Nothing. A path without a base name gives the label `""`.

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
class CompanionFiles:
    """The companion files of each folder, each read once. One that cannot be read is ignored."""

    found: dict[tuple[str, PartKind], "_Companion"] = field(default_factory=dict)
    misses: list[str] = field(default_factory=list)
    """One sentence for each file that a companion seems to mean but names in another way."""

    def of(self, path: str, kind: PartKind) -> Entry | None:
        """Return the entry for the file at `path` in the companion beside it; None when there is none."""
        folder, name = os.path.split(path)
        if (folder, kind) not in self.found:
            self.found[folder, kind] = _Companion(_read_companion(os.path.join(folder, kind.part_name), kind))
        entry = self.found[folder, kind].of(folder, name)
        if isinstance(entry, NearMiss):
            self.misses.append(entry.sentence(kind.part_name, name))
            return None
        return entry


class _Companion:
    """The entries of one companion file, by the file names in it."""

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
class DatasetFiles:
    """Finds the files that a sidecar names, below one folder."""

    directory: str
    named: frozenset[str]  # every path in the sidecar, as written there
    listed: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def of(self, path: str) -> tuple[str, str | None]:
        """Return where the file is, and the reason why it is not sent; None when it is sent."""
        place = os.path.join(self.directory, *path.split("/"))
        root = os.path.abspath(self.directory)
        if os.path.commonpath((root, os.path.abspath(place))) != root:
            # A dataset may come from a stranger: it must not upload other files of this machine. A symbolic link in
            # the folder is followed: the owner of the folder has put it there.
            return place, f"{path} is outside the dataset folder; it is not sent"
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
        """Return the paths in the dataset that differ from `path` only in Unicode form or case."""
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
                pass  # the folder does not exist or cannot be read
            self.listed[folder] = names
        return self.listed[folder]


@dataclass(frozen=True, slots=True)
class FolderSample:
    """A sample before it is sent, and the path of its file."""

    draft: Draft
    path: str


def sample_of_file(path: str, beside: CompanionFiles) -> FolderSample:
    """Return a file with the boxes and labels from its companions. The caller sets category, label and metadata."""
    boxes, ranges = beside.of(path, PartKind.BOXES), beside.of(path, PartKind.STRUCTURED)
    problem = next((one.problem for one in (boxes, ranges) if one is not None and one.problem is not None), None)
    sample = Sample(
        data=LazyFile(path),
        filename=os.path.basename(path),
        bounding_boxes=None if boxes is None else boxes.bounding_boxes,
        structured_labels=None if ranges is None else ranges.structured_labels,
    )
    return FolderSample(Draft(sample, problem=problem and f"the entry for {path} cannot be used: {problem}"), path)


def sample_of_entry(entry: Entry, places: DatasetFiles) -> FolderSample:
    """Return the sample that an entry of `info.labels` describes."""
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
    return FolderSample(Draft(sample, has_no_label=entry.is_unlabeled, problem=problem), path)


def eligible(directory: str) -> Iterator[str]:
    """Yield the paths of the files to send: of each folder first its files, then its subfolders, both sorted.

    Symbolic links are followed; no folder is entered twice. A folder that cannot be read is skipped.
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
    """Return False also for a symbolic link that leads in a circle or to where access is denied."""
    try:
        return kind()
    except OSError:
        return False


def open_sidecar(path: str) -> TextIO:
    """Open a sidecar as text, in the encoding that its first bytes show. Raises OSError."""
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
    """Return those of `paths` at which there is another file than `name`."""
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
