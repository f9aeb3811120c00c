"""`once`, `status`, `ls`, `audit` and `explain` agree about every file, and about every unreadable folder.

One situation in each row. Each is built in a folder, `eisync once` scans it, and then every command is checked:
its counts, the state that it gives, and its exit code.
"""

import json
import os
import re
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator
from tests.cli import other_user
from tests.conftest import Bench, row
from tests.core import formats

SOUND = bytes(range(1, 201))
LEFT_OUT = "left out"
REFUSED = b"accX,accY\n1,2\n3,4\n"


@dataclass(frozen=True)
class Situation:
    """`make` creates one entry at `path`; `afterwards` changes it after a first pass.

    `state` is the state in all commands. `audit` differs where the folder is compared as well: None for a missing file.
    """

    path: str
    make: Callable[[Path], object]
    state: str | None
    exit_code: int
    afterwards: Callable[[Bench, Path], object] | None = None
    is_folder: bool = False
    is_here: bool = True


def csv(number: int) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(row(number))


def closed_folder(path: Path) -> None:
    path.mkdir()
    (path / "x.csv").write_bytes(row(50))
    path.chmod(0)


def hidden_files(path: Path) -> None:
    """A folder whose names can be read, but not the files."""
    path.mkdir()
    (path / "x.csv").write_bytes(row(51))
    path.chmod(0o444)


def sample_of(bench: Bench, path: Path) -> int:
    name = str(path.relative_to(bench.recordings))
    (sample_id,) = asked(bench)[name]["sample_ids"]
    return int(sample_id)


def delete(bench: Bench, path: Path) -> None:
    url = f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data/{sample_of(bench, path)}"
    request = urllib.request.Request(url, method="DELETE", headers={"x-api-key": bench.emulator.key})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert 200 == response.status


def too_large(path: Path) -> None:
    path.touch()
    os.truncate(path, 101 << 20)


def unreadable(path: Path) -> None:
    csv(2)(path)
    path.chmod(0)


SITUATIONS = {
    "synced": Situation("wave.1.csv", csv(1), "synced", 0),
    "refused by the service": Situation(
        "bad.csv", lambda path: path.write_bytes(b"accX,accY\n1,2\n3,4\n"), "quarantined", 3
    ),
    "too large": Situation("huge.wav", too_large, "quarantined", 3),
    "cut": Situation("cut.wav", lambda path: path.write_bytes(formats.wav(SOUND)[:100]), "settling", 4),
    "empty": Situation("empty.csv", lambda path: path.write_bytes(b""), "settling", 4),
    "unreadable": Situation("secret.csv", unreadable, "quarantined", 3),
    "unreadable after its upload": Situation(
        "later.csv", csv(3), "unreadable", 3, afterwards=lambda _, path: path.chmod(0)
    ),
    "unreadable folder": Situation("closed", closed_folder, "unreadable", 3, is_folder=True),
    "folder with hidden files": Situation("listed", hidden_files, "unreadable", 3, is_folder=True),
    "ignored unreadable folder": Situation(".closed", closed_folder, None, 0),
    "left out by its type": Situation("notes.md", lambda path: path.write_bytes(b"words"), LEFT_OUT, 0),
    "link": Situation("link.csv", lambda path: path.symlink_to("wave.1.csv"), LEFT_OUT, 0),
    "changed after its upload, and cut": Situation(
        "grown.wav",
        lambda path: path.write_bytes(formats.wav(SOUND)),
        "settling",
        4,
        afterwards=lambda _, path: path.write_bytes(formats.wav(SOUND * 2)[:300]),
    ),
    "deleted in Studio, listed once since": Situation("gone there.csv", csv(4), "synced", 4, afterwards=delete),
    "deleted here": Situation("gone here.csv", csv(5), "synced", 0, lambda _, path: path.unlink(), is_here=False),
}


@pytest.fixture
def other_users(emulator: RunningEmulator) -> Iterator[Bench]:
    with other_user.other_users_bench(emulator) as bench:
        yield bench


