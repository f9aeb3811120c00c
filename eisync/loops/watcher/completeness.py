"""Decide on the files that are due: ask the kernel who writes them, ask the format once for each version, decide.

Both are asked on one descriptor, so that a first scan opens each file once. Reading is bounded: one call reads at most
`BYTES_A_TICK` of all files. An examination that is not through rests, keeps its place in the queue, and is continued by
a later call; it holds no content meanwhile.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from eisync.core.completeness import (
    AGAIN_S,
    Accept,
    Decision,
    Examine,
    Inspect,
    Inspection,
    ObservedFile,
    Quarantine,
    Wait,
    answered,
    decide,
    is_fresh,
    next_check_at,
    observe,
)
from eisync.core.formats.check import FormatCheck
from eisync.core.ignore import IgnoreRules
from eisync.core.labels.annotations import NotASample
from eisync.core.labels.description import Description
from eisync.core.model import MAX_FILE_BYTES, Candidate, FileFacts, value
from eisync.core.policy import OnChange
from eisync.core.writers import Presence, Writers
from eisync.errors import CONTENT_ERRORS, UnreachableError
from eisync.loops.watcher.context import Outside, WatchedRoot
from eisync.loops.watcher.labelling import Labelling, Unclear
from eisync.loops.watcher.observed_files import ObservedFiles

BYTES_A_TICK = 1024 * 1024
SAID_A_TICK = 256 * 1024
"""What is said of the files that enter together has at most so many bytes, but for the last one's."""
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
    """What became of the files, by path. `again` has the instants (Unix s) at which to check others again. Those that
    are `left_out` are no samples in this version, for this reason.

    `failing` are those whose check failed, with the error; `due` is how many were taken.
    """

    accepted: dict[str, Accepted] = field(default_factory=dict)
    parked: dict[str, Quarantined] = field(default_factory=dict)
    left_out: dict[str, tuple[FileFacts, str]] = field(default_factory=dict)
    again: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    due: int = 0
    writers: Writers | None = None  # of the last of them; where the kernel cannot tell of one, that


@dataclass(slots=True)
class _Batch:
    """One call: what came of it, and what may still be spent."""

    inspect: Inspect
    rules: "_Rules"
    reports_closes: bool
    now: float
    left_bytes: int
    left_said: int
    result: CheckResult = field(default_factory=CheckResult)
    head: bytes = b""  # what was read of the beginning of the file that is being checked


