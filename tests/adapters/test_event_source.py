import errno
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import watchdog.observers
from watchdog.events import (
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
)
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, WatchDescriptor

from eisync.adapters.events import source
from eisync.adapters.events.source import EventSource, NullEvents
from eisync.adapters.files import writer_probe
from eisync.core.model import Root
from eisync.core.watch_health import PendingPaths
from eisync.core.writers import NO_WRITERS
from tests.conftest import until
from tests.fakes import failing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these are inotify's habits")

LIMIT_S = 10.0


class Bell:
    """Ring at each event. A test waits for it, never longer than the limit."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self) -> None:
        self._event.set()

    def wait(self) -> None:
        assert self._event.wait(LIMIT_S), "nothing was announced in time"
        self._event.clear()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def watcher(bell: Bell) -> Iterator[EventSource]:
    watcher = EventSource(bell)
    watcher.start()
    yield watcher
    watcher.stop()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    return Root(id=1, path=str(tmp_path / "root"), target="t")


@pytest.fixture
def place(watcher: EventSource, root: Root) -> Path:
    """The folder of the root, watched, with no events yet."""
    assert None is watcher.watch(root)
    assert PendingPaths(is_doubted=True) == watcher.take(root.id)
    return Path(root.path)


def gather(watcher: EventSource, bell: Bell, until: Callable[[PendingPaths], bool]) -> PendingPaths:
    """Return the events until a condition holds."""
    reported = PendingPaths()
    while not until(reported):
        bell.wait()
        more = watcher.take(1)
        reported.files |= more.files
        reported.closed |= more.closed
        reported.folders |= more.folders
        reported.is_doubted |= more.is_doubted
    return reported


def close(place: Path) -> None:
    (place / "a.csv").write_bytes(b"x")


def create_empty(place: Path) -> None:
    os.close(os.open(place / "a.csv", os.O_CREAT | os.O_EXCL))


def append(place: Path) -> None:
    with open(place / "old.csv", "ab") as file:
        file.write(b"more")


def rename(place: Path) -> None:
    (place / "old.csv").rename(place / "a.csv")


def move_in(place: Path) -> None:
    (place.parent / "outside/a.csv").write_bytes(b"x")
    (place.parent / "outside/a.csv").rename(place / "a.csv")


def link_in(place: Path) -> None:
    (place.parent / "outside/a.csv").write_bytes(b"x")
    os.link(place.parent / "outside/a.csv", place / "a.csv")


def move_out(place: Path) -> None:
    (place / "old.csv").rename(place.parent / "outside/old.csv")


def delete(place: Path) -> None:
    (place / "old.csv").unlink()


def write_below(place: Path) -> None:
    (place / "old/deep/a.csv").write_bytes(b"x")


def odd_name(place: Path) -> None:
    with open(os.fsencode(place) + b"/caf\xe9\n.csv", "wb") as file:
        file.write(b"x")


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (close, "a.csv"),
        (create_empty, "a.csv"),
        (append, "old.csv"),
        (rename, "a.csv"),
        (move_in, "a.csv"),
        (link_in, "a.csv"),
        (move_out, "old.csv"),
        (delete, "old.csv"),
        (write_below, "old/deep/a.csv"),
        (odd_name, os.fsdecode(b"caf\xe9\n.csv")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_happens_to_a_file_is_announced(
    watcher: EventSource, bell: Bell, root: Root, action: Callable[[Path], None], expected: str
) -> None:
    place = Path(root.path)
    (place / "old.csv").write_bytes(b"x")
    (place / "old/deep").mkdir(parents=True)
    watcher.watch(root)
    watcher.take(root.id)
    action(place)
    assert expected in gather(watcher, bell, lambda reported: expected in reported.files).files


@pytest.mark.parametrize(
    ("action", "name", "is_closed"),
    [
        (close, "a.csv", True),
        (append, "old.csv", True),
        (rename, "a.csv", True),
        (move_in, "a.csv", True),
        (link_in, "a.csv", True),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_who_wrote_a_file_is_through_with_it_when_it_is_closed_or_moved_or_linked_into_place(
    watcher: EventSource, bell: Bell, root: Root, action: Callable[[Path], None], name: str, *, is_closed: bool
) -> None:
    place = Path(root.path)
    (place / "old.csv").write_bytes(b"x")
    watcher.watch(root)
    watcher.take(root.id)
    action(place)
    reported = gather(watcher, bell, lambda reported: name in reported.closed if is_closed else name in reported.files)
    assert is_closed == (name in reported.closed)


def test_a_file_that_is_made_and_still_held_open_is_not_closed(watcher: EventSource, bell: Bell, place: Path) -> None:
    with open(place / "a.csv", "wb"):
        assert "a.csv" not in gather(watcher, bell, lambda reported: "a.csv" in reported.files).closed
    gather(watcher, bell, lambda reported: "a.csv" in reported.closed)


def test_reading_a_file_causes_no_event(watcher: EventSource, bell: Bell, place: Path) -> None:
    writer_probe.ignore_lease_breaks()
    close(place)
    gather(watcher, bell, lambda reported: "a.csv" in reported.files)
    (place / "a.csv").read_bytes()
    with (place / "a.csv").open("rb") as file:
        assert NO_WRITERS == writer_probe.WriterProbe().asking()(file.fileno(), str(place), "a.csv")
    os.listdir(place)
    (place / "b.csv").write_bytes(b"x")
    # The queue keeps its order: with b comes everything since a.
    assert {"b.csv"} == gather(watcher, bell, lambda reported: "b.csv" in reported.files).files - {"a.csv"}
    assert PendingPaths() == watcher.take(1)


def test_a_folder_that_is_moved_in_is_announced_and_listened_to(watcher: EventSource, bell: Bell, place: Path) -> None:
    (place.parent / "outside/new/deep").mkdir(parents=True)
    (place.parent / "outside/new/deep/a.csv").write_bytes(b"x")
    (place.parent / "outside/new").rename(place / "new")
    gather(watcher, bell, lambda reported: "new" in reported.folders)
    (place / "new/deep/b.csv").write_bytes(b"x")
    assert "new/deep/b.csv" in gather(watcher, bell, lambda reported: "new/deep/b.csv" in reported.files).files


def test_a_folder_that_is_moved_within_is_announced_at_both_places(
    watcher: EventSource, bell: Bell, place: Path
) -> None:
    (place / "one").mkdir()
    gather(watcher, bell, lambda reported: "one" in reported.folders)
    (place / "one").rename(place / "two")
    gather(watcher, bell, lambda reported: {"one", "two"} <= reported.folders)
    (place / "two/a.csv").write_bytes(b"x")
    assert "two/a.csv" in gather(watcher, bell, lambda reported: "two/a.csv" in reported.files).files


def test_a_folder_that_goes_is_announced(watcher: EventSource, bell: Bell, place: Path) -> None:
    (place / "one").mkdir()
    (place / "two").mkdir()
    gather(watcher, bell, lambda reported: {"one", "two"} <= reported.folders)
    (place / "one").rename(place.parent / "outside/one")
    (place / "two").rmdir()
    assert {"one", "two"} <= gather(watcher, bell, lambda reported: {"one", "two"} <= reported.folders).folders


def test_a_root_that_is_listened_to_is_doubted_once(watcher: EventSource, root: Root) -> None:
    assert None is watcher.watch(root)
    assert watcher.take(root.id).is_doubted
    assert None is watcher.watch(root)
    assert PendingPaths() == watcher.take(root.id)


@pytest.mark.parametrize("how", ["deleted", "moved away"])
def test_a_root_that_was_created_again_is_watched_again(
    watcher: EventSource, bell: Bell, place: Path, root: Root, how: str
) -> None:
    if how == "deleted":
        shutil.rmtree(place)
    else:
        place.rename(place.parent / "before")
    assert "it gives no events (No such file or directory)" == watcher.watch(root)
    place.mkdir()
    watcher.take(root.id)
    assert None is watcher.watch(root)
    assert watcher.take(root.id).is_doubted
    close(place)
    gather(watcher, bell, lambda reported: "a.csv" in reported.files)


def test_a_root_that_was_created_again_before_a_check_is_watched_again(
    watcher: EventSource, bell: Bell, place: Path, root: Root
) -> None:
    # The new folder may have the inode of the old one; then only the dead thread shows the difference.
    place.rmdir()
    place.mkdir()
    dead_within(watcher)
    assert None is watcher.watch(root)
    assert watcher.take(root.id).is_doubted
    close(place)
    gather(watcher, bell, lambda reported: "a.csv" in reported.files)


def dead_within(watcher: EventSource) -> None:
    """Wait until the thread that watched the root has ended."""
    (emitter,) = observer_of(watcher).emitters
    emitter.join(LIMIT_S)
    assert not emitter.is_alive()


def observer_of(watcher: EventSource) -> Any:
    return watcher._observer


def test_a_dead_reader_of_the_kernels_queue_is_replaced(
    watcher: EventSource, bell: Bell, place: Path, root: Root
) -> None:
    reader = observer_of(watcher).reader
    reader.stop()
    reader.join(LIMIT_S)
    assert observer_of(watcher).is_alive()
    assert None is watcher.watch(root)
    assert watcher.take(root.id).is_doubted
    close(place)
    gather(watcher, bell, lambda reported: "a.csv" in reported.files)


def test_without_inotify_the_reason_is_returned_and_it_is_tried_again(
    root: Root, monkeypatch: pytest.MonkeyPatch, bell: Bell
) -> None:
    def none_left(cls: type) -> int:
        raise OSError(24, "inotify instance limit reached")

    with monkeypatch.context() as patch:
        patch.setattr(InotifyFD, "_create_inotify_fd", classmethod(none_left))
        watcher = EventSource(bell)
        watcher.start()
        raised = "'sudo sysctl fs.inotify.max_user_instances=1024' raises the limit"
        assert f"the system has no listener left: {raised}" == watcher.watch(root)
    assert None is watcher.watch(root)
    watcher.stop()


def test_without_a_thread_it_returns_the_reason_and_watches_later(
    root: Root, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        watcher = EventSource(bell)
        watcher.start()
        reason = "it gives no events (no thread can be started for them: can't start new thread)"
        assert reason == watcher.watch(root)
    assert None is watcher.watch(root)
    watcher.stop()


def test_no_thread_is_left_when_it_stops(root: Root) -> None:
    before = set(threading.enumerate())
    watcher = EventSource(lambda: None)
    watcher.start()
    watcher.watch(root)
    watcher.stop()
    watcher.stop()
    assert before == set(threading.enumerate())


def test_an_overflow_of_the_kernels_queue_doubts_every_root(watcher: EventSource, place: Path, tmp_path: Path) -> None:
    other = Root(id=2, path=str(tmp_path / "outside"), target="t")
    watcher.watch(other)
    watcher.take(2)
    overflow = InotifyEvent(WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b"")
    observer_of(watcher).reader.handle_event(overflow)
    assert [True, True] == [watcher.take(root_id).is_doubted for root_id in (1, 2)]


def test_a_real_overflow_is_noticed(watcher: EventSource, bell: Bell, place: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 20_000:
        pytest.skip("the kernel's queue is long here")
    # While the reader is held up, which may have read a buffer before, the kernel's queue runs over.
    inotify = observer_of(watcher).reader
    (place / "0").write_bytes(b"x")
    with inotify._lock:
        for number in range(limit // 2 + 5_000):  # each is two events
            os.rename(place / str(number), place / str(number + 1))
    assert gather(watcher, bell, lambda reported: reported.is_doubted).is_doubted


def test_a_set_that_is_full_doubts_its_root(tmp_path: Path, bell: Bell) -> None:
    watcher = EventSource(bell, max_waiting=3)
    root = Root(id=1, path=str(tmp_path), target="t")
    watcher.start()
    watcher.watch(root)
    watcher.take(1)
    for number in range(5):
        (tmp_path / f"{number}.csv").write_bytes(b"x")
    reported = gather_in_one(watcher, bell)
    watcher.stop()
    assert 3 == len(reported.files)


def gather_in_one(watcher: EventSource, bell: Bell) -> PendingPaths:
    """Return what one `take` gives once the set was full."""
    while True:
        bell.wait()
        with watcher._lock:
            is_full = watcher._of(1).is_doubted
        if is_full:
            return watcher.take(1)


def test_a_path_that_is_announced_often_waits_once(watcher: EventSource, bell: Bell, place: Path) -> None:
    for _ in range(50):
        close(place)
    (place / "last.csv").write_bytes(b"x")
    assert {"a.csv", "last.csv"} == gather(watcher, bell, lambda reported: "last.csv" in reported.files).files


@pytest.mark.parametrize(
    "event",
    [
        FileClosedEvent("/elsewhere/a.csv"),
        FileClosedEvent(""),
        FileDeletedEvent(b"/else\xffwhere/a.csv"),
        FileMovedEvent("", "/elsewhere"),
        DirMovedEvent("/rootling", "/root2/a"),
    ],
)
def test_an_event_from_elsewhere_announces_nothing(watcher: EventSource, place: Path, event: Any) -> None:
    (emitter,) = observer_of(watcher).emitters
    emitter.queue_event(event)
    assert PendingPaths() == watcher.take(1)


DEEP = 1_500


@pytest.fixture
def deep(place: Path) -> Iterator[str]:
    """Nest more folders than Python has frames. Remove them afterwards, because pytest cannot."""
    at = os.open(place.parent, os.O_RDONLY)
    for name in ["deep", *["a"] * DEEP]:
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    yield "deep" + "/a" * DEEP
    for folder in (place, place.parent):
        subprocess.run(["rm", "-rf", str(folder / "deep")], check=True)


def test_folders_are_listened_to_however_deep_they_lie(
    watcher: EventSource, bell: Bell, place: Path, root: Root, deep: str
) -> None:
    watcher.forget(root.id)
    (place.parent / "deep").rename(place / "deep")
    assert watcher.watch(root) is None
    gather(watcher, bell, lambda reported: reported.is_doubted)
    (place / deep / "a.csv").write_bytes(b"x")
    assert f"{deep}/a.csv" in gather(watcher, bell, lambda reported: f"{deep}/a.csv" in reported.files).files


def test_deep_folders_that_are_moved_in_are_listened_to(
    watcher: EventSource, bell: Bell, place: Path, deep: str
) -> None:
    (place.parent / "deep").rename(place / "deep")
    gather(watcher, bell, lambda reported: "deep" in reported.folders)
    (place / deep / "a.csv").write_bytes(b"x")
    assert f"{deep}/a.csv" in gather(watcher, bell, lambda reported: f"{deep}/a.csv" in reported.files).files
    (place / "deep").rename(place / "moved")
    gather(watcher, bell, lambda reported: "moved" in reported.folders)
    (place / "after.csv").write_bytes(b"x")
    assert "after.csv" in gather(watcher, bell, lambda reported: "after.csv" in reported.files).files
    (place / "moved").rename(place / "deep")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RecursionError("maximum recursion depth exceeded"), "it gives no events (its folders are nested too deeply)"),
        (
            RuntimeError("can't start new thread"),
            "it gives no events (no thread can be started for them: can't start new thread)",
        ),
    ],
)
def test_what_prevents_events_is_reported_and_no_watch_is_left(
    watcher: EventSource, place: Path, root: Root, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail(_self: Any) -> None:
        raise error

    watcher.forget(root.id)
    observer: Any = watcher._observer
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        assert reason == watcher.watch(root)
    assert {} == observer.reader._watch_for_wd
    assert watcher.watch(root) is None


def test_a_root_that_may_not_be_watched_is_scanned_instead(watcher: EventSource, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for path in (tmp_path / "no", tmp_path / "file/no"):
        assert "it gives no events" in str(watcher.watch(Root(id=3, path=str(path), target="t")))


def test_who_is_deaf_hears_nothing_and_complains_of_nothing(root: Root) -> None:
    deaf = NullEvents()
    deaf.start()
    assert None is deaf.watch(root)
    close(Path(root.path))
    assert PendingPaths() == deaf.take(root.id)
    deaf.stop()


# --- limits and deaths


def limited(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Limit the kernel to `number` watches."""
    real = InotifyFD.add_callback
    given: list[bytes] = []

    def add(self: Any, path: bytes, *rest: Any) -> Any:
        if len(given) >= number:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        given.append(path)
        return real(self, path, *rest)

    monkeypatch.setattr(InotifyFD, "add_callback", add)


