"""From what happens in the folders to what waits in the outbox: gather events and scans, settle, label, enqueue.

Everything that is under observation is in memory only; a scan at the start finds it again. Scans run at the start, when
a root is doubted, and every `scan_interval_s`; one tick walks a bounded part of one. A tick that fails in the middle,
as on a full disk, makes its root doubted too.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from eisync.core.eligible import Eligibility
from eisync.core.items import FileFacts, shown
from eisync.core.lifecycle import State
from eisync.core.settle import Unsettled, look_at, observe, reason
from eisync.loops.agenda import Agenda
from eisync.loops.judging import Accepted, Judging, Parked
from eisync.loops.ports import Events, Evidence, Files, Intake, KnownFile, Log, RootNotes, SeenFolder
from eisync.loops.watched import Observed, Watched

FILES_A_TICK = 2_000
LOOK_AT_ROOT_EVERY_S = 5.0
MOST_REASONS = 50

_ENTERABLE = frozenset({State.SETTLING, State.GONE})
_EVERYDAY = ("ignored by the pattern", "not a type that Edge Impulse takes")


@dataclass(slots=True)
class _Scan:
    """A walk that is under way, of everything at and below the folders `below` (the root itself is "")."""

    folders: Iterator[SeenFolder]
    below: frozenset[str]
    visited: set[str] = field(default_factory=set)
    troubled: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Findings:
    """Rows that are not as they were, gathered so that they are written at once."""

    changed: list[int] = field(default_factory=list)
    went: list[int] = field(default_factory=list)


class _RootWatch:
    """What is in memory of one root."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.place = watched.root
        self.unsettled: dict[str, Unsettled] = {}
        self.agenda = Agenda()
        self.announced: set[str] = set()  # files that are to be looked at
        self.closed: set[str] = set()  # of these, the ones whose writers are through with them
        self.moved: set[str] = set()  # folders that appeared, moved or went as a whole
        self.partial: _Scan | None = None  # of such folders
        self.scan: _Scan | None = None  # of the whole root
        self.scan_due_at = 0.0
        self.look_due_at = 0.0
        self.is_doubted = False
        self.is_mid_tick = False
        self.offline_reason: str | None = None
        self.deaf_reason: str | None = None
        self.has_scanned = False
        self.noted_settling = -1

    @property
    def is_busy(self) -> bool:
        """Whether the next tick has something to do at once."""
        return bool(self.scan or self.partial or self.announced or self.moved or self.is_doubted)


