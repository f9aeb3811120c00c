"""Read JSON that never stands in memory as a whole: value by value, from pieces of text.

Python's own decoder reads each value; what is kept of a document is the value that is being read. What a value becomes
is bounded, too: one that is too long, or made of too many, is passed over without being made, and what follows is read
on. Where a document may grow at its end, a checkpoint says up to where it was read and what stood there.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from eisync.core.formats.json_syntax import Extent

LARGEST_VALUE = 512 * 1024
"""No value of more characters is made."""
MOST_VALUES = 25_000
"""No value that is made of more values is made: some 4,000 bounding boxes."""
PASSED_OVER = 16 * 1024 * 1024
"""A value of more characters is not even passed over."""
AT_ONCE = 32 * 1024
"""A value of so many characters is made without counting first."""

MOST_IGNORED = 1_000
"""An object with more members that nobody asks for is none of ours."""

_BLANKS = re.compile(r"[ \t\r\n]*")
_BEHIND_A_VALUE = frozenset(" \t\r\n,]}")
_ODD_NUMBER = re.compile(r"[0-9](?:[0-9]{17}|[eE])")
_FEW_LEVELS = 60


class Unfinished(ValueError):
    """The text ends in the middle."""


class JsonRefused(ValueError):
    """A value cannot be used, and was passed over: what follows can be read."""


class _Unusable(ValueError):
    """The same, before it is passed over."""


def _no_number(name: str) -> Any:
    raise _Unusable(f"{name} is not a number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)
_LARGE = object()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Up to where a document was read: so many bytes, what was open then, in which line; `digest` is of those bytes."""

    offset: int
    digest: "hashlib._Hash"
    line: int
    where: str

    def sha256(self) -> str:
        """The hash of all that was read."""
        return self.digest.hexdigest()


