"""`eisync once`, as a person runs it: what arrives, what does not and why, and its exit codes."""

import json
import os
import pty
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from eisync.core.ignore import Leads, why_left_out
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.canary import CANARY, hear
from tests.cli import other_user
from tests.conftest import SHARED_DATA, Bench, bench_at, row, sha256, stored_once, until
from tests.core import formats


def delete(bench: Bench, sample_id: int) -> None:
    request = urllib.request.Request(
        f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data/{sample_id}",
        method="DELETE",
        headers={"x-api-key": bench.emulator.key},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200


def test_every_file_is_in_the_project_once_and_labelled(bench: Bench) -> None:
    contents = {
        "training/wave.1.csv": row(1),
        "testing/wave.2.csv": row(2),
        "snake.3.csv": row(3),
    }
    for path, content in contents.items():
        bench.write(path, content)
    done = bench.once()
    assert (0, "All 3 files are in Edge Impulse") == (done.returncode, done.stdout.split(";")[0])
    assert stored_once(bench.emulator.ledger(), list(contents.values()))
    files = bench.files()
    assert {
        "training/wave.1.csv": ("synced", "wave", "training"),
        "testing/wave.2.csv": ("synced", "wave", "testing"),
        "snake.3.csv": ("synced", "snake", "split"),
    } == {path: (f["state"], f["label"], f["category"]) for path, f in files.items()}
    assert {path: sha256(content) for path, content in contents.items()} == {
        path: f["sha256"] for path, f in files.items()
    }
    assert list(files["snake.3.csv"]) == [
        "path", "root", "state", "reason", "label", "category", "sample_ids", "sha256", "size", "attempts",
        "changed_at", "due_at", "file", "samples", "there",
    ]  # fmt: skip


def test_an_emptied_project_ends_with_3_until_a_person_decides(bench: Bench) -> None:
    bench.configure(reconcile={"sweep_interval_s": 0.01})
    for number in range(12):
        bench.write(f"wave.{number}.csv", row(number))
    assert 0 == bench.once().returncode
    for record in bench.files().values():
        delete(bench, record["sample_ids"][0])
    reported = (
        "The project is empty now; it held 12 samples of these files. eisync waits for your decision ('eisync plan')."
    )
    for _ in range(3):
        done = bench.once("--quiet")
        assert (3, reported) == (done.returncode, done.stdout[: len(reported)]), done.stdout + done.stderr
    status = bench.status()
    assert status["sentence"].startswith(reported)
    assert {"main": "the project is empty now; it held 12 samples of these files"} == status["emptied"]
    assert "12 are gone from the project and wait for your decision" in status["sentence"]
    assert {"synced"} == {record["state"] for record in bench.files().values()}
    shown = bench.run("status").stdout
    assert "  the project is empty now; it held 12 samples of these files\n" in shown
    assert 0 == bench.run("plan", "--reject", "1").returncode
    done = bench.once("--quiet")
    assert (0, "All 12 files are in Edge Impulse") == (done.returncode, done.stdout.split(";")[0]), done.stderr


def test_a_second_run_uploads_nothing(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    assert 0 == bench.once().returncode
    before = bench.emulator.ledger()["requests"]
    assert 0 == bench.once().returncode
    assert before == bench.emulator.ledger()["requests"]


def gestures(bench: Bench) -> Path:
    """Return the real recordings if they exist, else generated ones of the same shape."""
    place = bench.place / "gestures"
    if (SHARED_DATA / "gestures").is_dir():
        shutil.copytree(SHARED_DATA / "gestures", place)
    else:
        (place / "training").mkdir(parents=True)
        for number in range(11):
            (place / f"training/idle.{number}.csv").write_bytes(row(number))
    return place


def test_a_sample_deleted_at_the_service_becomes_a_tombstone_and_is_never_sent(bench: Bench) -> None:
    place = gestures(bench)
    assert 0 == bench.run("once", str(place)).returncode
    files = bench.files()
    assert {("synced", "idle", "training")} == {(f["state"], f["label"], f["category"]) for f in files.values()}
    assert 11 == len(files)
    victim = sorted(files)[3]
    (sample_id,) = files[victim]["sample_ids"]
    delete(bench, sample_id)
    sent = bench.emulator.ledger()["files"]

    def is_tombstoned() -> bool:
        done = bench.run("once", str(place))
        is_dead = [victim] == list(bench.files("--state", "tombstone"))
        said = "1 was deleted in the project" if is_dead else "1 was not in the last listing and will be checked again"
        assert (0 if is_dead else 4, True) == (done.returncode, said in done.stdout), done.stdout
        assert is_dead or ["stored"] != [bench.files()[victim]["reason"], *bench.files()[victim]["there"]]
        assert done.returncode == bench.status()["exit_code"]
        return is_dead

    until(is_tombstoned)  # two sweeps must miss it, and after a sweep there is a pause that depends on its duration
    assert sent == bench.emulator.ledger()["files"]

    # … until a person decides.
    done = bench.run("retry", str(place / victim))
    assert "1 file is back in the queue.\n" == done.stdout
    assert 0 == bench.run("once", str(place)).returncode
    assert "synced" == bench.files()[victim]["state"]
    assert sent + 1 == bench.emulator.ledger()["files"]


def test_two_files_of_one_content_share_a_sample(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    bench.write("copy.1.csv", row(1))
    assert 0 == bench.once().returncode
    ids = [record["sample_ids"] for record in bench.files().values()]
    assert ids[0] == ids[1] != []
    assert stored_once(bench.emulator.ledger(), [row(1)])


@pytest.mark.parametrize(
    ("environ", "arguments", "code", "sentence"),
    [
        ({"EI_API_KEY": ""}, (), 78, 'there is no API key for the target "main"'),
        ({"EI_API_KEY": CANARY + "wrong"}, (), 77, "Invalid API key"),
        ({"EI_INGESTION_ENDPOINT": "http://127.0.0.1:9", "EI_API_ENDPOINT": "http://127.0.0.1:9/v1"}, (), 4,
         "http://127.0.0.1:9 cannot be reached (Connection refused)"),
        ({}, ("nowhere",), 78, "nowhere"),
        ({}, ("--config", "none.toml"), 78, "there is no file"),
        ({"EISYNC_UPLOAD__WORKRES": "3"}, (), 78, "did you mean \"EISYNC_UPLOAD__WORKERS\"?"),
        ({}, ("--timeout", "soon"), 2, "is not a valid float range"),
        ({}, ("--no-such-option",), 2, "No such option"),
    ],
    ids=(
        "no key", "wrong key", "unreachable", "no folder", "no configuration", "unknown variable",
        "a word for a number", "unknown option",
    ),
)  # fmt: skip
def test_errors_that_a_person_can_correct_are_one_sentence(
    bench: Bench, environ: dict[str, str], arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    bench.write("wave.1.csv", row(1))
    done = bench.once("--timeout", "0.2", *arguments, **environ)
    assert code == done.returncode, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert bench.emulator.key not in done.stderr + done.stdout
    assert CANARY + "wrong" not in done.stderr + done.stdout


def test_files_that_cannot_be_sent_are_named_with_the_reason(bench: Bench) -> None:
    bench.write("good.1.csv", row(1))
    bench.write("bad.1.csv", b"accX,accY\n1,2\n3,4\n")
    huge = 101 * 1024 * 1024
    with bench.write("huge.1.wav", formats.wav(b"", riff=huge - 8, data=huge - 44)).open("r+b") as file:
        file.truncate(huge)
    done = bench.once()
    assert 3 == done.returncode
    assert "1 of 3 files is in Edge Impulse" in done.stdout
    assert "bad.1.csv: quarantined: Could not parse this CSV file" in done.stderr
    assert (
        "huge.1.wav: quarantined: the file has 101.0 MiB, but Edge Impulse takes only files below 100 MiB"
    ) in done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1)])


def test_only_the_folders_of_this_run_are_reported(bench: Bench) -> None:
    bench.write("bad.1.csv", b"accX,accY\n1,2\n3,4\n")
    assert 3 == bench.once().returncode
    other = bench.place / "other"
    other.mkdir()
    (other / "good.1.csv").write_bytes(row(1))
    done = bench.run("once", str(other))
    assert (0, True) == (done.returncode, done.stdout.startswith("The only file is in Edge Impulse"))
    assert "bad.1.csv" not in done.stderr


def test_a_person_at_a_terminal_sees_progress_and_no_log(bench: Bench) -> None:
    bench.write("good.1.csv", row(1))
    bench.write("bad.1.csv", b"accX,accY\n1,2\n3,4\n")
    master, slave = pty.openpty()
    command = [*bench.command("once", str(bench.recordings)), "--state-dir", str(bench.state)]
    with subprocess.Popen(command, env=bench.environ, cwd=bench.place, stdout=slave, stderr=slave) as process:
        os.close(slave)
        seen = b""
        while chunk := _read_terminal(master):
            seen += chunk
    os.close(master)
    hear("a terminal", seen)
    assert 3 == process.returncode, seen.decode()
    assert b"of 2 files" in seen
    assert 1 == seen.count(b"Could not parse this CSV file")
    assert b"file.quarantined" not in seen


def _read_terminal(master: int) -> bytes:
    try:
        return os.read(master, 65_536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_without_a_terminal_it_logs_once_what_it_waits_for(bench: Bench) -> None:
    bench.write("cut.1.wav", formats.wav(b"sound" * 100)[:100])
    done = bench.once("--timeout", "1.2")
    assert 4 == done.returncode
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (reported,) = [line for line in lines if line["event"] == "once.waiting"]
    assert (1, 1, "cut.1.wav") == (reported["files"], reported["at_most_s"], reported["path"])
    assert (
        "unchanged for" in reported["reason"] or "WAV header promises 544 bytes, the file has 100" == reported["reason"]
    )
    assert "once.waiting" not in bench.once("--timeout", "0.2", "--quiet").stderr


def test_an_empty_file_waits_and_then_is_parked(bench: Bench) -> None:
    bench.write("later.1.csv", b"")
    done = bench.once("--timeout", "0.2")
    assert 4 == done.returncode
    assert "later.1.csv: not complete yet: it is empty; it is sent once something is written into it" in done.stderr

    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\npatience_s = 0.1\n')
    done = bench.once()
    assert 3 == done.returncode
    assert "later.1.csv: quarantined: it is empty; it is sent once something is written into it" in done.stderr

    bench.write("later.1.csv", row(1))
    assert 0 == bench.once().returncode
    assert stored_once(bench.emulator.ledger(), [row(1)])


def test_files_that_are_no_samples_are_left_out_and_reported(bench: Bench) -> None:
    os.mkfifo(bench.recordings / "pipe.csv")
    (bench.recordings / "dangling.csv").symlink_to("nowhere.csv")
    outside = bench.place / "outside.csv"
    outside.write_bytes(row(9))
    (bench.recordings / "linked.csv").symlink_to(outside)
    bench.write("notes.md", b"# notes")
    bench.write("half.csv.part", row(8))
    done = bench.once()
    assert 0 == done.returncode
    assert {} == bench.emulator.ledger()["stored_by_hash"]
    (root,) = bench.status()["roots"]
    assert {
        "a named pipe (FIFO), not a file": 1,
        "it is a broken link: its target is gone; delete the link, or restore the target": 1,
        why_left_out(Leads.TO_FILE): 1,
        "not a type that Edge Impulse takes (.md)": 1,
        "ignored by the pattern '*.part'": 1,
    } == root["left_out"]


def test_odd_names_and_labels_arrive(bench: Bench) -> None:
    names = [b"caf\xe9.1.csv", "手势.1.csv".encode(), b"two\nlines.1.csv", b'quo"te.1.csv', b"50%.1.csv", b"a b.1.csv"]
    for number, name in enumerate(names):
        bench.write(os.fsdecode(name), row(number))
    done = bench.once()
    assert 0 == done.returncode, done.stderr
    assert stored_once(bench.emulator.ledger(), [row(number) for number in range(len(names))])
    files = bench.files()
    assert {os.fsdecode(name) for name in names} == set(files)
    assert "手势" == files["手势.1.csv"]["label"]
    assert "50%" == files["50%.1.csv"]["label"]
    url = f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data?category=all&limit=100"
    request = urllib.request.Request(url, headers={"x-api-key": bench.emulator.key})
    with urllib.request.urlopen(request, timeout=10) as response:
        listing = response.read().decode()
    labels = {sample["label"] for sample in json.loads(listing)["samples"]}
    assert {"手势", "50%", "a b"} <= labels


def test_a_hard_link_is_a_second_file_and_a_sparse_file_is_sent_whole(bench: Bench) -> None:
    linked = bench.write("linked.1.csv", row(1))
    os.link(linked, bench.recordings / "again.1.csv")
    sparse = bench.write("sparse.1.wav", formats.wav(b"", riff=36 + 3_000_000, data=3_000_000))
    os.truncate(sparse, 44 + 3_000_000)
    assert sparse.stat().st_blocks * 512 < 1_000_000
    done = bench.once()
    assert 0 == done.returncode, done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1), sparse.read_bytes()])
    assert {"linked.1.csv", "again.1.csv", "sparse.1.wav"} == set(bench.files())
    assert {"synced"} == {file["state"] for file in bench.files().values()}


