"""Say of a link in a watched folder what it is and what to do. Pure.

eisync follows no links: one that is put in the way could lead out of the folder, or in a circle, and what it leads to
has a path of its own.
"""

from enum import Enum

_NOT_FOLLOWED = "eisync does not follow links"


class Leads(Enum):
    """Where a link leads."""

    TO_FOLDER = "the folder"
    TO_FILE = "the file"
    UPWARDS = "upwards"  # to a folder that the watched one is in, or to itself
    NOWHERE = "nowhere"
    IN_A_CIRCLE = "in a circle"
    TO_UNREADABLE = "unreadable"  # nobody can tell
    TO_OTHER = "other"  # a pipe, a socket, a device


def why_left_out(leads: Leads, *, target: str | None = None, is_uploaded: bool = False) -> str:
    """Return one clause for a person.

    `target` is what it leads to; None says the same of any such link, so that links can be counted. `is_uploaded`: that
    lies in the same watched folder and is uploaded from there.

    >>> why_left_out(Leads.TO_FILE)
    'it is a link to a file; eisync does not follow links: copy the file here, or watch the folder that it is in'
    """
    match leads:
        case Leads.NOWHERE:
            what = "a broken link" if target is None else f"a broken link to {target}"
            return f"it is {what}: its target is gone; delete the link, or restore the target"
        case Leads.IN_A_CIRCLE:
            return "it is a link that leads back to itself; delete it"
        case Leads.TO_UNREADABLE:
            what = "a place" if target is None else target
            return f"it is a link to {what} that eisync's user cannot access; {_NOT_FOLLOWED}: copy the files here"
        case Leads.UPWARDS:
            return f"it is a link to {target or 'a folder'}, which contains this watched folder; delete it"
        case Leads.TO_OTHER:
            return f"it is a link to {target or 'something'}, which is neither a file nor a folder"
    kind = "folder" if leads is Leads.TO_FOLDER else "file"
    what = f"a {kind}" if target is None else f"the {kind} {target}"
    if is_uploaded:
        return f"it is a link to {what} in this watched folder, which is uploaded from its own place"
    if leads is Leads.TO_FOLDER:
        return f"it is a link to {what}; {_NOT_FOLLOWED}: watch that folder as well, or copy its files here"
    return f"it is a link to {what}; {_NOT_FOLLOWED}: copy the file here, or watch the folder that it is in"


def behind(link: str, reason: str) -> str:
    """Return the clause of what lies behind the link at `link`, which is left out for `reason`.

    >>> behind("day", "it is a link to …")
    'it is reached through day: it is a link to …'
    """
    return f"it is reached through {link}: {reason}"
