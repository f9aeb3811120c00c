import io
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.emulator.media import read_image, read_wav
from eisync.emulator.model import Facts, Refused

from .wire import SAMPLES, png, wav

JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + b"\xff\xc0\x00\x0b\x08\x00\x20\x00\x30\x01\x01\x11\0"
)


@pytest.mark.parametrize(
    ("raw", "frames"),
    [
        (wav(), 3),
        (wav((5,) * 100), 100),
        (wav(data_length=0xFFFFFFFF), 3),
        (wav(data_length=4), 2),
    ],
)
def test_a_wav_holds_the_frames_that_are_there_whatever_its_header_says(raw: bytes, frames: int) -> None:
    found = read_wav(io.BytesIO(raw))
    assert isinstance(found, Facts)
    assert (found.values_count, found.interval_ms, found.chart_type) == (frames, 0.125, "chart")


def odd_list(body: bytes) -> bytes:
    """A WAV with a LIST of odd length before its sound, and `body` between the two."""
    raw = wav()
    return raw[:36] + b"LIST" + struct.pack("<I", 17) + b"INFOISFT\5\0\0\0Lavf\0" + body + raw[36:]


@pytest.mark.parametrize("pad", [b"\0", b"", b"x"], ids=["as it should be", "missing", "of another value"])
def test_a_chunk_of_odd_length_has_a_pad_byte_or_none(pad: bytes) -> None:
    found = read_wav(io.BytesIO(odd_list(pad)))
    assert isinstance(found, Facts)
    assert 3 == found.values_count


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVE",
        wav()[:30],
        wav(()),
        wav(rate_hz=0),
        b"RIFF\xff\xff\xff\xffWAVEjunk\xff\xff\xff\xff",
        b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 5000,
        wav().replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 1, 9), 1),
        wav().replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 85, 1), 1),
        wav().replace(b"fmt ", b"xxxx"),
    ],
)
def test_a_wav_that_contradicts_itself_is_refused(raw: bytes) -> None:
    assert isinstance(read_wav(io.BytesIO(raw)), Refused)


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        (png(96, 64), (96, 64)),
        (JPEG, (48, 32)),
        (JPEG[:2] + b"\xff" + JPEG[2:], (48, 32)),
        (JPEG[:20] + bytes(9_000) + JPEG[20:], (48, 32)),
        (JPEG[:20] + b"\0\xe1junk" + JPEG[20:], (48, 32)),
    ],
)
def test_an_image_tells_its_size(raw: bytes, size: tuple[int, int]) -> None:
    found = read_image(io.BytesIO(raw))
    assert isinstance(found, Facts)
    assert (found.image_size, found.chart_type) == (size, "image")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GIF89a",
        png(0, 5),
        png(2**31, 5),
        png()[:20],
        JPEG[:20],
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\xff" * 9999,
    ],
)
def test_what_is_no_image_is_refused(raw: bytes) -> None:
    assert isinstance(read_image(io.BytesIO(raw)), Refused)


@given(st.binary(max_size=60))
def test_no_bytes_at_all_make_reading_raise(tail: bytes) -> None:
    for head in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WAVE", wav()[:16], JPEG[:22]):
        read_image(io.BytesIO(head + tail))
        read_wav(io.BytesIO(head + tail))


@pytest.mark.skipif(not os.path.isdir(SAMPLES), reason="the shared samples are not on this machine")
def test_real_sound_and_images_are_read() -> None:
    with open(os.path.join(SAMPLES, "hadouken.01.wav"), "rb") as file:
        sound = read_wav(file)
    with open(os.path.join(SAMPLES, "capacitor.01.png"), "rb") as file:
        image = read_image(file)
    assert isinstance(sound, Facts)
    assert isinstance(image, Facts)
    assert sound.values_count > 40_000
    assert image.image_size == (96, 96)
