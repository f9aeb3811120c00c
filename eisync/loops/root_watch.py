"""What is in memory of one watched folder: all of it can be found again by a scan."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from eisync.core.items import FileFacts
from eisync.core.settle import Unsettled, reason
from eisync.loops.agenda import Agenda
from eisync.loops.labels import Labels
from eisync.loops.lookout import Lookout
from eisync.loops.renames import Recogniser
from eisync.loops.returns import Returns
from eisync.loops.walks import Walk, Walks
from eisync.loops.watched import Observed, Watched


@dataclass(slots=True)
class Findings:
    """Rows that are not as they were, gathered so that they are written at once."""

    changed: list[int] = field(default_factory=list)
    went: list[int] = field(default_factory=list)
    back: list[int] = field(default_factory=list)
    left: list[tuple[int, FileFacts]] = field(default_factory=list)  # changed, and to be left as they were sent

    def forget(self, identity: int) -> None:
        """The file was found again."""
        for ids in (self.changed, self.went):
            if identity in ids:
                ids.remove(identity)


class RootWatch:
    """What is in memory of one root."""

    def __init__(
        self,
        watched: Watched,
        lookout: Lookout,
        walks: Walks,
        recogniser: Recogniser,
        labels: Labels,
        returns: Returns,
    ) -> None:
        self.watched = watched
        self.place = watched.root
        self.lookout = lookout
        self.walks = walks
        self.recogniser = recogniser
        self.labels = labels
        self.returns = returns
        self.unsettled: dict[str, Unsettled] = {}
        self.agenda = Agenda()
        self.announced: set[str] = set()  # files that are to be looked at
        self.closed: set[str] = set()  # of these, the ones whose writers are through with them
        self.moved: set[str] = set()  # folders that appeared, moved or went as a whole
        self.partial: Walk | None = None  # of such folders
        self.scan: Walk | None = None  # of the whole root
        self.scan_due_at = 0.0
        self.scan_pause_s = watched.scan_interval_s
        self.heard_at = 0.0
        self.is_doubted = False
        self.is_mid_tick = False
        self.is_behind = False  # more files are due than one tick can see to
        self.has_scanned = False
        self.trouble: str | None = None  # why its last tick failed
        self.failures = 0
        self.again_at = 0.0
        self.failing: dict[str, str] = {}  # files that we stumble over, and the reasons
        self.noted_settling = -1
        self.noted_at = 0.0

    def observed(self, now: float) -> list[Observed]:
        """The files that are in memory only, and why. Safe to ask from any thread."""
        failing = [path for path in list(self.failing) if path not in self.unsettled]
        return self.observed_at([*list(self.unsettled), *list(self.recogniser.waiting), *failing], now)

    def observed_at(self, paths: Iterable[str], now: float) -> list[Observed]:
        """Those of them that are at `paths`."""
        found = []
        for path in paths:
            if path in self.failing:
                size = self.unsettled[path].facts.size if path in self.unsettled else 0
                found.append(Observed(self.place.path, path, size, self.failing[path]))
            elif (seen := self.unsettled.get(path)) is not None:
                unclear = self.labels.unclear.get(path)
                why = reason(seen, self.watched.policy, now=now) if unclear is None else unclear.reason
                found.append(Observed(self.place.path, path, seen.facts.size, why))
            elif (waiting := self.recogniser.waiting.get(path)) is not None:
                found.append(Observed(self.place.path, path, waiting.facts.size, waiting.reason))
        return found

    @property
    def is_busy(self) -> bool:
        """Whether the next tick has something to do at once."""
        return bool(self.scan or self.partial or self.announced or self.moved or self.is_doubted or self.labels.is_busy)
