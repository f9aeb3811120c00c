"""Evidence belongs to the observed file only, whatever is put in its place."""

import contextlib
import errno
import hashlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from eisync.adapters.files import content, file_facts, writer_probe
from eisync.adapters.files.file_facts import OpenFolder
from eisync.core.completeness import Inspection, Marker
from eisync.core.formats.check import FormatCheck
from eisync.core.formats.probe import Complete, Completeness, Truncated, Undecidable
from eisync.core.model import FileFacts
from eisync.core.writers import NO_WRITERS, SOME_WRITERS, Ask, SameAnswer, Writers, cannot_tell
from eisync.errors import UnreachableError
from tests.core import formats
from tests.fakes import failing

SOUND = bytes(range(1, 201))
ENOUGH = 1 << 30


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    place.mkdir()
    return place


def facts_of(root: Path, path: str) -> FileFacts:
    facts = file_facts.facts_at(str(root), path)
    assert facts is not None
    return facts


def advance(examination: FormatCheck, root: str, path: str, facts: FileFacts, *, most_bytes: int) -> int | None:
    """Continue the format check, with any writer. Return its cost; None: the file is another version by now."""
    found = content.inspect(examination, root, path, facts, SameAnswer(), most_bytes=most_bytes, goes_on=None)
    return None if found is None or found.is_another else found.spent


def verdict_of(root: Path, path: str, facts: FileFacts | None = None) -> Completeness | None:
    facts = facts_of(root, path) if facts is None else facts
    examination = FormatCheck(path, facts.size)
    spent = advance(examination, str(root), path, facts, most_bytes=ENOUGH)
    return None if spent is None else examination.verdict


def test_the_verdict_is_that_of_the_format(root: Path) -> None:
    (root / "a.wav").write_bytes(formats.wav(SOUND))
    (root / "b.wav").write_bytes(formats.wav(SOUND)[:99])
    assert isinstance(verdict_of(root, "a.wav"), Complete)
    assert isinstance(verdict_of(root, "b.wav"), Truncated)


def test_a_sparse_file_is_read_where_it_matters(root: Path) -> None:
    size = 2 * 1024**3
    with (root / "a.wav").open("wb") as file:
        file.write(formats.wav(b"", riff=size - 8, data=size - 44))
        file.truncate(size)
    facts = facts_of(root, "a.wav")
    examination = FormatCheck("a.wav", size)
    spent = advance(examination, str(root), "a.wav", facts, most_bytes=ENOUGH)
    assert isinstance(examination.verdict, Complete)
    assert spent is not None
    assert spent < 10_000


def test_a_slice_is_no_larger_than_it_may_be(root: Path) -> None:
    (root / "a.json").write_bytes(formats.document(list(range(200_000))))
    facts = facts_of(root, "a.json")
    examination = FormatCheck("a.json", facts.size)
    slices = 0
    while examination.verdict is None:
        spent = advance(examination, str(root), "a.json", facts, most_bytes=100_000)
        assert spent is not None
        assert spent < 100_000 + 70_000
        slices += 1
    assert slices > 5


@pytest.mark.parametrize("change", ["grown", "replaced", "gone", "a link", "a pipe"])
def test_another_file_is_no_evidence(root: Path, change: str) -> None:
    place = root / "a.wav"
    place.write_bytes(formats.wav(SOUND))
    facts = facts_of(root, "a.wav")
    (root.parent / "other.wav").write_bytes(formats.wav(SOUND))
    if change == "grown":
        place.write_bytes(formats.wav(SOUND * 2))
    elif change == "replaced":
        (root.parent / "other.wav").rename(place)
    else:
        place.unlink()
    if change == "a link":
        place.symlink_to(root.parent / "other.wav")
    elif change == "a pipe":
        os.mkfifo(place)
    assert verdict_of(root, "a.wav", facts) is None


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_left_to_who_sends_it(root: Path) -> None:
    (root / "a.wav").write_bytes(formats.wav(SOUND))
    (root / "a.wav").chmod(0o000)
    assert isinstance(verdict_of(root, "a.wav"), Undecidable)