class WatcherLoop:
    """The intake. `tick` never takes longer than a bounded piece of a scan, but for one huge folder."""

    name = "watcher"

    def __init__(
        self,
        roots: Sequence[Watched],
        *,
        intake: Intake,
        notes: RootNotes,
        files: Files,
        evidence: Evidence,
        events: Events,
        log: Log,
    ) -> None:
        self._roots = [_RootWatch(watched) for watched in roots]
        self._intake = intake
        self._notes = notes
        self._files = files
        self._judging = Judging(files, evidence)
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
            Observed(root.place.path, path, seen.facts.size, reason(seen, root.watched.policy, now=now))
            for root in self._roots
            for path, seen in list(root.unsettled.items())
        ]

    def offline(self) -> list[str]:
        """Why roots cannot be read, a sentence each."""
        return [root.offline_reason for root in self._roots if root.offline_reason]

    def _tick_root(self, root: _RootWatch, now: float) -> float:
        if root.is_mid_tick:
            root.is_doubted = True
            root.scan = None  # what it had in hand when the last tick failed is not known
        root.is_mid_tick = True
        wait_s = self._work_on(root, now)
        root.is_mid_tick = False
        return wait_s

    def _work_on(self, root: _RootWatch, now: float) -> float:
        # The clock may have been set back.
        root.look_due_at = min(root.look_due_at, now + LOOK_AT_ROOT_EVERY_S)
        root.scan_due_at = min(root.scan_due_at, now + root.watched.scan_interval_s)
        if now >= root.look_due_at:
            self._look_at_root(root, now)
        if root.offline_reason is not None:
            return max(0.0, root.look_due_at - now)
        self._gather_events(root, now)
        self._begin_walks(root, now)
        for scan in (root.partial, root.scan):
            if scan is not None:
                self._walk_on(root, scan, now)
        self._enqueue_complete(root, now)
        self._note_settling(root)
        if root.is_busy:
            return 0.0
        next_look_at = root.agenda.next_at()
        due_at = min(root.look_due_at, root.scan_due_at)
        return max(0.0, (due_at if next_look_at is None else min(due_at, next_look_at)) - now)

    def _look_at_root(self, root: _RootWatch, now: float) -> None:
        root.look_due_at = now + LOOK_AT_ROOT_EVERY_S
        deaf_reason = self._events.watch(root.place)
        offline_reason = self._files.why_offline(root.place.path)
        if offline_reason is not None:
            # Nothing is concluded from its absence; it is scanned when it is back.
            root.scan = root.partial = None
            root.scan_due_at = now
            if root.offline_reason is None:
                self._notes.note_offline(root.place.id, offline_reason)
                self._log.error("root.offline", root=shown(root.place.path), reason=offline_reason)
            root.offline_reason = offline_reason
            return
        if root.offline_reason is not None:
            self._log.info("root.online", root=shown(root.place.path))
        root.offline_reason = None
        if deaf_reason is not None and deaf_reason != root.deaf_reason:
            self._log.warning("root.deaf", root=shown(root.place.path), reason=deaf_reason)
        root.deaf_reason = deaf_reason
        root.announced.update(path for path in self._intake.settling(root.place.id) if path not in root.unsettled)

    def _gather_events(self, root: _RootWatch, now: float) -> None:
        announced = self._events.take(root.place.id)
        eligibility = root.watched.eligibility
        policy = root.watched.policy
        heeded = {
            path: place for path in announced.files if eligibility.why_left_out(place := policy.spoken_of(path)) is None
        }
        root.announced.update(heeded.values())
        root.closed.update(place for path, place in heeded.items() if path in announced.closed)
        root.moved.update(path for path in announced.folders if not _is_ignored(path, eligibility))
        root.is_doubted = root.is_doubted or announced.is_doubted
        findings = _Findings()
        for _ in range(min(len(root.announced), FILES_A_TICK)):
            path = root.announced.pop()
            is_closed = path in root.closed
            root.closed.discard(path)
            self._see(root, path, findings, now, is_closed=is_closed)
        self._write(root, findings, now)

    def _begin_walks(self, root: _RootWatch, now: float) -> None:
        if root.scan is None and (root.is_doubted or now >= root.scan_due_at):
            root.scan = self._scan_of(root, [""])
            root.is_doubted = False
            root.partial = None
            root.moved.clear()  # the whole has these in it
        if root.partial is None and root.moved:
            root.partial = self._scan_of(root, _topmost(root.moved))
            root.moved = set()

    def _scan_of(self, root: _RootWatch, folders: Collection[str]) -> _Scan:
        path, eligibility = root.place.path, root.watched.eligibility
        walked = (seen for below in folders for seen in self._files.walk(path, eligibility, below=below))
        return _Scan(walked, frozenset(folders))

    def _walk_on(self, root: _RootWatch, scan: _Scan, now: float) -> None:
        """Walk a bounded part of the scan."""
        findings = _Findings()
        looked_at = 0
        is_over = True
        for folder in scan.folders:
            scan.visited.add(folder.path)
            self._count_left_out(root, scan, folder)
            if folder.trouble is not None:
                scan.troubled.add(folder.path)
            else:
                self._compare(root, folder, findings, now)
            looked_at += len(folder.files) + len(folder.left_out) + 1
            if looked_at >= FILES_A_TICK:
                is_over = False
                break
        if is_over:
            self._look_for_the_unvisited(root, scan, findings)
        self._write(root, findings, now)
        if is_over:
            self._finish(root, scan, now)

    def _look_for_the_unvisited(self, root: _RootWatch, scan: _Scan, findings: _Findings) -> None:
        """Files are known in folders that the walk did not meet: the folders went, or are ignored now."""
        for folder in self._intake.folders(root.place.id):
            if folder in scan.visited or not _is_within(folder, scan.below) or _is_within(folder, scan.troubled):
                continue
            self._miss(root, folder, self._intake.known(root.place.id, folder), (), findings)

    def _finish(self, root: _RootWatch, scan: _Scan, now: float) -> None:
        if scan is root.partial:
            root.partial = None
            return
        self._notes.note_scan(root.place.id, scan.left_out, now=now)
        root.scan = None
        root.has_scanned = True
        root.scan_due_at = now + root.watched.scan_interval_s

    def _compare(self, root: _RootWatch, folder: SeenFolder, findings: _Findings, now: float) -> None:
        """Consider every file of the folder, and those that are known in it and not there any more."""
        known = self._intake.known(root.place.id, folder.path)
        for name, facts in folder.files.items():
            self._consider(root, _join(folder.path, name), facts, known.get(name), findings, now)
        self._miss(root, folder.path, known, folder.files, findings)

    def _miss(
        self,
        root: _RootWatch,
        folder: str,
        known: Mapping[str, KnownFile],
        seen: Collection[str],
        findings: _Findings,
    ) -> None:
        """Look for the known files of a folder that are not among `seen`: one that is ignored now has not gone."""
        for name, entry in known.items():
            path = _join(folder, name)
            if name not in seen and entry.state is not State.GONE and self._files.is_missing(root.place.path, path):
                root.unsettled.pop(path, None)
                findings.went.append(entry.id)

    def _see(self, root: _RootWatch, path: str, findings: _Findings, now: float, *, is_closed: bool = False) -> None:
        """Look at one file that was announced."""
        known = self._intake.known_at(root.place.id, path)
        facts = self._files.look(root.place.path, path)
        if facts is not None:
            self._consider(root, path, facts, known, findings, now, is_closed=is_closed)
            return
        root.unsettled.pop(path, None)
        if known is not None:
            folder, _, name = path.rpartition("/")
            self._miss(root, folder, {name: known}, (), findings)

    def _consider(
        self,
        root: _RootWatch,
        path: str,
        facts: FileFacts,
        known: KnownFile | None,
        findings: _Findings,
        now: float,
        *,
        is_closed: bool = False,
    ) -> None:
        """Put the file under observation, unless it is known as it is."""
        if known is not None and known.facts == facts and known.state not in _ENTERABLE:
            root.unsettled.pop(path, None)
            return
        seen = observe(root.unsettled.get(path), facts, now=now, is_closed=is_closed)
        root.unsettled[path] = seen
        root.agenda.add(path, look_at(seen, root.watched.policy))
        if known is not None and known.state not in _ENTERABLE:
            findings.changed.append(known.id)

    def _write(self, root: _RootWatch, findings: _Findings, now: float) -> None:
        if findings.changed:
            self._intake.mark_changed(findings.changed, now=now)
        # A root that went while we looked took its files with it: nothing is concluded from that.
        if findings.went and self._files.why_offline(root.place.path) is None:
            self._intake.mark_gone(findings.went, now=now)

    def _enqueue_complete(self, root: _RootWatch, now: float) -> None:
        due = (path for _ in range(FILES_A_TICK) if (path := root.agenda.take_due(now)) is not None)
        judged = self._judging.judge(root.watched, root.unsettled, due, now=now)
        for path, at in judged.again.items():
            root.agenda.add(path, at)
        findings = _Findings()
        for path in judged.missing:
            self._see(root, path, findings, now)
        self._write(root, findings, now)
        self._enter(root, judged.accepted, now)
        self._park(root, judged.parked, now)

    def _enter(self, root: _RootWatch, accepted: Mapping[str, Accepted], now: float) -> None:
        if not accepted:
            return
        busy = self._intake.enqueue([one.candidate for one in accepted.values()], now=now)
        for path in self._left(root, accepted, busy, now):
            one = accepted[path]
            size, label = one.candidate.facts.size, one.candidate.label
            self._log.info("file.enqueued", path=shown(path), label=label, size=size, evidence=one.evidence)

    def _park(self, root: _RootWatch, parked: Mapping[str, Parked], now: float) -> None:
        if not parked:
            return
        busy = self._intake.park([(one.candidate, one.reason) for one in parked.values()], now=now)
        for path in self._left(root, parked, busy, now):
            self._log.error("file.quarantined", path=shown(path), reason=parked[path].reason)

    def _left(
        self, root: _RootWatch, decided: Collection[str], busy: Collection[tuple[int, str]], now: float
    ) -> Iterator[str]:
        """Those that are not under observation any more."""
        for path in decided:
            if (root.place.id, path) in busy:
                root.agenda.add(path, now + 1.0)  # its last version is under way; look again when that is settled
            else:
                root.unsettled.pop(path, None)
                yield path

    def _note_settling(self, root: _RootWatch) -> None:
        if len(root.unsettled) != root.noted_settling:
            self._notes.note_settling(root.place.id, len(root.unsettled))
            root.noted_settling = len(root.unsettled)

    def _count_left_out(self, root: _RootWatch, scan: _Scan, folder: SeenFolder) -> None:
        left_out = list(folder.left_out)
        if folder.trouble is not None:
            left_out.append((folder.path, folder.trouble))
        for path, why in left_out:
            known_reason = why in scan.left_out or len(scan.left_out) < MOST_REASONS
            scan.left_out[why if known_reason else "other reasons"] += 1
            key = (root.place.id, path)
            if not why.startswith(_EVERYDAY) and key not in self._told and len(self._told) < FILES_A_TICK:
                self._told.add(key)
                self._log.warning("file.left_out", path=shown(path), reason=why)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _above(path: str) -> Iterator[str]:
    """`path` and every folder above it but the root, the topmost first."""
    parts = path.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _is_ignored(folder: str, eligibility: Eligibility) -> bool:
    return any(eligibility.ignoring_rule(place, is_dir=True) is not None for place in _above(folder))


def _is_within(folder: str, places: Collection[str]) -> bool:
    return "" in places or any(place in places for place in _above(folder))


def _topmost(folders: Iterable[str]) -> list[str]:
    """Those of `folders` that lie in none of the others."""
    tops: set[str] = set()
    for folder in sorted(folders, key=lambda path: path.count("/")):
        if not _is_within(folder, tops):
            tops.add(folder)
    return sorted(tops)
