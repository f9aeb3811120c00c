"""`eisync demo`: show files being uploaded, without an account. `make demo` runs it.

The emulator runs in this process. The daemon is a real one in its own process, and what is shown comes from its control
socket, as in `eisync ls`. The dropped files are small, valid files of every kind, generated here.
"""

import math
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from eisync.adapters import clock
from eisync.cli import OK, PENDING, QUARANTINED
from eisync.cli.options import common_unused
from eisync.cli.output import say
from eisync.cli.progress import Progress
from eisync.cli.ui import page_of
from eisync.control import local_socket
from eisync.control.steering import LONGEST_LINK_S
from eisync.core.acquisition import Encoding, Recording, SensorAxis, encode
from eisync.core.example_files import png, wav
from eisync.errors import ConfigurationError, EisyncError
from eisync.selftest.torture.installation import Installation

RATE_HZ = 62.5
SECONDS = 2.0
WATCH = {"settle_s": 0.3}
TABLES: dict[str, dict[str, object]] = {
    "upload": {"batch_files": 1}
}  # one at a time, so that they can be seen to arrive
_AXES = tuple(SensorAxis(f"acc{axis}", "m/s2") for axis in "XYZ")


def samples(hmac_key: str) -> Iterator[tuple[str, bytes]]:
    """Yield (path relative to the folder, content). Sign recordings in the acquisition format with `hmac_key`."""
    key = hmac_key or None
    for number, label in enumerate(("idle", "wave", "updown", "snake"), start=1):
        category = "testing" if label == "snake" else "training"
        recording = _accelerometer(label, seed=number)
        encoding = Encoding.JSON if label == "wave" else Encoding.CBOR
        yield f"{category}/{label}.{number:02}.{encoding.value}", encode(recording, encoding, hmac_key=key)
    yield "audio/beep.01.wav", _tone(440.0)
    yield "images/square.01.png", _picture(48)
    yield "logger/shake.01.csv", _table()


def _accelerometer(gesture: str, *, seed: int) -> Recording:
    readings = [_reading(gesture, seed, index / RATE_HZ) for index in range(int(SECONDS * RATE_HZ))]
    return Recording(
        device_name="00:11:22:33:44:55",
        device_type="EISYNC_DEMO",
        interval_ms=1000 / RATE_HZ,
        sensors=_AXES,
        values=readings,
    )


def _reading(gesture: str, seed: int, t: float) -> tuple[float, float, float]:
    swing = 0.05 if gesture == "idle" else 8.0
    return (
        round(swing * math.sin(2 * math.pi * 1.5 * t + seed), 4),
        round(swing * math.cos(2 * math.pi * (0.5 + seed / 4) * t), 4),
        round(9.81 + swing / 4 * math.sin(2 * math.pi * 3 * t), 4),
    )


def _tone(frequency_hz: float) -> bytes:
    rate = 16_000
    return wav(
        [int(12_000 * math.sin(2 * math.pi * frequency_hz * n / rate)) for n in range(rate)],
        rate_hz=rate,
    )


def _picture(side: int) -> bytes:
    return png(side, lambda x, y: (x * 5, y * 5, 200 if 12 <= x < 36 and 12 <= y < 36 else 40))


def _table() -> bytes:
    rows = (",".join((str(index * 16), *map(str, _reading("shake", 7, index * 0.016)))) for index in range(64))
    return ("\n".join(("timestamp,accX,accY,accZ", *rows)) + "\n").encode()


if TYPE_CHECKING:
    from eisync.emulator.server import RunningEmulator

POLL_S = 0.2
ARRIVE_WITHIN_S = 60.0
PORTS = (4800, 4810)


