"""Recognise annotation files, and read sidecars, the files that describe other files.

Whether a file is an annotation depends on its first bytes and the files beside it; `core.labels.annotations` decides.
If its first bytes are not passed in, they are read from a descriptor of the checked version.

A sidecar is read in steps. When it grows, reading continues where it ended before.
"""

import codecs
import contextlib
import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from eisync.adapters.files.file_facts import facts_at, open_inside, raise_if_exhausted
from eisync.adapters.files.folder_walk import facts_of, is_version
from eisync.adapters.files.positions import read_at
from eisync.core.annotations.encoding import MARK_BYTES, encoding_of
from eisync.core.formats.json_stream import Checkpoint, JsonStream, Unfinished
from eisync.core.ignore import IgnoreRules
from eisync.core.labels.annotations import HEAD_BYTES, IfBeside, NotASample, annotation_of, may_be_annotation
from eisync.core.labels.entry import Entry
from eisync.core.labels.mentions import NearMiss, collected, near
from eisync.core.labels.sidecars import places_for, resume_entries, sidecars_for
from eisync.core.model import FileFacts, shown
from eisync.core.text import caseless


def annotation_at(
    root: str,
    path: str,
    facts: FileFacts,
    is_known: Callable[[Sequence[str]], bool] = lambda _: False,
    head: bytes = b"",
) -> NotASample | None:
    """Return what the file of these facts is if it is no sample; None if it may be one, or is another version by now.

    `is_known` returns whether one of these paths held an uploaded file, which may have been removed since. `head` is
    the beginning of the file, if it was read before; more is read if it is too short. Raise UnreachableError when no
    file can be opened at the moment.
    """
    if not may_be_annotation(path, head):
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
        raise_if_exhausted(error)
        return None
    try:
        head = os.read(descriptor, HEAD_BYTES)
        return head if is_version(os.fstat(descriptor), facts) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _any_is_there(root: str, paths: Sequence[str]) -> bool:
    """Return whether a file exists at one of these paths, which are grouped by folder."""
    for folder, places in itertools.groupby(paths, _folder_of):
        # Most of the folders that would mirror a folder of labels do not exist.
        is_folder = not folder or os.path.isdir(os.path.join(root, folder))
        if is_folder and any(_is_there(os.path.join(root, place)) for place in places):
            return True
    return False


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _is_there(place: str) -> bool:
    try:
        # `access` needs no exception for the usual answer, which is no.
        return os.access(place, os.F_OK) and stat.S_ISREG(os.lstat(place).st_mode)
    except (OSError, ValueError):
        return False


CHUNK_BYTES = 64 * 1024
COMPARED_BYTES = 4 * 1024 * 1024
"""Compare this much of what was read before in one step."""

_BOM = b"\xef\xbb\xbf"


class Reading:
    """Read the sidecar at `place` once: iterate over its entries, with None for a step that found no entry yet.

    Raise ValueError, with the reason, when the sidecar cannot be used, and Unfinished when it ends in the middle of an
    entry. Raise UnreachableError when no file can be opened at the moment.

    `after` is the end of an earlier reading. After the first step, `is_continued` says whether the bytes of that
    reading are unchanged, so that this one continues behind them. `facts` are those of the opened file.
    """

    def __init__(
        self,
        root: str,
        place: str,
        after: Checkpoint | None = None,
        entries_of: Callable[[Iterable[str]], Iterator[Entry]] | None = None,
    ) -> None:
        """`entries_of` parses an annotation file of another program; None: it is a sidecar."""
        self.facts: FileFacts | None = None
        self.is_continued = False
        self.is_unchanged = False
        """Whether the sidecar did not change during the reading. Only known at the end."""
        self._place = place
        self._after = after
        self._entries_of = entries_of
        self._taken = 0
        self._pieces: JsonStream | None = None
        self._bom_bytes = 0
        self._encoding = "utf-8"
        self._steps = self._run(root)

    def __iter__(self) -> Iterator[Entry | None]:
        return self._steps

    def __next__(self) -> Entry | None:
        return next(self._steps)

    @property
    def taken(self) -> int:
        """Return how many characters were read so far."""
        return self._taken if self._pieces is None else self._pieces.taken

    def checkpoint(self) -> Checkpoint | None:
        """Return where a later reading can continue if the sidecar only grows; None when nothing was read."""
        return None if self._pieces is None else self._pieces.checkpoint()

    def close(self) -> None:
        """Close the file. Safe to repeat."""
        self._steps.close()

    def _run(self, root: str) -> Generator[Entry | None, None, None]:
        try:
            descriptor = open_inside(root, self._place)
        except OSError as error:
            raise_if_exhausted(error)
            raise ValueError(f"it cannot be read ({error.strerror})") from error
        try:
            yield from self._read(descriptor)
        except UnicodeDecodeError as error:
            name = "UTF-16" if self._encoding.startswith("utf-16") else "UTF-8"
            raise ValueError(f"it is not {name} (byte {error.object[error.start]:#04x})") from None
        except OSError as error:
            raise ValueError(f"it cannot be read ({error.strerror})") from error
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int) -> Iterator[Entry | None]:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        self.facts = facts_of(status)
        if self._entries_of is not None:
            yield from self._read_annotations(descriptor, self.facts, self._entries_of)
            return
        head = read_at(descriptor, MARK_BYTES, 0)
        self._bom_bytes = len(_BOM) if head.startswith(_BOM) else 0
        found = encoding_of(head)
        # A sidecar is JSON: what is neither UTF-8 nor UTF-16 is refused, not guessed.
        self._encoding = found if found.startswith("utf-16") else "utf-8"
        # A checkpoint counts bytes of UTF-8: a sidecar in another encoding is read from its beginning.
        if self._after is not None and self._encoding == "utf-8":
            yield from self._compare(descriptor, self._after)
        self._pieces = JsonStream(self._text(descriptor), self._after if self.is_continued else None)
        try:
            yield from resume_entries(self._place.rpartition("/")[2], self._pieces)
        finally:
            self.is_unchanged = is_version(os.fstat(descriptor), self.facts)

    def _read_annotations(
        self, descriptor: int, facts: FileFacts, entries_of: Callable[[Iterable[str]], Iterator[Entry]]
    ) -> Iterator[Entry | None]:
        self._encoding = _encoding_of_all(descriptor)
        self._bom_bytes = 0
        try:
            yield from entries_of(self._text(descriptor))
        finally:
            self.is_unchanged = is_version(os.fstat(descriptor), facts)

    def _compare(self, descriptor: int, after: Checkpoint) -> Iterator[None]:
        """Check whether the sidecar still begins with the bytes that were read before."""
        digest = hashlib.sha256()
        compared = 0
        while compared < after.offset:
            size = min(CHUNK_BYTES * 4, after.offset - compared)
            chunk = read_at(descriptor, size, self._bom_bytes + compared)
            if not chunk:
                return
            digest.update(chunk)
            compared += len(chunk)
            if compared % COMPARED_BYTES < len(chunk):
                yield None
        self.is_continued = digest.hexdigest() == after.sha256()

    def _text(self, descriptor: int) -> Iterator[str]:
        errors = "replace" if self._encoding == "cp1252" else "strict"  # some bytes have no character in it
        decoder = codecs.getincrementaldecoder(self._encoding)(errors)
        offset = self._bom_bytes + (self._after.offset if self._after is not None and self.is_continued else 0)
        while chunk := read_at(descriptor, CHUNK_BYTES, offset):
            offset += len(chunk)
            if text := decoder.decode(chunk):
                self._taken += len(text)
                yield text
        if decoder.getstate()[0]:
            raise Unfinished("it ends in the middle of a character")


