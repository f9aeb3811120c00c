import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import multipart
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eisync.core import wire
from eisync.core.batching import Request
from eisync.core.model import Category, FileFacts, Item, sent_name
from eisync.core.retry import Fault
from eisync.core.studio import original_name, stored_name
from eisync.core.wire import Barred, Duplicate, Failed, Refused, Reply, Silence, Smaller, Stored
from tests.examples import examples

NOW = 1_700_000_000.0
BOUNDARY = "eisync-0123456789abcdef"
INT64 = range(-(2**63), 2**63)


# --- requests ---------------------------------------------------------------------------------------------------------


def item(identity: int, path: str, size: int) -> Item:
    return Item(
        id=identity,
        root="/data",
        path=path,
        target="main",
        facts=FileFacts(size, 1, 1),
        label="wave",
        category=Category.TRAINING,
    )


def request_of(
    contents: dict[str, bytes],
    *,
    label: str | None = "wave",
    metadata: tuple[tuple[str, str], ...] = (),
    category: Category = Category.TRAINING,
) -> Request:
    items = tuple(item(number, path, len(content)) for number, (path, content) in enumerate(contents.items()))
    return Request(target="main", category=category, label=label, metadata=metadata, items=items)


def letter_of(request: Request, *, allow_duplicates: bool = False) -> wire.Envelope:
    return wire.envelope(request, boundary=BOUNDARY, allow_duplicates=allow_duplicates)


def body_of(letter: wire.Envelope, contents: dict[str, bytes]) -> bytes:
    """Return the body that is sent: the parts with the bytes of their files."""
    files = b"".join(part.preamble + contents[part.item.path] + letter.between for part in letter.parts)
    return files + letter.closing


def parse(letter: wire.Envelope, body: bytes) -> list[tuple[str, str | None, bytes]]:
    """Return field name, file name and content of each part, by an independent parser."""
    _, options = multipart.parse_options_header(letter.headers["content-type"])
    parts: list[tuple[str, str | None, bytes]] = []
    with multipart.PushMultipartParser(options["boundary"], max_header_size=64 * 1024, strict=True) as parser:
        for event in parser.parse(body):
            if isinstance(event, multipart.MultipartSegment):
                parts.append((event.name, event.filename, b""))
            elif event is not None:
                field, name, content = parts[-1]
                parts[-1] = field, name, content + event
    return parts


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("wave.01.cbor", "wave.01.cbor"),
        ("deep/er/wave.01.cbor", "wave.01.cbor"),
        ("a b; c=d.csv", "a b; c=d.csv"),
        ("100% 'real'.csv", "100% 'real'.csv"),
        ("左.csv", "左.csv"),
        ('say "hi".csv', 'say "hi".csv'),
        ("two\r\nlines: x.csv", "two\r\nlines: x.csv"),
        ("caf\udce9.csv", "caf\ufffd.csv"),
    ],
)
@pytest.mark.parametrize("content", [b"x", b"\r\n--", f"--{BOUNDARY[:-1]}\r\n".encode(), bytes(range(256)) * 5])
def test_the_body_is_read_back_by_an_independent_parser(path: str, name: str, content: bytes) -> None:
    contents = {path: content, "other/b.json": b"{}"}
    letter = letter_of(request_of(contents))

    body = body_of(letter, contents)

    assert [("data", name, content), ("data", "b.json", b"{}")] == parse(letter, body)
    assert len(body) == letter.content_length


def a_name(raw: bytes) -> str:
    """Return a file name of these bytes, as far as a file system accepts them."""
    # Readers disagree about backslashes: browsers do not escape them.
    return os.fsdecode(raw.translate(None, b"/\0\\") + b".csv")


