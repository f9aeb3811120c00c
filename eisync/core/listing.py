"""Compare what the index believes with what the service lists, and say what follows.

Pure: a slice of the index and the slice of the listing for the same range of ids in, a list of actions out. The
reconciler carries them out, the store writes them down; then the same comparison has nothing left to say.

A sample is taken for deleted only when two complete sweeps in a row did not list it and the service, asked for it by
id, does not know it (pages shift while others upload, and listings have been wrong before).

Decide whether the whole listing must be walked, from the little that a look costs.

Pure. The service tells of new samples by id; that something was edited or deleted shows only in the count and in the
instant of the last modification. A sweep of a large project takes minutes, so changes alone make it run for at most a
tenth of the time; what was not looked at yet is not forgotten.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eisync.core import identity
from eisync.core.identity import Identity, Sent
from eisync.core.model import Missing, RemoteSample, sent_name
from eisync.core.studio import editor, stored_name
from eisync.core.text import nfc

SWEEPS_TO_SUSPECT = 2


@dataclass(slots=True, unsafe_hash=True)
class IndexedSample:
    """A sample in the index, as it was listed last. Not frozen, and not to be changed: see `RemoteSample`.

    `sent`: what we know of the file of ours that is tied to it; None: none is. `is_gone`: its deletion was confirmed.
    `missed`: how many complete sweeps in a row did not list it. `is_noted`: the sweep under way did not either, and
    that is written down. `is_new`: it came after that sweep began, which may have passed its place. `was_listed`: more
    than its id is known. `is_contradicted`: since then, its id was listed as another sample than ours.
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
        """Whether a file of ours is tied to it."""
        return self.sent is not None


@dataclass(frozen=True, slots=True)
class Slice:
    """What the index believes of a range of ids, and is not plainly as it is listed, newest first.

    `agreed`: the samples that are; nothing follows from them. `end_id`: the lowest id that was looked at when there
    was more than one look takes, else None.
    """

    believed: Sequence[IndexedSample] = ()
    agreed: frozenset[int] | set[int] = frozenset()
    end_id: int | None = None


@dataclass(frozen=True, slots=True)
class Learn:
    """The index does not know this sample."""

    sample: RemoteSample


@dataclass(frozen=True, slots=True)
class KeepListed:
    """The sample is not what the index believes; `changes` say to a person what was edited, and `by` whom."""

    sample: RemoteSample
    changes: tuple[str, ...] = ()
    is_ours: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class Return:
    """The sample was taken for deleted and is there: tombstones that stand for it are lifted."""

    sample: RemoteSample


@dataclass(frozen=True, slots=True)
class MarkDiffering:
    """The id of a sample of ours means another one now: what we know of it stays, and nothing is built on it."""

    sample: RemoteSample
    why: str


@dataclass(frozen=True, slots=True)
class CountMissed:
    """The sample is not listed where it should be. That counts when the sweep ends well, and not before."""

    sample_id: int


IndexChange = Learn | KeepListed | Return | MarkDiffering | CountMissed


@dataclass(frozen=True, slots=True)
class AskService:
    """Ask the service for this sample: it may be deleted."""

    sample_id: int


@dataclass(frozen=True, slots=True)
class Match:
    """What the listing proves about one file. `proven`: its samples; `to_compare`: may be, their bytes will tell."""

    proven: tuple[int, ...]
    to_compare: tuple[int, ...]


def compare(
    believed: Iterable[IndexedSample], listed: Iterable[RemoteSample], *, own_key: int | None = None
) -> list[IndexChange]:
    """Return what follows from two slices of the same range of ids. An unchanged sample costs no action.

    `own_key`: the id of our API key, to tell its edits from those of a person.
    """
    unseen = {one.sample.id: one for one in believed}
    actions: list[IndexChange] = []
    for sample in listed:
        known = unseen.pop(sample.id, None)
        action = Learn(sample) if known is None else _after_seeing(known, sample, own_key)
        if action is not None:
            actions.append(action)
    actions += [CountMissed(one.sample.id) for one in unseen.values() if _is_missed(one)]
    return actions


def suspects(missing: Iterable[Missing]) -> list[AskService]:
    """Which samples to ask for, after a complete sweep."""
    return [AskService(entry.sample_id) for entry in missing if entry.missed >= SWEEPS_TO_SUSPECT]


def is_complete(*, listed: int, first_total: int, last_total: int) -> bool:
    """Whether a sweep that ended has seen all it was promised.

    Deletions meanwhile shrink the total, uploads grow it, so the smaller of the two is what must have been listed.
    """
    return listed >= min(first_total, last_total)


