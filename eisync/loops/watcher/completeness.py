"""Decide on the due files: ask the kernel who writes them, check the format once for each version, decide.

Both use one descriptor, so that a first scan opens each file once. One call reads at most `BYTES_PER_TICK` of all files
together. An unfinished format check is interrupted, keeps its place in the queue, and is continued by a later call. It
holds no content meanwhile.
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
from eisync.loops.watcher.context import Outside, Unclear, WatchedRoot
from eisync.loops.watcher.labelling import Labelling
from eisync.loops.watcher.observed_files import ObservedFiles

BYTES_PER_TICK = 2 * 1024 * 1024
DESCRIPTION_BYTES_PER_TICK = 256 * 1024
"""Limit of the descriptions of all files that enter in one tick, in bytes. The last file may exceed it."""
WhyNoSample = Callable[[str, FileFacts, bytes], NotASample | None]
"""Takes a path, its facts and its first bytes, as far as known. Raises UnreachableError when no file can be opened."""


@value
class Accepted:
    """A complete file, with the evidence."""

    candidate: Candidate
    evidence: str


@value
class Quarantined:
    """A truncated file, with the reason."""

    candidate: Candidate
    reason: str


@dataclass(slots=True)
class CheckResult:
    """The results, by path. `again`: when to check a file again (Unix s). `left_out`: files whose version is no sample,
    with the reason.

    `failing`: files whose check failed, with the error. `due`: how many files were checked. `is_full`: a limit was
    reached, so more files may be due.
    """

    accepted: dict[str, Accepted] = field(default_factory=dict)
    parked: dict[str, Quarantined] = field(default_factory=dict)
    left_out: dict[str, tuple[FileFacts, str]] = field(default_factory=dict)
    again: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    due: int = 0
    is_full: bool = False
    writers: Writers | None = None  # of the last file; if the kernel could not answer for one file, that answer


@dataclass(slots=True)
class _Batch:
    """One call: its results, and what is left of its limits."""

    inspect: Inspect
    rules: "_Rules"
    reports_closes: bool
    now: float
    left_bytes: int
    left_description_bytes: int
    result: CheckResult = field(default_factory=CheckResult)
    head: bytes = b""  # the first bytes of the file that is being checked


class CompletenessChecker:
    """Checks the files of one root, and keeps the format checks that are under way."""

    def __init__(
        self,
        watched: WatchedRoot,
        observed: ObservedFiles,
        labels: Labelling,
        outside: Outside,
        why_no_sample: WhyNoSample,
    ) -> None:
        """`why_no_sample` returns what a complete or truncated file is, if it is no sample."""
        self._watched = watched
        self._root = watched.root.path
        self._policy = watched.policy
        self._observed = observed
        self._labels = labels
        self._outside = outside
        self._why_no_sample = why_no_sample
        self._under_way: dict[str, tuple[FileFacts, FormatCheck]] = {}

    def check(self, due: Iterable[str], *, now: float, reports_closes: bool) -> CheckResult:
        """Decide on the `due` paths. `reports_closes`: an event would have reported that a file was closed."""
        with self._outside.contents.reading(self._outside.ask_writers()) as inspect:
            batch = _Batch(
                inspect,
                _Rules(self._watched.eligibility),
                reports_closes,
                now,
                BYTES_PER_TICK,
                DESCRIPTION_BYTES_PER_TICK,
            )
            for path in due:
                if batch.left_description_bytes <= 0:
                    batch.result.again[path], batch.result.is_full = now, True
                    break
                batch.result.due += 1
                try:
                    batch.result.is_full = self._check_one(batch, path)
                except CONTENT_ERRORS as error:  # other files are not affected
                    batch.result.failing[path] = error
                    continue
                if batch.result.is_full:
                    break
        self._forget_unobserved()
        return batch.result

    def _check_one(self, batch: _Batch, path: str) -> bool:
        """Decide on one file. Return True if the limits are used up: then the file is left to the next call."""
        file = self._observed.get(path)
        if file is None:
            return False
        if batch.rules.leave_out(path):
            self._observed.drop(path)  # a newer rule leaves it out
            return False
        # Stat only if the file is not opened below, which stats it too, or if a marker beside it is needed.
        due_at = self._due_at(batch, file)
        if due_at > batch.now or self._policy.needs_marker:
            if (file := self._stat(batch, file, path)) is None:
                return False
            due_at = self._due_at(batch, file)
        if due_at > batch.now:
            batch.result.again[path] = due_at
            return False
        if batch.left_bytes <= 0:
            batch.result.again[path] = due_at  # before the files with an unfinished check
            return True
        if (file := self._open(batch, path, file)) is not None:
            decision = decide(file, self._policy, now=batch.now, reports_closes=batch.reports_closes)
            self._follow(batch, path, file, decision)
        return False

    def _due_at(self, batch: _Batch, file: ObservedFile) -> float:
        return next_check_at(file, self._policy, reports_closes=batch.reports_closes)

    def _open(self, batch: _Batch, path: str, file: ObservedFile) -> ObservedFile | None:
        """Check who writes the file, and its format. Return what is known now; None: it is checked again later."""
        result, now = batch.result, batch.now
        batch.head = b""  # drop the first bytes of the file before this one
        examination = self._examination_of(path, file)
        if examination is not None and examination.verdict is not None:
            # Its name or size already decides the format check: open it only after it was unchanged for long enough.
            file = answered(file, file.writers, examination.verdict, now=now)
            self._observed.keep(path, file)
            if self._due_at(batch, file) > now:
                return file
        is_risky = is_fresh(file, self._policy, now=now)
        try:
            found = batch.inspect(
                examination,
                self._root,
                path,
                file.facts,
                most_bytes=batch.left_bytes,
                goes_on=partial(self._is_worth_reading, batch, file) if is_risky else None,
            )
        except UnreachableError:
            result.again[path] = now + AGAIN_S
            return None
        if found is None:
            self._check_version(batch, path, file)
            return None
        batch.left_bytes -= found.spent
        batch.head = found.head
        return self._take(batch, path, file, examination, found)

    def _take(
        self, batch: _Batch, path: str, file: ObservedFile, examination: FormatCheck | None, found: Inspection
    ) -> ObservedFile | None:
        """Record the result of the check. Return what is known now; None: the file is checked again later."""
        result = batch.result
        if result.writers is None or result.writers.presence is not Presence.CANNOT_TELL:
            result.writers = found.writers or result.writers
        if found.writers is not None and found.writers.presence is Presence.SOME:
            self._note_writer(batch, path, file, found)
            return None
        verdict = file.verdict if examination is None else examination.verdict
        file = answered(file, found.writers, verdict, now=batch.now)
        self._observed.keep(path, file)
        if examination is not None and verdict is None:
            self._under_way[path] = (file.facts, examination)
            result.again[path] = max(self._due_at(batch, file), batch.now)
            return None
        return file

    def _examination_of(self, path: str, file: ObservedFile) -> FormatCheck | None:
        """Return the format check of the file; None if its result is known, or the file is too large to be sent."""
        if file.verdict is not None or file.facts.size >= MAX_FILE_BYTES:
            return None
        facts, examination = self._under_way.pop(path, (None, None))
        if examination is None or facts is None or not file.facts.is_untouched_since(facts):
            examination = FormatCheck(path, file.facts.size)
        return examination

    def _is_worth_reading(self, batch: _Batch, file: ObservedFile, writers: Writers) -> bool:
        """Return whether the file would be decided now with this answer about its writers, so that reading pays."""
        with_answer = answered(file, writers, file.verdict, now=batch.now)
        return self._due_at(batch, with_answer) <= batch.now

    def _check_version(self, batch: _Batch, path: str, file: ObservedFile) -> None:
        """Stat a file again that is not the observed version any more."""
        found = self._stat(batch, file, path)
        if found is not None and found.facts.is_untouched_since(file.facts):
            self._observed.drop(path)  # a link leads out of the root
        elif found is not None:
            due_at = self._due_at(batch, found)  # another version by now
            batch.result.again[path] = due_at if due_at > batch.now else batch.now + AGAIN_S

    def _note_writer(self, batch: _Batch, path: str, file: ObservedFile, found: Inspection) -> None:
        """Wait for another program that has the file open: until it closes the file, unnoticed changes are possible."""
        if found.is_another:
            current = self._stat(batch, file, path)
            if current is None:
                return
            file = current
        file = answered(file, found.writers, None, now=batch.now)
        self._observed.keep(path, file)
        batch.result.again[path] = file.again_at or batch.now
        self._labels.note_unclear(path, None)

    def _follow(self, batch: _Batch, path: str, file: ObservedFile, decision: Decision) -> None:
        """Carry out the decision."""
        watched, labels, result = self._watched, self._labels, batch.result
        if not (isinstance(decision, Wait) and file.facts.size) and self._is_left_out(batch, path, file):
            return
        match decision:
            case Wait(until=until):
                result.again[path] = until
            case Examine():
                result.again[path] = batch.now
            case Accept(evidence=evidence):
                found = labels.of(path, now=batch.now, file=file)
                if isinstance(found, Unclear):
                    result.again[path] = found.until
                    labels.note_unclear(path, found)
                    return
                labels.note_unclear(path, None)
                batch.left_description_bytes -= found.weight
                result.accepted[path] = Accepted(_candidate(watched, path, file.facts, found), evidence)
            case Quarantine(reason=reason):
                found = labels.plain(path, batch.now)
                result.parked[path] = Quarantined(_candidate(watched, path, file.facts, found), reason)

    def _is_left_out(self, batch: _Batch, path: str, file: ObservedFile) -> bool:
        """Return whether the content shows that the file is no sample. Check an empty file at once: it would wait."""
        if file.verdict is None:
            return False
        try:
            why = self._why_no_sample(path, file.facts, batch.head)
        except UnreachableError:
            batch.result.again[path] = batch.now + AGAIN_S
            return True
        if why is not None:
            batch.result.left_out[path] = (file.facts, why.reason)
            self._labels.note_unclear(path, None)
        return why is not None

    def _stat(self, batch: _Batch, file: ObservedFile, path: str) -> ObservedFile | None:
        """Stat the file without opening it; None: it is missing."""
        facts = self._outside.files.facts_at(self._root, path)
        if facts is None:
            batch.result.missing.append(path)
            return None
        # Keep a file without ctime so: on its file system the ctime may be made up.
        file = observe(file, facts if file.facts.ctime_ns else facts.without_ctime(), now=batch.now)
        if self._policy.needs_marker:
            file = replace(file, marker=self._outside.contents.marker_of(self._root, path))
        self._observed.keep(path, file)
        return file

    def _forget_unobserved(self) -> None:
        for path in [path for path in self._under_way if path not in self._observed]:
            del self._under_way[path]


class _Rules:
    """The rules that folders have for their files, read once for each folder. The rules of the configuration were
    checked before a file came under observation, and have not changed since."""

    def __init__(self, eligibility: IgnoreRules) -> None:
        self._eligibility = eligibility
        self._are_there: dict[str, bool] = {}

    def leave_out(self, path: str) -> bool:
        folder = path.rpartition("/")[0]
        if (are_there := self._are_there.get(folder)) is None:
            are_there = self._are_there[folder] = self._eligibility.is_spoken_of(folder)
        return are_there and self._eligibility.why_left_out(path) is not None


def failure_reason(error: Exception) -> str:
    """Return the reason of a file whose check failed, for a person."""
    return (
        f"eisync failed on this file ({type(error).__name__}) and will try again; other files are not affected. "
        "Please report this"
    )


def _candidate(watched: WatchedRoot, path: str, facts: FileFacts, description: Description) -> Candidate:
    return Candidate(
        root_id=watched.root.id,
        path=path,
        target=watched.root.target,
        facts=facts,
        label=description.label,
        category=description.category,
        metadata=description.metadata,
        companions=description.companions,
        replaces=watched.on_change is OnChange.REPLACE,
        sent_as=description.name,
        remarks=description.remarks,
    )