@settings(database=None, max_examples=examples(100))
@given(
    st.dictionaries(
        st.one_of(st.text(min_size=1).map(str.encode), st.binary(min_size=1)).map(a_name),
        st.binary(),
        min_size=1,
        max_size=4,
    )
)
def test_every_file_arrives_complete_under_any_name(contents: dict[str, bytes]) -> None:
    letter = letter_of(request_of(contents))

    body = body_of(letter, contents)

    assert list(contents.values()) == [content for _, _, content in parse(letter, body)]
    assert len(body) == letter.content_length


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("a.cbor", b"application/cbor"),
        ("a.JSON", b"application/json"),
        ("a.csv", b"text/csv"),
        ("a.wav", b"audio/wav"),
        ("a.Jpeg", b"image/jpeg"),
        ("a.bin", b"application/octet-stream"),
    ],
)
def test_a_part_has_the_content_type_of_its_extension(path: str, content_type: bytes) -> None:
    [part] = letter_of(request_of({path: b"x"})).parts

    assert b"\r\nContent-Type: " + content_type + b"\r\n\r\n" in part.preamble


@pytest.mark.parametrize("category", Category)
def test_the_category_is_in_the_path(category: Category) -> None:
    assert f"/api/{category.value}/files" == letter_of(request_of({"a.csv": b"x"}, category=category)).path


@pytest.mark.parametrize("label", ["wave", "左 右", "100% + 1/2 & more", "it's (ok)!~*", "a\r\nx-api-key: b", "ü" * 50])
def test_a_label_survives_the_header(label: str) -> None:
    headers = letter_of(request_of({"a.csv": b"x"}, label=label)).headers

    assert label == unquote(headers["x-label"])
    assert "x-no-label" not in headers
    assert headers["x-label"].isascii()
    assert headers["x-label"].isprintable()


def test_a_label_is_encoded_as_in_the_official_clients() -> None:
    headers = letter_of(request_of({"a.csv": b"x"}, label="5% a/b 左 it's (ok)!~*")).headers

    assert "5%25%20a%2Fb%20%E5%B7%A6%20it's%20(ok)!~*" == headers["x-label"]


def test_without_a_label_none_is_inferred_either() -> None:
    headers = letter_of(request_of({"a.csv": b"x"}, label=None)).headers

    assert ("", "1") == (headers["x-label"], headers["x-no-label"])


def test_a_label_that_the_service_infers_is_left_out() -> None:
    request = replace(request_of({"wave.1.csv": b"1", "idle.1.csv": b"2"}, label=None), is_inferred=True)
    assert not {"x-label", "x-no-label"} & set(letter_of(request).headers)


@pytest.mark.parametrize(("allow_duplicates", "header"), [(False, "1"), (True, None)])
def test_duplicates_are_refused_unless_they_are_allowed(allow_duplicates: bool, header: str | None) -> None:
    headers = letter_of(request_of({"a.csv": b"x"}), allow_duplicates=allow_duplicates).headers

    assert header == headers.get("x-disallow-duplicates")


def test_metadata_is_json_that_fits_into_a_header() -> None:
    metadata = (("room", "実験室\r\n3"), ("site", 'lab "3"'))

    header = letter_of(request_of({"a.csv": b"x"}, metadata=metadata)).headers["x-metadata"]

    assert dict(metadata) == json.loads(header)
    assert header.isascii()
    assert header.isprintable()
    assert "x-metadata" not in letter_of(request_of({"a.csv": b"x"})).headers


def test_the_envelope_does_not_contain_the_key() -> None:
    headers = letter_of(request_of({"a.csv": b"x"}, metadata=(("a", "b"),))).headers

    assert {"content-type", "x-upload-source", "x-label", "x-disallow-duplicates", "x-metadata"} == set(headers)


# --- answers ----------------------------------------------------------------------------------------------------------

HTML = b"<!doctype html><title>Welcome to the hotel's network</title>"
EXISTS = "An item with this hash already exists"


def stored(sample_id: int) -> dict[str, Any]:
    return {"success": True, "projectId": 7, "sampleId": sample_id, "fileName": "wave.01.cbor.4arrb5vg.x.cbor"}