def may_be_listed(listed: int, *, total: int) -> bool:
    """Whether a listing of `total` samples may have given so many: what comes meanwhile stands above those to come."""
    return listed - total <= max(_SHRINK_BELIEVED, total // 10)


def is_believable(*, first_total: int, last_total: int) -> bool:
    """Whether so many samples may have gone while a sweep ran.

    A total that breaks down is rather a listing that cannot be read, or another project's. If a person deleted that
    many at once, the next sweep begins with the smaller total and believes it.
    """
    return first_total - last_total <= max(_SHRINK_BELIEVED, first_total // 10)


def match(path: str, sha256: str, candidates: Sequence[RemoteSample], *, names: Iterable[str] = ()) -> Match:
    """Which of `candidates` hold the file at `path` with the content hash `sha256`; it may be sent under other `names`.

    The name filter of the service is a substring, so names are compared again, in NFC: a service may write them in its
    own form. Whether its hash is that of the bytes is documented for no type (wire contract, section 1), so an unequal
    hash proves nothing and the bytes are compared.
    """
    known_as = list(names) or [sent_name(path)]
    sent = {nfc(name) for name in known_as}
    listed = {nfc(stored_name(name)) for name in known_as}
    namesakes = [one for one in candidates if nfc(one.original_name or "") in sent or nfc(one.filename) in listed]
    proven = tuple(sample.id for sample in namesakes if sample.sha256 == sha256)
    return Match(proven, () if proven else tuple(sample.id for sample in namesakes))


_SHRINK_BELIEVED = 50


def _after_seeing(known: IndexedSample, sample: RemoteSample, own_key: int | None) -> IndexChange | None:
    if known.sent is not None:
        before = known.sample if known.was_listed else None
        if identity.identify(identity.weigh(known.sent, sample, before=before)) is Identity.FOREIGN:
            is_told = known.is_contradicted and not known.is_noted
            return None if is_told else MarkDiffering(sample, identity.why_foreign(known.sent, sample))
    if known.is_gone:
        return Return(sample)
    if not known.was_listed:
        return KeepListed(sample)
    changes = differences(known.sample, sample)
    # That the service knows a hash, or names the file as it was sent, is news to the index and none to a person.
    is_news = _proof_of_identity(known.sample) != _proof_of_identity(sample)
    if changes or is_news or known.missed or known.is_noted or known.is_contradicted:
        by = editor(sample.updated_by, own_key) if changes else None
        return KeepListed(sample, changes, known.is_ours, f" (by {by})" if by else "")
    return None


def differences(before: RemoteSample, after: RemoteSample) -> tuple[str, ...]:
    """What was changed at the service, a clause each."""
    if _visible(before) == _visible(after):
        return ()  # as of nearly all
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


REST = 10.0
"""After a sweep, changes ask for the next one when so many times its duration has passed."""

RESUME_WITHIN_S = 24 * 3600.0
_SAME_INSTANT_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPoll:
    """What the last poll left. Instants of the service are of its own clock; `swept_at` and `sweep_s` are of ours.

    `version_index`: the newest dataset version that the index takes account of, -1: there was none; None: not known.
    """

    newest_id: int
    samples: int
    modified_at: float | None
    swept_at: float
    sweep_s: float
    has_missed: bool = False
    version_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepProgress:
    """How far a sweep has come. `before_id` None: nothing is listed yet. `spent_s` is what it took so far."""

    generation: int
    began_at: float
    modified_at: float | None = None
    first_total: int | None = None
    newest_id: int = 0
    before_id: int | None = None
    listed: int = 0
    spent_s: float = 0.0
    version_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """What a look found. `samples` is None when nothing made us ask; `new` have a higher id than the newest before.

    `unlisted` are samples of ours among the new ones' ids that are not there any more.
    """

    modified_at: float | None
    new: int
    newest_added_at: float | None = None
    samples: int | None = None
    unlisted: int = 0


def may_resume(progress: SweepProgress, *, now: float) -> bool:
    """Whether a sweep that was interrupted goes on; not when the clock says that it is old, or begins in the future."""
    return 0 <= now - progress.began_at <= RESUME_WITHIN_S


def must_count(remembered: LastPoll, *, modified_at: float | None, new: int) -> bool:
    """Whether to ask how many samples there are: unless the service says that nothing was changed."""
    return modified_at is None or modified_at != remembered.modified_at or new > 0


def is_sweep_due(remembered: LastPoll, *, now: float, every_s: float) -> bool:
    """Return whether the last sweep is so old that the next one needs no other reason."""
    return not 0 <= now - remembered.swept_at < every_s


def why_sweep(remembered: LastPoll, poll: PollResult, *, now: float, every_s: float) -> str | None:
    """Return why the listing must be read as a whole now, in a clause; None when it need not, or not yet."""
    if is_sweep_due(remembered, now=now, every_s=every_s):
        return "the interval has passed"
    reason = why_changed(remembered, poll)
    return reason if now - remembered.swept_at >= REST * remembered.sweep_s else None


def why_changed(remembered: LastPoll, poll: PollResult) -> str | None:
    """What says that something was edited or deleted; None when new samples explain all that is seen."""
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
