"""Tell at a glance that a file is an ordinary sample: an acquisition, or names over numbers.

It is asked of every JSON, CSV and TXT file, so it costs next to nothing; `core.labels.annotations`, which reads more,
is asked of those that are left. Pure: the bytes are handed in, and may end anywhere.
"""

import re

_LOOKED_AT_BYTES = 4 * 1024  # no more than `core.labels.annotations` looks at

# `protected` comes first in all that eisync knows of, or behind the signature.
_ACQUISITION = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*+\{\s*+(?:"signature"\s*+:\s*+"[^"\\]*+"\s*+,\s*+)?"(?:protected|payload)"\s*+:'
)
# In a name is neither a mark nor what Unicode takes for the end of a line.
_NAME = (
    rb"""[ "']?+(?![nN][aA][nN]|[iI][nN][fF])[a-zA-Z_](?:[ !-+\--:<-{}~\x80-\xc1\xc3-\xe1\xe3-\xff]++|\xc2[^\x85])*+"""
)
_NUMBER = rb"[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?+\d++)?+"
_TABLE = re.compile(
    rb"(?:\xef\xbb\xbf)?+(%b([\t;|,])%b(?:\2%b)*+)\r?\n(%b(?:\2%b)++)\r?\n" % (_NAME, _NAME, _NAME, _NUMBER, _NUMBER)
)


def is_ordinary(extension: str, head: bytes) -> bool:
    """Whether the file that begins with `head` is certainly a sample. Of another type it is one by its type alone.

    >>> is_ordinary(".csv", b"timestamp,x\\n0,1.5\\n")
    True
    """
    if extension == ".json":
        return _ACQUISITION.match(head) is not None
    return extension not in (".csv", ".txt") or _is_table(head)


def _is_table(head: bytes) -> bool:
    """Whether the first line has names, and the second as many numbers between the same marks."""
    found = _TABLE.match(head, 0, _LOOKED_AT_BYTES)
    return found is not None and found[1].count(found[2]) == found[3].count(found[2])
