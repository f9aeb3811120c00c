"""Check every file of a folder as the watcher does, and say what would happen to it. Send nothing.

The watcher's own parts decide (`CompletenessChecker`, `Labelling`, `SidecarReader`), so that a preview and an upload
agree. The entries of sidecars are in a private database, which has no name and ends with the preview.
"""

import os
from collections.abc import Iterator
from dataclasses import replace

from eisync.adapters import clock, process
from eisync.adapters.files import sidecars, writer_probe
from eisync.adapters.files.inventory import Found, Trouble, inventory
from eisync.app.loop_options import watched_of
from eisync.app.outside import outside_world
from eisync.core.completeness import observe, reason
from eisync.core.formats.check import has_end
from eisync.core.formats.probe import Complete, Truncated, Undecidable
from eisync.core.known_content import Trust
from eisync.core.labels.annotations import MANIFEST, NotASample
from eisync.core.labels.description import Description
from eisync.core.labels.parts import PartKind, unpacked
from eisync.core.labels.split import Split
from eisync.core.model import Candidate, FileFacts, sent_name
from eisync.core.preview import PreviewedFile, Verdict
from eisync.core.watch_health import Mode
from eisync.loops.ports import Log
from eisync.loops.watcher.annotation_finder import AnnotationFinder
from eisync.loops.watcher.annotations import Annotated, AnnotationReader
from eisync.loops.watcher.completeness import CheckResult, CompletenessChecker, failure_reason
from eisync.loops.watcher.context import Outside, Unclear, WatchedRoot
from eisync.loops.watcher.labelling import Labelling
from eisync.loops.watcher.observed_files import ObservedFiles
from eisync.loops.watcher.sidecars import SidecarReader
from eisync.settings import Watch
from eisync.store.database import Database, private_database
from eisync.store.descriptions import Descriptions
from eisync.store.outbox import Outbox
from eisync.store.sidecars import Sidecars

AT_ONCE = 256
"""Check this many files in one step."""


def preview(watch: Watch, log: Log) -> Iterator[PreviewedFile]:
    """Yield every file of the watched folder with what would happen to it, in the order of the walk.

    With a split, the files have their groups. Their categories are those that something says of them: where a group
    goes depends on all files.

    Raises ConfigurationError for ignore patterns that are not valid, UnreachableError when no file can be opened.
    """
    process.collect_rarely()
    writer_probe.ignore_lease_breaks()
    database = private_database()
    try:
        [root] = Outbox(database).register([(str(watch.path), watch.target)])
        watched = watched_of(watch, root, Mode.SCAN)
        for file in _Preview(watched, database, log).files():
            yield file if watched.split is None else _grouped(file, watched.split)
    finally:
        database.close()


def labelling_of(watched: WatchedRoot, outside: Outside, database: Database, log: Log) -> Labelling:
    """Return the parts of the watcher that describe files."""
    annotated, reader = _annotation_reader(watched, outside, database, log)
    return Labelling(watched, reader, annotated, Descriptions(database), on_labelled=lambda: None, log=log)


def annotated_now(watched: WatchedRoot, path: str, log: Log) -> Annotated | Unclear:
    """Return what the annotation files say of one file. Shared documents are read to their end for it."""
    database = private_database()
    try:
        [root] = Outbox(database).register([(watched.root.path, watched.root.target)])
        outside = outside_world(writer_probe.WriterProbe().asking)
        annotated, reader = _annotation_reader(replace(watched, root=root), outside, database, log)
        now = clock.now()
        annotated.begin_reading(path, now)
        while reader.is_busy:
            reader.begin_tick()
        return annotated.of(path, now=now)
    finally:
        database.close()


def _annotation_reader(
    watched: WatchedRoot, outside: Outside, database: Database, log: Log
) -> tuple[AnnotationReader, SidecarReader]:
    store, finder = Sidecars(database), AnnotationFinder(watched, outside.annotations)
    reader = SidecarReader(watched, store, outside, Trust(), lambda: True, log, finder)
    return AnnotationReader(watched, finder, reader, store, outside.annotations), reader