def failed(error: Any) -> dict[str, Any]:
    return {"success": False, "error": error}


def answer(*entries: Any, success: bool = True) -> bytes:
    return json.dumps({"success": success, "files": entries}).encode()


def unanswered(reason: str) -> Failed:
    return Failed(Fault.UNANSWERED, reason)


def read(status: int, body: bytes, sent: int, headers: dict[str, str] | None = None) -> list[wire.Outcome]:
    return list(wire.read_reply(Reply(status, headers or {}, body), sent=sent, now=NOW))


NO_ID = unanswered("the answer says that it is stored but gives no sample id")
NEITHER = unanswered("an entry of the answer says neither stored nor refused")


@pytest.mark.parametrize(
    ("case", "body", "outcomes"),
    [
        ("stored", answer(stored(1)), [Stored(1, 7)]),
        ("stored, each", answer(stored(1), stored(2)), [Stored(1, 7), Stored(2, 7)]),
        ("no project is given", answer({"success": True, "sampleId": 1}), [Stored(1)]),
        ("one of each", answer(stored(1), failed("bad"), failed(f"{EXISTS} (ids: 9)")),
         [Stored(1, 7), Refused("bad"), Duplicate((9,))]),
        ("each entry counts, not the whole", answer(stored(1), failed("bad"), success=False),
         [Stored(1, 7), Refused("bad")]),
        ("a duplicate of several", answer(failed(f"{EXISTS} (ids: 1, 2)")), [Duplicate((1, 2))]),
        ("a duplicate of one, in the singular", answer(failed(f"{EXISTS} (id: 12345)")), [Duplicate((12345,))]),
        ("a duplicate of nobody knows what", answer(failed(EXISTS)), [Duplicate(())]),
        ("something else that exists", answer(failed("A label of this name already exists")),
         [Refused("A label of this name already exists")]),
        ("refused without any reason", answer({"success": False}), [Refused("refused without a reason")]),
        ("refused with an empty reason", answer(failed("  ")), [Refused("refused without a reason")]),
        ("a reason that is no text", answer(failed({"a": 1})), [Refused("refused without a reason")]),
        ("a reason of several lines", answer(failed("Could not\n  parse")), [Refused("Could not parse")]),
        ("an endless reason", answer(failed("x" * 9999)), [Refused("x" * 299 + "…")]),
        ("a reason that no database takes", answer(failed("a\ud800b")), [Refused("a?b")]),
        ("stored without an id", answer({"success": True}), [NO_ID]),
        ("an id that is no number", answer({"success": True, "sampleId": "1"}), [NO_ID]),
        ("an id that is a truth", answer({"success": True, "sampleId": True}), [NO_ID]),
        ("an id that no database takes", answer({"success": True, "sampleId": 2**63}), [NO_ID]),
        ("no id at all", answer({"success": True, "sampleId": 0}), [NO_ID]),
        ("success is no truth", answer({"success": "yes", "sampleId": 1}), [NEITHER]),
        ("neither yes nor no", answer({}), [NEITHER]),
        ("an entry that is none", answer(stored(1), None),
         [Stored(1, 7), unanswered("an entry of the answer is not an object")]),
        ("ids that no database takes", answer(failed(f"{EXISTS} (ids: 5, {2**63}, 0)")), [Duplicate((5,))]),
        ("ids that no parser takes", answer(failed(f"{EXISTS} (ids: {'9' * 5000})")), [Duplicate(())]),
        ("no entries for one file", answer(), [unanswered("the answer has 0 entries for 1 files")]),
        ("one file became several samples", answer(stored(1), stored(2)), [Duplicate((1, 2))]),
        ("refused as a whole", json.dumps(failed("bad")).encode(), [Refused("bad")]),
        ("refused as a whole, with an empty list", json.dumps({**failed("bad"), "files": []}).encode(),
         [Refused("bad")]),
        ("refused as a whole as a duplicate", json.dumps(failed(f"{EXISTS} (ids: 3)")).encode(), [Duplicate((3,))]),
        ("the key is refused in a 200", json.dumps(failed("Invalid API key")).encode(), [Barred("Invalid API key")]),
        ("success and no files", b'{"success":true}', [unanswered("the answer names no files")]),
        ("files is no list", b'{"success":true,"files":{}}', [unanswered("the answer names no files")]),
        ("a portal's page", HTML, [unanswered(f"the answer is not the service's: {HTML.decode()!r}")]),
        ("truncated", answer(stored(1))[:30], [unanswered(
            "the answer is not the service's: '{\"success\": true, \"files\": [{\"'")]),
        ("empty", b"", [unanswered("the answer is not the service's: ''")]),
        ("not text", b"\xff\xfe", [unanswered("the answer is not the service's: '\ufffd\ufffd'")]),
        ("JSON of another shape", b"[]", [unanswered("the answer is not the service's: '[]'")]),
        ("JSON without an end", b"[" * 100_000, [unanswered(f"the answer is not the service's: {'[' * 299 + '…'!r}")]),
    ],
)  # fmt: skip
def test_a_200_is_read_file_by_file(case: str, body: bytes, outcomes: list[wire.Outcome]) -> None:
    sent = 1 if case == "one file became several samples" else len(outcomes)

    assert outcomes == read(200, body, sent)


