"""A file is opened to be shown as for an upload: only itself, inside its root, and watched for changes."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from eisync.adapters.files.viewing import OpenFile
from eisync.core.drawing.reading import Enough
from eisync.core.formats.probe import Read
from eisync.errors import FileAwayError, FileChangedError, FileGoneError, FileUnreadableError, UnreachableError

Drawing = Generator[Read, bytes, bytes]


def whole(size: int, most: int = 4) -> Drawing:
    """Read a file piece by piece, as far as bytes come."""
    found = b""
    try:
        while len(found) < size:
            found += yield Read(len(found), min(most, size - len(found)))
    except Enough:
        found += b" cut"
    return found


def test_a_drawing_gets_the_bytes_that_it_asks_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"0123456789")
    with OpenFile(str(tmp_path), "a.txt") as file:
        assert (10, b"0123456789") == (file.facts.size, file.draw(whole(10)))
        assert [b"345"] == list(file.pieces(3, 3))
        file.close()


def test_a_drawing_ends_when_its_time_is_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"0123456789")
    with OpenFile(str(tmp_path), "a.txt") as file:
        assert b" cut" == file.draw(whole(10), within_s=-1.0)


def test_a_file_that_changes_while_it_is_drawn_is_not_shown(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    place.write_bytes(b"0123456789")

    def changing() -> Drawing:
        found = yield Read(0, 4)
        place.write_bytes(b"0")
        try:
            yield Read(4, 4)
        except Enough:
            return found
        raise AssertionError("the file has no such bytes any more")

    with OpenFile(str(tmp_path), "a.txt") as file, pytest.raises(FileChangedError, match="It changed while"):
        file.draw(changing())


def test_what_cannot_be_opened_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(tmp_path)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileGoneError, match="not here any more"):
        OpenFile(root, "none")
    with pytest.raises(FileGoneError, match="no file with such a name"):
        OpenFile(root, "a\0b")
    with pytest.raises(FileUnreadableError, match="symbolic link"):
        OpenFile(root, "link")
    with pytest.raises(FileUnreadableError, match="not a regular file"):
        OpenFile(root, "folder")
    with pytest.raises(FileAwayError, match="is not there; create or mount it"):
        OpenFile(f"{root}/away", "a.txt")

    def failing(error: OSError) -> None:
        def fail(*_: object) -> int:
            raise error

        monkeypatch.setattr("eisync.adapters.files.viewing.open_inside", fail)

    for error, kind in (
        (PermissionError(13, "Permission denied"), FileUnreadableError),
        (BlockingIOError(11, "Resource temporarily unavailable"), FileChangedError),
        (OSError(24, "Too many open files"), UnreachableError),
    ):
        failing(error)
        with pytest.raises(kind):
            OpenFile(root, "a.txt")


def test_a_bad_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_bytes(b"0123456789")
    with OpenFile(str(tmp_path), "a.txt") as file:

        def fail(*_: object) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(FileUnreadableError, match="Input/output error"):
            file.draw(whole(10))
