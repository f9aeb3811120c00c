"""The drain: from files on disk to confirmed and indexed, durable, beside the official SDK, curl and a bare loop.

All of them send the same files to the same kind of emulator, fresh for each run, in a process of its own, which shares
the machine: its work for each file is part of every figure. The SDK is timed around its one call, its import left
out; so is eisync, around what `eisync once` does: opening its database, the scan, the drain, its lines of log,
closing the database (without the listing that follows, which no other makes). The ceiling is a loop that posts
the same bytes in the same batches over as many connections, with no index, no hash and nothing durable.

    python benchmarks/draining.py
    python benchmarks/draining.py --only loopback idle --files 5000
"""

import argparse
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from data_api import KEY, OFFICIAL, ROOT, Service, large_files, measure, service, small_files, wav

WORKERS = 4
CURL_AT_ONCE = 4


@dataclass(frozen=True)
class Run:
    """One run of one of them. `peak_mb` is the resident set at its largest, `cpu_s` of the client alone."""

    took_s: float
    peak_mb: float
    cpu_s: float = 0.0


def main() -> None:
    asked = arguments()
    subprocess.run(["make", "--silent", "-C", ROOT, "sdk"], check=True, stdout=subprocess.DEVNULL)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{asked.rounds} rounds; medians; {os.cpu_count()} cores; load before: {load}", flush=True)
    with tempfile.TemporaryDirectory(dir=asked.place) as folder:
        for name, scenario in SCENARIOS.items():
            if name in asked.only:
                scenario(asked, folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=20_000, help="small files on loopback")
    parser.add_argument("--sdk-files", type=int, default=3_000, help="the SDK and curl send so many of them at most")
    parser.add_argument("--slow-files", type=int, default=2_000, help="small files with latency")
    parser.add_argument("--latency-s", type=float, default=0.1)
    parser.add_argument("--large-files", type=int, default=60)
    parser.add_argument("--large-mb", type=int, default=10)
    parser.add_argument("--drops", type=int, default=200, help="files dropped into an idle daemon, one by one")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the backlog")
    parser.add_argument("--place", help="the folder for files and state (default: the system's for temporary files)")
    return parser.parse_args()


# Scenarios


def loopback(asked: argparse.Namespace, folder: str) -> None:
    what = f"{asked.files:,} files of 4 KB"
    uploads(asked, folder, what, asked.files, min(asked.files, asked.sdk_files), 0.0, goal=10.0)


def latency(asked: argparse.Namespace, folder: str) -> None:
    what = f"{asked.slow_files:,} files of 4 KB, {asked.latency_s * 1000:.0f} ms of latency"
    uploads(asked, folder, what, asked.slow_files, min(asked.slow_files, asked.sdk_files), asked.latency_s, goal=50.0)


def uploads(
    asked: argparse.Namespace, folder: str, what: str, files: int, sdk_files: int, wait_s: float, *, goal: float
) -> None:
    """Each run goes to a service that holds nothing. Rates are compared: the slow ones send fewer files."""
    place, some = small_files(folder, files), small_files(folder, sdk_files)
    seen: dict[str, list[float]] = {}
    ways: dict[str, tuple[Callable[[Service], Run], int]] = {
        "SDK": (lambda at: official(at, some), sdk_files),
        "curl": (lambda at: curl(at, some), sdk_files),
        "ceiling": (lambda at: ceiling(at, place), files),
        "eisync": (lambda at: ours(at, place, files), files),
    }
    for _ in range(asked.rounds):
        for name, (run, number) in ways.items():
            with serving(wait_s) as at:
                done = run(at)
                stored(at, number)
            seen.setdefault(name, []).append(number / done.took_s)
            print(f"  {what}: {name:<8} {number / done.took_s:9.1f} files/s  {done}", flush=True)
    rates = {name: statistics.median(found) for name, found in seen.items()}
    ratio = rates["eisync"] / rates["SDK"]
    print(
        f"{what}: eisync {rates['eisync']:,.0f} files/s, "
        f"{ratio:.1f} x the SDK (goal {goal:.0f} x: {verdict(ratio >= goal)}), "
        f"{rates['eisync'] / rates['curl']:.1f} x curl, {rates['eisync'] / rates['ceiling']:.2f} of the ceiling",
        flush=True,
    )


