"""`eisync doctor`: what a person reads whose files do not arrive, with real faults."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.app.doctor.jobs import Job
from eisync.cli.doctor import command
from eisync.core.doctor.finding import Finding, ok
from eisync.emulator.server import RunningEmulator
from eisync.errors import StateError
from tests.adapters.raw import answers, raw_server
from tests.canary import CANARY
from tests.cli import other_user
from tests.conftest import Bench, row, until

Checks = dict[tuple[str, str], dict[str, str]]


def doctor(bench: Bench, *arguments: str, code: int = 0, **more: str) -> Checks:
    """Run `eisync doctor --json`, and return its checks by name and by what they are about."""
    done = bench.run("doctor", "--json", *arguments, **more)
    assert done.returncode == code, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == answer["exit_code"]
    assert sum(answer["counts"].values()) == len(answer["checks"])
    return {(one["check"], one["about"]): one for one in answer["checks"]}


def troubles(found: Checks) -> dict[str, str]:
    """The sentences of faults and warnings by check. That nothing runs is none here."""
    return {
        check: one["sentence"] for (check, _), one in found.items() if one["remedy"] and check not in ("daemon", "user")
    }


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()}


@pytest.fixture
def synced(bench: Bench) -> Bench:
    """A bench whose file is in the project."""
    bench.write("wave.01.csv", row(1))
    assert bench.run("once", "--quiet").returncode == 0
    return bench


def test_when_all_is_well_nothing_is_changed_and_nothing_is_sent(synced: Bench) -> None:
    before, ledger = contents(synced.state), synced.emulator.ledger()
    found = doctor(synced)
    assert {} == troubles(found)
    assert {"database", "file events", "clock"} <= {
        check for (check, _), one in found.items() if one["verdict"] == "ok"
    }
    assert "Studio accepts the key: it opens project 1, role admin" == found["key", "main"]["sentence"]
    assert "project 1, as the index says" == found["project", "main"]["sentence"]
    assert "1 file in 1 folder" == found["folder", str(synced.recordings)]["sentence"]
    assert found["database", ""]["sentence"].endswith("every page was checked")
    assert before == contents(synced.state)
    assert ledger["requests"] == synced.emulator.ledger()["requests"]


def test_before_the_first_start_nothing_is_created(bench: Bench) -> None:
    found = doctor(bench)
    assert {} == troubles(found)
    assert "not checked" == found["database", ""]["verdict"]
    assert "it does not exist yet" in found["state folder", str(bench.state)]["sentence"]
    assert not bench.state.exists()


def test_for_a_person_each_check_is_a_line_with_what_to_do_below(bench: Bench) -> None:
    done = bench.run("doctor", EI_API_KEY="ei_" + "0" * 36)
    assert 77 == done.returncode
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fault"))
    assert lines[at] == "fault        key main: Studio refuses the key (Invalid API key)"
    assert lines[at + 1].startswith("               do: copy the API key of the project from Studio")
    assert lines[-1].startswith("1 fault: key (main), 1 warning; ")


def test_a_host_that_is_not_reached_costs_no_other_check(synced: Bench) -> None:
    found = doctor(synced, code=3, EI_API_ENDPOINT="http://127.0.0.1:1/v1")
    assert {"connection": "no connection: Connection refused"} == troubles(found)
    assert "there is no connection" == found["answer", "127.0.0.1:1"]["sentence"]
    assert "Studio is not reached (see above)" == found["key", "main"]["sentence"]
    assert "ok" == found["answer", synced.emulator.ingestion_url.removeprefix("http://")]["verdict"]


def test_a_key_that_is_repeated_is_not_printed(synced: Bench) -> None:
    """(A fixture searches everything for the key.)"""
    answer = json.dumps({"success": False, "error": f"no rights for {CANARY} of ei {CANARY[3:]}"})
    with raw_server(answers(answer, "403 Forbidden")) as server:
        found = doctor(synced, code=3, EI_API_ENDPOINT=f"{server.url}/v1")
    assert "no rights for ei_…" in found["key", "main"]["sentence"]
    has_key = [CANARY.encode() in head for head in server.requests if head]
    assert (False, True) == (has_key[0], has_key[-1])  # who answers is tried without the key first


def test_what_is_not_studio_is_named(synced: Bench) -> None:
    with raw_server(answers("<html>Please log in</html>")) as server:
        found = doctor(synced, code=3, EI_API_ENDPOINT=f"{server.url}/v1")
    assert {"key": f"what answers at {server.url}/v1 is not Studio (HTTP 200, and no JSON)"} == troubles(found)


def test_a_redirect_is_not_followed_and_gets_no_key(synced: Bench) -> None:
    synced.emulator.set_faults({"where": "studio", "kind": "redirect", "location": "https://login.example:8443/x?k=1"})
    found = doctor(synced, code=3)
    assert "it redirects to https://login.example:8443/x (HTTP 307)" in troubles(found)["answer"]
    assert "not checked" == found["key", "main"]["verdict"]


def test_the_password_of_a_proxy_is_not_printed(synced: Bench) -> None:
    done = synced.run("doctor", http_proxy="http://lab:pass-word@127.0.0.1:1", no_proxy="")
    assert 3 == done.returncode
    assert "requests leave through the proxy 127.0.0.1:1 (http_proxy)" in done.stdout
    assert "pass-word" not in done.stdout + done.stderr


def test_a_project_that_is_another_one_is_found(synced: Bench) -> None:
    other = synced.emulator.add_project(name="other")
    found = doctor(synced, code=3, EI_API_KEY=other["keys"][0]["key"])
    assert {"project": "the key opens project 2, and the files of this state folder are in project 1"} == troubles(
        found
    )


def test_a_key_that_may_only_upload_is_a_warning(synced: Bench) -> None:
    project = synced.emulator.add_project(keys=[{"role": "ingestiononly"}, {"role": "readonly"}])
    upload, read = (one["key"] for one in project["keys"])
    found = doctor(bench_anew(synced), EI_API_KEY=upload)
    assert ["listing"] == list(troubles(found))
    found = doctor(bench_anew(synced), code=77, EI_API_KEY=read)
    assert "the key may only read project 2" in troubles(found)["key"]


def bench_anew(bench: Bench) -> Bench:
    """The same bench with a state folder that was never used."""
    (bench.place / "anew").mkdir(exist_ok=True)
    return Bench(
        bench.place / "anew", bench.emulator, {**bench.environ, "EISYNC_CONFIG": str(bench.place / "eisync.toml")}
    )


def test_a_missing_folder_and_a_missing_key_are_checks_of_their_own(bench: Bench) -> None:
    found = doctor(bench, str(bench.place / "none"), code=78, EI_API_KEY="")
    assert f"the folder {bench.place}/none is not there" == found["folder", f"{bench.place}/none"]["sentence"]
    assert {"folder", "key file"} == set(troubles(found))


def test_a_faulty_configuration_is_the_finding(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text("[upload]\nworkers = 900\nretries = 3\n")
    done = bench.run("doctor", "--json")
    assert 78 == done.returncode
    sentences = [one["sentence"] for one in json.loads(done.stdout)["checks"] if one["verdict"] == "fault"]
    assert [
        "eisync.toml:2: upload.workers: must be at most 64",
        "eisync.toml:3: upload.retries: unknown key",
    ] == sentences


@pytest.mark.parametrize(
    ("harm", "says"),
    [(lambda file: file.write_bytes(b""), "it is empty, and was not"), (lambda file: _overwrite(file), "is damaged")],
    ids=["emptied", "overwritten"],
)
def test_a_damaged_database_is_found_and_left_alone(synced: Bench, harm: Callable[[Path], object], says: str) -> None:
    harm(synced.state / "eisync.db")
    before = contents(synced.state)
    found = doctor(synced, code=3)
    assert says in troubles(found)["database"]
    assert "the database is damaged" == found["files", ""]["sentence"]
    assert before == contents(synced.state)


def _overwrite(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(5 * 4096)
        opened.write(b"\xff" * 20 * 4096)


def test_what_a_killed_process_left_is_read(bench: Bench) -> None:
    bench.write("wave.01.csv", row(1))
    daemon = bench.daemon()
    try:
        until(lambda: bench.emulator.ledger()["stored"] == 1 and bench.status()["counts"].get("synced"))
    finally:
        daemon.kill()
        daemon.wait()
    found = doctor(bench)
    assert found["files", ""]["sentence"].startswith("The only file is in Edge Impulse")
    assert "will be taken in" in found["database", ""]["sentence"]
    assert "nothing runs" in found["daemon", ""]["sentence"]


def test_a_running_daemon_says_what_only_it_knows(synced: Bench) -> None:
    daemon = synced.daemon()
    try:
        until(lambda: synced.status()["daemon"])
        until(lambda: synced.status()["daemon"]["watching"][0]["uses_events"])
        found = doctor(synced, EI_API_KEY="")
        assert {} == troubles(found)
        assert f"process {daemon.pid} uses it, and answered from it" == found["database", ""]["sentence"]
        assert f"process {daemon.pid} runs 'eisync run'" in found["daemon", ""]["sentence"]
        assert "but the running eisync has one" in found["key file", "main"]["sentence"]
        assert "the running eisync (no systemd service) sees all 2 folders" in found["sandbox", ""]["sentence"]
    finally:
        daemon.terminate()
        daemon.wait(20)


def test_files_that_need_a_person_are_named_with_the_next_command(synced: Bench) -> None:
    (synced.recordings / "cut.01.wav").write_bytes(b"RIFF\0\1\0\0WAVE")
    (synced.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\npatience_s = 0.1\n')
    assert synced.run("once", "--quiet").returncode == 3
    found = doctor(synced, code=3)
    (finding,) = [one for one in found.values() if one["verdict"] == "fault"]
    assert "1 file quarantined: " in finding["sentence"]
    assert finding["remedy"].startswith("eisync explain ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_who_may_not_look_is_told_so(emulator: RunningEmulator) -> None:
    with other_user.other_users_bench(emulator) as bench:
        (bench.recordings / "closed").mkdir(mode=0o700)
        os.chown(bench.state, 0, 0)
        done = other_user.run(bench, "doctor", "--json")
        found = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
        (bench.recordings / "closed").rmdir()
    assert 3 == done.returncode
    assert "1 folder in it cannot be read: closed" in found["folder"]["sentence"]
    assert "belongs to root" in found["user"]["sentence"]
    assert ("fault", "not checked", "not checked") == tuple(
        found[check]["verdict"] for check in ("state folder", "database", "daemon")
    )
    assert "may not ask the kernel" not in found["writers"]["sentence"]  # it has no file yet


# Checks that fail or hang


def test_a_check_that_hangs_or_fails_costs_no_other() -> None:
    over = threading.Event()

    def hangs() -> Iterator[Finding]:
        yield ok("a", "well")
        over.wait(20)

    def fails(error: Exception) -> Callable[[], Iterator[Finding]]:
        def make() -> Iterator[Finding]:
            yield ok("b", "well")
            raise error

        return make

    jobs = [Job("a", "", hangs, within_s=0.05)]
    jobs += [Job("b", "", fails(error), within_s=5.0) for error in (StateError("x"), OSError(5, "I/O"), KeyError("k"))]
    found = [list(job.findings()) for job in jobs]
    over.set()
    assert [
        "it was not done within 0 s",
        "x",
        "I/O",
        "the check failed, which is a fault of eisync: please report KeyError: 'k'",
    ] == [one[-1].sentence for one in found]
    assert ["well"] * 4 == [one[0].sentence for one in found]
    assert [False] * 4 == [job.is_fine() for job in jobs]


def test_a_service_that_accepts_and_is_silent_ends_in_time(
    synced: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("eisync.adapters.client.probe.ANSWER_S", 0.2)
    for name in ("EI_API_KEY", "EI_INGESTION_ENDPOINT", "HOME"):
        monkeypatch.setenv(name, synced.environ[name])
    monkeypatch.chdir(synced.place)
    with raw_server(None) as server:
        monkeypatch.setenv("EI_API_ENDPOINT", f"{server.url}/v1")
        code = command.main(["--state-dir", str(synced.state)], standalone_mode=False)
    assert 3 == code
    assert "accepted the request but did not answer in time" in capsys.readouterr().out


def test_a_configuration_that_is_not_read_in_time_is_a_fault(
    synced: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()
    monkeypatch.setattr("eisync.app.doctor.examination.READ_S", 0.1)
    monkeypatch.setattr("eisync.app.doctor.examination.load", lambda **_: over.wait(20))
    code = command.main([str(synced.recordings), "--state-dir", str(synced.state)], standalone_mode=False)
    over.set()
    said = capsys.readouterr().out
    assert 78 == code
    assert "it was not read within 0 s" in said
    assert "ok           files: The only file is in Edge Impulse" in said
