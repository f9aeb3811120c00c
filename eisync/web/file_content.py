"""Send the content of a file that a browser can show by itself: pictures, sound and video, and spectrograms.

Only content whose first bytes say that it is one of these is sent, under the type that they say, and in a sandbox. HTML
and SVG are active content and are never sent. Parts of a file are sent as they are asked for (RFC 9110, section 14).
"""

from typing import Any

from werkzeug.exceptions import NotFound, RequestedRangeNotSatisfiable, UnsupportedMediaType
from werkzeug.wrappers import Response

from eisync.core.drawing.file_view import media_type
from eisync.core.drawing.raw_samples import sound_layout
from eisync.core.drawing.spectrogram import spectrogram
from eisync.core.formats.magic import HEAD_BYTES
from eisync.web.context import Context, Route
from eisync.web.file_link import file_of, version_of

_SANDBOX = {"Content-Security-Policy": "default-src 'none'; sandbox", "Content-Disposition": "inline"}
_NOT_SHOWN = "A browser does not show this kind of file, so it is not sent."
_NO_SPECTROGRAM = "There is no spectrogram of this file: it has no sound, or too little."


def content(context: Context) -> Response:
    """Return the file, or the part of it that the browser asks for."""
    known = file_of(context)
    file = context.services.more["open_file"](known.root, known.path)
    try:
        media = media_type(file.read(0, HEAD_BYTES))
        if media is None:
            raise UnsupportedMediaType(_NOT_SHOWN)
        return _part(context, file, media)
    except BaseException:
        file.close()
        raise


def _part(context: Context, file: Any, media: str) -> Response:
    size = file.facts.size
    version = version_of(file.facts)
    headers = {**_SANDBOX, "Accept-Ranges": "bytes", "ETag": f'"{version}"'}
    begin, end, status = 0, size, 200
    asked, since = context.request.range, context.request.if_range
    # A part of another version would not fit to the parts that the browser has.
    if asked is not None and asked.units == "bytes" and (since.etag is None or since.etag == version):
        part = asked.range_for_length(size)
        if part is None:
            raise RequestedRangeNotSatisfiable(size)
        (begin, end), status = part, 206
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - begin)
    response = Response(file.pieces(begin, end - begin), status=status, mimetype=media, headers=headers)
    response.call_on_close(file.close)
    return response


def picture_of_sound(context: Context) -> Response:
    """Return the spectrogram of a WAV as PNG."""
    known = file_of(context)
    with context.services.more["open_file"](known.root, known.path) as file:
        layout = file.draw(sound_layout(file.facts.size))
        picture = None if layout is None else file.draw(spectrogram(layout))
    if picture is None:
        raise NotFound(_NO_SPECTROGRAM)
    return Response(picture, mimetype="image/png", headers=_SANDBOX)


ROUTES = (
    Route(path="/file/content", handler=content),
    Route(path="/file/spectrogram.png", handler=picture_of_sound),
)
