import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters import process
from eisync.adapters.files import folder_notes
from eisync.adapters.files.folder_notes import LENGTH, Note, around
from eisync.core.lineage import NAME, Stamp
from eisync.errors import FolderError

ATTRIBUTE = "user.eisync.test"
NOTE = Note(ATTRIBUTE, NAME)


def add(text: bytes) -> Callable[[list[bytes]], bytes]:
    return lambda found: (found[0] if found else b"") + text


def has_attributes(folder: Path) -> bool:
    try:
        os.setxattr(folder, ATTRIBUTE, b"x")
        os.removexattr(folder, ATTRIBUTE)
    except OSError:
        return False
    return True


def without(monkeypatch: pytest.MonkeyPatch, code: int = errno.ENOTSUP) -> None:
    """The disk has no attributes."""

    def refuse(*_: Any, **__: Any) -> bytes:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "getxattr", refuse)
    monkeypatch.setattr(os, "setxattr", refuse)


@pytest.fixture(params=["an attribute", "a file"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "a file":
        without(monkeypatch)
    elif not has_attributes(tmp_path):
        pytest.skip("this disk has no attributes")
    return tmp_path


def test_what_was_kept_is_read_and_changed(folder: Path) -> None:
    assert [] == NOTE.read(str(folder))
    assert NOTE.change(str(folder), add(b"one"))
    assert NOTE.change(str(folder), add(b" two"))
    assert [b"one two"] == NOTE.read(str(folder))


def test_no_change_of_two_is_lost(folder: Path) -> None:
    def many(mark: bytes) -> None:
        for _ in range(40):
            NOTE.change(str(folder), add(mark))

    threads = [threading.Thread(target=many, args=(mark,)) for mark in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    [content] = NOTE.read(str(folder))
    assert (40, 40, 40) == (content.count(b"a"), content.count(b"b"), content.count(b"c"))


def test_nothing_stays_open(folder: Path) -> None:
    before = os.listdir("/proc/self/fd")
    NOTE.change(str(folder), add(b"one"))
    NOTE.read(str(folder))
    assert len(before) == len(os.listdir("/proc/self/fd"))  # a disk with an open file cannot be unmounted


def test_a_folder_that_another_process_locks_is_not_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_notes, "_LOCK_S", 0.05)
    NOTE.change(str(folder), add(b"one"))
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(FolderError):
            NOTE.change(str(folder), add(b"two"))
    finally:
        os.close(descriptor)
    assert [b"one"] == NOTE.read(str(folder))


def test_a_folder_that_is_not_there_says_so(folder: Path) -> None:
    assert [] == NOTE.read(str(folder / "away"))
    with pytest.raises(FolderError, match="give eisync's user permission"):
        NOTE.change(str(folder / "away"), add(b"x"))


def test_an_attribute_leaves_no_file(tmp_path: Path) -> None:
    if not has_attributes(tmp_path):
        pytest.skip("this disk has no attributes")
    before = os.stat(tmp_path)
    NOTE.change(str(tmp_path), add(b"one"))
    assert ([], before.st_mtime_ns) == (os.listdir(tmp_path), os.stat(tmp_path).st_mtime_ns)


def test_the_file_is_one_for_good_and_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    NOTE.change(str(tmp_path), add(b"one"))
    before = os.stat(tmp_path / NAME)
    for _ in range(3):
        NOTE.change(str(tmp_path), lambda _: b"two")
    after = os.stat(tmp_path / NAME)
    assert (before.st_ino, LENGTH, LENGTH) == (after.st_ino, before.st_size, after.st_size)
    assert not after.st_mode & stat.S_IWOTH


def test_no_file_is_created_unless_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    assert not NOTE.change(str(tmp_path), add(b"one"), makes_file=False)
    assert [] == os.listdir(tmp_path)


def test_both_are_written_when_another_system_left_the_file(tmp_path: Path) -> None:
    if not has_attributes(tmp_path):
        pytest.skip("this disk has no attributes")
    (tmp_path / NAME).write_bytes(b"theirs")
    assert NOTE.change(str(tmp_path), lambda found: b"+".join([*found, b"ours"]))
    assert [b"theirs+ours"] * 2 == NOTE.read(str(tmp_path))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_distinguished_from_a_read_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    without(monkeypatch, code)
    assert not NOTE.change(str(tmp_path), add(b"one"))
    without(monkeypatch, errno.EROFS)
    with pytest.raises(FolderError, match="Read-only file system"):
        NOTE.change(str(tmp_path), add(b"one"))
    assert [] == os.listdir(tmp_path)


def test_where_no_attribute_may_be_set_a_file_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, errno.EPERM)
    assert NOTE.change(str(tmp_path), add(b"one"))
    assert [NAME] == os.listdir(tmp_path)


def test_no_link_is_followed_and_nothing_else_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    (tmp_path / "secret").write_bytes(b"mine")
    (tmp_path / NAME).symlink_to(tmp_path / "secret")
    assert [] == NOTE.read(str(tmp_path))
    with pytest.raises(FolderError):
        NOTE.change(str(tmp_path), add(b"x"))
    assert b"mine" == (tmp_path / "secret").read_bytes()
    (tmp_path / NAME).unlink()
    os.mkfifo(tmp_path / NAME)
    assert [] == NOTE.read(str(tmp_path))  # without waiting for a writer
    with pytest.raises(FolderError):
        NOTE.change(str(tmp_path), add(b"x"))


def test_an_empty_file_was_created_by_a_person_and_holds_no_note(tmp_path: Path) -> None:
    assert not NOTE.is_empty_file(str(tmp_path))
    (tmp_path / NAME).touch()
    assert (True, []) == (NOTE.is_empty_file(str(tmp_path)), NOTE.read(str(tmp_path)))
    (tmp_path / NAME).write_bytes(b"x")
    assert not NOTE.is_empty_file(str(tmp_path))


def test_the_folders_around_are_those_above_and_those_on_the_way(tmp_path: Path) -> None:
    root = tmp_path / "lab" / "bench"
    root.mkdir(parents=True)
    (tmp_path / "link").symlink_to(root)
    for place in (root, tmp_path / "link"):
        found = around(str(place), "a/b/wave.csv")
        assert [str(tmp_path / "lab"), str(tmp_path)] == found[:2]
        assert ["/", str(root / "a"), str(root / "a" / "b")] == found[-3:]
    assert "/" == around(str(root), "wave.csv")[-1]


def test_claims_are_merged_from_where_they_are_kept(folder: Path) -> None:
    one, more = Stamp(epoch="a", counter=1, since=1.0), Stamp(epoch="a", counter=2, taken=1, since=2.0)
    assert folder_notes.change(str(folder), lambda found: {**found, "a": one})
    assert folder_notes.change(str(folder), lambda found: {**found, "b": Stamp(epoch="b", counter=1)})
    assert {"a": one, "b": Stamp(epoch="b", counter=1)} == folder_notes.read(str(folder))
    assert folder_notes.change(str(folder), lambda found: {**found, "a": more})
    assert more == folder_notes.read(str(folder))["a"]


def test_a_process_is_distinguished_from_every_other_one() -> None:
    mine = process.identity(os.getpid())
    assert mine
    assert True is process.is_running(os.getpid(), mine)
    assert False is process.is_running(os.getppid(), mine)  # the number is another process's now
    assert None is process.is_running(os.getpid(), "another-boot pid:[1] 1-1")
    assert None is process.is_running(os.getpid(), "")
