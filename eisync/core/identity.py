"""Decide whether a sample at the service is the one that a file of ours was stored as, and what may be done then.

An id says little: a service that was begun anew, another server whose project has the same number, and another project
number their samples alike. What a sample *is* shows in its content hash, the name it was sent under and the instant it
was added. Each of these agrees, disagrees, or is not known; `IDENTITIES` says what all of them together mean, and
`DECISIONS` what that allows. Both are data, and tests cross them completely.

Pure: what was sent, what was listed before, what is listed now, and the hash of its bytes where somebody looked.
"""

from enum import Enum
from itertools import product

from eisync.core.model import RemoteSample, extension_of, value
from eisync.core.studio import stored_name
from eisync.core.text import nfc

KEPT_AS_SENT = frozenset({".jpg", ".jpeg", ".png"})
"""The service's hash of these is that of the file (wire contract, section 1). Of other types it is not documented:
equal hashes prove the same content, and unequal ones prove nothing."""


class Agreement(Enum):
    """What one witness says."""

    AGREES = "agrees"
    UNKNOWN = "unknown"
    DIFFERS = "differs"


@value(kw_only=True)
class Sent:
    """What we know of what was sent. `name` None: somebody else sent it, or nobody remembers under which name.

    `stored_name` is what the service most likely calls it, without extension; another name there proves nothing.
    """

    sha256: str | None
    name: str | None = None
    stored_name: str | None = None


@value(kw_only=True)
class Evidence:
    """What the three witnesses say."""

    content: Agreement = Agreement.UNKNOWN
    name: Agreement = Agreement.UNKNOWN
    added: Agreement = Agreement.UNKNOWN


class Identity(Enum):
    """What a sample is to a file of ours."""

    PROVEN = "proven"  # it holds the bytes that were sent
    LIKELY = "likely"  # all that is known agrees; the bytes were not compared
    UNCERTAIN = "uncertain"  # nothing is known, or as much speaks for it as against it
    CHANGED = "changed"  # it is the sample, and its content is not what was sent
    FOREIGN = "foreign"  # its id means another sample now
    UNLISTED = "unlisted"  # no listing has ever shown it


class Destruction(Enum):
    """What destroys, or follows from a destruction."""

    REMOVE_FILE = "remove_file"  # because the service has it
    BURY = "bury"  # take the file for one that a person deleted there, and never send it again
    FOLLOW_DELETION = "follow_deletion"  # remove the file, because its sample was deleted there
    DELETE_SAMPLE = "delete_sample"
    EDIT_SAMPLE = "edit_sample"


class Decision(Enum):
    """What identity allows."""

    GO = "go"
    LOOK = "look"  # compare the bytes first; then GO for PROVEN, and nothing else
    WAIT = "wait"  # for the listing
    LEAVE = "leave"  # this one is not touched
    STOP = "stop"  # nothing of this target is touched: the project is not what it was


def _meaning(content: Agreement, name: Agreement, added: Agreement) -> Identity:
    witnesses = (content, name, added)
    against, in_favour = witnesses.count(Agreement.DIFFERS), witnesses.count(Agreement.AGREES)
    if content is Agreement.AGREES:
        return Identity.PROVEN  # whatever it is called now
    if (name, added) == (Agreement.UNKNOWN, Agreement.UNKNOWN):
        return Identity.CHANGED if content is Agreement.DIFFERS else Identity.UNCERTAIN
    if against > in_favour:
        return Identity.FOREIGN
    if content is Agreement.DIFFERS:
        return Identity.CHANGED
    return Identity.UNCERTAIN if against else Identity.LIKELY


IDENTITIES = {witnesses: _meaning(*witnesses) for witnesses in product(Agreement, repeat=3)}
"""By what content, name and instant say, in that order."""

