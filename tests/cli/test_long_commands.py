"""Every command that can take long says on a terminal how far it is: real processes, each in a pseudo terminal."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from eisync.cli import VERBS, plan, reconcile, undo
from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.conftest import Bench, bench_at, row

# The progress of a command that ends at once is not drawn: here it is drawn at the first opportunity.
EAGER = """
import sys
from eisync.app import explanation
from eisync.cli import main, progress
progress.REDRAW_S, explanation.STEP_BYTES = 0.001, 65_536
sys.argv[0] = "eisync"
main()
"""

# The arguments, and what the progress says. `once`, `pull` and the others that say files, samples or checks know how
# many there are; a walk does not know it before its end.
LONG = {
    "once": (["once"], r"\d of \d files"),
    "preview": (["preview"], r"\d files"),
    "audit": (["audit"], r"\d files looked at"),
    "explain": (["explain", "recordings/long.json"], r"\d of 2 MB checked"),
    "doctor": (["doctor", "--json"], r"\d checks made"),
    "pull": (["pull", "pulled"], r"\d of 2 samples"),
    "reconcile": (["reconcile", "--sweep"], r"Comparing and carrying out, \d+ s so far|\d of \d samples listed"),
    "relabel": (["relabel", "--dry-run"], r"\d sent files compared"),
    "retry": (["retry", "--all"], r"Putting files back into the queue, \d+ s so far"),
    "selftest": (["selftest", "--yes"], r"\d+ of \d+ checks"),
    "support-bundle": (["support-bundle", "bundle.tar.gz"], r"Looking at everything, \d+ s so far"),
    "db": (["db", "vacuum"], r"Making the database smaller, \d+ s so far"),
    "demo": (["demo", "--once"], r"\d of 7 files in Edge Impulse"),
}

SAME_PASS: dict[str, ModuleType] = {"plan": plan, "undo": undo}
"""They are done by a pass of `eisync reconcile`, which shows its progress."""

# They end at once, run until they are stopped, or print a line for each thing that they find.
OTHERS = {
    "run", "status", "ui", "ls", "history", "pause", "resume", "config", "completion", "emulator", "notify",
    "healthcheck", "service",
}  # fmt: skip


def test_every_command_is_in_one_of_the_tables() -> None:
    assert sorted(VERBS) == sorted([*LONG, *SAME_PASS, *OTHERS])


@pytest.mark.parametrize("verb", SAME_PASS)
def test_a_pass_for_another_command_shows_the_progress_of_reconcile(verb: str) -> None:
    assert SAME_PASS[verb].run_pass is reconcile.run_pass


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench whose project has two files, beside one that is longer than a step of its check."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as emulator:
        bench = bench_at(tmp_path_factory.mktemp("bench"), emulator)
        for number in range(2):
            bench.write(f"{number}.csv", row(number))
        bench.write("long.json", b"[" + b"0," * 1_000_000 + b"0]")
        assert bench.run("once", "--quiet").returncode == 3, "the service cannot read one"
        yield bench


def on_terminal(bench: Bench, *arguments: str, until: str) -> str:
    """Run the command with stderr on a terminal of 70 columns until it draws what is asked for. Return what it drew."""
    ours, theirs = pty.openpty()
    environ = {**bench.environ, "COLUMNS": "70", "TERM": "xterm"}
    command = [sys.executable, "-c", EAGER, *arguments]
    if arguments[0] != "demo":
        command += ["--state-dir", str(bench.state)]
    process = subprocess.Popen(
        command, env=environ, cwd=bench.place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 65_536):
            drawn += chunk
            if re.search(until, drawn.decode(errors="replace")):
                process.terminate()
    except OSError:  # Linux says so at the end: EIO
        pass
    finally:
        os.close(ours)
        process.wait(60)
    return drawn.decode()


@pytest.mark.parametrize("verb", LONG)
def test_a_long_command_says_how_far_it_is(sent: Bench, verb: str) -> None:
    arguments, progress = LONG[verb]
    drawn = on_terminal(sent, *arguments, until=progress)
    assert re.search(progress, drawn), drawn
