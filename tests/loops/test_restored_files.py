from dataclasses import replace
from typing import Any

from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, KnownFile
from eisync.loops.watcher import renames as module
from eisync.loops.watcher.renames import RestoredFiles
from tests.fakes import Notebook


def known(number: int, taken_sha256: str | None = "a", state: State = State.SYNCED) -> KnownFile:
    return KnownFile(number, state, facts(10), is_absent=True, taken_sha256=taken_sha256, sha256="a")


class Places:
    def __init__(self, *, is_there: bool = True) -> None:
        self.is_there = is_there
        self.returned: list[int] = []
        self.unchanged: list[int] = []

    def mark_returned(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool:
        self.returned.append(identity)
        return True

    def mark_unchanged(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool:
        self.unchanged.append(identity)
        return self.is_there


def facts(size: int, inode: int = 1) -> FileFacts:
    return FileFacts(size, 1, inode)


def restored(places: Any, is_same: Any) -> RestoredFiles:
    return RestoredFiles("/data", places, is_same, log=Notebook())


def test_only_a_removed_file_with_equal_size_is_read() -> None:
    places, read = Places(), []

    def is_same(root: str, path: str, _facts: FileFacts, sha256: str) -> bool:
        read.append((root, path, sha256))
        return path != "other.csv"

    returns = restored(places, is_same)
    for number, path in enumerate(("same.csv", "other.csv", "longer.csv", "not complete.csv")):
        returns.expect(path, known(number))
    complete = {path: facts(10, 2) for path in ("same.csv", "other.csv", "new.csv")} | {"longer.csv": facts(11)}
    assert ({"same.csv"}, []) == returns.recognise(complete, now=1.0)
    assert [("/data", "same.csv", "a"), ("/data", "other.csv", "a")] == read
    assert [0] == places.returned
    assert (set(), []) == returns.recognise(complete, now=2.0)


def test_a_changed_file_restored_to_what_was_sent_is_sent_only_if_its_sample_is_gone() -> None:
    for is_there in (True, False):
        places = Places(is_there=is_there)
        returns = restored(places, lambda *_: True)
        returns.expect("a.csv", known(5, taken_sha256=None, state=State.SETTLING))
        assert ({"a.csv"} if is_there else set(), []) == returns.recognise({"a.csv": facts(10, 2)}, now=1.0)
        assert ([5], []) == (places.unchanged, places.returned)


def test_a_few_are_read_at_once_and_the_others_soon() -> None:
    returns = restored(Places(), lambda *_: True)
    complete = {f"{number}.csv": facts(module.BYTES_PER_TICK) for number in range(3)}
    for number, path in enumerate(complete):
        returns.expect(path, replace(known(number), facts=complete[path]))
    seen: list[str] = []
    for _ in range(3):
        same, later = returns.recognise(complete, now=1.0)
        assert 1 == len(same)
        seen += same
        complete = {path: complete[path] for path in later}
    assert ["0.csv", "1.csv", "2.csv"] == seen
