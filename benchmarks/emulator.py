"""What the emulator can carry: small files a second, listing a million samples, starting on them.

The emulator runs in a process of its own with `--data`; its client is here, on the same machine, with bodies made
before the clock starts. Beside each rate stands the CPU time that the emulator itself took, which depends less on who
else uses the machine.

    python benchmarks/emulator.py [--samples 1000000] [--runs 3]
"""

import argparse
import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from eisync.emulator.statements import BLOCK_BITS
from eisync.emulator.store import open_store

KEY = "ei_benchmark"
PAGE = 1000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running emulator and how it is reached."""

    pid: int
    studio: str
    ingestion: str
    project_id: int
    ready_s: float  # from the start of its process until both ports answered

    def cpu_s(self) -> float:
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_mb(self) -> float:
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


@contextmanager
def serving(folder: str, *switches: str) -> Iterator[Server]:
    """An emulator on what `folder` holds; each switch is `NAME=VALUE`."""
    began_at = time.perf_counter()
    command = [sys.executable, "-m", "eisync.emulator", "--studio-port", "0", "--ingestion-port", "0"]
    command += [argument for switch in switches for argument in ("--switch", switch)]
    with subprocess.Popen([*command, "--data", folder, "--key", KEY], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        ready_s = time.perf_counter() - began_at
        hosts = [urlsplit(ready[name]).netloc for name in ("studio_url", "ingestion_url")]
        try:
            yield Server(process.pid, hosts[0], hosts[1], ready["project_id"], ready_s)
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    wanted = parser.parse_args()
    for files, requests in ((1, 2000), (64, 400)):
        show_ingestion(files, requests, wanted.runs)
    with tempfile.TemporaryDirectory() as folder:
        fill(folder, wanted.samples)
        show_start(folder, wanted.samples, wanted.runs)
        with serving(folder) as server:
            show_listing(server, wanted.samples)


def show_ingestion(files: int, requests: int, runs: int) -> None:
    """Unlike files of about 60 bytes, over two connections, with duplicates refused."""
    rates, costs = [], []
    for run in range(runs):
        bodies = [form(range(at * files, (at + 1) * files), run) for at in range(requests)]
        with tempfile.TemporaryDirectory() as folder, serving(folder) as server:
            cpu_s, began_at = server.cpu_s(), time.perf_counter()
            with ThreadPoolExecutor(2) as pool:
                stored = sum(pool.map(upload, [server] * 2, (bodies[::2], bodies[1::2])))
            taken_s = time.perf_counter() - began_at
            assert stored == files * requests
            rates.append(stored / taken_s)
            costs.append((server.cpu_s() - cpu_s) / stored)
    median = statistics.median(rates)
    print(
        f"ingestion, {files:>2} files a request: median {median:5.0f} files/s, best {max(rates):5.0f}, "
        f"{statistics.median(costs) * 1e6:4.0f} µs of CPU a file",
        flush=True,
    )


def form(numbers: range, run: int) -> bytes:
    parts = []
    for number in numbers:
        head = f'--frontier\r\nContent-Disposition: form-data; name="data"; filename="wave.{number}.csv"\r\n'
        content = f"timestamp,accX\n0,{run}\n10,{number}\n20,{number + 0.5}\n"
        parts.append(f"{head}Content-Type: text/csv\r\n\r\n{content}\r\n")
    return ("".join(parts) + "--frontier--\r\n").encode()


def upload(server: Server, bodies: list[bytes]) -> int:
    """How many were stored."""
    headers = {
        "x-api-key": KEY,
        "x-disallow-duplicates": "1",
        "Content-Type": "multipart/form-data; boundary=frontier",
    }
    connection = http.client.HTTPConnection(server.ingestion)
    stored = 0
    for body in bodies:
        connection.request("POST", "/api/training/files", body, headers)
        stored += connection.getresponse().read().count(b'"sampleId"')
    connection.close()
    return stored


def fill(folder: str, count: int) -> None:
    """Samples without their bytes, written past the emulator: it takes minutes otherwise."""
    store = open_store(folder)
    project = store.add_project("benchmark", hmac_key="h", now_ms=0)
    store.close()
    facts = {
        "chart_type": "chart",
        "sensors": [[name, "N/A"] for name in ("accX", "accY", "accZ")],
        "device_type": "EDGE_IMPULSE_UPLOADER",
        "device_name": None,
        "interval_ms": 10.0,
        "values_count": 100,
        "signature_valid": True,
        "signature_method": "none",
        "created_ms": None,
        "image_size": None,
    }
    database = sqlite3.connect(os.path.join(folder, "emulator.db"))
    database.execute(
        """
        insert into sample (project_id, category, label, filename, stored_name, sha256, size_bytes, added_ms,
                            modified_ms, facts, metadata, boxes, attachments)
        with recursive counted (n) as (select 1 union all select n + 1 from counted where n < :count)
        select :project_id, iif(n % 5, 'training', 'testing'), 'label' || (n % 7), 'wave.' || n,
               'wave.' || n || '.csv.00000000.pod.json', printf('%064x', n), 60, :now_ms + n, :now_ms + n,
               :facts, '{"site":"lab"}', '[]', '[]'
        from counted
        """,
        {"count": count, "project_id": project.id, "now_ms": 1_700_000_000_000, "facts": json.dumps(facts)},
    )
    database.execute(
        "insert into label_count select project_id, label, category, count(*) from sample group by 1, 2, 3"
    )
    database.execute(
        "insert into block_count select project_id, id >> ?, category, count(*) from sample group by 1, 2, 3",
        [BLOCK_BITS],
    )
    database.commit()
    database.close()


def show_start(folder: str, count: int, runs: int) -> None:
    taken_s = []
    for _ in range(runs):
        with serving(folder) as server:
            taken_s.append(server.ready_s)
    print(f"start-up on {count:,} samples: median {statistics.median(taken_s):.2f} s", flush=True)


def show_listing(server: Server, count: int) -> None:
    """A sweep as clients do it (maxId), and pages by offset as the official SDK asks for them."""
    connection = http.client.HTTPConnection(server.studio)
    before_mb = server.rss_mb()
    last_id, taken_ms, seen = count + 1, [], 0
    cpu_s = server.cpu_s()
    while True:
        page, page_ms = get(connection, server, f"category=all&limit={PAGE}&maxId={last_id}")
        if not page["samples"]:
            break
        seen += len(page["samples"])
        last_id = page["samples"][-1]["id"]
        taken_ms.append(page_ms)
    assert seen == count
    cpu_ms = (server.cpu_s() - cpu_s) * 1000 / len(taken_ms)
    grown_mb = server.rss_mb() - before_mb
    print(
        f"listing {count:,} in pages of {PAGE} by maxId: median {statistics.median(taken_ms):.0f} ms, "
        f"99th percentile {sorted(taken_ms)[len(taken_ms) * 99 // 100]:.0f}, slowest {max(taken_ms):.0f}; "
        f"{cpu_ms:.0f} ms of CPU a page; memory {before_mb:.0f} MB {grown_mb:+.0f} MB",
        flush=True,
    )
    for what, query in (
        ("all", "category=all"),
        ("of a category", "category=training"),
        ("of a label", "category=all&labels=%5B%22label3%22%5D"),
        ("of two labels", "category=all&labels=%5B%22label3%22%2C%22label4%22%5D"),
        ("of a name", "category=all&filename=wave.77"),
    ):
        for depth in (0, 0.5, 0.99):
            asked = f"{query}&limit={PAGE}&offset="
            total = get(connection, server, asked + "0")[0]["totalCount"]
            taken = [get(connection, server, f"{asked}{int(total * depth)}")[1] for _ in range(5)]
            print(
                f"  {what}, by offset at {depth:.0%} of {total:,}: median {statistics.median(taken):.0f} ms", flush=True
            )


def get(connection: http.client.HTTPConnection, server: Server, query: str) -> tuple[dict[str, Any], float]:
    """The page, and how long it took to arrive."""
    path = f"/v1/api/{server.project_id}/raw-data?{query}"
    began_at = time.perf_counter()
    connection.request("GET", path, headers={"x-api-key": KEY})
    raw = connection.getresponse().read()
    taken_ms = (time.perf_counter() - began_at) * 1000
    return json.loads(raw), taken_ms


if __name__ == "__main__":
    main()
