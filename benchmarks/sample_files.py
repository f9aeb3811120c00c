"""Sample files of every format, labelled in the ways that people label them.

`made(folder, layout)` writes the files of a layout once and returns what is true of each: its path, its category, its
label and its box. Files have 4 KB, differ in content, and were last written a day ago, so that no time is measured in
which they settle. (The time of the last change of an inode cannot be set, and `settle_s` goes by that: of these formats
only CSV has no end of its own, and settles.)

How a file gets its label matters as much as how many labels there are:

* `name`: `training/yes.000123.wav`. The service infers `yes` from the name, too, when it is sent no label.
* `folder`: `training/yes/0132a06d_nohash_0.wav`. The service would infer `0132a06d_nohash_0`, which is wrong.
"""

import json
import os
import random
import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cbor2

SMALL_BYTES = 4096
DAY_S = 86_400.0
CATEGORIES = ("training", "testing")
BOXES_NAME = "bounding_boxes.labels"
INFERRED = re.compile(r"[a-zA-Z0-9\s\-_]+")
"""What the service takes as label from the beginning of a name (wire contract, section 1)."""

LABELLINGS = {"1": (1, 1), "5x2": (5, 2), "35x2": (35, 2), "each": (0, 2)}
"""How many labels in how many categories; 0 stands for another label for every file."""

SOURCES = ("name", "folder")
"""Where the label of a file is said."""


@dataclass(frozen=True)
class Layout:
    """A number of files of one format, with so many labels (a key of LABELLINGS) that stand in name or folder."""

    format: str
    labels: str
    source: str
    files: int


@dataclass(frozen=True)
class Box:
    """Where the thing is in an image, in pixels."""

    label: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class SampleFile:
    """A file and what is true of it. `path` is absolute."""

    path: str
    category: str
    label: str
    box: Box | None = None

    @property
    def is_label_inferred(self) -> bool:
        """Whether the service finds the same label in the name."""
        found = INFERRED.match(os.path.basename(self.path))
        return found is not None and found.group() == self.label


def made(folder: str, layout: Layout) -> tuple[str, list[SampleFile]]:
    """Return the folder with the files of the layout, and the files. They are written when they are not there yet."""
    place = os.path.join(folder, f"{layout.format}-{layout.labels}-{layout.source}-{layout.files}")
    samples = [sample for _, sample in planned(place, layout)]
    if not os.path.isdir(place):
        write(place, layout)
    return place, samples


