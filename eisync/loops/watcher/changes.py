"""What a look at a file says: that it is known as it is, under another name or not any more, or is to be observed.

A file that is new or not what it was comes under observation, which is in memory only. What is known and is not as it
was is gathered as `Findings`, so that all of a piece of work is written down at once. Of a file that was sent, facts
that moved prove no other version: where its size is the same, its content is compared with what was sent.
"""

from collections.abc import Iterable

from eisync.core.completeness import look_at, observe
from eisync.core.formats.check import has_end
from eisync.core.known_content import Likeness
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts
from eisync.core.policy import OnChange
from eisync.loops.ports import Files, Intake, KnownFile, SeenFolder, Whereabouts
from eisync.loops.watcher.content_check import ContentAnswer
from eisync.loops.watcher.root import Findings, RootState
from eisync.loops.watcher.scan import Scan, join

_ENTERABLE = frozenset({State.SETTLING, State.GONE})
_SENT = frozenset({State.SYNCED, State.TOMBSTONE})
_ON_THE_WAY = frozenset({State.READY, State.SENDING, State.DOUBTFUL})


class ChangeDetector:
    """Compares what is there with what is known."""

    def __init__(self, intake: Intake, places: Whereabouts, files: Files) -> None:
        self._intake = intake
        self._places = places
        self._files = files

    def see(
        self,
        root: RootState,
        path: str,
        findings: Findings,
        now: float,
        *,
        is_closed: bool = False,
        is_heard: bool = False,
    ) -> None:
        """Look at one file that was announced. `is_heard`: by an event, where facts may not tell of a change."""
        known = self._intake.known_at(root.place.id, path)
        facts = self._files.look(root.place.path, path)
        if facts is not None:
            known = self._recognise(root, path, facts, known, findings, now)
            if root.watched.eligibility.why_left_out(path) is None:  # it may be known from other rules than these
                self._consider(root, path, facts, known, findings, now, is_closed=is_closed, is_heard=is_heard)
            else:
                root.checks.forget(path)
            return
        root.unsettled.pop(path, None)
        root.renames.waiting.pop(path, None)
        root.checks.forget(path)
        if known is not None:
            folder, _, name = path.rpartition("/")
            self.miss(root, folder, [name], findings)

    def compare(self, root: RootState, walk: Scan, folder: SeenFolder, findings: Findings, now: float) -> None:
        """Consider the files of a piece of a folder that are not known as they are, and those that were not met."""
        known = self._places.known(root.place.id, folder.path, folder.files) if folder.files else {}
        # Nearly every new file is one that nobody has seen under another name: one look for all tells which are not.
        familiar = self._places.familiar(root.place.id, folder.files.values()) if folder.files else set()
        has_followed = False
        for name, facts in folder.files.items():
            path = join(folder.path, name)
            before = known.get(name)
            if before is not None and has_followed:  # it may have changed places since
                before = self._intake.known_at(root.place.id, path)
            if walk.is_audit and before is None and not root.unread.holds(path, facts):
                walk.missed += self._is_miss(root, path, facts, now)
            found = before
            if before is not None or facts in familiar or path in root.renames.waiting:
                found = self._recognise(root, path, facts, before, findings, now)
            has_followed = has_followed or found is not before
            self._consider(root, path, facts, found, findings, now)
        if folder.unmet is None and folder.is_last:
            walk.huge[folder.path] = folder.met
        elif folder.unmet:
            self.miss(root, folder.path, folder.unmet, findings)

    def miss(self, root: RootState, folder: str, names: Iterable[str], findings: Findings) -> None:
        """Look for known files that were not met: one that is ignored now has not gone."""
        missing = [name for name in names if self._files.is_missing(root.place.path, join(folder, name))]
        for name, entry in (self._places.known(root.place.id, folder, missing) if missing else {}).items():
            if entry.state is not State.GONE:
                root.unsettled.pop(join(folder, name), None)
                root.checks.forget(join(folder, name))
                findings.went[entry.id] = join(folder, name)

    def write(self, root: RootState, findings: Findings, now: float) -> None:
        if findings.changed:
            self._intake.mark_changed(findings.changed, now=now)
        if findings.back:
            self._intake.mark_back(findings.back, now=now)
        if findings.left:
            self._intake.leave_as_sent(findings.left, now=now)
        if findings.learnt:
            self._intake.learn_versions(findings.learnt)
        # A root that went while we looked took its files with it: nothing is concluded from that.
        if findings.went and root.monitor.why_offline() is None:
            waiting = root.renames.may_be_there()
            went = {one: path for one, path in findings.went.items() if one not in waiting}
            root.disks.look(now)  # nor from a disk that went: it is looked at after its files were missed
            root.disks.suspect(went, now)
            gone = [one for one, path in went.items() if not root.disks.is_away(path, one)]
            self._intake.mark_gone(gone, now=now)

    def _recognise(
        self, root: RootState, path: str, facts: FileFacts, known: KnownFile | None, findings: Findings, now: float
    ) -> KnownFile | None:
        """What is known of the file, which may have had another name."""
        found = root.renames.recognise(path, facts, known, now=now)
        if found is not None and found is not known:
            findings.forget(found.id)
            if path in root.renames.waiting and found.is_absent:
                findings.back.append(found.id)
            elif path not in root.renames.waiting:
                root.labels.recheck(path)
                found = self._intake.known_at(root.place.id, path)
        for name in root.renames.take_left():
            root.checks.forget(name)
            if name in root.unsettled and root.unsettled[name].facts == facts:
                del root.unsettled[name]
        for name in root.renames.take_vacated():
            root.announced.add(name)
            root.labels.recheck(name)
        return found

    def _consider(
        self,
        root: RootState,
        path: str,
        facts: FileFacts,
        known: KnownFile | None,
        findings: Findings,
        now: float,
        *,
        is_closed: bool = False,
        is_heard: bool = False,
    ) -> None:
        """Put the file under observation, unless it is known as it is, or may be a known one."""
        if path in root.renames.waiting:
            root.unsettled.pop(path, None)
            return
        if known is not None and self._is_known_version(root, path, facts, known, findings, is_heard=is_heard):
            root.unsettled.pop(path, None)
            return
        root.checks.forget(path)
        if (known is None or known.state in _ENTERABLE) and root.unread.holds(path, facts):
            root.unsettled.pop(path, None)
            return
        if known is not None:
            self._announce_links(root, path, facts, known)
        if known is not None and known.state in _SENT and root.watched.on_change is OnChange.IGNORE:
            root.unsettled.pop(path, None)
            findings.left.append((known.id, facts))
            return
        before = root.unsettled.get(path)
        seen = observe(
            before,
            root.trust.strict(facts),
            now=now,
            is_closed=is_closed,
            has_end=before is not None or has_end(path),
        )
        root.unsettled[path] = seen
        root.due_queue.add(path, look_at(seen, root.watched.policy, hears_closes=root.monitor.hears_closes))
        if known is None:
            return
        if _may_be_back(known):
            root.returns.expect(path, known)
        elif known.state not in _ENTERABLE:
            findings.changed.append(known.id)

    def _is_known_version(
        self,
        root: RootState,
        path: str,
        facts: FileFacts,
        known: KnownFile,
        findings: Findings,
        *,
        is_heard: bool,
    ) -> bool:
        """Whether the file is the version that is known, or may be, and its content is looked at first."""
        if known.state in _ENTERABLE:
            return False
        likeness = root.trust.compare(known.facts, facts)
        is_comparable = known.sha256 is not None and known.state not in _ON_THE_WAY and known.taken_sha256 is None
        if known.sha256 is None and known.state in _SENT and known.facts == facts:
            likeness = Likeness.LEARNT  # nobody knows what was sent: there is nothing to compare it with
        elif is_comparable and is_heard and likeness is not Likeness.DIFFERENT:
            root.checks.forget(path)  # what was found before was found of another moment
            likeness = Likeness.DOUBTFUL
        elif is_comparable and root.checks.is_asked(path) and likeness is not Likeness.DIFFERENT:
            likeness = Likeness.DOUBTFUL
        match likeness:
            case Likeness.SAME | Likeness.LEARNT:
                is_news = likeness is Likeness.LEARNT and not (root.trust.is_weak and known.state in _ON_THE_WAY)
                self._is_as_known(path, facts, known, findings, is_news=is_news)
                return True
            case Likeness.DOUBTFUL if is_comparable:
                return self._is_same_content(root, path, facts, known, findings)
        return False

    def _is_same_content(
        self, root: RootState, path: str, facts: FileFacts, known: KnownFile, findings: Findings
    ) -> bool:
        """Whether the file holds what was sent; it is taken to while nobody can tell."""
        answer = root.checks.ask(path, root.trust.strict(facts), known)
        if answer in (ContentAnswer.LATER, ContentAnswer.UNREADABLE):
            return True
        if root.trust.learn(known.facts, facts, is_same=answer is ContentAnswer.SAME):
            self._places.note_unstable_inodes(root.place.id)
        if answer is ContentAnswer.SAME:
            self._is_as_known(path, facts, known, findings, is_news=True)
        return answer is ContentAnswer.SAME

    def _is_as_known(self, path: str, facts: FileFacts, known: KnownFile, findings: Findings, *, is_news: bool) -> None:
        """The file is the version that is known. `is_news`: its facts are others now."""
        if is_news:
            findings.learnt.append((known.id, facts))
        if known.is_absent:
            findings.back.append(known.id)

    def _announce_links(self, root: RootState, path: str, facts: FileFacts, known: KnownFile) -> None:
        """Whoever writes a file that has several names is announced under one of them."""
        seen = root.unsettled.get(path)
        is_news = seen is None or seen.facts != facts
        if is_news and known.facts != facts and known.facts.inode == facts.inode != 0:
            root.announced.update(self._places.twins(root.place.id, known.facts).keys() - {path})

    def _is_miss(self, root: RootState, path: str, facts: FileFacts, now: float) -> bool:
        """Whether the file is new to us, and an event should have told of it."""
        if path in root.unsettled or path in root.announced:
            return False
        return root.monitor.health.should_have_heard(facts.touched_at, heard_at=root.heard_at, now=now)


def _may_be_back(known: KnownFile) -> bool:
    """Whether what is at the place of the file may be what was sent of it, once that is complete."""
    if known.state in _SENT:
        return known.taken_sha256 is not None
    return known.state is State.SETTLING and known.sha256 is not None
