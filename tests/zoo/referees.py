"""The decoders that people use say whether a file is whole: each reads it to its end, without being told to be lenient.

What they refuse may be cut, or only strange to them: their no settles nothing.
"""

import csv
import io
import json
import warnings
import wave
from collections.abc import Callable

import cbor2
import pyarrow.parquet
import soundfile
from PIL import Image


def takes(extension: str, content: bytes) -> bool | None:
    """Return whether a decoder reads the whole file; None where there is none for its kind (AVI, MP4)."""
    readers = _READERS.get(extension)
    return None if readers is None else any(_succeeds(read, content) for read in readers)


def _succeeds(read: Callable[[bytes], bool], content: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(content)
    except Exception:  # noqa: BLE001 - what a decoder raises for a stranger's bytes is its own affair
        return False


def _wave(content: bytes) -> bool:
    with wave.open(io.BytesIO(content)) as sound:
        frames = sound.getnframes()
        size: int = frames * sound.getnchannels() * sound.getsampwidth()
        return len(sound.readframes(frames)) == size


def _soundfile(content: bytes) -> bool:
    with soundfile.SoundFile(io.BytesIO(content)) as sound:
        # It reads what is there, and notes where a length is not what it should be.
        return len(sound.read()) == sound.frames and "should be" not in sound.extra_info


def _pillow(content: bytes) -> bool:
    with Image.open(io.BytesIO(content), formats=["JPEG", "PNG"]) as image:
        image.load()
    return True


def _json(content: bytes) -> bool:
    json.loads(content)
    return True


def _cbor(content: bytes) -> bool:
    stream = io.BytesIO(content)
    cbor2.load(stream)
    return True


def _parquet(content: bytes) -> bool:
    pyarrow.parquet.read_table(io.BytesIO(content))
    return True


def _csv(content: bytes) -> bool:
    return any(csv.reader(io.StringIO(content.decode())))


_READERS: dict[str, tuple[Callable[[bytes], bool], ...]] = {
    ".wav": (_wave, _soundfile),
    ".jpg": (_pillow,),
    ".jpeg": (_pillow,),
    ".png": (_pillow,),
    ".json": (_json,),
    ".cbor": (_cbor,),
    ".parquet": (_parquet,),
    ".csv": (_csv,),
    ".txt": (_csv,),
}
