"""Decide whether a sample at the service is the one that one of our files was stored as, and what that allows.

An id proves little: a service that was set up again, another server whose project has the same number, and another
project use the same sample ids. Three witnesses identify a sample: its content hash, the name under which it was sent,
and the time at which it was added. Each of them agrees, differs, or is unknown. `IDENTITIES` says what all three mean
together, and `DECISIONS` says what may be done then. Both are tables, and tests check every entry.
"""

import re
from enum import Enum
from itertools import product

from eisync.core.model import RemoteSample, extension_of, value
from eisync.core.studio import stored_name
from eisync.core.text import nfc

KEPT_AS_SENT = frozenset({".jpg", ".jpeg", ".png"})
"""For these types the service's hash is that of the file (wire contract, section 1). For other types that is not
documented: equal hashes prove the same content, but different ones prove nothing."""


class Agreement(Enum):
    """The statement of one witness."""

    AGREES = "agrees"
    UNKNOWN = "unknown"
    DIFFERS = "differs"


@value(kw_only=True)
class Sent:
    """What eisync knows about what was sent. `name` None: someone else sent it, or the name is not recorded.

    `stored_name` is the name that the service most likely gives it, without extension. Another name proves nothing.
    """

    sha256: str | None
    name: str | None = None
    stored_name: str | None = None


@value(kw_only=True)
class Evidence:
    """The statements of the three witnesses."""

    content: Agreement = Agreement.UNKNOWN
    name: Agreement = Agreement.UNKNOWN
    added: Agreement = Agreement.UNKNOWN


class Identity(Enum):
    """How a sample relates to one of our files."""

    PROVEN = "proven"  # it has the bytes that were sent
    LIKELY = "likely"  # everything that is known agrees; the bytes were not compared
    UNCERTAIN = "uncertain"  # nothing is known, or the witnesses are balanced
    CHANGED = "changed"  # it is the sample, but its content is not what was sent
    FOREIGN = "foreign"  # its id belongs to another sample now
    UNLISTED = "unlisted"  # no listing has ever had it


class Destruction(Enum):
    """An operation that destroys something, or that follows from a deletion."""

    REMOVE_FILE = "remove_file"  # because the service has it
    BURY = "bury"  # treat the sample as deleted by a person at the service, and never send the file again
    FOLLOW_DELETION = "follow_deletion"  # remove the file, because its sample was deleted at the service
    DELETE_SAMPLE = "delete_sample"
    EDIT_SAMPLE = "edit_sample"


class Decision(Enum):
    """What the identity of a sample allows."""

    GO = "go"
    COMPARE = "compare"  # compare the bytes first; then GO only if they are PROVEN
    WAIT = "wait"  # for the listing
    LEAVE = "leave"  # do not touch this one
    STOP = "stop"  # touch nothing of this target: it is a different project now


def _meaning(content: Agreement, name: Agreement, added: Agreement) -> Identity:
    witnesses = (content, name, added)
    against, in_favour = witnesses.count(Agreement.DIFFERS), witnesses.count(Agreement.AGREES)
    if content is Agreement.AGREES:
        return Identity.PROVEN  # whatever its name is now
    if (name, added) == (Agreement.UNKNOWN, Agreement.UNKNOWN):
        return Identity.CHANGED if content is Agreement.DIFFERS else Identity.UNCERTAIN
    if against > in_favour:
        return Identity.FOREIGN
    if content is Agreement.DIFFERS:
        return Identity.CHANGED
    return Identity.UNCERTAIN if against else Identity.LIKELY


IDENTITIES = {witnesses: _meaning(*witnesses) for witnesses in product(Agreement, repeat=3)}
"""The identity by the statements of content, name and time of adding, in that order."""

