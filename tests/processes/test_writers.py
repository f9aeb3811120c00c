"""Realistic writers, while the real daemon watches: each file is stored once, and whole."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.core.writers import BEING_WRITTEN, NONE_WRITES, WRITTEN_MEANWHILE
from eisync.emulator.server import RunningEmulator
from tests.cli import other_user
from tests.conftest import Bench, row, sha256, stored_once, until
from tests.core import formats
from tests.emulator.wire import acquisition

LARGE = os.environ.get("EISYNC_LARGE") == "1"
SETTLE_S = 0.6
PATIENCE_S = 120.0
SOUND = bytes(range(1, 251)) * 400
NO_RIGHT = "the file belongs to another user, and eisync may not ask the kernel about it (CAP_LEASE)"


@pytest.fixture
def daemon(bench: Bench) -> "Iterator[subprocess.Popen[bytes]]":
    (bench.place / "eisync.toml").write_text(
        f'[[watch]]\npath = "recordings"\nsettle_s = {SETTLE_S}\npatience_s = {PATIENCE_S}\nscan_interval_s = 0.5\n'
    )
    with bench.healthy_daemon() as process:
        yield process


def test_writers_in_the_wild(bench: Bench, daemon: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    """All of them at once: the daemon must not confuse them."""
    expected = [write(bench, tmp_path) for write in (cp, renaming, moving_from_another_file_system, rsync)]
    until(lambda: set(bench.emulator.ledger()["stored_by_hash"]) == {sha256(content) for content in expected})
    under_way = [writer(bench) for writer in (appending, reserving, placing, recording, streaming)]
    while under_way:
        for writer in list(under_way):
            try:
                next(writer)
            except StopIteration as end:
                under_way.remove(writer)
                expected.append(end.value)
        assert set(bench.emulator.ledger()["stored_by_hash"]) <= {sha256(content) for content in expected}
        time.sleep(0.25)  # a writer's pace: shorter than settle_s
    until(lambda: stored_once(bench.emulator.ledger(), expected))


@pytest.mark.parametrize(
    ("mode", "settle_s", "pause_s", "lines"),
    [
        ("auto", 0.3, 1.0, 8),
        ("scan", 0.3, 1.0, 8),
        # With EISYNC_LARGE for a minute.
        pytest.param("auto", 2.0, 3.0, 20 if LARGE else 6, marks=[pytest.mark.slow, pytest.mark.timeout(180)]),
    ],
)
def test_a_table_that_its_logger_keeps_open_is_one_sample(
    bench: Bench, mode: str, settle_s: float, pause_s: float, lines: int
) -> None:
    """Write a line now and then, with pauses longer than settle_s."""
    (bench.place / "eisync.toml").write_text(
        f'[[watch]]\npath = "recordings"\nmode = "{mode}"\nsettle_s = {settle_s}\nscan_interval_s = 0.5\n'
    )
    signal.signal(signal.SIGIO, signal.SIG_DFL)  # children inherit ignored signals
    process = bench.daemon()
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        ignored = re.search(r"SigIgn:\s+(\w+)", Path(f"/proc/{process.pid}/status").read_text())
        assert ignored is not None
        assert int(ignored[1], 16) >> (signal.SIGIO - 1) & 1
        path, content = bench.recordings / "log.csv", b"timestamp,accX\n"
        with path.open("wb") as file:
            file.write(content)
            for number in range(lines):
                line = b"%d,%d\n" % (number * 10, number)
                file.write(line)
                file.flush()
                content += line
                time.sleep(pause_s)
                assert not bench.emulator.ledger()["stored_by_hash"]
            until(lambda: bench.files()["log.csv"]["reason"] == BEING_WRITTEN)
            assert "settling" == bench.files()["log.csv"]["state"]
            explained = bench.run("explain", str(path)).stdout
            assert f"settling: {BEING_WRITTEN}" in explained
            assert f"writers   {BEING_WRITTEN} (asked the kernel)" in explained
            assert "  eisync asks the kernel who writes its files" in bench.run("status").stdout.splitlines()
        until(lambda: stored_once(bench.emulator.ledger(), [content]))
        time.sleep(1.5)  # long enough for another one
        assert stored_once(bench.emulator.ledger(), [content])
        assert f"writers   {NONE_WRITES} (asked the kernel)" in bench.run("explain", str(path)).stdout
    finally:
        process.kill()
        process.wait(timeout=10)


def test_one_pass_waits_for_a_writer_and_says_so(bench: Bench) -> None:
    with (bench.recordings / "log.csv").open("wb") as file:
        file.write(row(1))
        file.flush()
        done = bench.once("--timeout", "1.5")
        assert (4, {}) == (done.returncode, dict(bench.emulator.ledger()["stored_by_hash"]))
        assert f"log.csv: not complete yet: {BEING_WRITTEN}" in done.stderr
    assert 0 == bench.once().returncode
    assert stored_once(bench.emulator.ledger(), [row(1)])


def test_one_pass_sends_a_whole_file_without_waiting(bench: Bench) -> None:
    """No program has it open: only its format decides."""
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 90\npatience_s = 90\n')
    contents = whole_files()
    for name, content in contents.items():
        bench.write(name, content)
    done = bench.once("--timeout", "30")
    assert 0 == done.returncode, done.stderr
    assert stored_once(bench.emulator.ledger(), list(contents.values()))


@pytest.mark.parametrize("mode", ["auto", "scan"])
@pytest.mark.parametrize("is_reserved", [False, True])
def test_a_stalled_writer_holds_its_file_back_in_every_format(bench: Bench, mode: str, is_reserved: bool) -> None:
    """Half of it is written, preallocated or not, for much longer than settle_s; then comes the rest."""
    (bench.place / "eisync.toml").write_text(
        f'[[watch]]\npath = "recordings"\nmode = "{mode}"\nsettle_s = 0.2\npatience_s = 1.0\nscan_interval_s = 0.5\n'
    )
    contents = {**whole_files(), "log.csv": row(3), "notes.txt": row(4)}
    process = bench.daemon()
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        with contextlib.ExitStack() as stack:
            files = {name: stack.enter_context((bench.recordings / name).open("wb")) for name in contents}
            for name, file in files.items():
                if is_reserved:
                    file.truncate(len(contents[name]))
                file.write(contents[name][: len(contents[name]) // 2])
                file.flush()
            time.sleep(3.5)  # longer than patience_s, and than three checks
            assert {} == bench.emulator.ledger()["stored_by_hash"]
            until(lambda: dict.fromkeys(contents, BEING_WRITTEN) == reasons(bench))
            for name, file in files.items():
                file.write(contents[name][len(contents[name]) // 2 :])
        until(lambda: stored_once(bench.emulator.ledger(), list(contents.values())))
    finally:
        process.kill()
        process.wait(timeout=10)


def test_a_whole_file_in_a_scanned_folder_is_sent_soon_after_its_close(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(
        '[[watch]]\npath = "recordings"\nmode = "scan"\nsettle_s = 90\nscan_interval_s = 0.5\n'
    )
    content = formats.wav(SOUND)
    process = bench.daemon()
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        with (bench.recordings / "a.wav").open("wb") as file:
            file.write(content)
            file.flush()
            until(lambda: reasons(bench) == {"a.wav": BEING_WRITTEN})
        until(lambda: stored_once(bench.emulator.ledger(), [content]))
    finally:
        process.kill()
        process.wait(timeout=10)


@pytest.mark.parametrize("writes", [b"", b"600000,1\n"])
def test_a_writer_that_opens_a_file_during_its_upload_has_it_sent_again(bench: Bench, writes: bytes) -> None:
    """The network is slow enough for a writer to open the file; nothing is stored before the writer closes it."""
    content = b"timestamp,accX\n" + b"".join(b"%d,%d\n" % (number * 10, number) for number in range(60_000))
    bench.configure(upload={"max_rate": 200_000})
    path = bench.write("long.csv", content)
    process = bench.daemon()
    try:
        until(lambda: bench.files().get("long.csv", {}).get("state") == "sending")
        with path.open("ab") as file:
            file.write(writes)
            file.flush()
            until(lambda: reasons(bench).get("long.csv") in (BEING_WRITTEN, WRITTEN_MEANWHILE))
            assert {} == bench.emulator.ledger()["stored_by_hash"]
        until(lambda: stored_once(bench.emulator.ledger(), [content + writes]), within_s=40.0)
    finally:
        process.kill()
        process.wait(timeout=10)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_file_of_another_user_waits_for_its_close_and_status_says_how_to_allow_the_check(
    emulator: RunningEmulator,
) -> None:
    """Keep a whole table, a whole recording and a preallocated one open for longer than settle_s."""
    contents = {"log.csv": row(1), "a.wav": formats.wav(SOUND), "b.wav": formats.wav(SOUND[:500])}
    with other_user.other_users_bench(emulator) as bench:
        (bench.place / "eisync.toml").write_text(
            '[[watch]]\npath = "recordings"\nsettle_s = 0.3\nscan_interval_s = 0.5\n'
        )
        process = other_user.start(bench, "run")
        try:
            until(lambda: other_user.run(bench, "healthcheck").returncode == 0)
            with contextlib.ExitStack() as stack:
                for name, content in contents.items():
                    file = stack.enter_context((bench.recordings / name).open("wb"))
                    file.write(content)
                    file.flush()
                time.sleep(2.0)
                status = other_user.run(bench, "status")
                assert {} == bench.emulator.ledger()["stored_by_hash"]
                assert (4, True) == (
                    status.returncode,
                    "3 files not complete yet: eisync did not see it" in status.stdout,
                )
                assert (
                    f"  eisync cannot tell who writes some of its files: {NO_RIGHT}; docs/writers.md"
                ) in status.stdout
                reported = other_user.run(bench, "explain", str(bench.recordings / "a.wav"))
                assert f"writers   cannot tell: {NO_RIGHT}; so it is sent once eisync sees it closed" in reported.stdout
            until(lambda: stored_once(bench.emulator.ledger(), list(contents.values())))
        finally:
            process.kill()
            process.wait(timeout=10)


def whole_files() -> dict[str, bytes]:
    """Return one file of each format that shows that it is whole."""
    return {
        "a.wav": formats.wav(SOUND),
        "b.json": formats.document(acquisition(1.0)),
        "c.cbor": formats.cbor(acquisition(2.0)),
        "d.png": formats.png(SOUND),
        "e.jpg": formats.jpeg(SOUND),
        "f.avi": formats.avi(SOUND),
        "g.mp4": formats.box(b"ftyp", b"isom") + formats.box(b"mdat", SOUND) + formats.box(b"moov", SOUND[:200]),
        "h.mp4": formats.box(b"ftyp", b"isom") + formats.box(b"moov", SOUND[:200]) + formats.box(b"mdat", SOUND[1:]),
        "i.parquet": formats.parquet(SOUND),
    }


def reasons(bench: Bench) -> dict[str, str]:
    return {name: record["reason"] for name, record in bench.files("--state", "settling").items()}


def cp(bench: Bench, place: Path) -> bytes:
    content = formats.document(acquisition(1.0))
    (place / "source").write_bytes(content)
    subprocess.run(["cp", place / "source", bench.recordings / "cp.json"], check=True)
    return content


def renaming(bench: Bench, place: Path) -> bytes:
    content = formats.png(SOUND)
    (bench.recordings / "renamed.png.tmp").write_bytes(content)
    (bench.recordings / "renamed.png.tmp").rename(bench.recordings / "renamed.png")
    return content


def moving_from_another_file_system(bench: Bench, place: Path) -> bytes:
    content = formats.cbor(acquisition(2.0))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        (Path(elsewhere) / "moved.cbor").write_bytes(content)
        shutil.move(Path(elsewhere) / "moved.cbor", bench.recordings / "moved.cbor")
    return content


def rsync(bench: Bench, place: Path) -> bytes:
    """Copy with a temporary name that has the extension in the middle, and that stays longer than settle_s."""
    content = formats.wav(SOUND)
    temporary = bench.recordings / ".rsynced.wav.Ab3dEf"
    temporary.write_bytes(content)
    time.sleep(2 * SETTLE_S)
    assert [] == [name for name in bench.files() if "rsynced" in name]
    os.utime(temporary, (1_600_000_000, 1_600_000_000))  # rsync -t
    temporary.rename(bench.recordings / "rsynced.wav")
    return content


def appending(bench: Bench) -> Any:
    """Log as a logger that opens its table again for every row."""
    content = b"timestamp,accX\n"
    path = bench.recordings / "appended.csv"
    path.write_bytes(content)
    for number in range(8):
        line = b"%d,%d\n" % (number * 10, number)
        with path.open("ab") as file:
            file.write(line)
        content += line
        yield
    return content


def reserving(bench: Bench) -> Any:
    """Preallocate the file, then write the content."""
    content = b"timestamp,accX\n" + b"".join(b"%d,%d\n" % (number * 10, number) for number in range(2_000))
    with (bench.recordings / "reserved.txt").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, len(content))
        step = len(content) // 8
        for begin in range(0, len(content), step):
            file.write(content[begin : begin + step])
            file.flush()
            yield
    return content


def placing(bench: Bench) -> Any:
    """Create an empty file, and fill it three seconds later."""
    (bench.recordings / "placed.csv").touch()
    for _ in range(12):
        yield
    (bench.recordings / "placed.csv").write_bytes(row(3))
    return row(3)


def streaming(bench: Bench) -> Any:
    """Record into a pipe, so that the sizes are never set. A closed recording is sent long before PATIENCE_S."""
    content = formats.wav(SOUND[:8_000], riff=0xFFFFFFFF, data=0xFFFFFFFF)
    with (bench.recordings / "streamed.wav").open("wb") as file:
        for begin in range(0, len(content), 1_000):
            file.write(content[begin : begin + 1_000])
            file.flush()
            yield
            if begin == 3_000:
                for _ in range(5):
                    yield  # no write for longer than SETTLE_S
    return content


def recording(bench: Bench) -> Any:
    """Record with pauses longer than settle_s into an open file, and set the sizes at the end."""
    path = bench.recordings / "recorded.wav"
    with path.open("wb") as file, wave.open(file, "wb") as recorder:
        recorder.setparams((1, 2, 16_000, 0, "NONE", ""))
        unfinished: Any = recorder
        unfinished._write_header(0)  # as recorders do: the header before the first sound
        file.flush()
        for second in range(10):
            recorder.writeframesraw(SOUND[: 2_000 + second])
            file.flush()
            yield
            if second == 5:
                for _ in range(5):
                    yield  # no write for longer than SETTLE_S
    return path.read_bytes()
