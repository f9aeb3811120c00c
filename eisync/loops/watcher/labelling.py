"""Describe the files of one root (label, category, metadata) from the configuration and from their sidecars.

Files that wait in the outbox are described again when their description may have changed. After a start these are all
files if the configuration changed, otherwise those with sidecars near them. Later these are the files of a changed
sidecar. Until this is done after a start, no file of the root is sent. Then the sent files of a changed sidecar are
described again, too (`eisync.loops.watcher.sent_descriptions`).
"""

import json
from collections.abc import Callable, Container, Sequence

from eisync.core.annotations.class_names import is_list as is_class_list
from eisync.core.annotations.places import scope_of, scope_of_classes
from eisync.core.completeness import ObservedFile
from eisync.core.labels.description import Description, UnsentFile, describe_by_path
from eisync.core.labels.sidecars import INFO_LABELS, NAMES
from eisync.core.lifecycle import State
from eisync.loops.ports import Log
from eisync.loops.watcher.annotations import AnnotationReader
from eisync.loops.watcher.context import Unclear, WatchedRoot
from eisync.loops.watcher.description_pass import DescriptionPass
from eisync.loops.watcher.file_describer import FileDescriber
from eisync.loops.watcher.groups import GroupSplits
from eisync.loops.watcher.sent_descriptions import SentDescriptions
from eisync.loops.watcher.sidecars import SidecarReader
from eisync.store.descriptions import Descriptions

PAGE = 500
FOLDERS_PER_PAGE = 500
MAX_WITH_PARTS = 100_000
"""So many waiting files are checked for boxes whose annotation is gone."""
AGAIN_S = 1.0
_UNDER_WAY = frozenset({State.SENDING, State.DOUBTFUL})


