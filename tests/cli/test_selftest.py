"""`eisync selftest`, as a person runs it: what is asked first, what is shown, how it ends, what a killed run leaves."""

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.conftest import Bench, bench_at, until
from tests.selftest.asking import persons_samples, store_persons_samples


def selftest(bench: Bench, *arguments: str) -> subprocess.CompletedProcess[str]:
    return bench.run("selftest", *arguments)


def start(bench: Bench, **options: Any) -> "subprocess.Popen[bytes]":
    command = [*bench.command("selftest", "--yes"), "--state-dir", str(bench.state)]
    return subprocess.Popen(command, env=bench.environ, cwd=bench.place, **options)


def test_nothing_is_sent_without_a_terminal_and_without_yes(bench: Bench) -> None:
    done = selftest(bench)
    assert 2 == done.returncode
    assert f"Project {bench.emulator.project_id} (Emulated project) at {bench.emulator.studio_url}" in done.stderr
    assert "run it in a terminal, or agree with --yes" in done.stderr
    assert 0 == bench.emulator.ledger()["requests"]


@pytest.mark.parametrize(("said", "code"), [(b"n\n", 130), (b"\n", 130), (b"y\n", 0)])
def test_a_person_is_asked_in_a_terminal(bench: Bench, said: bytes, code: int) -> None:
    terminal, ours = pty.openpty()
    os.write(terminal, said)
    command = [*bench.command("selftest"), "--state-dir", str(bench.state)]
    done = subprocess.run(
        command, env=bench.environ, cwd=bench.place, stdin=ours, capture_output=True, timeout=60, check=False
    )
    os.close(terminal)
    os.close(ours)
    assert (b"Go on? [y/N]" in done.stderr, code) == (True, done.returncode)
    assert (code == 130) == (bench.emulator.ledger()["requests"] == 0)


def test_the_table_and_the_record_hold_no_key_and_no_name_of_the_persons(bench: Bench) -> None:
    before = store_persons_samples(bench.emulator, 3)
    done = selftest(bench, "--yes", "--json")
    record = json.loads(done.stdout)
    assert {"confirmed", "contradicted", "answered", "unanswered"} == record["counts"].keys()
    assert 0 == record["counts"]["unanswered"]
    assert ("", "", []) == (record["reason"], record["removal_reason"], record["left"])
    assert (0, 0) == (record["counts"]["contradicted"], done.returncode)
    for secret in (bench.emulator.key, bench.emulator.hmac_key, "person.", "Emulated project", str(bench.place)):
        assert secret not in done.stdout
    assert before == persons_samples(bench.emulator)
    table = selftest(bench, "--yes").stdout
    assert re.search(r"^confirmed +label\.encoded +as sent$", table, flags=re.MULTILINE)
    assert "Every sample was removed again" in table


def test_a_project_that_contradicts_the_contract_is_told_by_the_exit_code(tmp_path: Path) -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, max_header_bytes=8 * 1024)) as emulator:
        done = selftest(bench_at(tmp_path, emulator), "--yes")
    assert 1 == done.returncode
    assert re.search(
        r"^contradicted +limit\.header +refused .*; the contract \[I\] says: ", done.stdout, flags=re.MULTILINE
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_questions_and_everything_is_removed(bench: Bench, number: signal.Signals) -> None:
    before = store_persons_samples(bench.emulator, 2)
    process = start(bench, stdout=subprocess.PIPE)
    until(lambda: bench.emulator.ledger()["stored"] > 10)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert 4 == process.returncode
    assert b"The run ended early: it was stopped" in out
    assert b"Every sample was removed again" in out
    assert before == persons_samples(bench.emulator)
    assert [] == [path.name for path in bench.state.iterdir() if path.name.startswith("selftest-")]


@pytest.mark.slow
def test_a_second_signal_leaves_the_rest_to_the_next_run(bench: Bench) -> None:
    process = start(bench, stdout=subprocess.PIPE)
    until(lambda: bench.emulator.ledger()["stored"] > 10)
    bench.emulator.set_faults({"where": "studio", "kind": "latency", "seconds": 0.5})
    process.send_signal(signal.SIGINT)
    until(lambda: bench.emulator.ledger()["faults"].get("latency", 0) >= 2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (3, True) == (process.returncode, b"the removal was stopped" in out)
    bench.emulator.set_faults()
    assert persons_samples(bench.emulator)
    assert "An earlier self-test was killed" in selftest(bench, "--yes").stderr
    assert {} == persons_samples(bench.emulator)


@pytest.mark.slow
def test_what_a_killed_run_left_is_removed_by_the_next_one(bench: Bench) -> None:
    before = store_persons_samples(bench.emulator, 2)
    process = start(bench, stdout=subprocess.DEVNULL)
    until(lambda: bench.emulator.ledger()["stored"] > 20)
    process.kill()
    process.wait(10)
    assert len(before) < len(persons_samples(bench.emulator))
    done = selftest(bench, "--yes")
    assert "An earlier self-test was killed" in done.stderr
    assert before == persons_samples(bench.emulator)
    assert [] == [path.name for path in bench.state.iterdir() if path.name.startswith("selftest-")]


def test_samples_that_cannot_be_removed_are_listed_with_what_to_do(bench: Bench) -> None:
    bench.emulator.set_faults(
        {"where": "studio", "kind": "status", "method": "DELETE", "status": 403, "error": "No permission"}
    )
    done = selftest(bench, "--yes")
    assert 3 == done.returncode
    [sample_id] = persons_samples(bench.emulator)
    assert f"Sample {sample_id} is still there: HTTP 403: No permission" in done.stdout
    assert "What to do: delete them in Studio" in done.stdout


@pytest.mark.parametrize("role", ["readonly", "ingestiononly"])
def test_a_key_that_may_not_remove_uploads_nothing(bench: Bench, role: str) -> None:
    [key] = bench.emulator.add_project(name="Another", keys=[{"role": role}])["keys"]
    done = bench.run("selftest", "--yes", EI_API_KEY=key["key"])
    assert 77 == done.returncode
    assert f"the key has the role {role}" in done.stderr
    assert 0 == bench.emulator.ledger()["requests"]


def test_a_service_that_cannot_be_reached_is_one_sentence(bench: Bench) -> None:
    done = bench.run("selftest", "--yes", EI_API_ENDPOINT="http://127.0.0.1:9/v1")
    assert 1 == done.returncode
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_leftovers_of_another_project_are_left_to_it(bench: Bench) -> None:
    bench.state.mkdir(mode=0o700)
    header = {"version": 1, "token": "eisync-selftest-x", "studio_url": "http://elsewhere/v1", "project_id": 9}
    (bench.state / "selftest-eisync-selftest-x.jsonl").write_text(json.dumps(header) + "\n")
    done = selftest(bench, "--yes")
    assert "An earlier self-test left samples in project 9: run it there again." in done.stderr
    assert (bench.state / "selftest-eisync-selftest-x.jsonl").exists()
