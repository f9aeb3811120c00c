"""Samples of sent files follow their descriptions, with real processes and the emulator: `eisync relabel`, sidecars."""

import json
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
    assert "but a person changed its label in Studio since it was sent" in bench.run("plan").stdout
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
        assert "from 1 box to 1 box: the description of its file changed, but a person changed them in Studio" in shown
    finally:
        daemon.terminate()
        assert 0 == daemon.wait(20)


def _write_boxes(sidecar: Path, name: str, boxes: list[dict[str, Any]]) -> None:
    sidecar.write_text(json.dumps({"version": 1, "type": "bounding-box-labels", "boundingBoxes": {name: boxes}}))
