"""`.eisyncignore` files give the same answers as git with the same rules in `.gitignore` files."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from eisync.adapters.files import ignore_files as module
from eisync.adapters.files.ignore_files import IgnoreFiles
from eisync.core.ignore import IgnoreRules

PATHS = [
    "a.csv", "b.csv", "keep.csv", "day/a.csv", "day/keep.csv", "day/deep/a.csv", "day/deep/keep.csv", "day/deep/x.wav",
    "old/a.csv", "old/keep.csv", "day/old/a.csv", "sp ace.csv", "#a.csv", "!b.csv", "logs/1/a.csv", "logs/2/a.csv",
]  # fmt: skip
TREES = [
    {"": "*.csv\n!keep.csv\n"},
    {"": "*.csv\n", "day": "!a.csv\n"},
    {"": "*.csv\n", "day": "!*.csv\n", "day/deep": "a.csv\n!keep.csv\n"},
    {"": "old/\n!old/keep.csv\n"},
    {"": "/old/\n", "day": "/deep/\n"},
    {"": "/day/*\n!/day/deep/\n", "day": "# nothing\n\n"},
    {"": "\\#a.csv\n\\!b.csv\nsp ace.csv\n"},
    {"": "logs/**/a.csv\n", "logs": "!2/a.csv\n"},
    {"day": "*.csv\n!deep/*.csv\n"},
]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")
@pytest.mark.parametrize("tree", TREES)
def test_rules_are_read_as_git_reads_them(tmp_path: Path, tree: dict[str, str]) -> None:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for folder, text in tree.items():
        (tmp_path / folder / ".gitignore").write_text(text)
        (tmp_path / folder / ".eisyncignore").write_text(text)
    subprocess.run(["git", "init", "-q", tmp_path], check=True, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=tmp_path,
        input="\0".join(PATHS).encode(),
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        check=False,
    )
    by_git = set(filter(None, done.stdout.decode().split("\0")))
    eligibility = IgnoreRules(["!.*", "!\\#*#"], rules_in=IgnoreFiles(str(tmp_path)))
    assert by_git == {path for path in PATHS if eligibility.why_left_out(path) is not None}


def test_the_rule_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    (tmp_path / "day/.eisyncignore").write_text("# not these\n\n*.csv\n")
    eligibility = IgnoreRules(rules_in=IgnoreFiles(str(tmp_path)))
    assert "ignored by the pattern '*.csv' (line 3 of day/.eisyncignore)" == eligibility.why_left_out("day/a.csv")
    assert eligibility.why_left_out("a.csv") is None


def test_a_change_takes_effect_at_the_next_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    eligibility = IgnoreRules(rules_in=IgnoreFiles(str(tmp_path)))
    for text, is_left_out in (("", False), ("a.csv\n", True), ("b.csv or another\n", False), ("*.csv", True)):
        (tmp_path / ".eisyncignore").write_text(text)
        now[0] += module.TRUSTED_FOR_S
        assert is_left_out is (eligibility.why_left_out("a.csv") is not None)
    (tmp_path / ".eisyncignore").unlink()
    now[0] += module.TRUSTED_FOR_S
    assert eligibility.why_left_out("a.csv") is None


@pytest.mark.parametrize("what", ["a link", "a pipe", "a folder", "too long", "no pattern", "too many"])
def test_rules_that_cannot_be_used_leave_everything_out(tmp_path: Path, what: str) -> None:
    place = tmp_path / "day/.eisyncignore"
    place.parent.mkdir()
    if what == "a link":
        place.symlink_to(tmp_path / "elsewhere")
    elif what == "a pipe":
        os.mkfifo(place)
    elif what == "a folder":
        place.mkdir()
    else:
        texts = {"no pattern": "!", "too many": "a\n" * 501, "too long": "a" * (module.MOST_BYTES + 1)}
        place.write_text(texts[what])
    eligibility = IgnoreRules(rules_in=IgnoreFiles(str(tmp_path)))
    assert "in day/.eisyncignore, which cannot be used" in str(eligibility.why_left_out("day/a.csv"))
    assert eligibility.why_left_out("a.csv") is None


@pytest.mark.parametrize("place", ["", "day"])
def test_a_folder_that_was_read_before_its_rules_were_written_is_read_again_for_a_file(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "day" / "deep").mkdir(parents=True)
    eligibility = IgnoreRules(rules_in=IgnoreFiles(str(tmp_path)))
    assert eligibility.why_left_out("day/deep/a.csv") is None
    rules = tmp_path / place / ".eisyncignore"
    for pattern, is_obeyed in (("*.wav", False), ("*.csv", True)):
        rules.write_text(pattern + "\n")
        assert eligibility.is_spoken_of("day/deep")
        assert is_obeyed is (eligibility.why_left_out("day/deep/a.csv") is not None)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FOLDERS", 3)
    rules = IgnoreFiles(str(tmp_path))
    for number in range(10):
        assert rules(str(number)) is None
    assert 3 == len(rules._folders)


def test_memory_is_bounded_by_what_patterns_become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WEIGHT", 1_000)
    rules = IgnoreFiles(str(tmp_path))
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / ".eisyncignore").write_text("*a*b*c\n" * 10)
        assert rules(str(number)) is not None
    assert 1 <= len(rules._folders) < 5
    assert rules._weight == sum(entry.weight for entry in rules._folders.values()) <= 1_000


def test_a_foreign_pattern_blocks_nothing(tmp_path: Path) -> None:
    (tmp_path / ".eisyncignore").write_text("*a" * 14 + "b\n")
    eligibility = IgnoreRules(rules_in=IgnoreFiles(str(tmp_path)))
    began = time.process_time()
    assert eligibility.why_left_out("a" * 120 + ".csv") is None
    assert time.process_time() - began < 0.25
