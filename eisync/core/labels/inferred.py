"""Predict the label that the service infers from a file name when a request has no `x-label` header.

The documented rule is the JavaScript pattern `^[a-zA-Z0-9\\s-_]+` (wire contract, section 1). What is not documented is
whether it trims spaces, which characters count as spaces, and what it does with a name that does not match. So only
names are predicted for which all of this makes no difference.
"""

import re

_LABEL = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9_ -]*[A-Za-z0-9_-])?")
_ENDS = frozenset("!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~")
"""The visible ASCII characters that certainly end a label."""


def infers(name: str, label: str | None) -> bool:
    """Return whether the service certainly infers `label` from the file name `name`.

    >>> infers("idle.01.wav", "idle"), infers("idle_1.wav", "idle"), infers("idle.wav", None)
    (True, False, False)
    """
    if not label or not name.startswith(label) or _LABEL.fullmatch(label) is None:
        return False
    return len(name) == len(label) or name[len(label)] in _ENDS
