"""Names, Unicode forms of names, boxes and categories of a file arrive with it, or a sentence says why not."""

import json
import shutil
import unicodedata
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.conftest import Bench, row
from tests.core.formats import png

LONG = "training/idle.1.csv.4ooensbh.ingestion-7f9566b7b4-rjrqz.csv"
COMPOSED, APART = (unicodedata.normalize(form, "\u00dcbung/t\u00fcr.1.csv") for form in ("NFC", "NFD"))


def account(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"version": 1, "files": entries}).encode()


def said(path: str, label: str = "door", **more: Any) -> dict[str, Any]:
    label_of = {"type": "label", "label": label}
    return {"path": path, "category": "testing", "label": label_of, "metadata": {"site": "a"}, **more}


def samples(bench: Bench) -> list[dict[str, Any]]:
    """Return the samples of the project, by id."""
    return sorted(_ask(bench, "GET", "?category=all&limit=1000")["samples"], key=lambda one: int(one["id"]))


def _ask(bench: Bench, method: str, what: str) -> dict[str, Any]:
    emulator = bench.emulator
    url = f"{emulator.studio_url}/api/{emulator.project_id}/raw-data{what}"
    request = urllib.request.Request(url, method=method, headers={"x-api-key": emulator.key})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def named(bench: Bench) -> list[str]:
    return [one["filename"] for one in samples(bench)]


def remarks(bench: Bench) -> list[dict[str, Any]]:
    [root] = bench.status()["roots"]
    found: list[dict[str, Any]] = root["remarks"]
    return found


def explained(bench: Bench, path: str) -> dict[str, Any]:
    done = bench.run("explain", str(bench.recordings / path), "--json")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


# --- Unicode forms of names


@pytest.mark.parametrize(("on_disk", "mentioned"), [(COMPOSED, APART), (APART, COMPOSED), (APART, APART)])
def test_a_file_is_found_in_info_labels_in_any_unicode_form(bench: Bench, on_disk: str, mentioned: str) -> None:
    bench.write(on_disk, row(1))
    bench.write("info.labels", account(said(mentioned)))
    assert 0 == bench.once().returncode
    [sample] = samples(bench)
    assert ("door", "testing", {"site": "a"}) == (sample["label"], sample["category"], sample["metadata"])
    assert [] == remarks(bench)
    assert "door" == explained(bench, on_disk)["label"]


def test_of_two_files_that_look_the_same_each_has_its_own_entry(bench: Bench) -> None:
    for number, path in enumerate((COMPOSED, APART)):
        bench.write(path, row(number))
    bench.write("info.labels", account(said(COMPOSED, "a"), said(APART, "b")))
    assert 0 == bench.once().returncode
    files = bench.files()
    assert ("a", "b") == (files[COMPOSED]["label"], files[APART]["label"])


def test_an_entry_is_not_taken_from_the_file_that_it_names(bench: Bench) -> None:
    for number, path in enumerate((COMPOSED, APART)):
        bench.write(path, row(number))
    bench.write("info.labels", account(said(COMPOSED)))
    assert 0 == bench.once().returncode
    files = bench.files()
    assert ("door", unicodedata.normalize("NFC", "t\u00fcr")) == (files[COMPOSED]["label"], files[APART]["label"])
    [reported] = remarks(bench)
    assert 1 == reported["files"]
    assert "This one only looks the same" in reported["example"]


def test_boxes_and_ranges_are_found_in_another_form(bench: Bench) -> None:
    box = {"label": "tu\u0308r", "x": 1, "y": 1, "width": 2, "height": 2}
    bench.write("tu\u0308r.1.png", png(b"one"))
    beside = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"t\u00fcr.1.png": [box]}}
    bench.write("bounding_boxes.labels", json.dumps(beside).encode())
    assert 0 == bench.once().returncode
    [sample] = samples(bench)
    assert [{**box, "label": "t\u00fcr"}] == sample["boundingBoxes"]


