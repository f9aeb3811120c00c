"""The kernel says who has a file open for writing: real writers, in processes of their own."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.adapters import writer_probe
from eisync.core.writers import NO_WRITERS, SOME_WRITERS, Writers, cannot_tell, writers_of
from eisync.errors import UnreachableError
from tests.fakes import Clock, failing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")

WRITES = "file = open(path, 'r+b'); file.write(b'x'); file.flush()"
APPENDS = "file = open(path, 'ab')"
RESERVES = "file = open(path, 'r+b'); os.posix_fallocate(file.fileno(), 0, 10_000)"
MAPS = "file = open(path, 'r+b'); held = mmap.mmap(file.fileno(), 0); file.close()"
READS = "file = open(path, 'rb'); file.read()"
MAPS_TO_READ = "file = open(path, 'rb'); held = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ); file.close()"
CLOSED = "file = open(path, 'ab'); file.write(b'x'); file.close()"


@pytest.fixture(autouse=True)
def _no_signal() -> None:
    writer_probe.ignore_lease_breaks()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner/a.csv"
    path.write_bytes(b"content")
    return path


@contextlib.contextmanager
def holding(path: Path, does: str) -> Iterator[None]:
    """Another process, which does that and stalls."""
    source = f"import mmap, os, sys; path = sys.argv[1]; {does}; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-S", "-c", source, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"\n" == process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()


def probed(path: Path) -> Writers:
    root = path.parent.parent
    with writer_probe.WriterProbe().probing() as probe:
        return probe(str(root), path.relative_to(root).as_posix())


@pytest.mark.parametrize(
    ("does", "expected"),
    [
        (WRITES, SOME_WRITERS),
        (APPENDS, SOME_WRITERS),
        (RESERVES, SOME_WRITERS),
        (MAPS, SOME_WRITERS),
        (READS, NO_WRITERS),
        (MAPS_TO_READ, NO_WRITERS),
        (CLOSED, NO_WRITERS),
    ],
)
@pytest.mark.parametrize("memory", [False, True])
def test_a_writer_is_told_from_a_reader(path: Path, tmp_path: Path, does: str, expected: Writers, memory: bool) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if memory else tmp_path) as place:
        if memory:
            path = Path(place) / "inner/a.csv"
            path.parent.mkdir()
            path.write_bytes(b"content")
        with holding(path, does):
            assert expected == probed(path)
        assert NO_WRITERS == probed(path)  # its end closes all that it had


def test_a_writer_of_this_process_is_one(path: Path) -> None:
    with path.open("ab"):
        assert SOME_WRITERS == probed(path)
    assert NO_WRITERS == probed(path)


def test_a_writer_of_one_name_writes_them_all(path: Path) -> None:
    os.link(path, path.with_name("b.csv"))
    with holding(path.with_name("b.csv"), APPENDS):
        assert SOME_WRITERS == probed(path)


def test_the_lease_is_given_back(path: Path) -> None:
    with writer_probe.WriterProbe().probing() as probe:
        assert NO_WRITERS == probe(str(path.parent), path.name)
        # With a lease still held, this would fail at once.
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_users_file_may_not_be_asked_about() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        path = Path(place) / "a.csv"
        path.write_bytes(b"content")
        os.chmod(path, 0o644)
        os.seteuid(65534)
        try:
            with writer_probe.WriterProbe().probing() as probe:
                found = probe(place, "a.csv")
        finally:
            os.seteuid(0)
    assert writers_of(errno.EACCES) == found


def test_what_cannot_be_opened_is_not_known(path: Path) -> None:
    path.rename(path.with_name("there.csv"))
    path.symlink_to("there.csv")
    assert cannot_tell("it cannot be opened (Too many levels of symbolic links)") == probed(path)
    path.unlink()
    assert cannot_tell("it cannot be opened (No such file or directory)") == probed(path)


def test_a_fifo_is_not_waited_for(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)
    assert cannot_tell("its file system grants no leases (EINVAL)") == probed(path)


def test_a_process_without_descriptors_asks_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with writer_probe.WriterProbe().probing() as probe:
        monkeypatch.setattr(os, "open", failing(1, OSError(errno.EMFILE, "Too many open files"), os.open))
        with pytest.raises(UnreachableError, match="at the moment"):
            probe(str(path.parent), path.name)


@pytest.mark.parametrize("table", ["", "22 1 254:0 / / rw - fuse.sshfs lab: rw"])
def test_a_file_system_that_does_not_know_every_writer_is_not_believed(
    path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(writer_probe, "mountinfo", lambda: table)
    with holding(path, APPENDS):
        found = probed(path)
    assert found.why in {
        "the table of mounts does not name its file system",
        "its file system (fuse.sshfs) does not know of every writer",
    }


def test_the_table_of_mounts_is_read_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = ["22 1 254:0 / / rw - nfs rw rw", "22 1 254:0 / / rw - ext4 /dev/vda rw"]
    monkeypatch.setattr(writer_probe, "mountinfo", lambda: tables.pop(0))
    clock = Clock()
    asked = writer_probe.WriterProbe(clock)

    def writers() -> Writers:
        with asked.probing() as probe:
            return probe(str(path.parent), path.name)

    remote = cannot_tell("its file system (nfs) does not know of every writer")
    assert [remote, remote] == [writers(), writers()]
    clock.now += 5.0
    assert [NO_WRITERS, NO_WRITERS] == [writers(), writers()]


def test_without_the_signal_ignored_no_lease_is_taken(path: Path) -> None:
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    try:
        assert cannot_tell("this process does not ignore SIGIO, which a lease may bring") == probed(path)
    finally:
        writer_probe.ignore_lease_breaks()


BROKEN = """
import fcntl, os, signal, subprocess, sys
from eisync.adapters import writer_probe
signal.signal(signal.SIGIO, signal.SIG_DFL)
if sys.argv[2] == "ignored":
    writer_probe.ignore_lease_breaks()
held = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_RDLCK)
subprocess.run([sys.executable, "-S", "-c", "import os, sys; os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)",
    sys.argv[1]], stderr=subprocess.DEVNULL)
print("alive")
"""


@pytest.mark.parametrize(("how", "said"), [("ignored", b"alive\n"), ("not", b"")])
def test_a_lease_that_is_broken_while_it_is_held_ends_nobody_who_ignores_it(path: Path, how: str, said: bytes) -> None:
    command = [sys.executable, "-c", BROKEN, str(path), how]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=False)
    assert (said, 0 if said else -signal.SIGIO) == (done.stdout, done.returncode)
