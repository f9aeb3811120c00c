"""eisync on armv7, installed as the page says, with the packages that pip finds: `make test-armv7` runs this."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from email.parser import Parser
from pathlib import Path

import cbor2
import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.canary import CANARY
from tests.conftest import row, sha256, until
from tests.core import formats
from tests.deploy.armv7 import Board, memory_mb, why_not

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs/install/raspberry-pi.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
EISYNC = "/root/eisync/bin/eisync"
FOLDER = "/srv/recordings/training"
MOST_MB = 100.0
SLOW_S = 180.0
REASON = why_not()
pytestmark = [pytest.mark.armv7, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board on which eisync was installed from the sources, as the page says."""
    place = tmp_path_factory.mktemp("armv7")
    board = Board(place / "root")
    try:
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(place / "dist")],
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=60,
        )
        with tarfile.open(next((place / "dist").iterdir())) as source:
            source.extractall(board.path("/srv"), filter="data")
        (clone,) = board.path("/srv").iterdir()
        first = BLOCK.findall(PAGE.read_text())[0]
        done = board.run("sh", "-euc", f"cd /srv/{clone.name}\n{first}")
        assert 0 == done.returncode, (done.stdout + done.stderr)[-4_000:]
        shutil.rmtree(clone)  # nothing of it is needed
        board.path("/srv/pip.log").write_text(done.stdout)
        yield board
    finally:
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def service() -> Iterator[RunningEmulator]:
    """It runs on this machine, not on the board."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)) as running:
        yield running


@pytest.fixture
def configured(board: Board, service: RunningEmulator) -> Board:
    board.environ |= {
        "EI_API_KEY": CANARY,
        "EI_API_ENDPOINT": service.studio_url,
        "EI_INGESTION_ENDPOINT": service.ingestion_url,
    }
    board.path(FOLDER).mkdir(parents=True, exist_ok=True)
    text = '[[watch]]\npath = "/srv/recordings"\nsettle_s = 0.5\n'
    board.path("/root/.config/eisync").mkdir(parents=True, exist_ok=True)
    board.path("/root/.config/eisync/eisync.toml").write_text(text)
    return board


def acquisition(number: int) -> bytes:
    sensors = [{"name": "accX", "units": "m/s2"}]
    payload = {"device_type": "board", "interval_ms": 10, "sensors": sensors, "values": [[number], [0.5]]}
    return cbor2.dumps({"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": payload})


def bring(board: Board, contents: dict[str, bytes]) -> dict[str, bytes]:
    for name, content in contents.items():
        board.path(f"{FOLDER}/{name}").write_bytes(content)
    return contents


def are_stored_once(service: RunningEmulator, contents: dict[str, bytes]) -> bool:
    stored = service.ledger()["stored_by_hash"]
    return {1} == {stored.get(sha256(content)) for content in contents.values()}


def test_what_is_compiled_is_for_armv7_and_nothing_else_was_built(board: Board) -> None:
    tags = {}
    for wheel in board.path("/root/eisync/lib").glob("python3*/site-packages/*.dist-info/WHEEL"):
        name, version = wheel.parent.name.removesuffix(".dist-info").rsplit("-", 1)
        tags[name] = (version, Parser().parsestr(wheel.read_text()).get_all("Tag") or [])
    built = {name for name, (_, of) in tags.items() if not all(one.endswith("-none-any") for one in of)}
    assert {"watchdog", "pydantic_core"} <= built
    assert [] == [name for name in built if not all(one.endswith("_armv7l") for one in tags[name][1])]
    assert "5" == tags["cbor2"][0].partition(".")[0]
    assert {"eisync"} == set(re.findall(r"Building wheel for (\S+) ", board.path("/srv/pip.log").read_text()))


def test_once_uploads_files_of_each_kind(configured: Board, service: RunningEmulator) -> None:
    contents = bring(
        configured,
        {
            "wave.1.csv": row(1),
            "wave.2.cbor": acquisition(2),
            "wave.3.json": formats.document(cbor2.loads(acquisition(3))),
            "wave.4.wav": formats.wav(b"sound" * 400),
        },
    )
    done = configured.run(EISYNC, "once")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert are_stored_once(service, contents)


def test_run_uploads_and_is_small(
    configured: Board, service: RunningEmulator, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """With the page, and again after a kill. Prints what it needs: time is told beside that of this machine."""
    log = tmp_path / "log"
    began = time.monotonic()
    daemon = configured.start(EISYNC, "run", log=log)
    try:
        until(lambda: b"eisync watches" in log.read_bytes(), within_s=SLOW_S)
        started_s, started_mb = time.monotonic() - began, memory_mb(daemon.pid)
        contents = bring(configured, {f"wave.{number}.csv": row(number) for number in range(100, 150)})
        until(lambda: are_stored_once(service, contents), within_s=SLOW_S)
        peak_mb = memory_mb(daemon.pid)
        daemon.kill()
        daemon.wait(30)
        daemon = configured.start(EISYNC, "run", log=log)
        contents |= bring(configured, {"wave.200.csv": row(200)})
        until(lambda: are_stored_once(service, contents), within_s=SLOW_S)
        status = configured.run(EISYNC, "status")
        assert (0, True) == (status.returncode, "are in Edge Impulse" in status.stdout), status.stdout + status.stderr
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(60), log.read_text()
    finally:
        daemon.kill()
        daemon.wait(30)
    assert CANARY not in log.read_text() + status.stdout
    version_s = seconds(configured.command(EISYNC, "--version"))
    native_s = seconds([sys.executable, "-m", "eisync", "--version"])
    record_property(
        "table",
        f"armv7 by qemu: the daemon with its page began after {started_s:.1f} s and had {started_mb:.0f} MB, after 50 "
        f"files {peak_mb:.0f} MB; `eisync --version` takes {version_s:.1f} s, and {native_s:.1f} s without qemu",
    )
    assert peak_mb < MOST_MB


def seconds(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, env=os.environ, stdout=subprocess.DEVNULL, check=True, timeout=120)
    return time.monotonic() - began
