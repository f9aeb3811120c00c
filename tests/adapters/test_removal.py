"""Files are really removed, on this disk and to another one, and no file that was not sent."""

import errno
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import folder_notes, relocate, removal, restore
from eisync.adapters.files.folder_walk import facts_of
from eisync.core.retention import Removal, Whereabout, Why
from eisync.errors import FileAwayError, FileChangedError, FileGoneError, FileUnreadableError, FolderError
from tests.conftest import sha256

CONTENT = b"timestamp,accX\n0,1\n" * 1000
SMALL_DISK_BYTES = 64 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/deep").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def other_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small disk: a real one where we may mount one, else a folder that behaves like one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = (
        shutil.which("mount") is not None
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(place)],
            capture_output=True,
            check=False,
        ).returncode
    )
    if mounted:
        yield place
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        return
    link, copy = os.link, relocate.write_copy

    def is_on_it(name: Any, folder: int | None) -> bool:
        above = "" if folder is None else os.readlink(f"/proc/self/fd/{folder}")
        return os.path.join(above, name).startswith(str(place))

    def link_on_one_disk(source: Any, to: Any, **more: Any) -> None:
        if is_on_it(to, more.get("dst_dir_fd")) != is_on_it(source, more.get("src_dir_fd")):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        link(source, to, **more)

    def copy_what_fits(pieces: Any, part: str, **more: Any) -> str:
        content = b"".join(pieces)
        if is_on_it(part, more.get("folder")) and len(content) > SMALL_DISK_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return copy([content], part, **more)

    monkeypatch.setattr(os, "link", link_on_one_disk)
    monkeypatch.setattr(removal, "write_copy", copy_what_fits)
    yield place


def written(root: Path, path: str = "deep/wave.1.csv", content: bytes = CONTENT, to: Path | None = None) -> Removal:
    """A file as it was sent."""
    (root / path).write_bytes(content)
    return Removal(
        file_id=1,
        root=str(root),
        path=path,
        name=".eisync-1-1.taken",
        facts=facts_of(os.lstat(root / path)),
        sha256=sha256(content),
        to=None if to is None else str(to),
    )


