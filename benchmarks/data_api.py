"""The data API beside the official SDK: the same work, the same emulator, one run.

The official SDK is installed from PyPI into an environment of its own (`.venv-sdk`, as `make sdk` makes it) unless it
is there. Each measurement is a fresh process that imports its module, gets ready, and is timed around the one call;
the emulator is a process of its own and holds nothing when the call begins. Both take turns, `--rounds` times; the
median is printed, and the ratio of the medians. Peak memory is the resident set of the process (VmHWM).

    python benchmarks/data_api.py
    python benchmarks/data_api.py --only loopback latency --files 1000
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sample_files import SMALL_BYTES, wav

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SDK_FOLDER = os.path.join(ROOT, ".venv-sdk")
KEY = "ei_" + "c0ffee" * 6

# What a measured process runs: {module} is the SDK; it prints one line of JSON.
MEASURE = """
import json, sys, time
began = time.perf_counter()
import {module} as sdk
from {module} import data
imported = time.perf_counter() - began
{prepare}
began = time.perf_counter()
{call}
took = time.perf_counter() - began
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
json.dump({{"took_s": took, "import_s": imported, "peak_mb": peak, "check": {check}}}, sys.stdout)
"""


@dataclass(frozen=True)
class Sdk:
    name: str
    python: str
    module: str


@dataclass(frozen=True)
class Service:
    """An emulator in a process of its own."""

    studio: str
    ingestion: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.studio.removesuffix("/v1") + path, data=raw, method=method, headers={"x-api-key": KEY}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as response:
            return json.load(response)


OURS = Sdk("eisync", sys.executable, "eisync")
OFFICIAL = Sdk("edgeimpulse", os.path.join(SDK_FOLDER, "bin", "python"), "edgeimpulse")


def main() -> None:
    asked = arguments()
    subprocess.run(["make", "--silent", "-C", ROOT, "sdk"], check=True, stdout=subprocess.DEVNULL)
    print(f"{asked.rounds} rounds; medians; {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, scenario in SCENARIOS.items():
            if name in asked.only:
                scenario(asked, folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The data API beside the official SDK.")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=3000, help="small files on loopback")
    parser.add_argument("--slow-files", type=int, default=600, help="small files with latency")
    parser.add_argument("--latency-s", type=float, default=0.1)
    parser.add_argument("--large-files", type=int, default=40)
    parser.add_argument("--large-mb", type=int, default=10)
    parser.add_argument("--samples", type=int, default=20_000, help="samples to be listed and deleted")
    return parser.parse_args()


# Scenarios


def starting(asked: argparse.Namespace, _: str) -> None:
    seen = in_turns(asked.rounds, lambda sdk, _: measure(sdk, None, "", "pass", "0"), None)
    compare("import", seen, "import_s", "s", goal=10)
    compare("memory after import", seen, "peak_mb", "MB")


def loopback(asked: argparse.Namespace, folder: str) -> None:
    small = small_files(folder, asked.files)
    uploads(asked, small, asked.files, f"upload_directory, {asked.files:,} files of 4 KB", 0.0, goal=10)


def latency(asked: argparse.Namespace, folder: str) -> None:
    small = small_files(folder, asked.slow_files)
    what = f"upload_directory, {asked.slow_files:,} files of 4 KB, {asked.latency_s * 1000:.0f} ms of latency"
    uploads(asked, small, asked.slow_files, what, asked.latency_s, goal=40)


def large(asked: argparse.Namespace, folder: str) -> None:
    place = large_files(folder, asked.large_files, asked.large_mb * 1_000_000)
    what = f"upload_directory, {asked.large_files} files of {asked.large_mb} MB"
    seen = uploads(asked, place, asked.large_files, what, 0.0)
    compare(f"{what}: peak memory", seen, "peak_mb", "MB", limit=100)


def studio(asked: argparse.Namespace, _: str) -> None:
    with service() as running:
        fill(running, asked.samples)
        seen = in_turns(
            asked.rounds,
            lambda sdk, at: measure(sdk, at, "", "found = data.get_sample_ids()", "len(found)"),
            running,
        )
        counted(seen, asked.samples)
        compare(f"get_sample_ids, {asked.samples:,} samples", seen, "took_s", "s")
        rounds = iter(range(1_000_000))

        def delete(sdk: Sdk, at: Service | None) -> dict[str, Any]:
            name = f"wave.{next(rounds):06}"
            call = f"found = data.delete_samples_by_filename({name!r})"
            return measure(sdk, at, "", call, "len(found)")

        seen = in_turns(asked.rounds, delete, running)
        compare(f"delete_samples_by_filename, {asked.samples:,} samples", seen, "took_s", "s")


SCENARIOS = {"import": starting, "loopback": loopback, "latency": latency, "large": large, "studio": studio}


# Measuring


def uploads(
    asked: argparse.Namespace, place: str, files: int, what: str, wait_s: float, goal: float | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Each call goes to a service that holds nothing."""

    def upload(sdk: Sdk, _: Service | None) -> dict[str, Any]:
        with service() as running:
            if wait_s:
                rule = {"where": "ingestion", "kind": "latency", "seconds": wait_s}
                running.call("POST", "/emulator/faults", {"rules": [rule]})
            call = f"response = data.upload_directory({place!r})"
            return measure(sdk, running, "", call, "[len(response.successes), len(response.fails)]")

    seen = in_turns(asked.rounds, upload, None)
    for runs in seen.values():
        assert all(run["check"] == [files, 0] for run in runs), [run["check"] for run in runs]
        for run in runs:
            run["files_per_s"] = files / run["took_s"]
    compare(what, seen, "files_per_s", "files/s", goal=goal)
    return seen


