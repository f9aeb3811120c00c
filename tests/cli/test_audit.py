"""The cost of an audit grows with the files, and with nothing else: counted, not timed. Also its exit codes."""

import errno
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from eisync.app.watched_folder import WatchedFolder
from eisync.cli import audit
from eisync.control.operations import Operations
from eisync.control.running import Running
from eisync.core import completeness
from eisync.core.ignore import IgnoreRules
from eisync.loops.watcher import observations
from eisync.store.actions import ActionStore
from eisync.store.observations import record_of
from tests.conftest import Bench
from tests.core import formats
from tests.loops.yard import Yard, run

READY = [f"{number:03}.csv" for number in range(150)]
SETTLING = [f"new.{number:03}.csv" for number in range(150)]


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    yard.close()


@pytest.mark.parametrize(
    ("files_per_request", "most_bytes", "questions"), [(10, 1 << 20, range(30, 31)), (1000, 100, range(30, 43))]
)
def test_an_audit_asks_for_each_file_once(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, files_per_request: int, most_bytes: int, questions: range
) -> None:
    yard.fill(*READY)
    loop = yard.watcher()
    for path in SETTLING:
        yard.write(path)
    now = yard.touched_at(SETTLING[0]) + 0.1
    run(loop, now)
    counted: Counter[str] = Counter()
    real_reason = completeness.reason

    def reason(*args: Any, **more: Any) -> str:
        counted["reasons"] += 1
        return real_reason(*args, **more)

    def whole() -> list[dict[str, Any]]:
        raise AssertionError("the whole list was built")

    def observed_at(root: str, paths: Any) -> list[dict[str, Any]]:
        return [record_of(seen) for seen in loop.observed_at(root, list(paths), now)]

    operations = Operations(
        yard.outbox,
        yard.index,
        ActionStore(yard.database),
        now=lambda: now,
        running=Running(observed=whole, observed_at=observed_at),
    )

    def ask(question: Mapping[str, Any], **_: Any) -> Iterator[dict[str, Any]]:
        counted["questions"] += 1
        for record in operations.answer(question):
            counted["records"] += 1
            yield record

    monkeypatch.setattr(observations, "reason", reason)
    monkeypatch.setattr(audit, "ask", ask)
    monkeypatch.setattr(audit, "FILES_PER_REQUEST", files_per_request)
    monkeypatch.setattr(audit, "BYTES_PER_REQUEST", most_bytes)
    reported = list(audit._statuses(WatchedFolder(yard.watched(), "", True, None), None, None))
    expected = {**dict.fromkeys(READY, "ready"), **dict.fromkeys(SETTLING, "settling")}
    assert (expected, 300) == ({path: one.state for path, one in reported}, len(reported))
    assert {"records": 300, "reasons": 150} == {name: counted[name] for name in ("records", "reasons")}
    assert counted["questions"] in questions


@pytest.mark.parametrize(
    ("touched_s_ago", "is_live", "state", "exit_code"),
    [(3600.0, True, "unexplained", 1), (5.0, True, "new", 0), (3600.0, False, "new", 0)],
)
def test_a_file_that_a_scan_should_have_found_is_unexplained(
    yard: Yard,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    touched_s_ago: float,
    is_live: bool,
    state: str,
    exit_code: int,
) -> None:
    yard.write("a.csv")
    watched_folder = WatchedFolder(yard.watched(), "", is_live, yard.touched_at("a.csv") + touched_s_ago)
    monkeypatch.setattr(audit, "watched_folders", lambda *_, **__: [watched_folder])
    monkeypatch.setattr(audit, "ask", lambda *_, **__: iter([]))
    callback = audit.command.callback
    assert callback is not None
    assert exit_code == callback(dirs=(), config=None, state_dir=None, as_json=False)
    reported = capsys.readouterr()
    assert reported.out.startswith(f"{state:<11}  {yard.path('a.csv')}  (it is new")
    assert f"1 in all: 1 {state}." == reported.err.strip()


def test_an_audit_without_a_folder_checks_those_that_were_watched_before(bench: Bench) -> None:
    (bench.place / "eisync.toml").unlink()
    nothing = bench.run("audit")
    assert (2, True) == (nothing.returncode, "no folder is watched, and none was watched before" in nothing.stderr)
    bench.write("wave.1.wav", formats.wav(bytes(range(200))))
    bench.write("empty.csv", b"")
    assert 4 == bench.once("--timeout", "0.2").returncode
    reported = bench.run("audit")
    assert (0, "2 in all: 1 settling, 1 synced.\n") == (reported.returncode, reported.stderr)
    bench.recordings.rename(bench.place / "away")
    reported = bench.run("audit")
    assert (0, "") == (reported.returncode, reported.stdout)
    assert f"{bench.recordings} was watched before but is missing" in reported.stderr


@pytest.mark.parametrize(("pattern", "state", "exit_code"), [("nothing", "unreadable", 1), ("closed/", "left out", 0)])
def test_a_folder_that_cannot_be_read_is_one_line(
    yard: Yard,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    pattern: str,
    state: str,
    exit_code: int,
) -> None:
    yard.write("closed/deep/a.csv")
    real = os.scandir

    def scandir(place: str) -> Any:
        if str(place).endswith("/closed/deep"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(place)

    monkeypatch.setattr("eisync.adapters.files.inventory.os.scandir", scandir)
    watched_folder = WatchedFolder(yard.watched(eligibility=IgnoreRules([pattern])), "", False, None)
    monkeypatch.setattr(audit, "watched_folders", lambda *_, **__: [watched_folder])
    monkeypatch.setattr(audit, "ask", lambda *_, **__: iter([]))
    callback = audit.command.callback
    assert callback is not None
    assert exit_code == callback(dirs=(), config=None, state_dir=None, as_json=False)
    reported = capsys.readouterr()
    assert reported.out.startswith(f"{state:<11}  {yard.path('closed/deep')}  (")
    assert "the folder cannot be read (Permission denied)" in reported.out
    counted = {1: "There are no files. 1 folder cannot be read; the files there are unknown.\n"}
    assert reported.err == counted.get(exit_code, "1 in all: 1 left out.\n")