RAISES_IT = "'sudo sysctl fs.inotify.max_user_watches=524288' raises the limit"


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_watch_limit_is_reported_with_the_command_that_raises_it(
    watcher: EventSource, root: Root, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for folder in ("one/deep", "two"):
        (Path(root.path) / folder).mkdir(parents=True)
    limited(monkeypatch, number)
    assert f"the system has no watch left for some of its folders: {RAISES_IT}" == watcher.watch(root)
    watcher.forget(root.id)
    monkeypatch.undo()
    assert None is watcher.watch(root)


def test_a_watch_limit_that_is_reached_later_is_reported_later(
    watcher: EventSource, bell: Bell, place: Path, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 0)
    (place / "one").mkdir()
    gather(watcher, bell, lambda reported: "one" in reported.folders)
    assert RAISES_IT in str(watcher.watch(root))


def test_what_died_is_counted_until_the_root_is_forgotten(watcher: EventSource, place: Path, root: Root) -> None:
    for deaths in (1, 2):
        (emitter,) = observer_of(watcher).emitters
        emitter.stop()
        emitter.join(LIMIT_S)
        assert None is watcher.watch(root)
        assert deaths == watcher.deaths(root.id)
    watcher.forget(root.id)
    watcher.forget(root.id)
    assert 0 == watcher.deaths(root.id)
    assert None is watcher.watch(root)
    assert watcher.take(root.id).is_doubted


def test_a_root_that_is_forgotten_announces_nothing(watcher: EventSource, place: Path, root: Root) -> None:
    watcher.forget(root.id)
    close(place)
    assert PendingPaths() == watcher.take(root.id)


def test_a_folder_that_is_moved_out_and_in_again_is_listened_to(watcher: EventSource, bell: Bell, place: Path) -> None:
    outside = place.parent / "outside"
    (place / "one/deep").mkdir(parents=True)
    gather(watcher, bell, lambda reported: "one/deep" in reported.folders)
    (place / "one").rename(outside / "one")
    gather(watcher, bell, lambda reported: "one" in reported.folders)
    (outside / "one").rename(place / "two")
    gather(watcher, bell, lambda reported: "two" in reported.folders)
    (place / "two/deep/a.csv").write_bytes(b"x")
    gather(watcher, bell, lambda reported: "two/deep/a.csv" in reported.files)


@pytest.mark.parametrize("error", [KeyError(b"/x"), OSError(2, "No such file or directory")])
def test_where_watchdog_stumbles_its_thread_lives_and_the_root_is_doubted(
    watcher: EventSource, bell: Bell, place: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(InotifyFD, "handle_event", failing(1, error, InotifyFD.handle_event))
        (place / "a.csv").write_bytes(b"x")
        assert gather(watcher, bell, lambda reported: reported.is_doubted).is_doubted
    assert observer_of(watcher).reader.is_alive()
    (place / "b.csv").write_bytes(b"x")
    gather(watcher, bell, lambda reported: "b.csv" in reported.files)


def test_a_root_is_let_go_although_watchdogs_books_are_wrong(
    watcher: EventSource, bell: Bell, root: Root, place: Path
) -> None:
    (place / "one").mkdir()
    (place / "two").mkdir()
    gather(watcher, bell, lambda reported: {"one", "two"} <= reported.folders)
    (emitter,) = observer_of(watcher).emitters
    group = emitter._inotify
    until(lambda: len(group._active_callbacks_by_path) == 3)
    del group._active_callbacks_by_path[os.fsencode(place / "one")]
    watcher.forget(root.id)
    until(lambda: not emitter.is_alive())
    assert {} == group._active_callbacks_by_watch
    watcher.watch(root)
    (place / "two/a.csv").write_bytes(b"x")
    gather(watcher, bell, lambda reported: "two/a.csv" in reported.files)


# --- systems without close events


@pytest.mark.parametrize(
    ("events", "files", "folders"),
    [
        # macOS: created and modified, again and again, never closed; a folder reports that it changed
        (
            [
                FileCreatedEvent("a.csv"),
                FileModifiedEvent("a.csv"),
                FileModifiedEvent("a.csv"),
                FileModifiedEvent("a.csv"),
            ],
            {"a.csv"},
            set(),
        ),
        # macOS: a rename out of the root is reported as a deletion, one into it as a creation
        ([FileDeletedEvent("a.csv"), FileCreatedEvent("b.csv")], {"a.csv", "b.csv"}, set()),
        # macOS: a name in the decomposed form is another path than the composed one
        ([FileCreatedEvent("cafe\u0301.csv")], {"cafe\u0301.csv"}, set()),
        # Windows: added, modified while it is written, renamed; a removed folder is reported as a file
        (
            [FileCreatedEvent("a.part"), FileModifiedEvent("a.part"), FileMovedEvent("a.part", "a.csv")],
            {"a.part", "a.csv"},
            set(),
        ),
        ([FileDeletedEvent("day")], {"day"}, set()),
        (
            [DirMovedEvent("one", "two"), FileMovedEvent("one/a.csv", "two/a.csv")],
            {"one/a.csv", "two/a.csv"},
            {"one", "two"},
        ),
    ],
)
def test_other_systems_sequences_announce_the_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[FileSystemEvent], files: set[str], folders: set[str]
) -> None:
    observer = Elsewhere()
    monkeypatch.setattr(source, "_HAS_INOTIFY", False)
    monkeypatch.setattr(watchdog.observers, "Observer", lambda: observer)
    watcher = EventSource(lambda: None)
    watcher.start()
    assert None is watcher.watch(Root(id=1, path=str(tmp_path), target="t"))
    assert watcher.take(1).is_doubted
    for event in events:
        for name in ("src_path", "dest_path"):
            place = getattr(event, name)
            setattr(event, name, str(tmp_path / str(place)) if place or name == "src_path" else "")
        observer.handler.dispatch(event)
    renamed = [event for event in events if isinstance(event, FileMovedEvent)]
    closed = {os.path.relpath(str(place), tmp_path) for event in renamed for place in (event.src_path, event.dest_path)}
    assert PendingPaths(files=files, folders=folders, closed=closed) == watcher.take(1)
    watcher.stop()


class Elsewhere:
    """An observer of another system, which reports what a test wants."""

    emitters: set[Any]

    def __init__(self) -> None:
        self.handler: Any = None
        self.emitters = set()
        self._emitter_class: Any = WindowsEmitter

    def start(self) -> None:
        """Do nothing."""

    def is_alive(self) -> bool:
        return True

    def stop(self) -> None:
        """Do nothing."""

    def join(self, timeout: float) -> None:
        """Do nothing."""

    def schedule(self, handler: Any, path: str, **_: Any) -> Any:
        self.handler = handler
        return path


def test_an_empty_read_on_windows_doubts_every_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    observer = Elsewhere()
    monkeypatch.setattr(source, "_HAS_INOTIFY", False)
    monkeypatch.setattr(source, "_LOSES_SILENTLY", True)
    monkeypatch.setattr(watchdog.observers, "Observer", lambda: observer)
    watcher = EventSource(lambda: None)
    watcher.start()
    watcher.watch(Root(id=1, path=str(tmp_path), target="t"))
    assert watcher.take(1).is_doubted
    emitter = observer._emitter_class()
    emitter.on_thread_start()
    emitter._reader._buf_queue.put((b"\x01", True))
    assert PendingPaths() == watcher.take(1)
    emitter._reader._buf_queue.put((b"", True))
    assert watcher.take(1).is_doubted
    assert [(b"\x01", True), (b"", True)] == [emitter._reader._buf_queue.get(timeout=1) for _ in range(2)]
    watcher.stop()


class WindowsReader:
    """The part of watchdog's DirectoryChangeReader that an overflow uses."""

    def __init__(self) -> None:
        self._buf_queue: queue.Queue[tuple[bytes, bool]] = queue.Queue()


class WindowsEmitter:
    """The part of watchdog's WindowsApiEmitter that an overflow uses."""

    def __init__(self) -> None:
        self._reader: WindowsReader | None = None

    def on_thread_start(self) -> None:
        self._reader = WindowsReader()
