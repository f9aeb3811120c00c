"""Which names are those of sound, pictures and films, whether Edge Impulse takes them or not."""

import re

MOST_MEDIA = ("jpg", "wav", "png", "jpeg", "mp4", "avi", "JPG", "WAV", "PNG", "JPEG", "MP4", "AVI")
"""The types that Edge Impulse takes, as cameras and recorders write them; the likeliest first."""

MEDIA = (
    *MOST_MEDIA,
    *("bmp", "webp", "tif", "tiff", "gif", "heic", "mp3", "flac", "ogg", "m4a", "aac", "opus", "mov", "mkv", "webm"),
)

DATA = ("csv", "cbor", "parquet")

_TYPES = "|".join(dict.fromkeys(one.lower() for one in MEDIA))
_AT_THE_END = re.compile(rf"[^\s\"',;|]\.(?:{_TYPES})[\"']?$", re.IGNORECASE)


def names_media(text: str) -> bool:
    """Whether the text ends with the name of such a file.

    >>> names_media("train/im0.JPG")
    True
    """
    return _AT_THE_END.search(text) is not None