def test_an_archive_that_is_another_one_by_now_is_not_filled(root: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    folder_notes.mark(str(archive), "that one")
    one = replace(written(root, to=archive / "deep/wave.1.csv"), archive=str(archive), marker="that one")
    archive.rename(tmp_path / "unmounted")
    archive.mkdir()
    with pytest.raises(FolderError, match="was replaced a moment ago"):
        removal.archive(one)
    assert (["deep/wave.1.csv"], []) == (names(root), names(archive))
    archive.rmdir()
    (tmp_path / "unmounted").rename(archive)
    removal.archive(one)
    assert ([], ["deep/wave.1.csv"]) == (names(root), names(archive))


def test_a_file_goes_into_the_archive_that_was_checked(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if another archive takes its place between the check and the move."""
    archive = tmp_path / "archive"
    archive.mkdir()
    folder_notes.mark(str(archive), "that one")
    one = replace(written(root, to=archive / "deep/wave.1.csv"), archive=str(archive), marker="that one")
    marker_of = folder_notes.marker_of

    def look_and_exchange(place: Any) -> str | None:
        found = marker_of(place)
        archive.rename(tmp_path / "moved")
        archive.mkdir()
        return found

    monkeypatch.setattr(removal, "marker_of", look_and_exchange)
    removal.archive(one)
    assert ([], [], ["deep/wave.1.csv"]) == (names(root), names(archive), names(tmp_path / "moved"))


def test_the_space_of_a_file_on_its_disk_is_returned(root: Path) -> None:
    whole = root / "whole.csv"
    whole.write_bytes(b"x" * 100_000)
    with (root / "sparse.csv").open("wb") as file:
        file.truncate(1 << 30)
    os.link(whole, root / "link.csv")
    rooms = {name: removal.room_of(str(root), name) for name in ("whole.csv", "link.csv", "sparse.csv", "none.csv")}
    assert None is rooms.pop("none.csv")
    assert {"whole.csv": Why.LINKED, "link.csv": Why.LINKED, "sparse.csv": Why.EMPTY} == {
        name: room.why_none_is_freed for name, room in rooms.items() if room is not None
    }
    (root / "link.csv").unlink()
    room = removal.room_of(str(root), "whole.csv")
    assert room is not None
    assert (None, True) == (room.why_none_is_freed, 100_000 <= room.bytes < 200_000)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_deleted_and_its_neighbour_stays(root: Path) -> None:
    one = written(root)
    (root / "deep/other.csv").write_bytes(CONTENT)
    removal.delete(one)
    assert ["deep/other.csv"] == names(root)
    assert Whereabout.NOWHERE is removal.where(one)
    with pytest.raises(FileGoneError):
        removal.delete(one)


def rewritten(path: Path) -> None:
    """The same size and mtime with other bytes: only the content and the ctime differ."""
    status = os.stat(path)
    with path.open("r+b") as file:
        file.write(b"T")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def put_link_in_place(path: Path) -> None:
    moved = path.rename(path.with_suffix(".old"))
    path.symlink_to(moved)


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": lambda path: path.write_bytes(CONTENT + b"20,3\n"),
    "touched": lambda path: os.utime(path, ns=(1, 1)),
    "rewritten behind our back": rewritten,
    "another file": lambda path: os.replace(shutil.copy2(path, path.with_suffix(".new")), path),
    "a link": put_link_in_place,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("takes", ["delete", "archive"])
def test_a_file_that_was_changed_since_is_left_in_its_place(
    root: Path, tmp_path: Path, change: str, takes: str
) -> None:
    one = written(root, to=tmp_path / "archive/wave.1.csv" if takes == "archive" else None)
    CHANGES[change](root / one.path)
    before = (root / one.path).read_bytes(), os.lstat(root / one.path).st_ino
    with pytest.raises(FileChangedError):
        getattr(removal, takes)(one)
    assert before == ((root / one.path).read_bytes(), os.lstat(root / one.path).st_ino)
    assert not any(".taken" in name for name in names(root))


def test_a_file_that_is_written_while_it_is_verified_is_put_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = written(root)
    digest = hashlib.file_digest

    def write_meanwhile(file: Any, name: str) -> Any:
        found = digest(file, name)
        rewritten(root / "deep" / one.name)
        return found

    monkeypatch.setattr(hashlib, "file_digest", write_meanwhile)
    with pytest.raises(FileChangedError):
        removal.delete(one)
    assert ["deep/wave.1.csv"] == names(root)
    assert b"T" == (root / one.path).read_bytes()[:1]


def test_a_file_is_put_back_beside_what_took_its_place(root: Path) -> None:
    one = written(root)
    os.rename(root / one.path, root / "deep" / one.name)
    rewritten(root / "deep" / one.name)
    (root / one.path).write_bytes(b"a newer one")
    with pytest.raises(FileChangedError):
        removal.delete(one)
    assert ["deep/wave.1.csv", "deep/wave.1.restored-1.csv"] == names(root)
    assert b"a newer one" == (root / one.path).read_bytes()


def test_an_archive_keeps_the_folders_and_overwrites_nothing(root: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    contents = [CONTENT, CONTENT + b"1", CONTENT + b"2"]
    for content in contents:
        to = removal.free_name(str(archive), "deep/wave.1.csv")
        removal.archive(written(root, content=content, to=Path(to)))
    assert ["deep/wave.1.archived-1.csv", "deep/wave.1.archived-2.csv", "deep/wave.1.csv"] == names(archive)
    assert contents == [
        (archive / name).read_bytes()
        for name in ("deep/wave.1.csv", "deep/wave.1.archived-1.csv", "deep/wave.1.archived-2.csv")
    ]
    assert [] == names(root)


def test_a_name_that_is_taken_in_the_archive_meanwhile_is_not_overwritten(root: Path, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    one = written(root, to=tmp_path / "archive/wave.1.csv")
    (tmp_path / "archive/wave.1.csv").write_bytes(b"somebody else's")
    with pytest.raises(FileChangedError, match="another file took its name"):
        removal.archive(one)
    assert b"somebody else's" == (tmp_path / "archive/wave.1.csv").read_bytes()
    assert ["deep/wave.1.csv"] == names(root)


def test_onto_another_disk_a_file_is_copied_with_its_time(root: Path, other_disk: Path) -> None:
    one = written(root, to=other_disk / "deep/wave.1.csv")
    os.utime(root / one.path, ns=(5_000_000_001, 5_000_000_001))
    one = written_again(one)
    removal.archive(one)
    assert ([], ["deep/wave.1.csv"]) == (names(root), names(other_disk))
    assert CONTENT == (other_disk / "deep/wave.1.csv").read_bytes()
    assert 5_000_000_001 == os.stat(other_disk / "deep/wave.1.csv").st_mtime_ns
    assert removal.is_archived(one)


def written_again(one: Removal) -> Removal:
    facts = facts_of(os.lstat(os.path.join(one.root, one.path)))
    return Removal(
        file_id=1, root=one.root, path=one.path, name=one.name, facts=facts, sha256=one.sha256, to=one.to
    )  # fmt: skip


def test_where_the_archive_is_full_the_file_is_put_back(root: Path, other_disk: Path) -> None:
    one = written(root, content=os.urandom(3 * SMALL_DISK_BYTES), to=other_disk / "deep/wave.1.csv")
    with pytest.raises(FolderError, match="No space left"):
        removal.archive(one)
    assert (["deep/wave.1.csv"], []) == (names(root), names(other_disk))
    assert Whereabout.IN_PLACE is removal.where(one)
    assert facts_of(os.lstat(root / one.path)) == one.facts


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_after_a_crash_between_the_two_names_the_file_is_in_the_archive_once(
    root: Path, tmp_path: Path, other_disk: Path, is_elsewhere: bool
) -> None:
    archive = other_disk if is_elsewhere else tmp_path / "archive"
    archive.mkdir(exist_ok=True)
    one = written(root, to=archive / "wave.1.csv")
    os.rename(root / one.path, root / "deep" / one.name)
    if is_elsewhere:
        shutil.copy2(root / "deep" / one.name, archive / "wave.1.csv")
    else:
        os.link(root / "deep" / one.name, archive / "wave.1.csv")
    assert Whereabout.TAKEN is removal.where(one)
    removal.archive(one)
    assert ([], ["wave.1.csv"]) == (names(root), names(archive))


def test_what_a_crash_left_on_its_way_back_is_in_its_place(root: Path) -> None:
    one = written(root)
    os.link(root / one.path, root / "deep" / one.name)
    assert Whereabout.IN_PLACE is removal.where(one)
    assert ["deep/wave.1.csv"] == names(root)
    os.rename(root / one.path, root / "deep" / one.name)
    removal.give_back(one)
    assert ["deep/wave.1.csv"] == names(root)


def test_another_file_in_its_place_is_not_it(root: Path) -> None:
    one = written(root)
    os.replace(shutil.copy2(root / one.path, root / "new"), root / one.path)
    assert Whereabout.NOWHERE is removal.where(one)


def test_a_root_that_is_away_says_nothing_of_its_files(root: Path) -> None:
    one = written(root)
    os.rename(root, root.with_name("elsewhere"))
    for function in (removal.where, removal.delete, removal.give_back):
        with pytest.raises(FileAwayError):
            function(one)


def test_no_link_leads_out_of_the_root(root: Path, tmp_path: Path) -> None:
    one = written(root)
    os.rename(root / "deep", tmp_path / "outside")
    os.symlink(tmp_path / "outside", root / "deep")
    with pytest.raises((FileUnreadableError, FileGoneError)):
        removal.delete(one)
    assert ["wave.1.csv"] == names(tmp_path / "outside")


def test_an_archive_that_is_not_there_is_never_made(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="is missing; create that folder, or mount its disk"):
        removal.free_name(str(tmp_path / "nowhere"), "wave.1.csv")
    assert not (tmp_path / "nowhere").exists()
    assert not removal.is_on_other_disk(str(root), str(tmp_path / "nowhere"))


def test_a_file_is_restored_from_the_archive(root: Path, tmp_path: Path, other_disk: Path) -> None:
    for archive in (tmp_path / "archive", other_disk):
        archive.mkdir(exist_ok=True)
        one = written(root, to=archive / "deep/wave.1.csv")
        removal.archive(one)
        for _ in range(2):  # safe to repeat
            facts = restore.from_archive(one)
            assert facts_of(os.lstat(root / one.path)) == facts
        assert (["deep/wave.1.csv"], []) == (names(root), names(archive))
        assert one.facts.mtime_ns == facts.mtime_ns
        assert CONTENT == (root / one.path).read_bytes()


def test_a_restored_file_never_replaces_another_one(root: Path, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    one = written(root, to=tmp_path / "archive/wave.1.csv")
    removal.archive(one)
    (root / one.path).write_bytes(b"a newer one")
    for bring in (restore.from_archive, lambda one: restore.from_pieces(one, [CONTENT])):
        with pytest.raises(FolderError, match="another file is at"):
            bring(one)
    assert b"a newer one" == (root / one.path).read_bytes()
    assert ["wave.1.csv"] == names(tmp_path / "archive")


def test_what_was_changed_in_the_archive_is_not_brought_back(root: Path, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    one = written(root, to=tmp_path / "archive/wave.1.csv")
    removal.archive(one)
    (tmp_path / "archive/wave.1.csv").write_bytes(b"other")
    with pytest.raises(FolderError, match="not what eisync put there"):
        restore.from_archive(one)


def test_a_file_is_written_anew_with_its_time_or_not_at_all(root: Path) -> None:
    one = written(root)
    removal.delete(one)
    with pytest.raises(FolderError, match=r"does not return .* as it was sent"):
        restore.from_pieces(one, [b"{", b"}"])
    with pytest.raises(ZeroDivisionError):
        restore.from_pieces(one, (bytes(1 // number) for number in (1, 0)))
    assert [] == names(root)
    facts = restore.from_pieces(one, [CONTENT[:10], CONTENT[10:]])
    assert (len(CONTENT), one.facts.mtime_ns) == (facts.size, facts.mtime_ns)
    assert CONTENT == (root / one.path).read_bytes()
    assert ["deep/wave.1.csv"] == names(root)


def test_without_hard_links_files_are_moved_all_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "archive").mkdir()
    one = written(root, to=tmp_path / "archive/wave.1.csv")
    removal.archive(one)
    assert ([], ["wave.1.csv"]) == (names(root), names(tmp_path / "archive"))
    (tmp_path / "other").write_bytes(b"")
    assert not relocate.rename_anew(str(tmp_path / "other"), one.to or "")


def test_the_disk_is_measured(root: Path) -> None:
    disk = removal.disk_of(str(root))
    assert disk is not None
    assert 0 < disk.free < disk.total == shutil.disk_usage(root).total
    assert removal.disk_of(str(root / "nowhere")) is None


def test_nothing_is_brought_back_out_of_the_root(root: Path, tmp_path: Path) -> None:
    one = written(root)
    removal.delete(one)
    (tmp_path / "outside").mkdir()
    (root / "deep").rmdir()
    os.symlink(tmp_path / "outside", root / "deep")
    with pytest.raises(FolderError):
        restore.from_pieces(one, [CONTENT])
    assert [] == names(tmp_path / "outside")


def test_a_name_that_is_as_long_as_can_be_is_put_back_beside_another(root: Path) -> None:
    one = written(root, "w" * 251 + ".csv")
    os.rename(root / one.path, root / one.name)
    (root / one.path).write_bytes(b"a newer one")
    removal.give_back(one)
    assert [CONTENT, b"a newer one"] == sorted((path.read_bytes() for path in root.glob("w*")), reverse=True)
