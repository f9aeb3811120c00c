"""Write an exported dataset into a folder. Each file is complete or absent, and a second run continues the first.

A file is written under a temporary name, synced to the disk and then renamed, so a file with its final name is
complete. Before that, the journal records which sample the name is for. A name that is not in the journal is a foreign
file and is never changed. No link in the folder is followed. The journal and the temporary files are in the hidden
folder `.eisync`.
"""

import contextlib
import errno
import json
import os
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import IO, Any

from eisync.adapters.dataset_labels import LabelsReport, write_labels
from eisync.adapters.files.image_header import size_of_image
from eisync.adapters.files.relocate import SafeFolder
from eisync.core.dataset import INFO_LABELS, fitting_name
from eisync.core.dataset_layout import DatasetFormat, Layout
from eisync.errors import FolderError

OWN_FOLDER = ".eisync"
SMALL_BYTES = 64 * 1024

_JOURNAL, _PARTS = "pull.jsonl", "parts"
_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT})


_EI = Layout()


class Dataset:
    """Write into the folder. `store` is safe to use from any thread; use everything else from one thread only."""

    def __init__(self, folder: str, selection: Mapping[str, Any], layout: Layout = _EI) -> None:
        """Open the folder for a selection. A folder holds one selection in one format only.

        Raise FolderError when the folder holds another one or foreign files, when another process writes to it, or when
        it cannot be written.
        """
        self.folder = folder
        self.labels_report: LabelsReport | None = None  # what the label files describe, once they are written
        self._layout = layout
        self._beneath: SafeFolder
        self._lock = threading.Lock()
        self._places: dict[int, str] = {}
        self._taken: set[str] = set()
        try:
            with self._translated():
                self._prepare(selection)
        except OSError as error:
            raise FolderError(f"{folder} cannot be used ({error.strerror}); name another folder") from error

    def has(self, sample_id: int) -> bool:
        """Return whether the sample's file exists, which means that it is complete."""
        place = self._places.get(sample_id)
        return place is not None and self._beneath.holds_file(place)

    def place_of(self, sample_id: int) -> str:
        """Return the path of the sample's file, relative to the folder, with `/` between the parts."""
        return self._places[sample_id]

    def ids(self) -> Collection[int]:
        """Return the ids of the samples that have a path here, of this run and of earlier ones."""
        return self._places.keys()

    def store(self, sample_id: int, category: str, name: str, chunks: Iterable[bytes]) -> int:
        """Write the sample's file. Return its size in bytes.

        Raise FolderError when no file at all can be written, OSError when this one cannot be written, and whatever
        `chunks` raises. The temporary file is removed then.
        """
        part = f"{OWN_FOLDER}/{_PARTS}/{sample_id}"
        with self._translated(), self._written(part) as file:
            beginning = b""
            with contextlib.closing(iter_of(chunks)) as pieces:
                for chunk in pieces:
                    beginning = beginning or chunk[:SMALL_BYTES]
                    file.write(chunk)
            size = file.tell()
            _sync(file)
            place = self._assign(sample_id, category, fitting_name(name, beginning))
            self._beneath.make(place.rpartition("/")[0])
            self._beneath.rename(part, place)
        return size

    @contextlib.contextmanager
    def labels_writer(self) -> Iterator["LabelsWriter"]:
        """Write all labels again. They replace the old ones at the end, if `keep` was called. Raise FolderError."""
        part = f"{OWN_FOLDER}/{INFO_LABELS}"
        with self._translated(), self._written(part) as file:
            labels = LabelsWriter(file)
            yield labels
            if not labels.is_kept:
                return
            labels.end()
            _sync(file)
            if self._layout.format is DatasetFormat.EI:
                self._beneath.rename(part, INFO_LABELS)
            else:
                self.labels_report = write_labels(self._beneath, OWN_FOLDER, part, self._layout, self._size_of)
            self._beneath.sync()

    def close(self) -> None:
        """Release the folder. Safe to repeat."""
        self._journal.close()

    def _prepare(self, selection: Mapping[str, Any]) -> None:
        journal = f"{OWN_FOLDER}/{_JOURNAL}"
        self._beneath = SafeFolder(self.folder)
        if not self._beneath.holds_file(journal) and set(os.listdir(self.folder)) - {OWN_FOLDER}:
            raise FolderError(f"{self.folder} is not empty and was not made by 'eisync pull'; name a new folder")
        self._beneath.make(OWN_FOLDER)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = self._beneath.open(journal, flags)
        self._journal = open(descriptor, "ab", buffering=0)  # noqa: SIM115 - open until `close`, because it holds the lock
        try:
            self._take_lock()
            self._read_journal(journal, selection)
            parts = f"{OWN_FOLDER}/{_PARTS}"
            self._beneath.clear(parts)
            self._beneath.make(parts)
        except BaseException:
            self._journal.close()
            raise

    def _take_lock(self) -> None:
        if sys.platform == "win32":
            return  # this system has no such lock
        import fcntl

        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderError(
                f"another pull is writing into {self.folder}; wait for it, or name another folder"
            ) from None

    def _read_journal(self, journal: str, selection: Mapping[str, Any]) -> None:
        end, header = 0, None
        with open(self._beneath.open(journal, os.O_RDONLY), "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the process ended while it wrote this line
                end += len(line)
                record = _record(line)
                if header is None:
                    header = record
                elif isinstance(record.get("id"), int) and isinstance(record.get("place"), str):
                    self._remember(record["id"], record["place"])
        if header is not None and header != {"version": 1, **selection}:
            raise FolderError(
                f"{self.folder} holds {_described(header)}, not {_described(selection)}; name another folder"
            )
        self._journal.truncate(end)
        if header is None:
            self._note({"version": 1, **selection})

    def _assign(self, sample_id: int, category: str, name: str) -> str:
        with self._lock:
            place = self._places.get(sample_id)
            if place is None:
                place = self._layout.place_for(category, name, sample_id, self._taken)
                if self._is_foreign(place):
                    place = self._layout.place_for(category, name, sample_id, {self._layout.key_of(place)})
                if self._is_foreign(place):
                    raise FileExistsError(errno.EEXIST, f"the file at {place} was not made by 'eisync pull'")
                self._note({"id": sample_id, "place": place})
                self._remember(sample_id, place)
        return place

    def _is_foreign(self, place: str) -> bool:
        """Return whether another program put a file at the path of a new sample, or of its label file."""
        return any(self._beneath.status(one) is not None for one in self._layout.files_of(place))

    def _size_of(self, place: str) -> tuple[int, int] | None:
        with contextlib.suppress(OSError), open(self._beneath.open(place, os.O_RDONLY), "rb") as file:
            return size_of_image(file)
        return None

    def _remember(self, sample_id: int, place: str) -> None:
        self._places[sample_id] = place
        key = self._layout.key_of(place)
        self._taken.add(place if key == place else key)  # usually they are equal: then keep one string only

    def _note(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(record).encode() + b"\n"
        before = os.fstat(self._journal.fileno()).st_size
        if self._journal.write(line) != len(line):
            self._journal.truncate(before)  # the next record must not follow half a line
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def _written(self, part: str) -> Iterator[IO[bytes]]:
        """Lend a temporary file to write. It is removed unless it was renamed."""
        try:
            with open(self._beneath.create(part), "wb") as file:
                yield file
        finally:
            with contextlib.suppress(OSError):
                self._beneath.remove(part)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise FolderError(
                    f"there is no space left for {self.folder}; make room and run it again, and it continues where "
                    "it stopped"
                ) from error
            if isinstance(error, FileExistsError | NotADirectoryError) and not os.path.isdir(self.folder):
                raise FolderError(f"{self.folder} is not a folder; name one") from error
            if error.errno in _HOPELESS:
                raise FolderError(
                    f"{self.folder} cannot be written ({error.strerror}); check its disk and its permissions, or "
                    "name another folder"
                ) from error
            raise


class LabelsWriter:
    """Write an `info.labels` entry by entry, so that memory never holds a million entries."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._between = b'{"version":1,"files":[\n'
        self.is_kept = False

    def add(self, entry: Mapping[str, Any]) -> None:
        self._file.write(self._between + json.dumps(entry, separators=(",", ":")).encode())
        self._between = b",\n"

    def keep(self) -> None:
        """Mark the file as complete."""
        self.is_kept = True

    def end(self) -> None:
        self._file.write((b"" if self._between.startswith(b",") else self._between) + b"\n]}\n")


def iter_of(chunks: Iterable[bytes]) -> Any:
    """Return an iterator with a `close` method, so that a connection can be released at once."""
    return chunks if hasattr(chunks, "close") else (chunk for chunk in chunks)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _described(selection: Mapping[str, Any]) -> str:
    words = [f"project {selection.get('project')}"]
    if selection.get("category"):
        words.append(f"category {selection['category']}")
    if selection.get("labels"):
        words.append("label " + ", ".join(map(str, selection["labels"])))
    if selection.get("format"):
        words.append(f"format {selection['format']}")
    return " ".join(words) if len(words) == 1 else f"{words[0]} ({', '.join(words[1:])})"