def test_a_folder_that_is_swapped_for_a_link_leads_nowhere(root: Path) -> None:
    """The file outside has the expected facts: only the path to it shows the difference."""
    outside, inside, aside = root.parent / "outside", root / "inside", root / "aside"
    outside.mkdir()
    inside.mkdir()
    (inside / "a.wav").write_bytes(formats.wav(SOUND))
    (outside / "secret.wav").write_bytes(b"RIFF" + b"secret" * 40)
    os.link(outside / "secret.wav", outside / "a.wav")
    secret = facts_of(outside, "a.wav")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            inside.rename(aside)
            inside.symlink_to(outside)
            inside.unlink()
            aside.rename(inside)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        verdicts = [verdict_of(root, "inside/a.wav", secret) for _ in range(3_000)]
    finally:
        stop.set()
        swapping.join()
    assert {None} == set(verdicts)


def test_a_file_is_hashed_in_pieces(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "HASH_CHUNK_BYTES", 7)
    (root / "a.csv").write_bytes(SOUND)
    facts, digest = facts_of(root, "a.csv"), hashlib.sha256()
    pieces: list[int] = []
    while sum(pieces) < len(SOUND):
        read = content.hash_on(digest.update, str(root), "a.csv", facts, offset=sum(pieces), most_bytes=90)
        assert read is not None
        pieces.append(read)
    assert ([90, 90, 20], hashlib.sha256(SOUND).hexdigest()) == (pieces, digest.hexdigest())
    assert 0 == content.hash_on(digest.update, str(root), "a.csv", facts, offset=len(SOUND), most_bytes=90)


@pytest.mark.parametrize("change", ["grown", "gone", "a link", "a folder"])
def test_another_file_has_no_hash(root: Path, change: str) -> None:
    place = root / "a.csv"
    place.write_bytes(SOUND)
    facts = facts_of(root, "a.csv")
    if change == "grown":
        place.write_bytes(SOUND * 2)
    else:
        place.unlink()
    if change == "a link":
        (root / "b.csv").write_bytes(SOUND)
        place.symlink_to("b.csv")
    elif change == "a folder":
        place.mkdir()
    assert None is content.hash_on(hashlib.sha256().update, str(root), "a.csv", facts, offset=0, most_bytes=ENOUGH)


def test_a_hash_waits_where_no_file_can_be_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a.csv").write_bytes(SOUND)
    facts = facts_of(root, "a.csv")
    monkeypatch.setattr(
        content, "open_inside", failing(1, OSError(errno.EMFILE, "Too many open files"), file_facts.open_inside)
    )
    with pytest.raises(UnreachableError, match="no file can be read at the moment"):
        content.hash_on(hashlib.sha256().update, str(root), "a.csv", facts, offset=0, most_bytes=ENOUGH)
    assert len(SOUND) == content.hash_on(
        hashlib.sha256().update, str(root), "a.csv", facts, offset=0, most_bytes=ENOUGH
    )


def test_a_marker_counts_for_content_that_is_not_newer(root: Path) -> None:
    file, marker = root / "a.csv", root / "a.csv.done"
    file.write_bytes(b"1,2\n")
    assert Marker.ABSENT is content.marker_of(str(root), "a.csv")
    marker.touch()
    assert Marker.SET is content.marker_of(str(root), "a.csv")
    os.utime(file, (1_600_000_000, 1_600_000_000))  # a copy that keeps its old time
    file.chmod(0o600)
    assert Marker.SET is content.marker_of(str(root), "a.csv")
    changed_at = max(marker.stat().st_mtime_ns, marker.stat().st_ctime_ns)
    while min(file.stat().st_mtime_ns, file.stat().st_ctime_ns) <= changed_at:
        file.write_bytes(b"3,4\n")
    assert Marker.OLDER is content.marker_of(str(root), "a.csv")
    marker.unlink()
    marker.mkdir()
    assert Marker.ABSENT is content.marker_of(str(root), "a.csv")


# --- the writer probe on the same descriptor


