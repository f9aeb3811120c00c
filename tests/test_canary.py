"""The search for the key, which every test ends with, finds it wherever a test can leave it."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from eisync.emulator.server import RunningEmulator
from tests.canary import CANARY

ROOT = Path(__file__).parent.parent

LEAKS = {
    "printed": "print(CANARY)",
    "logged": "import logging; logging.getLogger('x').error('header: %s', CANARY)",
    "noted in a fake log": "Notebook().info('upload.failed', header=f'x-api-key: {CANARY}')",
    "in a traceback": "try: raise ValueError(CANARY)\nexcept ValueError: Notebook().exception('loop.failed')",
    "in a database": "(tmp_path / 'eisync.db-wal').write_bytes(bytes(4000) + CANARY.encode() + bytes(96))",
    "behind a hole": "with (tmp_path / 'x').open('wb') as file: file.seek(1 << 30); file.write(CANARY.encode())",
    "answered by a process": "run('import sys; sys.stdout.write(sys.stdin.read())', input=CANARY.encode())",
    "said by a process": "run('import sys; sys.stderr.write(sys.stdin.read())', input=CANARY.encode())",
    "in an argument list": "run('pass', CANARY)",
    "shown by a command": "CliRunner().invoke(click.command()(lambda: click.echo(CANARY)))",
    "printed and read": "print(CANARY); capsys.readouterr()",
    # Last, for it is found when the session ends.
    "in a module's folder": "(tmp_path_factory.mktemp('x') / 'daemon.log').write_text(CANARY)",
}
NONE = {
    "nothing": "print('all is well')",
    "what a person wrote": "(tmp_path / 'key').write_text(CANARY)",
}

HEAD = """
import subprocess, sys
import click
import pytest
from click.testing import CliRunner
from tests.canary import CANARY
from tests.fakes import Notebook

def run(script, *arguments, **more):
    subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, check=True, **more)
"""


def named(title: str) -> str:
    return re.sub(r"\W", "_", title)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What pytest said of tests that leak, and of such as do not, by name."""
    place = tmp_path_factory.mktemp("leaking")
    (place / "conftest.py").write_text("from tests.conftest import *  # noqa: F403\n")
    tests = [
        f"\ndef test_{named(title)}(tmp_path, tmp_path_factory, capsys):\n{textwrap.indent(script, '    ')}\n"
        for title, script in (NONE | LEAKS).items()
    ]
    (place / "test_leaks.py").write_text(HEAD + "".join(tests))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--import-mode=importlib"),
            *("-c", os.devnull, "--rootdir", str(place), "--basetemp", str(place / "base")),
            *("-rA", "--show-capture=no", "--tb=no", str(place)),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 1 == done.returncode, done.stdout + done.stderr
    shutil.rmtree(place / "base")
    found: dict[str, set[str]] = {}
    for outcome, name in re.findall(r"^(PASSED|FAILED|ERROR) \S*::test_(\w+)", done.stdout, re.MULTILINE):
        found.setdefault(name, set()).add(outcome)
    return found


@pytest.mark.parametrize("title", LEAKS)
def test_a_leak_is_found(outcomes: dict[str, set[str]], title: str) -> None:
    assert outcomes[named(title)] & {"FAILED", "ERROR"}


@pytest.mark.parametrize("title", NONE)
def test_what_is_no_leak_is_none(outcomes: dict[str, set[str]], title: str) -> None:
    assert {"PASSED"} == outcomes[named(title)]


def test_every_key_is_a_canary(emulator: RunningEmulator) -> None:
    keys = [emulator.key, *(entry["key"] for entry in emulator.add_project()["keys"])]
    assert 2 == len(set(keys))
    assert [] == [key for key in keys if not key.startswith(CANARY)]
