"""Files deleted and archived after the upload, by eisync as a person runs it; the service's ledger decides."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import Bench, row, stored_once, until

KILLER = """
import os, runpy, signal
from eisync.adapters.files import removal

def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def then_kill(act):
    def both(*arguments, **more):
        act(*arguments, **more)
        kill()
    return both

{patch}
runpy.run_module("eisync", run_name="__main__", alter_sys=True)
"""

POINTS = {
    "before the file is touched": "removal.delete = removal.archive = kill",
    "when it has its other name": "removal._verified = kill",
    "after it went": "removal.delete, removal.archive = then_kill(removal.delete), then_kill(removal.archive)",
    "between its two names": "removal.sync_folder = kill",
}


def configure(bench: Bench, after_upload: str, **more: object) -> None:
    options = {"path": "recordings", "after_upload": after_upload, "grace_s": 0, "settle_s": 0.1, **more}
    lines = [f"{name} = {value!r}" for name, value in options.items()]
    (bench.place / "eisync.toml").write_text("\n".join(["[[watch]]", *lines]) + "\n")


def killed(bench: Bench, patch: str) -> None:
    """Run `eisync once`, and kill it at a certain point."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLER.format(patch=patch),
            "once",
            str(bench.recordings),
            "--state-dir",
            str(bench.state),
        ],
        env=bench.environ,
        cwd=bench.place,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert -signal.SIGKILL == done.returncode, done.stderr


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def samples(bench: Bench) -> int:
    url = f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data/count?category=all"
    request = urllib.request.Request(url, headers={"x-api-key": bench.emulator.key})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.read().split(b'"count":')[1].strip(b" }\n"))


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("kind", ["delete", "archive", "archive on another disk"])
def test_sigkill_between_intent_and_outcome_is_harmless(bench: Bench, kind: str, point: str) -> None:
    archive = bench.place / "archive"
    if kind == "archive on another disk":
        archive = Path("/dev/shm") / f"eisync-{os.getpid()}-{time.monotonic_ns()}"
        if not archive.parent.is_dir() or os.stat(archive.parent).st_dev == os.stat(bench.place).st_dev:
            pytest.skip("there is no other disk")
    archive.mkdir()
    try:
        configure(bench, "delete" if kind == "delete" else f"archive:{archive}", on_local_delete="delete")
        contents = {f"deep/wave.{number}.csv": row(number) for number in range(3)}
        for path, content in contents.items():
            bench.write(path, content)
        killed(bench, POINTS[point])
        done = bench.once()
        assert (0, {}) == (done.returncode, tree(bench.recordings)), done.stderr
        assert ({} if kind == "delete" else contents) == tree(archive)
        for _ in range(2):
            assert 0 == bench.once().returncode
        assert stored_once(bench.emulator.ledger(), list(contents.values()))
        assert 3 == samples(bench)
        assert {"synced"} == {record["state"] for record in bench.files().values()}
    finally:
        for place in sorted(archive.rglob("*"), reverse=True):
            place.rmdir() if place.is_dir() else place.unlink()
        archive.rmdir()


@pytest.mark.slow
def test_the_daemon_makes_room_and_says_so(bench: Bench) -> None:
    contents = [row(number) for number in range(4)]
    for number, content in enumerate(contents):
        bench.write(f"wave.{number}.csv", content)
    configure(bench, "keep")
    assert 0 == bench.once().returncode
    assert 4 == len(tree(bench.recordings))
    # More than any disk has: every confirmed file is removed, and the others stay.
    configure(bench, "keep", min_free="99.9%", scan_interval_s=1.0, on_local_delete="delete")
    bench.configure(reconcile={"interval_s": 1})
    daemon = bench.daemon()
    try:
        until(lambda: not tree(bench.recordings), within_s=60.0)
        until(lambda: bench.status()["roots"][0]["retention"]["files"] == 4)
        reported = bench.status()["roots"][0]["retention"]
        assert sum(map(len, contents)) == reported["bytes"]
        text = bench.run("status").stdout
        assert "4 files" in text
        assert "deleted here after the upload since the daemon started" in text
        assert "less than min_free" in text
        assert "no confirmed file to remove" in text
        assert 4 == samples(bench)
        # A restored copy stays, and is not sent again.
        bench.write("wave.1.csv", contents[1])
        until(lambda: "the file is back" in bench.files()["wave.1.csv"]["reason"])
        assert stored_once(bench.emulator.ledger(), contents)
        assert "was deleted" in bench.run("history", str(bench.recordings / "wave.1.csv")).stdout
    finally:
        daemon.terminate()
        daemon.wait(timeout=20)
    assert ["wave.1.csv"] == list(tree(bench.recordings))
    assert 0 == bench.once().returncode
    assert ["wave.1.csv"] == list(tree(bench.recordings))
    assert stored_once(bench.emulator.ledger(), contents)


@pytest.mark.slow
def test_an_undo_brings_the_file_back(bench: Bench) -> None:
    bench.write("deep/wave.1.csv", row(1))
    configure(bench, "delete")
    assert 0 == bench.once().returncode
    assert {} == tree(bench.recordings)
    listed = bench.run("undo").stdout
    action = next(word for word in listed.split() if word.isdigit())
    bench.run("undo", action)
    for _ in range(2):
        assert 0 == bench.once().returncode
    assert {"deep/wave.1.csv": row(1)} == tree(bench.recordings)
    assert stored_once(bench.emulator.ledger(), [row(1)])


@pytest.mark.slow
def test_a_key_that_may_not_list_deletes_nothing(bench: Bench) -> None:
    project = bench.emulator.add_project(name="blind", keys=[{"role": "ingestiononly"}])
    bench.write("wave.1.csv", row(1))
    configure(bench, "delete", min_free="99.9%")
    bench.once(EI_API_KEY=str(project["keys"][0]["key"]))
    assert {"wave.1.csv": row(1)} == tree(bench.recordings)
    assert "synced" == bench.files()["wave.1.csv"]["state"]
