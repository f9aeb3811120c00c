"""Decide what becomes of a file that waits to be sent, once its content is known to be one that was sent before.

Pure. A person who deleted a sample deleted its content: under whichever name it comes again, it is not sent by itself.
What was moved to another folder, or came back under another name, is at the service already.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from eisync.core.lifecycle import Event
from eisync.core.model import shown
from eisync.core.settlement import Outcome


@dataclass(frozen=True, slots=True)
class DeletedContent:
    """A content of which a person deleted the sample, by the number of that (None: not known)."""

    sha256: str
    sample_id: int | None


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A content that the service has in these samples, from a file that is not at `path` any more."""

    sha256: str
    path: str
    sample_ids: tuple[int, ...]


KnownContent = DeletedContent | StoredContent


def settle_known(item_id: int, sha256: str, contents: Iterable[KnownContent]) -> Outcome | None:
    """What becomes of the file with this hash, of which `contents` are known that it may have; None: it is sent."""
    same = [one for one in contents if one.sha256 == sha256]
    for one in sorted(same, key=lambda one: isinstance(one, StoredContent)):
        if isinstance(one, DeletedContent):
            return Outcome(
                item_id=item_id,
                events=(Event.DELETED_CONTENT,),
                reason=deleted_reason(one.sample_id),
                sha256=sha256,
                is_attempt=False,
            )
        return Outcome(
            item_id=item_id,
            events=(Event.FOUND,),
            reason=f"already in the project, sent as {shown(one.path)}; nothing was sent",
            sample_ids=one.sample_ids,
            sha256=sha256,
            is_attempt=False,
        )
    return None


def deleted_reason(sample_id: int | None) -> str:
    """Why a file is not sent whose content was deleted, for a person."""
    which = "" if sample_id is None else f" (sample {sample_id})"
    return f"its content was deleted in the project{which}; 'eisync retry' sends it again"
