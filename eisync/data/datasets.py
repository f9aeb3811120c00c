"""Find the files that a sidecar names, and what it says of a file: by exact names first, then in another form.

macOS writes names in another Unicode form than the rest (`eisync.core.text`); datasets travel through both.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TextIO

from eisync.core.labels.mentions import NearMiss, collected, near
from eisync.core.labels.parts import PartKind
from eisync.core.labels.sidecars import Entry, encoding_of, entries_of
from eisync.core.text import caseless, nfc

CHUNK_CHARACTERS = 64 * 1024


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
    """Where the files are that an account names, below one folder."""

    directory: str
    named: frozenset[str]  # all that it names, as it does
    listed: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def of(self, path: str) -> tuple[str, str | None]:
        """Where the file is, and why it is not to be sent; None: it is to be."""
        place = os.path.join(self.directory, *path.split("/"))
        root = os.path.abspath(self.directory)
        if os.path.commonpath((root, os.path.abspath(place))) != root:
            # A dataset comes from somebody else: it must not name files of ours. Links in it are the owner's own doing.
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


def open_sidecar(path: str) -> TextIO:
    """Open a sidecar as the text that it is. Raises OSError."""
    with open(path, "rb") as file:
        encoding = encoding_of(file.read(2))
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
