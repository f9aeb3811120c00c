"""The drain in full: many small files, large files, one file at a time, and the queue under a million rows.

Beside the official SDK, curl and a bare loop; `matrix.py` has the same in short for every format and many labels. The
SDK is timed around its one call, its import left out; so is eisync, around what `eisync once` does: opening its
database, the scan, the drain, its lines of log, closing the database (without the listing that follows, which no other
makes). The ceiling is a loop that posts the same bytes in the same batches, with no index, no hash and nothing durable.

    python benchmarks/draining.py
    python benchmarks/draining.py --only loopback idle --files 5000
"""

import argparse
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

from data_api import ROOT, Service, large_files, small_files
from sample_files import SampleFile, wav
from senders import Run, batches_of, ceiling, configured, curl, drain, environ, official, requests_at, serving

CONNECTIONS = 4
FAR_CONNECTIONS = 32
MIME = "audio/wav"
BACKLOG = os.path.join(ROOT, "benchmarks", "backlog.py")


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
    parser.add_argument("--far-latency-s", type=float, default=0.3, help="with large files")
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
    place = small_files(folder, files)
    samples = samples_in(place)
    some, batches = samples[:sdk_files], batches_of(samples, MIME)
    seen: dict[str, list[float]] = {}
    ways: dict[str, tuple[Callable[[Service], Run], int]] = {
        "SDK": (lambda at: official(at, some), sdk_files),
        "curl": (lambda at: curl(at, some), sdk_files),
        "ceiling": (lambda at: ceiling(at, batches, CONNECTIONS), files),
        "eisync": (lambda at: drain(at, place, files), files),
    }
    for _ in range(asked.rounds):
        for name, (run, number) in ways.items():
            with serving(wait_s) as at:
                done = run(at)
                requests_at(at, number)
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
    place, what = large_files_of(asked, folder)
    samples = samples_in(place)
    batches = batches_of(samples, MIME)
    ways: dict[str, Callable[[Service], Run]] = {
        "SDK": lambda at: official(at, samples),
        "curl": lambda at: curl(at, samples),
        "ceiling": lambda at: ceiling(at, batches, CONNECTIONS),
        "eisync": lambda at: drain(at, place, len(samples)),
    }
    rate, peak = large_in_turns(asked, what, ways, 0.0)
    ratio = rate["eisync"] / rate["curl"]
    print(
        f"{what}: eisync {rate['eisync']:,.0f} MB/s, {ratio:.2f} of curl's "
        f"(goal 0.80: {verdict(ratio >= 0.8)}), {rate['eisync'] / rate['ceiling']:.2f} of the ceiling, "
        f"{rate['eisync'] / rate['SDK']:.1f} x the SDK; "
        f"{peak['eisync']:.0f} MB of memory (limit 100: {verdict(peak['eisync'] < 100)}), the SDK's {peak['SDK']:.0f}",
        flush=True,
    )


def far(asked: argparse.Namespace, folder: str) -> None:
    """Large files and much latency: with few requests at once the line is empty most of the time."""
    place, what = large_files_of(asked, folder)
    what += f", {asked.far_latency_s * 1000:.0f} ms of latency"
    samples = samples_in(place)
    ways: dict[str, Callable[[Service], Run]] = {
        f"curl of {CONNECTIONS}": lambda at: curl(at, samples, CONNECTIONS),
        f"curl of {FAR_CONNECTIONS}": lambda at: curl(at, samples, FAR_CONNECTIONS),
        "eisync": lambda at: drain(at, place, len(samples)),
    }
    rate, peak = large_in_turns(asked, what, ways, asked.far_latency_s)
    ratio = rate["eisync"] / rate[f"curl of {FAR_CONNECTIONS}"]
    print(
        f"{what}: eisync {rate['eisync']:,.0f} MB/s, {ratio:.2f} of curl's over {FAR_CONNECTIONS} connections "
        f"(goal 0.80: {verdict(ratio >= 0.8)}), {rate['eisync'] / rate[f'curl of {CONNECTIONS}']:.2f} of curl's over "
        f"{CONNECTIONS}; {peak['eisync']:.0f} MB of memory (limit 70: {verdict(peak['eisync'] < 70)})",
        flush=True,
    )


def large_files_of(asked: argparse.Namespace, folder: str) -> tuple[str, str]:
    """The folder, and what it holds in words."""
    place = large_files(folder, asked.large_files, asked.large_mb * 1_000_000)
    return place, f"{asked.large_files} files of {asked.large_mb} MB"


def large_in_turns(
    asked: argparse.Namespace, what: str, ways: dict[str, Callable[[Service], Run]], latency_s: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the medians of what each sends, in MB/s, and of what it needs, in MB."""
    seen: dict[str, list[Run]] = {}
    for _ in range(asked.rounds):
        for name, run in ways.items():
            with serving(latency_s) as at:
                done = run(at)
                requests_at(at, asked.large_files)
            seen.setdefault(name, []).append(done)
            rate = asked.large_files * asked.large_mb / done.took_s
            print(f"  {what}: {name:<10} {rate:9.1f} MB/s  {done}", flush=True)
    took_s = {name: statistics.median(run.took_s for run in runs) for name, runs in seen.items()}
    peak_mb = {name: statistics.median(run.peak_mb for run in runs) for name, runs in seen.items()}
    return {name: asked.large_files * asked.large_mb / took for name, took in took_s.items()}, peak_mb


def samples_in(place: str) -> list[SampleFile]:
    """The files of a folder, with the label that their names begin with; the service divides them into categories."""
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names)
    return [SampleFile(path, "split", os.path.basename(path).partition(".")[0]) for path in paths]


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
        [sys.executable, BACKLOG, os.path.join(folder, "rows"), str(few_rows), str(asked.rows)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": ROOT},
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
    "far": far,
    "idle": idle,
    "backlog": backlog,
}


def verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "MISSED"


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


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
