"""The kernel reports who has a file open for writing, with real writers in their own processes."""

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.adapters.files import writer_probe
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


def probed(path: Path, probe: writer_probe.WriterProbe | None = None) -> Writers:
    """Who writes it, asked on a descriptor that it is read from."""
    root = path.parent.parent
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        ask = (probe or writer_probe.WriterProbe()).asking()
        return ask(descriptor, str(root), path.relative_to(root).as_posix())
    finally:
        os.close(descriptor)


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
def test_a_writer_is_distinguished_from_a_reader(
    path: Path, tmp_path: Path, does: str, expected: Writers, memory: bool
) -> None:
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


def test_the_lease_is_given_back_while_the_file_is_still_read(path: Path) -> None:
    with path.open("rb") as file:
        assert NO_WRITERS == writer_probe.WriterProbe().asking()(file.fileno(), str(path.parent), path.name)
        # With a lease still held, this would fail at once.
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


ASKS = """
import os, sys
from eisync.adapters.files import writer_probe
writer_probe.ignore_lease_breaks()
with open(sys.argv[1], "rb") as file:
    found = writer_probe.WriterProbe().asking()(file.fileno(), os.path.dirname(sys.argv[1]), "a.csv")
print(found.presence.value, found.why, sep=";")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("is_written", [False, True])
@pytest.mark.parametrize(
    ("capability", "answers"),
    [("-all", [writers_of(errno.EACCES)] * 2), ("+lease", [NO_WRITERS, SOME_WRITERS])],
)
def test_another_users_file_may_be_asked_about_with_the_right_to(
    capability: str, answers: list[Writers], is_written: bool
) -> None:
    """As the drop-in of the unit gives it: ambient, and all others out of the bounding set."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not on this machine")
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        path = Path(place) / "a.csv"
        path.write_bytes(b"content")
        os.chmod(path, 0o644)
        as_another = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
        if subprocess.run(
            [*as_another, sys.executable, "-c", "import eisync"], capture_output=True, check=False
        ).returncode:
            pytest.skip("another user may not read where eisync is installed")
        sets = [f"--inh-caps={capability}", f"--ambient-caps={capability}", f"--bounding-set=-all,{capability}"]
        command = [*as_another, *sets, sys.executable, "-c", ASKS, str(path)]
        with holding(path, APPENDS) if is_written else contextlib.nullcontext():
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    expected = answers[is_written]
    assert f"{expected.presence.value};{expected.why}\n" == done.stdout


def test_a_fifo_is_not_waited_for(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)
    assert cannot_tell("its file system grants no leases (EINVAL)") == probed(path)


def test_a_kernel_without_memory_is_asked_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "fcntl", failing(1, OSError(errno.ENOMEM, "Cannot allocate memory"), fcntl.fcntl))
    with pytest.raises(UnreachableError, match="at the moment"):
        probed(path)


MAPS_ELSEWHERE = """
import os, subprocess, sys
place, name = os.path.split(sys.argv[1])
inner = place + "/of another container"
os.mkdir(inner)
subprocess.run(["mount", "--bind", place, inner], check=True)
file = open(os.path.join(inner, name), "ab")
print(flush=True)
sys.stdin.read()
"""


