"""Samples of sent files follow their descriptions, with real processes and the emulator: `eisync relabel`, sidecars."""

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import Bench, row, until
from tests.core.formats import png

from .test_plan import studio, there

BOX = {"label": "cat", "x": 1, "y": 2, "width": 3, "height": 4}


def write_config(bench: Bench, watch: str = "", rule: str = "") -> None:
    (bench.place / "eisync.toml").write_text(
        f'[[watch]]\npath = "recordings"\nsettle_s = 0.1\n{watch}\n{rule}\n[reconcile]\nguard_count = 1000\n'
    )


def send(bench: Bench, *names: str) -> None:
    for number, name in enumerate(names):
        bench.write(name, row(number))
    assert 0 == bench.run("once", "--quiet").returncode


def labels(bench: Bench) -> dict[str, str]:
    return {name: sample["label"] for name, sample in there(bench).items()}


def summary(bench: Bench, *options: str) -> dict[str, Any]:
    done = bench.run("relabel", "--json", *options)
    assert done.returncode in (0, 4), done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_new_rule_relabels_what_was_sent_once_a_person_says_so(bench: Bench) -> None:
    write_config(bench, 'label = "sdk"')
    send(bench, "wave/000.csv", "wave/001.csv", "idle.csv")
    assert {"000": "000", "001": "001", "idle": "idle"} == labels(bench)
    write_config(bench, 'label = "folder"', '[[watch.rule]]\nmatch = "wave/"\nmetadata = { site = "lab" }')

    dry = bench.run("relabel", "--dry-run")
    assert 0 == dry.returncode, dry.stderr
    assert "2 of 3 sent files would be described in another way:" in dry.stdout
    assert "label 000 -> wave: 1 sample" in dry.stdout
    assert "metadata site: 2 samples" in dry.stdout
    assert "Nothing was changed." in dry.stdout
    assert 0 == bench.run("plan").returncode

    done = bench.run("relabel")
    assert 4 == done.returncode, done.stdout + done.stderr
    assert "Plan 1 waits for your approval (4 edits)" in done.stdout
    assert {"000": "000", "001": "001", "idle": "idle"} == labels(bench)
    plan = bench.run("plan")
    assert 4 == plan.returncode
    assert "from '000' to 'wave': 'eisync relabel' describes its file so now" in plan.stdout

    approved = bench.run("plan", "--approve", "1")
    assert 0 == approved.returncode, approved.stdout + approved.stderr
    assert "4 done" in approved.stdout
    samples = there(bench)
    assert {"000": "wave", "001": "wave", "idle": "idle"} == labels(bench)
    assert [{"site": "lab"}] * 2 == [samples[name]["metadata"] for name in ("000", "001")]
    again = bench.run("relabel")
    assert (0, "3 sent files compared: nothing differs from what was sent.\n") == (again.returncode, again.stdout)


def test_what_a_person_edited_in_studio_is_in_a_plan_of_its_own(bench: Bench) -> None:
    write_config(bench, 'label = "sdk"')
    send(bench, "wave/000.csv", "wave/001.csv")
    studio(bench, "POST", f"/{there(bench)['001']['id']}/edit-label", {"label": "by hand"})
    write_config(bench, 'label = "folder"')

    found = summary(bench)
    assert (2, 2) == (found["files"], found["edits"])
    by_subject = {one["about"]: one["plan"] for one in found["plans"]}
    assert {"descriptions", "disputed"} == set(by_subject)
    assert "but its label in the project is not the one that was sent" in bench.run("plan").stdout
    bench.run("plan", "--approve", str(by_subject["descriptions"]))
    bench.run("plan", "--reject", str(by_subject["disputed"]))
    assert 0 == bench.run("reconcile").returncode
    assert {"000": "wave", "001": "by hand"} == labels(bench)
    assert 0 == bench.run("plan").returncode
    # A person who asks again is asked again.
    assert [("disputed", 1)] == [(one["about"], one["actions"]) for one in summary(bench)["plans"]]
    assert "wave" == _approved(bench, "001")


