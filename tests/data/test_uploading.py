import io
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy
import pytest

import eisync
from eisync.data import Sample, UploadSamplesResponse, upload_samples
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.exceptions import MissingApiIngestionEndpointException, MissingApiKeyException
from tests.canary import CANARY

from .samples import acquisition, content, csv, held, waves

BOX = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
RANGES = [{"startIndex": 0, "endIndex": 1, "label": "a"}, {"startIndex": 2, "endIndex": 2, "label": "b"}]


def names(results: list[Any]) -> list[str | None]:
    return [result.sample.filename for result in results]


# What is sent


def test_samples_that_agree_share_requests(service: RunningEmulator) -> None:
    assert upload_samples(waves(100, label="wave", category="training")).success
    assert 8 == service.ledger()["requests"]


def test_samples_that_differ_keep_their_own_words(service: RunningEmulator) -> None:
    choices = itertools.product(("training", "testing"), ("a", "Größe & 50%", "日本", 0, None), (None, {"site": "Ω 1"}))
    samples = [
        Sample(csv(10 * number), f"wave.{number:03}.csv", category, label, None, metadata)  # type: ignore[arg-type]
        for number, (category, label, metadata) in enumerate(choices)
    ]
    assert upload_samples(samples).success
    expected = [("wave" if one.label is None else str(one.label), one.category, one.metadata) for one in samples]
    assert expected == [(one["label"], one["category"], one.get("metadata")) for one in held()]


def test_the_bytes_arrive_as_they_are(service: RunningEmulator) -> None:
    samples = waves(30)
    assert upload_samples(samples).success
    assert [str(one.data).encode() for one in samples] == [content(one.sample_id or 0) for one in samples]


def test_boxes_and_ranges_of_many_samples_ride_in_one_request(service: RunningEmulator) -> None:
    samples = [Sample(acquisition(10 * n), f"ranges.{n}.json", structured_labels=RANGES) for n in range(5)]
    assert upload_samples(samples).success
    assert 1 == service.ledger()["requests"]
    assert [RANGES] * 5 == [one["structuredLabels"] for one in held()]


def test_samples_of_one_name_keep_their_own_ranges(service: RunningEmulator) -> None:
    other = [{"startIndex": 0, "endIndex": 2, "label": "c"}]
    options = [RANGES, other, None, RANGES]
    samples = [
        Sample(acquisition(10 * n), "same.json", structured_labels=pass_request, label="x")
        for n, pass_request in enumerate(options)
    ]
    assert upload_samples(samples).success
    by_id = {one["id"]: one.get("structuredLabels") for one in held()}
    assert options == [by_id[one.sample_id] or None for one in samples]


def test_several_samples_may_share_a_name(service: RunningEmulator) -> None:
    samples = [Sample(csv(10 * n), "same.csv") for n in range(12)]
    assert upload_samples(samples).success
    assert [one.data for one in samples] == [content(one.sample_id or 0).decode() for one in samples]


def test_the_callers_sample_is_changed_in_nothing_but_its_id(service: RunningEmulator) -> None:
    metadata, ranges = {"run": 7}, [dict(one) for one in RANGES]
    sample = Sample(acquisition(1), None, None, None, None, metadata, None, ranges)
    assert upload_samples(sample).success
    assert (acquisition(1), None, None, None, None) == (
        sample.data,
        sample.filename,
        sample.category,
        sample.label,
        sample.bounding_boxes,
    )
    assert sample.metadata is metadata
    assert {"run": 7} == metadata
    assert sample.structured_labels is ranges
    assert RANGES == ranges
    assert isinstance(sample.sample_id, int)


def test_duplicates_are_refused_unless_they_are_allowed(service: RunningEmulator) -> None:
    first, again, allowed = (Sample(csv(1), name) for name in ("a.csv", "b.csv", "c.csv"))
    assert upload_samples(first).success
    refused = upload_samples(again)
    assert [f"An item with this hash already exists (ids: {first.sample_id})"] == [one.error for one in refused.fails]
    assert again.sample_id is None
    assert upload_samples(allowed, allow_duplicates=True).success


