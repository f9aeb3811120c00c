"""How the files of one root are described: by the configuration, and by the sidecars that speak of them.

Where a sidecar is of no use, or is being read, it is not known what a file is, and the file waits: better late than
mislabelled.
One that is there and does not mention the file may do so a moment later; the file gives it `settle_s`.

What waits to be sent is described anew when what was said of it has changed: after a start all of it if the
configuration did, or else what has sidecars near; later what a sidecar describes. Until that is done after a start,
nothing of the root is sent.
"""

import json
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field

from eisync.core.completeness import ObservedFile
from eisync.core.labels.description import Description, UnsentFile, describe
from eisync.core.labels.mentions import NearMiss
from eisync.core.labels.sidecars import INFO_LABELS, Entry, sidecars_for
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, StoredSidecar, shown
from eisync.loops.ports import Log
from eisync.loops.watcher.context import WatchedRoot
from eisync.loops.watcher.sidecars import SidecarReader
from eisync.store.descriptions import Descriptions

PAGE = 500
FOLDERS_A_PAGE = 500
AGAIN_S = 1.0
_STATES = (State.READY, State.QUARANTINED)
_UNDER_WAY = frozenset({State.SENDING, State.DOUBTFUL})


@dataclass(frozen=True, slots=True)
class Unclear:
    """It is not known yet how the file is to be sent, for `reason`; ask again at `until` (Unix s).

    `needs_person`: it stays so until a person mends a sidecar.
    """

    reason: str
    until: float
    needs_person: bool = False


@dataclass(slots=True)
class _Pass:
    """Files to be described anew, page by page: those in a folder, or (None) all that wait."""

    folder: str | None
    is_deep: bool = False
    after: str = ""
    states: list[State] = field(default_factory=lambda: list(_STATES))
    cursor: tuple[float, int] = (0.0, 0)
    last_folder: str | None = None
    remarked_id: int | None = 0  # up to which file remarks were checked; None: all were


