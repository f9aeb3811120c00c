"""No key in any form gets through, and all other text stays unchanged."""

import base64
import hashlib
import json
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.redaction import MARK, MAX_KEYS, Redactor
from tests.canary import CANARY

KEY = CANARY + "0123456789abcdef0123456789"
PLAIN_KEY = "k3y" + CANARY.removeprefix("ei_") + "89ABcdef76"


def percent(text: str) -> str:
    return "".join(f"%{ord(one):02X}" for one in text)


def in_json(text: str) -> str:
    return "".join(f"\\u{ord(one):04x}" for one in text)


def in_html(text: str) -> str:
    return "".join(f"&#{ord(one)};" for one in text)


WAYS: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "without its prefix": lambda key: key.removeprefix("ei_"),
    "in upper case": str.upper,
    "in another case": str.title,
    "percent-encoded": percent,
    "percent-encoded twice": lambda key: quote(percent(key)),
    "in part percent-encoded": lambda key: key.replace("_", "%5F").replace("c", "%63"),
    "in JSON escapes": in_json,
    "in braced escapes": lambda key: "".join(f"\\u{{{ord(one):x}}}" for one in key),
    "in JSON in JSON": lambda key: json.dumps(json.dumps({"key": in_json(key)})),
    "in hexadecimal escapes": lambda key: "".join(f"\\x{ord(one):02x}" for one in key),
    "in HTML": in_html,
    "in hexadecimal HTML": lambda key: "".join(f"&#x{ord(one):X};" for one in key),
    "in HTML, without the ends": lambda key: "".join(f"&#{ord(one):04d}" for one in key),
    "in HTML in HTML": lambda key: in_html(key).replace("&", "&amp;"),
    "with its line as a name": lambda key: key.replace("_", "&lowbar;"),
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "in base64 behind a name": lambda key: base64.b64encode(b"api:" + key.encode() + b"\n").decode(),
    "in base64 behind another": lambda key: base64.b64encode(b"token:" + key.encode()).decode(),
    "in base64 of URLs": lambda key: base64.urlsafe_b64encode(b"no:" + key.encode()).decode().rstrip("="),
    "in base64, percent-encoded": lambda key: percent(base64.b64encode(key.encode()).decode()),
    "in base64 on lines": lambda key: base64.encodebytes(key.encode()).decode(),
    "in hex": lambda key: key.encode().hex(),
    "on two lines": lambda key: key[:20] + "\n" + key[20:],
    "on two lines of JSON": lambda key: key[:20] + "\\r\\n" + key[20:],
    "with what nobody sees in it": lambda key: "\u200b".join(key),
    "cut short": lambda key: key[:30],
    "without its beginning": lambda key: key[-30:],
}

HIDDEN = {"cut short", "without its beginning", "with what nobody sees in it", "in hex", "on two lines of JSON"}
WHOLE = {way for way in WAYS if way not in HIDDEN and ("base64" not in way or "percent" in way)}


def gives_away(text: str, key: str) -> bool:
    """Return whether a long part of the key can be read in the text after all escapes are decoded."""
    plain = text.lower()
    return any(key.lower()[at : at + 16] in plain for at in range(len(key) - 15))


@pytest.mark.parametrize("key", [KEY, PLAIN_KEY])
@pytest.mark.parametrize("way", WAYS)
def test_a_key_in_any_form_is_removed(way: str, key: str) -> None:
    written = WAYS[way](key)
    redacted = Redactor([key]).without_keys(f"<<{written}>>")
    assert MARK in redacted
    assert written not in redacted
    assert not gives_away(redacted, key)
    assert len(redacted) < 16 + len(MARK) * 3
    assert redacted.startswith("<<")
    assert redacted.endswith(">>")


# A large body is only searched for plain keys.
@pytest.mark.parametrize(("way", "rest"), [*((way, 0) for way in WAYS), *((way, 200_000) for way in sorted(WHOLE))])
def test_a_json_body_loses_the_key_and_stays_json(way: str, rest: int) -> None:
    body = json.dumps({"success": False, "error": f"it was {WAYS[way](KEY)}!", "rest": "x" * rest}).encode()
    clean = bytes(Redactor([KEY]).body(body))
    answer = json.loads(clean)
    assert MARK in answer["error"]
    assert not gives_away(answer["error"], KEY)
    assert "x" * rest == answer["rest"]


@pytest.mark.parametrize("rest", [b"", b"x" * 200_000])
@pytest.mark.parametrize("way", ["as it is", "in JSON escapes", "percent-encoded", "in HTML"])
def test_a_body_that_is_no_json_loses_the_key(way: str, rest: bytes) -> None:
    clean = bytes(Redactor([KEY]).body(b'{"error":"' + WAYS[way](KEY).encode() + b'"}' + rest))
    assert b'{"error":"ei_\xe2\x80\xa6"}' + rest == clean


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("rest", ["", "x" * 200_000])
def test_a_body_in_another_encoding_loses_the_key(encoding: str, rest: str) -> None:
    clean = Redactor([KEY]).body(json.dumps({"error": KEY, "rest": rest}).encode(encoding))
    assert {"error": MARK, "rest": rest} == json.loads(bytes(clean))


def test_headers_lose_the_key() -> None:
    assert {"location": f"https://x/?k={MARK}"} == Redactor([KEY]).headers({"location": f"https://x/?k={KEY}"})


