"""What the benchmarks of the drain take for granted, and what their page says of them."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from eisync.core.formats.check import FormatCheck
from eisync.core.formats.probe import Complete, Undecidable
from eisync.core.labels.path_rules import PathRules
from eisync.emulator.names import infer_label as inferred_by_service

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/performance.md").read_text("utf-8")
FILES = runpy.run_path(str(ROOT / "benchmarks/sample_files.py"))
TABLE = runpy.run_path(str(ROOT / "benchmarks/matrix_table.py"))


@pytest.mark.parametrize("source", FILES["SOURCES"])
@pytest.mark.parametrize("labels", FILES["LABELLINGS"])
def test_eisync_labels_the_files_of_a_layout_as_the_benchmark_says(labels: str, source: str) -> None:
    layout = FILES["Layout"]("wav", labels, source, 1000)
    samples = [sample for _, sample in FILES["planned"]("place", layout)]
    rules, found, inferred = PathRules(), [], set()
    for sample in samples:
        path = sample.path.removeprefix("place/")
        label, folder = rules.label_of(path)
        category = rules.inferred_category(path, folder)
        found.append((label, category.value if category else None))
        name = path.rpartition("/")[2]
        inferred.add(
            (sample.is_label_inferred, inferred_by_service(name, rule="documented", otherwise="") == sample.label)
        )
    assert [(sample.label, sample.category) for sample in samples] == found
    assert {(source == "name", source == "name")} == inferred
    number, categories = FILES["LABELLINGS"][labels]
    assert (number * categories or len(samples)) == len(set(found))
    assert len({sample.path for sample in samples}) == len(samples)


@pytest.mark.parametrize("kind", FILES["CONTENTS"])
def test_the_files_of_a_benchmark_are_whole_small_and_unlike(kind: str) -> None:
    content_of = FILES["CONTENTS"][kind]()
    contents = {content_of(number) for number in (0, 1, 9999)}
    assert 3 == len(contents)
    for content in contents:
        assert 3800 < len(content) <= FILES["SMALL_BYTES"]
        check = FormatCheck(f"a.{FILES['EXTENSIONS'][kind]}", len(content))
        while check.wants is not None:
            check.take(content[check.wants.offset : check.wants.offset + check.wants.length])
        assert isinstance(check.verdict, Undecidable if kind == "csv" else Complete), check.verdict


def run(way: str, took_s: float, **others: Any) -> dict[str, Any]:
    row = {"format": "wav", "labels": "5x2", "source": "name", "latency_s": 0.1, "arrival": "burst"}
    return row | {"way": way, "files": 100, "took_s": took_s, "cpu_s": 0.01, "peak_mb": 50.0, "requests": 2} | others


def test_a_row_of_the_table_compares_medians() -> None:
    runs = [run("sdk", 10.0, files=50), run("ceiling", 0.5), run("command", 4.0, peak_mb=60.0)]
    runs += [run("drain", took_s) for took_s in (0.25, 1.0, 0.5)]
    [table] = TABLE["tables"](runs)
    head, rule, row = table.splitlines()
    cells = dict(zip(head.strip("|").split("|"), row.strip("|").split("|"), strict=True))
    assert len(rule.strip("|").split("|")) == len(cells)
    assert {
        "files/s": "200",
        "with start": "25",
        "SDK files/s": "5",
        "x SDK": "40.0",
        "of ceiling": "1.00",
        "of native": "",
        "requests": "2",
        "CPU µs a file": "100",
        "peak MB": "60",
        "goal": "50 ✗",
    }.items() <= {name.strip(): cell.strip() for name, cell in cells.items()}.items()


def test_the_page_has_the_columns_of_the_benchmark_and_explains_each() -> None:
    explained = " ".join(line.split("|")[1] for line in PAGE.split("## What a row is")[1].splitlines() if "|" in line)
    for arrival, columns in TABLE["COLUMNS"].items():
        assert TABLE["head"](columns) in PAGE, f"write the tables anew: python benchmarks/matrix.py --page ({arrival})"
        assert [] == [name for name in columns if name not in explained]
