"""A state folder that went back in time, and two that share one folder, with eisync as a person runs it.

Only the service has what was removed here: deleting such a sample destroys the only copy.
"""

import os
import shutil
import sqlite3
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import Bench, row, until

FREE = "[reconcile]\nguard_count = 1000\nguard_percent = 100.0\ninterval_s = 1.0\nsweep_interval_s = 1.0\n"
DELETES = 'on_local_delete = "delete"'
TAKES = 'after_upload = "delete"\ngrace_s = 0.0'


def configure(bench: Bench, watch: str, folder: Path | None = None) -> None:
    path = folder or bench.recordings
    (bench.place / "eisync.toml").write_text(f'[[watch]]\npath = "{path}"\nsettle_s = 0.1\n{watch}\n{FREE}')


def beside(bench: Bench, name: str) -> Bench:
    """Another state folder and another configuration, for the same recordings."""
    place = bench.place / name
    place.mkdir()
    return Bench(place, bench.emulator, bench.environ)


def pass_over(bench: Bench) -> str:
    done = bench.run("once")
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stderr


def later(bench: Bench) -> None:
    """Make missing files missing for two minutes."""
    database = sqlite3.connect(bench.state / "eisync.db")
    with database:
        database.execute("update file set absent_at = absent_at - 120")
    database.close()


def samples(bench: Bench) -> int:
    url = f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data/count?category=all"
    request = urllib.request.Request(url, headers={"x-api-key": bench.emulator.key})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.read().split(b'"count":')[1].strip(b" }\n"))


def left(bench: Bench) -> set[str]:
    return {path.name for path in bench.recordings.rglob("*.csv")}


@pytest.mark.parametrize("loses", ["the journal", "the journal, and the folder what was noted"])
def test_an_older_state_deletes_no_sample_of_files_that_the_lost_one_removed(bench: Bench, loses: str) -> None:
    configure(bench, DELETES)
    for number in range(6):
        bench.write(f"wave.{number}.csv", row(number))
    pass_over(bench)
    shutil.copytree(bench.state, bench.place / "snapshot")
    configure(bench, f"{DELETES}\n{TAKES}")
    pass_over(bench)
    assert set() == left(bench)
    for number in range(6, 9):
        bench.write(f"kept.{number}.csv", row(number))  # the folder is not empty
    shutil.rmtree(bench.state)
    shutil.copytree(bench.place / "snapshot", bench.state)
    if "noted" in loses:
        os.removexattr(bench.recordings, "user.eisync.stamps")
    configure(bench, DELETES)
    said = pass_over(bench)
    for _ in range(3):
        later(bench)
        pass_over(bench)
    assert 9 == samples(bench)
    assert "root.doubted" in said
    why = bench.files()["wave.1.csv"]["reason"]
    assert "that does not count as a deletion, and its sample stays" in why
    # Once everything was scanned again, a person's deletion counts again.
    (bench.recordings / "kept.7.csv").unlink()
    pass_over(bench)
    later(bench)
    pass_over(bench)
    assert 8 == samples(bench)


def test_files_removed_by_an_older_state_can_come_back_and_be_deleted(bench: Bench) -> None:
    test_an_older_state_deletes_no_sample_of_files_that_the_lost_one_removed(bench, "the journal")
    bench.write("wave.2.csv", row(2))
    pass_over(bench)
    assert (8, "synced") == (samples(bench), bench.files()["wave.2.csv"]["state"])


@pytest.mark.parametrize("nested", ["the same folder", "the one inside", "the one around"])
def test_two_eisyncs_in_turn_delete_no_sample_of_files_that_the_other_removed(bench: Bench, nested: str) -> None:
    for number in range(6):
        bench.write(f"deep/wave.{number}.csv", row(number))
        bench.write(f"deep/idle/kept.{number}.csv", row(100 + number))
    follows, takes = beside(bench, "follows"), beside(bench, "takes")
    top, deep = bench.recordings, bench.recordings / "deep"
    configure(follows, DELETES, deep if nested == "the one inside" else top)
    configure(takes, f'{TAKES}\nignore = ["kept.*"]', deep if nested == "the one around" else top)
    pass_over(follows)
    for _ in range(2):
        pass_over(takes)
    assert {f"kept.{number}.csv" for number in range(6)} == left(bench)
    for _ in range(3):
        pass_over(follows)
        later(follows)
    assert 12 == samples(bench)
    (deep / "idle" / "kept.0.csv").unlink()
    for _ in range(2):
        pass_over(follows)
        later(follows)
    pass_over(follows)
    assert 11 == samples(bench)


def test_a_second_eisync_names_the_first_and_nothing_is_lost(bench: Bench) -> None:
    follows, takes = beside(bench, "follows"), beside(bench, "takes")
    configure(follows, f"{DELETES}\nscan_interval_s = 1.0", bench.recordings)
    configure(takes, f'{TAKES}\nignore = ["kept.*"]', bench.recordings)
    for number in range(4):
        bench.write(f"wave.{number}.csv", row(number))
        bench.write(f"kept.{number}.csv", row(100 + number))
    log = follows.place / "log"
    with log.open("wb") as file:
        daemon = follows.start("run", out=file)
    try:
        until(lambda: 0 == follows.run("healthcheck").returncode)
        until(lambda: [record["state"] for record in follows.files().values()].count("synced") == 8)
        said = pass_over(takes)
        assert f"another eisync uses this folder, too: process {daemon.pid} on " in said
        assert f"with the state folder {follows.state}" in said
        until(lambda: "another eisync removed files from the folder" in log.read_text())
        assert {f"kept.{number}.csv" for number in range(4)} == left(bench)
    finally:
        daemon.kill()
        daemon.wait(20)
    # A killed process holds nothing any more.
    assert "uses this folder" not in pass_over(takes)
    for _ in range(3):
        later(follows)
        pass_over(follows)
    assert 8 == samples(bench)


@pytest.mark.parametrize("watch", ["", TAKES, DELETES])
def test_the_stamp_is_not_visible_in_the_folder(bench: Bench, watch: str) -> None:
    configure(bench, watch)
    bench.write("wave.1.csv", row(1))
    for _ in range(2):
        pass_over(bench)
    assert ([] if watch == TAKES else ["wave.1.csv"]) == [path.name for path in bench.recordings.iterdir()]
