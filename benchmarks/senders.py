"""Who sends the files in the benchmarks of the drain: eisync, the official SDK, curl, and bare loops in Python and Go.

Each is a process of its own that sends to an emulator of its own, which holds nothing when it begins and shares the
machine: its work for each file is part of every figure. The bare loops are ceilings. They are told beforehand which
files go together, read them whole, and keep no index, compute no hash and make nothing durable.
"""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from data_api import KEY, OFFICIAL, ROOT, Service, service
from sample_files import SampleFile, boxes_document

BENCHMARKS = os.path.join(ROOT, "benchmarks")
BATCH_FILES = 256
BATCH_BYTES = 32 * 1024 * 1024
CURL_AT_ONCE = 4


@dataclass(frozen=True)
class Run:
    """One run of a sender. `peak_mb` is its resident set at its largest, `cpu_s` what it alone worked."""

    took_s: float
    peak_mb: float
    cpu_s: float = 0.0


@contextmanager
def serving(latency_s: float) -> Iterator[Service]:
    """An emulator that waits so long before it answers a request. (No connection waits, and no line is narrow.)

    It does not read values out of files: that would be most of its work, and slow down the fast more than the slow.
    """
    with service(max_parse_bytes=1, max_table_bytes=1) as at:
        if latency_s:
            rules = [{"where": where, "kind": "latency", "seconds": latency_s} for where in ("ingestion", "studio")]
            at.call("POST", "/emulator/faults", {"rules": rules})
        yield at


def drain(at: Service, place: str, files: int) -> Run:
    """`eisync once` from opening its database, which is there already, to closing it. The project is not listed."""
    with tempfile.TemporaryDirectory() as state:
        empty = os.path.join(state, "empty")
        os.makedirs(empty)
        for folder in (empty, place):
            found = eisync_once(at, state, "drain", configured(state, folder), state)
    assert {"synced": files} == found["counts"], found
    return Run(found["took_s"], found["peak_mb"], found["cpu_s"])


def command(at: Service, place: str) -> Run:
    """`eisync once` as people run it, from the start of the process to its end, with a state folder that is empty."""
    with tempfile.TemporaryDirectory() as state:
        configuration = configured(state, place)
        arguments = ["once", "--config", configuration, "--state-dir", os.path.join(state, "eisync")]
        found = eisync_once(at, state, "command", *arguments)
    return Run(found["process_s"], found["peak_mb"], found["process_cpu_s"])


def eisync_once(at: Service, state: str, what: str, *arguments: str) -> dict[str, Any]:
    """What benchmarks/eisync_once.py reported, and the time of its process."""
    report = os.path.join(state, "report")
    script = os.path.join(BENCHMARKS, "eisync_once.py")
    done = timed([sys.executable, script, what, report, *arguments], environ(at), os.path.join(state, "log"))
    with open(report) as file:
        found: dict[str, Any] = json.load(file)
    return found | {"process_s": done.took_s, "process_cpu_s": done.cpu_s}


