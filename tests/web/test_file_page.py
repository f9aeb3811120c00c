"""A file's page: what the file is, why it is where it is, its samples and its history, whatever the file holds."""

import json
import os
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files.viewing import OpenFile
from eisync.core.labels.parts import PartKind, packed
from eisync.core.lifecycle import Event
from eisync.core.model import Candidate, Category, FileFacts
from eisync.core.outcome import Outcome
from eisync.web.file_link import page_at, page_of, query_of
from tests.conftest import list_sample
from tests.control.test_operations import NOW, Desk
from tests.core.formats import wav
from tests.web.site import Visitor

STUDIO = "https://studio.example"


class Folder:
    """A watched folder with real files, and a browser that is logged in."""

    def __init__(self, place: Path, desk: Desk) -> None:
        self.place = place
        self.desk = desk
        place.mkdir()
        (self.root,) = [root for root in desk.outbox.register([(str(place), "main")]) if root.path == str(place)]
        more: dict[str, Any] = {"open_file": OpenFile, "studio_pages": {"main": STUDIO}}
        self.person = Visitor(desk.operations(), **more).log_in()

    def add(self, path: str, content: bytes, *, about: dict[PartKind, Any] | None = None, label: str = "idle") -> None:
        """Write a file, and know it."""
        place = self.place / os.fsdecode(path)
        place.parent.mkdir(exist_ok=True, parents=True)
        place.write_bytes(content)
        self.know(path, about=about, label=label)

    def know(self, path: str, *, about: dict[PartKind, Any] | None = None, label: str = "idle") -> None:
        status = os.stat(self.place / path)
        self.desk.outbox.enqueue(
            [
                Candidate(
                    root_id=self.root.id,
                    path=path,
                    target="main",
                    facts=FileFacts(status.st_size, status.st_mtime_ns, status.st_ino),
                    label=label,
                    category=Category.TRAINING,
                    companions=packed(about or {}),
                )
            ],
            now=NOW,
        )

    def store(self, sample_id: int) -> None:
        """Have all files stored in the project."""
        items = self.desk.outbox.claim("main", [self.root.id], limit=100, claim=1, now=NOW)
        stored = [Outcome(item_id=item.id, events=(Event.STORED,), sample_ids=(sample_id,)) for item in items]
        self.desk.outbox.settle(stored, claim=1, now=NOW)

    def page(self, path: str) -> str:
        answer = self.person.get(page_of(self.root.path, path))
        assert 200 == answer.status_code
        return answer.text

    def get(self, route: str, path: str, **headers: str) -> Any:
        return self.person.get(f"{route}?{query_of(self.root.path, path)}", headers=headers)


@pytest.fixture
def folder(tmp_path: Path, desk: Desk) -> Folder:
    return Folder(tmp_path / "recordings", desk)


def recording(values: Any) -> bytes:
    sensors = [{"name": "accX", "units": "m/s2"}, {"name": "accY", "units": "m/s2"}]
    payload = {"device_type": "X", "interval_ms": 10, "sensors": sensors, "values": values}
    return json.dumps({"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": payload}).encode()


def image(width: int = 40, height: int = 30) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


def test_a_recording_is_drawn_with_its_labels(folder: Folder) -> None:
    about = {PartKind.STRUCTURED: [{"startIndex": 0, "endIndex": 49, "label": "walk"}]}
    folder.add("a/wave.json", recording([[one, -one] for one in range(100)]), about=about)
    page = folder.page("a/wave.json")
    assert "Waveform of 2 axes over 1 s: accX from 0 to 99 m/s2; accY from -99 to 0 m/s2." in page
    assert '<rect class="band band-0"' in page
    assert "walk: readings 0 to 49" in page
    assert '<th scope="row"><span class="swatch swatch-trace-1"' in page
    assert '<h1 class="name">wave.json</h1>' in page


def test_a_sound_is_played_and_its_frequencies_are_drawn(folder: Folder) -> None:
    folder.add("tone.wav", wav(b"\1\2" * 4000))
    page = folder.page("tone.wav")
    assert '<audio class="media" controls' in page
    assert "Spectrogram over 250 ms, from 0 to 8 kHz." in page
    address = re.search(r'<image href="([^"]+)"', page)
    assert address is not None
    picture = folder.person.get(address[1].replace("&amp;", "&"))
    assert (200, "image/png", b"\x89PNG") == (picture.status_code, picture.mimetype, picture.data[:4])