def test_a_name_in_another_case_is_reported_until_it_is_corrected(bench: Bench) -> None:
    bench.configure(reconcile={"sweep_interval_s": 0.01})
    bench.write("idle.1.csv", row(1))
    bench.write("other.1.csv", row(2))
    bench.write("info.labels", account(said("Idle.1.csv"), said("other.1.csv")))
    sentence = "info.labels mentions 'Idle.1.csv', but the file is 'idle.1.csv': rename one of them"
    assert "not_mentioned" in explained(bench, "idle.1.csv")["remarks"]
    assert 0 == bench.once().returncode
    assert [{"kind": "not_mentioned", "files": 1, "example": sentence}] == remarks(bench)
    assert sentence in bench.run("status").stdout
    reported = bench.run("explain", str(bench.recordings / "idle.1.csv")).stdout
    assert f"  not sent  {sentence}\n" in reported
    assert "no entry for the file" in reported
    bench.write("info.labels", account(said("idle.1.csv"), said("other.1.csv")))
    assert 0 == bench.once().returncode
    assert [] == remarks(bench)
    reported = bench.run("explain", str(bench.recordings / "idle.1.csv")).stdout
    assert "its label or other data differ from what was sent" in reported


def test_two_differing_entries_with_similar_names_hold_a_file_back(bench: Bench) -> None:
    forms = ["\u01d6.csv", "\u00fc\u0304.csv", "u\u0308\u0304.csv"]
    bench.write(forms[0], row(1))
    bench.write("info.labels", account(said(forms[1], "a"), said(forms[2], "b")))
    done = bench.once()
    assert 4 == done.returncode
    assert "two names that look the same" in done.stdout + done.stderr
    bench.write("info.labels", account(said(forms[1], "a")))
    assert 0 == bench.once().returncode
    assert ["a"] == [one["label"] for one in samples(bench)]


# --- names


def test_a_name_in_info_labels_becomes_the_sample_name_and_does_not_grow(bench: Bench, tmp_path: Path) -> None:
    bench.write(LONG, row(1))
    bench.write("info.labels", account(said(LONG, name="idle.1")))
    assert 0 == bench.once().returncode
    assert ["idle.1"] == named(bench)
    assert "idle.1.csv" == explained(bench, LONG)["name"]
    assert "idle.1.csv (from info.labels)" in bench.run("explain", str(bench.recordings / LONG)).stdout
    assert [] == bench.files()[LONG]["there"]

    pulled = tmp_path / "pulled"
    assert 0 == bench.run("pull", str(pulled)).returncode
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as emulator:
        other = Bench(tmp_path / "other", emulator, _environ(bench, emulator))
        other.place.mkdir()
        shutil.copytree(pulled, other.recordings)
        assert 0 == other.once().returncode
        before, after = samples(bench), samples(other)
        for what in ("filename", "label", "category", "metadata"):
            assert [one[what] for one in before] == [one[what] for one in after]


@pytest.mark.parametrize("name", ["\u00fc" * 500, 'a "b" 50%', "day/1", " a ", "idle.1.csv"])
def test_any_name_is_recognised_again(bench: Bench, name: str) -> None:
    bench.configure(reconcile={"sweep_interval_s": 0.01})
    bench.write("a.csv", row(1))
    bench.write("info.labels", account(said("a.csv", name=name)))
    for _ in range(2):
        assert 0 == bench.once().returncode
    assert [name.replace("/", "_")] == named(bench)
    assert [] == bench.files()["a.csv"]["there"]
    assert ["name"] * ("/" in name) == [one["kind"] for one in remarks(bench)]


def _environ(bench: Bench, emulator: RunningEmulator) -> dict[str, str]:
    return bench.environ | {
        "EI_API_KEY": emulator.key,
        "EI_API_ENDPOINT": emulator.studio_url,
        "EI_INGESTION_ENDPOINT": emulator.ingestion_url,
    }


@pytest.mark.parametrize("was_named", [True, False], ids=["sent under that name", "sent under its own name"])
def test_after_a_lost_state_nothing_is_sent_twice(bench: Bench, was_named: bool) -> None:
    bench.write(LONG, row(1))
    if was_named:
        bench.write("info.labels", account(said(LONG, name="idle.1")))
    assert 0 == bench.once().returncode
    shutil.rmtree(bench.state)
    bench.write("info.labels", account(said(LONG, name="idle.1")))
    assert 0 == bench.once().returncode
    assert 1 == len(samples(bench)), bench.files()


def test_a_sample_that_a_person_deleted_is_a_tombstone_and_no_other_project(bench: Bench) -> None:
    bench.configure(reconcile={"sweep_interval_s": 0.01})
    for number in range(3):
        bench.write(f"long.{number}.csv", row(number))
    bench.write("info.labels", account(*(said(f"long.{number}.csv", name=f"idle.{number}") for number in range(3))))
    assert 0 == bench.once().returncode
    [sample_id] = bench.files()["long.0.csv"]["sample_ids"]
    assert _ask(bench, "DELETE", f"/{sample_id}")["success"]
    # One listing without it proves nothing: it may be moving from one category to another.
    assert [4, 0, 0] == [bench.once().returncode for _ in range(3)]
    assert ["tombstone", "synced", "synced"] == [bench.files()[f"long.{number}.csv"]["state"] for number in range(3)]
    assert 2 == len(samples(bench))


