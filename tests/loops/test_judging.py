"""The watcher, as far as it decides by evidence: what goes at once, what waits, what is quarantined."""

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters import evidence
from eisync.adapters.evidence import Advance
from eisync.core.eligible import Eligibility, RuleFile
from eisync.core.examination import Examination
from eisync.core.items import MAX_FILE_BYTES, FileFacts
from eisync.core.lifecycle import State
from eisync.core.settle import Marker, SettlePolicy
from eisync.core.writers import BEING_WRITTEN, NO_WRITERS, SOME_WRITERS, Writers, cannot_tell
from eisync.errors import UnreachableError
from eisync.loops import judging as module
from tests.core import formats

from .yard import Yard, run

READY, QUARANTINED = State.READY, State.QUARANTINED
SOUND = bytes(range(200)) * 10
MARKED = SettlePolicy(settle_s=2.0, patience_s=600.0, needs_marker=True)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells who writes")


def announce(yard: Yard, *paths: str, is_closed: bool = True) -> None:
    heard = yard.ear.of(1)
    heard.files.update(paths)
    if is_closed:
        heard.closed.update(paths)


def started(yard: Yard, **more: Any) -> Any:
    loop = yard.watcher(**more)
    run(loop, yard.later)
    return loop


def test_a_file_that_was_closed_and_is_whole_goes_at_once(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later - 3600.0)
    yard.write("a.wav", formats.wav(SOUND))
    announce(yard, "a.wav")
    run(loop, yard.touched_at("a.wav"))
    assert {"a.wav": READY} == yard.states()
    (line,) = [line for line in yard.log.lines if line.event == "file.enqueued"]
    assert "as long as its WAV header says" == line.fields["evidence"]


@pytest.mark.parametrize(
    ("files", "told"),
    [(16, {("info", "file.enqueued"): 16}), (17, {("debug", "file.enqueued"): 17, ("info", "files.enqueued"): 1})],
)
def test_many_files_that_enter_at_once_are_told_of_in_one_line(
    yard: Yard, files: int, told: dict[tuple[str, str], int]
) -> None:
    for number in range(files):
        yard.write(f"{number}.wav", formats.wav(SOUND))
    run(yard.watcher(), yard.later)
    assert told == Counter((line.level, line.event) for line in yard.log.lines)
    assert {files, None} >= {line.fields.get("files") for line in yard.log.lines}


@pytest.mark.parametrize("is_announced", [False, True])
def test_a_whole_file_that_nobody_was_seen_to_close_must_be_still(yard: Yard, is_announced: bool) -> None:
    yard.write("a.wav", formats.wav(SOUND))
    touched_at = yard.touched_at("a.wav")
    loop = yard.watcher()
    if is_announced:
        announce(yard, "a.wav", is_closed=False)
    run(loop, touched_at + 1.9)
    assert {} == yard.states()
    run(loop, touched_at + 2.0)
    assert {"a.wav": READY} == yard.states()


def test_a_file_whose_format_cannot_tell_must_be_still_though_it_was_closed(yard: Yard) -> None:
    yard.write("a.csv")
    touched_at = yard.touched_at("a.csv")
    loop = yard.watcher()
    announce(yard, "a.csv")
    run(loop, touched_at + 1.9)
    assert {} == yard.states()
    run(loop, touched_at + 2.0)
    assert {"a.csv": READY} == yard.states()


def test_a_cut_file_waits_as_long_as_it_grows_and_is_quarantined_with_the_finding(yard: Yard) -> None:
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


def test_a_quarantined_file_goes_when_the_rest_comes(yard: Yard) -> None:
    whole = formats.wav(SOUND)
    yard.write("a.wav", whole[:500])
    loop = started(yard)
    assert {"a.wav": QUARANTINED} == yard.states()
    yard.write("a.wav", whole)
    announce(yard, "a.wav")
    run(loop, yard.later + 1.0)
    assert {"a.wav": READY} == yard.states()


def test_a_quarantined_file_that_a_person_sends_is_not_examined_again(yard: Yard) -> None:
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


HELD = {
    "log.csv": b"timestamp,accX\n0,1\n",
    "notes.txt": b"a line",
    "whole.wav": formats.wav(SOUND),
    "whole.json": b"[1, 2]",
    "open.wav": formats.wav(SOUND, riff=0xFFFFFFFF, data=0xFFFFFFFF),
    "cut.wav": formats.wav(SOUND)[:500],
    "empty.csv": b"",
}


