"""What the kernel's answer to a request for a read lease means."""

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
def test_only_an_answer_about_writers_counts(error_number: int | None, expected: Writers) -> None:
    assert expected == writers_of(error_number)


def test_an_unknown_answer_has_a_reason() -> None:
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
def test_a_sharing_violation_on_windows_means_a_writer(error_number: int | None, expected: Writers) -> None:
    assert expected == writers_of_windows(error_number)


@pytest.mark.parametrize(
    ("writers", "text"),
    [
        (NO_WRITERS, "no program has it open for writing (asked the kernel)"),
        (SOME_WRITERS, f"{BEING_WRITTEN} (asked the kernel)"),
        (NO_RIGHT, f"cannot tell: {NO_RIGHT.why}"),
    ],
)
def test_the_answer_of_the_kernel_is_put_into_words(writers: Writers, text: str) -> None:
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
def test_the_answer_for_a_folder_is_put_into_words(writers: Writers, text: str) -> None:
    assert text == describe_folder_writers(writers)


@pytest.mark.parametrize("answer", [NOT_ASKED, NO_RIGHT])
def test_without_a_kernel_to_ask_every_file_has_the_same_answer(answer: Writers) -> None:
    ask = SameAnswer(answer)
    assert answer == ask(3, "/data", "a.csv") == ask(4, "/data", "b.csv", is_last=True)


def test_by_default_the_answer_is_that_the_kernel_was_not_asked() -> None:
    assert Presence.CANNOT_TELL is SameAnswer()(3, "/data", "a.csv").presence
