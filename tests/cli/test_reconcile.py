"""`eisync reconcile`, as a person runs it: with a daemon and without, for real and as a dry run."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from typing import Any

import pytest

from tests.canary import CANARY
from tests.conftest import Bench, row


def studio(
    bench: Bench, method: str, sample_id: int, action: str = "", *, token: str | None = None, **body: object
) -> None:
    """Change samples as a script with our key does, or as the person who is logged in with `token`."""
    request = urllib.request.Request(
        f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data/{sample_id}{action}",
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={
            **({"x-jwt-token": token} if token else {"x-api-key": bench.emulator.key}),
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert json.load(response)["success"] is True


def log_in(bench: Bench) -> str:
    request = urllib.request.Request(
        f"{bench.emulator.studio_url}/api-login",
        data=json.dumps({"username": "ann", "password": "any"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(json.load(response)["token"])


def reconcile(bench: Bench, *options: str) -> dict[str, Any]:
    done = bench.run("reconcile", "--json", *options)
    assert 0 == done.returncode, done.stderr
    [target] = map(json.loads, done.stdout.splitlines())
    found: dict[str, Any] = target
    return found


def uploaded(bench: Bench, number: int) -> dict[str, int]:
    for at in range(number):
        bench.write(f"wave.{at}.csv", row(at))
    assert 0 == bench.once("--quiet").returncode
    return {path: record["sample_ids"][0] for path, record in bench.files().items()}


def test_the_history_says_who_edited_a_sample(bench: Bench) -> None:
    ids = uploaded(bench, 2)
    studio(bench, "POST", ids["wave.0.csv"], "/edit-label", label="idle", token=log_in(bench))
    studio(bench, "POST", ids["wave.1.csv"], "/edit-label", label="idle")
    assert 2 == reconcile(bench)["changed"]
    for name, who in (("wave.0.csv", "user 1"), ("wave.1.csv", "the API key of eisync")):
        done = bench.run("history", str(bench.recordings / name))
        assert f"label 'wave' became 'idle' at the service (by {who})" in done.stdout


def test_edits_in_studio_are_reported_and_then_mirrored(bench: Bench) -> None:
    ids = uploaded(bench, 3)
    studio(bench, "POST", ids["wave.1.csv"], "/edit-label", label="idle")
    studio(bench, "POST", ids["wave.2.csv"], "/disable")
    for _ in range(2):
        seen = reconcile(bench, "--dry-run")
        assert (True, 2) == (seen["swept"], seen["changed"])
        assert {"wave.1.csv": [], "wave.2.csv": []} == {
            path: record["there"] for path, record in bench.files().items() if path != "wave.0.csv"
        }
    assert 2 == reconcile(bench)["changed"]
    assert ["labelled 'idle' there, 'wave' here"] == bench.files()["wave.1.csv"]["there"]
    assert ["disabled there"] == bench.files()["wave.2.csv"]["there"]
    quiet = reconcile(bench)
    assert (False, 0, 0) == (quiet["swept"], quiet["listed"], quiet["changed"])
    assert (True, 3, "asked for") == tuple(reconcile(bench, "--sweep")[name] for name in ("swept", "listed", "why"))


def test_a_sample_deleted_in_studio_makes_a_tombstone_in_the_second_sweep(bench: Bench) -> None:
    ids = uploaded(bench, 3)
    studio(bench, "DELETE", ids["wave.1.csv"])
    done = bench.run("reconcile", "--sweep")
    assert f"  sample {ids['wave.1.csv']}: no longer listed" in done.stdout
    assert {"synced"} == {record["state"] for record in bench.files().values()}
    assert 0 == reconcile(bench, "--sweep", "--dry-run")["tombstoned"]
    assert 1 == reconcile(bench, "--sweep")["tombstoned"]
    assert "tombstone" == bench.files()["wave.1.csv"]["state"]
    assert 0 == reconcile(bench)["unlisted"]


def test_a_running_daemon_does_it(bench: Bench) -> None:
    ids = uploaded(bench, 2)
    daemon = bench.daemon()
    try:
        deadline = time.monotonic() + 30
        while not os.path.exists(bench.state / "control.sock"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        studio(bench, "POST", ids["wave.1.csv"], "/edit-label", label="idle")
        assert (True, 2) == tuple(reconcile(bench, "--sweep")[name] for name in ("swept", "listed"))
        assert ["labelled 'idle' there, 'wave' here"] == bench.files()["wave.1.csv"]["there"]
    finally:
        daemon.terminate()
        daemon.wait(30)


def test_a_key_that_is_refused_ends_with_77_and_changes_nothing(bench: Bench) -> None:
    uploaded(bench, 1)
    done = bench.run("reconcile", EI_API_KEY=CANARY + "00")
    assert (77, True) == (done.returncode, "not compared with the service" in done.stdout)
    assert "synced" == bench.files()["wave.0.csv"]["state"]
    status = bench.run("status")
    assert "until then eisync does not see deletions and edits" in status.stdout


@pytest.mark.parametrize("after_s", [0.3, 0.6, 0.9])
def test_a_kill_during_a_sweep_loses_nothing(bench: Bench, after_s: float) -> None:
    ids = uploaded(bench, 12)
    bench.configure(reconcile={"page_size": 1})
    studio(bench, "DELETE", ids["wave.3.csv"])
    studio(bench, "DELETE", ids["wave.11.csv"])
    command = [*bench.command("reconcile", "--sweep"), "--state-dir", str(bench.state)]
    with subprocess.Popen(
        command, env=bench.environ, cwd=bench.place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    for _ in range(3):
        reconcile(bench, "--sweep")
    assert {"wave.3.csv", "wave.11.csv"} == {
        path for path, record in bench.files().items() if record["state"] == "tombstone"
    }
    assert 12 == len(bench.files("--state", "synced")) + 2


def another_project(bench: Bench, role: str) -> str:
    """Create a project with a key of that role. Return the key."""
    key = CANARY + "beef"
    request = urllib.request.Request(
        f"{bench.emulator.studio_url.removesuffix('/v1')}/emulator/projects",
        data=json.dumps({"name": "another", "keys": [{"key": key, "role": role}]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status < 300
    return key


def test_a_key_that_may_not_list_uploads_and_says_what_is_not_known(bench: Bench) -> None:
    bench.environ["EI_API_KEY"] = another_project(bench, "ingestiononly")
    bench.write("wave.0.csv", row(0))
    bench.once()
    assert "synced" == bench.files()["wave.0.csv"]["state"]
    bench.write("wave.1.csv", row(1))
    bench.once()
    assert {"synced"} == {record["state"] for record in bench.files().values()}
    status = bench.run("status").stdout
    assert "not compared with the service" in status
    assert "uploads continue; until then eisync does not see deletions and edits in the project" in status


def test_a_key_of_another_project_makes_no_tombstone(bench: Bench) -> None:
    uploaded(bench, 3)
    other = another_project(bench, "admin")
    for options in ((), ("--sweep",), ("--sweep",)):
        done = bench.run("reconcile", *options, EI_API_KEY=other)
        assert (1, True) == (done.returncode, "opens project" in done.stdout)
    assert {"synced"} == {record["state"] for record in bench.files().values()}
    assert (0, 0) == tuple(reconcile(bench, "--sweep")[name] for name in ("unlisted", "tombstoned"))
