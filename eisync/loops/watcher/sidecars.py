"""Read the changed sidecars of one root, a bounded piece in each tick.

The store has their entries. This module only keeps which version was read, and which sidecars are being read. A sidecar
that only grew, as a recorder's does with each recording, is read from its old end; its old entries stay in use
meanwhile. If a sidecar changes faster than it can be read, its last version is used. Several are read in turn, so that
a large one does not delay a small one.
"""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress

from eisync.core.formats.json_stream import Unfinished
from eisync.core.known_content import Trust
from eisync.core.labels.entry import Entry
from eisync.core.labels.mentions import NearMiss, near
from eisync.core.labels.sidecars import NAMES, places_for
from eisync.core.model import FileFacts, StoredSidecar, shown
from eisync.core.text import forms
from eisync.errors import CONTENT_ERRORS, UnreachableError
from eisync.loops.ports import Log
from eisync.loops.watcher.annotation_finder import AnnotationFinder
from eisync.loops.watcher.context import Outside, SidecarReading, WatchedRoot
from eisync.loops.watcher.scan import join
from eisync.loops.watcher.sidecar_progress import OpenReading, Progress
from eisync.store.sidecars import Sidecars

ENTRIES_PER_TICK = 2_000
SLICE = 500
"""The entries read from one sidecar before the next one has its turn."""
MAX_OPEN = 4
ENTRY_COSTS_CHARACTERS = 512
"""A longer entry counts as several entries. A step without an entry counts as WORK_COSTS of them."""
WORK_COSTS = 250
MAX_GATHERED = 64 * 1024
"""The characters of entries that are held in memory until they are stored."""
DOCUMENT_SCALE = 16
"""An entry of an annotation document stands in so many times more characters: most are of outlines, which it drops."""
MAX_GROWN = 1_000
"""If more entries were added, all waiting files of the folder are described again."""
BEHIND_S = 10.0
"""If no version of a sidecar could be read in time for this long, its last version is used."""
LATE_OFTEN = 3
TRUSTED_FOR_S = 1.0
MAX_CHECKED = 20_000


