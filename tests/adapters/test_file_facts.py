import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import file_facts
from eisync.core.ignore import IgnoreRules, Leads, why_left_out
from eisync.core.known_content import FolderPiece
from eisync.core.model import Category, FileFacts, Item
from eisync.core.writers import BEING_WRITTEN
from eisync.errors import FileChangedError, FileError, FileGoneError, FileUnreadableError, UnreachableError

NOBODY = 65534
PROJECT = Path(__file__).parent.parent.parent
ANYTHING = IgnoreRules()

Change = Callable[[Path], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    place.mkdir()
    return place


def write(root: Path, path: str, content: bytes = b"content") -> Item:
    """The file, and the item that it is once it has settled."""
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return item_of(root, path)


def item_of(root: Path, path: str) -> Item:
    facts = file_facts.facts_at(str(root), path)
    assert facts is not None
    return Item(id=1, root=str(root), path=path, target="t", facts=facts, label=None, category=Category.SPLIT)


def walked(root: Path, *ignores: str, below: str = "") -> dict[str, FolderPiece]:
    return {folder.path: folder for folder in file_facts.walk(str(root), IgnoreRules(ignores), below=below)}


# --- walk


def test_a_walk_yields_each_folder_before_it_reads_the_next(root: Path) -> None:
    for path in ("a.csv", "one/b.csv", "two/c.csv"):
        write(root, path)
    folders = file_facts.walk(str(root), ANYTHING)
    first = next(folders)
    write(root, "one/late.csv")
    write(root, "two/late.csv")
    rest = {folder.path: set(folder.files) for folder in folders}
    assert ("", {"a.csv"}) == (first.path, set(first.files))
    assert {"one": {"b.csv", "late.csv"}, "two": {"c.csv", "late.csv"}} == rest


def test_a_walk_may_begin_at_a_folder_below_the_root(root: Path) -> None:
    for path in ("a.csv", "one/b.csv", "one/deep/c.csv", "two/d.csv"):
        write(root, path)
    assert {"one", "one/deep"} == set(walked(root, below="one"))


def test_the_facts_of_a_walk_are_those_of_a_stat(root: Path) -> None:
    write(root, "one/b.csv", b"12345")
    assert file_facts.facts_at(str(root), "one/b.csv") == walked(root)["one"].files["b.csv"]


def test_an_ignored_folder_is_not_entered(root: Path) -> None:
    for path in (".git/a.csv", "cache/b.csv", "kept/c.csv", "kept/cache/d.csv"):
        write(root, path)
    assert {"", "kept"} == set(walked(root, "cache/"))


def test_what_is_no_file_is_left_out_with_its_reason(root: Path) -> None:
    write(root, "good.csv")
    write(root, "notes.doc")
    write(root, "half.csv.part")
    os.mkfifo(root / "pipe.csv")
    (root / "link.csv").symlink_to("good.csv")
    (root / "dangling.csv").symlink_to("nowhere")
    (root / "loop.csv").symlink_to("loop.csv")
    (root / "folder").symlink_to(root.parent, target_is_directory=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(root / "socket.csv"))
        folder = walked(root)[""]
    assert {"good.csv"} == set(folder.files)
    assert {
        "notes.doc": "not a type that Edge Impulse takes (.doc)",
        "half.csv.part": "ignored by the pattern '*.part'",
        "pipe.csv": "a named pipe (FIFO), not a file",
        "link.csv": why_left_out(Leads.TO_FILE, is_uploaded=True),
        "dangling.csv": why_left_out(Leads.NOWHERE),
        "loop.csv": why_left_out(Leads.IN_A_CIRCLE),
        "folder": why_left_out(Leads.UPWARDS),
        "socket.csv": "a socket, not a file",
    } == dict(folder.left_out)


@pytest.mark.parametrize(
    "name", [b"caf\xe9.csv", b"new\nline.csv", b" .csv", b"\xff\xfe.csv", "标签.csv".encode(), b"tab\t\x07.csv"]
)
def test_any_name_that_the_file_system_takes_is_found(root: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(root), name), "wb") as file:
        file.write(b"x")
    folder = walked(root)[""]
    assert [name] == [os.fsencode(found) for found in folder.files]
    assert file_facts.facts_at(str(root), os.fsdecode(name)) == folder.files[os.fsdecode(name)]


