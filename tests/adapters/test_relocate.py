"""The steps that trash, archive, undo and retention are made of: never over another file, never without its content."""

import errno
import hashlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from eisync.adapters.files import relocate
from eisync.errors import FolderError


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_rename_takes_the_content_along_and_leaves_the_old_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    assert relocate.rename_anew(str(tmp_path / "a"), str(tmp_path / "b"))
    assert {"b": b"one"} == {one.name: one.read_bytes() for one in tmp_path.iterdir()}


@pytest.mark.parametrize("has_links", [True, False])
def test_nothing_is_renamed_over_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    assert not relocate.rename_anew(str(tmp_path / "a"), str(tmp_path / "b"))
    assert {"a": b"one", "b": b"two"} == {one.name: one.read_bytes() for one in tmp_path.iterdir()}


def test_a_copy_has_the_content_the_time_and_the_rights(tmp_path: Path) -> None:
    source, part = tmp_path / "a", tmp_path / "part"
    source.write_bytes(b"x" * 3_000_000)
    source.chmod(0o640)
    os.utime(source, ns=(1, 1_700_000_000_000_000_001))
    with relocate.closing(os.open(source, relocate.READ)) as descriptor:
        found = relocate.write_copy(relocate.pieces_of(descriptor), str(part), like=os.fstat(descriptor))
    assert sha256(source.read_bytes()) == found == sha256(part.read_bytes())
    assert (0o640, 1_700_000_000_000_000_001) == (part.stat().st_mode & 0o777, part.stat().st_mtime_ns)


def test_a_copy_that_breaks_off_leaves_no_part(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        relocate.write_copy(pieces(), str(tmp_path / "part"))
    assert [] == list(tmp_path.iterdir())


def test_a_part_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "part").symlink_to(tmp_path / "mine")
    relocate.write_copy([b"new"], str(tmp_path / "part"))
    assert (b"mine", b"new", False) == (
        (tmp_path / "mine").read_bytes(),
        (tmp_path / "part").read_bytes(),
        (tmp_path / "part").is_symlink(),
    )


def test_only_the_version_that_is_meant_is_one(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"one")
    facts = relocate.facts_at(str(place))
    with relocate.closing(os.open(place, relocate.READ)) as descriptor:
        assert relocate.is_version(descriptor, facts, sha256(b"one"))
        assert not relocate.is_version(descriptor, facts, sha256(b"two"))
        place.write_bytes(b"two")
        os.utime(place, ns=(facts.mtime_ns, facts.mtime_ns))
        assert relocate.facts_at(str(place)) == facts  # size, mtime and inode did not change
        assert not relocate.is_version(descriptor, facts, sha256(b"one"))


def test_a_write_that_sets_the_mtime_back_is_noticed(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"one")
    before = place.stat()
    while place.stat().st_ctime_ns == before.st_ctime_ns:
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not relocate.is_untouched(before, place.stat())
    assert relocate.is_untouched(before, before)


def test_a_folder_is_made_below_its_top_and_never_through_a_link(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    top.mkdir()
    outside.mkdir()
    with relocate.closing(relocate.made_folder(str(top), "a/b", mode=0o700)):
        assert 0o700 == (top / "a" / "b").stat().st_mode & 0o777
    (top / "link").symlink_to(outside)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        relocate.made_folder(str(top), "link/b")
    assert [] == list(outside.iterdir())


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("r/wave.01.csv", ["r/wave.01.csv", "r/wave.01.restored-1.csv", "r/wave.01.restored-2.csv"]),
        ("r/README", ["r/README", "r/README.restored-1", "r/README.restored-2"]),
        ("r/.cbor", ["r/.cbor", "r/.cbor.restored-1", "r/.cbor.restored-2"]),
    ],
)
def test_a_taken_name_has_others_beside_it(place: str, names: list[str]) -> None:
    assert names == list(islice(relocate.names_beside(place, "restored"), 3))


def test_no_name_beside_is_longer_than_a_name_can_be() -> None:
    names = list(islice(relocate.names_beside("ä" * 125 + ".csv", "archived"), 1, 12))
    assert 255 >= max(len(os.fsencode(name)) for name in names)
    assert len(names) == len(set(names))


def test_an_error_of_the_disk_says_what_cannot_be_done() -> None:
    with (
        pytest.raises(FolderError, match=r"^a cannot be moved \(No space left on device\); check the disk"),
        relocate.translated("a cannot be moved"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
