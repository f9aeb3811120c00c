"""Find the annotation files of one root, and recognise their formats.

What a folder holds is remembered for a moment, and the format of a file as long as the file is unchanged.
"""

from collections.abc import Iterator

from eisync.core.annotations import formats, places
from eisync.core.annotations.class_names import is_list as is_class_list
from eisync.core.annotations.formats import HEAD_CHARACTERS, MANIFEST, Format, Subject, recognised, subject_of
from eisync.core.annotations.places import Listing
from eisync.core.model import FileFacts, extension_of
from eisync.errors import UnreachableError
from eisync.loops.watcher.context import AnnotationFiles, WatchedRoot

AGAIN_S = 1.0
MAX_REMEMBERED = 20_000
LARGE_FOLDER = 200
"""A folder with more entries is not listed again for each event in it."""
ENTRIES_PER_S = 10_000
"""A folder is listed again at most after one second for each so many of its entries."""


class AnnotationFinder:
    """Finds the annotation files of one root, and remembers for a moment what its folders hold."""

    def __init__(self, watched: WatchedRoot, files: AnnotationFiles) -> None:
        self._root = watched.root.path
        self._manifest = watched.manifest
        self._formats = formats.may_be(watched.annotations)
        self._files = files
        self._listings: dict[str, tuple[float, Listing]] = {}
        self._sizes: dict[str, int] = {}  # of folders, when they were listed last
        self._recognised: dict[str, tuple[FileFacts, Format | None]] = {}
        self._now = 0.0

    @property
    def is_off(self) -> bool:
        """Return whether no annotations are wanted."""
        return not self._formats and self._manifest is None

    def begin(self, now: float) -> None:
        """Set the time that decides which listings are too old."""
        self._now = now

    def listing(self, folder: str) -> Listing:
        """Return what the folder holds of annotations."""
        at, found = self._listings.get(folder, (0.0, None))
        if found is None or not 0.0 <= self._now - at < max(AGAIN_S, found.entries / ENTRIES_PER_S):
            if len(self._listings) >= MAX_REMEMBERED:
                self._listings.clear()
                self._sizes.clear()
            found = self._files.listing(self._root, folder)
            self._listings[folder] = (self._now, found)
            self._sizes[folder] = found.entries
        return found

    def note_event(self, place: str) -> bool:
        """Record that something happened at this path. Return whether it may be an annotation file, by its name."""
        folder, _, name = place.rpartition("/")
        is_one = places.is_annotation_name(name) or place == self._manifest
        is_small = self._sizes.get(folder, 0) <= LARGE_FOLDER
        if is_one and (is_small or places.is_likely_document(name) or is_class_list(name)):
            self._listings.pop(folder, None)
        return is_one

    def is_document(self, place: str) -> bool:
        """Return whether there is a shared document at this path. No, while no file can be opened.

        An event on a sample opens no file and lists no large folder: then its name must say that it is a document.
        """
        folder, _, name = place.rpartition("/")
        if self.is_off:
            return False
        try:
            if place != self._manifest and not self._may_be_document(folder, name):
                return False
            facts = self._files.facts_at(self._root, place)
            return facts is not None and self.format_at(place, facts, is_shared=True) is not None
        except UnreachableError:
            return False

    def _may_be_document(self, folder: str, name: str) -> bool:
        if not places.may_be_document(name):
            return False
        if places.is_likely_document(name):
            return True
        return self._sizes.get(folder, 0) <= LARGE_FOLDER and name in self.listing(folder).documents

    def documents_of(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the possible shared documents for the file, each with the folder that it describes; the nearest first.

        A list of files that the configuration names comes first.
        """
        if self._manifest is not None:
            yield self._manifest, ""
        if self._formats:
            yield from places.documents_of(path, self.listing)

    def lies_near(self, path: str) -> bool:
        """Return whether there are files that may be annotations for a file at this path, by their names."""
        folders = (path.rpartition("/")[0], *places.label_folders_of(path, self.listing))
        return next(self.documents_of(path), None) is not None or any(
            self.listing(folder).companions for folder in folders
        )

    def companions_of(self, path: str) -> Iterator[str]:
        """Yield the places where the companion of the file may lie."""
        if self._formats:
            yield from places.companions_of(path, self.listing)

    def format_at(self, place: str, facts: FileFacts, *, is_shared: bool, text: str | None = None) -> Format | None:
        """Return the format of the annotation file; None if it has none, or one that is not wanted.

        `text` is that of the file; without it, its beginning is read.
        """
        if place == self._manifest:
            return MANIFEST
        known = self._recognised.get(place)
        if known is None or not facts.is_untouched_since(known[0]):
            if len(self._recognised) >= MAX_REMEMBERED:
                self._recognised.clear()
            head = self._files.head_of(self._root, place, facts) if text is None else text[:HEAD_CHARACTERS]
            name = place.rpartition("/")[2]
            known = self._recognised[place] = (facts, recognised(name, head, self._formats))
        found = known[1]
        return found if found is not None and found.is_shared is is_shared else None

    def companion_format(self, place: str, facts: FileFacts, path: str, text: str | None) -> Format | None:
        """Return the format of the companion of the file at `path`, which has this text; None if it is none.

        A companion that is not recognised has the format of those beside it: so a damaged one is not taken for none.
        """
        wanted = subject_of(path)
        found = self.format_at(place, facts, is_shared=False, text=text)
        if found is None:
            found = next(self._formats_beside(place, wanted), None)
        return found if found is not None and found.subject is wanted else None

    def expects(self, path: str) -> bool:
        """Return whether companions lie where the companion of the file would, so that it should have one."""
        wanted = subject_of(path)
        folders = (path.rpartition("/")[0], *places.label_folders_of(path, self.listing))
        return any(next(self._formats_in(folder, wanted), None) is not None for folder in folders)

    def _formats_beside(self, place: str, wanted: Subject) -> Iterator[Format]:
        extension = extension_of(place)
        return self._formats_in(place.rpartition("/")[0], wanted, extension)

    def _formats_in(self, folder: str, wanted: Subject, extension: str | None = None) -> Iterator[Format]:
        """Yield the formats of some companions in the folder, with `extension` only of those that have it."""
        for name in self.listing(folder).companions:
            place = f"{folder}/{name}" if folder else name
            if extension is not None and extension_of(name) != extension:
                continue
            facts = self._files.facts_at(self._root, place)
            found = None if facts is None else self.format_at(place, facts, is_shared=False)
            if found is not None and found.subject is wanted:
                yield found
