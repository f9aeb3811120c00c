"""`eisync once` with rules for labels, with labels on the command line, and for single files."""

import pytest

from tests.cli.test_descriptions import samples
from tests.conftest import Bench, row, sha256, stored_once, until

RULES = """
[[watch]]
path = "recordings"
settle_s = 0.1
label = "folder"
metadata = { gateway = "g1" }
[[watch.rule]]
match = "gym/**/*.csv"
pattern = '(?P<subject>s\\d+)_(?P<label>[a-z]+)_(?P<session>\\d{8})'
category = "testing"
metadata = { site = "lab 3" }
[[watch.rule]]
match = "*.csv"
metadata = { site = "home", kind = "table" }
"""


def labels(bench: Bench) -> dict[str, tuple[str, str, str]]:
    return {path: (one["state"], one["label"], one["category"]) for path, one in bench.files().items()}


def queue(bench: Bench, *places: str) -> None:
    """Run passes without a service until every file waits to be sent."""

    def is_queued() -> bool:
        bench.run("once", *places, "--timeout", "0", EI_INGESTION_ENDPOINT="http://127.0.0.1:9")
        return {"ready"} == {state for state, _, _ in labels(bench).values()}

    until(is_queued)


def test_rules_label_what_arrives(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(RULES)
    bench.write("gym/mon/s01_squat_20260102.csv", row(1))
    bench.write("cat/wave.csv", row(2))
    done = bench.run("once")
    assert 0 == done.returncode, done.stderr
    assert {
        "gym/mon/s01_squat_20260102.csv": ("synced", "squat", "testing"),
        "cat/wave.csv": ("synced", "cat", "split"),
    } == labels(bench)
    assert {
        "squat": {
            "gateway": "g1",
            "subject": "s01",
            "session": "20260102",
            "site": "lab 3",
            "kind": "table",
        },
        "cat": {"gateway": "g1", "site": "home", "kind": "table"},
    } == {one["label"]: one["metadata"] for one in samples(bench)}
    said = bench.run("explain", str(bench.recordings / "gym/mon/s01_squat_20260102.csv")).stdout
    assert "  label     squat (the group label of rule 1)\n" in said
    assert "  category  testing (rule 1)\n" in said
    assert "  metadata  session = 20260102 (the group session of rule 1)\n" in said
    assert "  metadata  kind = table (rule 2)\n" in said
    assert "  metadata  gateway = g1 (the configuration of the folder)\n" in said


def test_waiting_files_are_labelled_anew_when_a_rule_changes(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(RULES)
    bench.write("cat/wave.csv", row(2))
    queue(bench)
    assert {"cat/wave.csv": ("ready", "cat", "split")} == labels(bench)
    (bench.place / "eisync.toml").write_text(RULES + 'label = "table"\ncategory = "testing"\n')
    queue(bench)
    assert {"cat/wave.csv": ("ready", "table", "testing")} == labels(bench)


def test_a_group_that_is_no_category_holds_the_file_until_the_rule_is_right(bench: Bench) -> None:
    table = '[[watch]]\npath = "recordings"\nsettle_s = 0.1\n[[watch.rule]]\n'
    (bench.place / "eisync.toml").write_text(table + 'pattern = "^(?P<category>[^/]+)/"\n')
    bench.write("monday/wave.csv", row(2))
    bench.write("TEST/snake.csv", row(3))
    done = bench.run("once", "--timeout", "0.5")
    assert 4 == done.returncode
    assert ("synced", "snake", "testing") == labels(bench)["TEST/snake.csv"]
    assert "settling" == labels(bench)["monday/wave.csv"][0]
    sentence = "rule 1 finds the category 'monday' in its path, and there are training, testing, validation, "
    assert sentence in done.stderr
    assert "correct the rule or the path, and the file is sent by itself" in done.stderr
    (bench.place / "eisync.toml").write_text(table + 'pattern = "^(?P<category>test)/"\nlabel = "x"\n')
    assert 0 == bench.run("once").returncode
    assert ("synced", "wave", "split") == labels(bench)["monday/wave.csv"]


def test_the_command_line_labels(bench: Bench) -> None:
    (bench.place / "eisync.toml").unlink()
    bench.write("cat/wave.csv", row(1))
    flags = ("--label", "folder", "--category", "testing", "--metadata", "site=lab3", "--metadata", "who=a=b")
    done = bench.once(*flags)
    assert 0 == done.returncode, done.stderr
    assert {"cat/wave.csv": ("synced", "cat", "testing")} == labels(bench)
    assert [{"site": "lab3", "who": "a=b"}] == [one["metadata"] for one in samples(bench)]


def test_the_command_line_wins_over_rules_and_adds_to_metadata(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(RULES)
    bench.write("gym/mon/s01_squat_20260102.csv", row(1))
    assert 0 == bench.once("--label", "fixed", "--metadata", "site=here").returncode
    assert {"gym/mon/s01_squat_20260102.csv": ("synced", "fixed", "testing")} == labels(bench)
    (one,) = samples(bench)
    assert ("here", "s01", "g1") == tuple(one["metadata"][name] for name in ("site", "subject", "gateway"))


@pytest.mark.parametrize(
    ("flags", "code", "sentence"),
    [
        (["--category", "nonsense"], 78, '--category: must be one of "infer", "sdk", "training"'),
        (["--label", ""], 78, "--label: must not be empty"),
        (["--metadata", "site"], 2, "--metadata: 'site' is no metadata: write NAME=TEXT"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(bench: Bench, flags: list[str], code: int, sentence: str) -> None:
    bench.write("wave.csv", row(1))
    done = bench.once(*flags)
    assert (code, True) == (done.returncode, sentence in done.stderr), done.stderr


def test_a_single_file_is_uploaded_alone(bench: Bench) -> None:
    (bench.place / "eisync.toml").unlink()
    chosen = bench.write("day/a.1.csv", row(1))
    other = bench.write("day/b.1.csv", row(2))
    bench.write("day/below/c.1.csv", row(3))
    bench.write("day/.eisyncignore", b"!*.csv\n")
    bench.write("day/info.labels", b'{"version":1,"files":[{"path":"a.1.csv","label":{"type":"label","label":"x"}}]}')
    done = bench.run("once", str(chosen))
    assert 0 == done.returncode, done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1)])
    assert {"a.1.csv": ("synced", "x", "split")} == labels(bench)
    done = bench.run("once", "recordings/day/b.1.csv", str(chosen))
    assert 0 == done.returncode, done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1), row(2)])
    other.unlink()