def test_a_picture_has_its_boxes(folder: Folder) -> None:
    boxes = [{"label": "a <b>", "x": 1, "y": 2, "width": 10, "height": 20}]
    folder.add("photo.png", image(), about={PartKind.BOXES: boxes})
    page = folder.page("photo.png")
    assert "Image of 40 by 30 pixels with 1 box." in page
    assert "a &lt;b&gt;: 10 × 20 at 1, 2" in page
    assert re.search(r'<img src="/file/content\?[^"]+" width="40" height="30" alt="photo.png">', page)


def test_a_table_has_its_first_rows(folder: Folder) -> None:
    folder.add("t.csv", b"timestamp,x\n" + b"".join(b"%d,%d\n" % (one, one) for one in range(50)))
    page = folder.page("t.csv")
    assert "<td>19</td>" in page
    assert "More rows follow." in page
    assert "x from 0 to 49" in page


def test_what_is_nothing_else_is_shown_as_bytes(folder: Folder) -> None:
    folder.add("a.parquet", b"PAR1<script>alert(1)</script>")
    page = folder.page("a.parquet")
    assert "00000000  50 41 52 31 3c 73" in page
    assert "PAR1&lt;script&gt;a" in page


# --- its story


def test_the_page_tells_the_whole_story(folder: Folder) -> None:
    folder.add("wave.json", recording([[1, 2]]))
    folder.store(7)
    folder.desk.index.identify("main", 42)
    page = folder.page("wave.json")
    assert '<span class="chip chip-synced">synced</span>' in page
    assert "It was complete and waits to be sent" in page
    assert "It was stored in the project" in page
    assert '<th scope="row">7</th>' in page
    assert "not listed yet" in page
    assert f'href="{STUDIO}/studio/42/acquisition/training"' in page


def test_a_difference_in_the_project_is_shown(folder: Folder) -> None:
    folder.add("wave.json", recording([[1, 2]]))
    folder.store(7)
    list_sample(folder.desk.database, 7)
    page = folder.page("wave.json")
    assert "<td>wave</td>" in page
    assert "labelled nothing there" in page


def test_why_is_what_eisync_explain_says(folder: Folder) -> None:
    folder.add("wave.json", recording([[1, 2]]))
    from eisync.control.operations import Operations
    from eisync.control.running import Running

    def explain(root: str, path: str) -> dict[str, Any]:
        return {
            "root": root,
            "target": "main",
            "path": path,
            "state": "ready",
            "reason": "",
            "is_here": False,
            "label": "idle",
            "category": "training",
            "sample_ids": [],
        }

    desk = folder.desk
    running = Running(live=lambda: desk.live, explain=explain)
    operations = Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=running)
    person = Visitor(operations, open_file=OpenFile, studio_pages={}).log_in()
    page = person.get(page_of(folder.root.path, "wave.json")).text
    assert "<dt>here</dt><dd>no; &#39;eisync history FILE&#39; shows what happened to it</dd>" in page


# --- files that change, go, or are out of reach


def test_a_file_that_changed_is_shown_with_a_sentence(folder: Folder) -> None:
    folder.add("wave.json", recording([[1, 2]]))
    (folder.place / "wave.json").write_bytes(recording([[1, 2], [3, 4]]))
    assert "The file has changed since eisync looked at it last." in folder.page("wave.json")


def test_a_file_that_is_gone_says_so(folder: Folder) -> None:
    folder.add("wave.json", recording([[1, 2]]))
    (folder.place / "wave.json").unlink()
    assert "The file is not here any more." in folder.page("wave.json")
    assert 409 == folder.get("/file/content", "wave.json").status_code


