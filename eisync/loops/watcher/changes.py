"""Compare files with the known ones: a file is unchanged, renamed, missing, or comes under observation.

A new or changed file comes under observation, in memory only. What changed about known files is gathered as `Findings`,
so that one piece of work is stored at once. For a sent file, other facts do not prove another version: if the size is
the same, its content is compared with what was sent.
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
    """Changes of rows, gathered so that they are stored at once."""

    changed: list[int] = field(default_factory=list)
    gone: dict[int, str] = field(default_factory=dict)  # missing files, with their paths
    back: list[int] = field(default_factory=list)
    left: list[tuple[int, FileFacts]] = field(default_factory=list)  # changed, but `on_change` keeps the sent version
    learnt: list[tuple[int, FileFacts]] = field(default_factory=list)  # the same version with new facts

    def forget(self, identity: int) -> None:
        """Drop the findings about the file: it was recognised under another name."""
        if identity in self.changed:
            self.changed.remove(identity)
        self.gone.pop(identity, None)


class ChangeDetector:
    """Compares the files of one root with what is known of them."""

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
        """Check one file. If the check fails, set the file aside with the reason.

        `is_from_event`: an event reported it on a file system where the facts may not show a change.
        """
        try:
            self._check(path, findings, now, is_closed=is_closed, is_from_event=is_from_event)
        except CONTENT_ERRORS as error:
            self.note_failing(path, error)
        else:
            self._state.observations.clear_failing(path)

    def note_failing(self, path: str, error: Exception) -> None:
        """Set aside a file whose check failed."""
        why = failure_reason(error)
        if self._state.observations.note_failing(path, why):
            self._log.error("file.failed", path=shown(path), reason=why, exc_info=error)

    def compare(self, scan: Scan, piece: FolderPiece, findings: Findings, now: float) -> None:
        """Compare a piece of a folder with what is known. If that fails, check each of its files separately."""
        try:
            self._compare(scan, piece, findings, now)
        except CONTENT_ERRORS:
            scan.note_failure(piece.path)
            for name in piece.files:
                self.check(join(piece.path, name), findings, now)

    def check_missing(self, folder: str, names: Iterable[str], findings: Findings) -> None:
        """Check known files that a walk did not find: a file that is only ignored now is not gone."""
        state = self._state
        missing = [name for name in names if self._files.is_missing(self._root.path, join(folder, name))]
        for name, entry in (self._paths.known(self._root.id, folder, missing) if missing else {}).items():
            if entry.state is not State.GONE:
                state.observed.drop(join(folder, name))
                state.checks.forget(join(folder, name))
                findings.gone[entry.id] = join(folder, name)

    def write(self, findings: Findings, now: float) -> None:
        """Store the findings."""
        if findings.changed:
            self._outbox.mark_changed(findings.changed, now=now)
        if findings.back:
            self._outbox.mark_back(findings.back, now=now)
        if findings.left:
            self._outbox.leave_as_sent(findings.left, now=now)
        if findings.learnt:
            self._outbox.learn_versions(findings.learnt)
        # If the root was unmounted meanwhile, all of its files are missing: conclude nothing from that.
        if findings.gone and self._state.monitor.why_offline() is None:
            self._write_gone(findings.gone, now)

    def _write_gone(self, missing: dict[int, str], now: float) -> None:
        disks, waiting = self._state.disks, self._state.renames.possibly_renamed()
        missing = {one: path for one, path in missing.items() if one not in waiting}
        disks.check(now)  # after the files were found missing: a disk may have been unmounted with them
        disks.suspect(missing, now)
        gone = [one for one, path in missing.items() if not disks.is_away(path, one)]
        self._outbox.mark_gone(gone, now=now)

    def _check(self, path: str, findings: Findings, now: float, *, is_closed: bool, is_from_event: bool) -> None:
        state = self._state
        known = self._outbox.known_at(self._root.id, path)
        facts = self._files.facts_at(self._root.path, path)
        if facts is not None:
            known = self._recognise(path, facts, known, findings, now)
            if state.watched.eligibility.why_left_out(path) is None:  # a known file may be ignored by newer rules
                self._consider(path, facts, known, findings, now, is_closed=is_closed, is_from_event=is_from_event)
            else:
                state.checks.forget(path)
            return
        state.observed.drop(path)
        state.renames.forget(path)
        state.checks.forget(path)
        if known is not None:
            folder, _, name = path.rpartition("/")
            self.check_missing(folder, [name], findings)

    def _compare(self, scan: Scan, piece: FolderPiece, findings: Findings, now: float) -> None:
        """Check the changed files of a piece of a folder, and the known files that it does not hold."""
        state = self._state
        known = self._paths.known(self._root.id, piece.path, piece.files) if piece.files else {}
        # Nearly every new file is new under any name. One query finds the exceptions.
        familiar = self._paths.familiar(self._root.id, piece.files.values()) if piece.files else set()
        has_followed = False
        for name, facts in piece.files.items():
            path = join(piece.path, name)
            before = known.get(name)
            if before is not None and has_followed:  # the file followed may have swapped names with this one
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
            self.check_missing(piece.path, piece.unmet, findings)

    def _recognise(
        self, path: str, facts: FileFacts, known: KnownFile | None, findings: Findings, now: float
    ) -> KnownFile | None:
        """Return what is known of the file, possibly under an earlier name."""
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
            file = state.observed.get(name)
            if file is not None and file.facts == facts:
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
        """Put the file under observation, unless it is unchanged, or may be a renamed one."""
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
        file = observe(
            before,
            state.trust.strict(facts),
            now=now,
            is_closed=is_closed,
            has_end=before is not None or has_end(path),
        )
        state.observed.keep(path, file)
        due_at = next_check_at(file, state.watched.policy, reports_closes=state.monitor.reports_closes)
        # Where their age does not matter, those that are due already come folder by folder: so they fill requests, and
        # the sidecars and annotations of a folder are read once.
        state.observed.check_at(path, due_at if state.enters_by_age() else max(due_at, now))

    def _is_known_version(
        self, path: str, facts: FileFacts, known: KnownFile, findings: Findings, *, is_from_event: bool
    ) -> bool:
        """Return whether the file is the known version, or may be until its content is compared."""
        if known.state in _ENTERABLE:
            return False
        trust, checks = self._state.trust, self._state.checks
        likeness = trust.compare(known.facts, facts)
        is_comparable = known.sha256 is not None and known.state not in _ON_THE_WAY and known.taken_sha256 is None
        if known.sha256 is None and known.state in _SENT and known.facts == facts:
            likeness = Likeness.LEARNT  # the hash of what was sent is unknown: there is nothing to compare with
        elif is_comparable and is_from_event and likeness is not Likeness.DIFFERENT:
            checks.forget(path)  # an earlier answer is about an earlier moment
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
        """Return whether the file has the content that was sent; True while that is not known yet."""
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
        """Record that the file is the known version. `is_news`: its facts changed."""
        if is_news:
            findings.learnt.append((known.id, facts))
        if known.is_absent:
            findings.back.append(known.id)

    def _report_links(self, path: str, facts: FileFacts, known: KnownFile) -> None:
        """Have the other hard links of the file checked: an event reports a write under one name only."""
        file = self._state.observed.get(path)
        is_news = file is None or file.facts != facts
        if is_news and known.facts != facts and known.facts.inode == facts.inode != 0:
            self._state.reported.add(self._paths.twins(self._root.id, known.facts).keys() - {path})

    def _is_miss(self, path: str, facts: FileFacts, now: float) -> bool:
        """Return whether the file is new, and an event should have reported it."""
        state = self._state
        if path in state.observed or path in state.reported:
            return False
        return state.monitor.health.should_have_reported(facts.touched_at, event_at=state.event_at, now=now)


def _may_be_back(known: KnownFile) -> bool:
    """Return whether the file in this place may turn out to be what was sent, once it is complete."""
    if known.state in _SENT:
        return known.taken_sha256 is not None
    return known.state is State.SETTLING and known.sha256 is not None
