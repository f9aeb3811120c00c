"""What the documents show of a terminal happens: their `console` blocks are run, in order, against the emulator.

A line that begins with `$ ` is a command, what follows is its output on stdout. `…` stands for any text of a line, and
a line of it alone for any lines. A page's blocks share a folder, and `$?` is the code of the command before.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator
from tests.conftest import Bench, until
from tests.emulator.device import serving_device
from tests.forks import FORKS

ROOT = Path(__file__).parent.parent
LAYOUTS = ROOT / "docs" / "howto" / "layouts"
"""Their pages begin with a folder that is there already: `test_docs_layouts.py`."""
SHOWN = re.compile(r"^```console\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if SHOWN.search(page.read_text()) and page.parent != LAYOUTS
]
COMMANDS = ROOT / "docs" / "reference" / "json.md"


def steps_of(text: str) -> list[tuple[str, str]]:
    """Every command with the output that is shown for it."""
    steps: list[tuple[str, str]] = []
    for block in SHOWN.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], ""))
            else:
                command, output = steps[-1]
                steps[-1] = (command, f"{output}{line}\n")
    return steps


def pattern_of(output: str) -> str:
    """The regular expression that a shown output stands for."""
    lines = (
        r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in output.splitlines()
    )
    return "".join(lines)


@pytest.mark.parametrize(
    ("output", "shown", "is_alike"),
    [
        ("a 1\nb\n", "a …\nb\n", True),
        ("a 1\nb\n", "…\nb\n", True),
        ("b\n", "…\nb\n", True),
        ("a\nb\n", "a\n…\n", True),
        ("a\nb\n", "a\n", False),
        ("a.b\n", "a+b\n", False),
        ("", "a\n", False),
    ],
)
def test_dots_stand_for_what_is_left_out(output: str, shown: str, is_alike: bool) -> None:
    assert is_alike == bool(re.fullmatch(pattern_of(shown), output))


def test_the_first_pages_of_a_newcomer_are_run() -> None:
    assert {"README.md", "quickstart.md", "operator.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_of_a_terminal_happens(page: Path, emulator: RunningEmulator, tmp_path: Path) -> None:
    with serving_device(emulator, "bench-1") if page.name == "firmware.md" else nullcontext():
        run_steps(steps_of(page.read_text(encoding="utf-8")), environment(emulator, tmp_path), tmp_path)


def environment(emulator: RunningEmulator, folder: Path) -> dict[str, str]:
    """The environment of a person at a terminal, whose home is in `folder`."""
    (folder / "home").mkdir()
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "PYTHONWARNINGS": "error",
        "EI_API_KEY": emulator.key,
        "EI_API_ENDPOINT": emulator.studio_url,
        "EI_INGESTION_ENDPOINT": emulator.ingestion_url,
    }


_PLAIN = re.compile(r"eisync [\w ./=:,'-]+")


def run_steps(steps: list[tuple[str, str]], environ: dict[str, str], folder: Path) -> list[tuple[str, int]]:
    """Return each command with its exit code."""
    code = 0
    ended = []
    for command, shown in steps:
        is_plain = _PLAIN.fullmatch(command) is not None  # no shell is needed, and a fork starts sooner
        done = FORKS.run(shlex.split(command)[1:], environ=environ, cwd=folder, limit_s=60) if is_plain else None
        done = done or subprocess.run(
            ["sh", "-c", f"(exit {code}); {command}"],
            env=environ,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert re.fullmatch(pattern_of(shown), done.stdout), f"$ {command}\n{done.stdout}{done.stderr}"
        code = done.returncode
        ended.append((command, code))
    return ended


def test_the_readme_shows_what_the_demo_prints() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eisync", "demo", "--once"], capture_output=True, text=True, timeout=60, check=False
    )
    shown = re.findall(r"```text\n(The emulator.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert [sorted(map(_without_numbers, done.stdout.splitlines()))] == [
        sorted(map(_without_numbers, one.splitlines())) for one in shown
    ]


def _without_numbers(line: str) -> str:
    """A line of the demo without what is another each time: the port, the folder, who came first."""
    return re.sub(r":\d+/|[\w/.]*eisync-demo-\w+|sample \d+|last upload \d+ s", "", line)


# JSON


def documented(command: str) -> set[str]:
    """The fields that the page has for a command."""
    section = COMMANDS.read_text(encoding="utf-8").split(f"\n## `eisync {command}`\n")[1].split("\n## ")[0]
    return set(re.findall(r"`(\w+)`", section))


def fields_in(record: Any) -> set[str]:
    """The names of all fields that one may read, those of parts included; what is a name by itself is no field."""
    if isinstance(record, list):
        return set().union(*map(fields_in, record))
    if not isinstance(record, dict):
        return set()
    named_otherwise = {
        "counts",
        "left_out",
        "metadata",
        "sidecars",
        "remarks",
        "emptied",
        "held",
        "keys",
        "lineage",
        "stays",
    }
    parts = (fields_in(part) for name, part in record.items() if name not in named_otherwise or isinstance(part, list))
    return set(record).union(*parts)


def test_every_field_of_the_json_output_is_documented(bench: Bench) -> None:
    (bench.recordings / "wave.01.csv").write_text("timestamp,accX\n0,1\n10,2\n")
    (bench.recordings / "cut.01.wav").write_bytes(b"RIFF\0\1\0\0WAVE")
    bench.once("--quiet", "--timeout", "1")
    asked = {
        "ls": ["ls", "--json"],
        "history": ["history", "--json"],
        "reconcile": ["reconcile", "--json"],
        "audit": ["audit", "--json", str(bench.recordings)],
        "explain": ["explain", "--json", str(bench.recordings / "wave.01.csv")],
        "selftest": ["selftest", "--yes", "--json"],
        "pull": ["pull", "--json", "--format", "yolo", str(bench.place / "dataset")],
    }
    for command, arguments in asked.items():
        records = [json.loads(line) for line in bench.run(*arguments).stdout.splitlines()]
        assert records
        assert set() == fields_in(records) - documented(command), command


def test_every_field_of_a_relabelling_is_documented(bench: Bench) -> None:
    (bench.recordings / "wave.01.csv").write_text("timestamp,accX\n0,1\n10,2\n")
    bench.run("once", "--quiet")
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nlabel = "other"\n')
    records = [json.loads(line) for line in bench.run("relabel", "--json").stdout.splitlines()]
    assert ["edit", "summary"] == [record["what"] for record in records]
    assert set() == fields_in(records) - documented("relabel")


def test_every_field_of_the_status_of_a_daemon_is_documented(bench: Bench) -> None:
    (bench.recordings / "cut.01.wav").write_bytes(b"RIFF\0\1\0\0WAVE")
    daemon = bench.daemon()
    try:
        until(lambda: bench.status()["reasons"] and bench.status()["daemon"]["watching"])
        assert set() == fields_in(bench.status()) - documented("status")
    finally:
        daemon.terminate()
        daemon.wait(20)


def test_every_field_of_the_doctor_is_documented(bench: Bench) -> None:
    answer = json.loads(bench.run("doctor", "--json").stdout)
    assert set() == fields_in(answer) - documented("doctor")
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    named = {name for row in re.findall(r"^\| ([a-z ,]+) \|", page, flags=re.MULTILINE) for name in row.split(", ")}
    assert set() == {check["check"] for check in answer["checks"]} - named
