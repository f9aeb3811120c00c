"""The media that the layouts are made of are real ones."""

import io
import wave

import pytest
from PIL import Image

from eisync.core.formats.probe import Complete
from tests.core.formats import examine
from tests.layouts import media


@pytest.mark.parametrize("size", [(64, 32), (1, 1), (7, 9), (640, 480)])
@pytest.mark.parametrize(("kind", "form"), [("png", "PNG"), ("jpeg", "JPEG")])
def test_an_image_is_decoded(kind: str, form: str, size: tuple[int, int]) -> None:
    content = getattr(media, kind)(*size)
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert (form, size, "L") == (image.format, image.size, image.mode)
    assert isinstance(examine(f"a.{kind}", content), Complete)


def test_a_recording_has_the_length_that_is_asked_for() -> None:
    with wave.open(io.BytesIO(media.wav(1.5, 800))) as recording:
        assert (1200, 800) == (recording.getnframes(), recording.getframerate())


@pytest.mark.parametrize("kind", ["png", "jpeg", "wav", "table", "acquisition"])
def test_every_file_has_another_content(kind: str) -> None:
    assert 20 == len({getattr(media, kind)() for _ in range(20)})
