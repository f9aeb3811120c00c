"""Actions after deletions, renames and changes, as a person reads them: `eisync plan` and `eisync undo`."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from eisync.cli.plan import _with_others
from tests.conftest import Bench, row, until


def studio(bench: Bench, method: str, path: str = "", body: object = None) -> dict[str, Any]:
    """Change samples as a person does in Studio."""
    request = urllib.request.Request(
        f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"x-api-key": bench.emulator.key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
    assert answer["success"] is True
    return answer


def there(bench: Bench) -> dict[str, dict[str, Any]]:
    """Return the project's samples, by name."""
    samples = studio(bench, "GET", "?category=all&limit=1000&includeDisabled=both")["samples"]
    return {sample["filename"]: sample for sample in samples}


def write_config(bench: Bench, watch: str, reconcile: str = "") -> None:
    (bench.place / "eisync.toml").write_text(
        f'[[watch]]\npath = "recordings"\nsettle_s = 0.1\n{watch}\n[reconcile]\n{reconcile}\n'
    )


def uploaded(bench: Bench, number: int) -> dict[str, int]:
    for at in range(number):
        bench.write(f"wave.{at}.csv", row(at))
    assert 0 == bench.run("once", "--quiet").returncode
    return {path: record["sample_ids"][0] for path, record in bench.files().items()}


def tombstoned(bench: Bench, *ids: int) -> subprocess.CompletedProcess[str]:
    for sample_id in ids:
        studio(bench, "DELETE", f"/{sample_id}")
    bench.run("reconcile", "--sweep")
    return bench.run("reconcile", "--sweep")


def age(bench: Bench) -> None:
    """Make missing files missing for two minutes."""
    database = sqlite3.connect(bench.state / "eisync.db")
    with database:
        database.execute("update file set absent_at = absent_at - 120")
    database.close()


def test_a_renamed_file_takes_its_sample_along(bench: Bench) -> None:
    write_config(bench, "")
    ids = uploaded(bench, 3)
    bench.write("testing/idle.7.csv", b"")
    os.rename(bench.recordings / "wave.1.csv", bench.recordings / "testing/idle.7.csv")
    done = bench.run("once")
    assert 0 == done.returncode, done.stdout + done.stderr
    sample = there(bench)["idle.7"]
    assert (ids["wave.1.csv"], "idle", "testing") == (sample["id"], sample["label"], sample["category"])
    assert {"testing/idle.7.csv", "wave.0.csv", "wave.2.csv"} == set(bench.files())
    words = bench.run("history", str(bench.recordings / "testing/idle.7.csv")).stdout
    assert "has its new name in the project" in words
    assert "has its new label in the project" in words


def test_the_file_of_a_deleted_sample_goes_to_the_trash_and_comes_back(bench: Bench) -> None:
    write_config(bench, 'on_remote_delete = "trash"')
    ids = uploaded(bench, 3)
    done = tombstoned(bench, ids["wave.1.csv"])
    assert "1 done by the folders' settings" in done.stdout
    assert not (bench.recordings / "wave.1.csv").exists()
    listed = bench.run("undo")
    assert (
        f"move {bench.recordings / 'wave.1.csv'} to the trash: its sample was deleted in the project" in listed.stdout
    )
    number = listed.stdout.split()[0]
    back = bench.run("undo", number)
    assert (0, row(1)) == (back.returncode, (bench.recordings / "wave.1.csv").read_bytes()), back.stderr
    assert f"{number}: undone: the file is back in its place\n" == back.stdout
    for _ in range(2):
        assert 0 == bench.run("once", "--quiet").returncode
    assert "tombstone" == bench.files()["wave.1.csv"]["state"]
    assert (2, True) == (len(there(bench)), (bench.recordings / "wave.1.csv").exists())
    again = bench.run("undo", number)
    assert (1, f"eisync: action {number} is undone; there is nothing to undo\n") == (again.returncode, again.stderr)


def test_the_sample_of_a_deleted_file_is_deleted_and_comes_back(bench: Bench) -> None:
    write_config(bench, 'on_local_delete = "delete"')
    ids = uploaded(bench, 3)
    (bench.recordings / "wave.1.csv").unlink()
    bench.run("once", "--quiet")
    assert 3 == len(there(bench))  # it may be a copy tool at work
    age(bench)
    bench.run("reconcile")
    assert {"wave.0", "wave.2"} == set(there(bench))
    assert "gone" == bench.files()["wave.1.csv"]["state"]
    [action] = map(json.loads, bench.run("undo", "--json").stdout.splitlines())
    assert ("done", "delete_sample", ids["wave.1.csv"]) == (action["state"], action["kind"], action["sample_id"])
    assert 0 == bench.run("undo", str(action["action"])).returncode
    assert row(1) == (bench.recordings / "wave.1.csv").read_bytes()
    assert 0 == bench.run("once", "--quiet").returncode
    assert {"wave.0", "wave.1", "wave.2"} == set(there(bench))
    assert "synced" == bench.files()["wave.1.csv"]["state"]
    assert 0 == bench.run("audit").returncode


