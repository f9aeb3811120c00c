"""The emulator's pages: what is stored, found, shown and changed there, and what a stranger's text cannot do."""

import html
import json
import logging
import re
import socket
import struct
from collections.abc import Iterator

import pytest
import requests

from eisync.emulator.pages.rendering import make_visible, show_bytes
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import TIMEOUT_S, Client, acquisition, connect, csv, png, wav

EVIL = "<script>alert('1')</script>\"&\x1b[31m"
SAMPLES = 120


def url_of(emulator: RunningEmulator, path: str) -> str:
    return emulator.studio_url.removesuffix("/v1") + path


def page(client: Client, path: str = "/", status: int = 200, **headers: str) -> requests.Response:
    response = client.session.get(url_of(client.emulator, path), timeout=TIMEOUT_S, headers=headers)
    assert status == response.status_code, response.text
    return response


def sample_path(client: Client, sample_id: int) -> str:
    return f"/projects/{client.emulator.project_id}/samples/{sample_id}"


def token_of(client: Client, path: str) -> str:
    found = re.search('name="token" value="([^"]+)"', page(client, path).text)
    assert found is not None
    return found[1]


def send_form(client: Client, path: str, **fields: str) -> requests.Response:
    url = url_of(client.emulator, path)
    return client.session.post(url, data=fields, timeout=TIMEOUT_S, allow_redirects=False)


def names(text: str) -> list[str]:
    """The samples in a list, from top to bottom."""
    return [html.unescape(name) for name in re.findall('<td class="name"><a [^>]*><bdi>(.*?)</bdi>', text)]


def link(text: str, name: str) -> str | None:
    """The query behind a link to another part of the list."""
    found = re.search(f'href="([^"]*)">{name}</a>', text)
    return None if found is None else html.unescape(found[1])


