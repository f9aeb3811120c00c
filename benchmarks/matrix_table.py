"""The tables of benchmarks/matrix.py: what each column means, and how it follows from the runs."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

ARRIVALS = ("burst", "over time")


@dataclass(frozen=True)
class Row:
    """What is sent. `labels` is a key of `sample_files.LABELLINGS`, `source` says where the label of a file stands."""

    format: str = "wav"
    labels: str = "1"
    source: str = "name"
    latency_s: float = 0.0
    arrival: str = "burst"

    @property
    def sdk_goal(self) -> float | None:
        """How many times as fast as the SDK eisync is to be (None: there is no goal for such a row)."""
        if self.arrival != "burst":
            return None
        if self.latency_s == 0.0:
            return 10.0
        if self.latency_s == 0.1:
            return 25.0 if (self.labels, self.source) == ("each", "folder") else 50.0
        return None


@dataclass(frozen=True)
class Measured:
    """The medians of the runs of a row, by who sent. A figure that nobody measured is None."""

    row: Row
    runs: dict[str, list[dict[str, Any]]]

    def rate(self, way: str) -> float | None:
        """Files a second."""
        return median(run["files"] / run["took_s"] for run in self.runs.get(way, ()))

    def ratio(self, way: str) -> float | None:
        ours, theirs = self.rate("drain"), self.rate(way)
        return None if ours is None or theirs is None else ours / theirs

    def of(self, name: str, *ways: str) -> float | None:
        """The largest median of some ways."""
        found = [median(run[name] for run in self.runs[way]) for way in ways if way in self.runs]
        return max((one for one in found if one is not None), default=None)

    def cpu_us(self, way: str) -> float | None:
        return median(run["cpu_s"] / run["files"] * 1e6 for run in self.runs.get(way, ()))

    def goal(self) -> str:
        goal, reached = self.row.sdk_goal, self.ratio("sdk")
        if goal is None or reached is None:
            return ""
        return f"{goal:.0f} {'✓' if reached >= goal else '✗'}"


def median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def shown(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def ms(value_s: float | None) -> str:
    return shown(None if value_s is None else value_s * 1000)


COMMON: dict[str, Callable[[Measured], str]] = {
    "files": lambda found: found.row.format,
    "labels": lambda found: found.row.labels,
    "label in": lambda found: found.row.source,
    "latency ms": lambda found: ms(found.row.latency_s),
}

BURST: dict[str, Callable[[Measured], str]] = COMMON | {
    "files/s": lambda found: shown(found.rate("drain")),
    "with start": lambda found: shown(found.rate("command")),
    "SDK files/s": lambda found: shown(found.rate("sdk")),
    "x SDK": lambda found: shown(found.ratio("sdk"), 1),
    "of ceiling": lambda found: shown(found.ratio("ceiling"), 2),
    "of native": lambda found: shown(found.ratio("native"), 2),
    "requests": lambda found: shown(found.of("requests", "drain")),
    "CPU µs a file": lambda found: shown(found.cpu_us("drain")),
    "peak MB": lambda found: shown(found.of("peak_mb", "drain", "command")),
    "goal": lambda found: found.goal(),
}
"""Columns of what was there before eisync began, and how each is found."""

OVER_TIME: dict[str, Callable[[Measured], str]] = COMMON | {
    "arriving/s": lambda found: shown(found.of("pace", "daemon")),
    "stored/s": lambda found: shown(found.rate("daemon")),
    "lag p50 ms": lambda found: ms(found.of("lag_p50_s", "daemon")),
    "lag p99 ms": lambda found: ms(found.of("lag_p99_s", "daemon")),
    "requests": lambda found: shown(found.of("requests", "daemon")),
    "CPU µs a file": lambda found: shown(found.cpu_us("daemon")),
    "peak MB": lambda found: shown(found.of("peak_mb", "daemon")),
}
"""Columns of what was moved into the folder of a running daemon."""

COLUMNS = {"burst": BURST, "over time": OVER_TIME}


def tables(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Return a table in Markdown for each way of arriving that there are runs of."""
    names = [field.name for field in fields(Row)]
    measured: dict[Row, dict[str, list[dict[str, Any]]]] = {}
    for run in runs:
        row = Row(**{name: run[name] for name in names})
        measured.setdefault(row, {}).setdefault(run["way"], []).append(run)
    near_first = sorted(measured.items(), key=lambda item: item[0].latency_s)
    rows = [Measured(row, of_row) for row, of_row in near_first]
    by_arrival = ((arrival, [one for one in rows if one.row.arrival == arrival]) for arrival in ARRIVALS)
    return [table(COLUMNS[arrival], some) for arrival, some in by_arrival if some]


def table(columns: dict[str, Callable[[Measured], str]], rows: Sequence[Measured]) -> str:
    cells = [[cell(row) for cell in columns.values()] for row in rows]
    return "\n".join([head(columns), *("|" + "".join(f" {cell} |" for cell in row) for row in cells)])


def head(columns: Iterable[str]) -> str:
    """The first two lines of a table: the names of its columns; those of figures are aligned to the right."""
    names = list(columns)
    texts = {"files", "labels", "label in", "goal"}
    rules = ("---" if name in texts else "---:" for name in names)
    return f"| {' | '.join(names)} |\n|{'|'.join(rules)}|"
