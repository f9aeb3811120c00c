"""Decide by which of its names a shared annotation document mentions a file.

A name may fit several files: `0001.jpg` fits `a/0001.jpg` and `b/0001.jpg`. The file that shares the most parts with
the name is meant. Where two share the same number, boxes of one image would be those of another, so both files wait
until the document gives their folders.

Other files of the same name are looked for in the folders that the document describes, down to the depth of the file
and one level below its own folder.
"""

from collections.abc import Iterator
from itertools import islice

from eisync.core.annotations import places
from eisync.core.annotations.formats import Subject
from eisync.core.annotations.matching import contradicts, exact_names, key_of, matching, shared_parts
from eisync.core.model import extension_of, shown, value
from eisync.loops.watcher.annotation_finder import AnnotationFinder
from eisync.loops.watcher.context import AnnotationFiles, WatchedRoot
from eisync.store.sidecars import Sidecars


@value
class Document:
    """A shared annotation document that was read. `id`: of its entries in the store; `folder`: what it describes."""

    id: int
    place: str
    folder: str
    subject: Subject


class DocumentNames:
    """Finds the names of the files of one root in shared annotation documents."""

    def __init__(self, watched: WatchedRoot, finder: AnnotationFinder, store: Sidecars, files: AnnotationFiles) -> None:
        self._root = watched.root.path
        self._eligibility = watched.eligibility
        self._finder = finder
        self._store = store
        self._files = files

    def name_of(self, path: str, document: Document) -> str | None:
        """Return the name by which the document mentions the file; None when it does not.

        Raises ValueError, with a clause for a person, when a name may mean this file or another one.
        """
        name = self._name_in(path, document)
        if name is None or (document.subject is Subject.FILES and not _has_extension(name, path)):
            return name  # a list of files gives every file of such a name the same category
        shared = shared_parts(shown(path), name)
        other = self._other_image(path, name, document)
        if shared > _below(path, document.folder).count("/"):  # no other file shares more
            if other is not None:
                raise ValueError(f"{name!r} in it may also mean {shown(other)}; give its extension there")
            return name
        for place in self._places_of_others(path, name, shared, document):
            if self._name_in(place, document) == name:
                if shared_parts(shown(place), name) > shared:
                    return None
                other = other or place
        if other is not None:
            raise ValueError(f"{name!r} in it may also mean {shown(other)}; give its folder there")
        return name

    def _name_in(self, path: str, document: Document) -> str | None:
        """Return the name that shares the most parts with the path; of two, the one that is the same to the letter."""
        text = shown(path)
        exact = next((one for one in exact_names(text, document.folder) if self._store.mentions(document.id, one)), "")
        if exact == _below(text, document.folder):
            return exact
        below, above = _below(text, document.folder), f"{shown(self._root)}/{document.folder}"
        named = [one for one in self._store.named_like(document.id, key_of(text)) if not contradicts(below, one, above)]
        found = matching(text, named, lambda name: self._is_other(document.folder, name, path))
        if exact in found or (exact and not found):
            return None if self._is_other(document.folder, exact, path) else exact
        if len(found) > 1:
            raise ValueError(f"{found[0]!r} and {found[1]!r} in it may both mean the file")
        return found[0] if found else None

    def _is_other(self, folder: str, name: str, path: str) -> bool:
        """Return whether the name is the path of another file that exists."""
        return self._is_another(f"{folder}/{name}" if folder else name, path)

    def _is_another(self, place: str, path: str) -> bool:
        if place == path:
            return False
        found = self._files.facts_at(self._root, place)
        # Where letter case makes no difference, and behind a link, another path leads to the same file.
        return found is not None and found != self._files.facts_at(self._root, path)

    def _other_image(self, path: str, name: str, document: Document) -> str | None:
        """Return an image beside the file that a name without extension means as well."""
        if _has_extension(name, path):
            return None
        stem = path.rpartition(".")[0]
        others = filter(places.is_image, (f"{stem}{one}" for one in places.SAMPLE_EXTENSIONS))
        return next((one for one in others if self._takes_part(one, path, document)), None)

    def _places_of_others(self, path: str, name: str, shared: int, document: Document) -> Iterator[str]:
        """Yield the files whose paths end with the same parts, as many as the name and `path` share."""
        below = _below(path, document.folder).split("/")
        own, tail = below[:-shared], "/".join(below[-shared:])
        listing, most = self._finder.listing, places.MAX_FOLDERS
        folders = [
            *islice(places.folders_below(document.folder, listing, len(own)), most),
            *islice(places.folders_below("/".join(filter(None, (document.folder, *own))), listing, 1), 1, most),
        ]
        if len(folders) >= most:
            raise ValueError(f"{name!r} in it may mean a file in more than {most} folders; give its folder there")
        for folder in folders:
            place = f"{folder}/{tail}" if folder else tail
            if self._takes_part(place, path, document):
                yield place

    def _takes_part(self, place: str, path: str, document: Document) -> bool:
        """Return whether there is another file that the document may describe."""
        return (
            self._is_another(place, path)
            and places.is_for(document.place.rpartition("/")[2], place, document.folder)
            and self._eligibility.ignoring(place) is None
        )


def _has_extension(name: str, path: str) -> bool:
    return extension_of(name) == extension_of(path)


def _below(path: str, folder: str) -> str:
    return path[len(folder) + 1 if folder else 0 :]
