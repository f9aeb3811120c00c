"""The watcher's decisions by evidence: which files enter at once, which wait, which are quarantined."""

import contextlib
import errno
import mmap
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from eisync.adapters.files import content, writer_probe
from eisync.adapters.files.file_facts import OpenFolder
from eisync.core.completeness import CompletenessPolicy, Inspect, Marker
from eisync.core.formats.check import FormatCheck
from eisync.core.ignore import IgnoreRules, RuleFile
from eisync.core.lifecycle import State
from eisync.core.model import MAX_FILE_BYTES
from eisync.core.watch_health import Mode
from eisync.core.writers import BEING_WRITTEN, NO_WRITERS, SOME_WRITERS, Ask, Writers, cannot_tell
from eisync.errors import UnreachableError
from eisync.loops.watcher import completeness as module
from tests.core import formats
from tests.fakes import failing

from .yard import Yard, run

READY, QUARANTINED = State.READY, State.QUARANTINED
SOUND = bytes(range(200)) * 10
MARKED = CompletenessPolicy(settle_s=2.0, patience_s=600.0, needs_marker=True)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells who writes")


HELD = {
    "log.csv": b"timestamp,accX\n0,1\n",
    "notes.txt": b"a line",
    "whole.wav": formats.wav(SOUND),
    "whole.json": b"[1, 2]",
    "open.wav": formats.wav(SOUND, riff=0xFFFFFFFF, data=0xFFFFFFFF),
    "cut.wav": formats.wav(SOUND)[:500],
    "empty.csv": b"",
}


def announce(yard: Yard, *paths: str, is_closed: bool = True) -> None:
    heard = yard.fake_events.of(1)
    heard.files.update(paths)
    if is_closed:
        heard.closed.update(paths)


def started(yard: Yard, **more: Any) -> Any:
    loop = yard.watcher(**more)
    run(loop, yard.later)
    return loop


def test_a_closed_whole_file_enters_at_once(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later - 3600.0)
    yard.write("a.wav", formats.wav(SOUND))
    announce(yard, "a.wav")
    run(loop, yard.touched_at("a.wav"))
    assert {"a.wav": READY} == yard.states()
    (line,) = [line for line in yard.log.lines if line.event == "file.enqueued"]
    assert "as long as its WAV header says; no program has it open for writing" == line.fields["evidence"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [(16, {("info", "file.enqueued"): 16}), (17, {("debug", "file.enqueued"): 17, ("info", "files.enqueued"): 1})],
)
def test_many_files_that_enter_at_once_are_logged_in_one_line(
    yard: Yard, files: int, expected: dict[tuple[str, str], int]
) -> None:
    for number in range(files):
        yard.write(f"{number}.wav", formats.wav(SOUND))
    run(yard.watcher(), yard.later)
    assert expected == Counter((line.level, line.event) for line in yard.log.lines)
    assert {files, None} >= {line.fields.get("files") for line in yard.log.lines}


@on_linux
@pytest.mark.parametrize("name", ["whole.wav", "whole.json"])
@pytest.mark.parametrize("is_announced", [False, True])
def test_a_whole_file_without_a_writer_enters_at_once_from_event_or_scan(
    yard: Yard, name: str, is_announced: bool
) -> None:
    yard.write(name, HELD[name])
    loop = yard.watcher()
    if is_announced:
        announce(yard, name, is_closed=False)
    run(loop, yard.touched_at(name))
    assert {name: READY} == yard.states()


NOBODY_TELLS = cannot_tell("its file system (nfs4) does not report every writer")


