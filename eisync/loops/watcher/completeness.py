"""Judge the files whose time has come: ask the kernel who writes them, ask the format once for each version, decide.

Both are asked on one descriptor, so that a first scan opens each file once. Looking into files is bounded: one call
reads at most `BYTES_A_TICK` of them all. An examination that is not through rests, keeps its place in the queue, and
is gone on with by a later call; it holds no content meanwhile.
"""

from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial

from eisync.core.completeness import (
    AGAIN_S,
    Accept,
    Decision,
    Examine,
    ObservedFile,
    Quarantine,
    Wait,
    answered,
    decide,
    is_fresh,
    look_at,
    observe,
)
from eisync.core.formats.check import FormatCheck
from eisync.core.ignore import IgnoreRules
from eisync.core.labels.annotations import NotASample
from eisync.core.labels.description import Description
from eisync.core.model import MAX_FILE_BYTES, Candidate, FileFacts, value
from eisync.core.policy import OnChange
from eisync.core.writers import Ask, Presence, Writers
from eisync.errors import CONTENT_ERRORS, UnreachableError
from eisync.loops.ports import Evidence, Files, Look, LookInto
from eisync.loops.watched_root import WatchedRoot
from eisync.loops.watcher.labelling import Labelling, Unclear

BYTES_A_TICK = 1024 * 1024
SAID_A_TICK = 256 * 1024
"""What is said of the files that enter together has at most so many bytes, but for the last one's."""
Probing = Callable[[], Ask]
WhyNoSample = Callable[[str, FileFacts, bytes], NotASample | None]
"""Asked of a path, its facts and how it begins, as far as known. Raises UnreachableError when no file can be opened."""


