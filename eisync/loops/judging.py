"""Judge the files whose time has come: look once more, ask the format once for each version, decide.

Looking into files is bounded: one call reads at most `BYTES_A_TICK` of them all. An examination that is not through
rests, keeps its place in the queue, and is gone on with by a later call; it holds no content meanwhile.
"""

from collections.abc import Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from eisync.core.annotations import LeftOut
from eisync.core.describing import Description
from eisync.core.eligible import Eligibility
from eisync.core.examination import Examination
from eisync.core.items import MAX_FILE_BYTES, Candidate, FileFacts, too_large
from eisync.core.settle import Decision, Examine, Go, Park, Unsettled, Wait, decide, look_at, observe
from eisync.core.values import value
from eisync.core.writers import Presence, Writers
from eisync.errors import CONTENT_ERRORS, UnreachableError
from eisync.loops.labels import Labels, Unclear
from eisync.loops.ports import Advance, Evidence, Files
from eisync.loops.watched import OnChange, Watched

BYTES_A_TICK = 512 * 1024
SAID_A_TICK = 256 * 1024
"""What is said of the files that enter together has at most so many bytes, but for the last one's."""
AGAIN_S = 1.0
CLOSING_S = 0.1
"""A close is announced a moment before the kernel takes the writer off its books."""

Probe = Callable[[str, str], Writers]
"""Tells who has the file at (root, path) open for writing. Raises UnreachableError when none can be opened."""
Probing = Callable[[], AbstractContextManager[Probe]]
WhyNoSample = Callable[[str, FileFacts], LeftOut | None]
"""Raises UnreachableError when no file can be opened."""


@value
class Accepted:
    """A file that is complete, by this evidence."""

    candidate: Candidate
    evidence: str


@dataclass(frozen=True, slots=True)
class Parked:
    """A file that is cut, for this reason."""

    candidate: Candidate
    reason: str


@dataclass(slots=True)
class Judged:
    """What became of the files, by path. `again` has the instants (Unix s) at which to look at others again. Those that
    are `left_out` are no samples in this version, for this reason.

    `failing` are those that we stumble over, with what it was; `due` is how many were taken.
    """

    accepted: dict[str, Accepted] = field(default_factory=dict)
    parked: dict[str, Parked] = field(default_factory=dict)
    left_out: dict[str, tuple[FileFacts, str]] = field(default_factory=dict)
    again: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    due: int = 0


@dataclass(slots=True)
class _Work:
    """One call: what it is about, what came of it, and what may still be spent."""

    watched: Watched
    why_no_sample: WhyNoSample
    labels: Labels
    unsettled: MutableMapping[str, Unsettled]
    advance: Advance
    probe: Probe
    rules: "_Rules"
    now: float
    judged: Judged = field(default_factory=Judged)
    left_bytes: int = 0
    left_said: int = 0