@click.command("demo")
@click.option("--once", is_flag=True, help="End when every file has arrived.")
@common_unused
def command(once: bool) -> int:
    """Start the emulator and the daemon, drop real files into a folder, and show them arrive.

    Ctrl-C ends it. With --once, it ends when all files are synced, with exit code 0. Without it, the daemon's page in
    the browser shows them arrive, too; its address is printed.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        place = stack.enter_context(_place())
        emulator = stack.enter_context(_emulator())
        installation = Installation(
            place=place, service=emulator, target="demo", watch=WATCH, tables=TABLES | {"web": {"enabled": not once}}
        )
        folder, state = installation.recordings, installation.state
        installation.prepare()
        say(f"The emulator stands in for Edge Impulse: {_page_url(emulator)}")
        stack.enter_context(installation.running())
        _await_daemon(state, stop)
        say(f"The daemon watches {folder}", *([] if once else _page_lines(state, stop)), "")
        names = _drop_samples(installation, emulator.hmac_key)
        with Progress(at_once=True) as progress:
            arrived = _Arrivals(state, len(names), progress)
            is_complete = arrived.show_until(len(names), stop, within_s=ARRIVE_WITHIN_S)
        if not is_complete and not stop.is_set():
            say(f"Not all files arrived within {ARRIVE_WITHIN_S:.0f} s.", err=True)
        if not once and not stop.is_set():
            say("", f"Drop more into  {folder}", f"Look at them at {_page_url(emulator)}", "Ctrl-C ends the demo.", "")
            while not stop.wait(POLL_S):
                arrived.show()
        say("", arrived.sentence())
        return OK if is_complete else QUARANTINED if arrived.is_quarantined else PENDING


def _page_lines(state: str, stop: threading.Event) -> Iterator[str]:
    page = page_of(lambda: local_socket.ask(state, {"do": "page", "valid_s": LONGEST_LINK_S}), stop=stop)
    if page is not None:
        yield f"Watch it in the browser: {page['link']}" if page["link"] else str(page["why_off"])


class _Arrivals:
    """Polls the daemon, and prints each file once it has arrived or was refused."""

    def __init__(self, state: str, number: int, progress: Progress) -> None:
        """`number`: so many files were dropped; `progress` shows how many of them have arrived."""
        self._state = state
        self._number = number
        self._progress = progress
        self._shown: set[tuple[str, str]] = set()
        self.is_quarantined = False

    def show_until(self, number: int, stop: threading.Event, *, within_s: float) -> bool:
        """Poll until `number` files are synced. Return False after `within_s` or when `stop` is set."""
        deadline = clock.monotonic() + within_s
        while not stop.wait(POLL_S):
            if self.show() >= number:
                return True
            if clock.monotonic() > deadline:
                break
        return False

    def show(self) -> int:
        """Print the new results. Return how many files are synced."""
        synced = 0
        for record in self._ask("files"):
            synced += record["state"] == "synced"
            key = (record["path"], record["state"])
            if record["state"] in ("synced", "quarantined", "tombstone") and key not in self._shown:
                self._shown.add(key)
                self.is_quarantined |= record["state"] == "quarantined"
                self._progress.end()  # the line takes its place
                say(_line(record))
        if synced < self._number:
            self._progress.show(synced, self._number, "files in Edge Impulse")
        return synced

    def sentence(self) -> str:
        """Return the first sentence of `eisync status`."""
        return next((str(status["sentence"]) for status in self._ask("status")), "")

    def _ask(self, what: str) -> Iterator[dict[str, Any]]:
        try:
            yield from local_socket.ask(self._state, {"do": what}) or ()
        except EisyncError as error:
            say(f"eisync: {error}", err=True)


def _line(record: dict[str, Any]) -> str:
    if record["state"] != "synced":
        return f"  {record['path']:<32} {record['state']}: {record['reason']}"
    ids = ", ".join(str(sample_id) for sample_id in record["sample_ids"])
    return f"  {record['path']:<32} label {record['label'] or '-':<8} category {record['category']:<9} sample {ids}"


def _drop_samples(installation: Installation, hmac_key: str) -> list[str]:
    """Write the samples into the folder."""
    names = []
    for path, data in samples(hmac_key):
        installation.record(path, data)
        names.append(path)
    say(f"Dropped {len(names)} files into it:")
    return names


def _page_url(emulator: "RunningEmulator") -> str:
    return emulator.studio_url.removesuffix("v1")


@contextmanager
def _emulator() -> "Iterator[RunningEmulator]":
    try:
        from eisync.emulator.server import EmulatorError, running_emulator
        from eisync.emulator.settings import EmulatorSettings
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"the demo needs {error.name}: pip install 'eisync[emulator]'") from error
    with ExitStack() as stack:
        try:
            wanted = EmulatorSettings(studio_port=PORTS[0], ingestion_port=PORTS[1], project_name="eisync demo")
            emulator = stack.enter_context(running_emulator(wanted))
        except EmulatorError:  # another program uses the default ports: take any free ones
            wanted = EmulatorSettings(studio_port=0, ingestion_port=0, project_name="eisync demo")
            emulator = stack.enter_context(running_emulator(wanted))
        yield emulator


def _await_daemon(state: str, stop: threading.Event) -> None:
    deadline = clock.monotonic() + ARRIVE_WITHIN_S
    while not stop.wait(POLL_S):
        if local_socket.ask(state, {"do": "health"}) is not None:
            return
        if clock.monotonic() > deadline:
            raise EisyncError(
                f"the daemon did not start; its log is {os.path.join(os.path.dirname(state), 'daemon-1.log')}"
            )


@contextmanager
def _place() -> Iterator[str]:
    """Create a folder for the demo. Remove it at the end, unless a person has put files into it."""
    place = tempfile.mkdtemp(prefix="eisync-demo-")
    recordings = os.path.join(place, "recordings")
    ours = {path for path, _ in samples("")}
    try:
        yield place
    except EisyncError:
        raise  # keep the folder: the log is in it
    found = {
        os.path.relpath(os.path.join(folder, name), recordings)
        for folder, _, names in os.walk(recordings)
        for name in names
    }
    if found - ours:
        say(f"Your files stay in {recordings}")
    else:
        shutil.rmtree(place, ignore_errors=True)
