"""A gateway's memory: 100,000 files, a file of 1 GB beside them and the page open, in 128 MB. `make test-memory`.

The limit is the kernel's, over the process and what it reads and writes: the kernel ends a process that needs more.
"""

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.canary import CANARY
from tests.conftest import Bench, bench_at, until
from tests.core.formats import wav
from tests.memory_limit import MemoryLimit, limited, why_not

FILES = 100_000
FOLDER_FILES = 500
HUGE_BYTES = 1024**3
LARGE_BYTES = 99 * 1024**2
LIMIT_BYTES = 128 * 1024**2
WITHIN_S = 1800.0
EVERY_S = 1.0
REASON = why_not() if os.environ.get("EISYNC_LARGE") == "1" else "`make test-memory` runs it"
pytestmark = [pytest.mark.memory, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of 4 KB, one that is nearly as large as the service takes, and one of 1 GB, which it does not take."""
    folder = tmp_path_factory.mktemp("many") / "recordings"
    for number in range(FILES):
        place = folder / f"part-{number // FOLDER_FILES:03}"
        if number % FOLDER_FILES == 0:
            place.mkdir(parents=True)
        (place / f"wave.{number}.wav").write_bytes(wav(number.to_bytes(4, "little") * 1013))
    head = wav(b"")[:-4]
    for name, size in (("large.1.wav", LARGE_BYTES), ("huge.1.wav", HUGE_BYTES)):
        with (folder / name).open("wb") as file:
            file.write(wav(b"")[:4] + (size - 8).to_bytes(4, "little") + head[8:] + (size - 44).to_bytes(4, "little"))
            file.truncate(size)
    return folder


@pytest.fixture
def bench(tmp_path: Path, recordings: Path) -> Iterator[Bench]:
    """A service that reads no values out of files: it shares the processors."""
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY, max_parse_bytes=1, max_table_bytes=1)
    with running_emulator(settings) as service:
        bench = bench_at(tmp_path, service)
        bench.recordings.rmdir()
        bench.recordings.symlink_to(recordings)
        (tmp_path / "eisync.toml").write_text(f'[[watch]]\npath = "{recordings}"\nsettle_s = 0.1\n')
        yield bench


@contextmanager
def running(bench: Bench, limit: MemoryLimit, verb: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (bench.place / "log").open("wb") as log:
        process = subprocess.Popen(
            limit.command([*bench.command(verb), "--state-dir", str(bench.state)]),
            env=bench.environ,
            cwd=bench.place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def stored(service: RunningEmulator) -> int:
    return len(service.ledger()["stored_by_hash"])


def resident_mb(process: "subprocess.Popen[bytes]") -> float:
    """The most that was resident so far, with the files that are mapped: programs and libraries."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0  # none: it ended


def watch(process: "subprocess.Popen[bytes]", limit: MemoryLimit, is_done: Callable[[], bool]) -> float:
    """Wait until it is done or the process ends. Return the most that was resident, in MB."""
    most_mb, deadline = 0.0, time.monotonic() + WITHIN_S
    while process.poll() is None and not is_done():
        assert time.monotonic() < deadline, "it was not done in time"
        limit.take()
        most_mb = max(most_mb, resident_mb(process))
        time.sleep(EVERY_S)
    return most_mb


def said(what: str, limit: MemoryLimit, resident_mb: float, began: float) -> str:
    return (
        f"{what}: {FILES:,} files of 4 KB, one of {LARGE_BYTES // 1024**2} MB and one of 1 GB, within "
        f"{LIMIT_BYTES // 1024**2} MB: resident {resident_mb:.0f} MB at most, of its own "
        f"{limit.peak_bytes / 1024**2:.0f} MB; {time.monotonic() - began:.0f} s"
    )


def test_once_uploads_them_all(bench: Bench, record_property: Callable[[str, object], None]) -> None:
    began = time.monotonic()
    with limited(LIMIT_BYTES) as limit, running(bench, limit, "once") as once:
        most_mb = watch(once, limit, lambda: False)
        assert (3, 0) == (once.returncode, limit.killed())  # 3: the file of 1 GB is quarantined
    assert FILES + 1 == stored(bench.emulator)
    record_property("table", said("eisync once", limit, most_mb, began))


def test_run_uploads_them_all_with_the_page_open(bench: Bench, record_property: Callable[[str, object], None]) -> None:
    bench.environ |= {"EISYNC_WEB__ENABLED": "true", "EISYNC_WEB__PORT": "0"}
    began = time.monotonic()
    with limited(LIMIT_BYTES) as limit, running(bench, limit, "run") as daemon:
        with person_at_the_page(bench) as looks:
            most_mb = watch(daemon, limit, lambda: stored(bench.emulator) > FILES)
            until(lambda: len(looks) > 20, within_s=300)
        daemon.send_signal(signal.SIGTERM)
        assert (0, 0) == (daemon.wait(60), limit.killed())
    assert FILES + 1 == stored(bench.emulator)
    assert {200} == set(looks)
    record_property("table", said(f"eisync run, the page seen {len(looks)} times", limit, most_mb, began))


@contextmanager
def person_at_the_page(bench: Bench) -> Iterator[list[int]]:
    """Look at every page that the first one leads to, also at the file of 1 GB, again and again."""
    looks: list[int] = []
    is_over = threading.Event()

    def look() -> None:
        link = ""
        while not link.startswith("http") and not is_over.is_set():
            link = bench.run("ui", "--print").stdout.strip()
            is_over.wait(EVERY_S)
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
        address = link.partition("/login")[0]
        browser.open(link, timeout=60).close()
        while not is_over.wait(EVERY_S):
            for page in ("/", "/live", "/files", "/classes", "/files?q=huge.1.wav"):
                with browser.open(address + page, timeout=60) as answer:
                    looks.append(answer.status)
                    found = re.search(r'href="(/file\?[^"]+)"', answer.read().decode())
            if found is not None:
                with browser.open(address + found[1].replace("&amp;", "&"), timeout=60) as answer:
                    looks.append(answer.status)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        is_over.set()
        thread.join(120)
