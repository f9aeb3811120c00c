"""The small files that eisync makes itself are whole, and say what they were made from."""

import io
import struct
import wave

from PIL import Image

from eisync.core.example_files import png, wav


def test_a_wav_has_the_frames_it_was_made_from() -> None:
    with wave.open(io.BytesIO(wav([0, 32767, -32768, 5], rate_hz=8000))) as file:
        assert (1, 2, 8000, 4) == (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes())
        assert (0, 32767, -32768, 5) == struct.unpack("<4h", file.readframes(4))


def test_a_png_has_the_pixels_it_was_made_from() -> None:
    with Image.open(io.BytesIO(png(3, lambda x, y: (x * 10, y * 20, 7)))) as image:
        assert ((3, 3), "RGB") == (image.size, image.mode)
        assert [(x * 10, y * 20, 7) for y in range(3) for x in range(3)] == [
            image.getpixel((x, y)) for y in range(3) for x in range(3)
        ]