_GO, _LOOK, _WAIT, _LEAVE, _STOP = Decision
DECISIONS: dict[tuple[Destruction, Identity], Decision] = {
    (Destruction.REMOVE_FILE, Identity.PROVEN): _GO,
    (Destruction.REMOVE_FILE, Identity.LIKELY): _LOOK,
    (Destruction.REMOVE_FILE, Identity.UNCERTAIN): _LOOK,
    (Destruction.REMOVE_FILE, Identity.CHANGED): _LEAVE,
    (Destruction.REMOVE_FILE, Identity.UNLISTED): _WAIT,
    (Destruction.REMOVE_FILE, Identity.FOREIGN): _STOP,
    # It was the sample when it was listed last, and is gone now.
    (Destruction.BURY, Identity.PROVEN): _GO,
    (Destruction.BURY, Identity.LIKELY): _GO,
    (Destruction.BURY, Identity.UNCERTAIN): _GO,
    (Destruction.BURY, Identity.CHANGED): _GO,
    (Destruction.BURY, Identity.UNLISTED): _LEAVE,  # what never was there was not deleted: it is sent again
    (Destruction.BURY, Identity.FOREIGN): _STOP,
    # The same, and a person wants the file to go with it.
    (Destruction.FOLLOW_DELETION, Identity.PROVEN): _GO,
    (Destruction.FOLLOW_DELETION, Identity.LIKELY): _GO,
    (Destruction.FOLLOW_DELETION, Identity.UNCERTAIN): _GO,
    (Destruction.FOLLOW_DELETION, Identity.CHANGED): _LEAVE,  # what was deleted there was something else
    (Destruction.FOLLOW_DELETION, Identity.UNLISTED): _LEAVE,
    (Destruction.FOLLOW_DELETION, Identity.FOREIGN): _STOP,
    # A copy is made of every sample before it is deleted: that is the look at its bytes.
    (Destruction.DELETE_SAMPLE, Identity.PROVEN): _LOOK,
    (Destruction.DELETE_SAMPLE, Identity.LIKELY): _LOOK,
    (Destruction.DELETE_SAMPLE, Identity.UNCERTAIN): _LOOK,
    (Destruction.DELETE_SAMPLE, Identity.CHANGED): _LEAVE,
    (Destruction.DELETE_SAMPLE, Identity.UNLISTED): _WAIT,
    (Destruction.DELETE_SAMPLE, Identity.FOREIGN): _STOP,
    (Destruction.EDIT_SAMPLE, Identity.PROVEN): _GO,
    (Destruction.EDIT_SAMPLE, Identity.LIKELY): _GO,
    (Destruction.EDIT_SAMPLE, Identity.UNCERTAIN): _LEAVE,
    (Destruction.EDIT_SAMPLE, Identity.CHANGED): _GO,  # it is the sample: a crop has the label of the whole
    (Destruction.EDIT_SAMPLE, Identity.UNLISTED): _WAIT,
    (Destruction.EDIT_SAMPLE, Identity.FOREIGN): _STOP,
}


def decide(destruction: Destruction, identity: Identity) -> Decision:
    """What may be done to the sample, or to the file because of it."""
    return DECISIONS[destruction, identity]


def weigh(
    sent: Sent, listed: RemoteSample, *, before: RemoteSample | None = None, raw_sha256: str | None = None
) -> Evidence:
    """What the witnesses say of `listed`; `before` is how its id was listed the last time, None for the first.

    `raw_sha256`: the hash of its bytes, where somebody looked since it was listed so.
    """
    return Evidence(
        content=_content(sent, listed, before, raw_sha256),
        name=_name(sent, listed, before),
        added=Agreement.UNKNOWN if before is None else _compare(before.added, listed.added),
    )


def identify(evidence: Evidence) -> Identity:
    """What all of the evidence means."""
    return IDENTITIES[evidence.content, evidence.name, evidence.added]


def why_foreign(sent: Sent, listed: RemoteSample) -> str:
    """What shows that the id means another sample, in a clause."""
    name = listed.original_name or listed.filename
    if sent.name is not None:
        return f"sample {listed.id} was sent as {sent.name!r} and is now {name!r}"
    return f"sample {listed.id} ({name!r}) now has different content"


def _content(sent: Sent, listed: RemoteSample, before: RemoteSample | None, raw_sha256: str | None) -> Agreement:
    if sent.sha256 is not None and sent.sha256 in (listed.sha256, raw_sha256):
        return Agreement.AGREES
    if sent.sha256 is not None and raw_sha256 is not None:
        return Agreement.DIFFERS
    if before is not None and _compare(before.sha256, listed.sha256) is Agreement.DIFFERS:
        return Agreement.DIFFERS
    is_kept = extension_of(sent.name or listed.original_name or "") in KEPT_AS_SENT
    return _compare(sent.sha256, listed.sha256) if is_kept else Agreement.UNKNOWN


def _name(sent: Sent, listed: RemoteSample, before: RemoteSample | None) -> Agreement:
    # The name that was sent is in the name of the stored file, which a rename in Studio does not change.
    known = sent.name or (before.original_name if before is not None else None)
    if known is not None and listed.original_name is not None:
        return _compare(nfc(known), nfc(listed.original_name))  # a service may write it in its own form
    likely = stored_name(known) if known is not None else sent.stored_name
    names = {nfc(listed.filename), nfc(stored_name(listed.original_name or ""))} - {""}
    is_named_so = likely is not None and nfc(likely) in names
    # Anybody may have renamed it: another name than the one that was sent proves nothing.
    return Agreement.AGREES if is_named_so else Agreement.UNKNOWN


def _compare(one: str | None, other: str | None) -> Agreement:
    if one is None or other is None:
        return Agreement.UNKNOWN
    return Agreement.AGREES if one == other else Agreement.DIFFERS