class _Preview:
    """The parts of the watcher that decide on the files of one root."""

    def __init__(self, watched: WatchedRoot, database: Database, log: Log) -> None:
        self._watched = watched
        outside = outside_world(writer_probe.WriterProbe().asking)
        self._labels = labelling_of(watched, outside, database, log)
        self._observed = ObservedFiles()
        self._checker = CompletenessChecker(watched, self._observed, self._labels, outside, self._why_no_sample)

    def files(self) -> Iterator[PreviewedFile]:
        some: list[Found] = []
        for found in inventory(self._watched.root.path, self._watched.eligibility):
            if isinstance(found, Trouble):
                verdict = Verdict.UNREADABLE if found.left_out is None else Verdict.LEFT_OUT
                yield PreviewedFile(path=found.path, verdict=verdict, reason=found.left_out or found.reason)
            elif found.left_out is not None:
                yield _left_out(found.path, why_left_out(self._watched, found))
            else:
                some.append(found)
            if len(some) == AT_ONCE:
                yield from self._checked(some)
                some = []
        yield from self._checked(some)

    def _why_no_sample(self, path: str, facts: FileFacts, head: bytes) -> NotASample | None:
        if path == self._watched.manifest:
            return MANIFEST
        what = sidecars.annotation_at(self._watched.root.path, path, facts, head=head)
        return None if what is None else replace(what, reason=f"{what.reason} ({what.kind})")

    def _checked(self, some: list[Found]) -> Iterator[PreviewedFile]:
        now = clock.now()
        for found in some:
            self._observed.keep(found.path, observe(None, found.facts, now=now, has_end=has_end(found.path)))
            self._labels.read_all(found.path, now)
        paths = [found.path for found in some]
        while paths:
            result = self._checker.check(paths, now=now, reports_closes=False)
            left = []
            for path in paths:
                file = self._decided(path, result, now)
                if file is not None:
                    yield file
                elif path in self._observed and path not in result.missing:
                    left.append(path)  # the limits of a step were used up before it
                    continue
                self._observed.drop(path)
                self._labels.note_unclear(path, None)
            paths = left

    def _decided(self, path: str, result: CheckResult, now: float) -> PreviewedFile | None:
        """Return the file with its verdict; None when there is none."""
        if (accepted := result.accepted.get(path)) is not None:
            why = self._why_unreadable(path)
            if why is not None:
                return _described(accepted.candidate, Verdict.QUARANTINED, why)
            return _described(accepted.candidate, Verdict.GOES, accepted.evidence, self._is_complete(path))
        if (parked := result.parked.get(path)) is not None:
            return _described(parked.candidate, Verdict.QUARANTINED, parked.reason, self._is_complete(path))
        if path in result.left_out:
            return _left_out(path, result.left_out[path][1])
        if path in result.failing:
            return PreviewedFile(path=path, verdict=Verdict.WAITS, reason=failure_reason(result.failing[path]))
        if result.again.get(path, now) > now:
            return self._waiting(path, now)
        return None

    def _waiting(self, path: str, now: float) -> PreviewedFile | None:
        file = self._observed.get(path)
        if file is None:
            return None
        unclear = self._labels.why_unclear(path)
        why = reason(file, self._watched.policy, now=now) if unclear is None else unclear.reason
        found = self._labels.of(path, now=now)
        if not isinstance(found, Description):
            return PreviewedFile(path=path, verdict=Verdict.WAITS, reason=why, is_complete=self._is_complete(path))
        return PreviewedFile(
            path=path,
            verdict=Verdict.WAITS,
            reason=why,
            label=found.label,
            category=found.category,
            name=found.name or sent_name(path),
            metadata=found.metadata,
            boxes=_boxes(found.companions),
            has_parts=found.companions is not None,
            is_complete=self._is_complete(path),
            remarks=tuple(found.remarks.values()),
        )

    def _is_complete(self, path: str) -> bool | None:
        file = self._observed.get(path)
        match None if file is None else file.verdict:
            case Complete():
                return True
            case Truncated():
                return False
        return None

    def _why_unreadable(self, path: str) -> str | None:
        """Return why the file could not be read; None if it could. It was accepted, and an upload would find it so."""
        file = self._observed.get(path)
        if file is None or file.writers is not None or not isinstance(file.verdict, Undecidable):
            return None
        return file.verdict.why


def _grouped(file: PreviewedFile, split: Split) -> PreviewedFile:
    if file.category is None:
        return file
    found = Description(label=file.label, category=file.category, metadata=file.metadata)
    key, found = split.grouped(file.path, found)
    return replace(file, group=key, metadata=found.metadata)


def why_left_out(watched: WatchedRoot, found: Found) -> str:
    """Return why the file is left out. For a marker, name the file that it is for."""
    spoken_of = watched.policy.spoken_of(found.path)
    if spoken_of == found.path or watched.eligibility.why_left_out(spoken_of) is not None:
        return str(found.left_out)
    beside = os.path.lexists(os.path.join(watched.root.path, spoken_of))
    name = os.path.basename(spoken_of)
    return f"the marker of {name}" if beside else f"a marker whose file {name} is missing"


def _left_out(path: str, why: str) -> PreviewedFile:
    return PreviewedFile(path=path, verdict=Verdict.LEFT_OUT, reason=why)


def _described(candidate: Candidate, verdict: Verdict, why: str, is_complete: bool | None = None) -> PreviewedFile:
    return PreviewedFile(
        path=candidate.path,
        verdict=verdict,
        reason=why,
        label=candidate.label,
        category=candidate.category,
        name=candidate.sent_as or sent_name(candidate.path),
        metadata=candidate.metadata,
        boxes=_boxes(candidate.companions),
        has_parts=candidate.companions is not None,
        is_complete=is_complete,
        remarks=tuple(candidate.remarks.values()),
    )


def _boxes(companions: str | None) -> int:
    return len(unpacked(companions).get(PartKind.BOXES, ()))