# Results


def test_results_are_in_the_order_of_the_samples(service: RunningEmulator) -> None:
    samples = waves(90)
    for number in range(0, 90, 7):
        samples[number].data = f"a,b\n{number},2\n3,4\n"
    for number, sample in enumerate(samples):
        sample.label = f"label {number % 5}"
    response = upload_samples(samples)
    bad = [one.filename for one in samples[::7]]
    assert bad == names(response.fails)
    assert [one.filename for one in samples if one.filename not in bad] == names(response.successes)
    assert [one.sample_id for one in response.successes] == [one.sample.sample_id for one in response.successes]


@pytest.mark.parametrize("given", [(), [], iter(())])
def test_nothing_is_uploaded_well(service: RunningEmulator, given: Any) -> None:
    response = upload_samples(given)
    assert (True, [], []) == (response.success, response.successes, response.fails)


@pytest.mark.parametrize(
    ("sample", "error"),
    [
        (Sample(None, "a.csv"), "Data of type NoneType cannot be uploaded"),  # type: ignore[arg-type]
        (Sample({"x": 1}, "a.csv"), "Data of type dict cannot be uploaded"),  # type: ignore[arg-type]
        (Sample(b"", "a.csv"), "This file is empty"),
        (Sample("x", "a\nb.csv"), "is not a file name"),
        (Sample("x", ""), "is not a file name"),
        (Sample("x", "a.csv", metadata="site"), "metadata must be a dict"),  # type: ignore[arg-type]
        (Sample("x", "a.png", bounding_boxes="[{"), "bounding_boxes is not valid JSON"),
        (Sample("x", "a.png", bounding_boxes=[{"label": object()}]), "bounding_boxes is not valid JSON"),
        (Sample("\ud800", "a.csv"), "lone surrogate"),
        (Sample(csv(1), "a.csv", category="nonsense"), "Unknown category nonsense"),
        (Sample(csv(1), "a.csv", category="../files"), "Unknown category"),
        (Sample(csv(1), "bounding_boxes.labels"), "Invalid type"),
        (Sample(csv(1), "a.csv", metadata={"big": "x" * 20_000}), ""),
        (Sample(csv(1), "a.xyz"), "Invalid mimetype"),
    ],
)
def test_a_sample_that_cannot_be_is_a_failure_and_its_peers_are_stored(
    service: RunningEmulator, sample: Sample, error: str
) -> None:
    good = waves(3)
    response = upload_samples([good[0], sample, *good[1:]])
    assert good == [one.sample for one in response.successes]
    assert [sample] == [one.sample for one in response.fails]
    assert error in str(response.fails[0].error)
    assert sample.sample_id is None


def test_what_is_no_sample_is_told_before_anything_is_sent(service: RunningEmulator) -> None:
    with pytest.raises(TypeError, match="Sample objects, not str"):
        upload_samples([*waves(2), "wave.csv"])  # type: ignore[list-item]
    assert 0 == service.ledger()["requests"]


# Who and where


def test_a_wrong_key_is_a_failure_of_every_sample(service: RunningEmulator) -> None:
    response = upload_samples(waves(200), api_key=CANARY + "wrong")
    assert {"Invalid API key"} == {one.error for one in response.fails}
    assert 200 == len(response.fails)
    assert service.ledger()["requests"] <= 8


def test_without_a_key_nothing_is_sent(service: RunningEmulator) -> None:
    eisync.API_KEY = None
    with pytest.raises(MissingApiKeyException):
        upload_samples(waves(1))


def test_without_an_endpoint_nothing_is_sent(service: RunningEmulator) -> None:
    eisync.INGESTION_ENDPOINT = ""
    with pytest.raises(MissingApiIngestionEndpointException):
        upload_samples(waves(1))


