"""The official Python SDK, unchanged, against the emulator: what its documentation promises is what it gets."""

import ast
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

CHECKS = Path(__file__).with_name("sdk_checks.py")
TREE = ast.parse(CHECKS.read_text(encoding="utf-8"))
PYTHON = Path(__file__).parent.parent.parent / ".venv-sdk" / "bin" / "python"
NAMES = [one.name for one in TREE.body if isinstance(one, ast.FunctionDef) and one.name.startswith("check_")]
JOB_ABOVE = 10  # the threshold that one of the checks exceeds
MISSING = "the official SDK is not there: run 'make sdk'"


class Sdk:
    """A process with the SDK loaded, which takes seconds, and an emulator for it."""

    def __init__(self, emulator: RunningEmulator, process: "subprocess.Popen[str]") -> None:
        self._emulator = emulator
        self._process = process

    def check(self, name: str, folder: Path) -> str:
        """Run one check in a project of its own: the traceback, or nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {
            "check": name,
            "key": self._emulator.add_project(name=name)["keys"][0]["key"],
            "studio_url": self._emulator.studio_url,
            "ingestion_url": self._emulator.ingestion_url,
            "folder": str(folder),
        }
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        problem: str = json.loads(self._process.stdout.readline() or '"the SDK\'s process ended"')
        return problem


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    assert PYTHON.exists(), MISSING
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("EI_", "PYTHON"))}
    log = tmp_path_factory.mktemp("sdk") / "stderr"
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, batch_job_above=JOB_ABOVE)
    with (
        running_emulator(settings) as emulator,
        log.open("w") as errors,
        subprocess.Popen(
            [PYTHON, str(CHECKS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environ,
        ) as process,
    ):
        yield Sdk(emulator, process)
        process.kill()


@pytest.mark.xdist_group("sdk")
@pytest.mark.parametrize("name", NAMES)
def test_the_sdk_gets_what_its_documentation_promises(sdk: Sdk, name: str, tmp_path: Path) -> None:
    assert sdk.check(name, tmp_path) == ""


def test_every_function_of_its_data_module_is_checked() -> None:
    used = {
        one.attr
        for one in ast.walk(TREE)
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "data"
    }
    found = list(PYTHON.parent.parent.glob("lib/python*/site-packages/edgeimpulse/data/__init__.py"))
    assert found, MISSING
    (names,) = [
        ast.literal_eval(one.value)
        for one in ast.parse(found[0].read_text(encoding="utf-8")).body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and one.targets[0].id == "__all__"
    ]
    assert set() == set(names) - used - {"Sample"}
