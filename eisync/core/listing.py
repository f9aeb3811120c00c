"""Compare the index with the service's listing, and decide from a cheap poll whether a full listing is needed.

`compare` takes a slice of the index and the slice of the listing for the same range of ids, and returns index changes.
The reconciler applies them and the store saves them. After that, the same comparison returns nothing.

A sample counts as deleted only when two complete sweeps in a row did not list it, and when the service, asked for it by
id, does not know it. (Pages shift while others upload, and listings have been wrong before.)

A poll shows new samples by their ids. Edits and deletions show only in the number of samples and in the time of the
last modification. A sweep of a large project takes minutes, so sweeps that changes ask for run for at most a tenth of
the time. A change that was not checked yet is not forgotten.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eisync.core import identity
from eisync.core.identity import Identity, Sent
from eisync.core.model import Missing, RemoteSample, sent_name, value
from eisync.core.studio import editor, stored_name
from eisync.core.text import nfc

SWEEPS_TO_SUSPECT = 2


@dataclass(slots=True, unsafe_hash=True)
class IndexedSample:
    """A sample in the index, as it was last listed. Not frozen, but do not change it: see `RemoteSample`.

    `sent`: what is known about our file that is linked to it; None: no file is. `is_gone`: its deletion was confirmed.
    `missed`: how many complete sweeps in a row did not list it. `is_noted`: the current sweep did not list it either,
    and that is stored. `is_new`: it came after the current sweep began, which may have passed its position already.
    `was_listed`: more than its id is known. `is_contradicted`: its id was later listed as a sample that is not ours.
    """

    sample: RemoteSample
    sent: Sent | None = None
    is_gone: bool = False
    missed: int = 0
    is_noted: bool = False
    is_new: bool = False
    was_listed: bool = True
    is_contradicted: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether one of our files is linked to it."""
        return self.sent is not None


@value
class Slice:
    """The samples of the index in a range of ids that may differ from the listing, newest first.

    `agreed`: the samples that agree with the listing; nothing follows from them. `end_id`: the lowest id that was read
    when there were too many for one read, else None.
    """

    indexed: Sequence[IndexedSample] = ()
    agreed: frozenset[int] | set[int] = frozenset()
    end_id: int | None = None


@value
class Learn:
    """Add this sample to the index, which does not have it."""

    sample: RemoteSample


@value
class KeepListed:
    """Update the sample in the index. `changes` are clauses for a person about what was edited, `by` says by whom."""

    sample: RemoteSample
    changes: tuple[str, ...] = ()
    is_ours: bool = False
    by: str = ""


@value
class Return:
    """Restore a sample that counted as deleted and exists: remove its tombstones."""

    sample: RemoteSample


@value
class MarkDiffering:
    """Mark that the id of one of our samples now belongs to another one. Keep what is known, but do not rely on it."""

    sample: RemoteSample
    why: str


@value
class CountMissed:
    """Note that the sample is not listed where it should be. This counts only once the sweep completes."""

    sample_id: int


IndexChange = Learn | KeepListed | Return | MarkDiffering | CountMissed


@value
class AskService:
    """Ask the service for this sample, which may be deleted."""

    sample_id: int


@value
class Match:
    """What the listing proves about one file: `proven` are its samples, `to_compare` must be compared by bytes."""

    proven: tuple[int, ...]
    to_compare: tuple[int, ...]


def compare(
    indexed: Iterable[IndexedSample], listed: Iterable[RemoteSample], *, own_key: int | None = None
) -> list[IndexChange]:
    """Return the index changes for two slices of the same range of ids. An unchanged sample needs none.

    `own_key` is the id of our API key. It distinguishes our own edits from those of a person.
    """
    unlisted = {one.sample.id: one for one in indexed}
    changes: list[IndexChange] = []
    for sample in listed:
        known = unlisted.pop(sample.id, None)
        change = Learn(sample) if known is None else _when_listed(known, sample, own_key)
        if change is not None:
            changes.append(change)
    changes += [CountMissed(one.sample.id) for one in unlisted.values() if _is_missed(one)]
    return changes


