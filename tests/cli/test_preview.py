"""`eisync preview` shows what `eisync once` then does, sends nothing, and needs no key and no state folder."""

import csv
import json
import os
import tracemalloc
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from eisync.app import preview as module
from eisync.app.preview import preview
from eisync.core.preview import PreviewCounts, Verdict
from eisync.log import configure
from eisync.settings import Watch
from tests.cli import other_user
from tests.conftest import Bench, row, until
from tests.core import formats

SOUND = bytes(range(1, 201))


def previewed(bench: Bench, *arguments: str, exit_code: int = 0) -> dict[str, dict[str, Any]]:
    """Return the files of the preview by path, without its summaries."""
    return {one["path"]: one for one in lines(bench, *arguments, exit_code=exit_code) if one["what"] == "file"}


def lines(bench: Bench, *arguments: str, exit_code: int = 0) -> list[dict[str, Any]]:
    done = bench.run("preview", *arguments, "--json", EI_API_KEY="")
    assert exit_code == done.returncode, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_still(bench: Bench) -> bool:
    """Return whether no file waits because it was written a moment ago."""
    done = bench.run("preview", "--json")
    return not any("unchanged for" in line for line in done.stdout.splitlines() if '"waits"' in line)


def account(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"version": 1, "files": entries}).encode()


def fill(bench: Bench) -> None:
    """Write a folder with every kind of file."""
    (bench.place / "eisync.toml").write_text(
        '[[watch]]\npath = "recordings"\nsettle_s = 0.1\npatience_s = 0.1\nignore = ["old/"]\n'
        'metadata = {site = "lab"}\n'
    )
    bench.write("snake.1.csv", row(1))
    bench.write("train/cat/001.csv", row(2))
    bench.write("Test Data/dog/002.wav", formats.wav(SOUND))
    bench.write("deep/strength_training.3.csv", row(3))
    bench.write("t\u00fcr/tu\u0308r.4.csv", row(4))
    bench.write("b\x1b[31m\nad.5.csv", row(5))
    bench.write("cut.wav", formats.wav(SOUND)[:100])
    bench.write("notes.doc", b"words")
    bench.write("old/a.csv", row(6))
    bench.write("day/.eisyncignore", b"*.csv\n")
    bench.write("day/a.csv", row(7))
    bench.write("set/images/im0.png", formats.png(SOUND))
    bench.write("set/labels/im0.txt", b"")
    (bench.recordings / "link.csv").symlink_to("snake.1.csv")
    label = {"type": "label", "label": "door"}
    bench.write(
        "export/info.labels",
        account(
            {"path": "a.csv", "category": "testing", "label": label, "metadata": {"who": "s01"}},
            {"path": "b.csv", "category": "training", "label": {"type": "unlabeled"}},
            {"path": "c.csv", "name": "idle.7", "category": "training"},
        ),
    )
    for number, name in enumerate("abc"):
        bench.write(f"export/{name}.csv", row(10 + number))
    box = {"label": "cat", "x": 1, "y": 1, "width": 1, "height": 1}
    beside = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"im1.png": [box, {**box, "x": 2}]}}
    bench.write("boxes/bounding_boxes.labels", json.dumps(beside).encode())
    bench.write("boxes/im1.png", formats.png(SOUND[:50]))


def samples(bench: Bench) -> dict[str, dict[str, Any]]:
    """Return the samples of the project by name."""
    emulator = bench.emulator
    url = f"{emulator.studio_url}/api/{emulator.project_id}/raw-data?category=all&limit=1000"
    with urllib.request.urlopen(
        urllib.request.Request(url, headers={"x-api-key": emulator.key}), timeout=10
    ) as response:
        return {one["filename"]: one for one in json.load(response)["samples"]}