class CompletenessChecker:
    """Checks the files of one root, and holds the examinations that are under way."""

    def __init__(
        self,
        watched: WatchedRoot,
        observed: ObservedFiles,
        labels: Labelling,
        outside: Outside,
        why_no_sample: WhyNoSample,
    ) -> None:
        """`why_no_sample` says of a file that is complete, or cut, what it is if it is none."""
        self._watched = watched
        self._root = watched.root.path
        self._policy = watched.policy
        self._observed = observed
        self._labels = labels
        self._outside = outside
        self._why_no_sample = why_no_sample
        self._under_way: dict[str, tuple[FileFacts, FormatCheck]] = {}

    def check(self, due: Iterable[str], *, now: float, reports_closes: bool) -> CheckResult:
        """Decide on the paths that are `due`. `reports_closes`: an event would have reported that they were closed."""
        with self._outside.contents.reading(self._outside.ask_writers()) as inspect:
            batch = _Batch(inspect, _Rules(self._watched.eligibility), reports_closes, now, BYTES_A_TICK, SAID_A_TICK)
            for path in due:
                if batch.left_said <= 0:
                    batch.result.again[path] = now
                    break
                batch.result.due += 1
                try:
                    is_full = self._check_one(batch, path)
                except CONTENT_ERRORS as error:  # it costs no other file
                    batch.result.failing[path] = error
                    continue
                if is_full:
                    break
        self._forget_the_unwatched()
        return batch.result

    def _check_one(self, batch: _Batch, path: str) -> bool:
        """Decide on one file. Returns whether there is no room for more: then it is left to the next call."""
        seen = self._observed.get(path)
        if seen is None:
            return False
        if batch.rules.leave_out(path):
            self._observed.drop(path)  # a rule that leaves it out came since
            return False
        # Opening it takes its facts too: once is enough. A marker is beside it.
        due_at = self._due_at(batch, seen)
        if due_at > batch.now or self._policy.needs_marker:
            if (seen := self._stat(batch, seen, path)) is None:
                return False
            due_at = self._due_at(batch, seen)
        if due_at > batch.now:
            batch.result.again[path] = due_at
            return False
        if batch.left_bytes <= 0:
            batch.result.again[path] = due_at  # before those that rest
            return True
        if (seen := self._open(batch, path, seen)) is not None:
            decision = decide(seen, self._policy, now=batch.now, reports_closes=batch.reports_closes)
            self._follow(batch, path, seen, decision)
        return False

    def _due_at(self, batch: _Batch, seen: ObservedFile) -> float:
        return next_check_at(seen, self._policy, reports_closes=batch.reports_closes)

    def _open(self, batch: _Batch, path: str, seen: ObservedFile) -> ObservedFile | None:
        """Ask who writes the file, and its format. Returns what is known now; None: it is checked again later."""
        result, now = batch.result, batch.now
        batch.head = b""  # until this file is opened: that of another one says nothing of it
        examination = self._examination_of(path, seen)
        if examination is not None and examination.verdict is not None:
            # Its name or its size says all that its format can: it is opened when it has been still for long enough.
            seen = answered(seen, seen.writers, examination.verdict, now=now)
            self._observed.keep(path, seen)
            if self._due_at(batch, seen) > now:
                return seen
        is_risky = is_fresh(seen, self._policy, now=now)
        try:
            found = batch.inspect(
                examination,
                self._root,
                path,
                seen.facts,
                most_bytes=batch.left_bytes,
                goes_on=partial(self._goes_on, batch, seen) if is_risky else None,
            )
        except UnreachableError:
            result.again[path] = now + AGAIN_S
            return None
        if found is None:
            self._lose(batch, path, seen)
            return None
        batch.left_bytes -= found.spent
        batch.head = found.head
        return self._take(batch, path, seen, examination, found)

    def _take(
        self, batch: _Batch, path: str, seen: ObservedFile, examination: FormatCheck | None, found: Inspection
    ) -> ObservedFile | None:
        """Note what was found. Returns what is known now; None: it is checked again later."""
        result = batch.result
        if result.writers is None or result.writers.presence is not Presence.CANNOT_TELL:
            result.writers = found.writers or result.writers
        if found.writers is not None and found.writers.presence is Presence.SOME:
            self._note_writer(batch, path, seen, found)
            return None
        verdict = seen.verdict if examination is None else examination.verdict
        seen = answered(seen, found.writers, verdict, now=batch.now)
        self._observed.keep(path, seen)
        if examination is not None and verdict is None:
            self._under_way[path] = (seen.facts, examination)
            result.again[path] = max(self._due_at(batch, seen), batch.now)
            return None
        return seen

    def _examination_of(self, path: str, seen: ObservedFile) -> FormatCheck | None:
        """What is asked of its format; None where that is known, or the file is too large to be read at all."""
        if seen.verdict is not None or seen.facts.size >= MAX_FILE_BYTES:
            return None
        facts, examination = self._under_way.pop(path, (None, None))
        if examination is None or facts is None or not seen.facts.is_untouched_since(facts):
            examination = FormatCheck(path, seen.facts.size)
        return examination

    def _goes_on(self, batch: _Batch, seen: ObservedFile, writers: Writers) -> bool:
        """Return whether the file would go with this answer, if its format says so."""
        said = answered(seen, writers, seen.verdict, now=batch.now)
        return self._due_at(batch, said) <= batch.now

    def _lose(self, batch: _Batch, path: str, seen: ObservedFile) -> None:
        """Check the file again, which is not the version that was observed."""
        found = self._stat(batch, seen, path)
        if found is not None and found.facts.is_untouched_since(seen.facts):
            self._observed.drop(path)  # a link leads out of the root
        elif found is not None:
            due_at = self._due_at(batch, found)  # it is another version by now
            batch.result.again[path] = due_at if due_at > batch.now else batch.now + AGAIN_S

    def _note_writer(self, batch: _Batch, path: str, seen: ObservedFile, found: Inspection) -> None:
        """Wait for another program that has the file open: until it closes it, the file may change unnoticed."""
        if found.is_another:
            current = self._stat(batch, seen, path)
            if current is None:
                return
            seen = current
        seen = answered(seen, found.writers, None, now=batch.now)
        self._observed.keep(path, seen)
        batch.result.again[path] = seen.again_at or batch.now
        self._labels.note_unclear(path, None)

    def _follow(self, batch: _Batch, path: str, seen: ObservedFile, decision: Decision) -> None:
        """Do what was decided."""
        watched, labels, result = self._watched, self._labels, batch.result
        if not (isinstance(decision, Wait) and seen.facts.size) and self._is_left_out(batch, path, seen):
            return
        match decision:
            case Wait(until=until):
                result.again[path] = until
            case Examine():
                result.again[path] = batch.now
            case Accept(evidence=evidence):
                said = labels.of(path, now=batch.now, seen=seen)
                if isinstance(said, Unclear):
                    result.again[path] = said.until
                    labels.note_unclear(path, said)
                    return
                labels.note_unclear(path, None)
                batch.left_said -= said.weight
                result.accepted[path] = Accepted(_candidate(watched, path, seen.facts, said), evidence)
            case Quarantine(reason=reason):
                said = labels.plain(path, batch.now)
                result.parked[path] = Quarantined(_candidate(watched, path, seen.facts, said), reason)

    def _is_left_out(self, batch: _Batch, path: str, seen: ObservedFile) -> bool:
        """Return whether the file is no sample by what is in it. An empty one is asked at once: it would wait."""
        if seen.verdict is None:
            return False
        try:
            why = self._why_no_sample(path, seen.facts, batch.head)
        except UnreachableError:
            batch.result.again[path] = batch.now + AGAIN_S
            return True
        if why is not None:
            batch.result.left_out[path] = (seen.facts, why.reason)
            self._labels.note_unclear(path, None)
        return why is not None

    def _stat(self, batch: _Batch, seen: ObservedFile, path: str) -> ObservedFile | None:
        """Observe the file without opening it; None: it is missing."""
        facts = self._outside.files.facts_at(self._root, path)
        if facts is None:
            batch.result.missing.append(path)
            return None
        # What is observed without its ctime, because that may be made up, stays so.
        seen = observe(seen, facts if seen.facts.ctime_ns else facts.without_ctime(), now=batch.now)
        if self._policy.needs_marker:
            seen = replace(seen, marker=self._outside.contents.marker_of(self._root, path))
        self._observed.keep(path, seen)
        return seen

    def _forget_the_unwatched(self) -> None:
        for path in [path for path in self._under_way if path not in self._observed]:
            del self._under_way[path]


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


def failure_reason(error: Exception) -> str:
    """Say why a file is set aside whose check failed, for a person."""
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
