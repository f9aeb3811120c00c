"""Samples come back as they went, in the order asked for."""

import io
import json
import threading
from typing import Any

import pytest

import eisync
from eisync.data.downloading import download_samples_by_ids, stream_samples_by_ids
from eisync.data.sample_type import Sample
from eisync.emulator.server import RunningEmulator
from eisync.exceptions import MissingApiKeyException, UnauthorizedException
from tests.canary import CANARY
from tests.conftest import SHARED_DATA
from tests.emulator.wire import Client, acquisition, csv, png, wav

NOWHERE = 10**6
TWO = [{"name": "a", "units": "N/A"}, {"name": "b", "units": "N/A"}]

with_shared_data = pytest.mark.skipif(
    not (SHARED_DATA / "wave.01.json").exists(), reason="the shared samples are not on this machine"
)


@pytest.fixture
def stranger(service: RunningEmulator) -> Client:
    return Client(service)


def content(sample: Sample) -> bytes:
    assert isinstance(sample.data, io.BytesIO)
    return sample.data.getvalue()


def test_values_come_as_json_text_named_json(stranger: Client) -> None:
    (sample_id,) = stranger.store(("wave.01.csv", csv(7)), x_label="wave", x_metadata='{"site": "desk"}')
    (sample,) = download_samples_by_ids(sample_id)
    assert isinstance(sample.data, str)
    assert ("wave.01.json", "wave", "training", {"site": "desk"}, sample_id) == (
        sample.filename,
        sample.label,
        sample.category,
        sample.metadata,
        sample.sample_id,
    )
    assert {
        "protected": {"ver": "v1", "alg": "none", "iat": None},
        "payload": {
            "device_type": "EDGE_IMPULSE_UPLOADER",
            "sensors": [{"name": "accX", "units": "N/A"}],
            "values": [[7.0], [7.5]],
            "interval_ms": 10.0,
            "device_name": None,
        },
        "signature": None,
    } == json.loads(sample.data)


def test_a_file_comes_back_byte_by_byte(stranger: Client) -> None:
    files = [("a.png", png(note=b"1")), ("b.jpg", png(note=b"2")), ("c.wav", wav())]
    samples = download_samples_by_ids(stranger.store(*files))
    assert [("a.png", files[0][1]), ("b.jpg", files[1][1]), ("c.wav", files[2][1])] == [
        (sample.filename, content(sample)) for sample in samples
    ]


@with_shared_data
@pytest.mark.parametrize("name", ["hadouken.01.wav", "capacitor.01.png"])
def test_real_files_come_back_byte_by_byte(stranger: Client, name: str) -> None:
    raw = (SHARED_DATA / name).read_bytes()
    (sample,) = download_samples_by_ids(stranger.store((name, raw)))
    assert (name, raw) == (sample.filename, content(sample))


@with_shared_data
@pytest.mark.parametrize("name", ["wave.01.json", "wave.01.cbor", "good.01.csv"])
def test_real_recordings_can_be_uploaded_again(stranger: Client, name: str) -> None:
    raw = (SHARED_DATA / name).read_bytes()
    (sample_id,) = stranger.store((name, raw))
    (sample,) = download_samples_by_ids(sample_id)
    assert isinstance(sample.data, str)
    assert sample.filename == f"{name.rsplit('.', 1)[0]}.json"
    (again,) = stranger.store((sample.filename, sample.data.encode()))
    before, after = (stranger.sample(one)["payload"] for one in (sample_id, again))
    assert before["values"] == after["values"]
    assert before["sensors"] == after["sensors"]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("one.csv", b"a,b\n1,2\n"),
        # The official module raises UnsupportedSampleType for an interval of 0, and the call's other samples are lost.
        ("one.json", json.dumps(acquisition(interval_ms=0, values=[[1, 2]], sensors=TWO)).encode()),
    ],
)
def test_one_reading_comes_back_too(stranger: Client, name: str, raw: bytes) -> None:
    ids = stranger.store((name, raw), ("series.csv", csv(1)))
    one, series = download_samples_by_ids(ids)
    assert isinstance(one.data, str)
    assert ("one.json", "series.json") == (one.filename, series.filename)
    assert [[1.0, 2.0]] == json.loads(one.data)["payload"]["values"]


def test_values_of_a_sensor_called_image_are_values(stranger: Client) -> None:
    document = json.dumps(acquisition(sensors=[{"name": "image", "units": "rgba"}])).encode()
    (sample,) = download_samples_by_ids(stranger.store(("odd.json", document)))
    assert isinstance(sample.data, str)
    assert "odd.json" == sample.filename


