"""Delete the samples of one run and nothing else, and prove that none is left.

A sample is deleted only with two proofs. Its name or label has the token of the run; and an answer to the run had its
id, or its content is one that the run sent. Neither an id nor a name is enough: an id may belong to another sample by
now, and a name may have been copied. A sample with the token and without the second proof is kept, and reported.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from eisync.core.studio import MOST_LISTED, says_no_sample
from eisync.core.text import one_line
from eisync.selftest.client import Client
from eisync.selftest.journal import Record
from eisync.selftest.model import NoAnswerError, Sample

_ROUNDS = 4
_PAUSE_S = 2.0
_MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Left:
    """A sample that is still in the project, and why."""

    sample_id: int
    reason: str


@dataclass(slots=True)
class Removal:
    """The result. `reason` says why it is not proved that no sample is left; empty if it is proved."""

    removed: set[int] = field(default_factory=set)
    left: list[Left] = field(default_factory=list)
    reason: str = ""

    @property
    def is_complete(self) -> bool:
        """Return whether it is proved that no sample of the run is left in the project."""
        return not self.left and not self.reason


def remove(client: Client, record: Record, *, wait: Callable[[float], object]) -> Removal:
    """Delete every sample of `record`. Raises StoppedError when a person stops it. Safe to repeat.

    If an upload got no answer, the samples are listed again after a pause, because a sample may be listed late.
    """
    removal = Removal()
    for round_number in range(_ROUNDS):
        removal.left.clear()
        try:
            _remove_listed(client, record, removal)
            _list_leftovers(client, record, removal)
            removal.reason = ""
        except NoAnswerError as error:
            removal.reason = str(error)
        # Stop when no sample is left. After a lost answer, do at least two rounds: its sample may be listed late.
        if removal.is_complete and (record.hashes <= record.answered or round_number):
            break
        wait(_PAUSE_S)
    return removal


def _remove_listed(client: Client, record: Record, removal: Removal) -> None:
    """Delete the samples in the listing by the run's name, and those whose ids came in answers."""
    failure = None
    try:
        named = _named(client, record)
    except NoAnswerError as error:  # samples with known ids can be deleted without the listing
        named, failure = {}, error
    for sample_id in sorted((record.ids - removal.removed) | set(named), reverse=True):
        try:
            sample = named.get(sample_id) or _shown(client, sample_id)
            if sample is not None:
                _remove_one(client, record, sample_id, sample)
            removal.removed.add(sample_id)
        except _KeptError as kept:
            removal.left.append(Left(sample_id, one_line(str(kept))))
    if failure is not None:
        raise failure


class _KeptError(Exception):
    """The sample is not deleted. The text says why."""


def _shown(client: Client, sample_id: int) -> Sample | None:
    """Return one sample from Studio; None if it does not exist."""
    reply = client.raw_data("GET", f"/{sample_id}")
    if says_no_sample(reply.error):
        return None
    if not reply.is_success or reply.content is None:
        raise _KeptError(f"Studio does not show it: {reply.refusal}")
    sample: Sample = reply.content["sample"]
    return sample


def _remove_one(client: Client, record: Record, sample_id: int, sample: Sample) -> None:
    if not _is_ours(client, record, sample_id, sample):
        raise _KeptError("it is not proved that it is from this run, so it was not deleted")
    reply = client.raw_data("DELETE", f"/{sample_id}")
    if not reply.is_success and not says_no_sample(reply.error):
        raise _KeptError(reply.refusal)


def _is_ours(client: Client, record: Record, sample_id: int, sample: Sample) -> bool:
    if not has_token(sample, record.token):
        return False
    if sample_id in record.ids or sample.get("sha256Hash") in record.hashes:
        return True
    content = client.studio("GET", f"/api/{record.project_id}/raw-data/{sample_id}/raw", is_file=True)
    return content.status == 200 and hashlib.sha256(content.body).hexdigest() in record.hashes


def has_token(sample: Sample, token: str) -> bool:
    """Return whether the sample's name or label has the token of the run."""
    return token in str(sample.get("filename")) or token in str(sample.get("label"))


def _named(client: Client, record: Record) -> dict[int, Sample]:
    """Return the listed samples whose file name or label has the token of the run."""
    selections: tuple[dict[str, object], ...] = ({"filename": record.token}, {"labels": [record.token]})
    return {
        int(sample["id"]): sample
        for wanted in selections
        for sample in _listed(client, wanted)
        if has_token(sample, record.token)
    }


def _list_leftovers(client: Client, record: Record, removal: Removal) -> None:
    """List the samples that are left: by name, by label, and by content among the samples since the run's first."""
    kept = {left.sample_id for left in removal.left}
    found = dict.fromkeys(_named(client, record), "it was deleted but is still listed")
    for sample in _listed(client, {"minId": min(removal.removed)}) if removal.removed else ():
        if sample.get("sha256Hash") in record.hashes:
            found.setdefault(int(sample["id"]), "it has the content of a file of this run, under another name")
    removal.left += [Left(sample_id, reason) for sample_id, reason in found.items() if sample_id not in kept]


def _listed(client: Client, wanted: dict[str, object]) -> list[Sample]:
    """Return all samples that match these filters. Raises NoAnswerError if they cannot be listed."""
    found: list[Sample] = []
    before: int | None = None
    for _ in range(_MOST_PAGES):
        query = {"category": "all", "includeDisabled": "both", "excludeSensors": True, "limit": MOST_LISTED}
        reply = client.raw_data("GET", "", {**query, "maxId": before, **wanted})
        if not reply.is_success or reply.content is None:
            raise NoAnswerError(f"the samples cannot be listed: {reply.refusal}")
        page: list[Sample] = reply.content["samples"]
        found += page
        if not page or len(page) >= int(reply.content["totalCount"]):
            return found
        before = min(int(one["id"]) for one in page)
    raise NoAnswerError(f"more than {_MOST_PAGES * MOST_LISTED:,} samples are newer than this run's first one")
