"""`eisync audit` and `eisync explain`, with a running daemon and without: their output and exit codes."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Bench, row, stored_once, until
from tests.core import formats

SOUND = bytes(range(1, 201))


@pytest.fixture
def daemon(bench: Bench) -> "Iterator[subprocess.Popen[bytes]]":
    (bench.place / "eisync.toml").write_text(
        '[[watch]]\npath = "recordings"\nsettle_s = 0.2\nscan_interval_s = 1\nignore = ["old/", "!.eisync-trash/"]\n'
    )
    with bench.healthy_daemon() as process:
        yield process


def audited(bench: Bench, *arguments: str) -> dict[str, tuple[str, str]]:
    done = bench.run("audit", "--json", *arguments)
    assert 0 == done.returncode, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == len({record["path"] for record in records})
    return {record["path"]: (record["state"], record["reason"]) for record in records}


def fill(bench: Bench) -> dict[str, str]:
    """Files of every kind, with their final states."""
    bench.write("testing/wave.1.csv", row(1))
    bench.write("cut.wav", formats.wav(SOUND)[:100])
    bench.write("notes.doc", b"words")
    bench.write("old/a.csv", row(2))
    bench.write("half.csv.part", b"")
    bench.write("day/.eisyncignore", b"*.csv\n")
    bench.write("day/a.csv", row(3))
    os.mkfifo(bench.recordings / "pipe.csv")
    (bench.recordings / "link.csv").symlink_to("testing/wave.1.csv")
    bench.write(".eisync-trash/2026-11-26/1/a.csv", row(4))
    return {
        ".eisync-trash/2026-11-26/1/a.csv": "left out",
        "testing/wave.1.csv": "synced",
        "cut.wav": "settling",
        "notes.doc": "left out",
        "old/a.csv": "left out",
        "half.csv.part": "left out",
        "day/.eisyncignore": "left out",
        "day/a.csv": "left out",
        "pipe.csv": "left out",
        "link.csv": "left out",
    }


def test_audit_accounts_for_every_file_while_the_daemon_runs(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    expected = fill(bench)
    until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
    until(lambda: {path: state for path, (state, _) in audited(bench).items()} == expected)
    reported = audited(bench)
    assert "WAV header promises 244 bytes, the file has 100" == reported["cut.wav"][1]
    assert "ignored by the pattern 'old/'" == reported["old/a.csv"][1]
    assert "a named pipe (FIFO), not a file" == reported["pipe.csv"][1]
    assert "it is in eisync's own trash" == reported[".eisync-trash/2026-11-26/1/a.csv"][1]
    assert "ignored by the pattern '*.csv' (line 1 of day/.eisyncignore)" == reported["day/a.csv"][1]
    assert {"testing/wave.1.csv"} == set(audited(bench, str(bench.recordings / "testing")))


def test_audit_accounts_for_every_file_when_no_daemon_runs(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\nignore = ["old/"]\n')
    expected = fill(bench)
    new = "it is new; no daemon is watching it: start 'eisync run' or 'eisync once'"
    before = audited(bench)
    assert {("new", new)} == {before["testing/wave.1.csv"], before["cut.wav"]}
    bench.once("--timeout", "1")
    after = {path: state for path, (state, _) in audited(bench).items()}
    assert expected == after
    assert "eisync audit" not in bench.run("audit").stderr


def test_audit_of_a_folder_needs_no_configuration(bench: Bench) -> None:
    (bench.place / "eisync.toml").unlink()
    bench.environ["EI_API_KEY"] = ""
    bench.write("new\nline.csv", row(1))
    done = bench.run("audit", str(bench.recordings))
    assert (0, 1) == (done.returncode, len(done.stdout.splitlines()))
    assert "new\\nline.csv" in done.stdout
    assert "1 in all: 1 new." in done.stderr


def test_a_place_that_is_not_watched_is_reported(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    done = bench.run("audit", str(bench.state))
    assert 78 == done.returncode
    assert "is not in a watched folder" in done.stderr
    assert 2 == bench.run("explain", str(bench.recordings / "nowhere.csv")).returncode


def explained(bench: Bench, path: str, exit_code: int) -> dict[str, Any]:
    done = bench.run("explain", "--json", str(bench.recordings / path))
    assert exit_code == done.returncode, done.stderr
    reported: dict[str, Any] = json.loads(done.stdout)
    person = bench.run("explain", str(bench.recordings / path))
    assert reported["reason"] in person.stdout
    return reported


def test_explain_says_what_happens_to_a_file_and_why(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    fill(bench)
    until(lambda: audited(bench)["testing/wave.1.csv"][0] == "synced")
    until(lambda: audited(bench)["cut.wav"][0] == "settling")
    there = explained(bench, "testing/wave.1.csv", 0)
    assert ("wave", "testing", "the word 'testing' in the folder testing", "main") == (
        there["label"],
        there["category"],
        there["category_from"],
        there["target"],
    )
    assert (None, 1) == (there["is_whole"], len(there["sample_ids"]))
    cut = explained(bench, "cut.wav", 4)
    assert (False, "WAV header promises 244 bytes, the file has 100") == (cut["is_whole"], cut["evidence"])
    assert "ignored by the pattern 'old/'" == explained(bench, "old/a.csv", 5)["reason"]
    assert "not a type that Edge Impulse takes (.doc)" == explained(bench, "notes.doc", 5)["reason"]


def test_explain_of_a_removed_file(bench: Bench) -> None:
    for name in ("wave.1.csv", "wave.2.csv"):
        bench.write(name, row(int(name[5])))
    assert 0 == bench.run("once", "--timeout", "20").returncode
    (bench.recordings / "wave.1.csv").unlink()
    for reason in ("stored", "the local file is not there any more"):
        reported = explained(bench, "wave.1.csv", 0)
        assert ("synced", reason, False, "wave", 1) == (
            reported["state"],
            reported["reason"],
            reported["is_here"],
            reported["label"],
            len(reported["sample_ids"]),
        )
        assert 0 == bench.run("once", "--timeout", "20").returncode
    person = bench.run("explain", str(bench.recordings / "wave.1.csv")).stdout
    assert "  here      no; 'eisync history FILE' shows what happened to it\n  label     wave\n" in person
    assert explained(bench, "wave.2.csv", 0)["is_here"]
    refused = bench.run("explain", str(bench.recordings / "wave.3.csv"))
    assert (2, True) == (refused.returncode, "and eisync never knew one there" in refused.stderr)


def test_explain_of_a_file_removed_before_it_was_sent(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    assert 77 == bench.run("once", "--timeout", "20", EI_API_KEY="ei_wrong").returncode
    (bench.recordings / "wave.1.csv").unlink()
    bench.run("once", "--timeout", "20")
    reported = explained(bench, "wave.1.csv", 5)
    assert ("gone", False, []) == (reported["state"], reported["is_here"], reported["sample_ids"])


def test_explain_shows_the_marker_that_a_file_waits_for(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nready = "marker"\n')
    bench.write("wave.1.csv", row(1))
    assert "absent" == explained(bench, "wave.1.csv", 4)["marker"]
    bench.write("wave.1.csv.done", b"")
    assert "set" == explained(bench, "wave.1.csv", 4)["marker"]
    assert "the marker of wave.1.csv" == audited(bench)["wave.1.csv.done"][1]
    assert "marker    present" in bench.run("explain", str(bench.recordings / "wave.1.csv")).stdout


def test_explain_of_a_file_in_a_folder_that_was_only_named_to_once(bench: Bench) -> None:
    place = bench.place / "elsewhere"
    (place / "deep").mkdir(parents=True)
    (place / "deep" / "wave.1.csv").write_bytes(row(1))
    refused = bench.run("explain", str(place / "deep" / "wave.1.csv"))
    assert (78, True) == (refused.returncode, "--root DIR" in refused.stderr)
    reported = json.loads(
        bench.run("explain", "--json", "--root", str(place), str(place / "deep" / "wave.1.csv")).stdout
    )
    assert ("new", "deep/wave.1.csv", str(place)) == (reported["state"], reported["path"], reported["root"])
    assert 0 == bench.run("once", str(place), "--timeout", "20").returncode
    reported = json.loads(bench.run("explain", "--json", str(place / "deep" / "wave.1.csv")).stdout)
    assert ("synced", "deep/wave.1.csv", str(place)) == (reported["state"], reported["path"], reported["root"])
    assert {"deep/wave.1.csv": "synced"} == {path: state for path, (state, _) in audited(bench, str(place)).items()}
    assert {"deep/wave.1.csv"} == set(audited(bench, str(place / "deep")))


def test_a_daemon_answers_for_folders_that_it_does_not_watch_too(
    bench: Bench, daemon: "subprocess.Popen[bytes]"
) -> None:
    place = bench.place / "elsewhere"
    place.mkdir()
    (place / "wave.1.csv").write_bytes(row(1))
    reported = json.loads(bench.run("explain", "--json", "--root", str(place), str(place / "wave.1.csv")).stdout)
    assert "it is new; no daemon is watching it: start 'eisync run' or 'eisync once'" == reported["reason"]


def test_explain_of_a_file_that_no_daemon_has_scanned(bench: Bench) -> None:
    bench.write("wave.1.wav", formats.wav(SOUND))
    reported = explained(bench, "wave.1.wav", 4)
    assert (True, "as long as its WAV header says", "new") == (
        reported["is_whole"],
        reported["evidence"],
        reported["state"],
    )


def test_annotations_are_left_out_with_one_line_and_no_alarm(bench: Bench) -> None:
    bench.write("images/im0.jpg", formats.jpeg(b"1"))
    bench.write("labels/im0.txt", b"")
    bench.write("labels/im1.txt", b"")
    bench.write("call.1.wav", formats.wav(bytes(range(200)) * 2))
    bench.write("call.1.json", b'{"start": 1, "freq": 162400000}')
    done = bench.once()
    assert (0, "") == (done.returncode, "".join(bench.files().keys() - {"images/im0.jpg", "call.1.wav"}))
    said = audited(bench)
    why = "it holds annotations for other files and is no sample itself"
    assert {"labels/im0.txt", "labels/im1.txt", "call.1.json"} == {
        path for path, (state, reason) in said.items() if state == "left out" and reason.startswith(why)
    }
    assert (
        f"{why} (JSON that is not an acquisition, next to a file of the same name)"
        == explained(bench, "call.1.json", 5)["reason"]
    )
    (line,) = [line for line in bench.run("status").stdout.splitlines() if "left out" in line]
    assert f"  3 left out: {why}" == line
    (bench.recordings / "call.1.wav").unlink()
    assert "left out" == explained(bench, "call.1.json", 5)["state"], "the recording is in the project"


def test_links_are_reported_as_links(bench: Bench) -> None:
    outside = bench.place / "elsewhere"
    outside.mkdir()
    (outside / "a.1.csv").write_bytes(row(1))
    (bench.recordings / "day").symlink_to(outside)
    (bench.recordings / "b.1.csv").symlink_to(outside / "a.1.csv")
    assert 0 == bench.once().returncode
    what = f"it is a link to the folder {os.path.realpath(outside)}; eisync does not follow links: watch that folder"
    assert explained(bench, "day", 5)["reason"].startswith(what)
    assert explained(bench, "day/a.1.csv", 5)["reason"].startswith(f"it is reached through day: {what}")
    assert "left out" == explained(bench, "b.1.csv", 5)["state"]
    assert {"day": "left out", "b.1.csv": "left out"} == {path: state for path, (state, _) in audited(bench).items()}
    reported = bench.run("audit", str(bench.recordings / "day")).stdout
    assert (1, True) == (len(reported.splitlines()), what in reported)
    assert "1 left out: it is a link to a folder; eisync does not follow links" in bench.run("status").stdout


def test_sidecars_and_their_entries_are_reported(bench: Bench) -> None:
    box = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
    labels = {"boundingBoxes": {"a.png": [box, box]}}
    bench.write("a.png", formats.png(b"1"))
    bench.write("b.png", formats.png(b"2"))
    bench.write("bounding_boxes.labels", json.dumps(labels).encode())
    bench.write("set/c.png", formats.png(b"3"))
    bench.write("set/info.labels", b'{"files": [{"path": "c.png", "category": "testing", "label": "bolt"}]}')
    bench.write("bad/d.png", formats.png(b"4"))
    bench.write("bad/structured_labels.labels", b"{")
    assert 4 == bench.once().returncode, "one file waits for its sidecar to be mended"

    said = audited(bench)
    assert {"left out"} == {said[path][0] for path in said if path.endswith(".labels")}
    assert "bounding boxes of the files next to it" in said["bounding_boxes.labels"][1]
    assert {"a.png": "synced", "b.png": "synced", "set/c.png": "synced", "bad/d.png": "settling"} == {
        path: state for path, (state, _) in said.items() if path.endswith(".png")
    }
    assert explained(bench, "bounding_boxes.labels", 5)["reason"].endswith("; it describes 1 file")
    assert "cannot be used: a name is missing" in explained(bench, "bad/structured_labels.labels", 5)["reason"]
    assert {"bounding_boxes.labels": "2 bounding boxes"} == explained(bench, "a.png", 0)["sidecars"]
    assert {"bounding_boxes.labels": "no entry for the file"} == explained(bench, "b.png", 0)["sidecars"]
    third = explained(bench, "set/c.png", 0)
    assert ("bolt", "set/info.labels", "testing", "set/info.labels", True) == (
        third["label"],
        third["label_from"],
        third["category"],
        third["category_from"],
        third["is_as_sent"],
    )

    labels["boundingBoxes"]["a.png"] = [box]
    bench.write("bounding_boxes.labels", json.dumps(labels).encode())
    bench.write("bad/structured_labels.labels", b'{"structuredLabels": {}}')
    assert 0 == bench.once().returncode
    again = explained(bench, "a.png", 0)
    assert ({"bounding_boxes.labels": "1 bounding box"}, True) == (again["sidecars"], again["is_as_sent"])
    assert "synced" == bench.files()["bad/d.png"]["state"]

    # What a sidecar no longer says stays, until a person asks.
    bench.write("bounding_boxes.labels", b'{"boundingBoxes": {}}')
    assert 0 == bench.once().returncode
    assert explained(bench, "a.png", 0)["is_as_sent"] is False
    done = bench.run("explain", str(bench.recordings / "a.png"))
    assert "'eisync relabel' proposes edits of its sample" in done.stdout


def test_a_running_daemon_reports_why_a_file_waits_for_its_sidecar(
    bench: Bench, daemon: "subprocess.Popen[bytes]"
) -> None:
    bench.write("bounding_boxes.labels", b'{"boundingBoxes": {"a.png": [')
    bench.write("a.png", formats.png(b"1"))
    until(lambda: "cannot be used" in bench.files().get("a.png", {"reason": ""})["reason"])
    record = bench.files()["a.png"]
    assert "settling" == record["state"]
    assert record["reason"].startswith("bounding_boxes.labels, which describes the file, cannot be used: ")
    assert record["reason"].endswith("correct or remove it, and the file is sent by itself")
    bench.write("bounding_boxes.labels", b'{"boundingBoxes": {"a.png": []}}')
    until(lambda: "synced" == bench.files()["a.png"]["state"])
