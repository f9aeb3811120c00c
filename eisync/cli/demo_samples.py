"""The files that the demo drops: small, real ones of every kind, made here."""

import io
import math
import struct
import wave
import zlib
from collections.abc import Iterator

from eisync.core.acquisition import Encoding, Recording, Sensor, encode

RATE_HZ = 62.5
SECONDS = 2.0
_AXES = tuple(Sensor(f"acc{axis}", "m/s2") for axis in "XYZ")


def samples(hmac_key: str) -> Iterator[tuple[str, bytes]]:
    """(path relative to the folder, content). Recordings in the acquisition format are signed with `hmac_key`."""
    key = hmac_key or None
    for number, label in enumerate(("idle", "wave", "updown", "snake"), start=1):
        category = "testing" if label == "snake" else "training"
        recording = _accelerometer(label, seed=number)
        encoding = Encoding.JSON if label == "wave" else Encoding.CBOR
        yield f"{category}/{label}.{number:02}.{encoding.value}", encode(recording, encoding, hmac_key=key)
    yield "audio/beep.01.wav", _tone(440.0)
    yield "images/square.01.png", _picture(48)
    yield "logger/shake.01.csv", _table()


def _accelerometer(gesture: str, *, seed: int) -> Recording:
    readings = [_reading(gesture, seed, index / RATE_HZ) for index in range(int(SECONDS * RATE_HZ))]
    return Recording(
        device_name="00:11:22:33:44:55",
        device_type="EISYNC_DEMO",
        interval_ms=1000 / RATE_HZ,
        sensors=_AXES,
        values=readings,
    )


def _reading(gesture: str, seed: int, t: float) -> tuple[float, float, float]:
    swing = 0.05 if gesture == "idle" else 8.0
    return (
        round(swing * math.sin(2 * math.pi * 1.5 * t + seed), 4),
        round(swing * math.cos(2 * math.pi * (0.5 + seed / 4) * t), 4),
        round(9.81 + swing / 4 * math.sin(2 * math.pi * 3 * t), 4),
    )


def _tone(frequency_hz: float) -> bytes:
    rate = 16_000
    frames = (int(12_000 * math.sin(2 * math.pi * frequency_hz * n / rate)) for n in range(rate))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", frame) for frame in frames))
    return buffer.getvalue()


def _picture(side: int) -> bytes:
    rows = b"".join(
        b"\0" + b"".join(bytes((x * 5, y * 5, 200 if 12 <= x < 36 and 12 <= y < 36 else 40)) for x in range(side))
        for y in range(side)
    )
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _table() -> bytes:
    rows = (",".join((str(index * 16), *map(str, _reading("shake", 7, index * 0.016)))) for index in range(64))
    return ("\n".join(("timestamp,accX,accY,accZ", *rows)) + "\n").encode()
