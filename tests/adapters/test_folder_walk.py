"""A walk skips unchanged known files, reports known files that are missing, and never holds a huge folder."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from eisync.adapters.files import folder_walk
from eisync.adapters.files.folder_walk import walk
from eisync.core.ignore import IgnoreRules
from eisync.core.known_content import FolderPiece, KnownVersions, Version

ANYTHING = IgnoreRules()


class Memory:
    """What is known of one folder."""

    def __init__(self, folder: Path) -> None:
        self.versions: dict[bytes, Version] = {}
        for path in folder.iterdir():
            status = path.lstat()
            version = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
            self.versions[os.fsencode(path.name)] = version
            self.ignores_inodes = False

    @property
    def known(self) -> KnownVersions:
        return KnownVersions(self.all_in, self.some_in, self.passes_over)

    def all_in(self, folder: str, limit: int) -> dict[bytes, Version] | None:
        return None if len(self.versions) > limit else dict(self.versions)

    def some_in(self, folder: str, names: Iterable[bytes]) -> dict[bytes, Version]:
        return {name: self.versions[name] for name in names if name in self.versions}

    def passes_over(self, known: Version, found: Version) -> bool:
        return self.ignores_inodes and (known[:2], known[3]) == (found[:2], found[3])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(7):
        (tmp_path / f"{number}.csv").write_text(str(number))
    return tmp_path


@pytest.fixture(params=[100, 2], ids=["held", "huge"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether all files of the folder are held at once."""
    monkeypatch.setattr(folder_walk, "PIECE", 3)
    monkeypatch.setattr(folder_walk, "AT_ONCE", request.param)
    return bool(request.param > 10)


def walked(root: Path, known: Memory) -> tuple[set[str], set[str], FolderPiece]:
    """Return the files that are yielded, what is left out, and the last piece."""
    pieces = list(walk(str(root), ANYTHING, known=known.known))
    assert [False] * (len(pieces) - 1) + [True] == [piece.is_last for piece in pieces]
    assert all(piece.entries <= 3 for piece in pieces)
    files = [name for piece in pieces for name in piece.files]
    assert len(files) == len(set(files))
    return set(files), {path for piece in pieces for path, _ in piece.left_out}, pieces[-1]


def test_what_is_known_as_it_is_is_passed_over(root: Path, at_once: bool) -> None:
    files, left_out, last = walked(root, Memory(root))

    assert (set(), set()) == (files, left_out)
    assert ([] if at_once else None) == last.unmet
    assert at_once or last.met == 7


def test_what_is_new_or_changed_is_handed_out(root: Path, at_once: bool) -> None:
    memory = Memory(root)
    (root / "1.csv").write_text("longer")
    os.utime(root / "2.csv", (1, 1))
    (root / "new.csv").write_text("new")
    (root / "4.csv").rename(root / "kept")
    (root / "other.csv").write_text("4")
    (root / "other.csv").rename(root / "4.csv")  # the same size; another inode
    os.utime(root / "4.csv", ns=(0, memory.versions[b"4.csv"][1]))

    files, left_out, _ = walked(root, memory)

    assert ({"1.csv", "2.csv", "new.csv", "4.csv"}, {"kept"}) == (files, left_out)


def test_what_was_rewritten_with_its_size_and_time_is_handed_out(root: Path, at_once: bool) -> None:
    memory = Memory(root)
    (root / "1.csv").write_text("x")
    os.utime(root / "1.csv", ns=(0, memory.versions[b"1.csv"][1]))
    status = (root / "1.csv").stat()
    assert memory.versions[b"1.csv"][:3] == (status.st_size, status.st_mtime_ns, status.st_ino)

    files, _, _ = walked(root, memory)

    assert {"1.csv"} == files


@pytest.mark.parametrize("ignores", [False, True])
def test_files_that_the_known_versions_pass_over_are_not_yielded(root: Path, at_once: bool, ignores: bool) -> None:
    memory = Memory(root)
    size, mtime_ns, inode, ctime_ns = memory.versions[b"1.csv"]
    memory.versions[b"1.csv"] = (size, mtime_ns, inode + 1, ctime_ns)
    memory.ignores_inodes = ignores

    files, _, _ = walked(root, memory)

    assert (set() if ignores else {"1.csv"}) == files


def test_a_known_file_that_became_no_file_counts_as_not_met(root: Path, at_once: bool) -> None:
    memory = Memory(root)
    (root / "1.csv").unlink()
    (root / "2.csv").unlink()
    (root / "2.csv").mkdir()
    (root / "3.csv").unlink()
    (root / "3.csv").symlink_to("4.csv")

    *others, last = walk(str(root), ANYTHING, known=memory.known)
    folder = next(piece for piece in [*others, last] if piece.path == "" and piece.is_last)

    if at_once:
        assert {"1.csv", "2.csv", "3.csv"} == set(folder.unmet or ())
    else:
        assert (None, 4) == (folder.unmet, folder.met)


def test_a_folder_that_went_met_nothing(root: Path, at_once: bool) -> None:
    (folder,) = walk(str(root), ANYTHING, below="nowhere", known=Memory(root).known)

    assert (7 if at_once else None) == (None if folder.unmet is None else len(folder.unmet))
    assert folder.is_last


@pytest.mark.parametrize("number", [0, 2, 3, 4, 6])
def test_every_file_is_handed_out_once_whatever_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(folder_walk, "PIECE", 3)
    names = {f"{one}.csv" for one in range(number)}
    for name in names:
        (tmp_path / name).write_text("x")
    pieces = list(walk(str(tmp_path), ANYTHING))

    assert sorted(names) == sorted(name for piece in pieces for name in piece.files)
    assert number == sum(piece.entries for piece in pieces)


def test_a_walk_that_is_broken_off_holds_no_folder_open(root: Path, at_once: bool) -> None:
    before = set(os.listdir("/proc/self/fd"))
    pieces = walk(str(root), ANYTHING)
    next(pieces)
    del pieces

    assert before == set(os.listdir("/proc/self/fd"))