class Labelling:
    """The descriptions of one root's files."""

    def __init__(
        self,
        watched: WatchedRoot,
        sidecars: SidecarReader,
        descriptions: Descriptions,
        *,
        on_labelled: Callable[[], None],
        log: Log,
    ) -> None:
        """`on_labelled` is called when all that waits has its description."""
        self._watched = watched
        self._root = watched.root
        self._sidecars = sidecars
        self._descriptions = descriptions
        self._on_labelled = on_labelled
        self._log = log
        self._passes = [_Pass(None)]
        self._is_as_before: bool | None = None  # what the configuration says; None: not compared yet
        self._rules = json.dumps([repr(watched.labelling), sorted(watched.metadata.items())])
        self._later: set[str] = set()  # to be described anew; requests are under way with them, or they were renamed
        self._later_at = 0.0
        self._unclear: dict[str, Unclear] = {}  # files under observation, and why they wait
        self._is_through = False  # the pass after the start

    @property
    def is_through(self) -> bool:
        """Whether all that waited at the start is described. Safe to ask from any thread."""
        return self._is_through

    @property
    def is_busy(self) -> bool:
        """Whether the next tick has something to do at once."""
        sidecars = self._sidecars
        return bool(self._passes) or sidecars.has_news(of_growth=True) or sidecars.is_busy

    def next_at(self, now: float) -> float:
        """Return when there is something to do again (Unix s)."""
        return min(self._later_at, now + AGAIN_S) if self._later else now + 3600.0

    def heed(self, place: str, now: float) -> None:
        """Check the place, where something happened, for a sidecar."""
        self._sidecars.heed(place, now)

    def scanned(self, observed: Container[str], now: float) -> None:
        """Note that a scan of the root ended, after which these files are under observation."""
        self._sidecars.check_all(now)
        self._unclear = {path: why for path, why in self._unclear.items() if path in observed}

    def why_unclear(self, path: str) -> Unclear | None:
        """Say why the file, which is complete, waits for its description; None: it does not, as far as is known."""
        return self._unclear.get(path)

    def note_unclear(self, path: str, why: Unclear | None) -> None:
        """Note why the file waits for its description; None: it does not."""
        if why is not None:
            self._unclear[path] = why
        else:
            self._unclear.pop(path, None)

    def recheck(self, path: str) -> None:
        """Describe the file anew, which has another name now."""
        self._later.add(path)
        self._later_at = 0.0

    def of(self, path: str, *, now: float, seen: ObservedFile | None = None) -> Description | Unclear:
        """Describe how the file is to be sent. One that was just observed (`seen`) may still be mentioned."""
        found = self._sidecars.around(path, now)
        entries: list[Entry] = []
        misses: list[str] = []
        for place, name in sidecars_for(path, found).items() if found else ():
            current = self._sidecars.stored_sidecar(place, found[place])
            stored_sidecar = current or self._sidecars.last_stored_sidecar(place, now)
            entry = (
                None
                if stored_sidecar is None
                else self._sidecars.said_of(stored_sidecar, shown(name), folder=place.rpartition("/")[0])
            )
            if isinstance(entry, Entry):
                entries.append(entry)
            elif current is None and not self._has_waited(place, seen, now):
                return Unclear(f"{shown(place)}, which describes the file, is being read", now + AGAIN_S / 5)
            elif current is not None and current.trouble is not None:
                return self._useless(place, current, now)
            elif isinstance(entry, NearMiss):
                misses.append(entry.sentence(shown(place), shown(name)))
        if found and not entries and seen is not None:
            until = self._patience(list(found.values()), seen, now)
            if now < until:
                named = " and ".join(shown(place) for place in sidecars_for(path, found))
                why = "; ".join(misses) or f"{named} does not mention the file"
                return Unclear(f"{why}; it is sent without that in {until - now:.0f} s", until)
        try:
            return describe(path, self._watched.labelling, self._watched.metadata, entries, misses)
        except ValueError as error:
            places = " and ".join(shown(place) for place in sidecars_for(path, found))
            return Unclear(
                f"the entry for it in {places} cannot be used: {error}; correct it, and the file is sent by itself",
                now + 5 * AGAIN_S,
                needs_person=True,
            )

    def plain(self, path: str, now: float) -> Description:
        """Describe it by the configuration alone where what a sidecar says is not known."""
        said = self.of(path, now=now)
        if isinstance(said, Unclear):
            return describe(path, self._watched.labelling, self._watched.metadata, ())
        return said

    def step(self, now: float) -> set[str]:
        """Read on, and describe a page of what waits anew. Returns files to be checked again."""
        self._sidecars.begin_tick()
        again = self._take_changes()
        if self._passes:
            again |= self._work_on(self._passes[0], now)
        elif self._later and not now < self._later_at <= now + AGAIN_S:
            found = self._descriptions.at(self._root.id, self._later)
            self._later, self._later_at = set(), now + AGAIN_S
            again |= self._describe(found, now)
        return again

    def _take_changes(self) -> set[str]:
        """Describe anew what sidecars that came, changed or went describe, or described."""
        again = self._take_growth()
        for place in self._sidecars.take_changed():
            folder, _, name = place.rpartition("/")
            one = _Pass(folder, is_deep=name == INFO_LABELS)
            if one not in self._passes:
                self._passes.append(one)
            again |= {path for path in self._unclear if _is_in(path, one)}
        return again

    def _take_growth(self) -> set[str]:
        """Describe anew the files of which a sidecar says something now, and said nothing before."""
        grown = self._sidecars.take_grown()
        if grown:
            self._later |= grown
            self._later_at = 0.0
        return {path for path in grown if path in self._unclear}

    def _work_on(self, one: _Pass, now: float) -> set[str]:
        if self._is_as_before is None:
            self._is_as_before = self._descriptions.described_by(self._root.id) == self._rules
        if one.folder is None and self._is_as_before:
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

    def _check_remarks(self, one: _Pass, folder: str, after_id: int, now: float) -> None:
        """Note why files were sent without something that was said of them: what was in the way may be mended."""
        page = self._descriptions.remarked(self._root.id, folder, is_deep=one.is_deep, after_id=after_id, limit=PAGE)
        said = [(file, self.of(file.path, now=now)) for file in page]
        changes = [
            (file.id, what.remarks)
            for file, what in said
            if isinstance(what, Description) and what.remarks != file.description.remarks
        ]
        if changes:
            self._descriptions.remark(changes)
        one.remarked_id = page[-1].id if len(page) == PAGE else None

    def _find_folders(self, one: _Pass, now: float) -> None:
        """Find the folders with sidecars: nothing has changed but what these may say."""
        folders = self._descriptions.folders(self._root.id, after=one.last_folder, limit=FOLDERS_A_PAGE)
        known = {other.folder for other in self._passes}
        for folder in folders:
            is_spoken_of = bool(self._sidecars.around(f"{folder}/x" if folder else "x", now))
            if is_spoken_of and folder not in known:
                self._passes.append(_Pass(folder))
        if len(folders) == FOLDERS_A_PAGE:
            one.last_folder = folders[-1]
        else:
            one.states = one.states[:1]  # they were found for every state
            self._end(one)

    def _end(self, one: _Pass) -> None:
        if one.folder is None:
            one.states, one.cursor = one.states[1:], (0.0, 0)
            if one.states:
                return
        is_last = len(self._passes) == 1 and not self._sidecars.has_news(of_growth=False) and not self._is_through
        if is_last and not self._is_as_before:
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
            said = self.of(one.path, now=now)
            if isinstance(said, Description) and said == one.description:
                continue
            if one.state in _UNDER_WAY:
                self._later.add(one.path)  # it is being sent as it was; if it must be sent again, then as it is now
                self._later_at = now + AGAIN_S
            elif isinstance(said, Description):
                changes.append((one.id, said))
            elif one.state is State.READY:
                held.setdefault(said.reason, []).append(one.id)
                again.add(one.path)
        if changes:
            self._descriptions.describe(changes)
            self._log.info("files.described", root=self._root.path, files=len(changes))
        for reason, ids in held.items():
            self._descriptions.hold_back(ids, reason, now=now)
        return again

    def _useless(self, place: str, stored_sidecar: StoredSidecar, now: float) -> Unclear:
        what = shown(place)
        return Unclear(
            f"{what}, which describes the file, cannot be used: {stored_sidecar.trouble}; correct or remove it, and "
            "the file is sent by itself",
            now + 5 * AGAIN_S,
            needs_person=True,
        )

    def _has_waited(self, place: str, seen: ObservedFile | None, now: float) -> bool:
        """Return whether the file has waited long enough for a sidecar that changes whenever it is read."""
        late_s, policy = self._sidecars.late_s(place, now), self._watched.policy
        return seen is not None and late_s > 0.0 and late_s >= max(policy.settle_s, policy.patience_s)

    def _patience(self, sidecars: list[FileFacts], seen: ObservedFile, now: float) -> float:
        """Return until when a sidecar that is there may still mention the file (Unix s)."""
        policy = self._watched.policy
        touched_at = max(min(facts.touched_at, now) for facts in sidecars)
        still_until = max(seen.still_since, touched_at) + policy.settle_s
        return min(still_until, seen.still_since + max(policy.settle_s, policy.patience_s))


def _is_in(path: str, one: _Pass) -> bool:
    folder = path.rpartition("/")[0]
    if not one.is_deep:
        return folder == one.folder
    return not one.folder or folder == one.folder or folder.startswith(f"{one.folder}/")