def test_too_many_actions_at_once_wait_for_approval(bench: Bench) -> None:
    write_config(bench, 'on_remote_delete = "trash"', "guard_count = 2")
    ids = uploaded(bench, 10)
    lost = [f"wave.{number}.csv" for number in range(4)]
    done = tombstoned(bench, *(ids[name] for name in lost))
    assert (
        "plan 1 waits for your approval: it would affect 4 of 10 files; at most 1 without your approval"
    ) in done.stdout
    assert all((bench.recordings / name).exists() for name in lost)
    shown = bench.run("plan")
    assert 4 == shown.returncode
    for name in lost:
        assert f"  move {bench.recordings / name} to the trash: its sample was deleted in the project\n" in shown.stdout
    assert "If the samples were deleted on purpose: 'eisync plan --approve 1'" in shown.stdout
    assert "4 actions wait for your approval" in bench.run("status").stdout
    assert [4] == [plan["actions"] for plan in bench.status()["plans"]]
    records = [json.loads(line) for line in bench.run("plan", "--json").stdout.splitlines()]
    assert ["plan", *["action"] * 4] == [record["what"] for record in records]

    wrong = bench.run("plan", "--approve", "7")
    assert (1, "eisync: plan 7 is not waiting; waiting: 1\n") == (wrong.returncode, wrong.stderr)
    yes = bench.run("plan", "--approve", "1")
    assert (0, True) == (yes.returncode, "Plan 1 is approved: 4 actions." in yes.stdout), yes.stdout + yes.stderr
    assert "target main: 4 done" in yes.stdout
    assert not any((bench.recordings / name).exists() for name in lost)
    assert (0, "Nothing waits for your approval.\n") == (bench.run("plan").returncode, bench.run("plan").stdout)


def test_a_rejected_plan_changes_nothing_and_is_not_proposed_again(bench: Bench) -> None:
    write_config(bench, 'on_remote_delete = "delete"', "guard_count = 1")
    ids = uploaded(bench, 4)
    tombstoned(bench, ids["wave.0.csv"], ids["wave.1.csv"])
    no = bench.run("plan", "--reject", "1")
    assert 0 == no.returncode
    assert "Plan 1 is rejected: 2 actions will not be done; files that still exist are sent again.\n" == no.stdout
    for _ in range(2):
        bench.run("reconcile", "--sweep")
    assert 0 == bench.run("plan").returncode
    assert 4 == len(list(bench.recordings.iterdir()))
    assert 0 == bench.run("once", "--quiet").returncode
    assert {"wave.0", "wave.1", "wave.2", "wave.3"} == set(there(bench))


def test_a_running_daemon_does_what_was_approved(bench: Bench) -> None:
    write_config(bench, 'on_remote_delete = "trash"', "guard_count = 1")
    ids = uploaded(bench, 4)
    tombstoned(bench, ids["wave.0.csv"], ids["wave.1.csv"])
    with (bench.place / "log").open("wb") as log:
        daemon = bench.start("run", out=log)
    try:
        until(lambda: (bench.state / "control.sock").exists())
        yes = bench.run("plan", "--approve", "1")
        assert (0, True) == (yes.returncode, "target main: 2 done" in yes.stdout), yes.stdout + yes.stderr
        assert {".eisync-trash", "wave.2.csv", "wave.3.csv"} == set(os.listdir(bench.recordings))
        action = json.loads(bench.run("undo", "--json").stdout.splitlines()[0])
        assert 0 == bench.run("undo", str(action["action"])).returncode
        assert 3 == len([name for name in os.listdir(bench.recordings) if name.startswith("wave")])
    finally:
        daemon.terminate()
        daemon.wait(30)


