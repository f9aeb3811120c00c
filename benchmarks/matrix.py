"""The drain on what people have: every format, few and many labels, near and far, in one burst or over time.

Each row is run beside the official SDK and beside bare loops in Python and, where `go` is on the PATH, in Go, which
are ceilings. All send the same files to an emulator of their own; the SDK sends as many as take it a few seconds. All
take turns, so that a machine that becomes slower does so for each of them.

    python benchmarks/matrix.py                    # a choice of rows, in less than ten minutes
    python benchmarks/matrix.py --full             # every format, labels, latency and arrival: hours
    python benchmarks/matrix.py --formats wav --labels 35x2 --sources folder --latency 0.1 --arrival burst
    python benchmarks/matrix.py --raw runs.jsonl   # also append each run to a file
    python benchmarks/matrix.py --show runs.jsonl  # only print the tables of runs that were made before
    python benchmarks/matrix.py --rounds 3 --page docs/performance.md    # and write them into that page
"""

import argparse
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import senders
from arriving import arriving
from data_api import ROOT, Service
from matrix_table import ARRIVALS, Row, tables
from sample_files import CONTENTS, LABELLINGS, SOURCES, Layout, SampleFile, made
from senders import serving

LATENCIES_S = (0.0, 0.02, 0.1, 0.3)
SDK_S = 2.5
"""About so long the SDK sends in each run."""
SDK_AT_ONCE = min(32, (os.cpu_count() or 1) + 4)
BEGIN = "<!-- matrix: make bench-matrix -->\n"
END = "<!-- end of matrix -->"
MIME = {"wav": "audio/wav", "csv": "text/csv", "jpeg": "image/jpeg", "png": "image/png"}


def quick() -> Iterator[Row]:
    """The rows of a run that is not told which ones: each format, each labelling, each latency at least once."""
    for labels, source in itertools.product(LABELLINGS, SOURCES):
        yield Row("wav", labels, source, 0.0)
    for kind in ("json", "cbor", "csv", "jpeg", "png"):
        yield Row(kind, "1", "name", 0.0)
    for kind in ("json", "png"):
        yield Row(kind, "35x2", "folder", 0.0)
    yield Row("wav", "35x2", "folder", 0.02)
    for labels, source in (("1", "name"), ("5x2", "folder"), ("35x2", "name"), ("35x2", "folder"), ("each", "name")):
        yield Row("wav", labels, source, 0.1)
    yield Row("wav", "each", "folder", 0.1)
    yield Row("wav", "35x2", "folder", 0.3)
    for latency_s in (0.0, 0.1):
        yield Row("wav", "35x2", "folder", latency_s, "over time")


def main() -> None:
    asked = arguments()
    runs = runs_of(asked.show) if asked.show else measured(asked)
    text = report(runs)
    print(f"\n{text}", flush=True)
    if asked.page:
        write_into(asked.page, text)


