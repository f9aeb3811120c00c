"""The official SDK in an environment of its own, and ours, each in a process that plays cases."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings

ROOT = Path(__file__).parent.parent.parent
SDK_PYTHON = ROOT / ".venv-sdk" / "bin" / "python"
PLAYER = Path(__file__).parent / "player.py"
KEY = "ei_" + "c0ffee" * 6
_MADE_UP = re.compile("[0-9a-f]{12,16}")  # hex digits of 64 bits


class Player:
    """A process with one of the SDKs."""

    def __init__(self, python: str, module: str) -> None:
        self._python = python
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("EI_", "EISYNC_"))}
        self._process = subprocess.Popen(
            [python, str(PLAYER), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environ | {"PYTHONPATH": str(ROOT) if module == "eisync" else ""},
        )

    def ask(self, **pass_request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(pass_request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the player ended with {self._process.wait(10)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def play(self, case: str, place: Path) -> dict[str, Any]:
        """What the case returned or raised against a fresh service, and what that service holds then."""
        place.mkdir()
        with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=KEY)) as emulator:
            answer = self.ask(
                what="play",
                case=case,
                key=emulator.key,
                studio=emulator.studio_url,
                ingestion=emulator.ingestion_url,
                place=str(place),
            )
            return answer | {"stored": stored(emulator.studio_url, emulator.project_id)}

    def run(self, script: str, **environ: str) -> list[str]:
        """What a script prints in a child of the player, with eisync on its path; it must complain of nothing.

        The official package is imported there: that takes it seconds, so one process does it for all scripts.
        """
        said = self.ask(what="run", script=script, environ=environ, path=str(ROOT))
        assert "" == said["stderr"]
        assert 0 == said["code"]
        lines: list[str] = said["stdout"].splitlines()
        return lines

    def run_anew(self, script: str, **environ: str) -> list[str]:
        """The same of a process that has imported nothing."""
        command, environ = [self._python, "-c", script], environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert "" == done.stderr
        return done.stdout.splitlines()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def stored(studio_url: str, project_id: int) -> list[dict[str, Any]]:
    """What the service holds, in an order that does not depend on who was quicker."""
    import urllib.request

    url = f"{studio_url}/api/{project_id}/raw-data?category=all&limit=1000"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers={"x-api-key": KEY}), timeout=30) as response:
        samples = json.load(response)["samples"]
    kept = (
        "filename",
        "label",
        "category",
        "metadata",
        "boundingBoxes",
        "structuredLabels",
        "sha256Hash",
        "isDisabled",
    )
    return sorted(
        ({name: _without_luck(sample.get(name)) for name in kept} for sample in samples),
        key=lambda one: json.dumps(one),
    )


def _without_luck(value: Any) -> Any:
    """A name that was made up, or the label that the service inferred of it, is any such name."""
    return "MADE UP" if isinstance(value, str) and _MADE_UP.fullmatch(value) else value


def _running(python: str, module: str) -> Iterator[Player]:
    player = Player(python, module)
    yield player
    player.close()


@pytest.fixture(scope="session")
def official() -> Iterator[Player]:
    if not SDK_PYTHON.exists():
        pytest.fail(f"{SDK_PYTHON} is missing: the official SDK is the referee; say 'make sdk'", pytrace=False)
    yield from _running(str(SDK_PYTHON), "edgeimpulse")


@pytest.fixture(scope="session")
def ours() -> Iterator[Player]:
    yield from _running(sys.executable, "eisync")