def large(asked: argparse.Namespace, folder: str) -> None:
    size = asked.large_mb * 1_000_000
    place = large_files(folder, asked.large_files, size)
    what = f"{asked.large_files} files of {asked.large_mb} MB"
    seen: dict[str, list[Run]] = {}
    ways: dict[str, Callable[[Service], Run]] = {
        "SDK": lambda at: official(at, place),
        "curl": lambda at: curl(at, place),
        "ceiling": lambda at: ceiling(at, place),
        "eisync": lambda at: ours(at, place, asked.large_files),
    }
    for _ in range(asked.rounds):
        for name, run in ways.items():
            with serving(0.0) as at:
                done = run(at)
                stored(at, asked.large_files)
            seen.setdefault(name, []).append(done)
            rate = asked.large_files * asked.large_mb / done.took_s
            print(f"  {what}: {name:<8} {rate:9.1f} MB/s  {done}", flush=True)
    took = {name: statistics.median(run.took_s for run in runs) for name, runs in seen.items()}
    peak = {name: statistics.median(run.peak_mb for run in runs) for name, runs in seen.items()}
    ratio = took["curl"] / took["eisync"]
    print(
        f"{what}: eisync {asked.large_files * asked.large_mb / took['eisync']:,.0f} MB/s, {ratio:.2f} of curl's "
        f"(goal 0.80: {verdict(ratio >= 0.8)}), {took['ceiling'] / took['eisync']:.2f} of the ceiling, "
        f"{took['SDK'] / took['eisync']:.1f} x the SDK; "
        f"{peak['eisync']:.0f} MB of memory (limit 100: {verdict(peak['eisync'] < 100)}), the SDK's {peak['SDK']:.0f}",
        flush=True,
    )


def idle(asked: argparse.Namespace, folder: str) -> None:
    """One file at a time: from its close to the line that says that answer and index are written down."""
    place = os.path.join(folder, "idle")
    os.makedirs(place)
    with serving(0.0) as at, daemon(at, place) as lines:
        waits = sorted(drop(place, number, lines) for number in range(asked.drops))
    p50, p99 = (waits[min(len(waits) - 1, int(len(waits) * share))] * 1000 for share in (0.5, 0.99))
    print(
        f"{asked.drops} files dropped into an idle daemon, close to stored: "
        f"p50 {p50:.1f} ms (goal 30: {verdict(p50 < 30)}), "
        f"p99 {p99:.1f} ms (goal 100: {verdict(p99 < 100)})",
        flush=True,
    )


def drop(place: str, number: int, lines: Iterator[bytes]) -> float:
    name = f"wave.{number:06}.wav"
    content = wav(4096, number)
    with open(os.path.join(place, name), "wb") as file:
        file.write(content)
    closed_at = time.perf_counter()
    for line in lines:
        found = json.loads(line) if line.startswith(b"{") else {}
        if found.get("event") == "file.synced" and found["path"] == name:
            took = time.perf_counter() - closed_at
            time.sleep(0.02)  # so that it is idle again
            return took
    raise SystemExit("the daemon ended")


