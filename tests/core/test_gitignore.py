"""Patterns match as in git, in bounded time for any pattern. Compare with pathspec and git itself."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from eisync.core import gitignore as module
from eisync.core.gitignore import GitIgnore
from tests.examples import examples

PARTS = st.one_of(
    st.just("**"),
    st.lists(st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "[a-c]", "\\a", "\\*"]), min_size=1, max_size=7)
    .map("".join)
    .filter(lambda part: "**" not in part),
)
PATTERNS = st.builds(
    lambda lead, parts, tail: lead + "/".join(parts) + tail,
    st.sampled_from(["", "/", "**/"]),
    st.lists(PARTS, min_size=1, max_size=5),
    st.sampled_from(["", "/"]),
)
PATHS = st.lists(st.text("abc.*", min_size=1, max_size=6).filter(lambda name: name.strip(".")), min_size=1, max_size=6)


def entries(path: str) -> Iterator[tuple[str, bool]]:
    """Return the folders above the file at `path`, and the file."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        yield "/".join(parts[:depth]), depth < len(parts)


def is_left_out(ignore: GitIgnore, path: str) -> bool:
    """Return whether a walk leaves the file out. Nothing in an ignored folder is included again."""
    return any((ignore.decide(place, is_folder=is_folder) or (False, 0))[0] for place, is_folder in entries(path))


@settings(max_examples=examples(500))
@given(pattern=PATTERNS.filter(lambda pattern: not pattern.endswith("**/")), parts=PATHS)  # it reports files, too
@example(pattern="a*b*c", parts=["aXbXbXc"])
@example(pattern="**/a/**/b/**/a", parts=["a", "b", "a", "b", "c", "a"])
def test_one_pattern_leaves_out_what_pathspec_leaves_out(pattern: str, parts: list[str]) -> None:
    path = "/".join(parts)
    assert GitIgnoreSpec.from_lines([pattern]).match_file(path) == is_left_out(GitIgnore([pattern]), path)


ODD = st.sampled_from(
    ["[!a]", "[^ab]", "[]a]", "[a", "[!]]", "[\\]a]", "[[:alpha:]]", "[[:what:]]", "[.-b]", "**", "***"]
)
LINES = st.lists(
    st.builds(
        lambda sign, pattern, odd: sign + pattern.replace("?", odd),
        st.sampled_from(["", "", "!"]),
        PATTERNS,
        ODD | st.just("?"),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")
@settings(max_examples=examples(40))
@given(lines=LINES, paths=st.lists(PATHS.map("/".join), min_size=30, max_size=60))
def test_many_patterns_leave_out_what_git_leaves_out(lines: list[str], paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        env = {"PATH": os.environ["PATH"], "HOME": place, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", "init", "-q", place], check=True, env=env)
        with open(f"{place}/.gitignore", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        done = subprocess.run(
            ["git", "check-ignore", "--no-index", "-z", "--stdin"],
            cwd=place,
            input="\0".join(paths).encode(),
            env=env,
            capture_output=True,
            check=False,
        )
    by_git = set(filter(None, done.stdout.decode().split("\0")))
    ignore = GitIgnore(lines)
    assert by_git == {path for path in paths if is_left_out(ignore, path)}


@pytest.mark.parametrize(
    ("pattern", "path", "is_ignored"),
    [
        ("*.tmp", "new\nline/a.tmp", True),
        ("*.tmp", "a.tmp\n", False),
        ("a[!x]b", "a/b", False),
        ("[[:digit:]]*.csv", "1a.csv", True),
        ("[[:digit:]]*.csv", "a1.csv", False),
        ("a[", "a[", False),
        ("a[b", "ab", False),
        ("a//b", "a/b", False),
        ("***/**", "a", True),
        ("***/b", "a/x/b", True),
        ("a/***/b", "a/b", True),
        ("a/***", "a", False),
        ("***", "a", True),
        ("/***", "a/b", True),
        ("**/***", "a", True),
        ("/", "a", False),
        ("x\\ ", "x ", True),
        ("x  ", "x", True),
        ("odd?.csv", "odd\udcff.csv", True),
    ],
)
def test_unusual_patterns_and_names(pattern: str, path: str, is_ignored: bool) -> None:
    assert is_ignored is is_left_out(GitIgnore([pattern]), path)


@pytest.mark.parametrize("pattern", ["!", "a\\", "[z-a].csv", "x" * (module.MAX_PATTERN_CHARACTERS + 1)])
def test_an_invalid_pattern_has_a_reason(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        GitIgnore([pattern])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["a"] * (module.MAX_PATTERNS + 1), "more than 500 patterns"),
        (["x" * 999] * 17, "more than 16,384 characters together"),
        (["a/**/" + "b" * 900] * 3, r"patterns with \*\* have more than 2,048"),
    ],
)
def test_too_many_patterns_have_a_reason_and_comments_do_not_count(lines: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        GitIgnore(lines)
    GitIgnore(f"# {line}" for line in lines)


FOLDERS = "/".join(["a"] * 2_000)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 14 + "b", "a" * 120 + ".csv"),
        ("*a" * 499 + "b", "a" * 255),
        ("*" + "?" * 900 + "b", "a" * 255),
        ("*" + "a" * 100 + "b", "a" * 255),
        ("[a-z]*" * 160 + "!", "a" * 255),
        ("**/a/" * 199 + "b", FOLDERS),
        ("/**/" + "a*/**/" * 160 + "b", FOLDERS),
        ("/**/" + "*/" * 450 + "b", FOLDERS),
        ("**/" + "*a" * 400 + "b/**/b", "/".join(["a" * 200] * 20)),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    if "**" in pattern and "/" in pattern:
        lines = [pattern] * (module.MAX_SEARCHING_CHARACTERS // len(pattern))
    else:
        lines = [pattern] * min(module.MAX_PATTERNS, module.MAX_CHARACTERS // len(pattern))
    ignore = GitIgnore(lines)
    began = time.process_time()
    assert ignore.decide(path) is None
    assert time.process_time() - began < 0.25, "it takes some milliseconds, and once took hours"


@pytest.mark.parametrize("pattern", ["[a\\", "[", "[a-\\", "x[!", "[a", "[[:alpha:]", "[[:what:]]", "[a[:what:]]"])
def test_brackets_without_an_end_or_with_an_unknown_class_match_nothing(pattern: str) -> None:
    ignore = GitIgnore([pattern, "kept.csv"])
    for path in ("a", "[a", "x", "[", pattern):
        assert ignore.decide(path, is_folder=False) is None
    assert (True, 1) == ignore.decide("kept.csv", is_folder=False)


@pytest.mark.parametrize(
    ("pattern", "name", "is_so"),
    [("a**b", "a-x-b", True), ("a***b", "ab", True), ("**a", "xa", True), ("a**b", "a", False), ("x**", "xy", True)],
)
def test_several_stars_within_a_name_count_as_one(pattern: str, name: str, is_so: bool) -> None:
    assert is_so == (GitIgnore([pattern]).decide(name, is_folder=False) is not None)
