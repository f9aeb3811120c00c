"""Read a JSON document value by value from pieces of text, so that it is never in memory as a whole.

Python's own decoder reads each value, and only the current value is kept. Its memory is bounded, too: a value that is
too long, or has too many values inside, is skipped without being created, and reading continues after it. For a
document that may grow at its end, a checkpoint says how far it was read.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from eisync.core.formats.json_batch import objects_at
from eisync.core.formats.json_syntax import Extent
from eisync.core.formats.json_values import is_suspect
from eisync.core.model import value

LARGEST_VALUE = 512 * 1024
"""The most characters of a value that is created."""
MAX_VALUES = 25_000
"""The most values inside a value that is created: some 4,000 bounding boxes."""
MAX_SKIPPED = 16 * 1024 * 1024
"""The most characters of a value that is skipped. A longer one ends the reading with an error."""
AT_ONCE = 32 * 1024
"""A value of up to this many characters is created without counting its values first."""
_ONE_BY_ONE = 64  # elements that are taken singly after a batch was not one
MAX_IGNORED = 1_000
"""The most unknown members of an object. An object with more is no document for eisync, and an error."""

_BLANKS = re.compile(r"[ \t\r\n]*")
_BEHIND_A_VALUE = frozenset(" \t\r\n,]}")


class Unfinished(ValueError):
    """The text ends inside the document."""


class JsonRefused(ValueError):
    """A value cannot be used and was skipped. Reading can continue after it."""


class _Unusable(ValueError):
    """A value cannot be used, and was not skipped yet."""


def _no_number(name: str) -> Any:
    raise _Unusable(f"{name} is not a number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)
_LARGE = object()


@value
class Checkpoint:
    """How far a document was read: bytes, their hash, the line (from 1), and the caller's name for the place."""

    offset: int
    digest: "hashlib._Hash"
    line: int
    where: str

    def sha256(self) -> str:
        """Return the hash of all bytes before the checkpoint."""
        return self.digest.hexdigest()


