"""Annotation files are opened inside the root, follow no link, and belong to the version that was asked for."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import annotations, file_facts, sidecars
from eisync.core.annotations.formats import HEAD_CHARACTERS
from eisync.core.annotations.manifest import entries as manifest_entries
from eisync.core.annotations.measuring import Measured
from eisync.core.annotations.places import NOTHING
from eisync.core.formats.json_stream import Unfinished
from eisync.core.formats.sampling import Sampling
from eisync.core.labels.entry import Entry
from eisync.core.model import FileFacts
from eisync.errors import UnreachableError
from tests.core import formats
from tests.fakes import failing
from tests.loops.test_annotations import png, write_wav

EXHAUSTED = OSError(errno.EMFILE, "Too many open files")
GERMAN = "Datei;Böe\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    place.mkdir()
    return place


def write(root: Path, path: str, content: bytes) -> FileFacts:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return facts_of(root, path)


def facts_of(root: Path, path: str) -> FileFacts:
    facts = file_facts.facts_at(str(root), path)
    assert facts is not None
    return facts


def text(root: Path, path: str, facts: FileFacts) -> str:
    return annotations.text_of(str(root), path, facts)


def grow(root: Path) -> None:
    with (root / "a.txt").open("ab") as file:
        file.write(b"more")


def replace(root: Path) -> None:
    (root / "new").write_bytes(b"others")
    os.replace(root / "new", root / "a.txt")


def link_out(root: Path) -> None:
    (root.parent / "secret.txt").write_bytes(b"secret")
    (root / "a.txt").unlink()
    (root / "a.txt").symlink_to(root.parent / "secret.txt")


def fifo(root: Path) -> None:
    (root / "a.txt").unlink()
    os.mkfifo(root / "a.txt")


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": grow,
    "replaced": replace,
    "a link": link_out,
    "a fifo": fifo,
    "gone": lambda root: (root / "a.txt").unlink(),
}


# --- listing


def test_a_listing_has_what_may_hold_annotations(root: Path) -> None:
    for name in ("a.jpg", "a.xml", "_annotations.coco.json", "obj.names", "data.yaml", "a.TextGrid", "notes.md"):
        write(root, name, b"")
    for name in ("labels", "train", "v1.0"):
        (root / name).mkdir()
    (root / "annotations").symlink_to(root / "labels")
    found = annotations.listing(str(root), "")
    assert ("_annotations.coco.json",) == found.documents
    assert ("data.yaml", "obj.names") == found.class_lists
    assert ("labels",) == found.label_folders, "a link is not followed"
    assert ("train", "v1.0") == found.folders
    assert {"a.xml", "a.TextGrid"} == set(found.companions)
    assert 11 == found.entries


@pytest.mark.parametrize("folder", ["gone", "file", "nul\0"])
def test_a_folder_that_cannot_be_listed_holds_nothing(root: Path, folder: str) -> None:
    write(root, "file", b"")
    assert NOTHING == annotations.listing(str(root), folder)


# --- texts


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (GERMAN.encode(), GERMAN),
        (GERMAN.encode("utf-8-sig"), GERMAN),
        (GERMAN.encode("utf-16"), GERMAN),
        (GERMAN.encode("utf-16-le"), GERMAN),
        (GERMAN.encode("cp1252"), GERMAN),
        # The first character that is none of UTF-8 comes after the head.
        (b"x" * 2 * HEAD_CHARACTERS + GERMAN.encode("cp1252"), "x" * 2 * HEAD_CHARACTERS + GERMAN),
        (b"\x81", "\ufffd"),  # no character of cp1252
        (b"", ""),
    ],
)
def test_a_text_has_the_encoding_in_which_it_was_written(root: Path, content: bytes, expected: str) -> None:
    facts = write(root, "a.txt", content)
    assert expected == text(root, "a.txt", facts)
    assert expected[: len(content)][:100] == annotations.head_of(str(root), "a.txt", facts)[:100]


def test_the_head_is_bounded_and_may_be_cut_in_a_character(root: Path) -> None:
    facts = write(root, "a.txt", b"x" + "ü".encode() * HEAD_CHARACTERS)
    head = annotations.head_of(str(root), "a.txt", facts)
    assert "x" + "ü" * 100 == head[:101]
    assert len(head) <= HEAD_CHARACTERS


@pytest.mark.parametrize("change", CHANGES)
def test_another_version_is_not_read(root: Path, change: str) -> None:
    facts = write(root, "a.txt", b"0 0.5 0.5 0.1 0.1")
    CHANGES[change](root)
    assert "" == annotations.head_of(str(root), "a.txt", facts)
    with pytest.raises(ValueError, match=r"^it cannot be read, or changed a moment ago$"):
        text(root, "a.txt", facts)
    assert "it cannot be read, or changed a moment ago" == annotations.class_names(str(root), "a.txt", facts)


def test_a_folder_that_became_a_link_leads_nowhere(root: Path) -> None:
    facts = write(root, "labels/a.txt", b"0 0.5 0.5 0.1 0.1")
    os.rename(root / "labels", root.parent / "outside")
    (root / "labels").symlink_to(root.parent / "outside")
    with pytest.raises(ValueError, match="cannot be read"):
        text(root, "labels/a.txt", facts)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_has_no_text(root: Path) -> None:
    facts = write(root, "a.txt", b"x")
    os.chmod(root / "a.txt", 0)
    with pytest.raises(ValueError, match="cannot be read"):
        text(root, "a.txt", facts)


def test_a_text_that_is_too_large_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotations, "MAX_COMPANION_BYTES", 10)
    assert "0123456789" == text(root, "a.txt", write(root, "a.txt", b"0123456789"))
    with pytest.raises(ValueError, match=r"^it has more than 10 bytes$"):
        text(root, "b.txt", write(root, "b.txt", b"0123456789a"))


def test_a_list_of_classes_has_names_or_a_reason(root: Path) -> None:
    facts = write(root, "classes.txt", b"cat\ndog\n")
    assert {"0": "cat", "1": "dog"} == annotations.class_names(str(root), "classes.txt", facts)
    facts = write(root, "classes.txt", b"\n")
    assert "it names no class" == annotations.class_names(str(root), "classes.txt", facts)


# --- measures


def test_an_image_has_a_size_and_a_recording_its_sampling(root: Path) -> None:
    facts = write(root, "a.png", png(64, 32))
    assert Measured(size=(64, 32)) == annotations.measured(str(root), "a.png", facts)
    write_wav(root / "a.wav", 2.0, rate=100)
    assert Measured(sampling=Sampling(values=200, interval_ms=10)) == annotations.measured(
        str(root), "a.wav", facts_of(root, "a.wav")
    )


def test_what_cannot_be_measured_says_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = write(root, "a.png", b"no image")
    assert Measured() == annotations.measured(str(root), "a.png", facts)
    found = annotations.measured(str(root), "a.wav", write(root, "a.wav", b"no sound"))
    assert found.sampling is None
    assert found.trouble
    facts = write(root, "b.wav", formats.wav(b"x" * 100))
    (root / "b.wav").unlink()
    assert Measured(trouble="it cannot be read") == annotations.measured(str(root), "b.wav", facts)
    facts = write(root, "b.png", png())
    write(root, "b.png", png(200))
    assert Measured() == annotations.measured(str(root), "b.png", facts), "another version"
    monkeypatch.setattr(annotations, "MAX_MEASURED_BYTES", 0)
    assert Measured() == annotations.measured(str(root), "b.png", facts_of(root, "b.png"))


def test_an_error_while_reading_measures_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = write(root, "a.png", png())
    monkeypatch.setattr(os, "pread", failing(9, OSError(errno.EIO, "Input/output error"), os.pread))
    assert Measured() == annotations.measured(str(root), "a.png", facts)
    assert "" == annotations.head_of(str(root), "a.png", facts)


# --- without descriptors


@pytest.mark.parametrize(
    "call",
    [annotations.head_of, annotations.text_of, annotations.class_names, annotations.measured],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize("path", ["a.txt", "a.png"])
def test_a_process_without_descriptors_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any], path: str
) -> None:
    facts = write(root, path, b"cat\n")
    monkeypatch.setattr(annotations, "open_inside", failing(1, EXHAUSTED, file_facts.open_inside))
    with pytest.raises(UnreachableError, match="no file can be read at the moment"):
        call(str(root), path, facts)
    call(str(root), path, facts)


def test_a_folder_is_not_empty_only_because_no_descriptor_is_left(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "a.xml", b"")
    monkeypatch.setattr(os, "scandir", failing(1, EXHAUSTED, os.scandir))
    with pytest.raises(UnreachableError):
        annotations.listing(str(root), "")
    assert ("a.xml",) == annotations.listing(str(root), "").companions


# --- shared documents


def reading(root: Path, place: str, entries_of: Any = manifest_entries) -> sidecars.Reading:
    return sidecars.Reading(str(root), place, None, entries_of)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("is_late", [False, True])
def test_a_document_is_read_in_its_encoding(root: Path, encoding: str, is_late: bool) -> None:
    rows = [f"{number}.csv;x" for number in range(20_000 if is_late else 0)]
    content = "\r\n".join(["file;label", *rows, "Tür.csv;Böe"]) + "\r\n"
    write(root, "list.csv", content.encode(encoding))
    *_, last = reading(root, "list.csv")
    assert last is not None
    assert ("Tür.csv", "Böe", f"line {len(rows) + 2}") == (last.path, last.label, last.where)


def test_a_document_is_read_once_and_has_the_facts_of_what_was_read(root: Path) -> None:
    facts = write(root, "list.csv", b"file,label\na.csv,x\nb.csv,y\n")
    steps = reading(root, "list.csv")
    assert "a.csv" == getattr(next(steps), "path", None)
    assert ((facts.size, facts.mtime_ns), False) == ((steps.facts.size, steps.facts.mtime_ns), steps.is_continued)  # type: ignore[union-attr]
    assert steps.taken > 0
    assert ["b.csv"] == [one.path for one in steps if one is not None]
    assert steps.is_unchanged
    assert steps.checkpoint() is None, "it is read from its beginning each time"


@pytest.mark.parametrize("change", ["grown", "rewritten"])
def test_a_document_that_changes_while_it_is_read_is_not_unchanged(root: Path, change: str) -> None:
    write(root, "list.csv", b"file,label\n" + b"a.csv,x\n" * 3)
    steps = reading(root, "list.csv")
    next(steps)
    with (root / "list.csv").open("ab" if change == "grown" else "wb") as file:
        file.write(b"c.csv,z\n")
    list(steps)
    assert not steps.is_unchanged


def test_an_early_end_closes_the_document(root: Path) -> None:
    write(root, "list.csv", b"file,label\na.csv,x\nb.csv,y\n")
    before = len(os.listdir("/proc/self/fd"))
    steps = reading(root, "list.csv")
    next(steps)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    steps.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_document_that_cannot_be_used_says_why(root: Path) -> None:
    write(root, "list.csv", b"nothing,of this\n1,2\n")
    with pytest.raises(ValueError, match=r".+"):
        list(reading(root, "list.csv"))
    write(root, "cut.csv", "file,label\na.csv,Tü".encode("utf-16")[:-1])
    with pytest.raises(Unfinished, match="it ends in the middle of a character"):
        list(reading(root, "cut.csv"))
    with pytest.raises(ValueError, match="it cannot be read"):
        list(reading(root, "gone.csv"))
    os.mkfifo(root / "fifo.csv")
    with pytest.raises(ValueError, match=r"it (is not a regular file|cannot be read)"):
        list(reading(root, "fifo.csv"))


@pytest.mark.parametrize("entries_of", [manifest_entries, None])
def test_no_document_is_unusable_because_no_descriptor_is_left(
    root: Path, monkeypatch: pytest.MonkeyPatch, entries_of: Any
) -> None:
    name = "info.labels" if entries_of is None else "list.csv"
    write(root, name, b'{"files": [{"path": "a.csv"}]}' if entries_of is None else b"file,label\na.csv,x\n")
    monkeypatch.setattr(sidecars, "open_inside", failing(1, EXHAUSTED, file_facts.open_inside))
    with pytest.raises(UnreachableError):
        list(reading(root, name, entries_of))
    assert ["a.csv"] == [one.path for one in reading(root, name, entries_of) if one is not None]


def test_a_parser_takes_the_text_piece_by_piece(root: Path) -> None:
    write(root, "a.json", b"x" * 3 * sidecars.CHUNK_BYTES)
    sizes = []

    def entries(pieces: Iterable[str]) -> Iterator[Entry]:
        for piece in pieces:
            sizes.append(len(piece))
            yield Entry(path=str(len(sizes)))

    assert 3 == len(list(reading(root, "a.json", entries)))
    assert [sidecars.CHUNK_BYTES] * 3 == sizes