def test_an_unreadable_file_is_quarantined_and_its_peers_are_sent(emulator: RunningEmulator) -> None:
    with other_user.other_users_bench(emulator) as bench:
        bench.write("good.1.csv", row(1))
        secret = bench.write("secret.1.csv", row(2))
        other_user.own(secret)
        secret.chmod(0)
        done = other_user.run(bench, "once", str(bench.recordings))
        assert 3 == done.returncode, done.stderr
        assert "secret.1.csv: quarantined: the file cannot be read (Permission denied)" in done.stderr
        assert stored_once(emulator.ledger(), [row(1)])

        secret.chmod(0o600)
        done = other_user.run(bench, "once", str(bench.recordings))
        assert (0, True) == (done.returncode, stored_once(emulator.ledger(), [row(1), row(2)])), done.stderr


def test_nothing_is_concluded_from_a_vanished_folder(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    assert 0 == bench.once().returncode
    shutil.rmtree(bench.recordings)
    bench.recordings.mkdir()
    assert 0 == bench.once().returncode
    assert {"synced"} == {record["state"] for record in bench.files().values()}
    assert stored_once(bench.emulator.ledger(), [row(1)])


def test_another_projects_key_sends_nothing(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    assert 0 == bench.once().returncode
    other = bench.emulator.add_project(name="another")
    bench.write("wave.2.csv", row(2))
    done = bench.once("--timeout", "1", EI_API_KEY=other["keys"][0]["key"])
    assert 77 == done.returncode
    assert "opens project 2, but its files are in project 1" in done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1)])