@on_linux
@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("is_heard", [False, True])
def test_a_file_that_a_program_has_open_for_writing_waits_for_its_close(yard: Yard, name: str, is_heard: bool) -> None:
    yard.write(name, HELD[name])
    loop = yard.watcher()
    run(loop, yard.touched_at(name))
    with yard.path(name).open("ab"):
        for second in (1.0, 2.0, 3.0, 10.0, 599.0, 601.0, 9_000.0):  # beyond settle_s, and beyond patience_s
            run(loop, yard.later + second)
            assert {} == yard.states()
        assert {name: BEING_WRITTEN} == reasons(loop, yard.later + 9_000.0)
    if is_heard:
        announce(yard, name)
    run(loop, yard.later + 9_002.0)
    run(loop, yard.later + 9_004.0)
    if name in ("cut.wav", "empty.csv") and is_heard:
        assert {} == yard.states()  # who closed it may open it again, and has its patience from now on
        run(loop, yard.later + 9_700.0)
    assert {name: QUARANTINED if name in ("cut.wav", "empty.csv") else READY} == yard.states()


@on_linux
def test_a_whole_file_goes_at_once_when_its_writer_closes_it(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later - 3600.0)
    with yard.write("a.wav", formats.wav(SOUND)).open("r+b"):
        announce(yard, "a.wav")  # by another, which had it open as well
        run(loop, yard.later)
        assert {"a.wav": BEING_WRITTEN} == reasons(loop, yard.later)
        run(loop, yard.later + 5.0)
    announce(yard, "a.wav")
    run(loop, yard.later + 5.1)
    assert {"a.wav": READY} == yard.states()


@on_linux
def test_a_table_goes_when_it_is_still_for_long_enough_after_its_close(yard: Yard) -> None:
    loop = yard.watcher()
    with yard.write("a.csv").open("ab"):
        run(loop, yard.later)
    announce(yard, "a.csv")
    run(loop, yard.later + 1.0)
    assert {"a.csv": "still for 0 s of 2 s"} == reasons(loop, yard.later + 1.0)
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
    run(loop, yard.later + 2.0)
    assert {"a.csv": READY} == yard.states()


class Told:
    """A probe whose answers are given in advance, the last one for ever."""

    def __init__(self, *answers: Writers | UnreachableError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    @contextlib.contextmanager
    def __call__(self) -> Iterator[module.Probe]:
        yield self.probe

    def probe(self, root: str, path: str) -> Writers:
        self.asked.append(path)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, UnreachableError):
            raise answer
        return answer


@pytest.mark.parametrize("answer", [NO_WRITERS, cannot_tell("its file system (nfs4) does not know of every writer")])
def test_where_nobody_writes_or_nobody_can_tell_a_file_goes_by_the_other_evidence(yard: Yard, answer: Writers) -> None:
    told = Told(answer)
    yard.write("a.csv")
    run(yard.watcher(probing=told), yard.touched_at("a.csv") + 2.0)
    assert ({"a.csv": READY}, ["a.csv"]) == (yard.states(), told.asked)


def test_only_a_file_that_would_go_is_asked_about(yard: Yard) -> None:
    told = Told(NO_WRITERS)
    yard.write("a.csv")
    loop = yard.watcher(probing=told)
    now = yard.touched_at("a.csv")
    for tenth in range(19):
        announce(yard, "a.csv")
        run(loop, now + tenth / 10)
    assert [] == told.asked
    run(loop, now + 2.0)
    run(loop, now + 100.0)
    assert ["a.csv"] == told.asked


def test_a_process_that_can_ask_nobody_asks_again_later(yard: Yard) -> None:
    told = Told(UnreachableError("no file can be opened at the moment (too many open files)"), NO_WRITERS)
    yard.write("a.csv")
    loop = yard.watcher(probing=told)
    run(loop, yard.later)
    assert {} == yard.states()
    run(loop, yard.later + 1.0)
    assert {"a.csv": READY} == yard.states()


def test_a_close_that_the_kernel_announces_a_moment_early_costs_a_moment(yard: Yard) -> None:
    loop = yard.watcher(probing=Told(SOME_WRITERS, NO_WRITERS))
    run(loop, yard.later - 3600.0)
    yard.write("a.wav", formats.wav(SOUND))
    announce(yard, "a.wav")
    assert 0.1 == pytest.approx(run(loop, yard.later), abs=1e-3)
    run(loop, yard.later + 0.1)
    assert {"a.wav": READY} == yard.states()


class Counted:
    """The real evidence, counted; `fails` says so many times that no file can be opened."""

    def __init__(self, fails: int = 0) -> None:
        self.calls: list[str] = []
        self.fails = fails

    @contextlib.contextmanager
    def reading(self) -> Iterator[Advance]:
        yield self.advance

    def advance(
        self, examination: Examination, root: str, path: str, facts: FileFacts, *, most_bytes: int
    ) -> int | None:
        self.calls.append(path)
        if len(self.calls) <= self.fails:
            raise UnreachableError("no file can be read at the moment (too many open files)")
        return evidence.advance(examination, root, path, facts, most_bytes=most_bytes)

    def marker_of(self, root: str, path: str) -> Marker:
        return evidence.marker_of(root, path)