@pytest.mark.parametrize(
    ("case", "entries", "outcome"),
    [
        ("all stored", [stored(1), stored(2), stored(3)], Duplicate((1, 2, 3))),
        ("some were there", [stored(1), failed(f"{EXISTS} (ids: 5, 6)")], Duplicate((1, 5, 6))),
        ("all were there, as one", [failed(f"{EXISTS} (ids: 5)"), failed(f"{EXISTS} (ids: 5)")], Duplicate((5,))),
        ("all were there, as nobody knows what", [failed(EXISTS), failed(EXISTS)], Duplicate(())),
        ("one was refused", [stored(1), failed("bad")], Refused("bad")),
        ("one cannot be read", [stored(1), None], unanswered("the answer has 2 entries for 1 files")),
    ],
)
def test_a_single_file_that_became_several_samples_has_all_their_ids(
    case: str, entries: list[Any], outcome: wire.Outcome
) -> None:
    assert [outcome] == read(200, answer(*entries), 1)


@pytest.mark.parametrize(("entries", "sent"), [(1, 2), (3, 2), (0, 2), (64, 63)])
def test_a_different_count_is_resolved_by_sending_each_file_alone(entries: int, sent: int) -> None:
    body = answer(*[stored(number + 1) for number in range(entries)])
    reason = f"the answer has {entries} entries for {sent} files"

    assert [Smaller(reason, 1, is_doubtful=True)] * sent == read(200, body, sent)


BAD = b'{"success":false,"error":"Invalid mimetype"}'


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (401, b'{"success":false,"error":"Invalid API key"}', Barred("HTTP 401: Invalid API key")),
        (401, b"", Barred("HTTP 401")),
        (403, HTML, Barred(f"HTTP 403: {HTML.decode()}")),
        (400, b"Invalid API key", Barred("HTTP 400: Invalid API key")),
        (404, b"not here", Failed(Fault.UNREACHABLE, "HTTP 404: not here")),
        (407, b"", Failed(Fault.UNREACHABLE, "HTTP 407")),
        (408, b"", Failed(Fault.UNREACHABLE, "HTTP 408")),
        (429, b"", Failed(Fault.THROTTLED, "HTTP 429")),
        (503, HTML, Failed(Fault.THROTTLED, f"HTTP 503: {HTML.decode()}")),
        (500, BAD, unanswered("HTTP 500: Invalid mimetype")),
        (502, b"", unanswered("HTTP 502")),
        (504, b"", unanswered("HTTP 504")),
        (599, b"", unanswered("HTTP 599")),
        (201, answer(stored(1)), unanswered(f"HTTP 201: {answer(stored(1)).decode()}")),
        (204, b"", unanswered("HTTP 204")),
        (100, b"", unanswered("HTTP 100")),
        (0, b"", unanswered("HTTP 0")),
    ],
)
@pytest.mark.parametrize("sent", [1, 2, 64])
def test_an_answer_other_than_200_is_for_every_file(status: int, body: bytes, outcome: wire.Outcome, sent: int) -> None:
    assert [outcome] * sent == read(status, body, sent)


