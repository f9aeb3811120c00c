"""Groups of files stay together as a person sees it: previewed, sent, explained, and warned of."""

import json
from typing import Any

import pytest

from tests.cli.test_descriptions import samples
from tests.conftest import Bench, row, until

SPLIT = """
[[watch]]
path = "recordings"
settle_s = 0.1
[watch.split]
by = '(?P<group>s\\d+)_'
testing = 20
"""


def fill(bench: Bench, *groups: int, start: int = 0) -> None:
    for group in groups:
        for number, label in enumerate(("walk", "run")):
            bench.write(f"{label}.s{group:02d}_{start}.csv", row(1000 * start + 10 * group + number))


@pytest.fixture
def filled(bench: Bench) -> Bench:
    (bench.place / "eisync.toml").write_text(SPLIT)
    fill(bench, *range(10))
    until(lambda: '"waits"' not in bench.run("preview", "--json").stdout)
    return bench


def previewed(bench: Bench, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the files by path, and the summary."""
    done = bench.run("preview", *arguments, "--json", EI_API_KEY="")
    assert 0 == done.returncode, done.stderr
    *files, summary = map(json.loads, done.stdout.splitlines())
    return {one["path"]: one for one in files}, summary


def test_the_preview_agrees_with_what_is_sent(filled: Bench) -> None:
    files, summary = previewed(filled)
    assert {"training": 8, "testing": 2} == {
        name: sum(one["category"] == name for one in summary["groups"]) for name in ("training", "testing")
    }
    assert "there is no state folder that knows it" == summary["project_unknown"]
    assert ("s03", {"group": "s03"}) == (files["walk.s03_0.csv"]["group"], files["walk.s03_0.csv"]["metadata"])

    done = filled.run("once")
    assert 0 == done.returncode, done.stderr
    assert {path: one["category"] for path, one in files.items()} == {
        path: one["category"] for path, one in filled.files().items()
    }
    assert {(one["metadata"]["group"], one["category"]) for one in samples(filled)} == {
        (one["group"], one["category"]) for one in summary["groups"]
    }
    again, summary = previewed(filled)
    assert {path: one["category"] for path, one in files.items()} == {
        path: one["category"] for path, one in again.items()
    }
    assert {"it was decided before"} == {one["why"] for one in summary["groups"]}
    assert (None, []) == (summary["project_unknown"], summary["project_straddling"])


def test_the_preview_has_a_table_of_groups_and_warns(filled: Bench) -> None:
    filled.write("test/walk.s00_7.csv", row(7))
    filled.write("train/walk.s00_8.csv", row(8))
    filled.write("none.csv", row(9))
    until(lambda: '"waits"' not in filled.run("preview", "--json").stdout)
    shown = filled.run("preview").stdout
    assert "  split: group s00 straddles: it has files in training and testing\n" in shown
    assert "  split: 1 file in no group by '(?P<group>s\\\\d+)_': the service decides\n" in shown
    assert "  split: the project was not asked which groups it has: there is no state folder that knows it\n" in shown
    assert (
        "  group  category         files\n  s00    training             4  the category of one of its files is" in shown
    )
    assert "walk.s01_0.csv  label walk, training, group s01" in shown.replace("testing", "training")
    table = filled.run("preview", "--csv").stdout.splitlines()
    assert table[0].endswith(",group")
    assert {"s00", ""} <= {line.rpartition(",")[2] for line in table[1:]}


def test_a_preview_of_many_groups_shows_the_largest(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(SPLIT)
    for number in range(53):
        bench.write(f"walk.s{number}_{'x' * 10}.csv", row(number))
    shown = bench.run("preview").stdout
    assert "  and 3 more groups: --json lists them\n" in shown


def test_a_split_that_fits_nothing_is_said(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(SPLIT)
    bench.write("walk.csv", row(1))
    assert "no file has a group by '(?P<group>s\\\\d+)_': the split does nothing" in bench.run("preview").stdout


def test_explain_says_the_group_and_why(filled: Bench) -> None:
    before = filled.run("explain", str(filled.recordings / "walk.s03_0.csv")).stdout
    assert "  category  split (the split by (?P<group>s\\d+)_: group s03: it has no category yet)\n" in before
    assert 0 == filled.run("once").returncode
    found = {}
    for number in range(10):
        done = filled.run("explain", str(filled.recordings / f"walk.s{number:02d}_0.csv"), "--json")
        found[number] = json.loads(done.stdout)
    assert {"training", "testing"} == {one["category"] for one in found.values()}
    assert {"s00", "s09"} <= {one["group"] for one in found.values()}
    assert {True} == {one["is_as_sent"] for one in found.values()}
    (testing, *_) = [one for one in found.values() if one["category"] == "testing"]
    assert testing["category_from"].endswith("% of the 20 % that it is to have")
    assert "the split" == testing["metadata_from"]["group"]
    filled.write("none.csv", row(1))
    done = filled.run("explain", str(filled.recordings / "none.csv"), "--json")
    assert json.loads(done.stdout)["group"] is None


def test_a_group_that_straddles_is_shown_by_status_explain_and_preview(filled: Bench) -> None:
    filled.write("test/walk.s00_7.csv", row(7))
    filled.write("train/walk.s00_8.csv", row(8))
    assert 0 == filled.run("once").returncode
    sentence = "group s00 straddles: it has files in training and testing"
    assert [sentence] == filled.status()["targets"][0]["straddling"]
    assert f"  split: {sentence}\n    a test on data" in filled.run("status").stdout
    place = str(filled.recordings / "test/walk.s00_7.csv")
    assert f"  group     {sentence}\n" in filled.run("explain", place).stdout
    assert [sentence] == previewed(filled)[1]["project_straddling"]
    assert f"  split, in the project: {sentence}\n" in filled.run("preview").stdout


def test_a_split_on_the_command_line(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text("")
    for number in range(10):
        bench.write(f"p{number}/walk.csv", row(number))
    done = bench.once("--split-by", "folder", "--testing", "30", "--validation", "10")
    assert 0 == done.returncode, done.stderr
    found = [one["category"] for one in samples(bench)]
    assert [6, 3, 1] == [found.count(name) for name in ("training", "testing", "validation")]


def test_a_project_that_cannot_be_listed_holds_back_what_has_no_category(filled: Bench) -> None:
    filled.configure(reconcile={"enabled": "false"})
    assert 0 == filled.run("once").returncode, "nothing is compared, and nothing waits"
    filled.configure(reconcile={"enabled": "true"})
    fill(filled, 44)
    fill(filled, 1, start=1)
    filled.emulator.set_faults({"where": "studio", "kind": "status", "status": 403})
    done = filled.run("once", "--timeout", "20")
    assert 4 == done.returncode, done.stderr
    assert "waits for the first listing of the project, because its group s44 may already be there" in done.stderr
    states = {path: one["state"] for path, one in filled.files().items()}
    assert {"settling"} == {states[path] for path in states if "s44" in path}
    assert {"synced"} == {states[path] for path in states if "s44" not in path}