def planned(place: str, layout: Layout) -> Iterator[tuple[int, SampleFile]]:
    """Yield the number of each file, and the file."""
    labels, categories = LABELLINGS[layout.labels]
    for number in range(layout.files):
        word = word_of(number % labels if labels else number)
        category = CATEGORIES[number // max(1, labels) % categories]
        if layout.source == "name":
            relative = f"{word}.{number:06}.{EXTENSIONS[layout.format]}"
        else:
            relative = (
                f"{word}/0{zlib.crc32(str(number).encode()) >> 4:07x}_nohash_{number}.{EXTENSIONS[layout.format]}"
            )
        box = Box(word, 1, 2, 20, 10 + number % 10) if layout.format == "png" else None
        yield number, SampleFile(os.path.join(place, category, relative), category, word, box)


def write(place: str, layout: Layout) -> None:
    content_of, boxes = CONTENTS[layout.format](), dict[str, dict[str, list[dict[str, object]]]]()
    for number, sample in planned(place, layout):
        folder, name = os.path.split(sample.path)
        os.makedirs(folder, exist_ok=True)
        put(sample.path, content_of(number))
        if sample.box is not None:
            boxes.setdefault(folder, {})[name] = [vars(sample.box)]
    for folder, of_files in boxes.items():
        put(os.path.join(folder, BOXES_NAME), boxes_document(of_files))


def boxes_document(of_files: dict[str, list[dict[str, object]]]) -> bytes:
    """The boxes of images by their names, as a file beside them and as a part of a request."""
    return json.dumps({"version": 1, "type": "bounding-box-labels", "boundingBoxes": of_files}).encode()


def put(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
    written_at = time.time() - DAY_S
    os.utime(path, (written_at, written_at))


def word_of(number: int) -> str:
    """A word of at least three syllables that stands for the number: no other number has it."""
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    word = ""
    for _ in range(3):
        number, rest = divmod(number, len(syllables))
        word = syllables[rest] + word
    assert number == 0, "so many words are not needed"
    return word


# Contents: each function returns one that makes the content of a file out of its number.


def wav_content() -> Callable[[int], bytes]:
    return lambda number: wav(SMALL_BYTES, number)


def wav(size: int, number: int) -> bytes:
    """A sound file of `size` bytes, unlike that of any other number."""
    values = (size - 44) // 2
    head = b"RIFF" + (36 + values * 2).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += b"\1\0\1\0" + (16000).to_bytes(4, "little") + (32000).to_bytes(4, "little") + b"\2\0\x10\0data"
    sound = number.to_bytes(4, "little") * (values // 2 + 1)
    return head + (values * 2).to_bytes(4, "little") + sound[: values * 2]


def measurements(rows: int) -> list[list[float]]:
    chance = random.Random(7)
    return [[round(chance.uniform(-20, 20), 4) for _ in range(3)] for _ in range(rows)]


def message(values: list[list[float]]) -> dict[str, object]:
    """An acquisition, unsigned (wire contract, section 2)."""
    sensors = [{"name": name, "units": "m/s2"} for name in ("accX", "accY", "accZ")]
    payload = {"device_type": "BENCHMARK", "interval_ms": 10, "sensors": sensors, "values": values}
    return {"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": payload}


def json_content() -> Callable[[int], bytes]:
    text = json.dumps(message([[0, 0, 0], *measurements(125)]))
    before, _, after = text.partition("[0, 0, 0]")
    return lambda number: f"{before}[{number}, 0.5, 0.25]{after}".encode()


def cbor_content() -> Callable[[int], bytes]:
    values = measurements(135)
    return lambda number: cbor2.dumps(message([[float(number), 0.5, 0.25], *values]))


def csv_content() -> Callable[[int], bytes]:
    rows = (f"{10 * at},{x},{y},{z}\n" for at, (x, y, z) in enumerate(measurements(137), start=1))
    tail = "".join(rows)
    return lambda number: f"timestamp,accX,accY,accZ\n0,{number},0.5,0.25\n{tail}".encode()


def png_content() -> Callable[[int], bytes]:
    side = 36
    noise = random.Random(7).randbytes(side * side * 3)
    lines = b"".join(b"\0" + noise[at : at + side * 3] for at in range(0, len(noise), side * 3))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return lambda number: b"\x89PNG\r\n\x1a\n" + head + chunk(b"tEXt", b"Comment\0%d" % number) + body


def jpeg_content() -> Callable[[int], bytes]:
    """Frame and tables of a grey image; what is in its scan is noise, which nothing here decodes."""
    quantisation = b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([16]) * 64
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 64, 64, 1) + b"\1\x11\0"
    codes = b"".join(
        b"\xff\xc4" + struct.pack(">HB", 20, kind) + bytes([0, 1, *[0] * 14]) + b"\0" for kind in (0x00, 0x10)
    )
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\1\0\0\x3f\0"
    chance = random.Random(7)
    noise = bytes(chance.randrange(255) for _ in range(3900))  # never 0xff, which begins a marker
    rest = quantisation + frame + codes + scan + noise + b"\xff\xd9"

    def content(number: int) -> bytes:
        comment = b"%012d" % number
        return b"\xff\xd8\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + rest

    return content


CONTENTS: dict[str, Callable[[], Callable[[int], bytes]]] = {
    "wav": wav_content,
    "json": json_content,
    "cbor": cbor_content,
    "csv": csv_content,
    "jpeg": jpeg_content,
    "png": png_content,
}
EXTENSIONS = {name: name if name != "jpeg" else "jpg" for name in CONTENTS}