@pytest.mark.parametrize("status", [400, 413, 415, 421, 422, 431])
@pytest.mark.parametrize(("sent", "cap"), [(2, 1), (3, 1), (64, 32)])
def test_a_refused_request_is_halved_until_the_cause_is_alone(status: int, sent: int, cap: int) -> None:
    reason = f"HTTP {status}: Invalid mimetype"

    assert [Smaller(reason, cap, is_size=status == 413)] * sent == read(status, BAD, sent)
    assert [Refused(reason)] == read(status, BAD, 1)


@pytest.mark.parametrize(
    ("error", "is_size"),
    [
        ("Too many files in one request: at most 1000", True),
        ("too many parts", True),
        ("Request Entity Too Large", True),
        ("the body is too big", True),
        ("Could not parse this CSV file", False),
        ("label too long", False),
    ],
)
def test_a_refusal_because_of_size_or_count_is_distinguished_from_others(error: str, is_size: bool) -> None:
    body = json.dumps({"success": False, "error": error}).encode()
    assert [Smaller(f"HTTP 400: {error}", 4, is_size=is_size)] * 8 == read(400, body, 8)


def test_a_single_file_that_is_refused_as_a_duplicate_is_in_the_project() -> None:
    assert [Duplicate((4,))] == read(400, json.dumps(failed(f"{EXISTS} (ids: 4)")).encode(), 1)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({}, "nowhere"),
        ({"Location": "https://hotel.example/"}, "https://hotel.example/"),
        ({"LOCATION": "a\nb"}, "a b"),
    ],
)
def test_a_redirection_is_reported_and_not_followed(status: int, headers: dict[str, str], place: str) -> None:
    reason = f"HTTP {status}: redirected to {place}; not followed, because that would hand over the key"

    assert [Failed(Fault.UNREACHABLE, reason)] * 2 == read(status, b"", 2, headers)


