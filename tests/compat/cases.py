"""Calls that both SDKs are asked to make. Standard library only, no eisync: the official environment plays them too.

A case is a function of a `Stage`; what it returns is compared, and so is what the service holds afterwards. Put the
cases of the tables and the listing into `table_cases`.
"""

import io
import json
import os
import re
import struct
import urllib.request
import wave
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """`sdk` has the globals, `data` is its data module, `types` its `sample_type`, `place` an empty folder."""

    sdk: Any
    data: Any
    types: Any
    place: str
    key: str

    def write(self, name: str, content: bytes) -> str:
        path = os.path.join(self.place, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path


MODULES = ("cases", "defect_cases", "table_cases", "habit_cases", "script_cases")
"""Where cases are."""

Case = Callable[[Stage], Any]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Enter the function into the table under its name."""
    CASES[function.__name__] = function
    return function


def ask_emulator(stage: Stage, path: str, content: Any = None) -> Any:
    """The answer of the emulator's own calls: a POST where there is content, else a GET."""
    raw = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(stage.sdk.API_ENDPOINT.removesuffix("/v1") + path, data=raw)
    request.add_header("content-type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        return json.load(response)


# Values


def csv(number: int) -> str:
    return f"timestamp,accX\n0,{number}\n10,{number + 1}\n20,{number + 2}\n"


def acquisition(number: int) -> str:
    return json.dumps(
        {
            "protected": {"ver": "v1", "alg": "none"},
            "signature": "0" * 64,
            "payload": {
                "device_type": "TEST",
                "interval_ms": 10,
                "sensors": [{"name": "accX", "units": "m/s2"}],
                "values": [[number], [number + 1], [number + 2]],
            },
        }
    )


def png(red: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = (b"\0" + bytes((red, 0, 0)) * 32) * 32
    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def wav(level: int) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<h", level) * 800)
    return target.getvalue()


BOX = {"label": "nut", "x": 1, "y": 2, "width": 10, "height": 12}
RANGES = [{"startIndex": 0, "endIndex": 1, "label": "a"}, {"startIndex": 2, "endIndex": 2, "label": "b"}]


# What is compared


def masked(text: str | None) -> str | None:
    """Without what differs from run to run: ids and the unique part of stored names."""
    if text is None:
        return None
    return re.sub(r"(ids?:? )[\d, ]+", r"\1N", text)


def told(response: Any) -> dict[str, Any]:
    """What an upload's response says, without ids that depend on who was quicker."""
    return {
        "success": response.success,
        "successes": [_one(result) for result in response.successes],
        "fails": [_one(result) for result in response.fails],
    }


def told_sorted(response: Any) -> dict[str, Any]:
    """The same where the official module's order is the file system's."""
    found = told(response)
    for outcome in ("successes", "fails"):
        found[outcome].sort(key=lambda one: json.dumps(one, sort_keys=True))
    return found


def _one(result: Any) -> dict[str, Any]:
    return {
        "name": result.sample.filename,
        "success": result.success,
        "error": masked(result.error),
        "has_id": isinstance(result.sample_id, int),
        "same_id": result.sample.sample_id == result.sample_id,
        "project": result.project_id,
        "stored_as": result.filename and re.sub(r"\.[0-9a-v]{8}\.", ".ID.", result.filename),
    }


# upload_samples


@case
def one_sample(stage: Stage) -> Any:
    return told(stage.data.upload_samples(stage.data.Sample(csv(1), filename="wave.01.csv", label="wave")))


@case
def samples_of_every_kind_of_data(stage: Stage) -> Any:
    Sample = stage.data.Sample
    path = stage.write("wave.05.csv", csv(5).encode())
    with open(path, "rb") as file:
        return told(
            stage.data.upload_samples(
                (
                    Sample(csv(1), filename="text.01.csv"),
                    Sample(csv(2).encode(), filename="bytes.02.csv"),
                    Sample(io.StringIO(csv(3)), filename="stringio.03.csv"),
                    Sample(io.BytesIO(csv(4).encode()), filename="bytesio.04.csv"),
                    Sample(file, filename="file.05.csv"),
                    Sample(png(6), filename="image.06.png"),
                    Sample(wav(7), filename="sound.07.wav"),
                    Sample(acquisition(8), filename="json.08.json"),
                )
            )
        )


@case
def an_acquisition_object(stage: Stage) -> Any:
    types = stage.types
    document = types.DataAcquisition(
        protected=types.Protected(),
        payload=types.Payload(
            device_type="TEST",
            sensors=[types.Sensor("accX", "m/s2"), types.Sensor("accY", "m/s2")],
            values=[[1.5, 2.0], [3.25, -4.0], [0.1, 1e-9]],
            interval_ms=16,
        ),
    )
    return told(stage.data.upload_samples(stage.data.Sample(document, filename="object.01.json", label="x")))


@case
def labels_categories_and_metadata(stage: Stage) -> Any:
    Sample = stage.data.Sample
    samples = [
        Sample(
            csv(10 * number),
            filename=f"wave.{number}.csv",
            category=category,
            label=label,
            metadata=metadata,
        )
        for number, (category, label, metadata) in enumerate(
            (category, label, metadata)
            for category in ("training", "testing", "split", None)
            for label in ("wave", None, "two words")
            for metadata in (None, {"site": "desk", "unit": "Ω"})
        )
    ]
    return told(stage.data.upload_samples(samples))


@case
def boxes(stage: Stage) -> Any:
    Sample = stage.data.Sample
    return told(
        stage.data.upload_samples(
            [
                Sample(png(1), filename="one.png", bounding_boxes=[BOX]),
                Sample(png(2), filename="text.png", bounding_boxes=json.dumps([BOX, BOX | {"x": 15}])),
                Sample(png(3), filename="none.png", bounding_boxes=[]),
                Sample(png(4), filename="one.png", bounding_boxes=[BOX | {"label": "bolt"}]),
                Sample(png(5), filename="wrong.png", bounding_boxes=[BOX | {"width": 0}]),
                Sample(png(6), filename="parts.png", bounding_boxes=[BOX | {"x": -1.5, "width": 0.25}]),
            ]
        )
    )


@case
def structured_labels(stage: Stage) -> Any:
    Sample = stage.data.Sample
    return told(
        stage.data.upload_samples(
            [
                Sample(acquisition(1), filename="ranges.01.json", structured_labels=RANGES),
                Sample(acquisition(11), filename="ranges.02.json"),
                Sample(acquisition(21), filename="gap.json", structured_labels=RANGES[:1]),
                Sample(acquisition(31), filename="turned.json", structured_labels=RANGES[::-1]),
                Sample(
                    acquisition(41), filename="over.json", structured_labels=[RANGES[0] | {"endIndex": 2}, RANGES[1]]
                ),
            ]
        )
    )


@case
def duplicates(stage: Stage) -> Any:
    Sample = stage.data.Sample
    first = stage.data.upload_samples(Sample(csv(1), filename="first.csv"))
    again = stage.data.upload_samples(Sample(csv(1), filename="again.csv"))
    allowed = stage.data.upload_samples(Sample(csv(1), filename="allowed.csv"), allow_duplicates=True)
    return [told(first), told(again), told(allowed)]


@case
def refused_files_beside_good_ones(stage: Stage) -> Any:
    Sample = stage.data.Sample
    return told(
        stage.data.upload_samples(
            [
                Sample(csv(1), filename="good.01.csv"),
                Sample("a,b\n1,2\n3,4\n", filename="bad.01.csv"),
                Sample(csv(2), filename="good.02.csv"),
                Sample(b"", filename="empty.csv"),
                Sample(b"???", filename="what.xyz"),
                Sample(csv(3), filename="good.03.csv"),
            ]
        )
    )


@case
def nothing(stage: Stage) -> Any:
    return told(stage.data.upload_samples([]))


@case
def a_generator(stage: Stage) -> Any:
    return told(
        stage.data.upload_samples(stage.data.Sample(csv(10 * n), filename=f"wave.{n}.csv", label="w") for n in range(9))
    )


@case
def names_that_need_care(stage: Stage) -> Any:
    names = ('quo"te.csv', "spa ce.csv", "Größe.csv", "日本.csv", "per%20cent.csv", "semi;colon.csv", "two.dots.csv")
    return told(
        stage.data.upload_samples(
            [stage.data.Sample(csv(10 * number), filename=name) for number, name in enumerate(names)]
        )
    )


@case
def an_unknown_category(stage: Stage) -> Any:
    Sample = stage.data.Sample
    return told(
        stage.data.upload_samples(
            [Sample(csv(1), filename="a.csv", category="nonsense"), Sample(csv(2), filename="b.csv")]
        )
    )


@case
def a_wrong_key(stage: Stage) -> Any:
    return told(stage.data.upload_samples(stage.data.Sample(csv(1), filename="a.csv"), api_key="ei_wrong"))


@case
def no_key(stage: Stage) -> Any:
    stage.sdk.API_KEY = None
    try:
        stage.data.upload_samples(stage.data.Sample(csv(1), filename="a.csv"))
    except stage.sdk.exceptions.MissingApiKeyException:
        return "missing"
    return "there"


@case
def the_argument_goes_before_the_global(stage: Stage) -> Any:
    stage.sdk.API_KEY = "ei_wrong"
    return told(stage.data.upload_samples(stage.data.Sample(csv(1), filename="a.csv"), api_key=stage.key))


@case
def progress_and_workers(stage: Stage) -> Any:
    samples = [stage.data.Sample(csv(10 * n), filename=f"wave.{n}.csv") for n in range(5)]
    return told(
        stage.data.upload_samples(
            samples, timeout_sec=30, max_workers=2, show_progress=True, pool_maxsize=3, pool_connections=2
        )
    )


@case
def the_sample_knows_its_id(stage: Stage) -> Any:
    sample = stage.data.Sample(csv(1), filename="a.csv", label="a")
    response = stage.data.upload_samples(sample)
    return [isinstance(sample.sample_id, int), response.successes[0].sample is sample]


@case
def responses_can_be_extended(stage: Stage) -> Any:
    Sample = stage.data.Sample
    response = stage.data.upload_samples(Sample(csv(1), filename="a.csv"))
    more = stage.data.upload_samples(Sample(csv(1), filename="a.csv"))
    response.extend(more.successes, more.fails)
    return [told(response), repr(response)]


@case
def samples_show_themselves(stage: Stage) -> Any:
    sample = stage.data.Sample(b"secret", filename="a.csv", label="a", metadata={"k": "v"})
    response = stage.types.SampleIngestionResponse(sample, {"success": True, "sampleId": 4, "projectId": 1})
    return [str(sample), repr(response), repr(stage.types.SampleInfo(1, "a", "training", "x"))]


# Directories


def fill_plain(stage: Stage) -> None:
    for number in range(3):
        stage.write(f"training/wave.{number}.csv", csv(10 * number).encode())
        stage.write(f"testing/idle.{number}.json", acquisition(100 * number).encode())
    stage.write("anomaly/odd.01.wav", wav(3))
    stage.write("deep/er/shape.01.png", png(3))
    stage.write("notes.md", b"# notes")
    stage.write(".hidden/secret.csv", csv(900).encode())
    stage.write(".hidden.csv", csv(910).encode())


@case
def a_plain_directory(stage: Stage) -> Any:
    fill_plain(stage)
    return told_sorted(stage.data.upload_directory(stage.place))


@case
def a_plain_directory_with_everything(stage: Stage) -> Any:
    fill_plain(stage)
    return told_sorted(
        stage.data.upload_plain_directory(
            stage.place, category="testing", label="all", metadata={"site": "desk"}, allow_duplicates=True, batch_size=4
        )
    )


@case
def a_directory_with_a_transform(stage: Stage) -> Any:
    fill_plain(stage)
    return told_sorted(stage.data.upload_directory(stage.place, transform=stage.data.infer_from_filename))


@case
def a_transform_that_reads_and_renames(stage: Stage) -> Any:
    fill_plain(stage)

    def transform(sample: Any, file: str) -> None:
        head = sample.data.read(4)
        sample.data.seek(0)
        sample.filename = "renamed." + os.path.basename(file)
        sample.label = "csv" if head == b"time" else "other"
        sample.metadata = {"size": str(os.path.getsize(file))}

    return told_sorted(stage.data.upload_directory(stage.place, transform=transform, batch_size=2))


@case
def a_directory_twice(stage: Stage) -> Any:
    fill_plain(stage)
    return [told_sorted(stage.data.upload_directory(stage.place)) for _ in range(2)]


@case
def a_missing_directory(stage: Stage) -> Any:
    return told(stage.data.upload_directory(os.path.join(stage.place, "nowhere")))


@case
def a_directory_without_labels(stage: Stage) -> Any:
    return told(stage.data.upload_exported_dataset(stage.place))


def fill_exported(stage: Stage) -> None:
    files: list[dict[str, Any]] = []

    def add(path: str, content: bytes, label: dict[str, Any], **more: Any) -> None:
        stage.write(path, content)
        files.append({"path": path, "category": path.split("/")[0], "label": label, "boundingBoxes": []} | more)

    add("training/wave.1.csv", csv(10).encode(), {"type": "label", "label": "wave"})
    add("training/wave.2.csv", csv(20).encode(), {"type": "label", "label": "wave"}, metadata={"site": "desk"})
    add("testing/img.1.png", png(1), {"type": "label", "label": "nuts"}, boundingBoxes=[BOX])
    add("testing/ranges.1.json", acquisition(30).encode(), {"type": "multi-label", "labels": RANGES})
    stage.write("training/unnamed.csv", csv(99).encode())
    stage.write("info.labels", json.dumps({"version": 1, "files": files}).encode())


@case
def an_exported_dataset(stage: Stage) -> Any:
    fill_exported(stage)
    return told(stage.data.upload_exported_dataset(stage.place))


@case
def an_exported_dataset_is_recognised(stage: Stage) -> Any:
    fill_exported(stage)

    def transform(sample: Any, file: str) -> None:
        sample.metadata = {"from": os.path.basename(file)}

    return told(stage.data.upload_directory(stage.place, category="testing", label="ignored", transform=transform))


@case
def names_are_inferred(stage: Stage) -> Any:
    found = []
    for path in (
        "training/wave.1.cbor",
        "x/testing/a.b.c.csv",
        "anomaly/odd",
        "plain.csv",
        ".hidden",
        "training-testing/a.b",
    ):
        sample = stage.data.Sample(b"", filename="kept")
        stage.data.infer_from_filename(sample, path)
        found.append([sample.label, sample.category, sample.filename])
    return found