@pytest.mark.parametrize(
    ("name", "is_heard", "is_closed", "wait_s"),
    [
        ("whole.wav", False, False, 2.0),
        ("whole.wav", True, False, 600.0),
        ("whole.wav", True, True, 0.0),
        ("log.csv", False, False, 2.0),
        ("log.csv", True, False, 600.0),
        ("log.csv", True, True, 2.0),
        ("open.wav", False, False, 600.0),
        ("open.wav", True, False, 600.0),
        ("open.wav", True, True, 2.0),
    ],
)
def test_if_the_kernel_cannot_report_writers_the_wait_depends_on_close_events(
    yard: Yard, name: str, is_heard: bool, is_closed: bool, wait_s: float
) -> None:
    mode = Mode.AUTO if is_heard else Mode.SCAN
    loop = yard.watcher(outside={"ask_writers": PreparedProbe(NOBODY_TELLS)}, mode=mode)
    run(loop, yard.later - 3600.0)
    yard.write(name, HELD[name])
    now = yard.touched_at(name)
    announce(yard, name, is_closed=is_closed)
    run(loop, now)
    if wait_s:
        run(loop, now + 1.9)
        run(loop, now + wait_s - 0.01)
        assert {} == yard.states()
        (reason,) = reasons(loop, now + wait_s - 0.01).values()
        assert (NOBODY_TELLS.why in reason) == ((not is_closed and wait_s != 2.0) or name == "whole.wav")
        assert f"unchanged for {wait_s:.0f} s of {wait_s:g} s" in reason
    run(loop, now + wait_s)
    assert {name: READY} == yard.states()


def test_the_status_of_a_folder_says_how_its_writers_are_known(yard: Yard) -> None:
    probe = PreparedProbe(NO_WRITERS, NOBODY_TELLS, NO_WRITERS)
    loop = yard.watcher(outside={"ask_writers": probe})
    assert [None] == [one.writers for one in loop.status()]
    for name, text in (
        ("a.wav", "eisync asks the kernel who writes its files"),
        ("b.wav", f"eisync cannot tell who writes some of its files: {NOBODY_TELLS.why}"),
        ("c.wav", "eisync asks the kernel who writes its files"),
    ):
        yard.write(name, formats.wav(SOUND))
        announce(yard, name)
        run(loop, yard.later)
        assert [text] == [one.writers for one in loop.status()]


def test_an_old_file_enters_at_once_even_if_its_writers_are_unknown(yard: Yard) -> None:
    """No event could have reported its close, but its last change is long enough ago."""
    yard.write("a.wav", formats.wav(SOUND))
    loop = yard.watcher(outside={"ask_writers": PreparedProbe(NOBODY_TELLS)})
    run(loop, yard.touched_at("a.wav") + 599.0)
    assert {} == yard.states()
    loop = yard.watcher(outside={"ask_writers": PreparedProbe(NOBODY_TELLS)})
    run(loop, yard.touched_at("a.wav") + 600.0)
    assert {"a.wav": READY} == yard.states()