def test_a_service_that_is_not_there_fails_every_sample(service: RunningEmulator) -> None:
    eisync.INGESTION_ENDPOINT = "http://127.0.0.1:9/"
    response = upload_samples(waves(20))
    assert 20 == len(response.fails)
    assert {"http://127.0.0.1:9 cannot be reached (Connection refused)"} == {one.error for one in response.fails}


def test_a_key_with_a_line_break_behind_it_is_the_key(service: RunningEmulator) -> None:
    assert 1 == len(upload_samples(waves(1), api_key=CANARY + "\n").successes)


def test_a_key_with_a_line_break_in_it_is_in_no_text(service: RunningEmulator) -> None:
    with pytest.raises(ValueError, match="has 2 lines") as caught:
        upload_samples(waves(1), api_key=CANARY + "\nX-Header: 1")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("max_workers", 0), ("timeout_sec", 0), ("timeout_sec", -1.0)])
def test_a_wish_that_cannot_be_obeyed_is_refused(service: RunningEmulator, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name.split("_")[0]):
        upload_samples(waves(1), **{name: value})


# Weather


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "status", "status": 503, "times": 2},
        {"kind": "status", "status": 429, "retry_after": 0, "times": 2},
        {"kind": "status", "status": 500, "times": 2},
        {"kind": "status", "status": 413, "times": 3},
        {"kind": "reset_before", "times": 2},
        {"kind": "reset_during", "times": 2},
        {"kind": "reset_after", "times": 2},
        {"kind": "withhold", "times": 2},
        {"kind": "truncate", "times": 2},
        {"kind": "malformed", "times": 2},
        {"kind": "count_mismatch", "times": 2, "extra": 1},
        {"kind": "count_mismatch", "times": 2, "extra": -1},
    ],
)
def test_bad_weather_costs_no_result(service: RunningEmulator, rule: dict[str, Any]) -> None:
    service.set_faults({"where": "ingestion", **rule})
    samples = waves(40)
    response = upload_samples(samples, max_workers=2)
    assert [] == [one.error for one in response.fails]
    assert samples == [one.sample for one in response.successes]
    assert sorted(one["id"] for one in held()) == sorted(one.sample_id or 0 for one in samples)
    assert [one.data for one in samples] == [content(one.sample_id or 0).decode() for one in samples]


def test_a_twin_is_not_confirmed_by_its_brothers_id(service: RunningEmulator) -> None:
    service.set_faults({"where": "ingestion", "kind": "withhold", "times": 1})
    twins = [Sample(csv(1), "a.csv"), Sample(csv(1), "b.csv")]
    response = upload_samples(twins)
    assert (["a.csv"], ["b.csv"]) == (names(response.successes), names(response.fails))


@pytest.mark.parametrize("kind", ["withhold", "count_mismatch", "reset_after"])
def test_with_duplicates_allowed_nothing_is_stored_twice(service: RunningEmulator, kind: str) -> None:
    service.set_faults({"where": "ingestion", "kind": kind, "times": 1})
    response = upload_samples(waves(8), allow_duplicates=True)
    assert 8 == len(response.fails)
    assert all(number == 1 for number in service.ledger()["stored_by_hash"].values())


def test_files_that_the_service_refuses_cost_only_themselves(service: RunningEmulator) -> None:
    service.set_faults({"where": "ingestion", "kind": "partial", "positions": [1, 3], "error": "no", "times": 1})
    response = upload_samples(waves(8))
    assert ["wave.001.csv", "wave.003.csv"] == names(response.fails)
    assert {"no"} == {one.error for one in response.fails}


def test_a_time_limit_is_a_failure_of_its_samples(service: RunningEmulator) -> None:
    service.set_faults({"where": "ingestion", "kind": "latency", "seconds": 5})
    response = upload_samples(waves(2), timeout_sec=0.05, allow_duplicates=True)
    assert ["in time" in str(one.error) for one in response.fails] == [True, True]


def test_a_redirect_is_not_followed(service: RunningEmulator) -> None:
    service.set_faults({"where": "ingestion", "kind": "redirect"})
    response = upload_samples(waves(1))
    assert "redirected" in str(response.fails[0].error)


