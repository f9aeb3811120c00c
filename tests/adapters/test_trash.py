import contextlib
import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import trash
from eisync.adapters.files.file_facts import facts_at
from eisync.core.model import FileFacts
from eisync.errors import FileAwayError, FileChangedError, FileGoneError, FileUnreadableError, FolderError

DAY = "2026-11-26"
CONTENT = b"t,x\n0,1\n"


def sha(content: bytes = CONTENT) -> str:
    return hashlib.sha256(content).hexdigest()


class Yard:
    """A root with one file in a folder, with short methods for the tests."""

    def __init__(self, place: Path, path: str = "testing/a.csv", content: bytes = CONTENT) -> None:
        self.place = place
        self.root = str(place / "root")
        self.path = path
        self.file = Path(self.root, path)
        self.file.parent.mkdir(parents=True)
        self.file.write_bytes(content)
        found = facts_at(self.root, path)
        assert found is not None
        self.facts: FileFacts = found
        self.sha256 = sha(content)
        self.to = trash.place_for(self.root, path, action_id=17, day=DAY)

    def set_aside(self) -> None:
        trash.set_aside(self.root, self.path, self.facts, self.sha256, self.to, file_id=5)

    def put_back(self) -> str:
        return trash.put_back(self.to, str(self.file), self.facts)

    def files(self) -> dict[str, bytes]:
        """Return everything below the folder of the test, links as their text."""
        return {
            str(path.relative_to(self.place)): path.read_bytes()
            for path in sorted(self.place.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


IN_PLACE = {"root/testing/a.csv": CONTENT}
IN_TRASH = {f"root/.eisync-trash/{DAY}/17/testing/a.csv": CONTENT}


@contextlib.contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> Iterator[None]:
    """The system refuses one of its calls."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, name, refuse)
        yield


def before(monkeypatch: pytest.MonkeyPatch, name: str, action: Callable[[], object]) -> None:
    """Something happens just before the first of such calls of the system."""
    real = getattr(os, name)
    left = [action]

    def call(*positional: Any, **named: Any) -> Any:
        if left:
            left.pop()()
        return real(*positional, **named)

    monkeypatch.setattr(os, name, call)
    for supported in ("supports_dir_fd", "supports_follow_symlinks"):
        if real in getattr(os, supported):
            monkeypatch.setattr(os, supported, {*getattr(os, supported), call})


class PowerCut(BaseException):
    """The process ends here."""


# --- set_aside --------------------------------------------------------------------------------------------------------


def test_a_file_is_moved_to_the_trash_of_its_day_and_act(yard: Yard) -> None:
    assert str(yard.place / next(iter(IN_TRASH))) == yard.to
    assert not trash.holds(yard.to)
    yard.set_aside()
    assert IN_TRASH == yard.files()
    assert trash.holds(yard.to)
    assert yard.facts == facts_at(yard.root, os.path.relpath(yard.to, yard.root))


def test_the_trash_is_for_our_eyes_only(yard: Yard) -> None:
    yard.set_aside()
    made = list(Path(yard.to).relative_to(yard.root).parents)[:-1]
    assert [".eisync-trash", DAY, "17", "testing"] == [folder.name for folder in reversed(made)]
    assert {0o700} == {stat.S_IMODE(Path(yard.root, folder).stat().st_mode) for folder in made}


def test_setting_aside_may_be_repeated(yard: Yard) -> None:
    yard.set_aside()
    yard.set_aside()
    assert IN_TRASH == yard.files()


def test_what_came_to_its_place_after_it_went_is_left_alone_by_a_repetition(yard: Yard) -> None:
    yard.set_aside()
    yard.file.write_bytes(b"new")
    yard.set_aside()
    assert {**IN_TRASH, "root/testing/a.csv": b"new"} == yard.files()


def replaced(yard: Yard, content: bytes) -> None:
    """Other bytes in the same file, with its size and its time put back."""
    with yard.file.open("r+b") as file:
        file.write(content)
    os.utime(yard.file, ns=(yard.facts.mtime_ns, yard.facts.mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        lambda yard: yard.file.write_bytes(b"more than before"),
        lambda yard: os.utime(yard.file, ns=(1, 1)),
        lambda yard: replaced(yard, b"t,x\n9,9\n"),
        lambda yard: (yard.file.rename(yard.place / "aside"), yard.file.write_bytes(CONTENT)),
    ],
    ids=["size", "mtime", "content alone", "another file of the same content"],
)
def test_a_file_that_is_not_what_was_sent_stays(yard: Yard, change: Callable[[Yard], object]) -> None:
    change(yard)
    there = yard.files()
    with pytest.raises(FileChangedError, match="is not what was uploaded; eisync leaves it alone") as caught:
        yard.set_aside()
    assert (5, there) == (caught.value.item_id, yard.files())


@pytest.mark.parametrize("kind", ["folder", "fifo", "link"])
def test_what_is_no_regular_file_stays(yard: Yard, kind: str) -> None:
    yard.file.rename(yard.place / "aside")
    match kind:
        case "folder":
            yard.file.mkdir()
        case "fifo":
            os.mkfifo(yard.file)
        case "link":
            yard.file.symlink_to(yard.place / "aside")
    with pytest.raises(FileUnreadableError):
        yard.set_aside()
    assert {"aside": CONTENT} == yard.files()
    assert os.path.lexists(yard.file)


def test_a_missing_file_is_distinguished_from_a_root_that_is_away(yard: Yard) -> None:
    yard.file.unlink()
    with pytest.raises(FileGoneError):
        yard.set_aside()
    yard.file.parent.rmdir()
    with pytest.raises(FileGoneError):
        yard.set_aside()
    os.rename(yard.root, yard.place / "elsewhere")
    with pytest.raises(FileAwayError, match="is not there; create or mount it"):
        yard.set_aside()
    assert not os.path.exists(yard.root)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_that_comes_between_the_check_and_the_move_is_put_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def slip_in() -> None:
        yard.file.rename(yard.place / "aside")
        if what == "folder":
            yard.file.mkdir()
        inner = yard.file / "inner" if what == "folder" else yard.file
        inner.write_bytes(b"another")

    before(monkeypatch, "rename", slip_in)
    with pytest.raises(FileChangedError, match="changed before it could be moved; eisync leaves it alone"):
        yard.set_aside()
    name = "root/testing/a.csv/inner" if what == "folder" else "root/testing/a.csv"
    assert {"aside": CONTENT, name: b"another"} == yard.files()
    assert not os.path.exists(yard.root + "/.eisync-trash")


def test_a_crash_before_what_slipped_in_was_put_back_is_made_good(yard: Yard) -> None:
    os.makedirs(os.path.dirname(yard.to))
    os.rename(yard.file, yard.place / "aside")
    Path(yard.to).write_bytes(b"another")
    with pytest.raises(FileChangedError):
        yard.set_aside()
    assert {"aside": CONTENT, "root/testing/a.csv": b"another"} == yard.files()


@pytest.mark.parametrize("step", ["mkdir", "rename", "fsync"])
def test_it_goes_on_after_a_crash_at_any_step(yard: Yard, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def crash() -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        before(patch, step, crash)
        with pytest.raises(PowerCut):
            yard.set_aside()
    assert yard.files() in (IN_PLACE, IN_TRASH)
    yard.set_aside()
    assert IN_TRASH == yard.files()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EXDEV])
@pytest.mark.parametrize("step", ["mkdir", "rename"])
def test_a_disk_that_does_not_let_us_leaves_the_file_in_place(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    with failing(monkeypatch, step, code), pytest.raises(FolderError, match="check the disk"):
        yard.set_aside()
    assert IN_PLACE == yard.files()
    yard.set_aside()
    assert IN_TRASH == yard.files()


def test_of_two_hard_links_the_other_stays(yard: Yard) -> None:
    os.link(yard.file, yard.file.parent / "b.csv")
    yard.set_aside()
    assert {**IN_TRASH, "root/testing/b.csv": CONTENT} == yard.files()


@pytest.mark.parametrize(
    "path",
    ["a\nb.csv", os.fsdecode(b"\xff\xfe/\xe9.csv"), "/".join(["deep"] * 60) + "/a.csv", "n" * 255, "a.csv"],
    ids=["newline", "undecodable", "deep", "long", "at the top"],
)
def test_any_name_is_moved_and_restored(tmp_path: Path, path: str) -> None:
    yard = Yard(tmp_path, path)
    yard.set_aside()
    assert not os.path.lexists(yard.file)
    assert str(yard.file) == yard.put_back()
    assert {os.path.join("root", path): CONTENT} == yard.files()


def test_a_place_that_is_too_deep_for_the_system_leaves_the_file(tmp_path: Path) -> None:
    room = 4_080 - len(str(tmp_path / "root"))  # 4,095 are a path's limit, and the trash's own folders need 28
    folders = "/".join(["d" * 100] * (room // 101 - 1))
    yard = Yard(tmp_path, f"{folders}/{'n' * (room - len(folders) - 2)}")
    with pytest.raises(FolderError, match="File name too long"):
        yard.set_aside()
    assert [CONTENT] == [yard.file.read_bytes()]


# --- links in the way -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", ["the trash", "the day", "the action", "the folder"])
@pytest.mark.parametrize("what", ["file", "link"])
def test_a_trash_that_is_none_of_ours_gets_nothing(yard: Yard, depth: str, what: str) -> None:
    parts = [".eisync-trash", DAY, "17", "testing"]
    blocked = Path(yard.root, *parts[: 1 + ["the trash", "the day", "the action", "the folder"].index(depth)])
    blocked.parent.mkdir(parents=True, exist_ok=True)
    outside = yard.place / "outside"
    outside.mkdir()
    if what == "file":
        blocked.write_bytes(b"mine")
    else:
        blocked.symlink_to(outside)
    there = yard.files()
    with pytest.raises(FolderError, match="cannot be moved"):
        yard.set_aside()
    with pytest.raises(FolderError, match="cannot be written"):
        trash.keep_copy([b"x"], yard.to)
    assert there == yard.files()
    assert [] == list(outside.iterdir())


def test_a_file_outside_is_not_taken_through_a_link_in_place_of_its_folder(yard: Yard) -> None:
    yard.file.parent.rename(yard.place / "outside")
    yard.file.parent.symlink_to(yard.place / "outside")
    with pytest.raises(FileGoneError):
        yard.set_aside()
    assert {"outside/a.csv": CONTENT} == yard.files()


def test_a_link_that_slips_in_for_the_folder_takes_nothing_from_outside(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = yard.place / "outside"
    outside.mkdir()
    (outside / "a.csv").write_bytes(b"another's")

    def slip_in() -> None:
        yard.file.parent.rename(Path(yard.root, "renamed"))
        yard.file.parent.symlink_to(outside)

    before(monkeypatch, "rename", slip_in)
    yard.set_aside()  # the file is taken from the folder that was checked
    assert {**IN_TRASH, "outside/a.csv": b"another's"} == yard.files()


def test_nothing_is_brought_back_through_a_link_to_outside(yard: Yard) -> None:
    yard.set_aside()
    yard.file.parent.rmdir()
    (yard.place / "outside").mkdir()
    yard.file.parent.symlink_to(yard.place / "outside")
    with pytest.raises(FolderError, match="cannot be brought back"):
        yard.put_back()
    assert IN_TRASH == yard.files()


def test_a_file_behind_a_link_is_not_discarded(yard: Yard) -> None:
    outside = yard.place / "outside" / "17" / "testing"
    outside.mkdir(parents=True)
    (outside / "a.csv").write_bytes(b"another's")
    Path(yard.root, ".eisync-trash").mkdir()
    Path(yard.root, ".eisync-trash", DAY).symlink_to(yard.place / "outside")
    with pytest.raises(FolderError, match="cannot be removed"):
        trash.discard(yard.to)
    with pytest.raises(FolderError):
        yard.set_aside()
    with pytest.raises(FolderError):
        yard.put_back()
    assert {**IN_PLACE, "outside/17/testing/a.csv": b"another's"} == yard.files()


def test_a_root_may_be_a_link_itself(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    os.rename(yard.root, tmp_path / "real")
    os.symlink(tmp_path / "real", yard.root)
    yard.set_aside()
    assert {IN[5:]: CONTENT for IN in IN_TRASH} == {name[5:]: content for name, content in yard.files().items()}
    assert str(yard.file) == yard.put_back()


# --- where the trash is -----------------------------------------------------------------------------------------------


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder below the root that is a disk of its own."""
    place = tmp_path / "root" / "disk"
    place.mkdir(parents=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", os.fsencode(place), b"tmpfs", 0, b"size=1m"):
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        libc.umount2(os.fsencode(place), 2)


def test_a_file_on_another_disk_goes_to_the_top_of_its_part_of_the_root(mounted: Path) -> None:
    root = str(mounted.parent)
    (mounted / "sub").mkdir()
    (mounted / "sub" / "a.csv").write_bytes(CONTENT)
    to = trash.place_for(root, "disk/sub/a.csv", action_id=17, day=DAY)
    assert f"{mounted}/.eisync-trash/{DAY}/17/disk/sub/a.csv" == to
    found = facts_at(root, "disk/sub/a.csv")
    assert found is not None
    trash.set_aside(root, "disk/sub/a.csv", found, sha(), to, file_id=1)
    assert CONTENT == Path(to).read_bytes()
    assert trash.place_of(root, "disk/sub/a.csv") == trash.put_back(to, f"{root}/disk/sub/a.csv", found)
    assert ["sub"] == [path.name for path in mounted.iterdir()]


def test_the_devices_of_the_folders_say_where_the_trash_is(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    # The same without a mount: all that is asked of the system is which device a folder is on.
    other = os.path.join(yard.root, "disk")
    real = os.lstat

    def lstat(place: Any, **named: Any) -> Any:
        if not str(place).startswith(other):
            return real(place, **named)
        return os.stat_result((0o40700, 1, 424242, 1, 0, 0, 0, 0, 0, 0))

    monkeypatch.setattr(os, "lstat", lstat)
    place = trash.place_for(yard.root, "disk/sub/a.csv", action_id=1, day=DAY)
    assert f"{other}/.eisync-trash/{DAY}/1/disk/sub/a.csv" == place


def test_of_a_folder_that_is_gone_the_trash_is_at_the_top(yard: Yard) -> None:
    expected = f"{yard.root}/.eisync-trash/{DAY}/1/no/such/a.csv"
    assert expected == trash.place_for(yard.root, "no/such/a.csv", action_id=1, day=DAY)


@pytest.mark.parametrize("name", ["dangling", "file", "folder"])
def test_every_entry_at_the_path_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert (True, False) == (trash.holds(str(tmp_path / name)), trash.holds(str(tmp_path / name / "x")))


# --- put_back ---------------------------------------------------------------------------------------------------------


def test_a_file_is_restored_unchanged_and_leaves_the_trash(yard: Yard) -> None:
    yard.set_aside()
    assert str(yard.file) == yard.put_back()
    assert (IN_PLACE, yard.facts) == (yard.files(), facts_at(yard.root, yard.path))
    assert ["testing"] == os.listdir(yard.root)
    assert str(yard.file) == yard.put_back()  # once more


def test_the_folders_of_its_place_are_made_again(yard: Yard) -> None:
    yard.set_aside()
    yard.file.parent.rmdir()
    assert str(yard.file) == yard.put_back()
    assert IN_PLACE == yard.files()


def test_no_root_is_made_where_it_is_away(yard: Yard) -> None:
    yard.set_aside()
    os.rename(yard.root, yard.place / "elsewhere")
    with pytest.raises(FolderError):
        yard.put_back()
    assert not os.path.exists(yard.root)


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("testing/a.csv", "testing/a.restored-1.csv"),
        ("testing/a", "testing/a.restored-1"),
        ("te.st/a", "te.st/a.restored-1"),
        ("a.b.csv", "a.b.restored-1.csv"),
        ("n" * 251 + ".csv", "n" * 240 + ".restored-1.csv"),
        ("n" * 255, "n" * 244 + ".restored-1"),
    ],
)
def test_a_file_whose_path_is_taken_is_restored_beside_it(tmp_path: Path, path: str, beside: str) -> None:
    yard = Yard(tmp_path, path)
    yard.set_aside()
    yard.file.write_bytes(b"new")
    for _ in range(2):
        assert os.path.join(yard.root, beside) == yard.put_back()
        assert {f"root/{path}": b"new", f"root/{beside}": CONTENT} == yard.files()


def test_nothing_is_put_over_what_comes_meanwhile(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.set_aside()
    before(monkeypatch, "link", lambda: yard.file.write_bytes(b"new"))
    assert f"{yard.root}/testing/a.restored-1.csv" == yard.put_back()
    assert {"root/testing/a.csv": b"new", "root/testing/a.restored-1.csv": CONTENT} == yard.files()


def test_a_crash_between_the_new_name_and_the_old_one_is_made_good(yard: Yard) -> None:
    yard.set_aside()
    os.link(yard.to, yard.file)
    assert str(yard.file) == yard.put_back()
    assert IN_PLACE == yard.files()


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
@pytest.mark.parametrize("is_taken", [False, True])
def test_without_hard_links_it_is_restored_too(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, code: int, is_taken: bool
) -> None:
    yard.set_aside()
    if is_taken:
        yard.file.write_bytes(b"new")
    with failing(monkeypatch, "link", code):
        yard.put_back()
    taken = {"root/testing/a.csv": b"new", "root/testing/a.restored-1.csv": CONTENT}
    assert (taken if is_taken else IN_PLACE) == yard.files()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_file_that_cannot_be_restored_stays_where_it_was(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    yard.set_aside()
    with failing(monkeypatch, "link", code), pytest.raises(FolderError, match="cannot be brought back"):
        yard.put_back()
    assert IN_TRASH == yard.files()


def test_where_every_name_is_taken_it_stays(yard: Yard) -> None:
    yard.set_aside()
    yard.file.touch()
    for number in range(1, 1000):
        (yard.file.parent / f"a.restored-{number}.csv").touch()
    with pytest.raises(FolderError, match=r"no free name is left beside"):
        yard.put_back()
    assert CONTENT == Path(yard.to).read_bytes()


def test_a_file_that_is_no_longer_in_the_trash_is_reported(yard: Yard) -> None:
    yard.set_aside()
    Path(yard.to).unlink()
    yard.file.write_bytes(b"another")
    with pytest.raises(FolderError, match="is gone: someone removed it"):
        yard.put_back()
    assert str(yard.file) == trash.put_back(yard.to, str(yard.file))  # by its name, where that is all that is known


# --- keep_copy --------------------------------------------------------------------------------------------------------


def test_a_copy_is_written_whole_and_its_hash_told(yard: Yard) -> None:
    for content in (b"one", b"other"):
        assert sha(content) == trash.keep_copy([content[:1], b"", content[1:]], yard.to)
        assert {**IN_PLACE, next(iter(IN_TRASH)): content} == yard.files()


def test_a_copy_has_its_name_only_when_it_is_whole(yard: Yard) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        assert not trash.holds(yard.to)
        yield b"two"

    trash.keep_copy(pieces(), yard.to)
    assert b"onetwo" == Path(yard.to).read_bytes()


@pytest.mark.parametrize("error", [KeyError("x"), ConnectionResetError(errno.ECONNRESET, "reset"), PowerCut()])
def test_what_the_pieces_raise_is_raised_and_nothing_is_left(yard: Yard, error: BaseException) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise error

    with pytest.raises(type(error)) as caught:
        trash.keep_copy(pieces(), yard.to)
    assert caught.value is error
    assert (IN_PLACE, ["testing"]) == (yard.files(), os.listdir(yard.root))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_copy_that_cannot_be_written_leaves_nothing(yard: Yard, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with failing(monkeypatch, step, errno.ENOSPC), pytest.raises(FolderError, match="cannot be written"):
        trash.keep_copy([b"x"], yard.to)
    assert IN_PLACE == yard.files()


def test_a_copy_of_a_sample_with_the_longest_name_is_kept(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "n" * 255)
    trash.keep_copy([b"x"], yard.to)
    assert b"x" == Path(yard.to).read_bytes()


def test_a_half_copy_of_a_killed_process_is_written_anew_and_no_link_is_followed(yard: Yard) -> None:
    trash.keep_copy([b"x"], yard.to)
    [folder] = [Path(yard.to).parent]
    (yard.place / "outside").write_bytes(b"mine")
    (folder / trash.PART).symlink_to(yard.place / "outside")
    trash.keep_copy([b"whole"], yard.to)
    assert (b"whole", b"mine") == (Path(yard.to).read_bytes(), (yard.place / "outside").read_bytes())
    assert ["a.csv"] == os.listdir(folder)


# --- discard ----------------------------------------------------------------------------------------------------------


def test_what_is_discarded_takes_its_folders_along_up_to_the_trash(yard: Yard) -> None:
    yard.set_aside()
    yard.file.parent.rmdir()
    for _ in range(2):
        trash.discard(yard.to)
        assert [] == os.listdir(yard.root)  # which is empty, and stays


def test_folders_that_hold_others_stay(yard: Yard) -> None:
    yard.set_aside()
    Path(yard.root, ".eisync-trash", DAY, "18").mkdir()
    trash.discard(yard.to)
    assert ["18"] == os.listdir(f"{yard.root}/.eisync-trash/{DAY}")


@pytest.mark.parametrize("above", [".eisync-trash/kept", ".eisync-trash-old"])
def test_a_root_below_a_folder_of_such_a_name_stays(tmp_path: Path, above: str) -> None:
    (tmp_path / ".eisync-trash").symlink_to(tmp_path) if above.endswith("old") else None
    yard = Yard(tmp_path / above)
    yard.set_aside()
    yard.file.parent.rmdir()
    trash.discard(yard.to)
    assert [] == os.listdir(yard.root)


def test_a_file_that_cannot_be_discarded_is_reported(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.set_aside()
    with failing(monkeypatch, "unlink", errno.EROFS), pytest.raises(FolderError, match="cannot be removed"):
        trash.discard(yard.to)
    assert IN_TRASH == yard.files()


# --- empty ------------------------------------------------------------------------------------------------------------


def test_only_days_before_that_one_go(yard: Yard) -> None:
    folder = Path(yard.root, ".eisync-trash")
    for name in ("2026-11-24", "2026-11-25", "2026-11-26", "2026-1-1", "1999", "mine", "2026_11_24", "abcd-ef-gh"):
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "1" / "a.csv").write_bytes(b"x")
    assert 2 == trash.empty_trash(yard.root, before_day="2026-11-26")
    left = {"2026-11-26", "2026-1-1", "1999", "mine", "2026_11_24", "abcd-ef-gh"}
    assert left == set(os.listdir(folder))
    assert 0 == trash.empty_trash(yard.root, before_day="2026-11-26")


def test_a_day_goes_only_if_more_than_its_name_is_old(yard: Yard) -> None:
    folder = Path(yard.root, ".eisync-trash")
    for name in ("2026-11-23", "2026-11-24", "2026-11-25"):
        (folder / name / "1").mkdir(parents=True)
        os.utime(folder / name / "1", (5e8, 5e8))
        os.utime(folder / name, (6e8, 6e8))
    os.utime(folder / "2026-11-24" / "1", (9e8, 9e8))
    asked: dict[str, float] = {}

    def is_old(day: str, newest_at: float) -> bool:
        asked[os.path.basename(day)] = newest_at
        return newest_at < 7e8

    assert 1 == trash.empty_trash(yard.root, before_day="2026-11-25", is_old=is_old)
    assert {"2026-11-23": 6e8, "2026-11-24": 9e8} == asked
    assert {"2026-11-24", "2026-11-25"} == set(os.listdir(folder))


def test_a_day_that_is_no_folder_is_left_and_blocks_no_other(yard: Yard) -> None:
    folder = Path(yard.root, ".eisync-trash")
    (folder / "2026-01-03").mkdir(parents=True)
    (folder / "2026-01-01").symlink_to(yard.file.parent)
    (folder / "2026-01-02").write_bytes(b"mine")
    assert 1 == trash.empty_trash(yard.root, before_day=DAY)
    assert {"2026-01-01", "2026-01-02"} == set(os.listdir(folder))
    assert CONTENT == yard.file.read_bytes()


@pytest.mark.parametrize("what", ["nothing", "file", "link"])
def test_a_trash_that_is_no_folder_is_not_emptied(yard: Yard, what: str) -> None:
    outside = yard.place / "outside" / "2020-01-01"
    outside.mkdir(parents=True)
    folder = Path(yard.root, ".eisync-trash")
    if what == "file":
        folder.write_bytes(b"mine")
    elif what == "link":
        folder.symlink_to(outside.parent)
    assert 0 == trash.empty_trash(yard.root, before_day=DAY)
    assert outside.is_dir()


def test_a_trash_that_cannot_be_emptied_is_reported(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(yard.root, ".eisync-trash", "2020-01-01", "1").mkdir(parents=True)
    with failing(monkeypatch, "rmdir", errno.EROFS), pytest.raises(FolderError, match="cannot be emptied"):
        trash.empty_trash(yard.root, before_day=DAY)