DATE = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("value", "asked_s"),
    [
        ("120", 120.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        (format_datetime(DATE, usegmt=True), 90.0),
        (format_datetime(DATE.astimezone(UTC)), 90.0),
        (format_datetime(DATE.replace(tzinfo=None)), 90.0),  # written as -0000: UTC, from an unknown time zone
        (format_datetime(DATE - timedelta(seconds=100), usegmt=True), 0.0),
        (format_datetime(DATE + timedelta(days=400), usegmt=True), 0.0),
        ("300", 300.0),
        ("301", 0.0),
        ("1000000000", 0.0),
        ("9" * 400, 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("²", 0.0),
        ("Wed, 99 Foo 10000000 99:99:99 GMT", 0.0),
    ],
)
@pytest.mark.parametrize(
    ("status", "fault"),
    [(429, Fault.THROTTLED), (503, Fault.THROTTLED), (502, Fault.UNANSWERED), (408, Fault.UNREACHABLE)],
)
def test_retry_after_is_followed_in_seconds_and_as_a_date(
    value: str, asked_s: float, status: int, fault: Fault
) -> None:
    assert [Failed(fault, f"HTTP {status}", asked_s)] == read(status, b"", 1, {"Retry-After": value})


@pytest.mark.parametrize("fault", Fault)
def test_without_an_answer_every_file_has_the_same_outcome(fault: Fault) -> None:
    silence = Silence(fault, "timed out")

    assert [Failed(fault, "timed out")] * 3 == wire.read_reply(silence, sent=3, now=NOW)


def reasons(outcome: wire.Outcome) -> list[str]:
    return [outcome.reason] if isinstance(outcome, Refused | Failed | Smaller | Barred) else []


def ids(outcome: wire.Outcome) -> list[int]:
    match outcome:
        case Stored(sample_id=sample_id, project_id=project_id):
            return [sample_id] if project_id is None else [sample_id, project_id]
        case Duplicate(sample_ids=sample_ids):
            return list(sample_ids)
        case _:
            return []


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20)
JSON_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "success": SCALARS,
        "sampleId": SCALARS,
        "projectId": SCALARS,
        "error": SCALARS | st.from_regex(r"\AAn item with this hash already exists \(ids: [0-9, ]*\)\Z"),
    },
)
ANSWERS = st.fixed_dictionaries(
    {}, optional={"success": SCALARS, "error": SCALARS, "files": JSON_VALUES | st.lists(ENTRIES, max_size=5)}
)
BODIES = (
    st.binary(max_size=60)
    | st.text(max_size=60).map(str.encode)
    | (ANSWERS | JSON_VALUES).map(lambda value: json.dumps(value).encode())
)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after", "Location", "x"]),
    st.text(max_size=40) | st.integers().map(str) | st.datetimes().map(format_datetime),
    max_size=3,
)
STATUSES = st.sampled_from([200, 200, 200, 200, 301, 400, 401, 404, 413, 429, 500, 503]) | st.integers()


@settings(database=None, max_examples=examples(250))
@given(status=STATUSES, headers=HEADERS, body=BODIES, sent=st.integers(1, 5))
def test_any_answer_gives_every_file_one_outcome_that_can_be_stored(
    status: int, headers: dict[str, str], body: bytes, sent: int
) -> None:
    outcomes = wire.read_reply(Reply(status, headers, body), sent=sent, now=NOW)

    assert sent == len(outcomes)
    for outcome in outcomes:
        assert all(number in INT64 for number in ids(outcome))
        assert all(text and text.encode() and "\n" not in text for text in reasons(outcome))
        assert not isinstance(outcome, Smaller) or 1 <= outcome.cap < sent
        assert not isinstance(outcome, Refused) or status == 200 or 400 <= status < 500


CLEAR = st.one_of(
    st.builds(Stored, st.integers(1, 2**63 - 1), st.none() | st.integers(1, 2**63 - 1)),
    st.builds(Duplicate, st.lists(st.integers(1, 2**63 - 1), max_size=3).map(tuple)),
    st.sampled_from(["Could not parse this CSV file", "Unknown error"]).map(Refused),
)
CLEAR_ANSWERS = st.lists(
    CLEAR, min_size=1, max_size=6, unique_by=lambda one: one.sample_id if isinstance(one, Stored) else object()
)


def entry_of(outcome: wire.Outcome) -> dict[str, Any]:
    """Return an entry as the service writes it."""
    match outcome:
        case Stored(sample_id=sample_id, project_id=project_id):
            return {"success": True, "sampleId": sample_id, "projectId": project_id, "fileName": "wave.csv"}
        case Duplicate(sample_ids=sample_ids):
            known = f" (ids: {', '.join(map(str, sample_ids))})" if sample_ids else ""
            return {"success": False, "error": f"An item with this hash already exists{known}"}
        case Refused(reason=reason):
            return {"success": False, "error": reason}
    raise AssertionError(outcome)


def answer_of(outcomes: Sequence[wire.Outcome]) -> bytes:
    return json.dumps({"success": True, "files": [entry_of(outcome) for outcome in outcomes]}).encode()


@settings(database=None)
@given(outcomes=CLEAR_ANSWERS)
def test_each_entry_of_the_answer_is_read_for_its_file(outcomes: list[wire.Outcome]) -> None:
    assert outcomes == read(200, answer_of(outcomes), len(outcomes))