def test_a_file_that_cannot_be_opened_does_not_wait_for_an_answer(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting would not make it readable, so a person must act."""
    probe = PreparedProbe(NOBODY_TELLS)
    yard.write("a.wav", formats.wav(SOUND))
    refused = failing(9, PermissionError(errno.EACCES, "Permission denied"), OpenFolder.open)
    monkeypatch.setattr(OpenFolder, "open", lambda *args: refused(*args))
    run(yard.watcher(outside={"ask_writers": probe}), yard.touched_at("a.wav") + 2.0)
    assert ({"a.wav": READY}, []) == (yard.states(), probe.asked)


def test_a_closed_file_whose_format_shows_no_end_waits_for_settle_s(yard: Yard) -> None:
    yard.write("a.csv")
    touched_at = yard.touched_at("a.csv")
    loop = yard.watcher()
    announce(yard, "a.csv")
    run(loop, touched_at + 1.9)
    assert {} == yard.states()
    run(loop, touched_at + 2.0)
    assert {"a.csv": READY} == yard.states()


def test_a_truncated_file_waits_while_it_grows_and_is_then_quarantined(yard: Yard) -> None:
    whole = formats.wav(SOUND)
    yard.write("a.wav", whole[:500])
    loop = yard.watcher()
    now = yard.touched_at("a.wav")
    announce(yard, "a.wav")
    run(loop, now)
    for length in (600, 700):
        now += 500.0
        yard.write("a.wav", whole[:length])
        announce(yard, "a.wav")
        run(loop, now)
    run(loop, now + 599.0)
    assert {} == yard.states()
    (seen,) = loop.unsettled(now + 599.0)
    assert "WAV header promises 2,044 bytes, the file has 700" == seen.reason
    run(loop, now + 600.0)
    assert {"a.wav": QUARANTINED} == yard.states()
    assert "WAV header promises 2,044 bytes, the file has 700" == yard.reason("a.wav")
    assert [] == loop.unsettled(now + 600.0)
    assert 1 == yard.log.events().count("file.quarantined")


def test_a_quarantined_file_enters_when_it_is_completed(yard: Yard) -> None:
    whole = formats.wav(SOUND)
    yard.write("a.wav", whole[:500])
    loop = started(yard)
    assert {"a.wav": QUARANTINED} == yard.states()
    yard.write("a.wav", whole)
    announce(yard, "a.wav")
    run(loop, yard.later + 1.0)
    assert {"a.wav": READY} == yard.states()


def test_a_quarantined_file_that_a_person_retries_is_not_checked_again(yard: Yard) -> None:
    yard.write("a.wav", formats.wav(SOUND)[:500])
    loop = started(yard)
    yard.insist()
    announce(yard, "a.wav")
    run(loop, yard.later + 1.0)
    run(loop, yard.later + 9_000.0)
    assert {"a.wav": READY} == yard.states()


# --- writers


def reasons(loop: Any, now: float) -> dict[str, str]:
    return {seen.path: seen.reason for seen in loop.unsettled(now)}


@on_linux
@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("is_heard", [False, True])
def test_a_file_that_a_program_has_open_for_writing_waits_for_its_close(yard: Yard, name: str, is_heard: bool) -> None:
    yard.write(name, HELD[name])
    loop = yard.watcher()
    with yard.path(name).open("ab"):
        run(loop, yard.touched_at(name))
        for second in (1.0, 2.0, 3.0, 10.0, 599.0, 601.0, 9_000.0):  # beyond settle_s, and beyond patience_s
            run(loop, yard.later + second)
            assert {} == yard.states()
        assert {name: BEING_WRITTEN} == reasons(loop, yard.later + 9_000.0)
    if is_heard:
        announce(yard, name)
    closed_at = yard.later + (9_000.0 if is_heard else 9_001.0)
    run(loop, closed_at)
    if name.startswith("whole"):
        assert {name: READY} == yard.states()  # at once, or a second after the last question
    else:
        assert {} == yard.states()
    run(loop, yard.later + 9_002.0)
    run(loop, yard.later + 9_004.0)
    if name in ("cut.wav", "empty.csv") and is_heard:
        assert {} == yard.states()  # its writer may open it again: patience_s begins now
        run(loop, yard.later + 9_700.0)
    assert {name: QUARANTINED if name in ("cut.wav", "empty.csv") else READY} == yard.states()


@on_linux
def test_a_whole_file_enters_at_once_when_its_writer_closes_it(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later - 3600.0)
    with yard.write("a.wav", formats.wav(SOUND)).open("r+b"):
        announce(yard, "a.wav")  # by another writer, which had it open as well
        run(loop, yard.later)
        assert {"a.wav": BEING_WRITTEN} == reasons(loop, yard.later)
        run(loop, yard.later + 5.0)
    announce(yard, "a.wav")
    run(loop, yard.later + 5.1)
    assert {"a.wav": READY} == yard.states()


@on_linux
def test_a_table_enters_settle_s_after_its_close(yard: Yard) -> None:
    loop = yard.watcher()
    with yard.write("a.csv").open("ab"):
        run(loop, yard.later)
    announce(yard, "a.csv")
    run(loop, yard.later + 1.0)
    assert {"a.csv": "unchanged for 0 s of 2 s"} == reasons(loop, yard.later + 1.0)
    run(loop, yard.later + 2.9)
    assert {} == yard.states()
    run(loop, yard.later + 3.0)
    assert {"a.csv": READY} == yard.states()


@on_linux
def test_a_marker_does_not_close_a_file(yard: Yard) -> None:
    yard.write("a.csv.done", b"")
    with yard.write("a.csv").open("ab"):
        Path(yard.path("a.csv.done")).touch()
        loop = started(yard, policy=MARKED)
        assert ({}, {"a.csv": BEING_WRITTEN}) == (yard.states(), reasons(loop, yard.later))
    run(loop, yard.later + 1.0)
    assert {"a.csv": READY} == yard.states()


@on_linux
def test_a_recording_is_checked_every_second_while_written_and_not_read(yard: Yard) -> None:
    """Also without events, the file enters within a second of its close, and not `settle_s` later."""
    counted, whole = Counted(), formats.wav(SOUND)
    loop = yard.watcher(outside={"contents": counted}, mode=Mode.SCAN)
    with yard.path("a.wav").open("wb") as file:
        file.write(whole[:500])
        file.flush()
        now = yard.touched_at("a.wav")
        for piece in (whole[500:1000], whole[1000:1500], whole[1500:]):
            file.write(piece)
            file.flush()
            wait_s = run(loop, now)
            assert {"a.wav": BEING_WRITTEN} == reasons(loop, now)
            assert 1.0 == pytest.approx(wait_s)
            now += 1.0
        assert (["a.wav"] * 3, []) == (counted.calls, counted.read)
    run(loop, now)
    assert ({"a.wav": READY}, ["a.wav"]) == (yard.states(), counted.read)


@on_linux
def test_a_killed_recorder_leaves_a_truncated_file(yard: Yard) -> None:
    """It waits for the rest, and is quarantined with what is missing. If it was preallocated to its full length, the
    missing end cannot be told from silence."""
    whole = formats.wav(SOUND)
    dies = (
        "import os, sys; file = open(sys.argv[1], 'wb'); file.write({content!r}); file.flush(); {more};"
        "print(flush=True); sys.stdin.read()"
    )
    loop = yard.watcher()
    processes = []
    for name, more in (("plain.wav", "0"), ("reserved.wav", f"os.posix_fallocate(file.fileno(), 0, {len(whole)})")):
        command = [sys.executable, "-S", "-c", dies.format(content=whole[:500], more=more), str(yard.path(name))]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    for process in processes:
        with process:
            assert process.stdout is not None
            assert b"\n" == process.stdout.readline()
            run(loop, yard.later)
            process.kill()
    run(loop, yard.later + 1.0)
    run(loop, yard.later + 601.0)
    assert {"plain.wav": QUARANTINED, "reserved.wav": READY} == yard.states()
    assert "WAV header promises 2,044 bytes, the file has 500" == yard.reason("plain.wav")


@on_linux
def test_a_mapping_with_a_closed_descriptor_counts_as_a_writer_until_unmapped(yard: Yard) -> None:
    """A mapping gives no close event."""
    loop = yard.watcher()
    run(loop, yard.later - 3600.0)
    with yard.write("a.wav", formats.wav(SOUND)).open("r+b") as file:
        held = mmap.mmap(file.fileno(), 0)
    announce(yard, "a.wav")
    for second in (0.0, 0.1, 60.0, 9_000.0):
        run(loop, yard.later + second)
        assert ({}, {"a.wav": BEING_WRITTEN}) == (yard.states(), reasons(loop, yard.later + second))
    held.close()
    run(loop, yard.later + 9_001.0)
    assert {"a.wav": READY} == yard.states()


@on_linux
@pytest.mark.parametrize("size", [MAX_FILE_BYTES, 1 << 32])
def test_a_preallocated_file_that_is_too_large_is_not_refused_while_written(yard: Yard, size: int) -> None:
    whole = formats.wav(SOUND)
    loop = yard.watcher()
    with yard.path("a.wav").open("wb") as file:
        file.truncate(size)
        run(loop, yard.later)
        assert ({}, {"a.wav": BEING_WRITTEN}) == (yard.states(), reasons(loop, yard.later))
        file.write(whole)
        file.truncate(len(whole))
    announce(yard, "a.wav")
    run(loop, yard.later + 1.0)
    assert {"a.wav": READY} == yard.states()


@on_linux
def test_a_writer_that_comes_between_the_question_and_the_read_is_found(yard: Yard) -> None:
    yard.write("a.wav", formats.wav(SOUND))
    writers: list[IO[bytes]] = []

    class Coming(PreparedProbe):
        def ask(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
            answer = real(descriptor, root, path, is_last=is_last)
            if not writers:
                writers.append(yard.path("a.wav").open("r+b"))
            return answer

    real = writer_probe.WriterProbe().asking()
    loop = yard.watcher(outside={"ask_writers": Coming(NO_WRITERS)})
    now = yard.touched_at("a.wav")
    run(loop, now)
    assert ({}, {"a.wav": BEING_WRITTEN}) == (yard.states(), reasons(loop, now))
    writers[0].close()
    run(loop, now + 1.0)
    assert {"a.wav": READY} == yard.states()


class PreparedProbe:
    """A probe with prepared answers; the last one repeats."""

    def __init__(self, *answers: Writers | UnreachableError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self) -> Ask:
        return self.ask

    def ask(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        assert os.path.samestat(os.fstat(descriptor), os.stat(os.path.join(root, path)))
        self.asked.append(path)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, UnreachableError):
            raise answer
        return answer


def test_a_first_scan_opens_each_file_once_and_asks_on_that_descriptor(yard: Yard) -> None:
    probe, counted = PreparedProbe(NO_WRITERS), Counted()
    for name in ("log.csv", "whole.wav", "whole.json"):
        yard.write(name, HELD[name])
    run(yard.watcher(outside={"ask_writers": probe, "contents": counted}), yard.later)
    assert ["log.csv", "whole.json", "whole.wav"] == sorted(probe.asked) == sorted(counted.calls)
    assert {READY} == set(yard.states().values())


def test_without_a_writer_the_other_evidence_decides(yard: Yard) -> None:
    probe = PreparedProbe(NO_WRITERS)
    yard.write("a.csv")
    run(yard.watcher(outside={"ask_writers": probe}), yard.touched_at("a.csv") + 2.0)
    assert ({"a.csv": READY}, ["a.csv"]) == (yard.states(), probe.asked)


def test_the_kernel_is_asked_only_about_files_that_would_enter(yard: Yard) -> None:
    probe = PreparedProbe(NO_WRITERS)
    yard.write("a.csv")
    loop = yard.watcher(outside={"ask_writers": probe})
    now = yard.touched_at("a.csv")
    for tenth in range(19):
        announce(yard, "a.csv")
        run(loop, now + tenth / 10)
    assert [] == probe.asked
    run(loop, now + 2.0)
    run(loop, now + 100.0)
    assert ["a.csv"] == probe.asked


def test_a_writer_probe_that_fails_is_repeated_later(yard: Yard) -> None:
    probe = PreparedProbe(UnreachableError("no file can be opened at the moment (too many open files)"), NO_WRITERS)
    yard.write("a.csv")
    loop = yard.watcher(outside={"ask_writers": probe})
    run(loop, yard.later)
    assert {} == yard.states()
    run(loop, yard.later + 1.0)
    assert {"a.csv": READY} == yard.states()


def test_a_close_event_that_comes_early_delays_the_file_only_a_moment(yard: Yard) -> None:
    loop = yard.watcher(outside={"ask_writers": PreparedProbe(SOME_WRITERS, NO_WRITERS)})
    run(loop, yard.later - 3600.0)
    yard.write("a.wav", formats.wav(SOUND))
    announce(yard, "a.wav")
    assert 0.1 == pytest.approx(run(loop, yard.later), abs=1e-3)
    run(loop, yard.later + 0.1)
    assert {"a.wav": READY} == yard.states()


class Counted:
    """The real inspection, with a count; the first `fails` calls report that no file can be opened."""

    def __init__(self, fails: int = 0) -> None:
        self.calls: list[str] = []
        self.read: list[str] = []
        self.fails = fails

    @contextlib.contextmanager
    def reading(self, ask: Ask) -> Iterator[Inspect]:
        with content.reading(ask) as real:

            def inspect(examination: FormatCheck | None, root: str, path: str, *rest: Any, **more: Any) -> Any:
                self.calls.append(path)
                if len(self.calls) <= self.fails:
                    raise UnreachableError("no file can be read at the moment (too many open files)")
                wanted = None if examination is None else examination.wants
                inspection = real(examination, root, path, *rest, **more)
                if examination is not None and examination.wants is not wanted:
                    self.read.append(path)
                return inspection

            yield inspect

    def marker_of(self, root: str, path: str) -> Marker:
        return content.marker_of(root, path)


def test_each_version_is_checked_once(yard: Yard) -> None:
    counted = Counted()
    loop = yard.watcher(outside={"contents": counted})
    yard.write("a.wav", formats.wav(SOUND)[:500])
    now = yard.touched_at("a.wav")
    for second in range(10):
        announce(yard, "a.wav")
        run(loop, now + second)
    assert ["a.wav"] == counted.calls
    yard.write("a.wav", formats.wav(SOUND))
    announce(yard, "a.wav")
    run(loop, now + 11.0)
    announce(yard, "a.wav")
    run(loop, now + 100.0)
    assert (["a.wav"] * 2, {"a.wav": READY}) == (counted.calls, yard.states())


@pytest.mark.parametrize("name", ["a.jpg", "a.json", "a.wav", "a.csv", "a.txt", "a.cbor", "a.mp4"])
@pytest.mark.parametrize("size", [MAX_FILE_BYTES, 1 << 42])
def test_what_is_too_large_for_the_service_is_refused_before_a_byte_of_it_is_read(
    yard: Yard, name: str, size: int
) -> None:
    counted = Counted()
    os.truncate(yard.write(name), size)
    yard.write("small.wav", formats.wav(SOUND))
    run(yard.watcher(outside={"contents": counted}), yard.touched_at("small.wav") + 2.0)  # and not after `patience_s`
    assert {name: QUARANTINED, "small.wav": READY} == yard.states()
    assert ["small.wav"] == counted.read
    assert "Edge Impulse takes only files below 100 MiB; split the recording into shorter ones" in yard.reason(name)
    yard.path(name).unlink()  # so that it is not read to its end


def test_a_preallocated_file_enters_once_it_is_truncated_to_its_content(yard: Yard) -> None:
    place = yard.write("a.wav", formats.wav(SOUND))
    size = place.stat().st_size
    os.truncate(place, MAX_FILE_BYTES)
    loop = yard.watcher()
    run(loop, yard.later)
    os.truncate(place, size)
    announce(yard, "a.wav")
    run(loop, yard.later + 60.0)
    assert {"a.wav": READY} == yard.states()


def test_a_process_without_descriptors_checks_again_later(yard: Yard) -> None:
    yard.write("a.wav", formats.wav(SOUND))
    loop = yard.watcher(outside={"contents": Counted(fails=3)})
    for second in range(4):
        assert {} == yard.states()
        run(loop, yard.later + second)
    assert {"a.wav": READY} == yard.states()


def test_a_long_check_takes_many_ticks_and_delays_no_other_file(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_PER_TICK", 100_000)
    yard.write("a long one.json", formats.document(list(range(300_000))))
    yard.write("b.wav", formats.wav(SOUND))
    loop = yard.watcher()
    ticks = 0
    order = []
    while loop.tick(yard.later) == 0.0:
        ticks += 1
        order += [path for path in yard.states() if path not in order]
    order += [path for path in yard.states() if path not in order]
    assert (["b.wav", "a long one.json"], True) == (order, ticks > 10)
    assert {} == loop._watchers[0]._intake._completeness._under_way


def test_reading_beyond_the_limit_of_a_tick_is_left_to_the_next(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_PER_TICK", 50_000)
    for number in range(10):
        yard.write(f"{number}.json", formats.document(list(range(5_000))))
    loop = yard.watcher()
    ticks = 1
    while loop.tick(yard.later) == 0.0:
        ticks += 1
    assert ({f"{number}.json": READY for number in range(10)}, True) == (yard.states(), ticks > 4)


def test_a_file_that_changes_during_its_check_is_checked_again(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_PER_TICK", 100_000)
    yard.write("a.json", formats.document(list(range(300_000))))
    loop = yard.watcher()
    for _ in range(4):
        loop.tick(yard.later)
    yard.write("a.json", b"[1, 2")
    for second in range(10):
        run(loop, yard.later + second)
    (seen,) = loop.unsettled(yard.later)
    assert "JSON has 1 bracket that it does not close; the file has 5 bytes" == seen.reason
    assert {} == yard.states()


def test_a_folder_that_became_a_link_is_not_followed(yard: Yard) -> None:
    outside = yard.place / "outside"
    outside.mkdir()
    yard.write("inside/a.wav", formats.wav(SOUND))
    loop = yard.watcher(outside={"ask_writers": PreparedProbe(NOBODY_TELLS)}, mode=Mode.SCAN)
    now = yard.touched_at("inside/a.wav")
    run(loop, now)
    yard.path("inside").rename(outside / "inside")
    yard.path("inside").symlink_to(outside / "inside")
    for second in range(1, 10):
        run(loop, now + second)
    assert ({}, []) == (yard.states(), loop.unsettled(now))


@pytest.mark.parametrize("place", [".eisyncignore", "part/.eisyncignore"])
def test_a_rule_that_is_added_while_a_file_settles_applies(yard: Yard, place: str) -> None:
    yard.write("part/a.csv")
    rules: dict[str, RuleFile] = {}
    loop = yard.watcher(eligibility=IgnoreRules(rules_in=lambda folder, *, anew=False: rules.get(folder)))
    now = yard.touched_at("part/a.csv")
    run(loop, now)
    rules[place.rpartition("/")[0]] = RuleFile(["a.csv"])
    run(loop, now + 3.0)
    assert ({}, []) == (yard.states(), loop.unsettled(now))


def test_a_file_that_was_settling_under_other_rules_is_left_alone(yard: Yard) -> None:
    yard.write("a.csv")
    run(yard.watcher(), yard.touched_at("a.csv") + 3.0)
    known = yard.outbox.known_at(yard.root.id, "a.csv")
    assert known is not None
    yard.outbox.mark_changed([known.id], now=yard.later)
    loop = yard.watcher(eligibility=IgnoreRules(["a.*"]))
    run(loop, yard.later + 60.0)
    run(loop, yard.later + 120.0)
    assert ({"a.csv": State.SETTLING}, []) == (yard.states(), loop.unsettled(yard.later))


# --- markers


def test_a_file_enters_when_its_marker_exists(yard: Yard) -> None:
    yard.write("a.csv")
    loop = started(yard, policy=MARKED)
    run(loop, yard.later + 9_000.0)
    assert {} == yard.states()
    assert ["waiting for its marker, <name>.done"] == [seen.reason for seen in loop.unsettled(yard.later)]
    yard.write("a.csv.done", b"")
    announce(yard, "a.csv.done")
    run(loop, yard.later + 9_001.0)
    assert {"a.csv": READY} == yard.states()


def test_a_marker_that_is_older_than_the_file_does_not_count(yard: Yard) -> None:
    yard.write("a.csv.done", b"")
    os.utime(yard.path("a.csv.done"), ns=(1, 1))
    yard.write("b.csv")  # the clock of the file system moves in steps
    while (marker := yard.touched_at("a.csv.done")) >= yard.touched_at("b.csv"):
        yard.write("b.csv")
    while not yard.path("a.csv").exists() or yard.touched_at("a.csv") <= marker:
        yard.write("a.csv")
    yard.path("b.csv").unlink()
    loop = started(yard, policy=MARKED)
    run(loop, yard.later + 9_000.0)
    assert {} == yard.states()
    assert ["its marker is older than its last change; create the marker again"] == [
        seen.reason for seen in loop.unsettled(yard.later)
    ]
    Path(yard.path("a.csv.done")).touch()
    announce(yard, "a.csv.done")
    run(loop, yard.later + 9_001.0)
    assert {"a.csv": READY} == yard.states()


def test_a_marker_does_not_make_a_truncated_file_whole(yard: Yard) -> None:
    yard.write("a.wav", formats.wav(SOUND)[:99])
    yard.write("a.wav.done", b"")
    started(yard, policy=MARKED)
    assert {"a.wav": QUARANTINED} == yard.states()