class JsonStream:
    """Text that is read from its front. Everything raises ValueError for what is not JSON, or ends too early."""

    def __init__(self, pieces: Iterable[str], after: Checkpoint | None = None) -> None:
        """`after` says what was read already, in front of these pieces."""
        self._pieces = iter(pieces)
        self._text = ""
        self._at = 0
        self._offset = 0 if after is None else after.offset  # bytes in front of the text
        self._digest = hashlib.sha256() if after is None else after.digest.copy()
        self._mark: tuple[int, int, str] | None = None
        self._checkpoint = after
        self._dropped = 0  # characters in front of the text
        self._ignored = 0  # members of the object that is being taken
        self.is_suspect = False  # the value that was taken last: it may hold what cannot be used
        self.line = 1 if after is None else after.line  # in which what is read next begins

    @property
    def taken(self) -> int:
        """How many characters were taken so far."""
        return self._dropped + self._at

    def mark(self, where: str) -> None:
        """Whatever may follow, all that is in front of here stays as it is: one can go on from here."""
        self._mark = (self._at, self.line, where)

    def checkpoint(self) -> Checkpoint | None:
        """The last place that was marked."""
        if self._mark is not None:
            at, line, where = self._mark
            digest = self._digest.copy()
            raw = _raw(self._text[:at])
            digest.update(raw)
            return Checkpoint(self._offset + len(raw), digest, line, where)
        return self._checkpoint

    def next(self) -> str:
        """The next character that is no blank, which is not taken; empty at the end."""
        here = self._text[self._at : self._at + 1]
        if here and here not in " \t\r\n":
            return here
        began = self.taken
        while True:
            found = _BLANKS.match(self._text, self._at)
            end = self._at if found is None else found.end()
            if end > self._at:
                self._take(end - self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if self.taken - began > PASSED_OVER:
                raise ValueError(f"there are only blanks in line {self.line} and in what follows")
            if not self._more():
                return ""

    def take(self, *wanted: str) -> str:
        """Take the next character, which must be one of these."""
        found = self.next()
        if found not in wanted or not found:
            what = " or ".join(map(repr, wanted))
            expected = f"{what} expected in line {self.line}, and found"
            if not found:
                raise Unfinished(f"{expected} the end")
            raise ValueError(f"{expected} {found!r}")
        self._at += 1
        return found

    def value(self) -> Any:
        """Take the next value, whatever it is. Raises Refused when it cannot be used."""
        try:
            found = self._value_at_once()
        except _Unusable as error:
            self._pass_over()
            raise JsonRefused(str(error)) from None
        return self._large_value() if found is _LARGE else found

    def ignore(self) -> None:
        """Take the next value, whatever it is, usable or not."""
        with contextlib.suppress(JsonRefused):
            self.value()
        self._ignored += 1
        if self._ignored > MOST_IGNORED:
            raise ValueError(f"it has more than {MOST_IGNORED:,} members that do not describe a file")

    def record(self, kept: Iterable[str]) -> tuple[Any, str | None]:
        """Take the next value, and of a large object the members that are `kept`. A member that cannot be used is left
        out; then the second says why."""
        if self.next() != "{":
            return self.value(), None
        try:
            found = self._value_at_once()
        except _Unusable:
            found = _LARGE
        if found is not _LARGE:
            return found, None
        members: dict[str, Any] = {}
        trouble: str | None = None
        held = self._ignored = 0
        for name in self.members():
            if name not in kept:
                self.ignore()
                continue
            held -= self.taken
            try:
                members[name] = self.value()
            except JsonRefused as error:
                trouble = f"its {name}: {error}"
            held += self.taken
            if held > LARGEST_VALUE and trouble is None:
                trouble = f"it has more than {LARGEST_VALUE:,} characters"
            if trouble is not None:
                members = {"path": members["path"]} if "path" in members else {}
        self.is_suspect = True
        return members, trouble

    def members(self, *, is_inside: bool = False) -> Iterator[str]:
        """Take an object, but for its values: whoever is given a name takes the value. `is_inside`: behind a value."""
        if not is_inside:
            self.take("{")
            if self.next() == "}":
                self._at += 1
                return
        elif self.take(",", "}") == "}":
            return
        while True:
            found = self.next()
            if found != '"':
                error = Unfinished if not found else ValueError
                raise error(f"a name is missing in line {self.line}")
            try:
                name = self.value()
            except JsonRefused as refused:
                raise ValueError(f"a name in line {self.line} cannot be used ({refused})") from None
            self.take(":")
            yield name
            if self.take(",", "}") == "}":
                return

    def elements(self, *, is_inside: bool = False) -> Iterator[None]:
        """Take a list, but for its elements: whoever is told of one takes it. `is_inside`: behind an element."""
        if not is_inside:
            self.take("[")
            if self.next() == "]":
                self._at += 1
                return
        elif self.take(",", "]") == "]":
            return
        while True:
            yield
            if self.take(",", "]") == "]":
                return

    def _value_at_once(self) -> Any:
        """The next value, taken; `_LARGE`, and nothing is taken, where it is a large one."""
        if not self.next():
            raise Unfinished("it ends in the middle")
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise _Unusable("it is nested too deeply") from None
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > AT_ONCE:
                    return _LARGE
                if not self._more():
                    raise self._trouble(error) from None
                continue
            except _Unusable:
                raise
            except ValueError:  # Python makes no number of them
                raise _Unusable("a number in it has thousands of digits") from None
            # A number may go on, in the next piece or behind a point that is the last of this one.
            is_ended = self._text[end - 1] in ']}"' or self._text[end : end + 1] in _BEHIND_A_VALUE
            if is_ended or not self._more():
                if end - self._at > AT_ONCE:
                    return _LARGE  # it happened to be there as a whole, and may be made of too many
                self.is_suspect = _is_suspect(self._text, self._at, end)
                self._take(end - self._at)
                return value

    def _large_value(self) -> Any:
        """Take the next value, if it is not made of too much."""
        length = self._pass_over(holds=True)
        try:
            value, end = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise self._trouble(error) from None
        except RecursionError:
            self._take(length)
            raise JsonRefused("it is nested too deeply") from None
        except ValueError as error:
            self._take(length)
            why = str(error) if isinstance(error, _Unusable) else "a number in it has thousands of digits"
            raise JsonRefused(why) from None
        self._take(end - self._at)
        self.is_suspect = True
        return value

    def _pass_over(self, *, holds: bool = False) -> int:
        """Take the next value and make nothing of it. `holds`: it is not taken, its length is returned. Raises Refused
        if it is made of too much to be held."""
        extent = Extent(self._text[self._at])
        trouble: str | None = None
        held = passed = 0
        while True:
            chunk = self._text[self._at + held : self._at + held + AT_ONCE]
            if not chunk:
                if not self._append():
                    if extent.is_scalar and passed:
                        break
                    raise Unfinished("it ends in the middle")
                continue
            end = extent.end_in(chunk)
            length = len(chunk) if end is None else end
            held, passed = held + length, passed + length
            if trouble is None and passed > LARGEST_VALUE:
                trouble = f"it has more than {LARGEST_VALUE:,} characters"
            if trouble is None and extent.values > MOST_VALUES:
                trouble = f"it is made of more than {MOST_VALUES:,} values"
            if trouble is not None or not holds:
                self._take(held)
                held = 0
            if passed > PASSED_OVER:
                raise ValueError(f"a value in line {self.line} has more than {PASSED_OVER:,} characters")
            if end is not None:
                break
        if holds and trouble is not None:
            raise JsonRefused(trouble)
        return held

    def _trouble(self, error: json.JSONDecodeError) -> ValueError:
        """Why the next value is none; nothing more is to come."""
        line = self.line + self._text.count("\n", self._at, error.pos)
        is_through = Extent(self._text[self._at]).end_in(self._text[self._at :]) is not None
        return (ValueError if is_through else Unfinished)(f"{error.msg} in line {line}")

    def _take(self, length: int) -> None:
        end = self._at + length
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        """Read more, in twice the size: what must be read again for it is then never more than that."""
        wanted = len(self._text) - self._at
        size = 0
        while size <= wanted and (added := self._append()):
            size += added
        return size > 0

    def _append(self) -> int:
        """Read a piece more, and let go what was taken. Returns of how many characters it is."""
        self._drop()
        piece = next(self._pieces, "")
        self._text += piece
        return len(piece)

    def _drop(self) -> None:
        if self._mark is not None and self._at:
            self._checkpoint = self.checkpoint()
            self._mark = None
        raw = _raw(self._text[: self._at])
        self._digest.update(raw)
        self._offset += len(raw)
        self._dropped += self._at
        self._text = self._text[self._at :]
        self._at = 0


def _is_suspect(text: str, at: int, end: int) -> bool:
    """Whether a value may hold half a character, a number that nobody takes, or too many levels."""
    return (
        text.find("\\u", at, end) >= 0
        or text.count("[", at, end) + text.count("{", at, end) > _FEW_LEVELS
        or _ODD_NUMBER.search(text, at, end) is not None
    )


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