def test_boxes_and_structured_labels_come_along(stranger: Client) -> None:
    boxes = [{"label": "cup", "x": 0, "y": 0, "width": 1, "height": 1}]
    runs = [{"startIndex": 0, "endIndex": 1, "label": "a"}]
    companions = {
        "bounding_boxes": {"type": "bounding-box-labels", "boundingBoxes": {"a.png": boxes}},
        "structured_labels": {"type": "structured-labels", "structuredLabels": {"b.csv": runs}},
    }
    parts = [(f"{name}.labels", json.dumps({"version": 1, **body}).encode()) for name, body in companions.items()]
    ids = [entry["sampleId"] for entry in stranger.upload([("a.png", png()), ("b.csv", csv(1)), *parts])]
    image, series = download_samples_by_ids(ids)
    assert boxes == image.bounding_boxes
    assert runs == series.structured_labels


def test_the_order_is_that_of_the_ids_and_unknown_ones_are_left_out(stranger: Client) -> None:
    ids = stranger.store(*((f"s.{number}.csv", csv(number)) for number in range(40)))
    stranger.emulator.set_faults({"where": "studio", "kind": "latency", "seconds": 0, "jitter_s": 0.01})
    asked = [*ids[20:], NOWHERE, *ids[:20], ids[0]]
    found = [sample.sample_id for sample in download_samples_by_ids(asked, max_workers=8)]
    assert [*ids[20:], *ids[:20], ids[0]] == found
    assert [] == download_samples_by_ids([]) == download_samples_by_ids(NOWHERE)


def test_a_generator_and_a_set_of_ids_will_do(stranger: Client) -> None:
    ids = stranger.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    assert ids == [sample.sample_id for sample in download_samples_by_ids(one for one in ids)]
    assert set(ids) == {sample.sample_id for sample in download_samples_by_ids(set(ids))}


@pytest.mark.parametrize("wrong", ["12", b"12", [1, "2"], [1.5], [None], 1.5, True])
def test_what_is_no_whole_number_is_refused_at_once(service: RunningEmulator, wrong: Any) -> None:
    for call in (download_samples_by_ids, stream_samples_by_ids):
        with pytest.raises(TypeError, match="All sample IDs must be integers"):
            call(wrong)


def test_ids_of_numpy_are_whole_numbers(stranger: Client) -> None:
    numpy = pytest.importorskip("numpy")
    ids = stranger.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    assert ids == [sample.sample_id for sample in download_samples_by_ids(numpy.array(ids))]
    assert 1 == len(download_samples_by_ids(numpy.int64(ids[0])))


def test_the_stream_has_a_place_for_an_id_that_is_not_there(stranger: Client) -> None:
    first, second = stranger.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    found = list(stream_samples_by_ids([first, NOWHERE, second]))
    assert [first, None, second] == [sample and sample.sample_id for sample in found]
    assert [first, second] == [sample.sample_id for sample in download_samples_by_ids([first, NOWHERE, second])]


def test_the_stream_fetches_only_a_few_ahead_and_leaves_no_thread(stranger: Client) -> None:
    ids = stranger.store(*((f"s.{number}.csv", csv(number)) for number in range(60)))
    before = stranger.emulator.ledger()["studio_requests"]
    stream = stream_samples_by_ids(ids, max_workers=2)
    first = next(stream)
    assert first is not None
    assert ids[0] == first.sample_id
    stream.close()
    assert stranger.emulator.ledger()["studio_requests"] - before < 12
    assert [] == [thread for thread in threading.enumerate() if thread.name.startswith("download")]


def test_progress_is_told_and_shown_on_stderr(stranger: Client, capsys: pytest.CaptureFixture[str]) -> None:
    ids = stranger.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    told: list[tuple[int, int]] = []
    download_samples_by_ids([*ids, NOWHERE], show_progress=True, progress=lambda done, of: told.append((done, of)))
    assert [(1, 3), (2, 3), (3, 3)] == told
    shown = capsys.readouterr()
    assert "" == shown.out
    assert "3" in shown.err


def test_the_key_handed_over_is_used(service: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Client(service, key=service.add_project(name="other")["keys"][0]["key"])
    project = service.add_project(name="third")
    (sample_id,) = Client(service).store(("a.csv", csv(1)))
    assert [] == download_samples_by_ids(sample_id, other.key)
    monkeypatch.setattr(eisync, "API_KEY", None)
    assert [] == download_samples_by_ids(sample_id, project["keys"][0]["key"])
    assert 1 == len(download_samples_by_ids(sample_id, service.key))
    with pytest.raises(MissingApiKeyException):
        download_samples_by_ids(sample_id)
    with pytest.raises(UnauthorizedException):
        download_samples_by_ids(sample_id, CANARY + "wrong")
