"""Open, make and rename what lies below a folder, and nothing else: no link in it leads out of it.

Where the system has descriptors of folders, every step is taken from one, so that no other program can put a link in
the way in between. Where it has none (Windows), each part is checked before it is used.

Places are relative to the folder, with `/` between the parts.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from eisync.adapters.files.file_facts import open_folder
from eisync.adapters.files.relocate import made_folder, sync_folder

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_IS_LINK = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK})
HAS_DESCRIPTORS = {os.open, os.mkdir, os.unlink, os.stat, os.rename} <= os.supports_dir_fd


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an open folder; where the system cannot open folders (None), the name is the whole path."""

    name: str
    folder: int | None

    def beside(self, name: str) -> "Place":
        """Another name in the same folder."""
        return Place(name if self.folder is not None else os.path.join(os.path.dirname(self.name), name), self.folder)


@contextlib.contextmanager
def opened(top: str, folder: str, name: str, *, makes: int | None = None) -> Iterator[Place]:
    """The name in that folder below `top`, which may itself be reached through a link.

    `makes`: the rights of folders that are made where they are missing; None: none is made. Raises OSError.
    """
    if not HAS_DESCRIPTORS:
        yield Place(os.path.join(_checked(top, folder, makes), name), None)
        return
    descriptor = open_folder(top, folder) if makes is None else made_folder(top, folder, mode=makes)
    try:
        yield Place(name, descriptor)
    finally:
        os.close(descriptor)


class SafeFolder:
    """The folder, which may itself be reached through a link. Safe to use from any thread."""

    def __init__(self, top: str) -> None:
        """Make the folder where it is missing. Raises OSError."""
        os.makedirs(top, exist_ok=True)
        self.top = top

    def open(self, place: str, flags: int) -> int:
        """A descriptor of the file. Raises OSError, with ELOOP where a link is in the way."""
        with self._at(place) as at:
            return os.open(at.name, flags | _NO_LINK, 0o666, dir_fd=at.folder)

    def create(self, place: str) -> int:
        """A descriptor of a new, empty file; a file that was there is removed, and not written into."""
        self.remove(place)
        return self.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def make(self, folder: str) -> None:
        """Make the folder with those above it, where they are missing."""
        with self._at(f"{folder}/." if folder else ".", makes=0o777):
            pass

    def rename(self, place: str, to: str) -> None:
        """Rename the file, over whatever is at `to`."""
        with self._at(place) as at, self._at(to) as goal:
            if at.folder is None:
                os.replace(at.name, goal.name)
            else:
                os.replace(at.name, goal.name, src_dir_fd=at.folder, dst_dir_fd=goal.folder)

    def remove(self, place: str) -> None:
        """Remove the file, if there is one."""
        with contextlib.suppress(FileNotFoundError), self._at(place) as at:
            os.unlink(at.name, dir_fd=at.folder)

    def clear(self, folder: str) -> None:
        """Remove the folder with all that is in it; of a link in its place only the link."""
        status = self.status(folder)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            self.remove(folder)
            return
        with self._at(folder) as at:
            shutil.rmtree(at.name, ignore_errors=True, dir_fd=at.folder)

    def status(self, place: str) -> os.stat_result | None:
        """What is there, a link itself; None when nothing is, or nothing that can be reached without one."""
        try:
            with self._at(place) as at:
                return os.stat(at.name, dir_fd=at.folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, *_IS_LINK):
                return None
            raise

    def holds_file(self, place: str) -> bool:
        """Whether a regular file is there."""
        status = self.status(place)
        return status is not None and stat.S_ISREG(status.st_mode)

    def sync(self) -> None:
        """Make renames in the folder survive a power cut, as far as the file system can."""
        sync_folder(self.top)

    @contextlib.contextmanager
    def _at(self, place: str, *, makes: int | None = None) -> Iterator[Place]:
        folder, _, name = place.rpartition("/")
        with contextlib.ExitStack() as stack:
            try:
                at = stack.enter_context(opened(self.top, folder, name, makes=makes))
            except OSError as error:
                if error.errno in _IS_LINK:
                    raise OSError(errno.ELOOP, f"a link or a file is in the way at {folder}") from error
                raise
            yield at


def _checked(top: str, folder: str, makes: int | None) -> str:
    """The path of the folder, no part of which is a link. Raises OSError."""
    at = top
    for part in folder.split("/") if folder else ():
        at = os.path.join(at, part)
        if makes is not None:
            with contextlib.suppress(FileExistsError):
                os.mkdir(at, makes)
        status = os.lstat(at)
        is_junction = getattr(status, "st_reparse_tag", 0) != 0
        if is_junction or not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return at
