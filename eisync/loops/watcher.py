"""From what happens in the folders to what waits in the outbox: gather events and scans, settle, label, enqueue.

Everything that is under observation is in memory only; a scan at the start finds it again. Scans run at the start, when
a root is doubted, and every `scan_interval_s`; one tick walks a bounded part of one.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from eisync.core.eligible import Eligibility
from eisync.core.items import Candidate, FileFacts, Root, shown
from eisync.core.labelling import Labelling
from eisync.core.lifecycle import State
from eisync.core.settle import SettlePolicy, Unsettled, complete_at, is_complete, observe, reason
from eisync.loops.ports import Events, Files, Intake, KnownFile, Log, RootNotes, SeenFolder

FILES_A_TICK = 2_000
LOOK_AT_ROOT_EVERY_S = 5.0
MOST_REASONS = 50

_ENTERABLE = frozenset({State.SETTLING, State.GONE})
_EVERYDAY = ("ignored by the pattern", "not a type that Edge Impulse takes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A root and what the configuration says of it."""

    root: Root
    eligibility: Eligibility
    labelling: Labelling
    policy: SettlePolicy
    metadata: Mapping[str, str] = field(default_factory=dict)
    scan_interval_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Observed:
    """A file that is not complete yet, and why."""

    root: str
    path: str
    size: int
    reason: str