@pytest.fixture(scope="module")
def filled() -> Iterator[Client]:
    """Many samples: every fourth for testing, labels of the names, one of a device, one without a label, disabled."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as emulator:
        client = Client(emulator)
        with client.session:
            for category, first in (("training", 0), ("testing", 1)):
                client.store(*[(f"n.{i}.csv", csv(i)) for i in range(first, SAMPLES, 2)], category=category)
            document = acquisition(device_name="ac:de <i>")
            client.store(("dev.json", json.dumps(document).encode()))
            (bare,) = client.store(("bare.csv", csv(9999)), x_no_label="1")
            client.studio("POST", f"/raw-data/{bare}/disable")
            yield client


def test_the_first_page_shows_projects_keys_counts_and_faults(client: Client) -> None:
    text = page(client).text
    for expected in ("Emulated project", client.key, "No samples have been uploaded yet", "None are on"):
        assert expected in text
    client.store(("wave.01.csv", csv(1)), ("wave.02.csv", csv(2)))
    client.emulator.set_faults({"where": "ingestion", "kind": "latency", "seconds": 1, "times": 0})
    text = page(client).text
    assert ["wave.02", "wave.01"] == names(text)
    for expected in ("2 samples", "<code>seconds=1</code>", "<code>times=0</code>"):
        assert expected in text
    assert "probability" not in text
    assert 303 == send_form(client, "/faults/end", token=token_of(client, "/")).status_code
    assert "None are on" in page(client).text


@pytest.mark.parametrize(
    ("query", "first", "count"),
    [
        ("", "bare", SAMPLES + 2),
        ("?category=testing", "n.119", SAMPLES // 2),
        ("?label=n", "n.119", SAMPLES),
        ("?label=n&category=training", "n.118", SAMPLES // 2),
        ("?search=n.11", "n.119", 11),
        ("?search=N.11", None, 0),
        ("?search=.7&category=testing", "n.79", 6),
        ("?device=ac:de+%3Ci%3E", "dev", 1),
        ("?device=other", None, 0),
        ("?state=disabled", "bare", 1),
        ("?state=enabled", "dev", SAMPLES + 1),
        ("?unlabelled=1", "bare", 1),
        ("?label=&search=&category=", "bare", SAMPLES + 2),
        ("?search=%FF%00%27", None, 0),
    ],
)
def test_filters_choose_the_samples(filled: Client, query: str, first: str | None, count: int) -> None:
    text = page(filled, f"/projects/{filled.emulator.project_id}{query}").text
    assert ([first] if first else []) == names(text)[:1]
    assert (f"of {count}" in text) == (count > 0)
    assert ("No sample fits" in text) == (count == 0)


def test_every_sample_is_on_exactly_one_page_also_while_others_arrive(client: Client) -> None:
    client.store(*[(f"n.{i}.csv", csv(i)) for i in range(SAMPLES)])
    base = f"/projects/{client.emulator.project_id}"
    expected = [f"n.{i}" for i in reversed(range(SAMPLES))]
    query: str | None = "?"
    read: list[str] = []
    while query is not None:
        text = page(client, base + query).text
        assert f"{len(read) + 1} to {len(read) + len(names(text))} of {SAMPLES}" in text
        read += names(text)
        query = link(text, "Older")
    assert expected == read
    client.store(("late.csv", csv(5000)))
    back = link(text, "Newer")
    assert back is not None
    assert expected[50:100] == names(page(client, base + back).text)
    assert ["late", *expected[:49]] == names(page(client, base).text)
    oldest = names(page(client, base + (link(page(client, base).text, "Oldest") or "")).text)
    assert expected[-50:] == oldest


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/projects/77", 404, "There is no project 77"),
        ("/projects/1/samples/999999", 404, "There is no sample 999999"),
        ("/projects/1?category=best", 400, "There is no category &#39;best&#39;"),
        ("/projects/1?state=%3Cb%3E", 400, "&lt;b&gt;"),
        ("/projects/1?label=a&unlabelled=1", 400, "Choose a label"),
        ("/projects/1?before=-1", 400, "before should be the id"),
        ("/static/..%2Frendering.py", 404, "Not Found"),
    ],
)
def test_what_does_not_work_is_a_page_with_the_reason(filled: Client, path: str, status: int, reason: str) -> None:
    assert reason in page(filled, path, status).text


def store_evil(client: Client) -> int:
    """A sample in which everything that a stranger may choose is markup with escape codes."""
    document = acquisition(sensors=[{"name": EVIL, "units": EVIL}], device_name=EVIL, device_type=EVIL)
    ranges = [{"startIndex": 0, "endIndex": 1, "label": EVIL, "labelMap": {EVIL: EVIL}}]
    companion = {"version": 1, "type": "structured-labels", "structuredLabels": {"evil.json": ranges}}
    files = [("evil.json", json.dumps(document).encode()), ("structured_labels.labels", json.dumps(companion).encode())]
    sample_id: int = client.upload(files, headers={"x-metadata": json.dumps({EVIL: EVIL})})[0]["sampleId"]
    client.studio("POST", f"/raw-data/{sample_id}/rename", {"name": EVIL})
    client.studio("POST", f"/raw-data/{sample_id}/edit-label", {"label": EVIL})
    client.studio(
        "POST", f"/raw-data/{sample_id}/label-map-labels", {"labelMap": {"type": "key-values", "labels": {"a": EVIL}}}
    )
    client.studio(
        "POST",
        f"/raw-data/{sample_id}/bounding-boxes",
        {"boundingBoxes": [{"label": EVIL, "x": 1, "y": 1, "width": 1, "height": 1}]},
    )
    client.studio("POST", "/dataset-versions/create")
    client.studio("POST", "/dataset-versions/1", {"description": EVIL})
    return sample_id


def test_nothing_of_a_stranger_becomes_markup_or_is_hidden() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, dataset_commit_ms=0, project_name=EVIL)
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            of_sample = sample_path(client, store_evil(client))
            for path in ("/", "/projects/1", f"/projects/1?search={EVIL}", of_sample, f"{of_sample}/delete"):
                text = page(client, path).text
                assert [] == [found for found in re.findall("<script[^>]*>", text) if "live.js" not in found]
                assert "&lt;script&gt;" in text
                assert "\x1b" not in text
                assert "⟨U+001B⟩[31m" in text
                assert not re.search(r"<[^>]*\s(style|on\w+)=", text), "the policy would not obey it"
            assert page(client, f"{of_sample}/thumbnail").text.startswith("<svg")


def test_every_answer_has_the_headers_that_hold_a_browser_back(filled: Client) -> None:
    sample_id = filled.listed(limit=1)[0]["id"]
    of_sample = sample_path(filled, sample_id)
    for path, status in (
        ("/", 200),
        ("/projects/1", 200),
        (of_sample, 200),
        (f"{of_sample}/delete", 200),
        ("/projects/9", 404),
    ):
        headers = page(filled, path, status).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        for expected in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
            assert expected in policy
        assert "no-store" == headers["Cache-Control"]
    for path in (f"{of_sample}/raw", f"{of_sample}/thumbnail", "/static/live.js", "/static/page.css"):
        headers = page(filled, path).headers
        assert headers["Content-Security-Policy"].endswith("sandbox")
        assert ("nosniff", "same-origin") == (
            headers["X-Content-Type-Options"],
            headers["Cross-Origin-Resource-Policy"],
        )


def test_a_page_asks_nothing_of_anybody_else(client: Client) -> None:
    (image, _) = client.store(("a.png", png()), ("b.csv", csv(1)))
    for path in ("/", "/projects/1", sample_path(client, image)):
        for address in re.findall('(?:src|href|action)="([^"]*)"', page(client, path).text):
            assert re.match("/[^/]|/$|[?#]", address), address


def test_a_sample_has_a_page_with_what_it_is(client: Client) -> None:
    document = acquisition(
        device_name="dev", sensors=[{"name": "accX", "units": "m/s2"}, {"name": "t", "units": "Cel"}]
    )
    document["payload"]["values"] = [[i, -i] for i in range(600)]
    ranges = [
        {"startIndex": 0, "endIndex": 299, "label": "idle"},
        {"startIndex": 300, "endIndex": 599, "label": "wave"},
    ]
    companion = {"version": 1, "type": "structured-labels", "structuredLabels": {"a.json": ranges}}
    files = [("a.json", json.dumps(document).encode()), ("structured_labels.labels", json.dumps(companion).encode())]
    sample_id = client.upload(files, headers={"x-metadata": '{"site":"lab"}'})[0]["sampleId"]
    text = page(client, sample_path(client, sample_id)).text
    for expected in (
        "600 readings of accX, t",
        ">m/s2</text>",
        ">Cel</text>",
        ">wave</text>",
        "<bdi>lab</bdi>",
        ">s</text>",
    ):
        assert expected in text
    assert 2 == text.count("<polyline")
    assert 4 == text.count('class="band ')


def test_an_image_has_its_boxes(client: Client) -> None:
    boxes = {"a.png": [{"label": "cup", "x": 1, "y": 0.5, "width": 2, "height": 1}]}
    companion = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": boxes}
    files = [("a.png", png(30, 20)), ("bounding_boxes.labels", json.dumps(companion).encode())]
    path = sample_path(client, client.upload(files)[0]["sampleId"])
    text = page(client, path).text
    assert 'viewBox="0 0 30 20"' in text
    assert 'x="1" y="0.5" width="2" height="1"' in text
    assert ">cup</text>" in text
    for picture in ("media", "thumbnail"):
        response = page(client, f"{path}/{picture}")
        assert (png(30, 20), "image/png") == (response.content, response.headers["Content-Type"])


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("", 200, 0, 10_044),
        ("bytes=0-", 200, 0, 10_044),
        ("bytes=100-199", 206, 100, 200),
        ("bytes=10000-99999", 206, 10_000, 10_044),
        ("bytes=-44", 206, 10_000, 10_044),
        ("bytes=10044-", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, 10_044),
        ("nonsense", 200, 0, 10_044),
    ],
)
def test_a_sound_is_sent_in_the_parts_that_a_player_asks_for(
    client: Client, asked: str, status: int, start: int, stop: int
) -> None:
    content = wav(range(5000))
    path = sample_path(client, client.store(("a.wav", content))[0])
    response = page(client, f"{path}/media", status, **({"Range": asked} if asked else {}))
    assert content[start:stop] == response.content
    expected = {200: None, 206: f"bytes {start}-{stop - 1}/10044", 416: "bytes */10044"}[status]
    assert expected == response.headers.get("Content-Range")
    if status != 416:
        assert "audio/wav" == response.headers["Content-Type"]


def test_a_browser_that_leaves_in_the_middle_of_a_sound_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """A player does so whenever its listener jumps to another place."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as emulator:
        client = Client(emulator)
        with client.session:
            path = sample_path(client, client.store(("a.wav", wav([1] * 4_000_000)))[0])
        with connect(emulator.studio_url) as player:
            player.sendall(f"GET {path}/media HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert player.recv(1000).startswith(b"HTTP/1.1 200")
            player.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_file_is_downloaded_and_never_shown(client: Client) -> None:
    content = b"timestamp,<script>alert(1)</script>\n0,1\n10,2\n"
    path = sample_path(client, client.store(('ü"<x>.csv', content))[0])
    response = page(client, f"{path}/raw")
    assert content == response.content
    assert "application/octet-stream" == response.headers["Content-Type"]
    assert "attachment; filename*=UTF-8''%C3%BC%22%3Cx%3E.csv" == response.headers["Content-Disposition"]
    head = client.session.head(url_of(client.emulator, f"{path}/raw"), timeout=TIMEOUT_S)
    assert (str(len(content)), b"") == (head.headers["Content-Length"], head.content)
    page(client, f"{path}/media", 404)


def test_an_edit_counts_as_done_by_a_person(client: Client) -> None:
    (sample_id,) = client.store(("wave.csv", csv(1)))
    path = sample_path(client, sample_id)
    token = token_of(client, path)
    for edit, fields in (("label", {"label": "idle"}), ("category", {"category": "testing"}), ("disable", {})):
        answer = send_form(client, f"{path}/{edit}", token=token, **fields)
        assert (303, path) == (answer.status_code, answer.headers["Location"])
    sample = client.sample(sample_id)["sample"]
    assert ("idle", "testing", True) == (sample["label"], sample["category"], sample["isDisabled"])
    assert "user" == sample["lastUpdatedBy"]["type"]
    text = page(client, path).text
    for expected in ("the user emulator page", "update label", "update category", "update is_disabled"):
        assert expected in text
    send_form(client, f"{path}/label", token=token, label="idle")
    assert text == page(client, path).text, "an edit that changes nothing is not in the history"


def test_a_sample_is_deleted_after_a_question(client: Client) -> None:
    kept, gone = client.store(("kept.csv", csv(1)), ("gone.csv", csv(2)))
    path = sample_path(client, gone)
    assert "Delete <bdi>gone</bdi>?" in page(client, f"{path}/delete").text
    answer = send_form(client, f"{path}/delete", token=token_of(client, f"{path}/delete"))
    assert (303, f"/projects/1?deleted={gone}") == (answer.status_code, answer.headers["Location"])
    text = page(client, answer.headers["Location"]).text
    assert f"Sample {gone} was deleted" in text
    assert ["kept"] == names(text)
    assert [kept] == [one["id"] for one in client.listed()]
    page(client, path, 404)


@pytest.mark.parametrize(
    ("headers", "fields", "status"),
    [
        ({}, {}, 403),
        ({}, {"token": "x"}, 403),
        ({}, {"token": "\udcff"}, 403),
        ({"Origin": "http://evil.example"}, {"token": "TOKEN"}, 403),
        ({"Host": "evil.example"}, {"token": "TOKEN"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, {"token": "TOKEN"}, 403),
        ({"Content-Type": "text/plain"}, {"token": "TOKEN"}, 415),
        ({}, {"token": "TOKEN", "filler": "x" * 70_000}, 413),
    ],
)
def test_a_form_from_elsewhere_changes_nothing(
    filled: Client, headers: dict[str, str], fields: dict[str, str], status: int
) -> None:
    before = filled.listed(limit=1)[0]
    path = sample_path(filled, before["id"])
    token = token_of(filled, path)
    given = {name: value.replace("TOKEN", token).encode("utf-8", "surrogateescape") for name, value in fields.items()}
    for edit in ("delete", "enable", "label"):
        response = filled.session.post(
            url_of(filled.emulator, f"{path}/{edit}"), data={"label": "x", **given}, headers=headers, timeout=TIMEOUT_S
        )
        assert status == response.status_code
    assert before == filled.listed(limit=1)[0]


@pytest.mark.parametrize(
    ("edit", "fields", "status"),
    [
        ("category", {"category": "best"}, 400),
        ("category", {}, 400),
        ("label", {"label": "x" * 1001}, 400),
        ("rename", {"name": "x"}, 404),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(filled: Client, edit: str, fields: dict[str, str], status: int) -> None:
    path = sample_path(filled, filled.listed(limit=1)[0]["id"])
    assert status == send_form(filled, f"{path}/{edit}", token=token_of(filled, path), **fields).status_code


def test_a_project_without_validation_set_takes_none_from_the_page() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, validation="refused", dataset_versions=False)
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            path = sample_path(client, client.store(("a.csv", csv(1)))[0])
            answer = send_form(client, f"{path}/category", token=token_of(client, path), category="validation")
            assert (400, True) == (answer.status_code, "no validation set" in answer.text)
            assert "No changes since it was added" in page(client, path).text


def test_what_the_script_asks_for_changes_with_what_is_stored_and_only_then(client: Client) -> None:
    states = [page(client, "/live?project=1").text, page(client, "/live?project=1").text]
    (sample_id,) = client.store(("a.csv", csv(1)))
    states.append(page(client, "/live?project=1").text)
    send_form(client, f"{sample_path(client, sample_id)}/delete", token=token_of(client, "/projects/1/samples/1"))
    states.append(page(client, "/live?project=1").text)
    assert [0, 0, 1, 2] == [len(set(states[: index + 1])) - 1 for index in range(4)]
    before = page(client, "/live").text
    client.emulator.set_faults({"where": "studio", "kind": "latency", "seconds": 0})
    assert before != page(client, "/live").text


def test_versions_and_devices_are_shown() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, dataset_commit_ms=0)
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.json", json.dumps(acquisition(device_name="dev-1")).encode()))
            assert "Dataset versions" not in page(client, "/projects/1").text
            client.studio("POST", "/dataset-versions/create")
            text = page(client, "/projects/1").text
            for expected in ("The newest of 1 versions", "<td>manual</td>", "?device=dev-1", "not connected"):
                assert expected in text


def test_the_class_balance_has_the_largest_labels_first(filled: Client) -> None:
    text = page(filled, "/projects/1").text.partition("Class balance</h2>")[2].partition("</table>")[0]
    labels = [re.sub("<[^>]*>", "", label) for label in re.findall('<th scope="row">(.*?)</th>', text)]
    assert ["n", "no label", "dev"] == labels
    assert '<rect class="of-testing" x="50.0" width="50.0"' in text
    assert "testing 60, training 60" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("größe 5 µm 日本", "größe 5 µm 日本"),
        ("a\x1b[2J\n\0", "a⟨U+001B⟩[2J⟨U+000A⟩⟨U+0000⟩"),
        ("\u202egpj.exe", "⟨U+202E⟩gpj.exe"),
        ("\u200b\x9b\u2066", "⟨U+200B⟩⟨U+009B⟩⟨U+2066⟩"),
    ],
)
def test_characters_that_are_not_seen_are_shown(text: str, expected: str) -> None:
    assert expected == make_visible(text)


def test_sizes_are_shown_as_people_read_them() -> None:
    assert ["999 bytes", "12.3 KB", "2.0 MB"] == [show_bytes(size) for size in (999, 12_345, 2_000_000)]