def test_what_it_shows_is_what_once_then_does(bench: Bench) -> None:
    fill(bench)
    until(lambda: is_still(bench))
    shown = previewed(bench, exit_code=3)
    assert {} == samples(bench)
    assert 3 == bench.once("--timeout", "5").returncode
    states = {path: record["state"] for path, record in bench.files().items()}
    assert states == {
        path: {"goes": "synced"}.get(one["verdict"], one["verdict"])
        for path, one in shown.items()
        if one["verdict"] != "left out"
    }
    done = bench.run("audit", "--json")
    audited = {one["path"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert audited.keys() == shown.keys()
    assert {path: one["reason"] for path, one in audited.items() if one["state"] == "left out"} == {
        path: one["reason"] for path, one in shown.items() if one["verdict"] == "left out"
    }
    there = samples(bench)
    going = [one for one in shown.values() if one["verdict"] == "goes"]
    assert len(there) == len(going) == 11
    for record in bench.files().values():
        if record["state"] == "synced":
            one, [sample] = shown[record["path"]], record["samples"]
            assert (one["label"], one["metadata"]) == (sample["label"] or None, sample["metadata"])
            assert one["category"] in ("split", sample["category"])
            assert one["boxes"] == len(there[sample["name"]]["boundingBoxes"])


def test_every_value_of_a_file_is_shown(bench: Bench) -> None:
    fill(bench)
    until(lambda: is_still(bench))
    shown = previewed(bench, exit_code=3)
    values = ("verdict", "label", "category", "name", "metadata", "boxes", "is_complete")
    site = {"site": "lab"}
    assert {
        "train/cat/001.csv": ["goes", "cat", "training", "001.csv", site, 0, None],
        "Test Data/dog/002.wav": ["goes", "dog", "testing", "002.wav", site, 0, True],
        "export/a.csv": ["goes", "door", "testing", "a.csv", {**site, "who": "s01"}, 0, None],
        "export/b.csv": ["goes", None, "training", "b.csv", site, 0, None],
        "export/c.csv": ["goes", "idle", "training", "idle.7.csv", site, 0, None],
        "boxes/im1.png": ["goes", "im1", "split", "im1.png", site, 2, True],
        "cut.wav": ["quarantined", "cut", "split", "cut.wav", site, 0, False],
        "notes.doc": ["left out", None, None, None, {}, 0, None],
    } == {
        path: [shown[path][value] for value in values]
        for path in (
            *("train/cat/001.csv", "Test Data/dog/002.wav", "export/a.csv", "export/b.csv", "export/c.csv"),
            *("boxes/im1.png", "cut.wav", "notes.doc"),
        )
    }
    assert "WAV header promises 244 bytes, the file has 100" == shown["cut.wav"]["reason"]
    assert "ignored by the pattern 'old/'" == shown["old/a.csv"]["reason"]


def test_it_sends_nothing_and_needs_no_key_and_no_state_folder(bench: Bench) -> None:
    (bench.place / "eisync.toml").unlink()
    bench.write("wave.1.csv", row(1))
    done = bench.run("preview", str(bench.recordings), EI_API_KEY="", EI_INGESTION_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode in (0, 4), done.stderr
    assert ["recordings"] == os.listdir(bench.place)
    assert not bench.state.exists()
    assert {} == samples(bench)


def test_without_a_folder_the_configured_ones_are_shown_and_none_is_a_fault(bench: Bench) -> None:
    assert [str(bench.recordings)] == [one["root"] for one in lines(bench)]
    (bench.place / "eisync.toml").unlink()
    done = bench.run("preview", EI_API_KEY="")
    assert (78, "") == (done.returncode, done.stdout)
    assert "there is no folder to watch" in done.stderr


def test_a_person_reads_warnings_above_a_table_with_bars(bench: Bench) -> None:
    for number in range(4):
        bench.write(f"train/Wave/{number:03}.csv", row(number))
    bench.write("test/wave/007.csv", row(7))
    bench.write("IMG_0042.csv", row(8))
    until(lambda: is_still(bench))
    done = bench.run("preview")
    assert 0 == done.returncode, done.stderr
    said = done.stdout.splitlines()
    at = said.index(f"folder {bench.recordings} -> main")
    assert 7 == at
    assert f"goes         {bench.recordings}/IMG_0042.csv  label IMG_0042, split" in done.stdout
    assert "  6 would be sent; nothing was sent" == said[at + 1]
    assert said[at + 2].startswith("  labels: the label 'IMG_0042' only tells its files apart: ")
    assert said[at + 3].startswith("  labels: 'Wave' and 'wave' differ only in letter case: ")
    assert [
        "",
        "  label       training     testing       split       files",
        f"  Wave               4           0           0           4  {'#' * 30}",
        f"  IMG_0042           0           0           1           1  {'#' * 7}",
        f"  wave               0           1           0           1  {'#' * 7}",
        "  all                4           1           1           6",
    ] == said[at + 4 :]


def test_the_summary_has_warnings_and_counts(bench: Bench) -> None:
    for number in range(2):
        bench.write(f"wave.{number}.csv", row(number))
    until(lambda: is_still(bench))
    *_, summary = lines(bench)
    assert {
        "what": "summary",
        "root": str(bench.recordings),
        "verdicts": {"goes": 2},
        "warnings": [],
        "labels": [{"label": "wave", "has_parts": False, "files": 2, "categories": {"split": 2}}],
        "other_labels_files": 0,
    } == summary


def test_hostile_names_move_no_cursor_and_break_no_row(bench: Bench) -> None:
    names = ["a\x1b[31m.1.csv", "b\nc.1.csv", 'd,"e".1.csv', "\u202ef.1.csv", "g\udcff.1.csv"]
    for number, name in enumerate(names):
        bench.write(name, row(number))
    until(lambda: is_still(bench))
    for option in ([], ["--csv"], ["--json"]):
        done = bench.run("preview", *option)
        assert 0 == done.returncode, done.stderr
        assert not {"\x1b", "\u202e"} & set(done.stdout + done.stderr)
    assert set(names[:3]) <= previewed(bench).keys()
    table = list(csv.DictReader(bench.run("preview", "--csv").stdout.splitlines()))
    assert {"a\\x1b[31m.1.csv", "b\\nc.1.csv", 'd,"e".1.csv', "\\u202ef.1.csv", "g\\xff.1.csv"} == {
        one["path"] for one in table
    }
    assert {"goes"} == {one["verdict"] for one in table}


def test_files_of_a_broken_sidecar_wait_without_a_label(bench: Bench) -> None:
    bench.write("info.labels", b'{"version": 1, "files": 7}')
    bench.write("wave.1.csv", row(1))
    until(lambda: is_still(bench))
    shown = previewed(bench, exit_code=4)["wave.1.csv"]
    assert ("waits", None, None) == (shown["verdict"], shown["label"], shown["category"])
    assert "info.labels, which describes the file, cannot be used" in shown["reason"]


def test_a_file_that_is_being_written_waits_with_its_label(bench: Bench) -> None:
    with bench.write("wave.1.csv", row(1)).open("ab") as file:
        file.write(row(2))
        file.flush()
        shown = previewed(bench, exit_code=4)["wave.1.csv"]
    assert ("waits", "wave", "split") == (shown["verdict"], shown["label"], shown["category"])


def test_what_cannot_be_read_is_not_said_to_go(bench: Bench) -> None:
    with other_user.other_users_bench(bench.emulator) as other:
        other.write("wave.1.csv", row(1)).chmod(0)
        other.write("hidden/wave.2.csv", row(2)).parent.chmod(0)
        try:
            until(lambda: "unchanged for" not in other_user.run(other, "preview").stdout)
            done = other_user.run(other, "preview", "--json")
        finally:
            (other.recordings / "hidden").chmod(0o700)
    assert 3 == done.returncode, done.stdout + done.stderr
    shown = {one["path"]: one for one in map(json.loads, done.stdout.splitlines()) if one["what"] == "file"}
    assert ("quarantined", "it cannot be read (Permission denied)") == (
        shown["wave.1.csv"]["verdict"],
        shown["wave.1.csv"]["reason"],
    )
    assert ("unreadable", "the folder cannot be read (Permission denied)") == (
        shown["hidden"]["verdict"],
        shown["hidden"]["reason"],
    )


def test_two_forms_of_output_at_once_are_refused(bench: Bench) -> None:
    assert 2 == bench.run("preview", "--json", "--csv").returncode


def test_each_file_is_shown_once_however_many_steps_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    values = [[float(number), 1.5] for number in range(1_000)]
    document = {"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": {"values": values * 60}}
    large = formats.document(document)
    assert len(large) > 500_000  # three of them are more than one step reads
    for number in range(10):
        (tmp_path / f"wave.{number}.json").write_bytes(large)
    (tmp_path / "cut.json").write_bytes(large[:-1])
    found = list(preview(Watch(path=tmp_path, settle_s=0, patience_s=0), configure(level="none")))
    assert sorted([f"wave.{number}.json" for number in range(10)] + ["cut.json"]) == sorted(one.path for one in found)
    assert {"cut.json": Verdict.QUARANTINED} == {
        one.path: one.verdict for one in found if one.verdict is not Verdict.GOES
    }


def test_a_file_waits_for_its_marker(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nready = "marker"\n')
    bench.write("wave.1.csv", row(1))
    bench.write("wave.2.csv", row(2))
    bench.write("wave.2.csv.done", b"")
    shown = previewed(bench, exit_code=4)
    assert {
        "wave.1.csv": ("waits", "waiting for its marker, <name>.done"),
        "wave.2.csv": ("goes", "its marker is set; no program has it open for writing"),
        "wave.2.csv.done": ("left out", "the marker of wave.2.csv"),
    } == {path: (one["verdict"], one["reason"]) for path, one in shown.items()}


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    def peak_bytes(folder: Path, files: int) -> int:
        for number in range(files):
            place = folder / str(number // 100)
            place.mkdir(parents=True, exist_ok=True)
            (place / f"wave.{number}.csv").write_bytes(row(number))
        log = configure(level="none")
        tracemalloc.start()
        counts = PreviewCounts()
        for one in preview(Watch(path=folder), log):
            counts.add(one)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert files == counts.verdicts.total()
        return peak

    few = peak_bytes(tmp_path / "few", 600)
    assert peak_bytes(tmp_path / "many", 2_400) < few + 200_000
