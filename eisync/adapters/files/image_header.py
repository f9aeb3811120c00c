"""Read the size of an image from the header of its file."""

import os
from typing import IO

from eisync.core.formats.image_size import image_size


def size_of_image(file: IO[bytes]) -> tuple[int, int] | None:
    """Return the image's width and height in pixels; None when its header does not say them. Raise OSError."""
    probe = image_size(os.fstat(file.fileno()).st_size)
    try:
        wanted = next(probe)
        while True:
            file.seek(wanted.offset)
            wanted = probe.send(file.read(wanted.length))
    except StopIteration as end:
        found: tuple[int, int] | None = end.value
        return found