def test_a_folder_that_went_during_the_walk_is_no_trouble(root: Path) -> None:
    write(root, "one/a.csv")
    folders = file_facts.walk(str(root), ANYTHING)
    next(folders)
    (root / "one/a.csv").unlink()
    (root / "one").rmdir()
    assert [FolderPiece("one")] == list(folders)


def test_a_root_that_is_not_there_is_trouble(root: Path) -> None:
    root.rmdir()
    assert "the folder cannot be read (No such file or directory)" == walked(root)[""].trouble


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_an_unreadable_folder_is_trouble_and_its_neighbours_are_not(root: Path) -> None:
    write(root, "open/a.csv")
    write(root, "closed/b.csv")
    write(root, "blind/c.csv")
    (root / "closed").chmod(0o000)
    (root / "blind").chmod(0o744)  # its names may be read, and nothing else
    root.chmod(0o755)
    # Perhaps only root can start the interpreter; so the process changes its user after the start.
    code = (
        "import os; from eisync.adapters.files import file_facts as files; from eisync.core.ignore import IgnoreRules\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "for f in files.walk('.', IgnoreRules()): print(f.path, sorted(f.files), f.trouble, sep='|')\n"
        "print(files.why_offline('closed'))\n"
        "print(files.facts_at('.', 'closed/b.csv'), files.is_missing('.', 'closed/b.csv'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    refused = "the folder cannot be read (Permission denied)"
    assert {
        "|[]|None",
        "open|['a.csv']|None",
        f"closed|[]|{refused}",
        f"blind|[]|{refused}",
        "the folder closed cannot be read (Permission denied); give eisync's user permission to read it",
        "None False",
    } == set(done.stdout.splitlines()), done.stderr


def test_times_that_the_database_cannot_hold_are_held_at_its_limit(root: Path) -> None:
    write(root, "future.csv")
    os.utime(root / "future.csv", (1.1e10, 1.1e10))  # the year 2318
    facts = file_facts.facts_at(str(root), "future.csv")
    assert facts is not None
    assert 2**63 - 1 == facts.mtime_ns


# --- facts_at, is_missing, why_offline


@pytest.mark.parametrize(
    ("make", "is_missing"),
    [
        pytest.param(lambda place: place.write_bytes(b"x"), False, id="file"),
        pytest.param(lambda place: None, True, id="nothing"),
        pytest.param(os.mkfifo, True, id="fifo"),
        pytest.param(lambda place: place.mkdir(), True, id="folder"),
        pytest.param(lambda place: place.symlink_to("/etc/passwd"), True, id="link"),
    ],
)
def test_only_a_regular_file_is_a_file(root: Path, make: Callable[[Path], object], is_missing: bool) -> None:
    make(root / "a.csv")
    assert is_missing == file_facts.is_missing(str(root), "a.csv")
    assert is_missing == (file_facts.facts_at(str(root), "a.csv") is None)


def test_a_file_in_the_place_of_its_folder_is_missing(root: Path) -> None:
    write(root, "folder")
    assert file_facts.is_missing(str(root), "folder/a.csv")


def test_the_reason_why_a_root_is_offline_is_a_sentence(root: Path) -> None:
    write(root, "file")
    assert None is file_facts.why_offline(str(root))
    assert f"{root}/file is not a folder" == file_facts.why_offline(f"{root}/file")
    assert (
        f"the folder {root}/no is not there; create or mount it, and watching resumes by itself"
    ) == file_facts.why_offline(f"{root}/no")


# --- opened


def read(item: Item) -> bytes:
    with file_facts.opened(item) as descriptor:
        return os.read(descriptor, 100)


def read_whole(item: Item) -> bytes:
    with contextlib.closing(file_facts.OpenFolder()) as folder:
        return file_facts.read_whole(item, folder)


def test_what_comes_in_several_reads_is_read_to_its_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = write(root, "one/a.csv")
    whole = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: whole(descriptor, min(3, size)))
    assert b"content" == read_whole(item)