@pytest.mark.parametrize(
    ("target", "done", "reported"),
    [
        ("main", 0, 2),  # another pass ran just before
        ("main", 1, 2),
        ("main", 3, 3),  # and something else
        ("second", 0, 0),
    ],
)
def test_actions_of_the_plan_done_by_another_pass_count_as_done(target: str, done: int, reported: int) -> None:
    actions = [
        {"plan": 7, "state": "done"},
        {"plan": 7, "state": "done"},
        {"plan": 7, "state": "due"},
        {"plan": 6, "state": "done"},
    ]
    decided = {"plan": 7, "target": "main", "is_approved": True, "actions": 3}
    assert reported == _with_others({"target": target, "done": done}, decided, actions)["done"]


def test_a_dry_run_shows_what_would_be_done(bench: Bench) -> None:
    write_config(bench, 'on_local_delete = "delete"')
    ids = uploaded(bench, 3)
    (bench.recordings / "wave.1.csv").unlink()
    bench.run("once", "--quiet")
    age(bench)
    reported = bench.run("reconcile", "--dry-run").stdout
    assert "1 would be done by the folders' settings" in reported
    assert f"would delete sample {ids['wave.1.csv']} of {bench.recordings / 'wave.1.csv'}" in reported
    assert 3 == len(there(bench))


@pytest.mark.slow
@pytest.mark.parametrize("is_done", [True, False], ids=["after the action", "before the action"])
def test_a_kill_between_intent_and_the_deletion_of_a_sample_is_harmless(bench: Bench, is_done: bool) -> None:
    write_config(bench, 'on_local_delete = "delete"')
    ids = uploaded(bench, 3)
    (bench.recordings / "wave.1.csv").unlink()
    bench.run("once", "--quiet")
    age(bench)
    # The service deletes it but gives no answer; or it answers slowly when asked for a copy.
    copy = {"kind": "latency", "seconds": 30, "path": f"/{ids['wave.1.csv']}/raw"}
    fault = {"kind": "withhold", "method": "DELETE"} if is_done else copy
    bench.emulator.set_faults({"where": "studio", **fault})
    process = start(bench, "reconcile")
    if is_done:
        until(lambda: "wave.1" not in there(bench))
    else:
        until(lambda: bench.emulator.ledger()["faults"].get("latency"))
    kill(process)
    assert ["begun"] == states(bench)
    bench.emulator.set_faults()
    assert is_done == ("wave.1" not in there(bench))
    assert 0 == bench.run("reconcile").returncode
    assert {"wave.0", "wave.2"} == set(there(bench))
    assert ["done"] == states(bench)
    [kept] = [path for path in (bench.recordings / ".eisync-trash").rglob("*") if path.is_file()]
    assert row(1) == kept.read_bytes()


@pytest.mark.slow
def test_kills_while_files_are_moved_to_the_trash_lose_none(bench: Bench) -> None:
    files, dice = 200, random.Random(7)
    write_config(bench, 'on_remote_delete = "trash"')
    ids = uploaded(bench, files)
    tombstoned(bench, *ids.values())
    assert files == json.loads(bench.run("plan", "--json").stdout.splitlines()[0])["actions"]
    process = start(bench, "plan", "--approve", "1")
    until(lambda: left(bench) < files - 5)
    kill(process)
    under_way = 0
    for _ in range(6):
        before = left(bench)
        process = start(bench, "reconcile")
        until(lambda: left(bench) < before or process.poll() is not None)  # noqa: B023
        time.sleep(dice.uniform(0.0, 0.05))
        kill(process)
        under_way += left(bench) > 0
        assert contents(bench) == {row(number) for number in range(files)}
    assert under_way > 2, "kills came after everything was done: they prove nothing"
    assert 0 == bench.run("reconcile").returncode
    assert {"done"} == set(states(bench))
    assert contents(bench) == {row(number) for number in range(files)}
    assert [".eisync-trash"] == os.listdir(bench.recordings)


def start(bench: Bench, *arguments: str) -> "subprocess.Popen[bytes]":
    with Path(os.devnull).open("wb") as nowhere:
        return bench.start(*arguments, out=nowhere)


def kill(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def left(bench: Bench) -> int:
    """Return how many files are in their places."""
    return sum(name.startswith("wave") for name in os.listdir(bench.recordings))


def states(bench: Bench) -> list[str]:
    """Return the progress of the actions, while no process runs."""
    database = sqlite3.connect(bench.state / "eisync.db")
    try:
        rows = database.execute("select state from act order by id").fetchall()
    finally:
        database.close()
    return [one for (one,) in rows]


def contents(bench: Bench) -> set[bytes]:
    """Return the content of the folder, including the trash."""
    return {path.read_bytes() for path in bench.recordings.rglob("*") if path.is_file()}