def official(at: Service, samples: Sequence[SampleFile]) -> Run:
    """The official SDK's `upload_samples`, its import left out."""
    listed = [
        {"path": one.path, "name": os.path.basename(one.path), "category": one.category, "label": one.label}
        | {"box": vars(one.box) if one.box else None}
        for one in samples
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, listed)
        script = os.path.join(BENCHMARKS, "sdk_upload.py")
        done = subprocess.run(
            [OFFICIAL.python, script, path], env=environ(at), capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"the SDK failed:\n{done.stderr[-2000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def ceiling(at: Service, batches: object, connections: int) -> Run:
    """The bare loop in Python."""
    return bare(at, [sys.executable, os.path.join(BENCHMARKS, "bare_loop.py")], batches, connections)


def native(at: Service, program: str, batches: object, connections: int) -> Run:
    """The bare loop in Go, as `compiled` made it."""
    return bare(at, [program], batches, connections)


def bare(at: Service, program: list[str], batches: object, connections: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        asked = [*program, at.ingestion, written(folder, batches), str(connections)]
        log = os.path.join(folder, "log")
        done = timed(asked, environ(at), log)
        with open(log) as file:
            return dataclasses.replace(done, took_s=json.load(file)["took_s"])


def compiled(folder: str) -> str | None:
    """Compile the bare loop in Go. Return its path, or None, and say so, when there is no Go here."""
    go = shutil.which("go")
    if go is None:
        print("no native loop: there is no 'go' on the PATH (Debian's package is golang-go)", flush=True)
        return None
    program = os.path.join(folder, "bare_loop")
    source = os.path.join(BENCHMARKS, "bare_loop.go")
    subprocess.run([go, "build", "-o", program, source], check=True)
    return program


def batches_of(samples: Sequence[SampleFile], kind: str) -> list[dict[str, Any]]:
    """The fewest requests: files of a category go together when they have one label or the service infers it."""
    groups: dict[tuple[str, str | None], list[SampleFile]] = {}
    for sample in samples:
        label = None if sample.is_label_inferred else sample.label
        groups.setdefault((sample.category, label), []).append(sample)
    return [
        {
            "category": category,
            "label": label,
            "type": kind,
            "files": [one.path for one in some],
            "boxes": boxes_of(some),
        }
        for (category, label), group in groups.items()
        for some in portions(group)
    ]


def portions(samples: Sequence[SampleFile]) -> Iterator[list[SampleFile]]:
    """Cut as the uploader does: so many files, so many bytes."""
    some: list[SampleFile] = []
    total = 0
    for sample in samples:
        size = os.path.getsize(sample.path)
        if some and (len(some) == BATCH_FILES or total + size > BATCH_BYTES):
            yield some
            some, total = [], 0
        some.append(sample)
        total += size
    if some:
        yield some


def boxes_of(samples: Sequence[SampleFile]) -> str | None:
    found = {os.path.basename(one.path): [dict(vars(one.box))] for one in samples if one.box is not None}
    return boxes_document(found).decode() if found else None


def curl(at: Service, samples: Sequence[SampleFile], at_once: int = CURL_AT_ONCE) -> Run:
    """One process that sends one file a request over a few connections that are kept alive."""
    with tempfile.TemporaryDirectory() as folder:
        requests = (
            f'url = "{at.ingestion}/api/{one.category}/files"\nform = "data=@{one.path}"\n'
            f'header = "x-api-key: {KEY}"\nheader = "x-disallow-duplicates: 1"\noutput = "/dev/null"\n'
            for one in samples
        )
        config = os.path.join(folder, "config")
        with open(config, "w") as file:
            file.write("next\n".join(requests))
        command = ["curl", "--silent", "--fail", "--noproxy", "*", "--parallel", "--parallel-immediate"]
        asked = ["--parallel-max", str(at_once), "--config", config]
        return timed([*command, *asked], dict(os.environ), os.path.join(folder, "log"))


def timed(command: list[str], environment: dict[str, str], log: str) -> Run:
    """Run a process from start to end. It has a peak of memory of its own only if it is larger than this process."""
    began = time.perf_counter()
    with open(log, "wb") as stream:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=stream, stderr=stream)
        _, status, usage = os.wait4(process.pid, 0)
    took_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        with open(log) as stream:
            sys.exit(f"{command[:3]} ended with {process.returncode}:\n{stream.read()[-2000:]}")
    return Run(took_s, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def configured(state: str, place: str) -> str:
    """A configuration for files that are complete already: there is no time for them to settle."""
    path = os.path.join(state, "eisync.toml")
    with open(path, "w") as file:
        file.write(f'[[watch]]\npath = "{place}"\nsettle_s = 0.0\n')
    return path


def environ(at: Service) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EI_", "EISYNC_", "PYTHON"))}
    addresses = {"EI_API_ENDPOINT": at.studio, "EI_INGESTION_ENDPOINT": at.ingestion}
    return kept | {"EI_API_KEY": KEY} | addresses | {"PYTHONPATH": ROOT}


def written(folder: str, content: object) -> str:
    path = os.path.join(folder, "asked.json")
    with open(path, "w") as file:
        json.dump(content, file)
    return path


def requests_at(at: Service, files: int) -> int:
    """How many uploads the service counted. It must hold exactly so many files."""
    ledger = at.call("GET", "/emulator/ledger")
    assert files == len(ledger["stored_by_hash"]), (files, len(ledger["stored_by_hash"]))
    return int(ledger["requests"])