def suspects(missing: Iterable[Missing]) -> list[AskService]:
    """Return the samples to ask the service for, after a complete sweep."""
    return [AskService(entry.sample_id) for entry in missing if entry.missed >= SWEEPS_TO_SUSPECT]


def is_complete(*, listed: int, first_total: int, last_total: int) -> bool:
    """Return whether a sweep that ended has listed everything.

    Deletions during the sweep reduce the total and uploads increase it, so the smaller of both totals must have been
    listed.
    """
    return listed >= min(first_total, last_total)


def may_be_listed(listed: int, *, total: int) -> bool:
    """Return whether a listing of `total` samples can plausibly have returned `listed`.

    Samples that arrive during the listing come before the pages that are still to be read.
    """
    return listed - total <= max(_SHRINK_BELIEVED, total // 10)


def is_believable(*, first_total: int, last_total: int) -> bool:
    """Return whether the total can plausibly have dropped this much during a sweep.

    A larger drop rather means a broken listing, or one of another project. If a person really deleted that many at
    once, the next sweep begins with the smaller total and accepts it.
    """
    return first_total - last_total <= max(_SHRINK_BELIEVED, first_total // 10)


def match(path: str, sha256: str, candidates: Sequence[RemoteSample], *, names: Iterable[str] = ()) -> Match:
    """Return which of `candidates` are samples of the file at `path` with the content hash `sha256`.

    `names` are other names under which it may have been sent. The service's name filter matches substrings, so names
    are compared again here, in NFC, because the service may use another Unicode form. It is not documented for any type
    that the service's hash is that of the bytes (wire contract, section 1). So a different hash proves nothing, and the
    bytes must be compared.
    """
    known_as = list(names) or [sent_name(path)]
    sent = {nfc(name) for name in known_as}
    listed = {nfc(stored_name(name)) for name in known_as}
    namesakes = [one for one in candidates if nfc(one.original_name or "") in sent or nfc(one.filename) in listed]
    proven = tuple(sample.id for sample in namesakes if sample.sha256 == sha256)
    return Match(proven, () if proven else tuple(sample.id for sample in namesakes))


_SHRINK_BELIEVED = 50


def _when_listed(known: IndexedSample, sample: RemoteSample, own_key: int | None) -> IndexChange | None:
    if known.sent is not None:
        before = known.sample if known.was_listed else None
        if identity.identify(identity.weigh(known.sent, sample, before=before)) is Identity.FOREIGN:
            is_marked = known.is_contradicted and not known.is_noted
            return None if is_marked else MarkDiffering(sample, identity.why_foreign(known.sent, sample))
    if known.is_gone:
        return Return(sample)
    if not known.was_listed:
        return KeepListed(sample)
    changes = differences(known.sample, sample)
    # A new hash, or the name that was sent, is new for the index but does not interest a person.
    is_news = _proof_of_identity(known.sample) != _proof_of_identity(sample)
    if changes or is_news or known.missed or known.is_noted or known.is_contradicted:
        by = editor(sample.updated_by, own_key) if changes else None
        return KeepListed(sample, changes, known.is_ours, f" (by {by})" if by else "")
    return None


def differences(before: RemoteSample, after: RemoteSample) -> tuple[str, ...]:
    """Return what was changed at the service, one clause each."""
    if _visible(before) == _visible(after):
        return ()  # true for nearly all samples
    clauses = [
        _clause("label", before.label, after.label),
        _clause("category", before.category, after.category),
        _clause("name", before.filename, after.filename),
        "metadata was changed" if before.metadata != after.metadata else "",
        "its content was changed" if before.sha256 and after.sha256 and before.sha256 != after.sha256 else "",
        _switched(before.is_disabled, after.is_disabled, "was disabled", "was enabled"),
        _switched(before.has_processing_error, after.has_processing_error, "could not be processed", "was processed"),
        _switched(before.is_cropped, after.is_cropped, "was cropped", "is whole again"),
    ]
    return tuple(clause for clause in clauses if clause)


def _is_missed(one: IndexedSample) -> bool:
    return not (one.is_new or one.is_noted or (one.is_gone and one.is_ours))


def _proof_of_identity(sample: RemoteSample) -> tuple[str | None, ...]:
    return sample.sha256, sample.original_name, sample.added


def _visible(sample: RemoteSample) -> tuple[object, ...]:
    return (
        sample.label,
        sample.category,
        sample.filename,
        sample.metadata,
        sample.is_disabled,
        sample.has_processing_error,
        sample.sha256,
        sample.is_cropped,
    )


def _clause(what: str, before: str | None, after: str | None) -> str:
    return "" if before == after else f"{what} {_quoted(before)} became {_quoted(after)}"


def _quoted(text: str | None) -> str:
    return "none" if text is None else f"'{text}'"


def _switched(before: bool, after: bool, on: str, off: str) -> str:
    return "" if before == after else on if after else off


REST_FACTOR = 10.0
"""After a sweep, changes cause the next one only when this many times its duration has passed."""

RESUME_WITHIN_S = 24 * 3600.0
_SAME_INSTANT_S = 0.002


@value(kw_only=True)
class LastPoll:
    """What is stored of the last poll. `modified_at` is by the service's clock, `swept_at` and `sweep_s` by ours.

    `version_index` is the newest dataset version that the index includes; -1: there was none; None: not known.
    """

    newest_id: int
    samples: int
    modified_at: float | None
    swept_at: float
    sweep_s: float
    has_missed: bool = False
    version_index: int | None = None


@value(kw_only=True)
class SweepProgress:
    """How far a sweep has come. `before_id` None: nothing is listed yet. `spent_s` is the time that it took so far."""

    generation: int
    began_at: float
    modified_at: float | None = None
    first_total: int | None = None
    newest_id: int = 0
    before_id: int | None = None
    listed: int = 0
    spent_s: float = 0.0
    version_index: int | None = None


@value(kw_only=True)
class PollResult:
    """What a poll found. `new` samples have a higher id than the newest one before.

    `samples` is the number of samples; None when there was no reason to ask. `unlisted` counts our samples in the range
    of new ids that no longer exist.
    """

    modified_at: float | None
    new: int
    newest_added_at: float | None = None
    samples: int | None = None
    unlisted: int = 0


def may_resume(progress: SweepProgress, *, now: float) -> bool:
    """Return whether to continue an interrupted sweep: not when it is old, or when it began in the future."""
    return 0 <= now - progress.began_at <= RESUME_WITHIN_S


def must_count(remembered: LastPoll, *, modified_at: float | None, new: int) -> bool:
    """Return whether to ask for the number of samples: always, unless the service reports that nothing was changed."""
    return modified_at is None or modified_at != remembered.modified_at or new > 0


def is_sweep_due(remembered: LastPoll, *, now: float, every_s: float) -> bool:
    """Return whether the last sweep is so old that the next one needs no other reason."""
    return not 0 <= now - remembered.swept_at < every_s


def why_sweep(remembered: LastPoll, poll: PollResult, *, now: float, every_s: float) -> str | None:
    """Return why a sweep is needed now, as a clause; None when none is, or not yet."""
    if is_sweep_due(remembered, now=now, every_s=every_s):
        return "the interval has passed"
    reason = why_changed(remembered, poll)
    return reason if now - remembered.swept_at >= REST_FACTOR * remembered.sweep_s else None


def why_changed(remembered: LastPoll, poll: PollResult) -> str | None:
    """Return what shows that something was edited or deleted; None when new samples explain the result of the poll."""
    if remembered.has_missed:
        return "the last listing missed some samples"
    if poll.unlisted:
        return "new samples are no longer listed"
    if poll.samples is not None and poll.samples != remembered.samples + poll.new:
        return "the number of samples changed"
    if poll.modified_at == remembered.modified_at or poll.modified_at is None:
        return None
    is_explained = poll.newest_added_at is not None and poll.newest_added_at >= poll.modified_at - _SAME_INSTANT_S
    return None if is_explained else "the project was modified"
