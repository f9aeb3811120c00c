"""Match paths against regular expressions that cannot take long, whatever the names of the files are.

Python's engine tries every way to divide a text among the parts of an expression. For `(a+)+$` the number of ways
doubles with every character, and the engine holds the interpreter's lock meanwhile. So an expression is checked once,
when it is compiled, and refused when it could take long (`pattern_cost`) or cannot be checked (`pattern_syntax`).

The package `regex` has a time limit instead, but no wheels for armv7, where gateways run.
"""

import re
import warnings
from dataclasses import field

from eisync.core.labels.pattern_cost import MAX_PATH, begins_at_start, refuse_slow
from eisync.core.labels.pattern_syntax import parse
from eisync.core.model import value
from eisync.core.text import nfc

MAX_PATTERN_CHARACTERS = 500


@value
class PathPattern:
    """A regular expression for paths. Raises ValueError, with a clause for a person, when it cannot be used.

    It is searched anywhere in the path; `.` stands for every character. Text and paths are compared in NFC.
    """

    text: str
    groups: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _is_at_start: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        compiled = _compiled(nfc(self.text))
        tree = parse(nfc(self.text))
        is_at_start = begins_at_start(tree)
        refuse_slow(tree, is_at_start=is_at_start)
        object.__setattr__(self, "groups", tuple(compiled.groupindex))
        object.__setattr__(self, "_compiled", compiled)
        object.__setattr__(self, "_is_at_start", is_at_start)

    def find(self, path: str) -> re.Match[str] | None:
        """Return the first match in the path, which is in NFC; None when there is none, or the path is too long.

        >>> PathPattern(r"(?P<who>s\\d+)_").find("gym/s01_squat.wav")["who"]
        's01'
        """
        if len(path) > MAX_PATH:
            return None
        return self._compiled.match(path) if self._is_at_start else self._compiled.search(path)


def _compiled(text: str) -> re.Pattern[str]:
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise ValueError(f"has more than {MAX_PATTERN_CHARACTERS} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as for a bracket that a later Python reads in another way
            return re.compile(text, re.DOTALL)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
