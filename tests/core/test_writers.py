"""What the kernel's answer to a read lease means."""

import errno

import pytest

from eisync.core.writers import (
    BEING_WRITTEN,
    NO_WRITERS,
    NOT_ASKED,
    SOME_WRITERS,
    Presence,
    SameAnswer,
    Writers,
    cannot_tell,
    describe_folder_writers,
    describe_writers,
    writers_of,
    writers_of_windows,
)

NO_RIGHT = cannot_tell("the file belongs to another user, and eisync may not ask the kernel about it (CAP_LEASE)")


@pytest.mark.parametrize(
    ("error_number", "expected"),
    [
        (None, NO_WRITERS),
        (errno.EAGAIN, SOME_WRITERS),
        (errno.EWOULDBLOCK, SOME_WRITERS),
        (errno.EACCES, NO_RIGHT),
        (errno.EPERM, NO_RIGHT),
        (errno.EINVAL, cannot_tell("its file system grants no leases (EINVAL)")),
        (errno.ENOTSUP, cannot_tell("its file system grants no leases (ENOTSUP)")),
        (errno.ENOLCK, cannot_tell("its file system grants no leases (ENOLCK)")),
        (99_999, cannot_tell("its file system grants no leases (99999)")),
    ],
)
def test_only_an_answer_about_writers_is_taken_for_one(error_number: int | None, expected: Writers) -> None:
    assert expected == writers_of(error_number)


def test_who_cannot_tell_says_why() -> None:
    assert Writers(Presence.CANNOT_TELL, "so") == cannot_tell("so")


@pytest.mark.parametrize(
    ("error_number", "expected"),
    [
        (None, NO_WRITERS),
        (32, SOME_WRITERS),
        (33, SOME_WRITERS),
        (5, cannot_tell("Windows does not let eisync ask for it (error 5)")),
    ],
)
def test_windows_tells_by_a_sharing_violation(error_number: int | None, expected: Writers) -> None:
    assert expected == writers_of_windows(error_number)


@pytest.mark.parametrize(
    ("writers", "text"),
    [
        (NO_WRITERS, "no program has it open for writing (asked the kernel)"),
        (SOME_WRITERS, f"{BEING_WRITTEN} (asked the kernel)"),
        (NO_RIGHT, f"cannot tell: {NO_RIGHT.why}"),
    ],
)
def test_a_person_is_told_what_the_kernel_said(writers: Writers, text: str) -> None:
    assert text == describe_writers(writers)


@pytest.mark.parametrize(
    ("writers", "text"),
    [
        (NO_WRITERS, "eisync asks the kernel who writes its files"),
        (SOME_WRITERS, "eisync asks the kernel who writes its files"),
        (
            writers_of(errno.EACCES),
            f"eisync cannot tell who writes some of its files: {NO_RIGHT.why}; docs/writers.md says how to give it",
        ),
        (cannot_tell("so"), "eisync cannot tell who writes some of its files: so"),
    ],
)
def test_a_person_is_told_how_it_is_known_of_a_folder(writers: Writers, text: str) -> None:
    assert text == describe_folder_writers(writers)


@pytest.mark.parametrize("answer", [NOT_ASKED, NO_RIGHT])
def test_where_the_kernel_cannot_be_asked_every_file_has_the_same_answer(answer: Writers) -> None:
    ask = SameAnswer(answer)
    assert answer == ask(3, "/data", "a.csv") == ask(4, "/data", "b.csv", is_last=True)


def test_without_another_answer_it_says_that_it_was_not_asked() -> None:
    assert Presence.CANNOT_TELL is SameAnswer()(3, "/data", "a.csv").presence