def asked(bench: Bench) -> dict[str, dict[str, Any]]:
    done = other_user.run(bench, "ls", "--json")
    assert 0 == done.returncode, done.stderr
    return {record["path"]: record for record in map(json.loads, done.stdout.splitlines())}


def make(bench: Bench, situation: Situation) -> None:
    path = bench.recordings / situation.path
    situation.make(path)
    other_user.own(path)
    other_user.own(*path.rglob("*") if path.is_dir() and not path.is_symlink() else ())


@pytest.mark.parametrize(
    "names", [*([name] for name in SITUATIONS), list(SITUATIONS)], ids=[*SITUATIONS, "all of them"]
)
def test_all_commands_agree(other_users: Bench, names: list[str]) -> None:
    bench = other_users
    situations = [SITUATIONS[name] for name in names]
    for situation in situations:
        make(bench, situation)
    once = other_user.run(bench, "once", str(bench.recordings), "--timeout", "1")
    if any(one.afterwards for one in situations):
        for situation in situations:
            if situation.afterwards is not None:
                situation.afterwards(bench, bench.recordings / situation.path)
        once = other_user.run(bench, "once", str(bench.recordings), "--timeout", "1")
    codes = {one.exit_code for one in situations}
    expected_code = next(code for code in (4, 3, 0) if code in codes)
    done = other_user.run(bench, "status", "--json")
    status = json.loads(done.stdout)
    said = once.stdout.splitlines()[0]
    assert (expected_code, expected_code) == (once.returncode, done.returncode), said + once.stderr
    assert without_age(said) == without_age(status["sentence"])
    if len(situations) > 1:  # the sum includes each
        agree(bench, situations, status)


def agree(bench: Bench, situations: list[Situation], status: dict[str, Any]) -> None:
    known = {one.path: one.state for one in situations if one.state not in (None, LEFT_OUT)}
    listed = asked(bench)
    assert known == {path: record["state"] for path, record in listed.items()}
    files = Counter(record["state"] for record in listed.values() if not record.get("is_folder"))
    assert dict(files) == status["counts"]
    folders = sum(bool(record.get("is_folder")) for record in listed.values())
    assert (sum(one.is_folder for one in situations), folders) == (folders, status["unreadable_folders"])

    why = sum(group["files"] for group in status["reasons"]) + status["more_files"]
    in_project = files["synced"] - status["not_in_last_listing"]
    assert why == sum(files.values()) + folders - in_project
    for state in set(known.values()):
        assert {path for path, one in known.items() if one == state} == {
            record["path"]
            for record in map(
                json.loads, other_user.run(bench, "ls", "--json", "--state", str(state)).stdout.splitlines()
            )
        }

    audited = other_user.run(bench, "audit", "--json")
    accounts = {one["path"]: one for one in map(json.loads, audited.stdout.splitlines())}
    here = {one.path: one.state or LEFT_OUT for one in situations if one.is_here}
    assert (here, int(folders > 0)) == (
        {path: account["state"] for path, account in accounts.items()},
        audited.returncode,
    )
    for path, record in listed.items():
        assert path not in accounts or record["reason"] == accounts[path]["reason"]
    for situation in situations:
        explained_alike(bench, situation, listed.get(situation.path))


def explained_alike(bench: Bench, situation: Situation, record: dict[str, Any] | None) -> None:
    path = bench.recordings / situation.path
    if situation.is_folder:
        path = path / "x.csv"
    elif situation.state is None:
        return  # the content of a left-out folder is not requested
    done = other_user.run(bench, "explain", "--json", str(path))
    reported = json.loads(done.stdout)
    code = {"synced": 0, "quarantined": 3, "unreadable": 3, "settling": 4, LEFT_OUT: 5}[str(situation.state)]
    assert (situation.state, code) == (reported["state"], done.returncode)
    assert record is None or situation.is_folder or record["reason"] == reported["reason"]


def without_age(sentence: str) -> str:
    return re.sub(r"\d+ (s|min|h) ago", "… ago", sentence)