def test_each_version_is_examined_once(yard: Yard) -> None:
    counted = Counted()
    loop = yard.watcher(evidence=counted)
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
    run(yard.watcher(evidence=counted), yard.touched_at("small.wav") + 2.0)  # and not after `patience_s`
    assert {name: QUARANTINED, "small.wav": READY} == yard.states()
    assert ["small.wav"] == counted.calls
    assert "Edge Impulse takes files below 100 MiB; cut the recording into shorter ones" in yard.reason(name)
    yard.path(name).unlink()  # so that nobody reads it to its end


def test_a_reserved_file_that_is_cut_to_what_was_written_goes(yard: Yard) -> None:
    place = yard.write("a.wav", formats.wav(SOUND))
    size = place.stat().st_size
    os.truncate(place, MAX_FILE_BYTES)
    loop = yard.watcher()
    run(loop, yard.later)
    os.truncate(place, size)
    announce(yard, "a.wav")
    run(loop, yard.later + 60.0)
    assert {"a.wav": READY} == yard.states()


def test_a_process_without_descriptors_looks_again_later(yard: Yard) -> None:
    yard.write("a.wav", formats.wav(SOUND))
    loop = yard.watcher(evidence=Counted(fails=3))
    for second in range(4):
        assert {} == yard.states()
        run(loop, yard.later + second)
    assert {"a.wav": READY} == yard.states()


def test_a_long_examination_takes_many_ticks_and_holds_nobody_up(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_A_TICK", 100_000)
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
    assert {} == loop._judging._under_way


def test_what_a_tick_may_not_read_any_more_is_left_to_the_next(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_A_TICK", 50_000)
    for number in range(10):
        yard.write(f"{number}.json", formats.document(list(range(5_000))))
    loop = yard.watcher()
    ticks = 1
    while loop.tick(yard.later) == 0.0:
        ticks += 1
    assert ({f"{number}.json": READY for number in range(10)}, True) == (yard.states(), ticks > 4)


def test_a_file_that_changes_while_it_is_examined_is_examined_anew(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_A_TICK", 100_000)
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


def test_a_folder_that_became_a_link_leads_nowhere(yard: Yard) -> None:
    outside = yard.place / "outside"
    outside.mkdir()
    yard.write("inside/a.wav", formats.wav(SOUND))
    loop = yard.watcher()
    now = yard.touched_at("inside/a.wav")
    run(loop, now)
    yard.path("inside").rename(outside / "inside")
    yard.path("inside").symlink_to(outside / "inside")
    for second in range(1, 10):
        run(loop, now + second)
    assert ({}, []) == (yard.states(), loop.unsettled(now))


@pytest.mark.parametrize("place", [".eisyncignore", "part/.eisyncignore"])
def test_a_rule_that_comes_while_a_file_settles_is_obeyed(yard: Yard, place: str) -> None:
    yard.write("part/a.csv")
    rules: dict[str, RuleFile] = {}
    loop = yard.watcher(eligibility=Eligibility(rules_in=rules.get))
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
    loop = yard.watcher(eligibility=Eligibility(["a.*"]))
    run(loop, yard.later + 60.0)
    run(loop, yard.later + 120.0)
    assert ({"a.csv": State.SETTLING}, []) == (yard.states(), loop.unsettled(yard.later))


# --- markers


def test_a_file_goes_when_its_marker_is_beside_it(yard: Yard) -> None:
    yard.write("a.csv")
    loop = started(yard, policy=MARKED)
    run(loop, yard.later + 9_000.0)
    assert {} == yard.states()
    assert ["waiting for its marker, a file of its name with .done behind it"] == [
        seen.reason for seen in loop.unsettled(yard.later)
    ]
    yard.write("a.csv.done", b"")
    announce(yard, "a.csv.done")
    run(loop, yard.later + 9_001.0)
    assert {"a.csv": READY} == yard.states()


def test_a_marker_that_came_first_does_not_speak_of_what_is_written_after_it(yard: Yard) -> None:
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
    assert ["its marker is older than its last change; set the marker anew"] == [
        seen.reason for seen in loop.unsettled(yard.later)
    ]
    Path(yard.path("a.csv.done")).touch()
    announce(yard, "a.csv.done")
    run(loop, yard.later + 9_001.0)
    assert {"a.csv": READY} == yard.states()


def test_a_marker_does_not_make_a_cut_file_whole(yard: Yard) -> None:
    yard.write("a.wav", formats.wav(SOUND)[:99])
    yard.write("a.wav.done", b"")
    started(yard, policy=MARKED)
    assert {"a.wav": QUARANTINED} == yard.states()