def test_a_writer_in_another_containers_mount_is_one(path: Path) -> None:
    """Another mount namespace, in which the folder has another name."""
    command = ["unshare", "--mount", "--propagation=private", sys.executable, "-S", "-c", MAPS_ELSEWHERE, str(path)]
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError:
        pytest.skip("there is no program that unshares mounts")
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != b"\n":
            pytest.skip(f"nothing may be mounted here: {process.stderr.read().decode(errors='replace')}")
        assert SOME_WRITERS == probed(path)
        process.stdin.close()
    assert NO_WRITERS == probed(path)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_writer_that_is_killed_writes_no_more(path: Path, end: signal.Signals) -> None:
    command = [
        sys.executable,
        "-S",
        "-c",
        "import sys; file = open(sys.argv[1], 'ab'); print(flush=True); sys.stdin.read()",
    ]
    with subprocess.Popen([*command, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"\n" == process.stdout.readline()
        assert SOME_WRITERS == probed(path)
        process.send_signal(end)
        process.wait(timeout=10)
        assert NO_WRITERS == probed(path)


def test_a_child_that_a_writer_left_behind_is_one(path: Path) -> None:
    """What inherited the descriptor keeps it open."""
    leaves = "child = os.fork(); os._exit(0) if child else None"
    with holding(path, f"file = open(path, 'ab'); {leaves}"):
        assert SOME_WRITERS == probed(path)


@pytest.mark.parametrize("table", ["", "22 1 254:0 / / rw - fuse.sshfs lab: rw"])
def test_a_file_system_that_does_not_know_every_writer_is_not_relied_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(writer_probe, "mountinfo", lambda: table)
    with holding(path, APPENDS):
        found = probed(path)
    assert found.why in {
        "the mount table does not list its file system",
        "its file system (fuse.sshfs) does not report every writer",
    }


def test_the_table_of_mounts_is_read_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = ["22 1 254:0 / / rw - nfs rw rw", "22 1 254:0 / / rw - ext4 /dev/vda rw"]
    monkeypatch.setattr(writer_probe, "mountinfo", lambda: tables.pop(0))
    clock = Clock()
    asked = writer_probe.WriterProbe(clock)

    def writers() -> Writers:
        return probed(path, asked)

    remote = cannot_tell("its file system (nfs) does not report every writer")
    assert [remote, remote] == [writers(), writers()]
    clock.now += 5.0
    assert [NO_WRITERS, NO_WRITERS] == [writers(), writers()]


def test_a_file_that_is_mounted_by_itself_is_not_believed_for_its_folder(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = f"22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 0:9 /a.csv {path} rw - nfs lab:/ rw"
    monkeypatch.setattr(writer_probe, "mountinfo", lambda: table)
    other = path.with_name("b.csv")
    other.write_bytes(b"content")
    asked = writer_probe.WriterProbe()
    remote = cannot_tell("its file system (nfs) does not report every writer")
    assert [NO_WRITERS, remote, NO_WRITERS] == [probed(one, asked) for one in (other, path, other)]


def test_the_last_question_gives_the_lease_back_with_the_descriptor(path: Path) -> None:
    with path.open("rb") as file:
        ask = writer_probe.WriterProbe().asking()
        assert NO_WRITERS == ask(file.fileno(), str(path.parent), path.name, is_last=True)
        with pytest.raises(BlockingIOError):
            os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def test_without_the_signal_ignored_no_lease_is_taken(path: Path) -> None:
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    try:
        assert cannot_tell("this process does not ignore SIGIO, which a lease may bring") == probed(path)
    finally:
        writer_probe.ignore_lease_breaks()


BROKEN = """
import fcntl, os, signal, subprocess, sys
from eisync.adapters.files import writer_probe
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
def test_a_lease_that_is_broken_ends_no_process_that_ignores_the_signal(path: Path, how: str, said: bytes) -> None:
    command = [sys.executable, "-c", BROKEN, str(path), how]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=False)
    assert (said, 0 if said else -signal.SIGIO) == (done.stdout, done.returncode)


OPENS = """
import os, sys, time
slowest = opened = 0
print(flush=True)
until = time.monotonic() + 1.5
while time.monotonic() < until:
    began = time.monotonic()
    os.close(os.open(sys.argv[1], os.O_WRONLY))
    slowest, opened = max(slowest, time.monotonic() - began), opened + 1
print(opened, slowest)
"""


def test_a_program_that_opens_the_file_while_it_is_asked_about_is_held_up_for_moments_only(path: Path) -> None:
    """A lease that was not given back would hold it up for `/proc/sys/fs/lease-break-time`, 45 s."""
    found = set()
    command = [sys.executable, "-S", "-c", OPENS, str(path)]
    with path.open("rb") as file, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "\n" == process.stdout.readline()
        ask = writer_probe.WriterProbe().asking()
        while process.poll() is None:
            found.add(ask(file.fileno(), str(path.parent), path.name))
        opened, slowest_s = process.stdout.read().split()
    assert found <= {NO_WRITERS, SOME_WRITERS}
    assert int(opened) > 100
    assert float(slowest_s) < 10.0
