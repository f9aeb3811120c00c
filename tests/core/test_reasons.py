import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.file_status import Group, StatusFinding, grouped, next_step, shape


def quarantined(reason: str, files: int = 1, path: str = "/data/a.wav") -> StatusFinding:
    return StatusFinding("quarantined", reason, files, path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("WAV header promises 488 bytes, the file has 444", "WAV header promises 1,920,044 bytes, the file has 9"),
        ("unchanged for 0 s of 2 s", "unchanged for 11 s of 2.5 s"),
        ("renamed from '/data/a b.csv'", "renamed from '/data/c.csv'"),
        ("deleted (sample 7); 'eisync retry' sends it", "deleted (sample 19); 'eisync retry' sends it"),
        ("same content as day-1/wave.1.csv", "same content as deep/er/idle.2.wav"),
        ("info.labels, which says what it is, is cut", "set/info.labels, which says what it is, is cut"),
        ("hash 0123456789abcdef0123 differs", "hash ffffffffffffffffffff differs"),
        ("HTTP 503: try again in 12 s", "HTTP 500: try again in 5 s"),
    ],
)  # fmt: skip
def test_reasons_that_differ_in_numbers_and_names_are_one_group(one: str, other: str) -> None:
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("it is empty; it is sent once something is written into it", "its marker is older than its last change"),
        ("WAV header promises 488 bytes, the file has 444", "AVI header promises 488 bytes, the file has 444"),
        ("the file cannot be read (Permission denied)", "the file cannot be read (Input/output error)"),
    ],
)
def test_reasons_that_differ_in_words_are_two_groups(one: str, other: str) -> None:
    assert shape(one) != shape(other)


def test_a_thousand_cut_files_are_one_group() -> None:
    cut = [
        quarantined(f"WAV header promises {488 + n} bytes, the file has 444", path=f"/data/{n}.wav")
        for n in range(1000)
    ]
    groups = grouped(cut)
    assert (Group("quarantined", cut[0].reason, 1000, "/data/0.wav", is_folder=False, is_varied=True),) == groups.groups
    assert (0, 0) == (groups.more_groups, groups.more_files)


def test_groups_that_need_a_person_come_first_and_the_rest_is_counted() -> None:
    letters = "abcdefghijklm"
    findings = [StatusFinding("ready", "waiting for its turn", 500, "/r")]
    findings += [quarantined(f"reason {letter}", number + 1) for number, letter in enumerate(letters)]
    findings += [StatusFinding("unreadable", "the folder cannot be read", 1, "/data/x", is_folder=True)]
    groups = grouped(findings, most=10)
    assert [13, 12, 11, 10, 9, 8, 7, 6, 5, 4] == [group.files for group in groups.groups]
    assert (5, 3 + 2 + 1 + 1 + 500) == (groups.more_groups, groups.more_files)


@given(
    findings=st.lists(
        st.builds(
            StatusFinding,
            state=st.sampled_from(["quarantined", "ready", "settling", "unreadable", "odd"]),
            reason=st.text(max_size=12) | st.from_regex(r"(promises|has) [0-9,]{1,6} bytes", fullmatch=True),
            files=st.integers(1, 1000),
            path=st.just("/data/a.csv"),
            is_folder=st.booleans(),
        )
    ),
    most=st.integers(0, 12),
)
def test_no_file_is_lost_when_reasons_are_grouped(findings: list[StatusFinding], most: int) -> None:
    groups = grouped(findings, most=most)
    assert sum(one.files for one in findings) == sum(group.files for group in groups.groups) + groups.more_files
    assert len(groups.groups) <= most
    assert (groups.more_groups > 0) == (groups.more_files > 0)


@pytest.mark.parametrize(
    ("group", "is_running", "expected"),
    [
        (Group("unreadable", "x", 1, "/a b/c", is_folder=True, is_varied=False), False, "chmod u+rx '/a b/c'"),
        (Group("unreadable", "x", 1, "/a/c.csv", is_folder=False, is_varied=False), False, "chmod u+r /a/c.csv"),
        (
            Group(
                "quarantined", "the file cannot be read (Permission denied)", 2, "/a", is_folder=False, is_varied=False
            ),
            True,
            "chmod u+r /a",
        ),
        (Group("quarantined", "x", 2, "/a", is_folder=False, is_varied=False), True, "eisync ls --state quarantined; "),
        (Group("quarantined", "x", 1, "/a", is_folder=False, is_varied=False), True, "eisync explain /a; "),
        (Group("ready", "x", 2, "/a", is_folder=False, is_varied=False), False, "eisync once"),
        (Group("ready", "x", 2, "/a", is_folder=False, is_varied=False), True, "eisync explain /a"),
        (Group("settling", "x", 2, "/a", is_folder=False, is_varied=False), False, "eisync explain /a"),
    ],
)
def test_each_group_has_a_command_that_helps(group: Group, is_running: bool, expected: str) -> None:
    assert next_step(group, is_running=is_running).startswith(expected)


def test_a_paused_file_needs_the_end_of_the_pause() -> None:
    group = Group("ready", "waiting for its turn", 2, "/a", is_folder=False, is_varied=False)
    assert "eisync resume" == next_step(group, is_running=True, is_paused=True)
