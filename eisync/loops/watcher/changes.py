"""Compare files with what is known: a file is as it is known, has another name, went, or comes under observation.

A file that is new or not what it was comes under observation, which is in memory only. What is known and is not as it
was is gathered as `Findings`, so that all of a piece of work is written down at once. Of a file that was sent, facts
that moved prove no other version: where its size is the same, its content is compared with what was sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from eisync.core.completeness import next_check_at, observe
from eisync.core.formats.check import has_end
from eisync.core.known_content import FolderPiece, Likeness
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, KnownFile, shown
from eisync.core.policy import OnChange
from eisync.errors import CONTENT_ERRORS
from eisync.loops.ports import Log
from eisync.loops.watcher.completeness import failure_reason
from eisync.loops.watcher.content_check import ContentAnswer
from eisync.loops.watcher.context import Files, Stores
from eisync.loops.watcher.root import RootState
from eisync.loops.watcher.scan import Scan, join

_ENTERABLE = frozenset({State.SETTLING, State.GONE})
_SENT = frozenset({State.SYNCED, State.TOMBSTONE})
_ON_THE_WAY = frozenset({State.READY, State.SENDING, State.DOUBTFUL})


@dataclass(slots=True)
class Findings:
    """Rows that are not as they were, gathered so that they are written at once."""

    changed: list[int] = field(default_factory=list)
    went: dict[int, str] = field(default_factory=dict)  # with their paths
    back: list[int] = field(default_factory=list)
    left: list[tuple[int, FileFacts]] = field(default_factory=list)  # changed, and to be left as they were sent
    learnt: list[tuple[int, FileFacts]] = field(default_factory=list)  # the same version, with these facts now

    def forget(self, identity: int) -> None:
        """Drop what was found of the file, which was found again."""
        if identity in self.changed:
            self.changed.remove(identity)
        self.went.pop(identity, None)


class ChangeDetector:
    """Compares what is in one root with what is known of it."""

    def __init__(self, state: RootState, stores: Stores, files: Files, log: Log) -> None:
        self._state = state
        self._root = state.root
        self._outbox = stores.outbox
        self._paths = stores.paths
        self._files = files
        self._log = log

    def check(
        self,
        path: str,
        findings: Findings,
        now: float,
        *,
        is_closed: bool = False,
        is_from_event: bool = False,
    ) -> None:
        """Check one file. One whose check fails is set aside with its reason.

        `is_from_event`: an event reported it, where facts may not tell of a change.
        """
        try:
            self._check(path, findings, now, is_closed=is_closed, is_from_event=is_from_event)
        except CONTENT_ERRORS as error:
            self.note_failing(path, error)
        else:
            self._state.observations.clear_failing(path)

    def note_failing(self, path: str, error: Exception) -> None:
        """Set the file aside, whose check failed."""
        why = failure_reason(error)
        if self._state.observations.note_failing(path, why):
            self._log.error("file.failed", path=shown(path), reason=why, exc_info=error)

    def compare(self, scan: Scan, piece: FolderPiece, findings: Findings, now: float) -> None:
        """Compare a piece of a folder with what is known. Where that fails, each of its files is checked by itself."""
        try:
            self._compare(scan, piece, findings, now)
        except CONTENT_ERRORS:
            scan.note_failure(piece.path)
            for name in piece.files:
                self.check(join(piece.path, name), findings, now)

    def miss(self, folder: str, names: Iterable[str], findings: Findings) -> None:
        """Check known files that were not met: one that is ignored now has not gone."""
        state = self._state
        missing = [name for name in names if self._files.is_missing(self._root.path, join(folder, name))]
        for name, entry in (self._paths.known(self._root.id, folder, missing) if missing else {}).items():
            if entry.state is not State.GONE:
                state.observed.drop(join(folder, name))
                state.checks.forget(join(folder, name))
                findings.went[entry.id] = join(folder, name)

    def write(self, findings: Findings, now: float) -> None:
        """Write down what was found."""
        if findings.changed:
            self._outbox.mark_changed(findings.changed, now=now)
        if findings.back:
            self._outbox.mark_back(findings.back, now=now)
        if findings.left:
            self._outbox.leave_as_sent(findings.left, now=now)
        if findings.learnt:
            self._outbox.learn_versions(findings.learnt)
        # A root that went meanwhile took its files with it: nothing is concluded from that.
        if findings.went and self._state.monitor.why_offline() is None:
            self._write_gone(findings.went, now)

    def _write_gone(self, went: dict[int, str], now: float) -> None:
        disks, waiting = self._state.disks, self._state.renames.may_be_there()
        went = {one: path for one, path in went.items() if one not in waiting}
        disks.check(now)  # a disk that went took its files with it, too: it is checked after they were missed
        disks.suspect(went, now)
        gone = [one for one, path in went.items() if not disks.is_away(path, one)]
        self._outbox.mark_gone(gone, now=now)

    def _check(self, path: str, findings: Findings, now: float, *, is_closed: bool, is_from_event: bool) -> None:
        state = self._state
        known = self._outbox.known_at(self._root.id, path)
        facts = self._files.facts_at(self._root.path, path)
        if facts is not None:
            known = self._recognise(path, facts, known, findings, now)
            if state.watched.eligibility.why_left_out(path) is None:  # it may be known from other rules than these
                self._consider(path, facts, known, findings, now, is_closed=is_closed, is_from_event=is_from_event)
            else:
                state.checks.forget(path)
            return
        state.observed.drop(path)
        state.renames.forget(path)
        state.checks.forget(path)
        if known is not None:
            folder, _, name = path.rpartition("/")
            self.miss(folder, [name], findings)

    def _compare(self, scan: Scan, piece: FolderPiece, findings: Findings, now: float) -> None:
        """Consider the files of a piece of a folder that are not known as they are, and those that were not met."""
        state = self._state
        known = self._paths.known(self._root.id, piece.path, piece.files) if piece.files else {}
        # Nearly every new file is new under any name: one question for all tells which are not.
        familiar = self._paths.familiar(self._root.id, piece.files.values()) if piece.files else set()
        has_followed = False
        for name, facts in piece.files.items():
            path = join(piece.path, name)
            before = known.get(name)
            if before is not None and has_followed:  # it may have changed places since
                before = self._outbox.known_at(self._root.id, path)
            if scan.is_audit and before is None and not state.not_samples.holds(path, facts):
                scan.note_missed(self._is_miss(path, facts, now))
            found = before
            if before is not None or facts in familiar or state.renames.is_waiting(path):
                found = self._recognise(path, facts, before, findings, now)
            has_followed = has_followed or found is not before
            self._consider(path, facts, found, findings, now)
        if piece.unmet is None and piece.is_last:
            scan.note_huge(piece.path, piece.met)
        elif piece.unmet:
            self.miss(piece.path, piece.unmet, findings)

    def _recognise(
        self, path: str, facts: FileFacts, known: KnownFile | None, findings: Findings, now: float
    ) -> KnownFile | None:
        """Return what is known of the file, which may have had another name."""
        state, renames = self._state, self._state.renames
        found = renames.recognise(path, facts, known, now=now)
        if found is not None and found is not known:
            findings.forget(found.id)
            if renames.is_waiting(path) and found.is_absent:
                findings.back.append(found.id)
            elif not renames.is_waiting(path):
                state.labels.recheck(path)
                found = self._outbox.known_at(self._root.id, path)
        for name in renames.take_left():
            state.checks.forget(name)
            seen = state.observed.get(name)
            if seen is not None and seen.facts == facts:
                state.observed.drop(name)
        for name in renames.take_vacated():
            state.reported.add([name])
            state.labels.recheck(name)
        return found

    def _consider(
        self,
        path: str,
        facts: FileFacts,
        known: KnownFile | None,
        findings: Findings,
        now: float,
        *,
        is_closed: bool = False,
        is_from_event: bool = False,
    ) -> None:
        """Put the file under observation, unless it is known as it is, or may be a known one."""
        state = self._state
        if state.renames.is_waiting(path):
            state.observed.drop(path)
            return
        if known is not None and self._is_known_version(path, facts, known, findings, is_from_event=is_from_event):
            state.observed.drop(path)
            return
        state.checks.forget(path)
        if (known is None or known.state in _ENTERABLE) and state.not_samples.holds(path, facts):
            state.observed.drop(path)
            return
        if known is not None:
            self._report_links(path, facts, known)
        if known is not None and known.state in _SENT and state.watched.on_change is OnChange.IGNORE:
            state.observed.drop(path)
            findings.left.append((known.id, facts))
            return
        self._observe(path, facts, now, is_closed=is_closed)
        if known is None:
            return
        if _may_be_back(known):
            state.restored.expect(path, known)
        elif known.state not in _ENTERABLE:
            findings.changed.append(known.id)

    def _observe(self, path: str, facts: FileFacts, now: float, *, is_closed: bool) -> None:
        state, before = self._state, self._state.observed.get(path)
        seen = observe(
            before,
            state.trust.strict(facts),
            now=now,
            is_closed=is_closed,
            has_end=before is not None or has_end(path),
        )
        state.observed.keep(path, seen)
        due_at = next_check_at(seen, state.watched.policy, reports_closes=state.monitor.reports_closes)
        state.observed.check_at(path, due_at)

    def _is_known_version(
        self, path: str, facts: FileFacts, known: KnownFile, findings: Findings, *, is_from_event: bool
    ) -> bool:
        """Return whether the file is the version that is known, or may be, and its content is compared first."""
        if known.state in _ENTERABLE:
            return False
        trust, checks = self._state.trust, self._state.checks
        likeness = trust.compare(known.facts, facts)
        is_comparable = known.sha256 is not None and known.state not in _ON_THE_WAY and known.taken_sha256 is None
        if known.sha256 is None and known.state in _SENT and known.facts == facts:
            likeness = Likeness.LEARNT  # what was sent is not known: there is nothing to compare it with
        elif is_comparable and is_from_event and likeness is not Likeness.DIFFERENT:
            checks.forget(path)  # what was found before was found of another moment
            likeness = Likeness.DOUBTFUL
        elif is_comparable and checks.is_asked(path) and likeness is not Likeness.DIFFERENT:
            likeness = Likeness.DOUBTFUL
        match likeness:
            case Likeness.SAME | Likeness.LEARNT:
                is_news = likeness is Likeness.LEARNT and not (trust.is_weak and known.state in _ON_THE_WAY)
                self._note_as_known(facts, known, findings, is_news=is_news)
                return True
            case Likeness.DOUBTFUL if is_comparable:
                return self._is_same_content(path, facts, known, findings)
        return False

    def _is_same_content(self, path: str, facts: FileFacts, known: KnownFile, findings: Findings) -> bool:
        """Return whether the file holds what was sent; it is taken to while that is not known."""
        state = self._state
        answer = state.checks.ask(path, state.trust.strict(facts), known)
        if answer in (ContentAnswer.LATER, ContentAnswer.UNREADABLE):
            return True
        if state.trust.learn(known.facts, facts, is_same=answer is ContentAnswer.SAME):
            self._paths.note_unstable_inodes(self._root.id)
        if answer is ContentAnswer.SAME:
            self._note_as_known(facts, known, findings, is_news=True)
        return answer is ContentAnswer.SAME

    def _note_as_known(self, facts: FileFacts, known: KnownFile, findings: Findings, *, is_news: bool) -> None:
        """Note that the file is the version that is known. `is_news`: its facts are others now."""
        if is_news:
            findings.learnt.append((known.id, facts))
        if known.is_absent:
            findings.back.append(known.id)

    def _report_links(self, path: str, facts: FileFacts, known: KnownFile) -> None:
        """Check the other names of the file: events report a write under one of them only."""
        seen = self._state.observed.get(path)
        is_news = seen is None or seen.facts != facts
        if is_news and known.facts != facts and known.facts.inode == facts.inode != 0:
            self._state.reported.add(self._paths.twins(self._root.id, known.facts).keys() - {path})

    def _is_miss(self, path: str, facts: FileFacts, now: float) -> bool:
        """Return whether the file is new, and an event should have reported it."""
        state = self._state
        if path in state.observed or path in state.reported:
            return False
        return state.monitor.health.should_have_reported(facts.touched_at, event_at=state.event_at, now=now)


def _may_be_back(known: KnownFile) -> bool:
    """Return whether what is at the place of the file may be what was sent of it, once that is complete."""
    if known.state in _SENT:
        return known.taken_sha256 is not None
    return known.state is State.SETTLING and known.sha256 is not None