@dataclass(slots=True)
class _Scan:
    """A walk that is under way."""

    folders: Iterator[SeenFolder]
    visited: set[str] = field(default_factory=set)
    troubled: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class _RootWatch:
    """What is in memory of one root."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.unsettled: dict[str, Unsettled] = {}
        self.agenda: list[tuple[float, str]] = []  # heap of (when to look again, path); stale entries are skipped
        self.scan: _Scan | None = None
        self.scan_due_at = 0.0
        self.look_due_at = 0.0
        self.offline_reason: str | None = None
        self.has_scanned = False
        self.noted_settling = -1

    def schedule(self, path: str, at: float) -> None:
        heapq.heappush(self.agenda, (at, path))


class WatcherLoop:
    """The intake. `tick` never takes longer than a bounded piece of one scan."""

    name = "watcher"

    def __init__(
        self, roots: Sequence[Watched], *, intake: Intake, notes: RootNotes, files: Files, events: Events, log: Log
    ) -> None:
        self._roots = [_RootWatch(watched) for watched in roots]
        self._intake = intake
        self._notes = notes
        self._files = files
        self._events = events
        self._log = log
        self._told: set[tuple[int, str]] = set()

    def tick(self, now: float) -> float:
        """Gather what was announced, walk a part of what is to be scanned, enqueue what is complete."""
        return min((self._tick_root(root, now) for root in self._roots), default=LOOK_AT_ROOT_EVERY_S)

    def stop(self, now: float) -> None:
        """Nothing: what is under observation is found again by the next start."""

    @property
    def is_done(self) -> bool:
        """Always: it has nothing under way that could be lost."""
        return True

    @property
    def has_scanned(self) -> bool:
        """Whether every root was scanned completely since the start, or cannot be read."""
        return all(root.has_scanned or root.offline_reason for root in self._roots)

    def unsettled(self, now: float) -> list[Observed]:
        """The files under observation. Safe to ask from any thread."""
        return [
            Observed(root.watched.root.path, path, seen.facts.size, reason(seen, root.watched.policy, now=now))
            for root in self._roots
            for path, seen in list(root.unsettled.items())
        ]

    def offline(self) -> list[str]:
        """Why roots cannot be read, a sentence each."""
        return [root.offline_reason for root in self._roots if root.offline_reason]

    def _tick_root(self, root: _RootWatch, now: float) -> float:
        if now >= root.look_due_at:
            self._look_at_root(root, now)
        if root.offline_reason is not None:
            return max(0.0, root.look_due_at - now)
        self._gather_events(root, now)
        if root.scan is None and now >= root.scan_due_at:
            root.scan = _Scan(self._files.walk(root.watched.root.path, root.watched.eligibility))
        if root.scan is not None:
            self._walk_on(root, root.scan, now)
        self._enqueue_complete(root, now)
        self._note_settling(root)
        if root.scan is not None:
            return 0.0
        next_look_at = root.agenda[0][0] if root.agenda else root.look_due_at
        return max(0.0, min(next_look_at, root.look_due_at, root.scan_due_at) - now)

    def _look_at_root(self, root: _RootWatch, now: float) -> None:
        root.look_due_at = now + LOOK_AT_ROOT_EVERY_S
        place = root.watched.root
        was_offline = root.offline_reason
        root.offline_reason = self._files.why_offline(place.path)
        if root.offline_reason is not None:
            if was_offline is None:
                self._log.error("root.offline", root=shown(place.path), reason=root.offline_reason)
                self._notes.note_offline(place.id, root.offline_reason)
            root.scan = None
            root.scan_due_at = now  # nothing is concluded from its absence; it is scanned when it is back
            return
        if was_offline is not None:
            self._log.info("root.online", root=shown(place.path))
        self._events.watch(place)
        for path in self._intake.settling(place.id):
            if path not in root.unsettled:
                self._see(root, path, now)

    def _gather_events(self, root: _RootWatch, now: float) -> None:
        announced = self._events.take(root.watched.root.id)
        for path in announced.files:
            if root.watched.eligibility.why_left_out(path) is None:
                self._see(root, path, now)
        for path in announced.folders:
            self._walk_folder(root, path, now)
        if announced.is_doubted:
            # Whatever a scan under way has passed already may be what was missed.
            root.scan = None
            root.scan_due_at = now

    def _walk_folder(self, root: _RootWatch, path: str, now: float) -> None:
        """A folder appeared, moved or went as a whole: look at what is in it, or was."""
        eligibility = root.watched.eligibility
        parts = path.split("/")
        if any(eligibility.ignoring_rule("/".join(parts[:n]), is_dir=True) for n in range(1, len(parts) + 1)):
            return
        went: list[int] = []
        for folder in self._files.walk(root.watched.root.path, eligibility, below=path):
            if folder.trouble is None:
                went += self._compare(root, folder, now)
        for known_folder in self._intake.folders(root.watched.root.id):
            if known_folder == path or known_folder.startswith(path + "/"):
                went += self._missing(root, known_folder, seen=())
        self._intake.mark_gone(went, now=now)

    def _walk_on(self, root: _RootWatch, scan: _Scan, now: float) -> None:
        """Walk a bounded part of the scan."""
        went: list[int] = []
        looked_at = 0
        for folder in scan.folders:
            scan.visited.add(folder.path)
            self._count_left_out(root, scan, folder)
            if folder.trouble is not None:
                scan.troubled.append(folder.path)
            else:
                went += self._compare(root, folder, now)
            looked_at += len(folder.files) + len(folder.left_out) + 1
            if looked_at >= FILES_A_TICK:
                break
        else:
            self._finish_scan(root, scan, went, now)
        self._intake.mark_gone(went, now=now)

    def _finish_scan(self, root: _RootWatch, scan: _Scan, went: list[int], now: float) -> None:
        for folder in self._intake.folders(root.watched.root.id):
            below_trouble = any(folder == place or folder.startswith(place + "/") for place in scan.troubled if place)
            if folder not in scan.visited and not below_trouble and "" not in scan.troubled:
                went += self._missing(root, folder, seen=())
        self._notes.note_scan(root.watched.root.id, scan.left_out, now=now)
        root.scan = None
        root.has_scanned = True
        root.scan_due_at = now + root.watched.scan_interval_s

    def _compare(self, root: _RootWatch, folder: SeenFolder, now: float) -> list[int]:
        """Consider every file of the folder; returns the rows of those that are not there any more."""
        known = self._intake.known(root.watched.root.id, folder.path)
        changed: list[int] = []
        for name, facts in folder.files.items():
            path = f"{folder.path}/{name}" if folder.path else name
            changed += self._consider(root, path, facts, known.get(name), now)
        self._intake.mark_changed(changed, now=now)
        return self._missing(root, folder.path, seen=folder.files)

    def _missing(self, root: _RootWatch, folder: str, *, seen: Mapping[str, FileFacts] | tuple[()]) -> list[int]:
        """The known files of a folder that are neither among `seen` nor there when looked for."""
        went: list[int] = []
        for name, known in self._intake.known(root.watched.root.id, folder).items():
            path = f"{folder}/{name}" if folder else name
            if name in seen or known.state is State.GONE or self._files.look(root.watched.root.path, path) is not None:
                continue
            root.unsettled.pop(path, None)
            went.append(known.id)
        return went

    def _see(self, root: _RootWatch, path: str, now: float) -> None:
        """Look at one file that was announced."""
        known = self._intake.known_at(root.watched.root.id, path)
        facts = self._files.look(root.watched.root.path, path)
        if facts is None:
            root.unsettled.pop(path, None)
            if known is not None and known.state is not State.GONE:
                self._intake.mark_gone([known.id], now=now)
            return
        self._intake.mark_changed(self._consider(root, path, facts, known, now), now=now)

    def _consider(
        self, root: _RootWatch, path: str, facts: FileFacts, known: KnownFile | None, now: float
    ) -> list[int]:
        """Put the file under observation, unless it is known as it is. Returns its row if that is of an old version."""
        if known is not None and known.facts == facts and known.state not in _ENTERABLE:
            root.unsettled.pop(path, None)
            return []
        seen = observe(root.unsettled.get(path), facts, now=now)
        root.unsettled[path] = seen
        root.schedule(path, complete_at(seen, root.watched.policy))
        return [known.id] if known is not None and known.state not in _ENTERABLE else []

    def _enqueue_complete(self, root: _RootWatch, now: float) -> None:
        candidates: dict[str, Candidate] = {}
        while root.agenda and root.agenda[0][0] <= now and len(candidates) < FILES_A_TICK:
            _, path = heapq.heappop(root.agenda)
            candidate = self._candidate(root, path, now)
            if candidate is not None:
                candidates[path] = candidate
        if not candidates:
            return
        busy = self._intake.enqueue(candidates.values(), now=now)
        for path, candidate in candidates.items():
            if (candidate.root_id, path) in busy:
                root.schedule(path, now + 1.0)  # its last version is under way; look again when that is settled
            else:
                root.unsettled.pop(path, None)
                self._log.info("file.enqueued", path=shown(path), label=candidate.label, size=candidate.facts.size)

    def _candidate(self, root: _RootWatch, path: str, now: float) -> Candidate | None:
        """The file, if one more look finds it complete."""
        seen = root.unsettled.get(path)
        if seen is None or not is_complete(seen, root.watched.policy, now=now):
            return None
        facts = self._files.look(root.watched.root.path, path)
        if facts is None:
            self._see(root, path, now)
            return None
        if facts != seen.facts:
            root.unsettled[path] = seen = observe(seen, facts, now=now)
            root.schedule(path, complete_at(seen, root.watched.policy))
            return None
        label, category = root.watched.labelling.of(path)
        return Candidate(
            root_id=root.watched.root.id,
            path=path,
            target=root.watched.root.target,
            facts=facts,
            label=label,
            category=category,
            metadata=root.watched.metadata,
        )

    def _note_settling(self, root: _RootWatch) -> None:
        if len(root.unsettled) != root.noted_settling:
            root.noted_settling = len(root.unsettled)
            self._notes.note_settling(root.watched.root.id, root.noted_settling)

    def _count_left_out(self, root: _RootWatch, scan: _Scan, folder: SeenFolder) -> None:
        left_out = list(folder.left_out)
        if folder.trouble is not None:
            left_out.append((folder.path, folder.trouble))
        for path, why in left_out:
            known_reason = why in scan.left_out or len(scan.left_out) < MOST_REASONS
            scan.left_out[why if known_reason else "other reasons"] += 1
            key = (root.watched.root.id, path)
            if not why.startswith(_EVERYDAY) and key not in self._told and len(self._told) < FILES_A_TICK:
                self._told.add(key)
                self._log.warning("file.left_out", path=shown(path), reason=why)
