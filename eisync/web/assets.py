"""Serve the stylesheet, our script and htmx: files of the package, read once."""

import os

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from eisync.web.access import Access
from eisync.web.context import Context, Route
from eisync.web.rendering import TYPES

_KEPT = "public, max-age=31536000, immutable"  # the address changes with the content


def static_file(context: Context) -> Response:
    """Return a file of `static`."""
    name = str(context.arguments["name"])
    content = context.services.templates.static.get(name)
    if content is None:
        raise NotFound
    return Response(content, mimetype=TYPES[os.path.splitext(name)[1]], headers={"Cache-Control": _KEPT})


ROUTES = (Route(path="/static/<path:name>", handler=static_file, access=Access.PUBLIC),)
