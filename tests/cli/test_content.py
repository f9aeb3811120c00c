"""A person moves, copies, touches or restores files: nothing is sent again, and no deleted content."""

import os
import shutil
from collections.abc import Callable

import pytest

from tests.cli.test_once import delete
from tests.conftest import Bench, row, until

DELETED = "wave.2.csv"


@pytest.fixture
def bench_with_tombstone(bench: Bench) -> Bench:
    """Four sent files; a person deleted the sample of one."""
    bench.configure(reconcile={"sweep_interval_s": 1})
    for number in range(4):
        bench.write(f"wave.{number}.csv", row(number))
    assert 0 == bench.once().returncode
    delete(bench, bench.files()[DELETED]["sample_ids"][0])

    def is_tombstoned() -> bool:
        assert bench.once().returncode in (0, 4)  # 4: one listing has missed it
        return [DELETED] == list(bench.files("--state", "tombstone"))

    until(is_tombstoned)
    return bench


def touch(bench: Bench) -> None:
    for path in bench.recordings.iterdir():
        os.utime(path)


def restore(bench: Bench) -> None:
    shutil.copytree(bench.recordings, bench.place / "backup")
    shutil.rmtree(bench.recordings)
    shutil.copytree(bench.place / "backup", bench.recordings)


def link_elsewhere(bench: Bench) -> None:
    shutil.copytree(bench.recordings, bench.place / "snapshot", copy_function=os.link)


@pytest.mark.parametrize("action", [touch, restore, link_elsewhere])
def test_a_touched_file_is_not_sent(bench_with_tombstone: Bench, action: Callable[[Bench], None]) -> None:
    bench = bench_with_tombstone
    before, sent = bench.files(), bench.emulator.ledger()["files"]
    action(bench)
    assert 0 == bench.once().returncode
    assert sent == bench.emulator.ledger()["files"]
    assert before == bench.files()


def test_a_folder_that_is_configured_under_another_path_sends_nothing(bench_with_tombstone: Bench) -> None:
    bench = bench_with_tombstone
    sent = bench.emulator.ledger()["files"]
    moved = bench.place / "moved"
    bench.recordings.rename(moved)
    assert 0 == bench.run("once", str(moved)).returncode
    assert sent == bench.emulator.ledger()["files"]
    files = {path: record["state"] for path, record in bench.files().items() if record["root"] == str(moved)}
    assert {f"wave.{number}.csv": "tombstone" if number == 2 else "synced" for number in range(4)} == files


def test_a_copy_of_a_deleted_content_says_why_it_is_not_sent_and_how_it_is(bench_with_tombstone: Bench) -> None:
    bench = bench_with_tombstone
    sent = bench.emulator.ledger()["files"]
    [sample_id] = bench.files()[DELETED]["sample_ids"]
    copy = shutil.copy2(bench.recordings / DELETED, bench.recordings / "copy.2.csv")
    done = bench.once()
    assert (0, sent) == (done.returncode, bench.emulator.ledger()["files"])
    why = f"its content was deleted in the project (sample {sample_id}); 'eisync retry' sends it again"
    assert f"copy.2.csv: tombstone: {why}" in done.stderr
    explained = bench.run("explain", str(copy))
    assert 5 == explained.returncode
    assert f"tombstone: {why}" in explained.stdout
    assert "was not sent: its content was deleted in the project" in bench.run("history", str(copy)).stdout
    assert "1 file is back in the queue.\n" == bench.run("retry", str(copy)).stdout
    assert 0 == bench.once().returncode
    assert ("synced", sent + 1) == (bench.files()["copy.2.csv"]["state"], bench.emulator.ledger()["files"])


def test_a_file_that_was_rewritten_with_its_size_and_time_is_sent(bench_with_tombstone: Bench) -> None:
    bench = bench_with_tombstone
    place = bench.recordings / "wave.1.csv"
    before = place.stat()
    place.write_bytes(row(7))
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (before.st_size, before.st_mtime_ns, before.st_ino) == tuple(
        getattr(place.stat(), name) for name in ("st_size", "st_mtime_ns", "st_ino")
    )
    sent = bench.emulator.ledger()["files"]
    assert 0 == bench.once().returncode
    assert sent + 1 == bench.emulator.ledger()["files"]


def test_explain_says_of_a_touched_file_that_its_content_decides(bench_with_tombstone: Bench) -> None:
    bench = bench_with_tombstone
    os.utime(bench.recordings / "wave.1.csv")
    explained = bench.run("explain", str(bench.recordings / "wave.1.csv"))
    assert 0 == explained.returncode
    assert "eisync compares its content before it sends anything" in explained.stdout