def test_a_key_that_may_not_list_uploads(bench: Bench) -> None:
    project = bench.emulator.add_project(name="field", keys=[{"role": "ingestiononly"}])
    key = next(entry["key"] for entry in project["keys"] if entry["role"] == "ingestiononly")
    bench.write("wave.1.csv", row(1))
    done = bench.once(EI_API_KEY=key)
    assert 0 == done.returncode, done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1)])
    (target,) = bench.status()["targets"]
    assert target["listing_trouble"]


def test_a_paused_folder_waits_and_the_others_are_sent(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    other = bench.place / "other"
    other.mkdir()
    (other / "idle.1.csv").write_bytes(row(2))
    done = bench.run("pause")
    assert (2, True) == (done.returncode, "there is nothing to pause" in done.stderr)
    assert 0 == bench.once().returncode
    assert 0 == bench.run("once", str(bench.recordings), str(other)).returncode
    bench.write("wave.3.csv", row(3))
    (other / "idle.4.csv").write_bytes(row(4))
    assert 0 == bench.run("pause", "--root", str(other)).returncode
    done = bench.run("once", str(bench.recordings), str(other))
    assert 4 == done.returncode
    assert f"The uploads of {other} are paused until 'eisync resume'.\n" in done.stderr
    assert {"wave.3.csv": "synced", "idle.4.csv": "ready"} == {
        path: record["state"] for path, record in bench.files().items() if path in ("wave.3.csv", "idle.4.csv")
    }
    assert 2 == bench.run("pause", "soon").returncode
    assert "Nothing is paused.\n" == bench.run("resume", "--root", str(other)).stdout
    assert 0 == bench.run("once", str(bench.recordings), str(other)).returncode


def test_files_of_many_labels_share_requests_when_the_service_infers_them(bench: Bench) -> None:
    for number in range(60):
        bench.write(f"word{number % 20}.{number}.csv", row(number))
    assert 0 == bench.once("--category", "training").returncode  # it begins with a trial
    for number in range(60, 260):
        bench.write(f"word{number % 20}.{number}.csv", row(number))
    before = bench.emulator.ledger()["requests"]
    assert 0 == bench.once("--category", "training").returncode
    assert bench.emulator.ledger()["requests"] - before < 10
    assert {f"word{number}" for number in range(20)} == set(labels_of(bench).values())
    assert all(path.startswith(f"{label}.") for path, label in labels_of(bench).items())


def test_a_service_that_infers_other_labels_is_noticed_and_corrected(tmp_path: Path) -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY, label_inference="letters")
    with running_emulator(settings) as emulator:
        bench = bench_at(tmp_path, emulator)
        for number in range(40):
            bench.write(f"{('go', 'word1')[number % 20 == 0]}.{number}.csv", row(number))
        assert 0 == bench.once("--category", "training").returncode
        [target] = bench.status()["targets"]
        assert target["inference_trouble"].startswith("the service inferred the label 'word' for word1.")
        assert f"  labels: {target['inference_trouble']}\n" in bench.run("status").stdout
        assert all(path.startswith(f"{label}.") for path, label in labels_of(bench).items())
        assert {"go", "word1"} == set(labels_of(bench).values())


def labels_of(bench: Bench) -> dict[str, str]:
    """The labels in the project, by the names that were sent."""
    url = f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data?category=all&limit=1000"
    request = urllib.request.Request(url, headers={"x-api-key": bench.emulator.key})
    with urllib.request.urlopen(request) as answer:
        return {sample["filename"]: sample["label"] for sample in json.load(answer)["samples"]}