@pytest.mark.parametrize("name", ["long.1.png", "long.1.csv"])
def test_a_file_is_removed_after_the_upload_once_its_sample_is_proven(bench: Bench, name: str) -> None:
    (bench.place / "eisync.toml").write_text(
        '[[watch]]\npath = "recordings"\nsettle_s = 0.1\nafter_upload = "delete"\ngrace_s = 0\n'
    )
    bench.configure(reconcile={"sweep_interval_s": 0.01})
    path = bench.write(name, png(b"one") if name.endswith("png") else row(1))
    bench.write("info.labels", account(said(name, name="idle.1")))
    for _ in range(3):
        assert 0 == bench.once().returncode
    assert not path.exists()
    assert ["idle.1"] == named(bench)


def test_a_moved_file_keeps_its_name_and_a_renamed_one_gets_the_name_of_its_entry(bench: Bench) -> None:
    bench.configure(reconcile={"sweep_interval_s": 0.01})
    path = bench.write(LONG, row(1))
    bench.write("info.labels", account(said(LONG, name="idle.1")))
    for after, entry, expected in (
        (LONG.replace("training/", "testing/"), LONG, "idle.1"),
        ("testing/wave.7.csv", LONG, "wave.7"),
        ("testing/snake.csv", "testing/snake.csv", "idle.1"),
    ):
        assert 0 == bench.once().returncode
        (bench.recordings / after).parent.mkdir(exist_ok=True)
        path = path.rename(bench.recordings / after)
        bench.write("info.labels", account(said(entry, name="idle.1")))
        for _ in range(2):
            assert 0 == bench.once().returncode
        assert [expected] == named(bench)
        assert [] == [clause for clause in bench.files()[after]["there"] if clause.startswith("named")]


# --- what cannot be sent


def test_attachments_are_not_sent_and_that_is_reported(bench: Bench) -> None:
    bench.write("a.1.csv", row(1))
    bench.write("info.labels", account(said("a.1.csv", attachments=[{"path": "x.pdf"}])))
    assert 0 == bench.once().returncode
    [reported] = remarks(bench)
    assert ("attachments", 1) == (reported["kind"], reported["files"])
    assert "does not send attachments: add them in Studio" in bench.run("status").stdout
    assert reported["example"] in explained(bench, "a.1.csv")["remarks"].values()


@pytest.fixture
def without_validation(bench: Bench, request: pytest.FixtureRequest) -> Iterator[Bench]:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, validation=request.param)
    with running_emulator(settings) as emulator:
        yield Bench(bench.place, emulator, _environ(bench, emulator))


@pytest.mark.parametrize("without_validation", ["refused"], indirect=True)
def test_a_project_without_a_validation_set_is_reported_with_the_remedy(without_validation: Bench) -> None:
    bench = without_validation
    for number in range(3):
        bench.write(f"a.{number}.csv", row(number))
    entries = [said(f"a.{number}.csv", category="validation") for number in range(2)]
    bench.write("info.labels", account(*entries, said("a.2.csv")))
    done = bench.once()
    assert 3 == done.returncode
    files = bench.files()
    assert ["quarantined", "quarantined", "synced"] == [files[f"a.{number}.csv"]["state"] for number in range(3)]
    assert "This project has no validation set" in files["a.0.csv"]["reason"]
    assert "switch on 'explicit validation set'" in files["a.0.csv"]["reason"]
    assert "'eisync retry FILE' sends it again" in files["a.0.csv"]["reason"]
    bench.write("info.labels", account(*(said(f"a.{number}.csv") for number in range(3))))
    bench.once()
    assert 0 == bench.run("retry", "--all").returncode
    assert 0 == bench.once().returncode
    assert 3 == len(samples(bench))


@pytest.mark.parametrize("without_validation", ["training"], indirect=True)
def test_validation_samples_stored_as_training_are_reported(without_validation: Bench) -> None:
    bench = without_validation
    bench.write("a.1.csv", row(1))
    bench.write("info.labels", account(said("a.1.csv", category="validation")))
    assert 0 == bench.once().returncode
    assert 0 == bench.once().returncode
    assert ["in training there, validation here"] == bench.files()["a.1.csv"]["there"]
