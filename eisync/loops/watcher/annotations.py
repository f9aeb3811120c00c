"""Find what the annotation files of other programs say of the files of one root.

A companion, the annotation file of one image or recording, is read when its file is described. A shared document, which
describes many files, is read like a sidecar: in bounded pieces, into the store (`SidecarReader`).

A file waits while its annotation is being read or written, and while one that cannot be used is not corrected: better
late than without boxes. Where annotations lie beside it and none describes it, it waits `settle_s` for one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from eisync.core.annotations import places
from eisync.core.annotations.class_names import is_list as is_class_list
from eisync.core.annotations.formats import Format, Subject, subject_of
from eisync.core.annotations.matching import CLASSES
from eisync.core.annotations.measuring import Measured, without_measures
from eisync.core.completeness import ObservedFile
from eisync.core.labels.entry import Entry
from eisync.core.model import FileFacts, shown, value
from eisync.errors import UnreachableError
from eisync.loops.watcher.annotation_finder import AnnotationFinder
from eisync.loops.watcher.context import AnnotationFiles, Unclear, WatchedRoot
from eisync.loops.watcher.document_names import Document, DocumentNames
from eisync.loops.watcher.sidecars import SidecarReader
from eisync.store.sidecars import Sidecars

AGAIN_S = 1.0
MAX_REMEMBERED = 20_000

NO_NAMES = (
    "it gives classes by number or key, and there is no list of their names: "
    "data.yaml, classes.txt, or class-descriptions-boxable.csv of Open Images"
)


@value
class Source:
    """An annotation file that says something of a file, and its format."""

    place: str
    format: Format


@value(kw_only=True)
class Annotated:
    """What the annotations say of a file: entries, of which later ones win, and where they come from.

    `is_missing`: annotations lie beside the file, and none describes it.
    """

    entries: tuple[Entry, ...] = ()
    sources: tuple[Source, ...] = ()
    is_missing: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """Where the annotation files are."""
        return tuple(one.place for one in self.sources)


NOT_ANNOTATED = Annotated()


@value
class _Said:
    """An entry of an annotation file, not measured yet."""

    source: Source
    entry: Entry


class AnnotationReader:
    """Says what the annotation files of one root say of a file."""

    def __init__(
        self,
        watched: WatchedRoot,
        finder: AnnotationFinder,
        sidecars: SidecarReader,
        store: Sidecars,
        files: AnnotationFiles,
    ) -> None:
        self._watched = watched
        self._root = watched.root.path
        self._finder = finder
        self._sidecars = sidecars
        self._store = store
        self._files = files
        self._names = DocumentNames(watched, finder, store, files)
        self._class_lists: dict[str, tuple[FileFacts, dict[str, str] | str]] = {}
        self._asked: tuple[str, float] | None = None  # the folder and instant of the last answer of `_is_far`
        self._asked_is_far = False

    def of(self, path: str, *, now: float, file: ObservedFile | None = None) -> Annotated | Unclear:
        """Return what is said of the file. With `file`, wait a moment for an annotation that is not there yet."""
        if self._finder.is_off or self._is_far(path, now):
            return NOT_ANNOTATED
        self._finder.begin(now)
        if (missing := self._missing_manifest(now)) is not None:
            return missing
        said: list[_Said] = []
        is_expected = False
        companion = self._companion(path, now, file)
        if isinstance(companion, Unclear):
            return companion
        if companion is not None:
            said.append(companion)
        for place, folder in self._finder.documents_of(path):
            source, facts = self._document(place, path, now)
            if source is None or facts is None:
                continue
            found = self._in_document(source, facts, path, folder, now)
            if isinstance(found, Unclear):
                return found
            is_expected = is_expected or source.format.subject is not Subject.FILES
            if found is not None:
                said.append(found)
        if not said:
            return self._without(path, now, file, is_expected=is_expected)
        return self._measured(path, said, now)

    def _missing_manifest(self, now: float) -> Unclear | None:
        """Return why files wait although nothing describes them; None if the manifest that a person names is there."""
        manifest = self._watched.manifest
        if manifest is None or self._files.facts_at(self._root, manifest) is not None:
            return None
        return Unclear(
            f"the manifest {manifest}, which the configuration names, is not there; put it there, and the file is sent "
            "by itself",
            now + 5 * AGAIN_S,
            needs_person=True,
        )

    def _is_far(self, path: str, now: float) -> bool:
        """Return whether no annotation can lie near the file, which is so for most folders. Asked once a folder."""
        here = (path.rpartition("/")[0], now)
        if self._asked != here:
            self._finder.begin(now)
            self._asked_is_far = not self._watched.requires_annotation and not self._finder.lies_near(path)
            self._asked = here
        return self._asked_is_far

    def begin_reading(self, path: str, now: float) -> None:
        """Begin to read the shared documents that may describe the file, unless they are read."""
        if not self._finder.is_off:
            self._finder.begin(now)
            for place, _ in self._finder.documents_of(path):
                self._document(place, path, now)

    def note_event(self, place: str, now: float) -> bool:
        """Record that something happened at this path. Return whether it may be an annotation file, by its name."""
        self._finder.begin(now)
        return not self._finder.is_off and self._finder.note_event(place)

    def may_describe(self, path: str, now: float) -> bool:
        """Return whether annotation files lie where they would describe a file at this path."""
        if self._finder.is_off:
            return False
        self._finder.begin(now)
        try:
            return self._finder.lies_near(path)
        except UnreachableError:
            return True  # no folder can be listed now

    def is_name_of_one(self, place: str) -> bool:
        """Return whether the file at this path may be a companion or a list of classes, by its name."""
        name = place.rpartition("/")[2]
        return not self._finder.is_off and (places.is_companion_name(name) or is_class_list(name))

    def is_newer(self, place: str, since: float) -> bool:
        """Return whether there is a file at this path that was touched after `since` (Unix s)."""
        facts = self._files.facts_at(self._root, place)
        return facts is not None and facts.touched_at >= since

    def described_by(self, place: str) -> Iterator[str]:
        """Yield the existing files that a companion at this path may describe."""
        if self._finder.is_off or not places.is_companion_name(place):
            return
        for stem in places.files_of(place):
            for extension in places.SAMPLE_EXTENSIONS:
                path = stem + extension
                if path != place and self._files.facts_at(self._root, path) is not None:
                    yield path

    def _companion(self, path: str, now: float, file: ObservedFile | None) -> _Said | Unclear | None:
        for place in self._finder.companions_of(path):
            facts = self._files.facts_at(self._root, place)
            if facts is None or self._watched.eligibility.ignoring(place) is not None:
                continue
            try:
                text, trouble = self._files.text_of(self._root, place, facts), None
            except ValueError as error:
                text, trouble = None, str(error)
            found = self._finder.companion_format(place, facts, path, text)
            if found is None:
                continue
            until = min(facts.touched_at, now) + self._watched.policy.settle_s
            if file is not None and now < until:
                return Unclear(f"{shown(place)}, which describes the file, changed a moment ago", until)
            if text is None:
                return _unusable(place, str(trouble), now)
            try:
                (entry,) = found.entries([text])
            except ValueError as error:
                return _unusable(place, str(error), now)
            return _Said(Source(place, found), entry)
        return None

    def _document(self, place: str, path: str, now: float) -> tuple[Source | None, FileFacts | None]:
        """Return the shared document at `place` with its facts, if it may describe the file."""
        if place == path:
            return None, None
        facts = self._files.facts_at(self._root, place)
        if facts is None:
            return None, None
        found = self._finder.format_at(place, facts, is_shared=True)
        if found is None or found.subject not in (Subject.FILES, subject_of(path)):
            return None, None
        facts = self._sidecars.facts_at(place, now)  # None: a rule leaves it out
        return (None, None) if facts is None else (Source(place, found), facts)

    def _in_document(
        self, source: Source, facts: FileFacts, path: str, folder: str, now: float
    ) -> _Said | Unclear | None:
        stored = self._sidecars.stored_sidecar(source.place, facts)
        if stored is None:
            return Unclear(f"{shown(source.place)}, which may describe the file, is being read", now + AGAIN_S / 5)
        if stored.trouble is not None:
            return _unusable(source.place, stored.trouble, now)
        try:
            name = self._names.name_of(path, Document(stored.id, source.place, folder, source.format.subject))
        except ValueError as error:
            return _unusable(source.place, str(error), now)
        entry = None if name is None else self._store.said_of(stored.id, name)
        return None if entry is None else _Said(source, entry)

    def _without(self, path: str, now: float, file: ObservedFile | None, *, is_expected: bool) -> Annotated | Unclear:
        """Decide on a file that no annotation describes."""
        requires = self._watched.requires_annotation and subject_of(path) is Subject.IMAGES
        if not requires and not is_expected and not self._finder.expects(path):
            return NOT_ANNOTATED
        if file is not None:
            until = file.still_since + self._watched.policy.settle_s
            if now < until:
                why = "annotations lie beside the file, and none describes it yet"
                return Unclear(f"{why}; {'it waits for one' if requires else _goes_at(until - now)}", until)
        if requires:
            return Unclear(
                "no annotation describes it, and require_annotation is set; annotate it, and it is sent by itself",
                now + 5 * AGAIN_S,
                needs_person=True,
            )
        return Annotated(is_missing=True)

    def _measured(self, path: str, said: Sequence[_Said], now: float) -> Annotated | Unclear:
        """Convert regions and stretches to the pixels and values of the file."""
        facts = self._files.facts_at(self._root, path)
        entries: list[Entry] = []
        has_regions = False
        for one in said:
            entry = one.entry if not has_regions else replace(one.entry, regions=None, stretches=None)
            place = one.source.place
            if entry.problem is not None:
                return _unusable(place, entry.problem, now)
            try:
                names = self._class_names(one) if entry.is_numbered and entry.regions else None
                measured = None if facts is None else self._measure(path, facts, entry)
                entries.append(without_measures(entry, measured, names))
            except ValueError as error:
                return _unusable(place, str(error), now)
            has_regions = has_regions or entry.regions is not None or entry.stretches is not None
        return Annotated(entries=tuple(reversed(entries)), sources=tuple(one.source for one in said))

    def _measure(self, path: str, facts: FileFacts, entry: Entry) -> Measured | None:
        if not entry.regions and not entry.stretches:
            return None
        return self._files.measured(self._root, path, facts)

    def _class_names(self, said: _Said) -> dict[str, str]:
        """Return the names of the classes that the annotations give by number.

        Raises ValueError, with the reason, when none are known.
        """
        place = said.source.place
        if said.source.format.is_shared:
            facts = self._files.facts_at(self._root, place)
            stored = None if facts is None else self._sidecars.stored_sidecar(place, facts)
            own = None if stored is None else self._store.said_of(stored.id, CLASSES)
            if own is not None and own.label_map is not None:
                return dict(own.label_map)
        trouble: str | None = None
        for one in places.class_lists_of(place, self._finder.listing):
            found = self._class_list(one)
            if isinstance(found, dict):
                return found
            trouble = trouble or (found and f"{shown(one)} cannot be used: {found}")
        raise ValueError(trouble or NO_NAMES)

    def _class_list(self, place: str) -> dict[str, str] | str | None:
        """Return the names of a list of classes, or why it cannot be used; None when it is not there."""
        facts = self._files.facts_at(self._root, place)
        if facts is None or self._watched.eligibility.ignoring(place) is not None:
            return None
        known = self._class_lists.get(place)
        if known is None or not facts.is_untouched_since(known[0]):
            if len(self._class_lists) >= MAX_REMEMBERED:
                self._class_lists.clear()
            known = self._class_lists[place] = (facts, self._files.class_names(self._root, place, facts))
        return known[1]


def _goes_at(left_s: float) -> str:
    return f"it is sent without in {left_s:.0f} s"


def _unusable(place: str, why: str, now: float) -> Unclear:
    return Unclear(
        f"{shown(place)}, which describes the file, cannot be used: {why}; correct it, and the file is sent by itself",
        now + 5 * AGAIN_S,
        needs_person=True,
    )