@pytest.mark.parametrize("change", ["grow", "touch"])
def test_a_change_before_the_only_look_is_seen(root: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    item = write(root, "one/a.csv")
    whole = os.read

    def slow(descriptor: int, size: int) -> bytes:
        {"grow": grow, "touch": touch}[change](root)
        return whole(descriptor, size)

    monkeypatch.setattr(os, "read", slow)
    with pytest.raises(FileChangedError):
        read_whole(item)


def test_the_file_that_settled_is_opened(root: Path) -> None:
    assert b"content" == read(write(root, "one/two/a.csv"))


def swap_for_fifo(root: Path) -> None:
    (root / "one/a.csv").unlink()
    os.mkfifo(root / "one/a.csv")


def swap_for_socket(root: Path) -> None:
    (root / "one/a.csv").unlink()
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(os.path.relpath(root / "one/a.csv"))


def swap_for_folder(root: Path) -> None:
    (root / "one/a.csv").unlink()
    (root / "one/a.csv").mkdir()


def swap_for_link(root: Path) -> None:
    (root / "one/a.csv").rename(root.parent / "a.csv")
    (root / "one/a.csv").symlink_to(root.parent / "a.csv")


def swap_folder_for_link(root: Path) -> None:
    (root / "one").rename(root.parent / "elsewhere")
    (root / "one").symlink_to(root.parent / "elsewhere", target_is_directory=True)


def replace(root: Path) -> None:
    write(root, "one/new", b"another")
    before = (root / "one/a.csv").stat()
    os.utime(root / "one/new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (root / "one/new").rename(root / "one/a.csv")


def grow(root: Path) -> None:
    with open(root / "one/a.csv", "ab") as file:
        file.write(b"more")


def touch(root: Path) -> None:
    os.utime(root / "one/a.csv", ns=(1, 1))


def lose_file(root: Path) -> None:
    (root / "one/a.csv").unlink()


def lose_folder(root: Path) -> None:
    lose_file(root)
    (root / "one").rmdir()


def lose_root(root: Path) -> None:
    root.rename(root.parent / "away")


SWAPS = [
    (swap_for_fifo, FileUnreadableError, "it is not a regular file"),
    (swap_for_socket, FileUnreadableError, "the file cannot be read (No such device or address)"),
    (swap_for_folder, FileUnreadableError, "it is not a regular file"),
    (swap_for_link, FileUnreadableError, "it is a symbolic link; links are not followed"),
    (swap_folder_for_link, FileGoneError, "the file is gone"),
    (replace, FileChangedError, "the file changed while it was read (7 bytes became 7)"),
    (grow, FileChangedError, "the file changed while it was read (7 bytes became 11)"),
    (touch, FileChangedError, "the file changed while it was read (7 bytes became 7)"),
    (lose_file, FileGoneError, "the file is gone"),
    (lose_folder, FileGoneError, "the file is gone"),
    (lose_root, FileChangedError, "is not there; create or mount it"),
]


@pytest.mark.parametrize(("swap", "error", "text"), SWAPS, ids=lambda value: getattr(value, "__name__", None))
@pytest.mark.parametrize("read", [read, read_whole], ids=lambda read: read.__name__)
def test_nothing_else_can_be_opened_in_its_place(
    root: Path, read: Callable[[Item], bytes], swap: Change, error: type[FileError], text: str
) -> None:
    item = write(root, "one/a.csv")
    assert b"content" == read(item)
    swap(root)
    with pytest.raises(error) as caught:
        read(item)
    assert text in str(caught.value)
    assert item.id == caught.value.item_id


@pytest.mark.parametrize("change", [grow, touch], ids=lambda change: change.__name__)
def test_a_change_while_it_is_read_is_seen_at_the_end(root: Path, change: Change) -> None:
    item = write(root, "one/a.csv")
    with pytest.raises(FileChangedError), file_facts.opened(item):
        change(root)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (replace, FileChangedError),
        (grow, FileChangedError),
        (lose_file, FileGoneError),
        (swap_for_link, FileGoneError),
        (lose_root, FileChangedError),
    ],
    ids=lambda value: value.__name__,
)
def test_a_second_check_finds_what_happened_to_the_path(root: Path, change: Change, error: type[FileError]) -> None:
    item = write(root, "one/a.csv")
    file_facts.verify(item)
    change(root)
    with pytest.raises(error):
        file_facts.verify(item)


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(("swap", "error", "_"), SWAPS, ids=lambda value: getattr(value, "__name__", None))
def test_a_refused_file_leaves_no_descriptor_behind(root: Path, swap: Change, error: type[FileError], _: str) -> None:
    item = write(root, "one/a.csv")
    swap(root)
    before = descriptors()
    with contextlib.suppress(error):
        read(item)
    assert before == descriptors()