def measured(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Run all rows. Return what was found."""
    subprocess.run(["make", "--silent", "-C", ROOT, "sdk"], check=True, stdout=subprocess.DEVNULL)
    where, load = circumstances(), ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{where}; load before: {load}", flush=True)
    rows, runs = list(chosen(asked)), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory(dir=asked.place) as folder:
        program = senders.compiled(folder)
        for row in rows:
            for found in runs_in(row, asked, folder, program):
                runs.append(found | {"where": where})
                if asked.raw:
                    with open(asked.raw, "a") as file:
                        file.write(json.dumps(runs[-1]) + "\n")
    return runs


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="every combination (of what the next options name)")
    parser.add_argument("--formats", nargs="+", choices=CONTENTS)
    parser.add_argument("--labels", nargs="+", choices=LABELLINGS, help="labels x categories")
    parser.add_argument("--sources", nargs="+", choices=SOURCES, help="where the label is said")
    parser.add_argument("--latency", nargs="+", type=float, metavar="S", help="before each answer, in seconds")
    parser.add_argument("--arrival", nargs="+", choices=ARRIVALS)
    parser.add_argument("--files", type=int, help="how many (default: 5000, with latency 2000)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pace", type=float, default=500.0, help="files a second that arrive over time")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=WAYS, help="who sends")
    parser.add_argument("--raw", metavar="FILE", help="append each run as a line of JSON")
    parser.add_argument("--show", metavar="FILE", nargs="+", help="print the tables of these runs, and run nothing")
    parser.add_argument("--page", metavar="FILE", help="write the tables into this page, between its marks")
    parser.add_argument("--place", help="the folder for files and state (default: the system's for temporary files)")
    return parser.parse_args()


def chosen(asked: argparse.Namespace) -> list[Row]:
    """Return the rows: a choice, or every combination of what the options name.

    An axis that the options leave out has its first value, with --full each of them.
    """
    wanted: tuple[list[Any] | None, ...] = (asked.formats, asked.labels, asked.sources, asked.latency, asked.arrival)
    if not asked.full and not any(wanted):
        return list(quick())
    every: tuple[list[Any], ...] = (
        list(CONTENTS),
        list(LABELLINGS),
        list(SOURCES),
        list(LATENCIES_S),
        list(ARRIVALS),
    )
    axes = (some or (whole if asked.full else whole[:1]) for some, whole in zip(wanted, every, strict=True))
    return [Row(*values) for values in itertools.product(*axes)]


def runs_in(row: Row, asked: argparse.Namespace, folder: str, program: str | None) -> Iterator[dict[str, Any]]:
    """Run each way as many times as asked for, in turns. Yield what was found in each run."""
    files = asked.files or files_for(row)
    layout = Layout(row.format, row.labels, row.source, files)
    batches: list[dict[str, Any]] | None = None
    for turn in range(asked.rounds):
        for way in ("daemon",) if row.arrival == "over time" else WAYS:
            if (way == "native" and program is None) or (way != "daemon" and way not in asked.only):
                continue
            place, samples = made(folder, layout)
            if batches is None:
                batches = senders.batches_of(samples, MIME.get(row.format, f"application/{row.format}"))
            work = Work(place, samples, batches, program or "", row.latency_s, asked.pace)
            with serving(row.latency_s) as at:
                sent, found = SENT_BY[way](at, work)
                requests = senders.requests_at(at, sent)
            yield asdict(row) | {"way": way, "round": turn, "files": sent, "requests": requests} | found
            print(
                f"  {named(row):<40} {way:<8} {sent / found['took_s']:9,.0f} files/s in {requests} requests", flush=True
            )
    shutil.rmtree(place)


def files_for(row: Row) -> int:
    """So many that a row takes seconds, not minutes, also where every file takes a request of its own."""
    if not row.latency_s:
        return 5000
    return 1000 if row.labels == "each" else min(4000, round(600 / row.latency_s))


@dataclass(frozen=True)
class Work:
    """What a run needs to know."""

    place: str
    samples: Sequence[SampleFile]
    batches: list[dict[str, Any]]
    program: str
    latency_s: float
    pace: float

    @property
    def connections(self) -> int:
        """Of a ceiling: so many fill a line of latency; nearby they would only be in each other's way."""
        return 32 if self.latency_s else 4

    @property
    def sample_of_samples(self) -> list[SampleFile]:
        """As many as the SDK sends in SDK_S, from everywhere in the list."""
        rate = SDK_AT_ONCE / self.latency_s if self.latency_s else 400.0
        number = min(len(self.samples), max(20, round(SDK_S * rate)), 1000)
        return [self.samples[at * len(self.samples) // number] for at in range(number)]


def sent_by_sdk(at: Service, work: Work) -> tuple[int, dict[str, Any]]:
    samples = work.sample_of_samples
    return len(samples), asdict(senders.official(at, samples))


def sent_by_ceiling(at: Service, work: Work) -> tuple[int, dict[str, Any]]:
    return len(work.samples), asdict(senders.ceiling(at, work.batches, work.connections))


def sent_by_native(at: Service, work: Work) -> tuple[int, dict[str, Any]]:
    return len(work.samples), asdict(senders.native(at, work.program, work.batches, work.connections))


def drained(at: Service, work: Work) -> tuple[int, dict[str, Any]]:
    return len(work.samples), asdict(senders.drain(at, work.place, len(work.samples)))


def sent_by_command(at: Service, work: Work) -> tuple[int, dict[str, Any]]:
    return len(work.samples), asdict(senders.command(at, work.place))


def sent_by_daemon(at: Service, work: Work) -> tuple[int, dict[str, Any]]:
    found = arriving(at, work.place, work.samples, files_per_s=work.pace)
    return len(work.samples), asdict(found) | {"pace": work.pace}


SENT_BY: dict[str, Callable[[Service, Work], tuple[int, dict[str, Any]]]] = {
    "sdk": sent_by_sdk,
    "ceiling": sent_by_ceiling,
    "native": sent_by_native,
    "drain": drained,
    "command": sent_by_command,
    "daemon": sent_by_daemon,
}
WAYS = tuple(way for way in SENT_BY if way != "daemon")


def named(row: Row) -> str:
    return f"{row.format}, labels {row.labels} in {row.source}, {row.latency_s * 1000:.0f} ms, {row.arrival}"


def circumstances() -> str:
    """Where and when: date, commit, interpreter, cores."""
    commit = told("rev-parse", "--short", "HEAD") + (" with changes" if told("status", "--short", "eisync") else "")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    date = time.strftime("%Y-%m-%d", time.gmtime())
    return f"{date}, commit {commit}, {python}, {platform.machine()}, {os.cpu_count()} cores"


def told(*asked: str) -> str:
    """What git says."""
    return subprocess.run(["git", "-C", ROOT, *asked], capture_output=True, text=True, check=False).stdout.strip()


def report(runs: Sequence[dict[str, Any]]) -> str:
    """Return the tables, and before them when and where they were made."""
    wheres = "; ".join(dict.fromkeys(run["where"] for run in runs))
    rounds = max(run["round"] for run in runs) + 1
    count = "one round" if rounds == 1 else f"medians of up to {rounds} rounds"
    return "\n\n".join([f"{wheres}; {count}.", *tables(runs)])


def write_into(page: str, text: str) -> None:
    """Replace what stands between the marks of the page."""
    with open(page) as file:
        before, begin, rest = file.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f"{page} has no {BEGIN.strip()} with {END.strip()} after it")
    with open(page, "w") as file:
        file.write(f"{before}{begin}{text}\n{end}{after}")


def runs_of(paths: Sequence[str]) -> list[dict[str, Any]]:
    lines = itertools.chain.from_iterable(read_lines(path) for path in paths)
    return [json.loads(line) for line in lines]


def read_lines(path: str) -> list[str]:
    with open(path) as file:
        return file.readlines()


if __name__ == "__main__":
    main()