def _approved(bench: Bench, name: str) -> str:
    [plan] = [json.loads(line) for line in bench.run("plan", "--json").stdout.splitlines()[:1]]
    bench.run("plan", "--approve", str(plan["plan"]))
    return labels(bench)[name]


def test_an_approved_edit_can_be_undone_and_is_not_done_again(bench: Bench) -> None:
    write_config(bench, 'label = "sdk"')
    send(bench, "wave/000.csv")
    write_config(bench, 'label = "folder"', '[[watch.rule]]\nmatch = "wave/"\nmetadata = { site = "lab" }')
    bench.run("relabel")
    bench.run("plan", "--approve", "1")
    assert "wave" == labels(bench)["000"]
    actions = [json.loads(line)["action"] for line in bench.run("undo", "--json").stdout.splitlines()]
    assert 2 == len(actions)
    undone = bench.run("undo", *map(str, actions))
    assert 0 == undone.returncode, undone.stdout + undone.stderr
    sample = there(bench)["000"]
    assert ("000", {}) == (sample["label"], sample.get("metadata") or {})
    assert 0 == bench.run("reconcile").returncode
    assert "000" == labels(bench)["000"]
    assert [4, 2] == [bench.run("relabel").returncode, summary(bench)["edits"]]


def test_a_changed_sidecar_edits_the_boxes_of_sent_files(bench: Bench) -> None:
    write_config(bench, 'label = "none"', '[[watch.rule]]\nmatch = "*"\nmetadata = { site = "lab" }')
    sidecar = bench.recordings / "bounding_boxes.labels"
    bench.write("a.png", png(b"x"))
    _write_boxes(sidecar, "a.png", [BOX])
    assert 0 == bench.run("once", "--quiet").returncode
    assert [BOX] == there(bench)["a"]["boundingBoxes"]
    daemon = bench.daemon()
    try:
        _write_boxes(sidecar, "a.png", [BOX, {**BOX, "x": 9}])
        until(lambda: not bench.run("reconcile").returncode and 2 == len(there(bench)["a"]["boundingBoxes"]))
        # A person's boxes stay.
        edited = {**BOX, "label": "dog"}
        studio(bench, "POST", f"/{there(bench)['a']['id']}/bounding-boxes", {"boundingBoxes": [edited]})
        _write_boxes(sidecar, "a.png", [BOX])
        until(lambda: not bench.run("reconcile").returncode and 4 == bench.run("plan").returncode)
        assert [edited] == there(bench)["a"]["boundingBoxes"]
        shown = bench.run("plan").stdout
        assert "to other ones (1 box): the description of its file changed, but those in" in shown
    finally:
        daemon.terminate()
        assert 0 == daemon.wait(20)


def _write_boxes(sidecar: Path, name: str, boxes: list[dict[str, Any]]) -> None:
    sidecar.write_text(json.dumps({"version": 1, "type": "bounding-box-labels", "boundingBoxes": {name: boxes}}))


def test_a_kill_amid_the_edits_loses_none_and_does_none_twice(bench: Bench) -> None:
    names = [f"wave/{number:03}.csv" for number in range(24)]
    write_config(bench, 'label = "sdk"')
    send(bench, *names)
    write_config(bench, 'label = "folder"')
    assert 4 == bench.run("relabel").returncode
    bench.emulator.set_faults({"where": "studio", "kind": "latency", "seconds": 0.02})
    [plan] = [json.loads(bench.run("plan", "--json").stdout.splitlines()[0])["plan"]]
    command = [*bench.command("plan", "--approve", str(plan)), "--state-dir", str(bench.state)]
    for wanted in (3, 11):
        process = subprocess.Popen(command, env=bench.environ, cwd=bench.place, stdout=subprocess.DEVNULL)
        until(partial(_are_relabelled, bench, wanted))
        process.kill()
        process.wait(10)
        command = [*bench.command("reconcile"), "--state-dir", str(bench.state)]
    bench.emulator.set_faults()
    assert 0 == bench.run("reconcile").returncode
    assert {"wave"} == set(labels(bench).values())
    done = [json.loads(line) for line in bench.run("undo", "--json").stdout.splitlines()]
    assert (24, {"done"}) == (len({one["sample_id"] for one in done}), {one["state"] for one in done})
    assert 24 == len(done)
    assert 0 == bench.run("relabel").returncode


