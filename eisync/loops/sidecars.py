"""The files of one root that say what others are: look at them, and read those that changed, a bounded piece a tick.

What was read is in the store; here is only which version of each that is, and which is being read.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from eisync.core.eligible import Eligibility
from eisync.core.items import FileFacts, Root, shown
from eisync.core.sidecars import NAMES, Entry, places_for
from eisync.loops.ports import Files, Log, ReadsSidecars, Sheet, Sheets

ENTRIES_A_TICK = 2_000
TRUSTED_FOR_S = 1.0
MOST_LOOKS = 20_000


@dataclass(slots=True)
class _Reading:
    """A sidecar that is being read."""

    place: str
    facts: FileFacts
    id: int
    entries: Iterator[Entry]


class Sidecars:
    """The sidecars of one root. `changed` are the places where one came, changed or went: whoever heeds it takes it."""

    def __init__(
        self,
        root: Root,
        eligibility: Eligibility,
        *,
        files: Files,
        reads: ReadsSidecars,
        sheets: Sheets,
        is_online: Callable[[], bool],
        log: Log,
        strict: Callable[[FileFacts], FileFacts] = lambda facts: facts,
    ) -> None:
        """`strict` leaves of the facts what proves anything on the root's file system."""
        self._strict = strict
        self._root = root
        self._eligibility = eligibility
        self._files = files
        self._reads = reads
        self._sheets = sheets
        self._is_online = is_online
        self._log = log
        self._known: dict[str, Sheet] | None = None
        self._looks: dict[str, tuple[float, FileFacts | None]] = {}
        # What `around` told last: of which folder, and at which instant.
        self._around: tuple[str, float, dict[str, FileFacts]] | None = None
        self._queue: deque[str] = deque()
        self._reading: _Reading | None = None
        self._left = 0
        self.changed: set[str] = set()

    @property
    def is_busy(self) -> bool:
        """Whether one is being read."""
        return self._reading is not None or bool(self._queue)

    def begin_tick(self) -> None:
        """From now on so much may be read again, and what is being read goes on."""
        self._left = ENTRIES_A_TICK
        self._read_on()

    def heed(self, place: str, now: float) -> None:
        """Something happened at this place: look at once."""
        if place.rpartition("/")[2] in NAMES:
            self._distrust(place)
            self.facts_at(place, now)

    def look_again(self, now: float) -> None:
        """Look at all that are known."""
        for place in list(self._all()):
            self.heed(place, now)

    def around(self, path: str, now: float) -> Mapping[str, FileFacts]:
        """The sidecars that are there now and may speak of the file at `path`: they are those of its folder."""
        folder = path.rpartition("/")[0]
        if self._around is None or self._around[:2] != (folder, now):
            looks = {place: self.facts_at(place, now) for place in places_for(path)}
            there = {place: facts for place, facts in looks.items() if facts is not None}
            self._around = (folder, now, there)
        return self._around[2]

    def facts_at(self, place: str, now: float) -> FileFacts | None:
        """The sidecar that is there now; None when none is. A version that is not known is put up to be read."""
        looked_at, facts = self._looks.get(place, (0.0, None))
        if place not in self._looks or not 0.0 <= now - looked_at < TRUSTED_FOR_S:
            if len(self._looks) >= MOST_LOOKS:
                self._looks.clear()
            facts = self._look(place)
            self._looks[place] = (now, facts)
            self._compare(place, facts)
        return facts

    def sheet(self, place: str, facts: FileFacts) -> Sheet | None:
        """The sidecar as it was read; None while this version of it was not."""
        known = self._all().get(place)
        return known if known is not None and facts.is_untouched_since(known.facts) else None

    def said_of(self, sheet: Sheet, path: str) -> Entry | None:
        """What the sidecar says of the file."""
        return self._sheets.said_of(sheet.id, path)

    def _distrust(self, place: str) -> None:
        self._looks.pop(place, None)
        self._around = None

    def _look(self, place: str) -> FileFacts | None:
        facts = self._files.look(self._root.path, place)
        if facts is not None:
            return None if self._eligibility.ignoring(place) is not None else self._strict(facts)
        known = self._all().get(place)
        if known is None or (self._files.is_missing(self._root.path, place) and self._is_online()):
            return None
        return known.facts  # nobody can tell; a root that went away took it along

    def _all(self) -> dict[str, Sheet]:
        if self._known is None:
            self._known = dict(self._sheets.known(self._root.id))
        return self._known

    def _compare(self, place: str, facts: FileFacts | None) -> None:
        known = self._all().get(place)
        if facts is None:
            self._drop_reading(place)
            if known is not None:
                self._sheets.forget(self._root.id, place)
                del self._all()[place]
                self.changed.add(place)
                self._log.info("sidecar.gone", path=shown(place))
        elif (
            known is None
            or not facts.is_untouched_since(known.facts)
            or (known.trouble and known.facts.touched_at != facts.touched_at)
        ):
            reading = self._reading
            if reading is not None and reading.place == place and facts.is_untouched_since(reading.facts):
                return
            self._drop_reading(place)
            self._queue.append(place)
            self._read_on()  # a small one is read at once

    def _drop_reading(self, place: str) -> None:
        if place in self._queue:
            self._queue.remove(place)
        if self._reading is not None and self._reading.place == place:
            self._close_reading()

    def _close_reading(self) -> None:
        if self._reading is not None:
            close = getattr(self._reading.entries, "close", None)
            if close is not None:
                close()
            self._reading = None

    def _read_on(self) -> None:
        while self._left > 0 and self.is_busy:
            if self._reading is None:
                self._begin(self._queue.popleft())
            if self._reading is not None:
                self._read_some(self._reading)

    def _begin(self, place: str) -> None:
        seen = self._files.look(self._root.path, place)
        if seen is not None:
            facts = self._strict(seen)
            identity = self._sheets.begin(self._root.id, place, facts)
            self._reading = _Reading(place, facts, identity, self._reads(self._root.path, place))

    def _read_some(self, reading: _Reading) -> None:
        entries: list[Entry] = []
        trouble: str | None = None
        is_through = False
        try:
            while self._left > 0:
                self._left -= 1
                entries.append(next(reading.entries))
        except StopIteration:
            is_through = True
        except ValueError as error:
            is_through, trouble = True, str(error)
        if entries and trouble is None:
            try:
                self._sheets.add(reading.id, entries)
            except BaseException:
                self._close_reading()  # some of it is lost: it is read anew
                raise
        if is_through:
            self._finish(reading, trouble)

    def _finish(self, reading: _Reading, trouble: str | None) -> None:
        self._close_reading()
        now_seen = self._files.look(self._root.path, reading.place)
        if now_seen is None or not now_seen.is_untouched_since(reading.facts):
            self._distrust(reading.place)  # it changed while it was read: the next look begins anew
            return
        sheet = self._sheets.finish(reading.id, self._root.id, reading.place, reading.facts, trouble=trouble)
        self._all()[reading.place] = sheet
        self.changed.add(reading.place)
        if trouble is None:
            self._log.info("sidecar.read", path=shown(reading.place), entries=sheet.entries)
        else:
            self._log.error("sidecar.refused", path=shown(reading.place), reason=trouble)