def test_every_key_that_was_learnt_stays_a_secret() -> None:
    redactor = Redactor([PLAIN_KEY])
    redactor.learn("another-" + PLAIN_KEY[::-1])
    redacted = redactor.without_keys(f"{PLAIN_KEY} and another-{PLAIN_KEY[::-1]}")
    assert f"{MARK} and {MARK}" == redacted


@pytest.mark.parametrize(
    "text", [KEY, KEY.upper(), percent(KEY), in_json(KEY), in_html(KEY), f"[{KEY}]", f"a\\n{KEY}", f"_{KEY}"]
)
def test_an_unknown_text_that_looks_like_a_key_is_removed(text: str) -> None:
    assert not gives_away(Redactor().text(text), KEY)
    assert MARK in Redactor().without_keys(text)


@pytest.mark.parametrize("name", ["ei_recording01.csv", "hei_temperature_2024", "sei_" + "a" * 20, "100%25", "a&b#1"])
def test_the_name_of_a_sample_is_unchanged(name: str) -> None:
    redactor = Redactor([KEY, PLAIN_KEY])
    assert name == redactor.without_keys(name)
    body = json.dumps({"filename": name}).encode()
    assert body is redactor.body(body)


def test_a_text_too_short_for_a_key_is_unchanged() -> None:
    assert "the key is test" == Redactor(["test"]).text("the key is test")


@given(st.text(), st.text(), st.sampled_from(sorted(WAYS)), st.text(string.ascii_letters + string.digits, min_size=24))
def test_text_around_a_key_is_unchanged(before: str, after: str, way: str, bare: str) -> None:
    key = "ei_" + bare
    written = WAYS[way](key)
    redacted = Redactor([key]).without_keys(f"{before} {written} {after}")
    assert written not in redacted or len(written) < 16
    assert MARK in redacted


@given(st.text())
def test_text_without_a_key_is_unchanged(text: str) -> None:
    assert text == Redactor([KEY]).without_keys(text)
    body = text.encode("utf-8", "replace")
    assert body is Redactor([KEY]).body(body)


@given(st.binary())
def test_a_body_of_any_bytes_raises_no_error(body: bytes) -> None:
    assert body is Redactor([KEY]).body(body)


def test_headers_without_a_key_are_unchanged() -> None:
    headers = {"Content-Type": "application/json", "X-Name": "ei_recording01.csv"}
    assert headers == Redactor([KEY]).headers(headers)


def test_with_too_many_keys_the_first_is_forgotten() -> None:
    keys = [hashlib.sha256(bytes([number])).hexdigest() for number in range(MAX_KEYS + 1)]
    redactor = Redactor(keys)
    redactor.learn(keys[-1])  # it is known already, so nothing is forgotten
    assert [keys[0], MARK, MARK] == [redactor.without_keys(key) for key in (keys[0], keys[1], keys[-1])]


def test_a_short_key_without_its_prefix_is_removed() -> None:
    redactor = Redactor(["ei_k3yS4fe9x"])
    assert f"a {MARK} b" == redactor.without_keys("a k3yS4fe9x b")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_body_that_cannot_be_read_in_the_encoding_it_begins_like_loses_the_key(encoding: str) -> None:
    begin = "{".encode(encoding)
    begin += b" " * (1 - (len(begin) + len(KEY)) % 2)  # an odd number of bytes is neither UTF-16 nor UTF-32
    assert begin + MARK.encode() == bytes(Redactor([KEY]).body(begin + KEY.encode()))


@pytest.mark.parametrize("levels", [1, 4, 5, 9])
def test_a_key_beside_deeply_nested_escapes_is_removed(levels: int) -> None:
    nested = "%5F"
    for _ in range(levels - 1):
        nested = nested.replace("%", "%25")
    redacted = Redactor([KEY]).without_keys(f"{nested} {KEY} {nested}")
    assert f"{nested} {MARK} {nested}" == redacted


@pytest.mark.parametrize("letter", ["\u0130", "\u0130\u0130", "x\u0130y"])
def test_a_letter_with_a_longer_lower_case_shifts_no_position(letter: str) -> None:
    assert f"{letter}{MARK}{letter}" == Redactor([KEY]).without_keys(f"{letter}{KEY}{letter}")


@pytest.mark.parametrize("rest", [b"x", b"100%25 a&b \\n"])
def test_a_large_body_without_a_key_is_the_same_object(rest: bytes) -> None:
    body = b'{"samples":"' + rest * 70_000 + b'"}'
    assert body is Redactor([KEY]).body(body)


@pytest.mark.parametrize(
    "begin", [b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"{\0", b"\0{", b"{\0\0\0", b"\xef\xbb\xbf"]
)
@pytest.mark.parametrize("pad", [b"", b"\0", b"\0\0", b"\0\0\0"])
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_body_that_begins_like_another_encoding_keeps_no_key(begin: bytes, pad: bytes, encoding: str) -> None:
    key = "ei_" + "0123456789abcdef" * 4
    body = begin + b'{"error": "' + pad + key.encode(encoding) + b'"}'
    clean = bytes(Redactor([key]).body(body))
    assert key.encode() in body.replace(b"\0", b"")
    assert key.encode() not in clean.replace(b"\0", b"")