class JsonStream:
    """Read values from the front of a text. All methods raise ValueError for text that is no JSON or ends too early."""

    def __init__(self, pieces: Iterable[str], after: Checkpoint | None = None) -> None:
        """`after` is the checkpoint at which these pieces begin; None for the beginning of the document."""
        self._pieces = iter(pieces)
        self._text = ""
        self._at = 0
        self._offset = 0 if after is None else after.offset  # bytes before the text
        self._digest = hashlib.sha256() if after is None else after.digest.copy()
        self._mark: tuple[int, int, str] | None = None
        self._checkpoint = after
        self._dropped = 0  # characters before the text
        self._ignored = 0  # members of the current object that were ignored
        self._one_by_one = 0  # elements to take before the next batch
        self.is_suspect = False  # the last value may contain something that cannot be used
        self.line = 1 if after is None else after.line  # the line of the next character

    @property
    def taken(self) -> int:
        """The number of characters that were taken so far."""
        return self._dropped + self._at

    def mark(self, where: str) -> None:
        """Mark this position as one from which reading can continue later. `where` is the caller's name for it."""
        self._mark = (self._at, self.line, where)

    def checkpoint(self) -> Checkpoint | None:
        """Return the last marked position; None when there is none."""
        if self._mark is not None:
            at, line, where = self._mark
            digest = self._digest.copy()
            raw = _raw(self._text[:at])
            digest.update(raw)
            return Checkpoint(self._offset + len(raw), digest, line, where)
        return self._checkpoint

    def next(self) -> str:
        """Return the next character that is no blank, without taking it; empty at the end."""
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
            if self.taken - began > MAX_SKIPPED:
                raise ValueError(f"there are only blanks in line {self.line} and in what follows")
            if not self._read_more():
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
        """Take the next value of any type. Raises JsonRefused when it cannot be used."""
        try:
            found = self._small_value()
        except _Unusable as error:
            self._skip()
            raise JsonRefused(str(error)) from None
        return self._large_value() if found is _LARGE else found

    def batch(self) -> list[Any]:
        """Take several elements of a list of objects at once, for speed; none where that does not work."""
        if self.next() != "{" or self._one_by_one:
            self._one_by_one = max(0, self._one_by_one - 1)
            return []
        found = objects_at(self._text, self._at, self._at + AT_ONCE)
        self._one_by_one = _ONE_BY_ONE if found is None else 0
        objects, end = found or ([], self._at)
        self._take(end - self._at)
        return objects

    def ignore(self) -> None:
        """Take the next value of any type and discard it, usable or not."""
        with contextlib.suppress(JsonRefused):
            self.value()
        self._ignored += 1
        if self._ignored > MAX_IGNORED:
            raise ValueError(f"it has more than {MAX_IGNORED:,} members that do not describe a file")

    def record(self, kept: Iterable[str]) -> tuple[Any, str | None]:
        """Take the next value; of a large object, only the members in `kept`. Leave out a member that cannot be used;
        the second part of the result then says why."""
        if self.next() != "{":
            return self.value(), None
        try:
            found = self._small_value()
        except _Unusable:
            found = _LARGE
        if found is not _LARGE:
            return found, None
        members: dict[str, Any] = {}
        problem: str | None = None
        held = self._ignored = 0
        for name in self.members():
            if name not in kept:
                self.ignore()
                continue
            held -= self.taken
            try:
                members[name] = self.value()
            except JsonRefused as error:
                problem = f"its {name}: {error}"
            held += self.taken
            if held > LARGEST_VALUE and problem is None:
                problem = f"it has more than {LARGEST_VALUE:,} characters"
            if problem is not None:
                members = {"path": members["path"]} if "path" in members else {}
        self.is_suspect = True
        return members, problem

    def members(self, *, is_inside: bool = False) -> Iterator[str]:
        """Yield the name of each member of the next object; the caller takes its value. `is_inside`: after a value."""
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
        """Yield for each element of the next list; the caller takes the element. `is_inside`: after an element."""
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

    def _small_value(self) -> Any:
        """Take the next value and return it; return `_LARGE` and take nothing when it is a large one."""
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
                if not self._read_more():
                    raise self._error_of(error) from None
                continue
            except _Unusable:
                raise
            except ValueError:  # Python refuses to convert them
                raise _Unusable("a number in it has thousands of digits") from None
            # A number may continue in the next piece, also after a decimal point that ends this one.
            is_ended = self._text[end - 1] in ']}"' or self._text[end : end + 1] in _BEHIND_A_VALUE
            if is_ended or not self._read_more():
                if end - self._at > AT_ONCE:
                    return _LARGE  # it happened to be in memory as a whole, but may contain too many values
                self.is_suspect = is_suspect(self._text, self._at, end)
                self._take(end - self._at)
                return value

    def _large_value(self) -> Any:
        """Take the next value, unless it has too many characters or values."""
        length = self._skip(holds=True)
        try:
            value, end = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise self._error_of(error) from None
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

    def _skip(self, *, holds: bool = False) -> int:
        """Skip the next value without creating it. With `holds`, keep its text instead and return the length; raise
        JsonRefused when it is too large for that."""
        extent = Extent(self._text[self._at])
        problem: str | None = None
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
            if problem is None and passed > LARGEST_VALUE:
                problem = f"it has more than {LARGEST_VALUE:,} characters"
            if problem is None and extent.values > MAX_VALUES:
                problem = f"it is made of more than {MAX_VALUES:,} values"
            if problem is not None or not holds:
                self._take(held)
                held = 0
            if passed > MAX_SKIPPED:
                raise ValueError(f"a value in line {self.line} has more than {MAX_SKIPPED:,} characters")
            if end is not None:
                break
        if holds and problem is not None:
            raise JsonRefused(problem)
        return held

    def _error_of(self, error: json.JSONDecodeError) -> ValueError:
        """Return the error for a next value that is not JSON, when there is no more text."""
        line = self.line + self._text.count("\n", self._at, error.pos)
        is_through = Extent(self._text[self._at]).end_in(self._text[self._at :]) is not None
        return (ValueError if is_through else Unfinished)(f"{error.msg} in line {line}")

    def _take(self, length: int) -> None:
        end = self._at + length
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def _read_more(self) -> bool:
        """Read more text, as much again as there is, so that repeated decoding reads at most twice as much."""
        wanted = len(self._text) - self._at
        size = 0
        while size <= wanted and (added := self._append()):
            size += added
        return size > 0

    def _append(self) -> int:
        """Read one more piece, and drop the text that was taken. Return the number of characters of the piece."""
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


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
