import contextlib
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eisync.adapters.client.body import CHUNK_BYTES, SMALL_BYTES, Body, sha256_of
from eisync.adapters.files import file_facts, writer_probe
from eisync.core import wire
from eisync.core.batching import Request
from eisync.core.model import Category, Item
from eisync.core.writers import BEING_WRITTEN, NO_WRITERS, SOME_WRITERS, WRITTEN_MEANWHILE, Ask, Writers, cannot_tell
from eisync.errors import FileChangedError, FileError, FileGoneError, FileUnreadableError

PROJECT = Path(__file__).parent.parent.parent
MIB = 1024 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    place.mkdir()
    return place


def items(root: Path, *contents: bytes) -> list[Item]:
    """Files 1.csv, 2.csv, … that have settled."""
    for number, content in enumerate(contents, 1):
        (root / f"{number}.csv").write_bytes(content)
    return [item_of(root, number) for number in range(1, len(contents) + 1)]


def item_of(root: Path, number: int) -> Item:
    return item_at(root, number, f"{number}.csv")


def item_at(root: Path, number: int, path: str) -> Item:
    facts = file_facts.facts_at(str(root), path)
    assert facts is not None
    return Item(
        id=number,
        root=str(root),
        path=path,
        target="t",
        facts=facts,
        label="idle",
        category=Category.TRAINING,
    )


def body_of(*members: Item, ask: Ask | None = None) -> Body:
    request = Request(target="t", category=Category.TRAINING, label="idle", metadata=(), items=members)
    return Body(wire.envelope(request, boundary="B", allow_duplicates=False), ask=ask)


def part(name: str, content: bytes) -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="data"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    return head.encode() + content + b"\r\n"


def test_the_body_is_the_files_between_their_boundaries(root: Path) -> None:
    body = body_of(*items(root, b"one", b"two\r\n--B--\r\n"))
    assert part("1.csv", b"one") + part("2.csv", b"two\r\n--B--\r\n") + b"--B--\r\n" == b"".join(body)