def test_no_link_leads_out_of_the_folder(folder: Folder, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(image())
    folder.add("photo.png", image())
    folder.add("deep/photo.png", image())
    (folder.place / "photo.png").unlink()
    (folder.place / "photo.png").symlink_to(secret)
    (folder.place / "deep/photo.png").unlink()
    (folder.place / "deep").rmdir()
    (tmp_path / "photo.png").write_bytes(image())
    (folder.place / "deep").symlink_to(tmp_path)
    assert "It is a symbolic link; links are not followed." in folder.page("photo.png")
    for path in ("photo.png", "deep/photo.png"):
        assert 409 == folder.get("/file/content", path).status_code


def test_what_is_no_file_is_not_opened(folder: Folder) -> None:
    folder.add("pipe.csv", b"x")
    (folder.place / "pipe.csv").unlink()
    os.mkfifo(folder.place / "pipe.csv")
    assert "It is not a regular file" in folder.page("pipe.csv")


@pytest.mark.parametrize("path", ["other.json", "../secret.png", "/etc/passwd", "a\0b", ""])
def test_only_known_files_are_shown(folder: Folder, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.png").write_bytes(image())
    (folder.place / "other.json").write_bytes(b"{}")
    for route in ("/file", "/file/content", "/file/spectrogram.png"):
        assert 404 == folder.get(route, path).status_code
    assert 404 == folder.person.get(page_of("/etc", "passwd")).status_code


def test_a_file_is_found_by_its_place(folder: Folder) -> None:
    folder.add("deep/wave.json", recording([[1, 2]]))
    inner = folder.place / "deep"
    assert "wave.json</h1>" in folder.person.get(page_at(f"{inner}/wave.json")).text
    assert 404 == folder.person.get(page_at("/etc/passwd")).status_code
    overview = folder.person.get("/").text
    assert page_at(f"{inner}/wave.json") in overview


def test_an_address_that_names_no_file_says_so(folder: Folder) -> None:
    for query in ("", "?root=%2Fetc", "?root=!&path=!"):
        assert folder.person.get(f"/file{query}").status_code in (400, 404)


NAMES = [
    "<script>alert(1)</script>.json",
    '"onload=x.json',
    "a\u202ekcats.json",
    "\x1b[31mred.json",
    "a\nb.json",
    "b\udcff.json",
    "{{ 7 * 7 }}.json",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_text(folder: Folder, name: str) -> None:
    folder.add(name, recording([[1, 2]]))
    page = folder.page(name)
    assert "<script>alert" not in page
    assert "Waveform of 2 axes" in page
    assert not {"\x1b", "\u202e", "\udcff"} & set(page)
    assert "{{ 7" in page or "49.json" not in page


# --- content


def test_parts_of_a_file_are_sent(folder: Folder) -> None:
    content = wav(bytes(range(200)) * 2000)
    folder.add("tone.wav", content)
    whole = folder.get("/file/content", "tone.wav")
    assert (200, "audio/wav", content) == (whole.status_code, whole.mimetype, whole.data)
    assert ("bytes", "nosniff") == (whole.headers["Accept-Ranges"], whole.headers["X-Content-Type-Options"])
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    part = folder.get("/file/content", "tone.wav", Range="bytes=10-19")
    size = len(content)
    assert (206, content[10:20], f"bytes 10-19/{size}") == (part.status_code, part.data, part.headers["Content-Range"])
    assert content[-5:] == folder.get("/file/content", "tone.wav", Range="bytes=-5").data
    assert 416 == folder.get("/file/content", "tone.wav", Range=f"bytes={size}-").status_code
    etag = whole.headers["ETag"]
    assert 206 == folder.get("/file/content", "tone.wav", Range="bytes=0-1", **{"If-Range": etag}).status_code
    assert 200 == folder.get("/file/content", "tone.wav", Range="bytes=0-1", **{"If-Range": '"old"'}).status_code


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.svg.json", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("a.png", b"<!doctype html><script>alert(1)</script>"),
        ("a.json", b"{}"),
        ("empty.png", b""),
    ],
)
def test_active_content_is_never_sent(folder: Folder, name: str, content: bytes) -> None:
    folder.add(name, content)
    answer = folder.get("/file/content", name)
    assert (415, "text/html") == (answer.status_code, answer.mimetype)
    assert "<svg xmlns" not in answer.text
    assert 404 == folder.get("/file/spectrogram.png", name).status_code


def test_ten_gigabytes_are_drawn_from_a_part(folder: Folder) -> None:
    for name, head in (("long.wav", wav(b"\1\2" * 100, data=0xFFFFFFFF)), ("long.csv", b"timestamp,x\n0,1\n1,2\n")):
        place = folder.place / name
        with open(place, "wb") as file:
            file.write(head)
            file.truncate(10 * 1024**3)
        folder.know(name)
    assert "because the file is large" in folder.page("long.wav")
    assert 200 == folder.get("/file/spectrogram.png", "long.wav").status_code
    assert "It has NUL bytes" in folder.page("long.csv")
    part = folder.get("/file/content", "long.wav", Range="bytes=10000000000-10000000009")
    assert (206, b"\0" * 10) == (part.status_code, part.data)
    (folder.place / "long.wav").unlink()  # the search for the key reads every file that a test leaves
    (folder.place / "long.csv").unlink()
