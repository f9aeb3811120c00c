"""The data endpoint, in every form in which clients are known to call it."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import cbor2
import pytest
import requests

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import TIMEOUT_S, Client, acquisition, connect, csv, png, raw_upload, read_all, sha256, wav

Field = tuple[str, str | None, str | None, bytes]  # field, file name, content type, content
IMAGE = png(8, 4)
# The documented recording with a binary payload: 246 bytes of header, 32 samples of 16 bits behind it.
DOCUMENTED = bytes.fromhex(
    "a36970726f746563746564a26376657262763163616c67654853323536697369676e6174757265784038346432316234343665323831383561"
    "35633630376139643765613463633633373535613736326166616464303634333461313635376662343338623765663067706179"
    "6c6f6164a56b6465766963655f6e616d657143343a37463a35313a38443a31383a34416b6465766963655f7479706573444953434f5f4c343735"
    "56475f494f543031416b696e74657276616c5f6d73f92c006773656e736f727381a2646e616d6565617564696f65756e69747363776176"
    "6676616c7565739f6e5265662d42494e4152592d693136ff"
    "f918fa18e718de18e218dd18e118e218f218f018f918f418e918ee18f618f918fc180919101915191119fe18f6180b190e190a190219"
    "12191419fc18f218f718"
)


def post(client: Client, body: bytes, content_type: str | None = None, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.session.post(
        f"{client.emulator.ingestion_url}/api/training/data",
        data=body,
        headers=client.headers(named | ({} if content_type is None else {"Content-Type": content_type})),
        timeout=TIMEOUT_S,
    )


def post_form(client: Client, fields: Sequence[Field], **headers: str) -> requests.Response:
    body = b""
    for field, file_name, content_type, content in fields:
        body += f'--frontier\r\nContent-Disposition: form-data; name="{field}"'.encode()
        body += b"" if file_name is None else f'; filename="{file_name}"'.encode()
        body += b"" if content_type is None else f"\r\nContent-Type: {content_type}".encode()
        body += b"\r\n\r\n" + content + b"\r\n"
    return post(client, body + b"--frontier--\r\n", "multipart/form-data; boundary=frontier", **headers)


def only(client: Client) -> dict[str, Any]:
    (sample,) = client.listed()
    return sample


def raw_of(client: Client) -> bytes:
    return client.send("GET", f"/raw-data/{only(client)['id']}/raw").content


def signed(document: dict[str, Any], key: str) -> bytes:
    raw = json.dumps(document | {"signature": "0" * 64}).encode()
    return raw.replace(b"0" * 64, hmac.new(key.encode(), raw, hashlib.sha256).hexdigest().encode())


def referring(text: str, **payload: Any) -> dict[str, Any]:
    """A message whose values are in another place."""
    image: dict[str, Any] = {"interval_ms": 0, "sensors": [{"name": "image", "units": "rgba"}], "values": [text]}
    return acquisition(alg="HS256", **(image | payload))


# One item as the body


@pytest.mark.parametrize(
    ("name", "content_type", "body", "stored_as"),
    [
        ("idle.01", "application/json", json.dumps(acquisition()).encode(), "idle.01.json"),
        ("idle.01", "application/json; charset=utf-8", json.dumps(acquisition()).encode(), "idle.01.json"),
        ("idle.01", "application/cbor", cbor2.dumps(acquisition()), "idle.01.cbor"),
        ("idle01", "application/cbor", cbor2.dumps(acquisition()), "idle01.cbor"),
        ("idle.cbor", "application/cbor", cbor2.dumps(acquisition()), "idle.cbor"),
        ("idle.csv", "application/json", json.dumps(acquisition()).encode(), "idle.csv.json"),
        ("idle.01", "text/csv", csv(1), "idle.01.csv"),
        ("idle.txt", "text/csv", csv(1), "idle.txt"),
        ("idle.01", "audio/wav", wav(), "idle.01.wav"),
        ("idle.01", "image/png", IMAGE, "idle.01.png"),
        ("idle.jpg", "image/png", IMAGE, "idle.jpg"),
        ("idle.01", "image/jpeg", IMAGE, "idle.01.jpg"),
        ("idle.01", "video/mp4", b"film", "idle.01.mp4"),
        ("idle.wav", "application/octet-stream", wav(), "idle.wav"),
        ("idle.01", "application/octet-stream", DOCUMENTED, "idle.01.cbor"),
        ("idle.csv", "application/x-www-form-urlencoded", csv(1), "idle.csv"),
        ("idle.json", "text/plain;charset=UTF-8", json.dumps(acquisition()).encode(), "idle.json"),
        ("idle.01", "text/plain", csv(1), "idle.01.txt"),
        ("idle.csv", None, csv(1), "idle.csv"),
    ],
)
def test_the_content_type_says_what_the_item_is(
    client: Client, name: str, content_type: str | None, body: bytes, stored_as: str
) -> None:
    answered = post(client, body, content_type, x_file_name=name)
    assert (200, stored_as) == (answered.status_code, answered.text.rsplit(".", 3)[0])
    sample = only(client)
    assert (sample["label"], sample["filename"]) == (name.partition(".")[0], stored_as.rpartition(".")[0])
    assert raw_of(client) == body


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "application/pdf"])
def test_an_item_of_which_nothing_says_what_it_is_is_refused(client: Client, content_type: str | None) -> None:
    answered = post(client, json.dumps(acquisition()).encode(), content_type, x_file_name="idle.01")
    assert (400, "Invalid mimetype") == (answered.status_code, answered.text)


def test_the_documented_recording_with_a_binary_payload_is_read(client: Client) -> None:
    assert post(client, DOCUMENTED, "application/octet-stream", x_file_name="noise.01").status_code == 200
    shown = client.sample(only(client)["id"])
    sample, values = shown["sample"], shown["payload"]["values"]
    assert (sample["valuesCount"], sample["intervalMs"], sample["chartType"]) == (32, 0.0625, "chart")
    assert (sample["deviceName"], sample["deviceType"]) == ("C4:7F:51:8D:18:4A", "DISCO_L475VG_IOT01A")
    assert [{"index": 0, "name": "audio", "units": "wav"}] == sample["sensors"]
    assert (values[:3], values[-1]) == ([[6393], [6394], [6375]], [6391])
    assert sample["signatureValidate"] is False  # the key it was signed with is not published
    assert sample["sha256Hash"] == sha256(DOCUMENTED)


def test_a_binary_payload_is_signed_along_with_its_header(client: Client) -> None:
    raw = DOCUMENTED.replace(b"84d21b446e28185a5c607a9d7ea4cc63755a762afadd06434a1657fb438b7ef0", b"0" * 64)
    signature = hmac.new(client.emulator.hmac_key.encode(), raw, hashlib.sha256).hexdigest().encode()
    good = raw.replace(b"0" * 64, signature)
    for name, body in (("good", good), ("bent", good[:-1] + b"\x19")):
        assert post(client, body, "application/octet-stream", x_file_name=name).status_code == 200
    assert {"good": True, "bent": False} == {one["label"]: one["signatureValidate"] for one in client.listed()}


# A form


@pytest.mark.parametrize("reference", ["Ref-BINARY-image/jpeg (%d bytes) xyz", "Ref-Binary-image/png (%d bytes) 00"])
def test_the_phone_client_sends_a_message_and_an_image(client: Client, reference: str) -> None:
    document = referring(reference % len(IMAGE), device_name="phone_1", device_type="MOBILE_CLIENT")
    message = signed(document, client.emulator.hmac_key)
    fields: list[Field] = [
        ("message", "message.json", "application/json", message),
        ("image", "image.jpg", "image/jpeg", IMAGE),
    ]
    answered = post_form(client, fields, x_file_name="coffee%20cup")
    assert (200, "coffee cup.jpg") == (answered.status_code, answered.text.rsplit(".", 3)[0])
    sample = only(client)
    assert (sample["label"], sample["filename"], sample["chartType"]) == ("coffee cup", "coffee cup", "image")
    assert (sample["deviceName"], sample["deviceType"]) == ("phone_1", "MOBILE_CLIENT")
    assert (sample["signatureValidate"], sample["signatureMethod"]) == (True, "HS256")
    assert {"width": 8, "height": 4} == sample["imageDimensions"]
    assert (IMAGE, sha256(IMAGE)) == (raw_of(client), sample["sha256Hash"])
    again = post_form(client, fields, x_file_name="again", x_disallow_duplicates="1")
    assert (400, "An item with this hash already exists (ids: 1)") == (again.status_code, again.text)


def test_a_message_with_a_wrong_signature_is_stored_and_marked(client: Client) -> None:
    message = signed(referring("Ref-BINARY-image/jpeg (1 bytes) xyz"), "another key")
    fields: list[Field] = [("message", "m.json", "application/json", message), ("image", "i.jpg", "image/jpeg", IMAGE)]
    assert post_form(client, fields, x_file_name="cup").status_code == 200
    assert only(client)["signatureValidate"] is False


@pytest.mark.parametrize("content_type", [None, "text/plain; charset=utf-8"])
@pytest.mark.parametrize("field", ["data", "message"])
@pytest.mark.parametrize("name", ["device_1.json", "device_1"])
def test_the_rust_client_sends_one_text(client: Client, content_type: str | None, field: str, name: str) -> None:
    message = signed(acquisition(device_name="device_1", alg="HS256"), client.emulator.hmac_key)
    answered = post_form(client, [(field, None, content_type, message)], x_file_name=name, x_label="walk%20fast")
    assert (200, "device_1.json") == (answered.status_code, answered.text.rsplit(".", 3)[0])
    sample = only(client)
    assert (sample["label"], sample["filename"], sample["signatureValidate"]) == ("walk fast", "device_1", True)
    assert raw_of(client) == message


def test_the_old_command_line_sends_a_body_and_attachments(client: Client) -> None:
    document = referring(f"Ref-BINARY-image/jpeg ({len(IMAGE)} bytes) 00", device_type="EDGE_IMPULSE_UPLOADER")
    fields: list[Field] = [
        ("body", "cup", "application/cbor", cbor2.dumps(document)),
        ("attachments", "cup.01.jpg", "image/jpeg", IMAGE),
    ]
    assert post_form(client, fields, x_file_name="cup", x_label="cup").status_code == 200
    assert (only(client)["filename"], raw_of(client)) == ("cup", IMAGE)


def test_curl_sends_two_attachments_of_which_the_first_is_the_message(client: Client) -> None:
    message = json.dumps(referring(f"Ref-BINARY-image/jpeg ({len(IMAGE)} bytes) 00")).encode()
    fields: list[Field] = [
        ("attachments[]", "metadata.json", "application/json", message),
        ("attachments[]", "a.jpg", "image/jpeg", IMAGE),
    ]
    assert post_form(client, fields, x_file_name="unlabeled.jpg", x_label="unlabeled").status_code == 200
    assert (only(client)["filename"], raw_of(client)) == ("unlabeled", IMAGE)


@pytest.mark.parametrize("order", [1, -1])
def test_the_message_may_follow_its_image_and_further_files_are_not_shown(client: Client, order: int) -> None:
    message = json.dumps(referring("Ref-BINARY-image/jpeg (9 bytes) 00")).encode()
    fields: list[Field] = [
        ("message", "message.json", "application/json", message),
        ("image", "image.png", "image/png", IMAGE),
    ]
    fields = [*fields[::order], ("second", "second.png", "image/png", png(1, 1))]
    assert post_form(client, fields, x_file_name="cup").status_code == 200
    assert raw_of(client) == IMAGE


def test_a_message_with_values_of_its_own_is_the_sample_whatever_comes_along(client: Client) -> None:
    message = json.dumps(acquisition()).encode()
    fields: list[Field] = [("message", "m.json", "application/json", message), ("image", "i.jpg", "image/jpeg", IMAGE)]
    assert post_form(client, fields, x_file_name="idle.01").status_code == 200
    assert (only(client)["valuesCount"], raw_of(client)) == (2, message)


@pytest.mark.parametrize(
    ("field", "name", "stored_as"),
    [
        (("data", "idle.01.csv", None, csv(1)), "idle", "idle.csv"),
        (("file", "a.wav", "audio/wav", wav()), "idle.wav", "idle.wav"),
        (("data", None, None, csv(1)), "idle.csv", "idle.csv"),
    ],
)
def test_a_form_of_one_file_is_that_file(client: Client, field: Field, name: str, stored_as: str) -> None:
    answered = post_form(client, [field], x_file_name=name)
    assert (200, stored_as) == (answered.status_code, answered.text.rsplit(".", 3)[0])
    assert raw_of(client) == field[3]


REFERRING = json.dumps(referring("Ref-BINARY-image/jpeg (9 bytes) 00")).encode()


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ([("message", "m.json", "application/json", REFERRING)], "Invalid acquisition file: the file"),
        ([], "Invalid multipart body"),
        ([("message", "m.json", "application/json", b"{"), ("image", "i.jpg", "image/jpeg", IMAGE)], "Invalid JSON"),
        (
            [("message", "m.json", "application/json", REFERRING), ("image", "i.jpg", "image/jpeg", b"GIF89a")],
            "Invalid image",
        ),
        (
            [("message", "m.json", "application/json", REFERRING), ("image", "i", "application/pdf", IMAGE)],
            "Invalid mimetype",
        ),
        ([("x", str(number), "text/csv", b"") for number in range(65)], "Too many parts"),
    ],
)
def test_a_form_that_is_no_sample_is_refused_and_nothing_is_stored(
    client: Client, fields: list[Field], error: str
) -> None:
    answered = post_form(client, fields, x_file_name="cup")
    assert answered.status_code == 400
    assert answered.text.startswith(error)
    assert client.listed() == []


def test_a_reference_to_an_image_is_no_sample_on_the_files_endpoint(client: Client) -> None:
    (entry,) = client.upload([("a.json", REFERRING)])
    assert entry["success"] is False


def test_a_message_that_is_too_large_to_be_read_is_refused() -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, max_parse_bytes=100)) as emulator:
        client = Client(emulator)
        with client.session:
            fields: list[Field] = [("message", "m.json", None, REFERRING), ("image", "i.jpg", "image/jpeg", IMAGE)]
            answered = post_form(client, fields, x_file_name="cup")
            assert (400, "Invalid acquisition file: the message is too large") == (
                answered.status_code,
                answered.text,
            )


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=frontier", "application/json"])
def test_a_body_cut_short_stores_nothing(client: Client, content_type: str) -> None:
    body = b'--frontier\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + json.dumps(acquisition()).encode()
    raw = raw_upload(client.key, body, content_length=len(body) + 100, extra="x-file-name: a.json\r\n")
    raw = raw.replace(b"/training/files", b"/training/data").replace(b"multipart/form-data; boundary=frontier", b"%s")
    with connect(client.emulator.ingestion_url) as connection:
        connection.sendall(raw % content_type.encode())
    with connect(client.emulator.ingestion_url) as connection:  # a complete request, an incomplete form
        whole = raw_upload(client.key, body, extra="x-file-name: a.json\r\n")
        connection.sendall(whole.replace(b"/training/files", b"/training/data"))
        assert b"400 Bad Request" in read_all(connection)
    assert client.listed() == []