def backlog(asked: argparse.Namespace, folder: str) -> None:
    """The queue itself: claims and answers of 256 files each, with few rows and with very many, in turn."""
    few_rows = max(5120, asked.rows // 100)
    done = subprocess.run(
        [sys.executable, "-c", BACKLOG, os.path.join(folder, "rows"), str(few_rows), str(asked.rows)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout)
    print(f"  backlog of {asked.rows:,} rows beside one of {few_rows:,}: {json.dumps(found)}", flush=True)
    claim, memory = found["claim_ratio"], found["grew_mb"]
    print(
        f"backlog of {asked.rows:,} rows: a claim takes {claim:.2f} times as long as with {few_rows:,} "
        f"(flat: {verdict(claim < 1.5)}), "
        f"{found['last_claim_ms'] / found['first_claim_ms']:.2f} times as long at the end as at the beginning; "
        f"memory grew by {memory:.1f} MB (flat: {verdict(memory < 20)})",
        flush=True,
    )


SCENARIOS: dict[str, Callable[[argparse.Namespace, str], None]] = {
    "loopback": loopback,
    "latency": latency,
    "large": large,
    "idle": idle,
    "backlog": backlog,
}


def verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "MISSED"


# Who sends


def ours(at: Service, place: str, files: int) -> Run:
    """`eisync once` with a database that is there already."""
    with tempfile.TemporaryDirectory() as state:
        empty, report = os.path.join(state, "empty"), os.path.join(state, "report")
        os.makedirs(empty)
        for folder in (empty, place):
            command = [sys.executable, "-c", ONCE, configured(state, folder), state, report]
            done = timed(command, environ(at), os.path.join(state, "log"))
        with open(report) as file:
            found = json.load(file)
        assert {"synced": files} == found["counts"], found
    return dataclasses.replace(done, took_s=round(found["took_s"], 3))


# What eisync runs: `eisync once`, but for its imports and its last sentence.
ONCE = """
import json, sys, time
from eisync.adapters import clock
from eisync.app.machine import build
from eisync.log import configure
from eisync.settings import load
configuration, state, report = sys.argv[1:]
settings = load(config=configuration, state_dir=state)
log = configure(level=settings.log.level)
began = time.perf_counter()
app = build(settings, log=log, listen=False)
app.once(lambda: None).run(give_up_at=clock.now() + 3600, is_stopped=lambda: False)
counts = {state.value: files for state, files in app.index.records.report(app.root_ids).items()}
app.close()
took_s = time.perf_counter() - began
with open(report, "w") as file:
    json.dump({"took_s": took_s, "counts": counts}, file)
"""


def official(at: Service, place: str) -> Run:
    call = f"response = data.upload_directory({place!r})"
    found = measure(OFFICIAL, at, "", call, "len(response.fails)")
    assert found["check"] == 0
    return Run(found["took_s"], found["peak_mb"])


def curl(at: Service, place: str) -> Run:
    """One process that sends one file a request over a few connections that are kept alive."""
    with tempfile.TemporaryDirectory() as folder:
        requests = (
            f'url = "{at.ingestion}/api/split/files"\nform = "data=@{path}"\n'
            f'header = "x-api-key: {KEY}"\nheader = "x-disallow-duplicates: 1"\noutput = "/dev/null"\n'
            for path in paths_of(place)
        )
        config = os.path.join(folder, "config")
        with open(config, "w") as file:
            file.write("next\n".join(requests))
        command = ["curl", "--silent", "--fail", "--noproxy", "*", "--parallel"]
        at_once = ["--parallel-max", str(CURL_AT_ONCE), "--config", config]
        return timed([*command, *at_once], dict(os.environ), os.path.join(folder, "log"))


def ceiling(at: Service, place: str) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        bare = [sys.executable, "-c", CEILING, at.ingestion, KEY, place, str(WORKERS)]
        return timed(bare, environ(at), os.path.join(folder, "log"))


# What the ceiling runs: the same batches (256 files, 32 MiB), bodies read whole, answers read and thrown away.
CEILING = """
import http.client, os, sys, threading, urllib.parse
ingestion, key, place, workers = sys.argv[1:]
host = urllib.parse.urlsplit(ingestion).netloc
paths = iter(sorted(os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names))
lock = threading.Lock()
ahead = []
def batch():
    with lock:
        found, total = [], 0
        while len(found) < 256:
            path = ahead.pop() if ahead else next(paths, None)
            if path is None:
                break
            size = os.path.getsize(path)
            if found and total + size > 32 * 1024 * 1024:
                ahead.append(path)
                break
            found.append(path)
            total += size
        return found
def work():
    connection = http.client.HTTPConnection(host)
    while found := batch():
        pieces = []
        for path in found:
            name = os.path.basename(path)
            pieces.append(('--b0und4ry\\r\\nContent-Disposition: form-data; name="data"; filename="%s"\\r\\n'
                           'Content-Type: audio/wav\\r\\n\\r\\n' % name).encode())
            with open(path, "rb") as file:
                pieces.append(file.read())
            pieces.append(b"\\r\\n")
        pieces.append(b"--b0und4ry--\\r\\n")
        headers = {"x-api-key": key, "content-type": "multipart/form-data; boundary=b0und4ry",
                   "x-disallow-duplicates": "1", "x-label": "wave",
                   "content-length": str(sum(map(len, pieces)))}
        connection.request("POST", "/api/split/files", body=iter(pieces), headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
threads = [threading.Thread(target=work) for _ in range(int(workers))]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


# What the backlog runs: rows by the front door of two databases, then claims and answers as the uploader makes them, of
# the one and the other in turn, because machines are faster now than a minute ago.
BACKLOG = """
import json, sys, time
from eisync.core.model import Candidate, Category, FileFacts
from eisync.core.lifecycle import Event
from eisync.core.outcome import Outcome
from eisync.store.database import open_database
from eisync.store.index import Index
from eisync.store.outbox import Outbox
folder, few_rows, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
class Backlog:
    def __init__(self, rows):
        database, _ = open_database(f"{folder}-{rows}", exclusive=True)
        self.outbox, self.index, self.claims = Outbox(database), Index(database), 0
        self.index.register(["main"])
        [self.root] = self.outbox.register([("/data", "main")])
        for first in range(0, rows, 5000):
            now = 1000.0 + first / 1e6
            self.outbox.enqueue(self.candidates(first, min(5000, rows - first)), now=now)
    def candidates(self, first, number):
        for n in range(first, first + number):
            yield Candidate(root_id=self.root.id, path=f"part-{n // 500:05}/wave.{n:07}.wav", target="main",
                            facts=FileFacts(4096, n, n), label="wave", category=Category.SPLIT)
    def turn(self):
        self.claims += 1
        began = time.perf_counter()
        items = self.outbox.claim("main", [self.root.id], limit=256, claim=self.claims, now=2000.0)
        claimed = time.perf_counter()
        self.outbox.settle([Outcome(item_id=item.id, events=(Event.STORED,), reason="stored", sample_ids=(item.id,),
                            sha256=f"{item.id:064x}") for item in items], claim=self.claims, now=2000.0)
        settled = time.perf_counter()
        self.outbox.next_due_at("main", [self.root.id])
        return claimed - began, settled - claimed, time.perf_counter() - settled
def resident_mb():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) / 1024
began = time.perf_counter()
few, many = Backlog(few_rows), Backlog(rows)
filled_s = time.perf_counter() - began
before_mb = resident_mb()
def median(values):
    return sorted(values)[len(values) // 2]
def median_ms(values):
    return round(median(values) * 1000, 3)
number = min(400, rows // 256 - 1)
pairs = min(number, few_rows // 256 - 1)
beside = {at * number // pairs for at in range(pairs)}  # spread evenly
turns, ratios = [], []
for at in range(number):
    turns.append(many.turn())
    if at in beside:
        ratios.append(turns[-1][0] / few.turn()[0])
claims, settles, dues = zip(*turns)
tenth = max(10, len(turns) // 10)  # fewer say more of the machine than of the queue
index, root = many.index, many.root
began = time.perf_counter(); tally = index.records.report([root.id]); tally_s = time.perf_counter() - began
began = time.perf_counter(); counts = index.records.counts(); counts_s = time.perf_counter() - began
json.dump({"filled_s": round(filled_s, 1), "claim_ratio": round(median(ratios), 2), "claim_ms": median_ms(claims),
           "first_claim_ms": median_ms(claims[:tenth]), "last_claim_ms": median_ms(claims[-tenth:]),
           "settle_ms": median_ms(settles), "next_due_ms": median_ms(dues),
           "tally_ms": round(tally_s * 1000, 2), "counts_ms": round(counts_s * 1000, 2),
           "grew_mb": round(resident_mb() - before_mb, 1)}, sys.stdout)
"""


# Measuring


@contextmanager
def serving(wait_s: float) -> Iterator[Service]:
    with service() as at:
        if wait_s:
            rule = {"where": "ingestion", "kind": "latency", "seconds": wait_s}
            at.call("POST", "/emulator/faults", {"rules": [rule]})
        yield at


@contextmanager
def daemon(at: Service, place: str) -> Iterator[Iterator[bytes]]:
    """An idle `eisync run`, and the lines of its log."""
    with tempfile.TemporaryDirectory() as state:
        process = subprocess.Popen(
            [sys.executable, "-m", "eisync", "run", place, "--state-dir", state, "--config", configured(state, place)],
            env=environ(at),
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, b"")
            drop(place, 60_000, lines)  # it has begun, and knows whose project it is
            time.sleep(1.0)
            yield lines
        finally:
            process.terminate()
            process.wait(30)


def timed(command: list[str], environment: dict[str, str], log: str) -> Run:
    began = time.perf_counter()
    with open(log, "wb") as stream:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=stream, stderr=stream)
        _, status, usage = os.wait4(process.pid, 0)
    took_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        with open(log) as stream:
            sys.exit(f"{command[0]} ended with {process.returncode}:\n{stream.read()[-2000:]}")
    return Run(round(took_s, 3), round(usage.ru_maxrss / 1024, 1), round(usage.ru_utime + usage.ru_stime, 2))


def configured(state: str, place: str) -> str:
    """A configuration for files that are complete already: no time for them to settle, no listing afterwards."""
    path = os.path.join(state, "eisync.toml")
    with open(path, "w") as file:
        file.write(f'[[watch]]\npath = "{place}"\nsettle_s = 0.0\n\n[upload]\nworkers = {WORKERS}\n\n')
        file.write("[reconcile]\nenabled = false\n")
    return path


def environ(at: Service) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EI_", "EISYNC_", "PYTHON"))}
    return kept | {"EI_API_KEY": KEY, "EI_API_ENDPOINT": at.studio, "EI_INGESTION_ENDPOINT": at.ingestion}


def paths_of(place: str) -> list[str]:
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names)


def stored(at: Service, files: int) -> None:
    ledger = at.call("GET", "/emulator/ledger")
    assert files == len(ledger["stored_by_hash"]), len(ledger["stored_by_hash"])


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
