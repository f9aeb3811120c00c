"""Judge content that is not of the format that the file's extension names.

The service decides by the extension and refuses most of these, and the sentence says what the file really is. What
only stands in place of content that is elsewhere is not complete: when the content is fetched, the file changes.
"""

from eisync.core.evidence import CannotTell, Cut
from eisync.core.magic import placeholder, recognised


def foreign(expected: str, head: bytes) -> Cut | CannotTell:
    """Return the verdict on a file that begins with `head` and is not `expected` ("a Parquet file")."""
    pointer = placeholder(head)
    if pointer is not None:
        return Cut(f"it is {pointer}, which stands in place of the content; fetch the content itself")
    name = recognised(head)
    if name is not None and name != expected:
        return CannotTell(f"it is {name}, not {expected}; the service will judge it")
    return CannotTell(f"it does not look like {expected} at byte 0; the service will judge it")