def test_a_single_file_of_a_watched_folder_belongs_to_it(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(RULES)
    chosen = bench.write("gym/mon/s01_squat_20260102.csv", row(1))
    bench.write("gym/mon/s02_squat_20260102.csv", row(2))
    assert 0 == bench.run("once", str(chosen)).returncode
    assert {"gym/mon/s01_squat_20260102.csv": ("synced", "squat", "testing")} == labels(bench)
    # … and the folder is complete later, as if nothing had been.
    assert 0 == bench.run("once").returncode
    assert {"synced"} == {state for state, _, _ in labels(bench).values()}
    assert stored_once(bench.emulator.ledger(), [row(1), row(2)])


def test_a_file_that_waits_is_not_sent_with_another_one(bench: Bench) -> None:
    waits, chosen = bench.write("day/a.csv", row(1)), bench.write("day/b.csv", row(2))
    queue(bench, str(waits))
    done = bench.run("once", str(chosen))
    assert (2, True) == (
        done.returncode,
        "another file of" in done.stderr and "waits to be sent (day/a.csv)" in done.stderr,
    )
    assert {} == dict(bench.emulator.ledger()["stored_by_hash"])
    assert 0 == bench.run("once", str(chosen), str(waits)).returncode
    assert {sha256(row(1)): 1, sha256(row(2)): 1} == dict(bench.emulator.ledger()["stored_by_hash"])


def test_a_single_file_that_would_not_be_uploaded_is_refused(bench: Bench) -> None:
    (bench.place / "eisync.toml").unlink()
    left_out = bench.write("day/notes.pdf", b"x")
    (bench.recordings / "day/link.csv").symlink_to(bench.write("day/a.csv", row(1)))
    done = bench.run("once", str(left_out))
    assert (2, True) == (
        done.returncode,
        "notes.pdf is not uploaded: not a type that Edge Impulse takes" in done.stderr,
    )
    done = bench.run("once", str(bench.recordings / "day/link.csv"))
    assert (78, True) == (done.returncode, "is a link, and eisync follows none" in done.stderr)


def test_the_daemon_labels_by_the_command_line(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(RULES)
    bench.write("cat/wave.csv", row(1))
    daemon = bench.daemon("--label", "fixed", "--category", "testing")
    try:
        until(lambda: {"cat/wave.csv": ("synced", "fixed", "testing")} == labels(bench))
        said = bench.run("explain", str(bench.recordings / "cat/wave.csv")).stdout  # the daemon says its rules
        assert "  label     fixed (rule 1)\n" in said
        assert "  metadata  site = home (rule 3)\n" in said
    finally:
        daemon.terminate()
        daemon.wait(timeout=30)
