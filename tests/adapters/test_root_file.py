import fcntl
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from eisync.adapters import processes, root_file
from eisync.core.lineage import NAME
from eisync.errors import FolderError


def add(text: bytes) -> Callable[[bytes | None, int], bytes]:
    return lambda before, length: ((before or b"").strip() + text).ljust(length - 1) + b"\n"


def test_what_was_written_is_read_and_changed(tmp_path: Path) -> None:
    assert None is root_file.read(str(tmp_path))
    assert root_file.change(str(tmp_path), add(b"one"))
    assert root_file.change(str(tmp_path), add(b" two"))
    assert b"one two" == (root_file.read(str(tmp_path)) or b"").strip()
    status = os.stat(tmp_path / NAME)
    assert (root_file.LENGTH, False) == (status.st_size, bool(status.st_mode & stat.S_IWOTH))


def test_it_is_the_same_file_for_good(tmp_path: Path) -> None:
    root_file.change(str(tmp_path), add(b"one"))
    before = os.stat(tmp_path / NAME).st_ino
    root_file.change(str(tmp_path), add(b"two"))
    assert before == os.stat(tmp_path / NAME).st_ino


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    seen: list[bytes | None] = []

    def write(before: bytes | None, length: int) -> bytes:
        seen.append(before)
        return b"x"

    assert root_file.change(str(tmp_path), write)
    assert [None] == seen


def test_no_link_is_followed_and_nothing_else_is_taken(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"mine")
    (tmp_path / NAME).symlink_to(tmp_path / "secret")
    assert None is root_file.read(str(tmp_path))
    with pytest.raises(FolderError, match="cannot be written"):
        root_file.change(str(tmp_path), add(b"x"))
    assert b"mine" == (tmp_path / "secret").read_bytes()
    (tmp_path / NAME).unlink()
    os.mkfifo(tmp_path / NAME)
    assert None is root_file.read(str(tmp_path))  # and nobody waits for a writer
    with pytest.raises(FolderError):
        root_file.change(str(tmp_path), add(b"x"))


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert None is root_file.read(str(tmp_path / "away"))
    with pytest.raises(FolderError, match="give eisync's user the right"):
        root_file.change(str(tmp_path / "away"), add(b"x"))


def test_no_change_of_two_is_lost(tmp_path: Path) -> None:
    def many(mark: bytes) -> None:
        for _ in range(40):
            root_file.change(str(tmp_path), add(mark))

    threads = [threading.Thread(target=many, args=(mark,)) for mark in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    content = (root_file.read(str(tmp_path)) or b"").strip()
    assert {97: 40, 98: 40, 99: 40} == {mark: content.count(mark) for mark in (97, 98, 99)}


def test_one_that_somebody_holds_on_to_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_file, "_LOCK_S", 0.05)
    root_file.change(str(tmp_path), add(b"one"))
    with (tmp_path / NAME).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(FolderError):
            root_file.change(str(tmp_path), add(b"two"))
    assert b"one" == (root_file.read(str(tmp_path)) or b"").strip()


def test_nothing_of_it_stays_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    root_file.change(str(tmp_path), add(b"one"))
    root_file.read(str(tmp_path))
    assert len(before) == len(os.listdir("/proc/self/fd"))  # a disk with an open file cannot be unmounted


def test_the_files_around_are_those_above_and_those_on_the_way(tmp_path: Path) -> None:
    root = tmp_path / "lab" / "bench"
    for folder in (tmp_path / "lab", root, root / "a", root / "a" / "b", root / "c"):
        folder.mkdir(exist_ok=True)
        (folder / NAME).touch()
    (root / "a" / NAME).unlink()
    found = root_file.around(str(root), "a/b/wave.csv")
    assert [str(tmp_path / "lab"), str(root / "a" / "b")] == found
    (tmp_path / "link").symlink_to(root)
    assert [str(tmp_path / "lab")] == root_file.around(str(tmp_path / "link"), "wave.csv")


def test_a_process_is_told_from_every_other_one() -> None:
    mine = processes.identity(os.getpid())
    assert mine
    assert True is processes.is_running(os.getpid(), mine)
    assert False is processes.is_running(os.getppid(), mine)  # the number is another process's now
    assert None is processes.is_running(os.getpid(), "another-boot pid:[1] 1")
    assert None is processes.is_running(os.getpid(), "")