def _encoding_of_all(descriptor: int) -> str:
    """Return the encoding of an annotation file. One that is not UTF-8 is read as the programs of Windows write it."""
    head = read_at(descriptor, HEAD_BYTES, 0)
    found = encoding_of(head)
    if found not in ("utf-8", "utf-8-sig"):
        return found
    decoder = codecs.getincrementaldecoder(found)()
    offset = 0
    try:
        while chunk := read_at(descriptor, CHUNK_BYTES * 4, offset):
            offset += len(chunk)
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return "cp1252"
    return found


def entries(root: str, place: str) -> Iterator[Entry]:
    """Yield the entries of the sidecar at `place`. Raise ValueError, with the reason, when it cannot be used."""
    with contextlib.closing(Reading(root, place)) as reading:
        for entry in reading:
            if entry is not None:
                yield entry


def said_of(root: str, path: str, eligibility: IgnoreRules) -> dict[str, Entry | NearMiss | str | None]:
    """Return what each existing sidecar says about the file at `path`, by the path of the sidecar. For a single file.

    None: the sidecar does not mention the file. A text: why the sidecar cannot be used.
    """
    said: dict[str, Entry | NearMiss | str | None] = {}
    there = [place for place in places_for(path) if facts_at(root, place) and eligibility.ignoring(place) is None]
    for place, name in sidecars_for(path, there).items():
        alike: list[Entry] = []
        trouble: str | None = None
        try:
            alike += (entry for entry in entries(root, place) if caseless(entry.path) == caseless(shown(name)))
        except Unfinished as error:
            trouble = str(error)
        except ValueError as error:
            said[place] = str(error)
            continue
        said[place] = _mention(root, place, shown(name), collected(place.rpartition("/")[2], alike)) or trouble
    return said


def _mention(root: str, place: str, name: str, alike: dict[str, Entry]) -> Entry | NearMiss | None:
    if name in alike or not alike:
        return alike.get(name)
    folder = place.rpartition("/")[0]
    facts = {one: facts_at(root, f"{folder}/{one}" if folder else one) for one in (name, *alike)}
    return near(name, alike, {one for one in alike if facts[one] is not None and facts[one] != facts[name]})


def census(root: str, place: str) -> str:
    """Return how many files the sidecar describes, or why it cannot be used, in a few words."""
    number = troubled = 0
    example: Entry | None = None
    try:
        for entry in entries(root, place):
            number += 1
            if entry.problem is not None:
                troubled, example = troubled + 1, example or entry
    except ValueError as error:
        return f"it cannot be used: {error}"
    speaks = f"it describes {number:,} {'file' if number == 1 else 'files'}"
    if example is None:
        return speaks
    return f"{speaks}; {troubled:,} of its entries cannot be used, such as {example.path!r}: {example.problem}"
