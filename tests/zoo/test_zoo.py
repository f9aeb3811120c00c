"""Real files of many packages: what decoders read to the end is never called cut, and half of it is never complete."""

from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

from eisync.core.formats.magic import HEAD_BYTES, recognised
from eisync.core.formats.probe import Complete, Completeness, OpenEnded, Truncated, Undecidable
from tests.core.formats import examine
from tests.zoo.referees import takes
from tests.zoo.specimens import Specimen, files, missing
from tests.zoo.table import examined, table

Judged = list[tuple[Specimen, Completeness]]

# The files that are not whole, and what is said of them. Those of the packages that are named truncated or broken are
# among them; what a decoder reads all the same is left to the service.
NOT_WHOLE = {
    "hachoir: ladouce_1h15.wav": OpenEnded,  # the first 5 kB of half a GB, which the service would not take
    "hachoir: png_331x90x8_truncated.png": Truncated,
    "hachoir: smallville.s03e02.avi": OpenEnded,  # the first 10 kB of 369 MB, likewise
    "mutagen: 64bit.mp4": Undecidable,  # a few boxes without an index, and a few bytes
    "mutagen: truncated-64bit.mp4": Truncated,
    "piexif: notjpeg.jpg": Truncated,  # empty
    "pillow: broken.png": Undecidable,
    "pillow: broken_data_stream.png": Undecidable,
    "pillow: truncated_image.png": Truncated,
}
ENDLESS = (".csv", ".txt")
WITH_TAILS = (".json", ".cbor", ".parquet", ".png", ".jpg", ".jpeg", ".wav", ".mp4", ".avi")


@pytest.fixture(scope="module")
def zoo() -> Judged:
    if missing():
        pytest.fail(f"the zoo lacks {', '.join(missing())}; say 'make zoo'", pytrace=False)
    return examined()


def test_the_table_of_the_zoo(zoo: Judged, record_property: Callable[[str, object], None]) -> None:
    """It stands at the end of every run of the tests."""
    found = {specimen.extension for specimen, _ in zoo}
    assert {".wav", ".avi", ".mp4", ".jpg", ".png", ".json", ".cbor", ".parquet", ".csv", ".txt"} == found
    assert len(zoo) > 200
    record_property("table", table(zoo))


def test_what_a_decoder_reads_to_the_end_is_not_called_cut(zoo: Judged) -> None:
    assert [] == [
        (specimen.name, verdict)
        for specimen, verdict in zoo
        if isinstance(verdict, Truncated) and takes(specimen.extension, specimen.content)
    ]


def test_every_file_is_whole_but_for_those_that_are_known_not_to_be(zoo: Judged) -> None:
    found = {
        specimen.name: type(verdict)
        for specimen, verdict in zoo
        if not isinstance(verdict, Complete) and specimen.extension not in ENDLESS
    }
    assert found == NOT_WHOLE
    assert all(isinstance(verdict, Undecidable) for specimen, verdict in zoo if specimen.extension in ENDLESS)


def test_a_piece_of_a_file_is_complete_only_where_a_decoder_takes_it(zoo: Judged) -> None:
    wrong = []
    for specimen, verdict in zoo:
        size = len(specimen.content)
        for length in {1, 4, 16, size // 3, size // 2, size - 300, size - 9, size - 2, size - 1} & set(range(1, size)):
            piece = specimen.content[:length]
            if isinstance(verdict, Complete) and isinstance(examine(specimen.path, piece), Complete):
                wrong += [] if takes(specimen.extension, piece) else [(specimen.name, length)]
    assert [] == wrong


@pytest.mark.parametrize("nul_bytes", [1, 512])
def test_nul_bytes_behind_a_whole_file_do_not_make_it_cut(zoo: Judged, nul_bytes: int) -> None:
    assert [] == [
        specimen.name
        for specimen, verdict in zoo
        if isinstance(verdict, Complete)
        and specimen.extension in WITH_TAILS
        and isinstance(examine(specimen.path, specimen.content + bytes(nul_bytes)), Truncated)
    ]


def test_a_file_under_another_name_is_named(zoo: Judged) -> None:
    """Every image and sound, called .json, .cbor, .csv and .parquet."""
    unnamed = []
    for specimen, verdict in zoo:
        if isinstance(verdict, Complete) and specimen.extension in (".wav", ".avi", ".mp4", ".jpg", ".png"):
            for called in ("a.json", "a.cbor", "a.csv", "a.parquet"):
                found = examine(called, specimen.content)
                if not isinstance(found, Undecidable) or not found.why.startswith(("it is a ", "it is an ")):
                    unnamed.append((specimen.name, called, found))
    assert [] == unnamed


IMAGES = {
    "jpg": "a JPEG image",
    "png": "a PNG image",
    "gif": "a GIF image",
    "bmp": "a BMP image",
    "psd": "a Photoshop image",
}
NAMES = IMAGES | {
    "heic": "a HEIC image",
    "avif": "an AVIF image",
    "webp": "a WebP image",
    "tif": "a TIFF image",
    "tiff": "a TIFF image",
    "svg": "an SVG image",
    "jp2": "a JPEG 2000 image",
    "jpx": "a JPEG 2000 image",
    "wav": "a WAV file",
    "avi": "an AVI file",
    "aif": "an AIFF file",
    "flac": "a FLAC file",
    "ogg": "an Ogg file",
    "opus": "an Ogg file",
    "wma": "a Windows Media file",
    "wmv": "a Windows Media file",
    "mkv": "a Matroska file",
    "flv": "a Flash video",
    "mid": "a MIDI file",
    "7z": "a 7-Zip archive",
    "rar": "a RAR archive",
    "tar": "a tar archive",
    "bz2": "a bzip2 archive",
    "gz": "a gzip archive",
    "xz": "an xz archive",
    "parquet": "a Parquet file",
}


@pytest.mark.usefixtures("zoo")
def test_real_files_are_named_by_what_they_are() -> None:
    real = [file for file in files() if file.content and PurePosixPath(file.path).suffix[1:] in NAMES]
    assert len(real) > 200
    # An archive of the time before tar had a mark, and an image that was made to crash its readers.
    assert ["pillow: hopper.tar", "pillow: l2rgb_read.bmp"] == [
        file.name
        for file in real
        if recognised(file.content[:HEAD_BYTES]) != NAMES[PurePosixPath(file.path).suffix[1:]]
    ]
