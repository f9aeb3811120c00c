"""Open, make and rename what lies below a folder, and nothing else: no link in it leads out of it.

Where the system has descriptors of folders, every step is taken from one, so that nobody can put a link in the way in
between. Where it has none (Windows), each part is looked at before it is used.

Places are relative to the folder, with `/` between the parts.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator

from eisync.adapters.files.file_facts import open_folder

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_IS_LINK = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK})
HAS_DESCRIPTORS = {os.open, os.mkdir, os.unlink, os.stat, os.rename} <= os.supports_dir_fd


class SafeFolder:
    """The folder, which may itself be reached through a link. Safe to use from any thread."""

    def __init__(self, top: str) -> None:
        """Make the folder where it is missing. Raises OSError."""
        os.makedirs(top, exist_ok=True)
        self.top = top

    def open(self, place: str, flags: int) -> int:
        """A descriptor of the file. Raises OSError, with ELOOP where a link is in the way."""
        with self._folder_of(place) as (at, name):
            return os.open(name, flags | _NO_LINK, 0o666, dir_fd=at)

    def create(self, place: str) -> int:
        """A descriptor of a new, empty file; what was there is taken away, and not written into."""
        self.remove(place)
        return self.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def make(self, folder: str) -> None:
        """Make the folder with those above it, where they are missing."""
        done = ""
        for part in folder.split("/") if folder else ():
            done = f"{done}/{part}" if done else part
            with self._folder_of(done) as (at, name), contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=at)
        with self._folder_of(f"{folder}/." if folder else "."):
            pass  # each is one, and no link

    def rename(self, place: str, to: str) -> None:
        """Put the file in the place of whatever is there."""
        with self._folder_of(place) as (at, name), self._folder_of(to) as (there, new):
            if at is None:
                os.replace(name, new)
            else:
                os.replace(name, new, src_dir_fd=at, dst_dir_fd=there)

    def remove(self, place: str) -> None:
        """Take the file away, if there is one."""
        with contextlib.suppress(FileNotFoundError), self._folder_of(place) as (at, name):
            os.unlink(name, dir_fd=at)

    def clear(self, folder: str) -> None:
        """Take the folder away with all that is in it, and a link in its place without what it leads to."""
        status = self.status(folder)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            self.remove(folder)
            return
        with self._folder_of(folder) as (at, name):
            shutil.rmtree(name, ignore_errors=True, dir_fd=at)

    def status(self, place: str) -> os.stat_result | None:
        """What is there, a link itself; None when nothing is, or nothing that can be reached without one."""
        try:
            with self._folder_of(place) as (at, name):
                return os.stat(name, dir_fd=at, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, *_IS_LINK):
                return None
            raise

    def holds_file(self, place: str) -> bool:
        """Whether a regular file is there."""
        status = self.status(place)
        return status is not None and stat.S_ISREG(status.st_mode)

    def sync(self) -> None:
        """What was renamed in the folder stays so after a power cut, as far as the file system can promise it."""
        # Windows opens no folders, some file systems sync none.
        with contextlib.suppress(OSError):
            descriptor = os.open(self.top, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @contextlib.contextmanager
    def _folder_of(self, place: str) -> Iterator[tuple[int | None, str]]:
        """A descriptor of the folder that the place is in, and its name there; None, and the whole path."""
        folder, _, name = place.rpartition("/")
        at = None
        try:
            if HAS_DESCRIPTORS:
                at = open_folder(self.top, folder)
            else:
                self._look_at(folder)
        except OSError as error:
            if error.errno in _IS_LINK:
                raise OSError(errno.ELOOP, f"a link or a file is in the way at {folder}") from error
            raise
        try:
            yield at, name if at is not None else os.path.join(self.top, *folder.split("/"), name)
        finally:
            if at is not None:
                os.close(at)

    def _look_at(self, folder: str) -> None:
        at = self.top
        for part in folder.split("/") if folder else ():
            at = os.path.join(at, part)
            status = os.lstat(at)
            is_junction = getattr(status, "st_reparse_tag", 0) != 0
            if is_junction or not stat.S_ISDIR(status.st_mode):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