@pytest.fixture
def without_descriptors() -> Iterator[list[int]]:
    """Call it to have no descriptor left."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    yield taken
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_running_out_of_descriptors_is_no_fault_of_the_file(root: Path, without_descriptors: list[int]) -> None:
    import resource

    item = write(root, "one/a.csv")
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(descriptors()) + 20, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with contextlib.suppress(OSError):
        while True:
            without_descriptors.append(os.open("/dev/null", os.O_RDONLY))
    with pytest.raises(UnreachableError) as caught:
        read(item)
    assert "no file can be read at the moment (Too many open files)" == str(caught.value)


def test_facts_of_one_version_are_equal_whenever_they_are_taken(root: Path) -> None:
    item = write(root, "a.csv")
    os.chmod(root / "a.csv", 0o640)  # its ctime moves, its content does not
    assert item.facts == file_facts.facts_at(str(root), "a.csv")
    assert item.facts != FileFacts(item.facts.size + 1, item.facts.mtime_ns, item.facts.inode)


@pytest.mark.parametrize("violation", [32, 33])
def test_a_file_that_windows_does_not_share_is_still_being_written(
    root: Path, monkeypatch: pytest.MonkeyPatch, violation: int
) -> None:
    item = write(root, "a.csv")
    real = os.open

    def refuse(path: str, *rest: Any, **more: Any) -> int:
        if path != "a.csv":
            return real(path, *rest, **more)
        error = PermissionError(13, "The process cannot access the file")
        error.winerror = violation  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "supports_dir_fd", {refuse})
    with pytest.raises(FileChangedError, match=BEING_WRITTEN), file_facts.opened(item):
        pass


def test_a_file_that_another_program_keeps_to_itself_waits_until_that_is_through(root: Path) -> None:
    """Samba's oplocks are write leases. Opening the file breaks one, and the next attempt finds it released."""
    fcntl = pytest.importorskip("fcntl")
    item = write(root, "a.csv")
    holds = (
        "import fcntl, os, signal, sys; signal.signal(signal.SIGIO, signal.SIG_IGN);"
        "held = os.open(sys.argv[1], os.O_RDWR); fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK);"
        "print(flush=True); sys.stdin.read(); fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_UNLCK)"
    )
    command = [sys.executable, "-S", "-c", holds, str(root / "a.csv")]
    assert hasattr(fcntl, "F_SETLEASE"), "leases are Linux's"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"\n" == process.stdout.readline()
        with pytest.raises(FileChangedError, match=BEING_WRITTEN), file_facts.opened(item):
            pass
        process.stdin.close()
    with file_facts.opened(item) as descriptor:
        assert b"content" == file_facts.read(descriptor, 7, item)
