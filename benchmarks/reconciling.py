"""Comparing the index with a large project: how long a sweep takes, what it holds in memory, what an idle pass asks.

The emulator runs in a process of its own, on the same machine, with samples that were written past it. Ours is a
fresh process with an empty index on disk: its first sweep learns every sample, the second one finds that nothing
changed, and then comes an idle pass. Then a person deletes 50 samples and relabels 50, spread over all of them, and
the next pass has to know all of that: by the change feed of dataset versions, and once more by a service that has
none. Beside it the official SDK's `get_sample_ids` lists a tenth of them (`.venv-sdk`, `make sdk`). Peak memory is
the resident set of the process (VmHWM), as a whole and as what it grew by after everything was imported. Wall time
holds the emulator's share and whatever else the machine does; beside it stands the CPU time of each process.

    python benchmarks/reconciling.py [--samples 1000000] [--sdk-samples 100000]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "benchmarks"))

SDK_PYTHON = os.path.join(ROOT, ".venv-sdk", "bin", "python")

SDK_LISTS = """
import json, sys, time
from edgeimpulse import data
def peak_mb():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
before_mb, began_at, began_cpu_s = peak_mb(), time.perf_counter(), time.process_time()
ids = data.get_sample_ids()
took_s, cpu_s = time.perf_counter() - began_at, time.process_time() - began_cpu_s
peak = peak_mb()
seen = {"took_s": took_s, "cpu_s": cpu_s, "listed": len(ids), "peak_mb": peak, "grown_mb": peak - before_mb}
json.dump(seen, sys.stdout)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--sdk-samples", type=int, default=100_000)
    parser.add_argument("--measure", nargs=2, metavar=("STUDIO", "INGESTION"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        json.dump(measured(*asked.measure), sys.stdout)
        return
    few = ours(asked.sdk_samples)
    show(asked.sdk_samples, few)
    if os.path.exists(SDK_PYTHON):
        official = beside(asked.sdk_samples)
        rate, sdk_rate = asked.sdk_samples / few["learning_s"], official["listed"] / official["took_s"]
        assert official["listed"] == asked.sdk_samples
        print(
            f"  the official SDK: {official['took_s']:.1f} s, {sdk_rate:,.0f} samples/s, "
            f"{official['cpu_s']:.1f} s of CPU, {official['peak_mb']:.0f} MB, "
            f"of which its listing {official['grown_mb']:.0f} MB; "
            f"ours is {rate / sdk_rate:.1f} times as fast while it learns, "
            f"{asked.sdk_samples / few['unchanged_s'] / sdk_rate:.1f} times when nothing changed, "
            f"by CPU time {official['cpu_s'] / few['learning_cpu_s']:.1f} and "
            f"{official['cpu_s'] / few['unchanged_cpu_s']:.1f} times, "
            f"and holds {few['peak_mb'] / official['peak_mb']:.0%} of the memory as a whole, "
            f"{few['grown_mb'] / official['grown_mb']:.0%} of what the listing takes",
            flush=True,
        )
    many = ours(asked.samples)
    show(asked.samples, many)
    show_changes("with dataset versions", many)
    show_changes("without them", ours(asked.samples, "dataset_versions=false"))
    for name in ("learning_s", "unchanged_s"):
        growth = many[name] / few[name]
        print(f"  {name[:-2]}: {asked.samples / asked.sdk_samples:.0f} times the samples, {growth:.1f} times the time")


def show(samples: int, seen: dict[str, Any]) -> None:
    print(
        f"{samples:,} samples: first sweep {seen['learning_s']:.1f} s ({samples / seen['learning_s']:,.0f}/s, "
        f"{seen['learning_cpu_s']:.1f} s of CPU), with nothing changed {seen['unchanged_s']:.1f} s "
        f"({samples / seen['unchanged_s']:,.0f}/s, {seen['unchanged_cpu_s']:.1f} s of CPU); idle pass: "
        f"{seen['idle_requests']} requests, {seen['idle_s'] * 1000:.0f} ms; "
        f"peak {seen['peak_mb']:.0f} MB, of which the sweeps {seen['grown_mb']:.0f} MB; "
        f"index {seen['index_mb']:.0f} MB on disk",
        flush=True,
    )


def show_changes(name: str, seen: dict[str, Any]) -> None:
    print(
        f"  {EDITED} samples deleted and {EDITED} relabelled by a person, {name}: the next pass knows "
        f"{seen['known_deleted']} and {seen['known_relabelled']} of them, with {seen['changes_requests']} requests in "
        f"{seen['changes_s']:.2f} s",
        flush=True,
    )


def ours(samples: int, *switches: str) -> dict[str, Any]:
    command = [sys.executable, os.path.abspath(__file__)]
    switches = (*switches, "dataset_window_ms=500", "dataset_commit_ms=100")
    return with_service(samples, lambda server: [*command, "--measure", server.studio, server.ingestion], *switches)


def beside(samples: int) -> dict[str, Any]:
    return with_service(samples, lambda _: [SDK_PYTHON, "-c", SDK_LISTS])


def with_service(samples: int, command: Callable[[Any], list[str]], *switches: str) -> dict[str, Any]:
    """What the command prints, run beside an emulator that holds so many samples."""
    from emulator import KEY, fill, serving

    with tempfile.TemporaryDirectory() as folder:
        fill(folder, samples)
        with serving(folder, *switches) as server:
            environ = {**os.environ, "EI_API_KEY": KEY, "EI_API_ENDPOINT": f"http://{server.studio}/v1"}
            done = subprocess.run(command(server), env=environ, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measured(studio: str, ingestion: str) -> dict[str, Any]:
    """Run in the process that is measured."""
    from eisync.adapters import clock, process
    from eisync.adapters.client.body import sha256_of
    from eisync.adapters.client.service import Endpoints, ServiceClient
    from eisync.loops.reconciler.context import ReconciledProject, ReconcilerStore
    from eisync.loops.reconciler.loop import ReconcilerLoop
    from eisync.store.database import open_database
    from eisync.store.index import Index
    from eisync.store.mirror import Mirrored
    from eisync.store.outbox import Outbox

    dates: list[str | None] = []  # one for each answer
    process.collect_rarely()  # as the daemon does
    endpoints = Endpoints(studio_url=f"http://{studio}/v1", ingestion_url=f"http://{ingestion}")
    service = ServiceClient(
        endpoints,
        lambda: os.environ["EI_API_KEY"],
        user_agent="benchmark",
        on_date=lambda _host, date: dates.append(date),
    )
    seen: dict[str, Any] = {}
    ahead_s = 0.0

    def now() -> float:
        return clock.now() + ahead_s

    with tempfile.TemporaryDirectory() as folder:
        # Making the tables imports sqlite-utils, and that whatever it finds (pandas, in a developer's environment).
        making = (
            f"from eisync.store.database import open_database; open_database({folder!r}, exclusive=True)[0].close()"
        )
        subprocess.run([sys.executable, "-c", making], check=True)
        database, _ = open_database(folder, exclusive=True)
        index = Index(database)
        index.register(["main"])
        loop = ReconcilerLoop(
            [
                ReconciledProject(
                    target="main", studio=service, interval_s=300.0, page_size=1000, allow_duplicates=False
                )
            ],
            ReconcilerStore(index=index, mirrored=Mirrored(database), outbox=Outbox(database)),
            sha256_of_file=sha256_of,
            clock=now,
            log=Silent(),
        )
        before_mb = peak_mb()
        passes = (("learning", False), ("unchanged", True), ("idle", False), ("changes", False))
        for name, sweeps in passes:
            if name == "changes":
                edit_as_person(f"http://{studio}/v1", service)
                ahead_s = AN_HOUR_S  # right after a sweep, another one waits
            began_at, began_cpu_s, requests = time.perf_counter(), time.process_time(), len(dates)
            loop.pass_now(sweeps=sweeps)
            while not loop.is_idle:
                loop.tick(now())
            assert not loop.troubles(), loop.troubles()
            seen[f"{name}_s"] = time.perf_counter() - began_at
            seen[f"{name}_cpu_s"] = time.process_time() - began_cpu_s
            seen[f"{name}_requests"] = len(dates) - requests
        report = loop.reports()["main"]
        seen["known_deleted"], seen["known_relabelled"] = report.unlisted, report.changed
        seen["index_mb"] = sum(entry.stat().st_size for entry in os.scandir(folder)) / 1e6
        database.close()
    service.close()
    seen["peak_mb"] = peak_mb()
    seen["grown_mb"] = seen["peak_mb"] - before_mb
    return seen


EDITED = 50
AN_HOUR_S = 3600.0


def edit_as_person(studio: str, service: Any) -> None:
    """Delete and relabel samples as somebody who is logged in, and wait until the service has it in a version."""
    import requests

    login = requests.post(f"{studio}/api-login", json={"username": "ann", "password": "x"}, timeout=10).json()
    person = requests.Session()
    person.headers["x-jwt-token"] = login["token"]
    base = f"{studio}/api/{service.project_id()}/raw-data"
    step = service.count() // (2 * EDITED)
    for number in range(EDITED):
        person.delete(f"{base}/{1 + 2 * number * step}", timeout=10).raise_for_status()
        label = {"label": "relabelled"}
        person.post(f"{base}/{1 + (2 * number + 1) * step}/edit-label", json=label, timeout=10).raise_for_status()
    while (versions := service.dataset_versions()) is not None and (versions.has_pending or not versions.versions):
        time.sleep(0.1)


def peak_mb() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


class Silent:
    """A log that nobody reads."""

    def debug(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...
    def exception(self, event: str, **fields: object) -> None: ...


if __name__ == "__main__":
    main()
