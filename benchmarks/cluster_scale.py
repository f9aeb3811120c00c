"""How the rate of a cluster grows with its workers, when each worker has a bandwidth limit of its own.

The workers send to a stand-in that only reads and counts, so that it is not the limit. The limit of a worker is its
share of `max_rate`. The efficiency is the rate of n workers divided by n times the limit: it is lost where workers wait
for the coordinator, the scheduler or each other. The time goes from the first byte that arrives to the last.

    python benchmarks/cluster_scale.py
    python benchmarks/cluster_scale.py --workers 1 8 --rate 1000000
"""

import argparse
import asyncio
import itertools
import os
import tempfile
import threading
import time
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web
from cluster_demo import Demo, free_ports, wait_for

FILE_BYTES = 256 * 1024
HEADER_BYTES = 44


def main() -> None:
    asked = arguments()
    print("| workers | limit of each, MB/s | files | MB | s | MB/s | efficiency |")
    print("|---|---|---|---|---|---|---|")
    for workers in asked.workers:
        with tempfile.TemporaryDirectory(prefix="eisync-scale-", dir=asked.place) as place:
            measure(place, workers, asked.rate, asked.seconds)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rate", type=int, default=2_000_000, help="the limit of each worker, bytes a second")
    parser.add_argument("--seconds", type=int, default=30, help="how long each run takes at the limit")
    parser.add_argument("--place", help="the folder for files and state (default: the system's for temporary files)")
    return parser.parse_args()


@dataclass
class Counter:
    """The stand-in: it answers every upload as stored. Its figures are of all requests."""

    port: int
    files: int = 0
    bytes: int = 0
    began_at: float | None = None
    ended_at: float = 0.0
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def start(self) -> None:
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=1024**3)
        app.router.add_post("/api/{category}/files", self._upload)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        await asyncio.Event().wait()

    async def _upload(self, request: web.Request) -> web.Response:
        self.began_at = self.began_at or time.monotonic()
        body = await request.read()
        self.ended_at = time.monotonic()
        self.bytes += len(body)
        number = body.count(b"; filename=")
        self.files += number
        files = [{"success": True, "sampleId": next(self.ids), "fileName": ""} for _ in range(number)]
        return web.json_response({"success": True, "files": files})


class Scale(Demo):
    """The processes, with the counter in place of the service that takes files."""

    def __init__(self, place: str, rate: int) -> None:
        super().__init__(place)
        self.rate = rate
        self.counter = Counter(free_ports(1)[0])
        self.counter.start()

    @property
    def environ(self) -> Mapping[str, str]:
        return {
            **super().environ,
            "EISYNC_UPLOAD__MAX_RATE": str(self.rate),
            "EISYNC_UPLOAD__BATCH_BYTES": str(4 * FILE_BYTES + 4096),
            "EISYNC_UPLOAD__INFER_LABELS": "false",
            "EISYNC_RECONCILE__ENABLED": "false",
            "EI_INGESTION_ENDPOINT": f"http://127.0.0.1:{self.counter.port}",
        }

    def fill(self, files: int) -> set[str]:
        """Write sounds of FILE_BYTES, each with other values."""
        os.makedirs(self.recordings)
        for number in range(files):
            with wave.open(os.path.join(self.recordings, f"hum.{number:05d}.wav"), "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(16_000)
                sound.writeframes(number.to_bytes(4, "little") * ((FILE_BYTES - HEADER_BYTES) // 4))
        return set()


def measure(place: str, workers: int, rate: int, seconds: int) -> None:
    """Run once, and print a row of the table."""
    files = workers * rate * seconds // FILE_BYTES
    with Scale(place, workers * rate) as scale:
        scale.fill(files)
        scale.start_services()
        wait_for(scale.counter.port)
        for _ in range(workers):
            scale.start_worker()
        code = scale.drain(files, kills=0, is_shown=False)
        found = scale.counter
    assert (0, files) == (code, found.files), (code, found.files)
    assert found.began_at is not None
    took_s = found.ended_at - found.began_at
    reached = found.bytes / took_s
    figures = f"{found.bytes / 1e6:.0f} | {took_s:.1f} | {reached / 1e6:.2f} | {reached / (workers * rate):.3f}"
    print(f"| {workers} | {rate / 1e6:g} | {files} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
