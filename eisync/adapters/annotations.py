"""Look whether a file is an annotation of others: at its first bytes, and at what lies beside it.

What decides is `core.annotations`. Where its first bytes are not handed in, the file is opened as one that nothing can
be put in the place of.
"""

import errno
import itertools
import os
import stat
from collections.abc import Callable, Sequence

from eisync.adapters.file_facts import open_inside
from eisync.adapters.folder_walk import is_version
from eisync.core.annotations import HEAD_BYTES, IfBeside, NotASample, annotation_of, may_be_one
from eisync.core.model import FileFacts
from eisync.errors import UnreachableError

_LATER = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def annotation_at(
    root: str,
    path: str,
    facts: FileFacts,
    is_known: Callable[[Sequence[str]], bool] = lambda _: False,
    head: bytes = b"",
) -> NotASample | None:
    """What the file is, in the version of these facts, if it is no sample; None when it may be one, or is another
    version by now.

    `is_known`: whether one of these places is known to have held a file that was uploaded: it may have been taken away.
    `head`: what was read of its beginning, if that is known; where it is too short, more is read.
    Raises UnreachableError when no file can be opened at the moment.
    """
    if not may_be_one(path, head):
        return None
    known = head if len(head) >= min(facts.size, HEAD_BYTES) else _head(root, path, facts)
    if known is None:
        return None
    judged = annotation_of(path, known[:HEAD_BYTES], size=facts.size)
    if not isinstance(judged, IfBeside):
        return judged
    is_one = _any_is_there(root, judged.places) or is_known(judged.places)
    return judged.left_out if is_one else None


def _head(root: str, path: str, facts: FileFacts) -> bytes | None:
    if not facts.size:
        return b""
    try:
        descriptor = open_inside(root, path)
    except OSError as error:
        if error.errno in _LATER:
            raise UnreachableError(f"no file can be read at the moment ({error.strerror})") from error
        return None
    try:
        head = os.read(descriptor, HEAD_BYTES)
        return head if is_version(os.fstat(descriptor), facts) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _any_is_there(root: str, paths: Sequence[str]) -> bool:
    """Whether a file is at one of these places, of which those in one folder stand together."""
    for folder, places in itertools.groupby(paths, _folder_of):
        # Most folders that mirror one of labels are not there.
        is_folder = not folder or os.path.isdir(os.path.join(root, folder))
        if is_folder and any(_is_there(os.path.join(root, place)) for place in places):
            return True
    return False


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _is_there(place: str) -> bool:
    try:
        # The first question is answered without an exception, and nearly always with no.
        return os.access(place, os.F_OK) and stat.S_ISREG(os.lstat(place).st_mode)
    except (OSError, ValueError):
        return False