class SidecarReader:
    """Reads the sidecars of one root, and answers what they say about files."""

    def __init__(
        self,
        watched: WatchedRoot,
        store: Sidecars,
        outside: Outside,
        trust: Trust,
        is_online: Callable[[], bool],
        log: Log,
        finder: AnnotationFinder | None = None,
    ) -> None:
        """`finder` finds the annotation files of other programs; None: there are only sidecars."""
        self._strict = trust.strict
        self._finder = finder or AnnotationFinder(watched, outside.annotations)
        self._root = watched.root
        self._eligibility = watched.eligibility
        self._store = store
        self._files = outside.files
        self._read_sidecar = outside.read_sidecar
        self._is_online = is_online
        self._log = log
        self._known: dict[str, StoredSidecar] | None = None
        self._checked: dict[str, tuple[float, FileFacts | None]] = {}
        self._around: tuple[str, float, dict[str, FileFacts]] | None = None  # its last result, for a folder and instant
        self._queue: deque[str] = deque()
        self._readings: deque[OpenReading] = deque()
        self._progress: dict[str, Progress] = {}
        self._behind_since: dict[str, float] = {}
        self._late: dict[str, int] = {}  # how often in a row the sidecar changed while it was read
        self._left = 0
        self._changed: set[str] = set()  # places where a sidecar is new, changed or gone
        self._grown: set[str] = set()  # files with a new entry in a sidecar that only grew

    @property
    def is_busy(self) -> bool:
        """Return whether a sidecar is being read, or waits for it."""
        return bool(self._readings or self._queue)

    def has_news(self, *, of_growth: bool) -> bool:
        """Return whether `take_changed` has something, or with `of_growth` also `take_grown`."""
        return bool(self._changed or (of_growth and self._grown))

    def take_changed(self) -> set[str]:
        """Take the places where a sidecar is new, changed or gone, each once."""
        changed, self._changed = self._changed, set()
        return changed

    def take_grown(self) -> set[str]:
        """Take the files with a new entry in a sidecar that only grew, each once."""
        grown, self._grown = self._grown, set()
        return grown

    def note_followed(self) -> None:
        """Record that the sent files of every sidecar that was read are described by it."""
        self._store.note_followed(self._root.id)

    def begin_tick(self) -> None:
        """Renew the limit of one tick, and continue to read."""
        self._left = ENTRIES_PER_TICK
        self._continue_reading()

    def check_now(self, place: str, now: float) -> None:
        """Check the place, where something happened, with a new stat."""
        if place.rpartition("/")[2] in NAMES or place in self._all() or self._finder.is_document(place):
            self._forget_stat(place)
            self.facts_at(place, now)

    def check_all(self, now: float) -> None:
        """Check all known sidecars."""
        for place in list(self._all()):
            self.check_now(place, now)

    def around(self, path: str, now: float) -> Mapping[str, FileFacts]:
        """Return the existing sidecars that may describe the file at `path`. They are the same for its whole folder."""
        folder = path.rpartition("/")[0]
        if self._around is None or self._around[:2] != (folder, now):
            found = {place: self.facts_at(place, now) for place in places_for(path)}
            self._around = (folder, now, {place: facts for place, facts in found.items() if facts is not None})
        return self._around[2]

    def facts_at(self, place: str, now: float) -> FileFacts | None:
        """Return the facts of the sidecar; None if it does not exist. Queue an unknown version to be read."""
        checked_at, facts = self._checked.get(place, (0.0, None))
        if place not in self._checked or not 0.0 <= now - checked_at < TRUSTED_FOR_S:
            if len(self._checked) >= MAX_CHECKED:
                self._checked.clear()
            facts = self._stat(place)
            self._checked[place] = (now, facts)
            self._compare(place, facts, now)
        return facts

    def stored_sidecar(self, place: str, facts: FileFacts) -> StoredSidecar | None:
        """Return the sidecar as it was read; None until this version of it is read."""
        known = self._all().get(place)
        return known if known is not None and facts.is_untouched_since(known.facts) else None

    def last_stored_sidecar(self, place: str, now: float) -> StoredSidecar | None:
        """Return the last version that was read, if it may be used although there is a newer one.

        It may if the sidecar only grew, or if reading was too late again and again. None: wait for the newer version.
        """
        since = self._behind_since.get(place, now)
        is_growing = any(one.place == place and one.is_growing for one in self._readings)
        return self._all().get(place) if is_growing or now - since >= BEHIND_S else None

    def late_s(self, place: str, now: float) -> float:
        """Return how long the sidecar has changed during every reading (s); 0 if that happened only a few times."""
        return 0.0 if self._late.get(place, 0) < LATE_OFTEN else now - self._behind_since.get(place, now)

    def said_of(self, stored_sidecar: StoredSidecar, name: str, *, folder: str = "") -> Entry | NearMiss | None:
        """Return the entry of the sidecar in `folder` for `name`, or a near miss if it has only a similar name."""
        entry = self._store.said_of(stored_sidecar.id, name)
        alike = {} if entry is not None else self._store.alike(stored_sidecar.id, name)
        if not alike:
            return entry
        facts = {one: self._files.facts_at(self._root.path, join(folder, one)) for one in (name, *alike)}
        # A file system may treat two forms of a name as equal. Then both are this same file.
        taken = {one for one in alike if facts[one] is not None and facts[one] != facts[name]}
        return near(name, alike, taken)

    def _forget_stat(self, place: str) -> None:
        self._checked.pop(place, None)
        self._around = None

    def _stat(self, place: str) -> FileFacts | None:
        facts = self._files.facts_at(self._root.path, place)
        with suppress(UnreachableError):
            if facts is not None:
                is_one = place.rpartition("/")[2] in NAMES or self._finder.format_at(place, facts, is_shared=True)
                return None if not is_one or self._eligibility.ignoring(place) is not None else self._strict(facts)
        known = self._all().get(place)
        if known is None or (self._files.is_missing(self._root.path, place) and self._is_online()):
            return None
        return known.facts  # it cannot be checked, for example because the root is unmounted

    def _all(self) -> dict[str, StoredSidecar]:
        if self._known is None:
            self._known = dict(self._store.known(self._root.id))
            self._changed.update(self._store.unfollowed(self._root.id))  # a process ended before that
        return self._known

    def _compare(self, place: str, facts: FileFacts | None, now: float) -> None:
        known = self._all().get(place)
        if facts is None:
            self._drop_reading(place)
            if known is not None:
                self._store.forget(self._root.id, place)
                del self._all()[place]
                self._changed.add(place)
                self._log.info("sidecar.gone", path=shown(place))
        elif (
            known is None
            or not facts.is_untouched_since(known.facts)
            or (known.trouble and known.facts.touched_at != facts.touched_at)
        ):
            self._behind_since.setdefault(place, now)
            # Do not interrupt a reading: it is checked at its end. Otherwise it might never get there.
            if place not in self._queue and all(one.place != place for one in self._readings):
                self._queue.append(place)
                self._continue_reading()  # a small sidecar is read at once
        else:
            self._behind_since.pop(place, None)

    def _drop_reading(self, place: str) -> None:
        for kept in (self._progress, self._behind_since, self._late):
            kept.pop(place, None)
        self._queue = deque(one for one in self._queue if one != place)
        for reading in [one for one in self._readings if one.place == place]:
            self._close(reading)

    def _close(self, reading: OpenReading) -> None:
        self._readings.remove(reading)
        reading.steps.close()

    def _continue_reading(self) -> None:
        while self._left > 0 and self.is_busy:
            while self._queue and len(self._readings) < MAX_OPEN:
                place = self._queue.popleft()
                if (steps := self._begin(place)) is not None:
                    self._readings.append(OpenReading(place, steps, self._progress.get(place)))
            if self._readings:
                self._readings.rotate(-1)
                self._read_some(self._readings[-1])

    def _read_some(self, reading: OpenReading) -> None:
        until = max(0, self._left - SLICE) if self._queue or len(self._readings) > 1 else 0
        scale = DOCUMENT_SCALE if reading.is_document else 1
        steps, taken = reading.steps, reading.steps.taken
        limit = reading.flushed_at + MAX_GATHERED * scale
        trouble: str | None = None
        is_through = is_cut = False
        entries: list[Entry] = []
        try:
            while self._left > until and taken < limit:
                entry, before = next(steps), taken
                taken = steps.taken
                if entry is None:
                    self._left -= WORK_COSTS
                    continue
                self._left -= 1 + (taken - before) // (ENTRY_COSTS_CHARACTERS * scale)
                entries.append(entry)
        except StopIteration:
            is_through = True
        except UnreachableError:  # no file can be opened now: the files that wait for it have it read again
            self._drop_reading(reading.place)
            return self._forget_stat(reading.place)
        except CONTENT_ERRORS as error:
            is_through, is_cut = True, isinstance(error, Unfinished)
            trouble = (
                str(error) if isinstance(error, ValueError) else f"eisync cannot process it ({type(error).__name__})"
            )
        try:
            self._write(reading, entries, is_through=is_through)
            if is_through:
                self._finish(reading, trouble, is_cut=is_cut)
        except BaseException:
            if reading in self._readings:
                self._close(reading)  # some entries are lost: read it again from the start
            raise

    def _write(self, reading: OpenReading, entries: list[Entry], *, is_through: bool) -> None:
        """Store the entries. The first step has shown whether the reading continues the last one or begins again."""
        reading.flushed_at = reading.steps.taken
        if reading.id is None and (entries or is_through):
            if reading.progress is not None and reading.steps.is_continued:
                reading.id = reading.progress.id
            elif (facts := reading.steps.facts or self._facts_at(reading.place)) is not None:
                self._progress.pop(reading.place, None)
                reading.id = self._store.begin(self._root.id, reading.place, self._strict(facts))
        if entries and reading.id is not None:
            self._store.add(reading.id, entries, joins=reading.joins, is_document=reading.is_document)
            reading.added += len(entries)
            if reading.is_growing and len(reading.paths) <= MAX_GROWN:
                reading.paths.update(entry.path for entry in entries)

    def _begin(self, place: str) -> SidecarReading | None:
        """Begin to read the sidecar or annotation document; None if there is none any more."""
        facts = self._facts_at(place)
        if facts is None:
            return None
        if place.rpartition("/")[2] in NAMES:
            checkpoint = self._progress[place].checkpoint if place in self._progress else None
            return self._read_sidecar(self._root.path, place, checkpoint, None)
        with suppress(UnreachableError):
            if (found := self._finder.format_at(place, facts, is_shared=True)) is not None:
                return self._read_sidecar(self._root.path, place, None, found.entries)
        return None

    def _facts_at(self, place: str) -> FileFacts | None:
        facts = self._files.facts_at(self._root.path, place)
        return None if facts is None else self._strict(facts)

    def _finish(self, reading: OpenReading, trouble: str | None, *, is_cut: bool) -> None:
        place, steps, checkpoint = reading.place, reading.steps, reading.steps.checkpoint()
        facts_now = self._facts_at(place)
        facts = facts_now if steps.facts is None else self._strict(steps.facts)
        self._close(reading)
        if reading.id is None or facts is None:
            self._forget_stat(place)
            return
        is_late = steps.facts is not None and not steps.is_unchanged
        if is_late:  # the end belonged to another version; the next reading checks whether the begin did, too
            trouble = None
        is_read = steps.is_continued or not is_late
        if is_read:
            self._keep(reading, reading.id, facts, trouble, keeps=is_cut)
        if checkpoint is not None and (trouble is None or is_cut):
            self._progress[place] = Progress(reading.id, checkpoint, is_read)
        else:
            self._progress.pop(place, None)
        if is_late or facts_now is None or not facts_now.is_untouched_since(facts):
            self._late[place] = self._late.get(place, 0) + 1
            self._forget_stat(place)
        else:
            self._late.pop(place, None)
            self._behind_since.pop(place, None)

    def _keep(self, reading: OpenReading, id: int, facts: FileFacts, trouble: str | None, *, keeps: bool) -> None:
        """Put the entries that were read into use."""
        place, before = reading.place, self._all().get(reading.place)
        if reading.is_growing:
            stored = self._store.renew(id, facts, added=reading.added, trouble=trouble, keeps=keeps)
        else:
            stored = self._store.finish(id, self._root.id, place, facts, trouble=trouble, keeps=keeps)
        self._all()[place] = stored
        self._report(reading, stored, before)

    def _report(self, reading: OpenReading, stored_sidecar: StoredSidecar, before: StoredSidecar | None) -> None:
        has_grown = reading.is_growing and before is not None and before.trouble == stored_sidecar.trouble
        if has_grown and len(reading.paths) <= MAX_GROWN:
            folder = reading.place.rpartition("/")[0]
            added = (join(folder, path) for path in reading.paths)
            self._grown.update(form for path in added for form in forms(path))
        else:
            self._changed.add(reading.place)
        if stored_sidecar.trouble is not None:
            log = self._log.debug if has_grown else self._log.error
            log("sidecar.refused", path=shown(reading.place), reason=stored_sidecar.trouble)
            return
        log = self._log.debug if has_grown else self._log.info
        log("sidecar.read", path=shown(reading.place), entries=stored_sidecar.entries)
