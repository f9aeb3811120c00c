"""`eisync pull`, as a person runs it: the downloaded files, the output, and the exit codes."""

import io
import json
import os
import pty
import signal
import struct
import subprocess
import urllib.request
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import eisync
from eisync.data import Sample, client, upload_exported_dataset, upload_samples
from tests.canary import CANARY
from tests.conftest import Bench, row, sha256

BOXES = [{"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}]
RANGES = [
    {"startIndex": 0, "endIndex": 0, "label": "still"},
    {"startIndex": 1, "endIndex": 1, "label": "moving", "labelMap": {"axis": "x"}},
]


@pytest.fixture(autouse=True)
def _data_api(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `eisync.data` use the bench's emulator."""
    point_at(bench, bench.emulator.key, monkeypatch)
    yield
    client.forget_everything()


def point_at(bench: Bench, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eisync, "API_KEY", key)
    monkeypatch.setattr(eisync, "API_ENDPOINT", bench.emulator.studio_url)
    monkeypatch.setattr(eisync, "INGESTION_ENDPOINT", bench.emulator.ingestion_url)


def image(shade: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = zlib.compress(b"".join(b"\0" + bytes([shade] * 16) for _ in range(16)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def sound(frames: bytes = bytes(range(200))) -> bytes:
    raw = io.BytesIO()
    with wave.open(raw, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(frames)
    return raw.getvalue()


def acquisition(value: int) -> bytes:
    payload = {
        "device_type": "BENCH",
        "interval_ms": 10,
        "sensors": [{"name": "x", "units": "m/s2"}],
        "values": [[value]],
    }
    protected = {"ver": "v1", "alg": "none"}
    return json.dumps({"protected": protected, "signature": "0" * 64, "payload": payload}).encode()


def of_every_kind() -> list[Sample]:
    return [
        Sample(row(1), "wave.01.csv", "training", "wave", metadata={"site": "lab 3", "né": "ü"}),
        Sample(row(2), "wave.01.csv", "training", "wave"),
        Sample(row(3), "WAVE.01.csv", "training", "Wave"),
        Sample(row(4), "idle.01.csv", "testing", "ruhig, \"still\" & 日本"),
        Sample(row(5), "ranges.01.csv", "training", "ranges", structured_labels=RANGES),
        Sample(image(10), "nuts.png", "training", "nuts", bounding_boxes=BOXES),
        Sample(image(20), "plain.png", "validation", "plain"),
        Sample(sound(), "tone.wav", "testing", "tone"),
        Sample(acquisition(1), "acq.01.json", "training", "acq"),
    ]  # fmt: skip


def ask(bench: Bench, method: str, path: str, body: Any = None, key: str | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{bench.emulator.studio_url}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"x-api-key": key or bench.emulator.key, "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.loads(response.read())
    assert answer["success"], answer
    return answer


def samples(bench: Bench, *, key: str | None = None, project: int | None = None) -> list[dict[str, Any]]:
    """Return the samples of the project, without what differs between two uploads of the same."""
    where = project or bench.emulator.project_id
    listing = ask(bench, "GET", f"/api/{where}/raw-data?category=all&limit=1000", key=key)["samples"]
    kept = ("filename", "category", "label", "boundingBoxes", "structuredLabels", "labelMap", "metadata", "sha256Hash")
    found = [{name: sample[name] for name in kept if name in sample} for sample in listing]
    return sorted(found, key=lambda sample: str(sample["sha256Hash"]))


def fill(bench: Bench, given: list[Sample]) -> None:
    response = upload_samples(given)
    assert response.success, response


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".eisync" not in path.parts
    }


def test_what_is_pulled_and_uploaded_again_is_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    given = of_every_kind()
    fill(bench, given)
    unlabeled = bench.place / "unlabeled"
    (unlabeled / "training").mkdir(parents=True)
    (unlabeled / "training/nobody.csv").write_bytes(row(77))
    (unlabeled / "training/map.csv").write_bytes(row(78))
    account = [
        {"path": "training/nobody.csv", "label": {"type": "unlabeled"}},
        {"path": "training/map.csv", "label": {"type": "keyvalue-labels", "labels": {"who": "me"}}},
    ]
    (unlabeled / "info.labels").write_text(json.dumps({"version": 1, "files": account}))
    assert upload_exported_dataset(str(unlabeled)).success

    done = bench.run("pull", "pulled")
    assert (0, "") == (done.returncode, done.stderr)
    assert "11 samples of project" in done.stdout
    contents = sorted(sha256(content) for name, content in files_in(bench.place / "pulled").items())
    before = samples(bench)
    stored = [str(sample["sha256Hash"]) for sample in before]
    assert sorted([*stored, sha256((bench.place / "pulled/info.labels").read_bytes())]) == contents

    other = bench.emulator.add_project(name="the copy")
    point_at(bench, other["keys"][0]["key"], monkeypatch)
    response = upload_exported_dataset(str(bench.place / "pulled"))
    assert response.success, response
    assert before == samples(bench, key=other["keys"][0]["key"], project=other["id"])


def test_a_second_run_downloads_what_is_missing_and_renews_the_labels(bench: Bench) -> None:
    fill(bench, [Sample(row(n), f"wave.{n}.csv", "training", "wave") for n in range(5)])
    assert 0 == bench.run("pull", "pulled").returncode
    pulled = bench.place / "pulled"
    before = files_in(pulled)
    (pulled / "training/wave.2.csv").unlink()
    fill(bench, [Sample(row(9), "wave.9.csv", "training", "wave"), Sample(row(10), "wave.3.csv", "training", "wave")])
    first = ask(bench, "GET", f"/api/{bench.emulator.project_id}/raw-data?category=all&filename=wave.1")["samples"][0]
    ask(bench, "POST", f"/api/{bench.emulator.project_id}/raw-data/{first['id']}/edit-label", {"label": "snake"})

    done = bench.run("pull", "pulled", "--json")
    reported = json.loads(done.stdout)
    assert (0, 7, 3) == (done.returncode, reported["here"], reported["downloaded"])
    after = files_in(pulled)
    assert all(after[name] == content for name, content in before.items() if name != "info.labels")
    assert row(10) in after.values()
    labels = {entry["path"]: entry["label"]["label"] for entry in json.loads(after["info.labels"])["files"]}
    assert (7, "snake", "wave") == (len(labels), labels["training/wave.1.csv"], labels["training/wave.2.csv"])

    again = bench.run("pull", "pulled")
    assert (0, True) == (again.returncode, "nothing was missing" in again.stdout)


def test_files_of_deleted_samples_stay_but_leave_info_labels(bench: Bench) -> None:
    fill(bench, [Sample(row(n), f"wave.{n}.csv", "training", "wave") for n in range(3)])
    assert 0 == bench.run("pull", "pulled").returncode
    victim = ask(bench, "GET", f"/api/{bench.emulator.project_id}/raw-data?category=all")["samples"][0]
    ask(bench, "DELETE", f"/api/{bench.emulator.project_id}/raw-data/{victim['id']}")
    done = bench.run("pull", "pulled")
    assert (0, True) == (done.returncode, "1 file of earlier pulls is left in place" in done.stdout)
    after = files_in(bench.place / "pulled")
    assert 3 == len([name for name in after if name.endswith(".csv")])
    assert 2 == len(json.loads(after["info.labels"])["files"])


def test_each_selection_has_its_own_folder(bench: Bench) -> None:
    given = [
        ("a", "training", "wave"),
        ("b", "testing", "wave"),
        ("c", "testing", "idle & still"),
        ("d", "testing", "x"),
    ]
    fill(bench, [Sample(row(n), f"{name}.csv", category, label) for n, (name, category, label) in enumerate(given)])
    chosen = ("--category", "testing", "--label", "idle & still", "--label", "wave")
    done = bench.run("pull", "pulled", *chosen)
    assert (0, "") == (done.returncode, done.stderr)
    assert {"testing/b.csv", "testing/c.csv", "info.labels"} == set(files_in(bench.place / "pulled"))
    other = bench.run("pull", "pulled", "--category", "testing")
    assert (73, True) == (other.returncode, "name another folder" in other.stderr)


def test_disabled_samples_are_downloaded_and_reported(bench: Bench) -> None:
    fill(bench, [Sample(row(1), "a.csv", "training", "wave")])
    listed = ask(bench, "GET", f"/api/{bench.emulator.project_id}/raw-data?category=all")["samples"]
    ask(bench, "POST", f"/api/{bench.emulator.project_id}/raw-data/{listed[0]['id']}/disable", {})
    done = bench.run("pull", "pulled")
    assert (0, True) == (done.returncode, "Of these, 1 is disabled" in done.stdout)
    assert {"training/a.csv", "info.labels"} == set(files_in(bench.place / "pulled"))


def test_a_sample_that_fails_is_reported_and_affects_no_other(bench: Bench) -> None:
    fill(bench, [Sample(row(n), f"wave.{n}.csv", "training", "wave") for n in range(4)])
    listed = ask(bench, "GET", f"/api/{bench.emulator.project_id}/raw-data?category=all")["samples"]
    bad = listed[1]
    refusal = {"kind": "status", "status": 404, "error": "This file is lost", "path": f"/raw-data/{bad['id']}/raw"}
    bench.emulator.set_faults({"where": "studio", **refusal})
    done = bench.run("pull", "pulled")
    assert 3 == done.returncode, done.stderr
    assert f"{bad['filename']}.csv (sample {bad['id']}): This file is lost" in done.stderr
    assert "3 samples of project" in done.stdout
    entries = json.loads((bench.place / "pulled/info.labels").read_text())["files"]
    assert sorted(entry["path"] for entry in entries) == sorted(set(files_in(bench.place / "pulled")) - {"info.labels"})
    bench.emulator.set_faults()
    assert (0, 4) == (bench.run("pull", "pulled").returncode, len(files_in(bench.place / "pulled")) - 1)


def test_truncated_answers_leave_no_incomplete_file(bench: Bench) -> None:
    fill(bench, [Sample(row(n), f"wave.{n}.csv", "training", "wave") for n in range(6)])
    bench.emulator.set_faults({"where": "studio", "kind": "truncate", "path": "/raw", "probability": 0.4})
    done = bench.run("pull", "pulled")
    bench.emulator.set_faults()
    if done.returncode == 4:
        done = bench.run("pull", "pulled")
    assert 0 == done.returncode, done.stderr
    contents = files_in(bench.place / "pulled")
    assert sorted(row(n) for n in range(6)) == sorted(
        content for name, content in contents.items() if name != "info.labels"
    )


def test_a_killed_run_leaves_no_incomplete_file_and_the_next_one_continues(bench: Bench) -> None:
    big = [sound(bytes([shade]) * 1_000_000) for shade in range(24)]
    fill(bench, [Sample(content, f"big.{n}.wav", "training", "big") for n, content in enumerate(big)])
    pulled = bench.place / "pulled"
    process = subprocess.Popen(
        [*bench.command("pull", "pulled"), "--state-dir", str(bench.state)],
        env=bench.environ,
        cwd=bench.place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not (pulled / "training").is_dir():
        pass
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    there = files_in(pulled)
    assert "info.labels" not in there
    assert set(there.values()) <= set(big)
    done = bench.run("pull", "pulled", "--json")
    reported = json.loads(done.stdout)
    assert (0, 24, 24 - len(there)) == (done.returncode, reported["here"], reported["downloaded"])
    contents = files_in(pulled)
    assert sorted(big) == sorted(content for name, content in contents.items() if name != "info.labels")
    assert [] == list((pulled / ".eisync/parts").iterdir())


def test_an_interrupted_pull_says_how_to_continue(bench: Bench) -> None:
    fill(bench, [Sample(row(n), f"wave.{n}.csv", "training", "wave") for n in range(3)])
    bench.emulator.set_faults({"where": "studio", "kind": "latency", "seconds": 0.5, "path": "/raw"})
    process = subprocess.Popen(
        [*bench.command("pull", "pulled"), "--state-dir", str(bench.state)],
        env=bench.environ,
        cwd=bench.place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not (bench.place / "pulled/.eisync/info.labels").exists():
        pass
    process.send_signal(signal.SIGINT)
    out, reported = process.communicate(timeout=30)
    assert (130, "", "Run it again to continue.") == (process.returncode, out, reported.strip()[-25:])
    bench.emulator.set_faults()
    assert 0 == bench.run("pull", "pulled").returncode


@pytest.mark.parametrize(
    ("folder", "code", "sentence"),
    [
        ("recordings", 78, "is the watched folder"),
        ("recordings/pulled", 78, "lies inside the watched folder"),
        (".", 78, "contains the watched folder"),
        ("full", 73, "is not empty and was not made by 'eisync pull'"),
        ("eisync.toml", 73, "is not a folder"),
        ("", 2, "the folder has an empty name"),
    ],
)
def test_an_unusable_folder_is_reported_in_one_sentence(bench: Bench, folder: str, code: int, sentence: str) -> None:
    (bench.place / "full").mkdir()
    (bench.place / "full/mine.txt").write_text("mine")
    fill(bench, [Sample(row(1), "a.csv", "training", "wave")])
    done = bench.run("pull", folder)
    assert (code, True) == (done.returncode, sentence in done.stderr), done.stderr
    assert code == 2 or 1 == len(done.stderr.splitlines())
    assert {"mine.txt"} == set(os.listdir(bench.place / "full"))
    assert [] == os.listdir(bench.recordings)


def test_a_folder_that_is_watched_by_the_daemon_only_is_refused(bench: Bench) -> None:
    (bench.place / "elsewhere").mkdir()
    assert 0 == bench.run("once", "elsewhere").returncode
    (bench.place / "eisync.toml").unlink()
    done = bench.run("pull", "elsewhere/pulled")
    assert (78, True) == (done.returncode, "lies inside the watched folder" in done.stderr)


def test_with_several_targets_none_is_guessed(bench: Bench) -> None:
    other = bench.emulator.add_project(name="other")
    (bench.place / "key").write_text(bench.emulator.key)
    configuration = bench.place / "eisync.toml"
    configuration.chmod(0o600)
    configuration.write_text(
        f'[[target]]\nname = "main"\napi_key_file = "key"\n'
        f'[[target]]\nname = "other"\napi_key = "{other["keys"][0]["key"]}"\n'
        f'[[watch]]\npath = "recordings"\ntarget = "main"\n'
    )
    fill(bench, [Sample(row(1), "a.csv", "training", "wave")])
    asked = bench.run("pull", "pulled")
    assert (2, True) == (asked.returncode, "name one with --target: main, other" in asked.stderr), asked.stderr
    unknown = bench.run("pull", "pulled", "--target", "x")
    assert (2, True) == (unknown.returncode, "there is no target 'x'; there is main, other" in unknown.stderr)
    reported = json.loads(bench.run("pull", "pulled", "--target", "other", "--json").stdout)
    assert (other["id"], 0) == (reported["project_id"], reported["here"])
    mixed = bench.run("pull", "pulled", "--target", "main")
    assert (73, True) == (mixed.returncode, f"holds project {other['id']}" in mixed.stderr)


def test_a_service_that_is_down_or_refuses_is_reported(bench: Bench) -> None:
    wrong = bench.run("pull", "pulled", EI_API_KEY=CANARY + "wrong")
    assert (77, True) == (wrong.returncode, "refuses the key" in wrong.stderr)
    away = bench.run("pull", "pulled", EI_API_ENDPOINT="http://127.0.0.1:9/v1")
    assert (4, 1) == (away.returncode, len(away.stderr.splitlines()))
    assert not (bench.place / "pulled").exists()


def test_progress_is_shown_on_a_terminal(bench: Bench) -> None:
    fill(bench, [Sample(row(n), f"wave.{n}.csv", "training", "wave") for n in range(3)])
    here, there = pty.openpty()
    done = subprocess.run(
        [*bench.command("pull", "pulled"), "--state-dir", str(bench.state)],
        env=bench.environ, cwd=bench.place, stdout=subprocess.DEVNULL, stderr=there, timeout=60, check=False,
    )  # fmt: skip
    os.close(there)
    seen = os.read(here, 65_536).decode()
    os.close(here)
    assert (0, True) == (done.returncode, "of 3 samples" in seen), seen