class Judging:
    """The examinations that are under way."""

    def __init__(self, files: Files, evidence: Evidence, probing: Probing) -> None:
        self._files = files
        self._evidence = evidence
        self._probing = probing
        self._under_way: dict[tuple[int, str], tuple[FileFacts, Examination]] = {}

    def judge(
        self,
        watched: Watched,
        labels: Labels,
        unsettled: MutableMapping[str, Unsettled],
        due: Iterable[str],
        *,
        now: float,
        why_no_sample: WhyNoSample = lambda _path, _facts: None,
    ) -> Judged:
        """Decide on the paths that are `due`. What was seen of them is written into `unsettled`. `why_no_sample` tells
        of a file that is complete, or cut, what it is if it is none."""
        with self._evidence.reading() as advance, self._probing() as probe:
            work = _Work(watched, why_no_sample, labels, unsettled, advance, probe, _Rules(watched.eligibility), now)
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
        watched, judged, policy, now = work.watched, work.judged, work.watched.policy, work.now
        seen = work.unsettled.get(path)
        if seen is None:
            return False
        if work.rules.leave_out(path):
            del work.unsettled[path]  # a rule that leaves it out came since
            return False
        decision = decide(seen, policy, now=now)
        # Whoever opens it looks at it: one look is enough.
        is_hopeless = seen.facts.size >= MAX_FILE_BYTES
        if not isinstance(decision, Examine) or policy.needs_marker or is_hopeless:
            if (seen := self._look(watched, work.unsettled, seen, path, judged, now)) is None:
                return False
            decision = decide(seen, policy, now=now)
        if isinstance(decision, Examine) and (reason := too_large(seen.facts.size)) is not None:
            decision = Park(reason)  # its size says so: not a byte of it is read
        if isinstance(decision, Examine):
            if work.left_bytes <= 0:
                judged.again[path] = look_at(seen, policy)  # before those that rest
                return True
            spent = self._examine(work.advance, watched, work.unsettled, path, judged, work.left_bytes, now)
            work.left_bytes -= spent
            seen = work.unsettled.get(path)
            if seen is None or seen.verdict is None:
                return False
            decision = decide(seen, policy, now=now)
        if seen.facts.size >= MAX_FILE_BYTES or not self._is_written(work, path, seen, decision):
            self._follow(work, path, seen, decision)
        return False

    def _is_written(self, work: "_Work", path: str, seen: Unsettled, decision: Decision) -> bool:
        """Whether somebody has the file open for writing that would go, or be set aside: it stays under observation."""
        if isinstance(decision, Wait):
            return False
        try:
            is_written = work.probe(work.watched.root.path, path).presence is Presence.SOME
        except UnreachableError:
            work.judged.again[path] = work.now + AGAIN_S
            return True
        if is_written:
            pause_s = CLOSING_S if seen.is_closed and seen.written_at is None else AGAIN_S
            seen = work.unsettled[path] = replace(seen, written_at=work.now)
            work.judged.again[path] = max(look_at(seen, work.watched.policy), work.now + pause_s)
            work.labels.unclear.pop(path, None)
        elif seen.written_at is not None:
            work.unsettled[path] = replace(seen, written_at=None)
        return is_written

    def _follow(self, work: "_Work", path: str, seen: Unsettled, decision: Decision) -> None:
        watched, labels, judged = work.watched, work.labels, work.judged
        if not (isinstance(decision, Wait) and seen.facts.size) and self._is_left_out(work, path, seen):
            return
        match decision:
            case Wait(until=until):
                judged.again[path] = until
            case Go(evidence=evidence):
                said = labels.of(path, now=work.now, seen=seen)
                if isinstance(said, Unclear):
                    judged.again[path] = said.until
                    labels.unclear[path] = said
                    return
                labels.unclear.pop(path, None)
                work.left_said -= said.weight
                judged.accepted[path] = Accepted(_candidate(watched, path, seen.facts, said), evidence)
            case Park(reason=reason):
                said = labels.plain(path, work.now)
                judged.parked[path] = Parked(_candidate(watched, path, seen.facts, said), reason)

    def _is_left_out(self, work: "_Work", path: str, seen: Unsettled) -> bool:
        """Whether the file is no sample by what is in it. An empty one is asked at once: it would wait for long."""
        if seen.verdict is None:
            return False
        try:
            why = work.why_no_sample(path, seen.facts)
        except UnreachableError:
            work.judged.again[path] = work.now + AGAIN_S
            return True
        if why is not None:
            work.judged.left_out[path] = (seen.facts, why.reason)
            work.labels.unclear.pop(path, None)
        return why is not None

    def _look(
        self,
        watched: Watched,
        unsettled: MutableMapping[str, Unsettled],
        seen: Unsettled,
        path: str,
        judged: Judged,
        now: float,
    ) -> Unsettled | None:
        facts = self._files.look(watched.root.path, path)
        if facts is None:
            judged.missing.append(path)
            return None
        # What is looked at without its ctime, because that may be made up, stays so.
        seen = observe(seen, facts if seen.facts.ctime_ns else facts.without_ctime(), now=now)
        if watched.policy.needs_marker:
            seen = replace(seen, marker=self._evidence.marker_of(watched.root.path, path))
        unsettled[path] = seen
        return seen

    def _examine(
        self,
        advance: Advance,
        watched: Watched,
        unsettled: MutableMapping[str, Unsettled],
        path: str,
        judged: Judged,
        most_bytes: int,
        now: float,
    ) -> int:
        """Go on with the examination of the file. Returns what it cost, in bytes."""
        seen, key = unsettled[path], (watched.root.id, path)
        facts, examination = self._under_way.pop(key, (None, None))
        if examination is None or facts is None or not seen.facts.is_untouched_since(facts):
            examination = Examination(path, seen.facts.size)
        spent: int | None = 0
        if examination.verdict is None:
            try:
                spent = advance(examination, watched.root.path, path, seen.facts, most_bytes=most_bytes)
            except UnreachableError:
                judged.again[path] = now + AGAIN_S
                return 0
        if spent is None:
            found = self._look(watched, unsettled, seen, path, judged, now)
            if found is not None and found.facts.is_untouched_since(seen.facts):
                del unsettled[path]  # a link leads out of the root
            elif found is not None:
                due_at = look_at(found, watched.policy)  # it is another version by now
                judged.again[path] = due_at if due_at > now else now + AGAIN_S
            return 0
        if examination.verdict is None:
            self._under_way[key] = (seen.facts, examination)
            judged.again[path] = now
        else:
            # (For every file: `replace` would take twice as long.)
            unsettled[path] = Unsettled(
                seen.facts,
                seen.still_since,
                seen.is_closed,
                verdict=examination.verdict,
                marker=seen.marker,
                written_at=seen.written_at,
            )
        return spent

    def _forget_the_unwatched(self, watched: Watched, unsettled: MutableMapping[str, Unsettled]) -> None:
        gone = [key for key in self._under_way if key[0] == watched.root.id and key[1] not in unsettled]
        for key in gone:
            del self._under_way[key]


class _Rules:
    """What folders say of their files now, asked once for each folder. What the configuration says was asked before a
    file came under observation, and has not changed since."""

    def __init__(self, eligibility: Eligibility) -> None:
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
        f"eisync stumbles over it ({type(error).__name__}); it is tried again, and the others go on; please report it"
    )


def _candidate(watched: Watched, path: str, facts: FileFacts, said: Description) -> Candidate:
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