@value
class Accepted:
    """A file that is complete, by this evidence."""

    candidate: Candidate
    evidence: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that is cut, for this reason."""

    candidate: Candidate
    reason: str


@dataclass(slots=True)
class CheckResult:
    """What became of the files, by path. `again` has the instants (Unix s) at which to look at others again. Those that
    are `left_out` are no samples in this version, for this reason.

    `failing` are those that we stumble over, with what it was; `due` is how many were taken.
    """

    accepted: dict[str, Accepted] = field(default_factory=dict)
    parked: dict[str, Quarantined] = field(default_factory=dict)
    left_out: dict[str, tuple[FileFacts, str]] = field(default_factory=dict)
    again: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    due: int = 0
    writers: Writers | None = None  # what was said of the last of them: rather that nobody can tell, if so of any


@dataclass(slots=True)
class _Work:
    """One call: what it is about, what came of it, and what may still be spent."""

    watched: WatchedRoot
    why_no_sample: WhyNoSample
    labels: Labelling
    unsettled: MutableMapping[str, ObservedFile]
    look_into: LookInto
    rules: "_Rules"
    hears_closes: bool
    now: float
    judged: CheckResult = field(default_factory=CheckResult)
    left_bytes: int = 0
    left_said: int = 0
    head: bytes = b""  # what was read of the beginning of the file that is being judged


class CompletenessChecker:
    """The examinations that are under way."""

    def __init__(self, files: Files, evidence: Evidence, probing: Probing) -> None:
        self._files = files
        self._evidence = evidence
        self._probing = probing
        self._under_way: dict[tuple[int, str], tuple[FileFacts, FormatCheck]] = {}

    def judge(
        self,
        watched: WatchedRoot,
        labels: Labelling,
        unsettled: MutableMapping[str, ObservedFile],
        due: Iterable[str],
        *,
        now: float,
        hears_closes: bool = False,
        why_no_sample: WhyNoSample = lambda _path, _facts, _head: None,
    ) -> CheckResult:
        """Decide on the paths that are `due`. What was seen of them is written into `unsettled`.

        `hears_closes`: whether it would have been announced that they were closed. `why_no_sample` tells of a file that
        is complete, or cut, what it is if it is none.
        """
        with self._evidence.reading(self._probing()) as look_into:
            work = _Work(
                watched, why_no_sample, labels, unsettled, look_into, _Rules(watched.eligibility), hears_closes, now
            )
            work.left_bytes, work.left_said = BYTES_A_TICK, SAID_A_TICK
            for path in due:
                if work.left_said <= 0:
                    work.judged.again[path] = now
                    break
                work.judged.due += 1
                try:
                    is_through = self._judge_one(work, path)
                except CONTENT_ERRORS as error:  # it costs no other file
                    work.judged.failing[path] = error
                    continue
                if is_through:
                    break
        self._forget_the_unwatched(watched, unsettled)
        return work.judged

    def _judge_one(self, work: "_Work", path: str) -> bool:
        """Decide on one file. Returns whether there is no room for more: then it is left to the next call."""
        seen = work.unsettled.get(path)
        if seen is None:
            return False
        if work.rules.leave_out(path):
            del work.unsettled[path]  # a rule that leaves it out came since
            return False
        # Whoever opens it looks at it: one look is enough. A marker is beside it.
        due_at = self._due_at(work, seen)
        if due_at > work.now or work.watched.policy.needs_marker:
            if (seen := self._look(work, seen, path)) is None:
                return False
            due_at = self._due_at(work, seen)
        if due_at > work.now:
            work.judged.again[path] = due_at
            return False
        if work.left_bytes <= 0:
            work.judged.again[path] = due_at  # before those that rest
            return True
        if (seen := self._open(work, path, seen)) is not None:
            policy, hears_closes = work.watched.policy, work.hears_closes
            self._follow(work, path, seen, decide(seen, policy, now=work.now, hears_closes=hears_closes))
        return False

    def _due_at(self, work: "_Work", seen: ObservedFile) -> float:
        return look_at(seen, work.watched.policy, hears_closes=work.hears_closes)

    def _open(self, work: "_Work", path: str, seen: ObservedFile) -> ObservedFile | None:
        """Ask who writes the file, and its format. Returns what is known now; None: it is looked at again later."""
        judged, now = work.judged, work.now
        work.head = b""  # until this file is opened: that of another one says nothing of it
        examination = self._examination_of(work, path, seen)
        if examination is not None and examination.verdict is not None:
            # Its name or its size says all that its format can: it is opened when it has been still for long enough.
            seen = work.unsettled[path] = answered(seen, seen.writers, examination.verdict, now=now)
            if self._due_at(work, seen) > now:
                return seen
        is_risky = is_fresh(seen, work.watched.policy, now=now)
        try:
            look = work.look_into(
                examination,
                work.watched.root.path,
                path,
                seen.facts,
                most_bytes=work.left_bytes,
                goes_on=partial(self._goes_on, work, seen) if is_risky else None,
            )
        except UnreachableError:
            judged.again[path] = now + AGAIN_S
            return None
        if look is None:
            self._lose(work, path, seen)
            return None
        work.left_bytes -= look.spent
        work.head = look.head
        return self._take(work, path, seen, examination, look)

    def _take(
        self, work: "_Work", path: str, seen: ObservedFile, examination: FormatCheck | None, look: Look
    ) -> ObservedFile | None:
        """Note what was found. Returns what is known now; None: it is looked at again later."""
        self._note_answer(work.judged, look.writers)
        if look.writers is not None and look.writers.presence is Presence.SOME:
            self._note_writer(work, path, seen, look)
            return None
        verdict = seen.verdict if examination is None else examination.verdict
        seen = work.unsettled[path] = answered(seen, look.writers, verdict, now=work.now)
        if examination is not None and verdict is None:
            self._under_way[work.watched.root.id, path] = (seen.facts, examination)
            work.judged.again[path] = max(self._due_at(work, seen), work.now)
            return None
        return seen

    def _examination_of(self, work: "_Work", path: str, seen: ObservedFile) -> FormatCheck | None:
        """What is asked of its format; None where that is known, or the file is too large to be read at all."""
        if seen.verdict is not None or seen.facts.size >= MAX_FILE_BYTES:
            return None
        facts, examination = self._under_way.pop((work.watched.root.id, path), (None, None))
        if examination is None or facts is None or not seen.facts.is_untouched_since(facts):
            examination = FormatCheck(path, seen.facts.size)
        return examination

    def _goes_on(self, work: "_Work", seen: ObservedFile, writers: Writers) -> bool:
        """Whether the file would go with this answer, if its format says so."""
        said = answered(seen, writers, seen.verdict, now=work.now)
        return self._due_at(work, said) <= work.now

    def _lose(self, work: "_Work", path: str, seen: ObservedFile) -> None:
        """The file is not what was seen."""
        found = self._look(work, seen, path)
        if found is not None and found.facts.is_untouched_since(seen.facts):
            del work.unsettled[path]  # a link leads out of the root
        elif found is not None:
            due_at = self._due_at(work, found)  # it is another version by now
            work.judged.again[path] = due_at if due_at > work.now else work.now + AGAIN_S

    def _note_writer(self, work: "_Work", path: str, seen: ObservedFile, look: Look) -> None:
        """Another program has the file open for writing: until it is closed, it may change and not look it."""
        if look.is_another:
            found = self._look(work, seen, path)
            if found is None:
                return
            seen = found
        seen = work.unsettled[path] = answered(seen, look.writers, None, now=work.now)
        work.judged.again[path] = seen.again_at or work.now
        work.labels.unclear.pop(path, None)

    def _note_answer(self, judged: CheckResult, writers: Writers | None) -> None:
        if judged.writers is None or judged.writers.presence is not Presence.CANNOT_TELL:
            judged.writers = writers or judged.writers

    def _follow(self, work: "_Work", path: str, seen: ObservedFile, decision: Decision) -> None:
        watched, labels, judged = work.watched, work.labels, work.judged
        if not (isinstance(decision, Wait) and seen.facts.size) and self._is_left_out(work, path, seen):
            return
        match decision:
            case Wait(until=until):
                judged.again[path] = until
            case Examine():
                judged.again[path] = work.now
            case Accept(evidence=evidence):
                said = labels.of(path, now=work.now, seen=seen)
                if isinstance(said, Unclear):
                    judged.again[path] = said.until
                    labels.unclear[path] = said
                    return
                labels.unclear.pop(path, None)
                work.left_said -= said.weight
                judged.accepted[path] = Accepted(_candidate(watched, path, seen.facts, said), evidence)
            case Quarantine(reason=reason):
                said = labels.plain(path, work.now)
                judged.parked[path] = Quarantined(_candidate(watched, path, seen.facts, said), reason)

    def _is_left_out(self, work: "_Work", path: str, seen: ObservedFile) -> bool:
        """Whether the file is no sample by what is in it. An empty one is asked at once: it would wait for long."""
        if seen.verdict is None:
            return False
        try:
            why = work.why_no_sample(path, seen.facts, work.head)
        except UnreachableError:
            work.judged.again[path] = work.now + AGAIN_S
            return True
        if why is not None:
            work.judged.left_out[path] = (seen.facts, why.reason)
            work.labels.unclear.pop(path, None)
        return why is not None

    def _look(self, work: "_Work", seen: ObservedFile, path: str) -> ObservedFile | None:
        """Look at it without opening it."""
        watched = work.watched
        facts = self._files.look(watched.root.path, path)
        if facts is None:
            work.judged.missing.append(path)
            return None
        # What is looked at without its ctime, because that may be made up, stays so.
        seen = observe(seen, facts if seen.facts.ctime_ns else facts.without_ctime(), now=work.now)
        if watched.policy.needs_marker:
            seen = replace(seen, marker=self._evidence.marker_of(watched.root.path, path))
        work.unsettled[path] = seen
        return seen

    def _forget_the_unwatched(self, watched: WatchedRoot, unsettled: MutableMapping[str, ObservedFile]) -> None:
        gone = [key for key in self._under_way if key[0] == watched.root.id and key[1] not in unsettled]
        for key in gone:
            del self._under_way[key]


class _Rules:
    """What folders say of their files now, asked once for each folder. What the configuration says was asked before a
    file came under observation, and has not changed since."""

    def __init__(self, eligibility: IgnoreRules) -> None:
        self._eligibility = eligibility
        self._are_there: dict[str, bool] = {}

    def leave_out(self, path: str) -> bool:
        folder = path.rpartition("/")[0]
        if (are_there := self._are_there.get(folder)) is None:
            are_there = self._are_there[folder] = self._eligibility.is_spoken_of(folder)
        return are_there and self._eligibility.why_left_out(path) is not None


def stumbled(error: Exception) -> str:
    """Why a file is set aside that makes us stumble, for a person."""
    return (
        f"eisync failed on this file ({type(error).__name__}) and will try again; other files are not affected. "
        "Please report this"
    )


def _candidate(watched: WatchedRoot, path: str, facts: FileFacts, said: Description) -> Candidate:
    return Candidate(
        root_id=watched.root.id,
        path=path,
        target=watched.root.target,
        facts=facts,
        label=said.label,
        category=said.category,
        metadata=said.metadata,
        companions=said.companions,
        replaces=watched.on_change is OnChange.REPLACE,
        sent_as=said.name,
        remarks=said.remarks,
    )