def in_turns(
    rounds: int, run: Callable[[Sdk, Service | None], dict[str, Any]], at: Service | None
) -> dict[str, list[dict[str, Any]]]:
    seen: dict[str, list[dict[str, Any]]] = {OFFICIAL.name: [], OURS.name: []}
    for _ in range(rounds):
        for sdk in (OFFICIAL, OURS):
            seen[sdk.name].append(run(sdk, at))
    return seen


def measure(sdk: Sdk, at: Service | None, prepare: str, call: str, check: str) -> dict[str, Any]:
    """Run the call in a fresh process of the SDK."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("EI_", "PYTHON"))}
    if at is not None:
        environ |= {"EI_API_KEY": KEY, "EI_API_ENDPOINT": at.studio, "EI_INGESTION_ENDPOINT": at.ingestion}
    script = MEASURE.format(module=sdk.module, prepare=prepare, call=call, check=check)
    done = subprocess.run([sdk.python, "-c", script], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{sdk.name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(
    what: str,
    seen: dict[str, list[dict[str, Any]]],
    field: str,
    unit: str,
    *,
    goal: float | None = None,
    limit: float | None = None,
) -> None:
    """One line: the medians, and how many times better ours is; more is better for rates, less for the rest."""
    official, ours = (statistics.median(run[field] for run in seen[sdk.name]) for sdk in (OFFICIAL, OURS))
    ratio = ours / official if unit == "files/s" else official / ours
    line = f"{what:<62} official {official:9.3f}  eisync {ours:9.3f} {unit:<7}  {ratio:6.1f} x"
    if goal is not None:
        line += f"  (goal {goal:.0f} x: {'reached' if ratio >= goal else 'MISSED'})"
    if limit is not None:
        line += f"  (limit {limit:.0f} {unit}: {'kept' if ours < limit else 'MISSED'})"
    print(line, flush=True)


def counted(seen: dict[str, list[dict[str, Any]]], expected: int) -> None:
    for name, runs in seen.items():
        wrong = [run["check"] for run in runs if run["check"] != expected]
        if wrong:
            print(f"  {name} found {wrong} of {expected:,}", flush=True)


# What is measured with


@contextmanager
def service(**switches: object) -> Iterator[Service]:
    """Run an emulator with these settings that differ from its own."""
    script = (
        "from eisync.emulator.server import serve\n"
        "from eisync.emulator.settings import EmulatorSettings\n"
        f"settings = EmulatorSettings(studio_port=0, ingestion_port=0, key={KEY!r}, **{switches!r})\n"
        "serve(settings, announce=lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(2)]
        yield Service(lines[0][1], lines[1][1])
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def small_files(folder: str, number: int) -> str:
    """WAV files of 4 KB, all different, some hundred to a folder: little work for the service, whose work is shared."""
    place = os.path.join(folder, f"small-{number}")
    if not os.path.isdir(place):
        for index in range(number):
            subfolder = os.path.join(place, f"part-{index // 500:03}")
            os.makedirs(subfolder, exist_ok=True)
            with open(os.path.join(subfolder, f"wave.{index:06}.wav"), "wb") as file:
                file.write(wav(SMALL_BYTES, index))
    return place


def large_files(folder: str, number: int, size: int) -> str:
    place = os.path.join(folder, f"large-{number}-{size}")
    os.makedirs(place, exist_ok=True)
    for index in range(number):
        with open(os.path.join(place, f"noise.{index:03}.wav"), "wb") as file:
            file.write(wav(size, index))
    return place


def fill(running: Service, number: int) -> None:
    """`number` samples, three categories, through the front door."""
    script = (
        "from eisync import data\n"
        f"rows = ((i, 'timestamp,x\\n0,%d\\n10,1\\n' % i) for i in range({number}))\n"
        "where = ('training', 'testing', 'validation')\n"
        "samples = [data.Sample(text, f'wave.{i:06}.csv', where[i % 3]) for i, text in rows]\n"
        "assert data.upload_samples(samples).success\n"
    )
    environ = os.environ | {
        "EI_API_KEY": KEY,
        "EI_API_ENDPOINT": running.studio,
        "EI_INGESTION_ENDPOINT": running.ingestion,
    }
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], env=environ, check=True, cwd=ROOT)
    print(f"({number:,} samples were put there in {time.perf_counter() - began:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
