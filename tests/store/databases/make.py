"""Make the databases of earlier versions, with the code of each as it was: `python tests/store/databases/make.py`.

Needs the history of the repository. For each schema it takes the last commit that had it, runs its `eisync once` on a
few recordings against the emulator of today, and keeps the database, packed. Run it after adding a migration: it makes
the database of the schema before, and leaves those that are there alone.
"""

import contextlib
import json
import lzma
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent.parent
PLACE = Path(tempfile.gettempdir()) / "eisync-earlier"
"""The same for all, because the paths of folders are in the databases."""

NEVER_ON_MAIN = {7: "8f985023"}
"""Schemas that only a branch had. 14 and 15 were never those of any commit."""


def commits() -> dict[int, str]:
    """Return the last commit of the main branch that had each schema, by its number."""
    found = dict(NEVER_ON_MAIN)
    for commit in git("log", "--first-parent", "--reverse", "--format=%h").split():
        with contextlib.suppress(subprocess.CalledProcessError):
            version = re.search(r"^VERSION = (\d+)", git("show", f"{commit}:eisync/store/schema.py"), re.MULTILINE)
            if version is not None:
                found[int(version[1])] = commit
    return dict(sorted(found.items()))


def git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def make(version: int, commit: str) -> None:
    shutil.rmtree(PLACE, ignore_errors=True)
    recordings, code = PLACE / "recordings", PLACE / "code"
    for folder in (recordings / "training", recordings / "testing", code):
        folder.mkdir(parents=True)
    archive = subprocess.Popen(["git", "archive", commit, "eisync"], cwd=REPOSITORY, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(code)], stdin=archive.stdout, check=True, timeout=60)
    archive.wait(60)
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as emulator:
        fill(emulator, recordings, code)
    state = PLACE / "state" / "eisync.db"
    with contextlib.closing(sqlite3.connect(state)) as connection:
        assert version == connection.execute("pragma user_version").fetchone()[0]
        states = connection.execute("select state, count(*) from file group by state order by state").fetchall()
        connection.execute("pragma wal_checkpoint(truncate)")
    (HERE / f"schema-{version:02}.db.xz").write_bytes(lzma.compress(state.read_bytes(), preset=9))
    print(f"{version:>3}  {commit}  {dict(states)}")  # noqa: T201 - a program for a terminal


def fill(emulator: RunningEmulator, recordings: Path, code: Path) -> None:
    """Upload four files. The sample of one is deleted, one file is missing, one waits, and one is not complete."""
    for number, name in enumerate(("training/wave.1.csv", "training/wave.2.csv", "testing/wave.3.csv", "snake.4.csv")):
        (recordings / name).write_text(f"timestamp,accX\n0,{number}\n10,{number + 1}\n")
    once(emulator, code, recordings)
    samples = listed(emulator)
    request = urllib.request.Request(
        f"{emulator.studio_url}/api/{emulator.project_id}/raw-data/{min(samples)}",
        method="DELETE",
        headers={"x-api-key": emulator.key},
    )
    urllib.request.urlopen(request, timeout=10).close()
    (recordings / "snake.4.csv").unlink()
    for _ in range(3):
        once(emulator, code, recordings)
    (recordings / "training/wave.5.csv").write_text("timestamp,accX\n0,5\n10,6\n")
    (recordings / "cut.6.wav").write_bytes(b"RIFF\0\1\0\0WAVE")
    once(emulator, code, recordings, ingestion_url=f"http://127.0.0.1:{closed_port()}")


def once(emulator: RunningEmulator, code: Path, recordings: Path, *, ingestion_url: str | None = None) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(PLACE),
        "PYTHONPATH": str(code),
        "EI_API_KEY": emulator.key,
        "EI_API_ENDPOINT": emulator.studio_url,
        "EI_INGESTION_ENDPOINT": ingestion_url or emulator.ingestion_url,
    }
    command = [sys.executable, "-m", "eisync", "once", str(recordings), "--state-dir", str(PLACE / "state")]
    with contextlib.suppress(subprocess.TimeoutExpired):  # early versions wait for files that fail
        subprocess.run(command, env=environ, cwd=code, capture_output=True, timeout=20, check=False)


def listed(emulator: RunningEmulator) -> Iterator[int]:
    request = urllib.request.Request(
        f"{emulator.studio_url}/api/{emulator.project_id}/raw-data?category=training&limit=99",
        headers={"x-api-key": emulator.key},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return iter([sample["id"] for sample in json.load(answer)["samples"]])


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    for version, commit in commits().items():
        if not (HERE / f"schema-{version:02}.db.xz").exists():
            make(version, commit)
    shutil.rmtree(PLACE, ignore_errors=True)