_GO, _COMPARE, _WAIT, _LEAVE, _STOP = Decision
DECISIONS: dict[tuple[Destruction, Identity], Decision] = {
    (Destruction.REMOVE_FILE, Identity.PROVEN): _GO,
    (Destruction.REMOVE_FILE, Identity.LIKELY): _COMPARE,
    (Destruction.REMOVE_FILE, Identity.UNCERTAIN): _COMPARE,
    (Destruction.REMOVE_FILE, Identity.CHANGED): _LEAVE,
    (Destruction.REMOVE_FILE, Identity.UNLISTED): _WAIT,
    (Destruction.REMOVE_FILE, Identity.FOREIGN): _STOP,
    # It was the sample in the last listing that had it, and is gone now.
    (Destruction.BURY, Identity.PROVEN): _GO,
    (Destruction.BURY, Identity.LIKELY): _GO,
    (Destruction.BURY, Identity.UNCERTAIN): _GO,
    (Destruction.BURY, Identity.CHANGED): _GO,
    (Destruction.BURY, Identity.UNLISTED): _LEAVE,  # a sample that never was there was not deleted: send it again
    (Destruction.BURY, Identity.FOREIGN): _STOP,
    # The same, and the configuration removes the file as well.
    (Destruction.FOLLOW_DELETION, Identity.PROVEN): _GO,
    (Destruction.FOLLOW_DELETION, Identity.LIKELY): _GO,
    (Destruction.FOLLOW_DELETION, Identity.UNCERTAIN): _GO,
    (Destruction.FOLLOW_DELETION, Identity.CHANGED): _LEAVE,  # the deleted sample had other content
    (Destruction.FOLLOW_DELETION, Identity.UNLISTED): _LEAVE,
    (Destruction.FOLLOW_DELETION, Identity.FOREIGN): _STOP,
    # Every sample is copied before it is deleted. That compares its bytes.
    (Destruction.DELETE_SAMPLE, Identity.PROVEN): _COMPARE,
    (Destruction.DELETE_SAMPLE, Identity.LIKELY): _COMPARE,
    (Destruction.DELETE_SAMPLE, Identity.UNCERTAIN): _COMPARE,
    (Destruction.DELETE_SAMPLE, Identity.CHANGED): _LEAVE,
    (Destruction.DELETE_SAMPLE, Identity.UNLISTED): _WAIT,
    (Destruction.DELETE_SAMPLE, Identity.FOREIGN): _STOP,
    (Destruction.EDIT_SAMPLE, Identity.PROVEN): _GO,
    (Destruction.EDIT_SAMPLE, Identity.LIKELY): _GO,
    (Destruction.EDIT_SAMPLE, Identity.UNCERTAIN): _LEAVE,
    (Destruction.EDIT_SAMPLE, Identity.CHANGED): _GO,  # it is the sample: a cropped one keeps its label
    (Destruction.EDIT_SAMPLE, Identity.UNLISTED): _WAIT,
    (Destruction.EDIT_SAMPLE, Identity.FOREIGN): _STOP,
}


def decide(destruction: Destruction, identity: Identity) -> Decision:
    """Return what may be done to the sample, or to the file because of the sample."""
    return DECISIONS[destruction, identity]


def weigh(
    sent: Sent, listed: RemoteSample, *, before: RemoteSample | None = None, raw_sha256: str | None = None
) -> Evidence:
    """Return what the witnesses say about `listed`. `before` is the last listing of its id; None for the first.

    `raw_sha256` is the hash of its downloaded bytes, if they were compared since that listing.
    """
    return Evidence(
        content=_content(sent, listed, before, raw_sha256),
        name=_name(sent, listed, before),
        added=Agreement.UNKNOWN if before is None else _compare(before.added, listed.added),
    )


def identify(evidence: Evidence) -> Identity:
    """Return the identity that the evidence shows."""
    return IDENTITIES[evidence.content, evidence.name, evidence.added]


def why_foreign(sent: Sent, listed: RemoteSample) -> str:
    """Return what shows that the id belongs to another sample, as a clause."""
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
    # The name of the stored file contains the name that was sent. A rename in Studio does not change it.
    known = sent.name or (before.original_name if before is not None else None)
    if known is not None and listed.original_name is not None:
        return _compare(nfc(known), nfc(listed.original_name))  # the service may use another Unicode form
    likely = stored_name(known) if known is not None else sent.stored_name
    names = {nfc(listed.filename), nfc(stored_name(listed.original_name or ""))} - {""}
    is_named_so = likely is not None and nfc(likely) in names
    # A person may have renamed it, so a different name proves nothing.
    return Agreement.AGREES if is_named_so else Agreement.UNKNOWN


def _compare(one: str | None, other: str | None) -> Agreement:
    if one is None or other is None:
        return Agreement.UNKNOWN
    return Agreement.AGREES if one == other else Agreement.DIFFERS


_OTHER_PROJECT = re.compile(r"the key of target .* opens project \d+, but its files are in project \d+;")


def other_project(target: str, *, opened: int, known: int) -> str:
    """Return why nothing is sent to a target whose key opens another project than before, as a sentence."""
    return (
        f"the key of target {target!r} opens project {opened}, but its files are in project {known}; give the key of "
        "that project, or name another target"
    )


def is_other_project(reason: str) -> bool:
    """Return whether the reason is the one of `other_project`, and not that the key was refused."""
    return _OTHER_PROJECT.match(reason) is not None