class Asked:
    """Return the answers in turn, the last one for ever. Call `between` before each except the first."""

    def __init__(self, *answers: Writers, between: Callable[[], object] = lambda: None) -> None:
        self.answers = list(answers)
        self.between = between
        self.asked: list[tuple[int, str, str]] = []

    def __call__(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        if self.asked:
            self.between()
        self.asked.append((os.fstat(descriptor).st_ino, root, path))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def inspect(
    root: Path, path: str, asked: Ask, *, goes_on: bool | None
) -> tuple[Inspection | None, Completeness | None]:
    facts = facts_of(root, path)
    examination = FormatCheck(path, facts.size)
    answer = None if goes_on is None else lambda _: goes_on
    inspection = content.inspect(examination, str(root), path, facts, asked, most_bytes=ENOUGH, goes_on=answer)
    return inspection, examination.verdict


NOBODY_TELLS = cannot_tell("so")


@pytest.mark.parametrize(
    ("answers", "goes_on", "last", "is_read", "times"),
    [
        ([NO_WRITERS], None, NO_WRITERS, True, 1),
        ([NOBODY_TELLS], None, NOBODY_TELLS, True, 1),
        ([SOME_WRITERS], None, SOME_WRITERS, True, 1),
        ([NO_WRITERS], False, NO_WRITERS, True, 2),
        ([NO_WRITERS, SOME_WRITERS], False, SOME_WRITERS, True, 2),
        ([SOME_WRITERS], False, SOME_WRITERS, False, 1),
        ([NOBODY_TELLS], False, NOBODY_TELLS, False, 1),
        ([NOBODY_TELLS], True, NOBODY_TELLS, True, 2),
    ],
)
def test_who_writes_the_file_is_asked_behind_the_reads_and_before_them_where_that_may_spare_them(
    root: Path, answers: list[Writers], goes_on: bool | None, last: Writers, is_read: bool, times: int
) -> None:
    (root / "a.wav").write_bytes(formats.wav(SOUND))
    asked = Asked(*answers)
    inspection, verdict = inspect(root, "a.wav", asked, goes_on=goes_on)
    assert inspection is not None
    assert (last, False, is_read) == (inspection.writers, inspection.is_another, isinstance(verdict, Complete))
    assert [((root / "a.wav").stat().st_ino, str(root), "a.wav")] * times == asked.asked


@pytest.mark.parametrize("writes", [b"", b"more"])
@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_a_writer_that_opens_the_file_between_the_question_and_the_read_is_found_behind_it(
    root: Path, writes: bytes
) -> None:
    (root / "a.wav").write_bytes(formats.wav(SOUND))
    writer_probe.ignore_lease_breaks()
    with contextlib.ExitStack() as stack:

        def come() -> None:
            file = stack.enter_context((root / "a.wav").open("ab"))
            file.write(writes)
            file.flush()

        real = writer_probe.WriterProbe().asking()
        asked = Asked(NO_WRITERS, between=come)

        def ask(descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
            asked(descriptor, root, path)
            return real(descriptor, root, path, is_last=is_last)

        inspection, _ = inspect(root, "a.wav", ask, goes_on=False)
        assert inspection is not None
        assert (SOME_WRITERS, bool(writes)) == (inspection.writers, inspection.is_another)


def test_what_a_writer_left_behind_is_another_version(root: Path) -> None:
    (root / "a.wav").write_bytes(formats.wav(SOUND))
    asked = Asked(NO_WRITERS, between=lambda: (root / "a.wav").write_bytes(formats.wav(SOUND)[:99]))
    assert None is inspect(root, "a.wav", asked, goes_on=False)[0]


def test_a_file_without_a_format_check_is_opened_for_the_probe_only(root: Path) -> None:
    (root / "a.csv").write_bytes(b"content")
    asked = Asked(NO_WRITERS)
    with content.reading(asked) as inspect:
        inspection = inspect(None, str(root), "a.csv", facts_of(root, "a.csv"), most_bytes=ENOUGH, goes_on=None)
    assert (Inspection(content.READ_COSTS_BYTES, NO_WRITERS), 1) == (inspection, len(asked.asked))


def test_a_file_that_cannot_be_opened_is_not_probed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a.wav").write_bytes(formats.wav(SOUND))
    refused = failing(1, PermissionError(errno.EACCES, "Permission denied"), OpenFolder.open)
    monkeypatch.setattr(OpenFolder, "open", lambda *args: refused(*args))
    _check_unreadable(root)


def _check_unreadable(root: Path) -> None:
    asked = Asked(NO_WRITERS)
    inspection, verdict = inspect(root, "a.wav", asked, goes_on=False)
    assert inspection is not None
    assert (None, []) == (inspection.writers, asked.asked)
    assert Undecidable("it cannot be read (Permission denied)") == verdict


def test_a_file_that_another_program_keeps_to_itself_is_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a.wav").write_bytes(formats.wav(SOUND))
    held = failing(1, BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), OpenFolder.open)
    monkeypatch.setattr(OpenFolder, "open", lambda *args: held(*args))
    inspection, verdict = inspect(root, "a.wav", Asked(NO_WRITERS), goes_on=None)
    assert inspection is not None
    assert (SOME_WRITERS, None) == (inspection.writers, verdict)