@settings(database=None)
@given(outcomes=CLEAR_ANSWERS, data=st.data())
def test_an_answer_that_was_cut_confirms_no_file(outcomes: list[wire.Outcome], data: st.DataObject) -> None:
    whole = answer_of(outcomes)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]

    found = read(200, cut, len(outcomes))

    assert [Fault.UNANSWERED] * len(outcomes) == [one.fault for one in found if isinstance(one, Failed)]


@settings(database=None)
@given(outcomes=CLEAR_ANSWERS, sent=st.integers(2, 8))
def test_with_a_different_count_no_entry_is_used_for_a_file(outcomes: list[wire.Outcome], sent: int) -> None:
    assume(len(outcomes) != sent)

    assert {(1, True)} == {
        (one.cap, one.is_doubtful) for one in read(200, answer_of(outcomes), sent) if isinstance(one, Smaller)
    }
    assert not [one for one in read(200, answer_of(outcomes), sent) if not isinstance(one, Smaller)]


def test_one_sample_for_two_files_answers_neither() -> None:
    reason = "the answer names sample 5 for several files"
    outcomes: list[wire.Outcome] = [Stored(5), Refused("bad"), Stored(5)]

    assert [Smaller(reason, 1, is_doubtful=True)] * 3 == read(200, answer_of(outcomes), 3)


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "sent", "listed"),
    [
        ("wave.01.cbor", "wave.01.cbor", "wave.01"),
        ("a/b/wave.csv", "wave.csv", "wave"),
        ("wave", "wave", "wave"),
        ("caf\udce9.csv", "caf\ufffd.csv", "caf\ufffd"),
        ("左.csv", "左.csv", "左"),
    ],
)
def test_a_file_is_listed_without_its_last_extension(path: str, sent: str, listed: str) -> None:
    assert sent == sent_name(path)
    assert listed == stored_name(sent)


@pytest.mark.parametrize(
    ("coldstorage", "name"),
    [
        ("1.png.4arrb5vg.ingestion-68d4ddb448-x6xj6.jpg", "1.png"),
        ("1/2/wave.01.cbor.4arrb5vg.pod-1.cbor", "wave.01.cbor"),
        ("wave.01.cbor.4arrb5vg.pod-1.s1.cbor", "wave.01.cbor"),
        ("wave.01.cbor.4arrb5vg.pod-1.s12.cbor", "wave.01.cbor"),
        ("wave.01.cbor.4arrb5vg.s2.cbor", "wave.01"),
        ("wave.4arrb5vg.pod-1.s1.cbor", "wave"),
        ("4arrb5vg.pod-1.s1.cbor", None),
        ("s1.csv.4arrb5vg.pod-1.json", "s1.csv"),
        ("wave.csv.4arrb5vg.south.json", "wave.csv"),
        ("a.b.c/wave.csv.4arrb5vg.pod-1.json", "wave.csv"),
        ("a.b.c/wave.json", None),
        (".4arrb5vg.pod-1.json", None),
        ("wave.4arrb5vg.pod-1.json", "wave"),
        ("4arrb5vg.pod-1.json", None),
        ("a", None),
        ("", None),
    ],
)
def test_the_sent_name_is_read_from_the_coldstorage_file_name(coldstorage: str, name: str | None) -> None:
    assert name == original_name(coldstorage)


def test_a_file_is_sent_and_described_under_its_given_name() -> None:
    given = replace(item(1, "a/long.png", 3), sent_as="idle.png", companions='{"boxes":[1]}')
    sent = letter_of(Request(target="main", category=Category.TRAINING, label=None, metadata=(), items=(given,)))
    assert b'filename="idle.png"' in sent.parts[0].preamble
    assert b'"boundingBoxes":{"idle.png":[1]}' in sent.closing