def test_a_request_the_service_finds_too_large_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, max_request_bytes=700)
    with running_emulator(settings) as emulator:
        monkeypatch.setattr(eisync, "API_KEY", emulator.key)
        monkeypatch.setattr(eisync, "INGESTION_ENDPOINT", emulator.ingestion_url)
        assert upload_samples(waves(20), max_workers=1).success


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"from": 1, "to": [2, None]}, '{"from": 1, "to": [2, null]}'),
        (["a", "ü"], '["a", "ü"]'),
        ((), "[]"),
        ({"run": numpy.int64(7), "at": numpy.array([1.5])}, '{"run": 7, "at": [1.5]}'),
        (numpy.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        ({"odd": {1}}, "{'odd': {1}}"),
        (numpy.float32(0.1), "0.1"),
        (True, "True"),
        (0, "0"),
    ],
    ids=str,
)
def test_metadata_travels_as_text_and_what_is_nested_as_json(
    service: RunningEmulator, value: object, text: str
) -> None:
    assert upload_samples(Sample(csv(1), "a.csv", metadata={"key": value, "none": None})).success
    assert [{"key": text}] == [one["metadata"] for one in held()]


# Streams


def test_a_stream_is_read_from_where_it_stands_and_left_there(service: RunningEmulator) -> None:
    stream = io.BytesIO(b"a note\n" + csv(1).encode())
    stream.readline()
    for _ in range(2):
        sample = Sample(stream, "a.csv")
        assert upload_samples(sample, allow_duplicates=True).success
        assert csv(1).encode() == content(sample.sample_id or 0)
        assert 7 == stream.tell()
    assert not stream.closed


def test_a_stream_that_can_be_read_once_survives_bad_weather(service: RunningEmulator) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    class Wrapped:
        def __init__(self, content: bytes) -> None:
            self._inner = Pipe(content)

        def read(self, size: int = -1) -> bytes:
            return self._inner.read(size)

    service.set_faults({"where": "ingestion", "kind": "reset_after", "times": 1})
    sample = Sample(Wrapped(csv(1).encode()), "a.csv")  # type: ignore[arg-type]
    assert upload_samples(sample).success
    assert csv(1).encode() == content(sample.sample_id or 0)


@pytest.mark.parametrize("good_bytes", [0, 100, 1_000_000])
def test_a_stream_that_breaks_fails_its_own_sample(service: RunningEmulator, good_bytes: int) -> None:
    class Broken(io.RawIOBase):
        """Promises two million bytes."""

        position = 0

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0, /) -> int:
            self.position = offset if whence == 0 else 2_000_000
            return self.position

        def tell(self) -> int:
            return self.position

        def read(self, size: int = -1, /) -> bytes:
            if self.position + size > good_bytes:
                raise RuntimeError("the sensor was unplugged")
            self.position += size
            return b"x" * size

    good = waves(6)
    broken = Sample(Broken(), "broken.csv")  # type: ignore[arg-type]
    response = upload_samples([*good[:3], broken, *good[3:]])
    assert good == [one.sample for one in response.successes]
    assert "unplugged" in str(response.fails[0].error)


# How it is run


def test_an_executor_of_the_callers_is_used_and_left_running(service: RunningEmulator) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert upload_samples(waves(50), executor=executor).success
        assert 1 == executor.submit(lambda: 1).result()


def test_progress_counts_every_sample(service: RunningEmulator) -> None:
    seen: list[tuple[int, int]] = []
    bad = Sample(None, "bad.csv")  # type: ignore[arg-type]
    upload_samples([bad, *waves(30)], progress=lambda done, total: seen.append((done, total)))
    assert (31, 31) == seen[-1]
    assert sorted(seen) == seen


def test_responses_can_be_put_together(service: RunningEmulator) -> None:
    response = UploadSamplesResponse([], [])
    more = upload_samples([*waves(2), Sample(b"", "empty.csv")])
    response.extend(more.successes, more.fails)
    assert (2, 1, False) == (len(response.successes), len(response.fails), response.success)