@pytest.mark.parametrize(
    "size", [1, SMALL_BYTES, SMALL_BYTES + 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
)
def test_the_length_that_is_promised_is_the_length_that_comes(root: Path, size: int) -> None:
    body = body_of(*items(root, b"x" * size, b"y"))
    assert len(body) == len(b"".join(body))


def test_the_hashes_are_those_of_the_contents(root: Path) -> None:
    contents = [os.urandom(CHUNK_BYTES + 7), b"two"]
    body = body_of(*items(root, *contents))
    b"".join(body)
    assert {1: hashlib.sha256(contents[0]).hexdigest(), 2: hashlib.sha256(contents[1]).hexdigest()} == body.sha256


def test_a_body_can_be_sent_again_whole(root: Path) -> None:
    body = body_of(*items(root, b"one"))
    assert b"".join(body) == b"".join(body)


def test_no_piece_takes_a_slow_line_longer_than_the_connection_is_patient(root: Path) -> None:
    # The socket's time-out is for a whole piece: 64 KiB within 10 s go over 52 kbit/s.
    sizes = (SMALL_BYTES, SMALL_BYTES + 1, CHUNK_BYTES, MIB, SMALL_BYTES)
    assert 64 * 1024 >= max(map(len, body_of(*items(root, *(b"x" * size for size in sizes)))))


def open_files(root: Path) -> list[str]:
    """Which files of the root this process has open now."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the descriptor of the listing itself
        if target.startswith(str(root)) and not os.path.isdir(target):
            found.append(os.path.basename(target))
    return found


def open_folders(root: Path) -> list[str]:
    """Which folders under the root this process has open now."""
    places = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    targets = (os.readlink(place) for place in places if os.path.islink(place))
    return [target for target in targets if target.startswith(str(root))]


def test_one_file_is_open_at_a_time(root: Path) -> None:
    body = body_of(*items(root, b"a" * 2 * CHUNK_BYTES, b"b", b"c"))
    opened_files = [open_files(root) for _ in body]
    assert (1, ["1.csv"], []) == (max(map(len, opened_files)), opened_files[1], opened_files[-1])


def test_small_files_share_a_piece(root: Path) -> None:
    # The closing boundary, too: the files are checked for the last time before any of it is sent.
    assert 1 == len(list(body_of(*items(root, b"a", b"b", b"c"))))
    # If there is more than one, the last check comes before the closing boundary alone.
    assert b"--B--\r\n" == list(body_of(*items(root, b"a" * SMALL_BYTES, b"b" * SMALL_BYTES)))[-1]


def test_files_of_several_folders_are_read_from_their_own(root: Path) -> None:
    paths = ["one/a.csv", "two/a.csv", "one/b.csv", "a.csv", "one/deep/a.csv"]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    body = body_of(*(item_at(root, number, path) for number, path in enumerate(paths, 1)))
    assert [path.encode() for path in paths] == re.findall(rb"\r\n\r\n([^\r]+)\r\n", b"".join(body))
    assert [] == open_folders(root)


def test_a_body_that_is_given_up_closes_its_file(root: Path) -> None:
    pieces = iter(body_of(*items(root, b"a" * 2 * CHUNK_BYTES)))
    next(pieces)
    next(pieces)
    assert ["1.csv"] == open_files(root)
    del pieces
    assert ([], []) == (open_files(root), open_folders(root))


def grow(place: Path) -> None:
    with open(place, "ab") as file:
        file.write(b"more")


def truncate(place: Path) -> None:
    os.truncate(place, 1)


def rewrite(place: Path) -> None:
    with open(place, "r+b") as file:
        file.write(b"X")
    os.utime(place, ns=(1, 1))


def replace(place: Path) -> None:
    (place.parent / "new").write_bytes(place.read_bytes())
    (place.parent / "new").rename(place)


def delete(place: Path) -> None:
    place.unlink()


CHANGES = [
    (grow, FileChangedError),
    (truncate, FileChangedError),
    (rewrite, FileChangedError),
    (replace, FileChangedError),
    (delete, FileGoneError),
]


def collect(body: Body, sent: list[bytes], *, moment: int, change: Callable[[], None]) -> None:
    """Take piece after piece; `change` comes before the one with the number `moment`."""
    for number, piece in enumerate(body, 1):
        sent.append(piece)
        if number == moment:
            change()


@pytest.mark.parametrize("moment", range(1, 8), ids=lambda moment: f"before piece {moment}")
@pytest.mark.parametrize(("change", "error"), CHANGES, ids=lambda value: value.__name__)
def test_whenever_a_file_changes_the_body_does_not_end(
    root: Path, change: Callable[[Path], None], error: type[FileError], moment: int
) -> None:
    # Its chunks: preamble, chunk, chunk, separator with preamble, chunk, chunk, what follows, the closing boundary.
    body = body_of(*items(root, b"a" * 2 * CHUNK_BYTES, b"b" * 2 * CHUNK_BYTES))
    sent: list[bytes] = []
    with pytest.raises(error) as caught:
        collect(body, sent, moment=moment, change=lambda: change(root / "1.csv"))
    assert 1 == caught.value.item_id
    assert b"--B--\r\n" not in sent
    assert len(body) > sum(map(len, sent))


@pytest.mark.parametrize(("change", "error"), CHANGES, ids=lambda value: value.__name__)
def test_a_small_file_that_changes_before_it_is_read_ends_the_body(
    root: Path, change: Callable[[Path], None], error: type[FileError]
) -> None:
    body = body_of(*items(root, b"a" * 2 * CHUNK_BYTES, b"small"))
    sent: list[bytes] = []
    with pytest.raises(error) as caught:
        collect(body, sent, moment=1, change=lambda: change(root / "2.csv"))
    assert (2, [1]) == (caught.value.item_id, list(body.sha256))
    assert b"--B--\r\n" not in sent


@pytest.mark.parametrize("size", [SMALL_BYTES, SMALL_BYTES + 1])
def test_a_disk_that_fails_is_the_fault_of_the_file_and_not_of_the_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    (item,) = items(root, b"x" * size)

    def fail(descriptor: int, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(FileUnreadableError) as caught:
        b"".join(body_of(item))
    assert "the file cannot be read to its end (Input/output error); check the disk, then 'eisync retry'" == str(
        caught.value
    )


def test_a_hash_is_of_the_version_that_settled(root: Path) -> None:
    (item,) = items(root, b"one")
    assert hashlib.sha256(b"one").hexdigest() == sha256_of(item)
    grow(root / "1.csv")
    with pytest.raises(FileChangedError):
        sha256_of(item)


SPARSE = """
import resource, sys
from pathlib import Path
from tests.adapters.test_body import body_of, item_of
root = Path(sys.argv[1])
item = item_of(root, 1)
for piece in body_of(item_of(root, 2)):
    pass  # the first time costs more
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = sum(map(len, body_of(item)))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(total, after - before)
"""


def test_memory_does_not_grow_with_the_file(root: Path) -> None:
    with open(root / "1.csv", "wb") as file:
        file.truncate(200 * MIB)
    (root / "2.csv").write_bytes(b"small")
    done = subprocess.run(
        [sys.executable, "-c", SPARSE, str(root)], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "" == done.stderr
    total, grown_kib = map(int, done.stdout.split())
    assert total > 200 * MIB
    assert grown_kib < 40 * 1024


# --- writers of the files


@pytest.mark.parametrize("answer", [NO_WRITERS, cannot_tell("so")])
def test_who_writes_a_file_is_asked_before_its_first_byte_goes_and_after_its_last(root: Path, answer: Writers) -> None:
    size, gone, asked = 3 * CHUNK_BYTES, 0, []

    def ask(descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        asked.append((os.fstat(descriptor).st_ino, root, path, gone))
        return answer

    for piece in body_of(*items(root, b"x" * size), ask=ask):
        gone += len(piece)
    inode, (first, last) = (root / "1.csv").stat().st_ino, asked
    assert [(inode, str(root), "1.csv")] * 2 == [first[:3], last[:3]]
    assert len(part("1.csv", b"")) > first[3]
    assert last[3] > size - CHUNK_BYTES  # every byte was read, and the last piece waits for the answer


@pytest.mark.parametrize("size", [1, SMALL_BYTES])
def test_who_writes_a_small_file_is_asked_once_when_it_is_read_and_none_of_it_has_gone(root: Path, size: int) -> None:
    gone, asked = 0, []

    def ask(descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        assert size == os.lseek(descriptor, 0, os.SEEK_CUR)
        asked.append((os.fstat(descriptor).st_ino, root, path, gone))
        return NO_WRITERS

    for piece in body_of(*items(root, b"x" * size), ask=ask):
        gone += len(piece)
    assert [((root / "1.csv").stat().st_ino, str(root), "1.csv", 0)] == asked


@pytest.mark.parametrize(
    ("size", "answers", "why"),
    [
        (1, [SOME_WRITERS], BEING_WRITTEN),
        (SMALL_BYTES, [SOME_WRITERS], BEING_WRITTEN),
        (SMALL_BYTES + 1, [SOME_WRITERS], BEING_WRITTEN),
        (SMALL_BYTES + 1, [NO_WRITERS, SOME_WRITERS], WRITTEN_MEANWHILE),
        (3 * CHUNK_BYTES, [NO_WRITERS, SOME_WRITERS], WRITTEN_MEANWHILE),
    ],
)
def test_a_file_that_another_program_writes_ends_the_body_before_its_end(
    root: Path, size: int, answers: list[Writers], why: str
) -> None:
    one, other = items(root, b"x" * size, b"other")
    replies = iter([NO_WRITERS, *answers])
    sent: list[bytes] = []
    body = body_of(other, one, ask=lambda *_, is_last=False: next(replies))
    with pytest.raises(FileChangedError, match=why) as caught:
        sent.extend(body)
    assert one.id == caught.value.item_id
    assert sum(map(len, sent)) < len(body)
    assert b"--B--" not in b"".join(sent)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
@pytest.mark.parametrize("writes", [b"", b"more"])
@pytest.mark.parametrize("stays", [False, True])
def test_a_real_writer_that_comes_while_a_file_is_sent_is_found(root: Path, writes: bytes, stays: bool) -> None:
    writer_probe.ignore_lease_breaks()
    (item,) = items(root, b"x" * 5 * CHUNK_BYTES)
    pieces = iter(body_of(item, ask=writer_probe.WriterProbe().asking()))
    next(pieces)
    writer = (root / "1.csv").open("ab")
    writer.write(writes)
    writer.flush()
    if not stays:
        writer.close()
    with contextlib.closing(writer):
        if writes or stays:
            with pytest.raises(FileChangedError, match=WRITTEN_MEANWHILE if stays else "changed while"):
                b"".join(pieces)
        else:
            assert b"".join(pieces).endswith(b"--B--\r\n")  # opened and closed: its content did not change