class Labelling:
    """Describes the files of one root."""

    def __init__(
        self,
        watched: WatchedRoot,
        sidecars: SidecarReader,
        annotations: AnnotationReader,
        descriptions: Descriptions,
        *,
        on_labelled: Callable[[], None],
        log: Log,
        splits: GroupSplits | None = None,
    ) -> None:
        """`on_labelled` is called when every waiting file has its description. `splits`: None without a split."""
        self._watched = watched
        self._root = watched.root
        self._sidecars = sidecars
        self._annotations = annotations
        self._descriptions = descriptions
        self._on_labelled = on_labelled
        self._log = log
        self._splits = splits
        self._describer = FileDescriber(watched, sidecars, annotations, splits)
        self._sent = SentDescriptions(
            watched.root, descriptions, lambda path, now: self.of(path, now=now), annotations.is_newer, log
        )
        self._passes = [DescriptionPass(None)]
        self._is_same_configuration: bool | None = None  # None: not compared yet
        self._rules = _rules_of(watched)
        self._later: set[str] = set()  # to describe again: files that were being sent, or were renamed
        self._later_at = 0.0
        self._scanned_at: tuple[float, float] | None = None  # when the last two scans ended; None: not asked yet
        self._annotated: set[str] = set()  # files whose companion changed
        self._unclear: dict[str, Unclear] = {}  # by path: why a file under observation waits for its description
        self._is_through = False  # whether the pass after the start is done

    @property
    def is_through(self) -> bool:
        """Return whether all files that waited at the start are described. Safe from any thread."""
        return self._is_through

    @property
    def is_busy(self) -> bool:
        """Return whether the next tick has work to do at once."""
        sidecars = self._sidecars
        is_working = self._passes or self._annotated or self._sent.is_busy
        return bool(is_working) or sidecars.has_news(of_growth=True) or sidecars.is_busy

    def next_at(self, now: float) -> float:
        """Return when there is work to do again (Unix s)."""
        return min(self._later_at, now + AGAIN_S) if self._later else now + 3600.0

    def check_sidecar(self, place: str, now: float) -> None:
        """Check the path, where something happened, for a sidecar or an annotation file."""
        may_be_one = self._annotations.note_event(place, now)  # first: the folder is listed again for a new one
        self._sidecars.check_now(place, now)
        if may_be_one:
            self._annotated |= set(self._annotations.described_by(place))
            if is_class_list(place.rpartition("/")[2]):
                self._add_pass(DescriptionPass(scope_of_classes(place), is_deep=True), place)

    def check_left_out(self, place: str, now: float) -> None:
        """Check a path that a scan left out. An annotation file that did not change since the last scan is skipped."""
        since, _ = self._last_scans(now)
        if not self._annotations.is_name_of_one(place) or self._annotations.is_newer(place, since):
            self.check_sidecar(place, now)

    def scanned(self, observed: Container[str], now: float) -> None:
        """Record that a scan of the root ended, after which these files are under observation."""
        self._sidecars.check_all(now)
        self._scanned_at = (self._last_scans(now)[1], now)
        self._unclear = {path: why for path, why in self._unclear.items() if path in observed}

    def _last_scans(self, now: float) -> tuple[float, float]:
        """Return when the last two scans ended (Unix s). At first, when the last one of the process before began."""
        if self._scanned_at is None:
            began_at = self._descriptions.scan_began_at(self._root.id) or now
            self._scanned_at = (began_at, began_at)
        return self._scanned_at

    def why_unclear(self, path: str) -> Unclear | None:
        """Return why the complete file waits for its description; None if it is not known to wait."""
        return self._unclear.get(path)

    def note_unclear(self, path: str, why: Unclear | None) -> None:
        """Record why the file waits for its description; None: it does not."""
        if why is not None:
            self._unclear[path] = why
        else:
            self._unclear.pop(path, None)

    def recheck(self, path: str) -> None:
        """Describe the file again: it has another name now."""
        self._later.add(path)
        self._later_at = 0.0

    def of(self, path: str, *, now: float, file: ObservedFile | None = None) -> Description | Unclear:
        """Describe how to send the file. With `file`, wait a moment for a sidecar that does not mention it yet."""
        return self._describer.of(path, now=now, file=file)

    def read_all(self, path: str, now: float) -> None:
        """Read all that may describe the file to its end, unless that was done."""
        self._sidecars.around(path, now)
        self._annotations.begin_reading(path, now)
        while self._sidecars.is_busy:
            self._sidecars.begin_tick()

    def plain(self, path: str, now: float) -> Description:
        """Describe the file, by the configuration alone if its sidecars are unclear."""
        found = self.of(path, now=now)
        if isinstance(found, Unclear):
            if self._splits is not None:
                self._splits.pass_by(path)
            return describe_by_path(path, self._watched.labelling, self._watched.metadata)
        return found

    def step(self, now: float) -> set[str]:
        """Continue to read sidecars, and describe a page of waiting files again. Return files to check again."""
        self._sidecars.begin_tick()
        self._last_scans(now)  # before a scan of this process ends
        again = self._take_changes() | self._take_placed(now)
        if self._passes:
            again |= self._work_on(self._passes[0], now)
        elif self._later and not now < self._later_at <= now + AGAIN_S:
            found = self._descriptions.at(self._root.id, self._later)
            self._sent.add_paths(self._later)
            self._later, self._later_at = set(), now + AGAIN_S
            again |= self._describe(found, now)
        elif self._sent.is_busy:
            is_through = self._sent.step(now)
            if is_through and not self._later and not self._sidecars.has_news(of_growth=True):
                self._sidecars.note_followed()
        return again

    def _take_changes(self) -> set[str]:
        """Queue the files of new, changed and removed sidecars to be described again. Return files to check again."""
        again = self._take_growth() | (self._annotated & self._unclear.keys())
        if self._annotated:
            self._later |= self._annotated
            self._annotated, self._later_at = set(), 0.0
        for place in self._sidecars.take_changed():
            folder, _, name = place.rpartition("/")
            is_document = name not in NAMES
            if is_document:
                folder = "" if place == self._watched.manifest else scope_of(place)
            one = DescriptionPass(folder, is_deep=is_document or name == INFO_LABELS)
            again |= self._add_pass(one, place)
        return again

    def _add_pass(self, one: DescriptionPass, place: str) -> set[str]:
        """Describe the files of a folder again, because of what is at `place`.

        Return those under observation, which are checked again.
        """
        self._sent.add_folder(one.folder or "", is_deep=one.is_deep, place=place)
        if one not in self._passes:
            self._passes.append(one)
        return {path for path in self._unclear if one.contains(path)}

    def _take_placed(self, now: float) -> set[str]:
        """Return the files whose groups have a category now."""
        if self._splits is None:
            return set()
        again = self._splits.step(now)
        if left := self._splits.take_passed():
            self._later |= left
            self._later_at = 0.0
        return again

    def _take_growth(self) -> set[str]:
        """Queue the files of new entries in grown sidecars to be described again. Return files to check again."""
        grown = self._sidecars.take_grown()
        if grown:
            self._later |= grown
            self._later_at = 0.0
        return {path for path in grown if path in self._unclear}

    def _work_on(self, one: DescriptionPass, now: float) -> set[str]:
        if self._is_same_configuration is None:
            self._is_same_configuration = self._descriptions.described_by(self._root.id) == self._rules
        if one.folder is None and self._is_same_configuration and not one.is_whole:
            self._find_folders(one, now)
            return set()
        if one.folder is not None and one.remarked_id is not None:
            self._check_remarks(one, one.folder, one.remarked_id, now)
            return set()
        if one.folder is None:
            page = self._descriptions.in_state(self._root.id, one.states[0], after=one.cursor, limit=PAGE)
        else:
            page = self._descriptions.within(
                self._root.id, one.folder, is_deep=one.is_deep, after=one.after, limit=PAGE
            )
        again = self._describe(page, now)
        if page:
            one.cursor, one.after = page[-1].cursor, page[-1].path
        if len(page) < PAGE:
            self._end(one)
        return again

    def _check_remarks(self, one: DescriptionPass, folder: str, after_id: int, now: float) -> None:
        """Update the remarks of sent files, which say what was not sent with them: the cause may be corrected now."""
        page = self._descriptions.remarked(self._root.id, folder, is_deep=one.is_deep, after_id=after_id, limit=PAGE)
        found = [(file, self.of(file.path, now=now)) for file in page]
        changes = [
            (file.id, one.remarks)
            for file, one in found
            if isinstance(one, Description) and one.remarks != file.description.remarks
        ]
        if changes:
            self._descriptions.remark(changes)
        one.remarked_id = page[-1].id if len(page) == PAGE else None

    def _find_folders(self, one: DescriptionPass, now: float) -> None:
        """Find the folders with sidecars: with an unchanged configuration only their files can have changed."""
        if one.last_folder is None:  # an annotation may have been removed since they were described
            with_parts = self._descriptions.folders_with_parts(self._root.id, limit=MAX_WITH_PARTS)
            self._passes.extend(map(DescriptionPass, with_parts))
        folders = self._descriptions.folders(self._root.id, after=one.last_folder, limit=FOLDERS_PER_PAGE)
        known = {other.folder for other in self._passes}
        for folder in folders:
            path = f"{folder}/x" if folder else "x"
            is_spoken_of = bool(self._sidecars.around(path, now)) or self._annotations.may_describe(path, now)
            if is_spoken_of and folder not in known:
                self._passes.append(DescriptionPass(folder))
        if len(folders) == FOLDERS_PER_PAGE:
            one.last_folder = folders[-1]
        else:
            one.states = one.states[:1]  # the folders were found for every state
            if self._splits is not None:  # truncated files entered without the category of their group
                self._passes.append(DescriptionPass(None, states=[State.QUARANTINED], is_whole=True))
            self._end(one)

    def _end(self, one: DescriptionPass) -> None:
        if one.folder is None:
            one.states, one.cursor = one.states[1:], (0.0, 0)
            if one.states:
                return
        is_last = len(self._passes) == 1 and not self._sidecars.has_news(of_growth=False) and not self._is_through
        if is_last and not self._is_same_configuration:
            self._descriptions.note_described(self._root.id, self._rules)
        self._passes.remove(one)
        if is_last:
            self._is_through = True
            self._on_labelled()

    def _describe(self, page: Sequence[UnsentFile], now: float) -> set[str]:
        changes: list[tuple[int, Description]] = []
        held: dict[str, list[int]] = {}
        again: set[str] = set()
        for one in page:
            found = self.of(one.path, now=now)
            if isinstance(found, Description) and found == one.description:
                continue
            if one.state in _UNDER_WAY:
                self._later.add(one.path)  # it is being sent with the old description; a second try takes the new one
                self._later_at = now + AGAIN_S
            elif isinstance(found, Description):
                changes.append((one.id, found))
            elif one.state is State.READY:
                held.setdefault(found.reason, []).append(one.id)
                again.add(one.path)
            elif self._splits is not None:
                self._splits.pass_by(one.path)
        if changes:
            self._descriptions.describe(changes)
            self._log.info("files.described", root=self._root.path, files=len(changes))
        for reason, ids in held.items():
            self._descriptions.hold_back(ids, reason, now=now)
        return again


def _rules_of(watched: WatchedRoot) -> str:
    """Return what the configuration says about descriptions, as text that can be compared."""
    others = [watched.annotations, watched.requires_annotation, watched.manifest, repr(watched.split)]
    return json.dumps([repr(watched.labelling), sorted(watched.metadata.items()), *others])