def _are_relabelled(bench: Bench, wanted: int) -> bool:
    return list(labels(bench).values()).count("wave") >= wanted


def test_an_edit_whose_answer_is_lost_is_done_once(bench: Bench) -> None:
    write_config(bench, 'label = "sdk"')
    send(bench, "wave/000.csv")
    write_config(bench, 'label = "folder"')
    bench.run("relabel")
    bench.emulator.set_faults({"where": "studio", "kind": "withhold", "path": "/edit-label", "times": 1})
    bench.run("plan", "--approve", "1")
    assert "wave" == labels(bench)["000"]
    assert 0 == bench.run("reconcile").returncode
    [done] = [json.loads(line) for line in bench.run("undo", "--json").stdout.splitlines()]
    assert ("done", "000", "wave") == (done["state"], done["was"], done["to"])


def test_a_running_daemon_plans_what_is_asked_with_its_own_rules(bench: Bench) -> None:
    write_config(bench, 'label = "sdk"')
    send(bench, "wave/000.csv")
    write_config(bench, 'label = "folder"')
    daemon = bench.daemon()
    try:
        until(lambda: bench.status()["daemon"] is not None)
        done = bench.run("relabel", str(bench.recordings / "wave"))
        assert (4, "") == (done.returncode, done.stderr)
        assert "Plan 1 waits for your approval (1 edit)" in done.stdout
        assert 0 == bench.run("plan", "--approve", "1").returncode
        assert "wave" == labels(bench)["000"]
    finally:
        daemon.terminate()
        assert 0 == daemon.wait(20)


def test_a_folder_without_rules_is_refused(bench: Bench) -> None:
    (bench.place / "elsewhere").mkdir()
    done = bench.run("relabel", str(bench.place / "elsewhere"))
    assert 78 == done.returncode
    assert "is not in a folder that is watched now" in done.stderr


def test_a_file_that_cannot_be_described_is_said(bench: Bench) -> None:
    write_config(bench)
    send(bench, "wave.1.csv")
    (bench.recordings / "info.labels").write_text("{")
    done = bench.run("relabel")
    assert 4 == done.returncode
    assert "1 file cannot be described: info.labels, which describes the file, cannot be used" in done.stdout
    assert [1] == [one["files"] for one in summary(bench)["unknown"]]


def test_without_a_state_folder_nothing_was_sent(bench: Bench) -> None:
    done = bench.run("relabel")
    assert (0, "0 sent files compared: nothing differs from what was sent.\n") == (done.returncode, done.stdout)


def test_a_split_that_was_carried_out_stays(bench: Bench) -> None:
    split = "[watch.split]\nby = '(?P<group>s[0-9]+)_'\ntesting = 50"
    write_config(bench, 'label = "sdk"', split)
    send(bench, *(f"s{number}_a.csv" for number in range(4)))
    before = there(bench)
    assert {"training", "testing"} == {sample["category"] for sample in before.values()}
    assert 0 == summary(bench)["edits"]
    write_config(bench, 'label = "other"', split)
    assert (4, ["label"] * 4) == (
        (found := summary(bench))["edits"],
        [one["change"].split()[0] for one in found["changes"]],
    )
    _approved(bench, "s0_a")
    after = there(bench)
    assert {"other"} == {sample["label"] for sample in after.values()}
    assert [(one["category"], one["metadata"]) for one in before.values()] == [
        (one["category"], one["metadata"]) for one in after.values()
    ]
