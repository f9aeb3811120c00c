"""A file that changes after its claim, at any moment up to the last byte, never counts as what was stored."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from tests.conftest import row, sha256

from .gate import Gate, gate
from .rig import Rig, rig

# More than all buffers between us and the service hold: while the gate waits, most of it has not been read.
LARGE = b"timestamp,accX\n" + b"".join(b"%d,%s1\n" % (10 * line, bytes(2000).hex().encode()) for line in range(4_000))
NEW = row(7)


@pytest.fixture
def scene(tmp_path: Path, emulator: RunningEmulator) -> Iterator[tuple[Rig, Gate]]:
    with ExitStack() as stack:
        proxy = stack.enter_context(gate(urlsplit(emulator.ingestion_url).port or 0))
        options = {"batch_bytes": 2 * len(LARGE)}  # so that the large file has peers in its request
        yield stack.enter_context(rig(tmp_path, emulator, ingestion_url=proxy.url, options=options)), proxy


def rewrite(path: Path) -> None:
    path.write_bytes(NEW)


def replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(NEW)
    os.replace(path.with_suffix(".new"), path)


def rewrite_the_end(path: Path) -> None:
    """Write other bytes of the same size behind what was read."""
    with path.open("r+b") as stream:
        stream.seek(-2, os.SEEK_END)
        stream.write(b"9\n")


def append(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"90000000,1\n")


CHANGES: dict[str, Callable[[Path], None]] = {
    "rewritten": rewrite,
    "replaced": replace,
    "rewritten at its end": rewrite_the_end,
    "appended to": append,
}


def interrupted(machine: Rig, proxy: Gate, meddle: Callable[[], None]) -> None:
    """Run a round in which `meddle` is called after the first bytes of the body were sent, and before the last."""
    meddled, lock = threading.Event(), threading.Lock()

    def once() -> None:
        with lock:
            if not meddled.is_set():
                meddle()
                meddled.set()

    proxy.interrupts(once)
    machine.round()
    assert meddled.wait(20)  # the event may arrive later than the change
    proxy.opens()


@pytest.mark.parametrize("has_peers", [False, True], ids=["alone", "in a batch"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_during_its_upload_is_sent_again(
    scene: tuple[Rig, Gate], change: str, has_peers: bool
) -> None:
    machine, proxy = scene
    path = machine.recordings / "wave.large.csv"
    machine.write(path.name, LARGE)
    contents = {name: machine.write(name) for name in (["wave.a.csv", "wave.z.csv"] if has_peers else [])}
    machine.scan()

    interrupted(machine, proxy, lambda: CHANGES[change](path))

    assert State.SETTLING is machine.states()[path.name]
    contents[path.name] = path.read_bytes()
    assert sha256(LARGE) not in machine.stored()
    machine.scan()
    machine.drain()
    machine.judge(contents)


def test_a_file_removed_during_its_upload_is_gone_and_its_peers_are_sent(scene: tuple[Rig, Gate]) -> None:
    machine, proxy = scene
    path = machine.recordings / "wave.large.csv"
    machine.write(path.name, LARGE)
    contents = {name: machine.write(name) for name in ("wave.a.csv", "wave.z.csv")}
    machine.scan()

    interrupted(machine, proxy, path.unlink)
    machine.drain()

    assert State.GONE is machine.states()[path.name]
    assert {sha256(content): 1 for content in contents.values()} == machine.stored()


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_after_its_last_byte_is_two_versions(scene: tuple[Rig, Gate], change: str) -> None:
    machine, proxy = scene
    old = machine.write("wave.csv", row(1))
    path = machine.recordings / "wave.csv"
    machine.scan()

    # The whole body is there; its answer is still to come.
    proxy.bars(lambda _: CHANGES[change](path) is not None)
    machine.round()
    proxy.opens()
    machine.scan()
    machine.drain()

    assert {sha256(old): 1, sha256(path.read_bytes()): 1} == machine.stored()
    assert {"wave.csv": State.SYNCED} == machine.states()
    [record] = machine.files().values()
    assert [path.read_bytes()] == [machine.bytes_of(sample_id) for sample_id in record["sample_ids"]]


@pytest.mark.parametrize("change", [*CHANGES, "gone"])
def test_a_file_that_changes_before_it_is_claimed_is_never_sent_in_its_old_version(
    scene: tuple[Rig, Gate], change: str
) -> None:
    machine, _ = scene
    old = machine.write("wave.csv", row(1))
    path = machine.recordings / "wave.csv"
    machine.scan()
    machine.faults({"kind": "status", "status": 503, "times": 1})
    machine.round()

    (CHANGES | {"gone": Path.unlink})[change](path)
    machine.pass_time()
    machine.round()  # before any scan
    machine.scan()
    machine.drain()

    assert sha256(old) not in machine.stored()
    if change == "gone":
        assert ({"wave.csv": State.GONE}, {}) == (machine.states(), machine.stored())
    else:
        machine.judge({"wave.csv": path.read_bytes()})
