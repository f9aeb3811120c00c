"""The paths of the pages. What goes wrong is shown as a page, too."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from eisync.emulator.pages import forms, lists, samples
from eisync.emulator.pages.rendering import content_headers, render, static_file
from eisync.emulator.replies import BodyCut, BodyTooLarge
from eisync.emulator.service import SERVICE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Edit = Callable[[web.Request, Mapping[str, str]], Awaitable[str]]
_PROJECT = "/projects/{project:[0-9]{1,15}}"
_SAMPLE = _PROJECT + "/samples/{sample:[0-9]{1,15}}"
_STATIC = {"page.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


def add_routes(app: web.Application) -> None:
    for path, handler in (
        ("/", lists.show_overview),
        ("/live", lists.get_state),
        ("/static/{name}", _get_static),
        (_PROJECT, lists.show_list),
        (_SAMPLE, samples.show_sample),
        (f"{_SAMPLE}/thumbnail", samples.get_thumbnail),
        (f"{_SAMPLE}/media", samples.get_media),
        (f"{_SAMPLE}/raw", samples.download),
        (f"{_SAMPLE}/delete", samples.confirm_deletion),
    ):
        app.router.add_get(path, _shown(handler))
    app.router.add_post("/faults/end", _shown(_posted(lists.end_faults)))
    app.router.add_post(_SAMPLE + "/{edit}", _shown(_posted(_edit)))


def _shown(handler: Handler) -> Handler:
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except BodyCut:
            return _error(request, 400, "The form did not arrive whole")
        except BodyTooLarge:
            return _error(request, 413, "The form is too large")
        except web.HTTPClientError as error:
            return _error(request, error.status, error.reason)

    return answered


def _posted(edit: Edit) -> Handler:
    """Return a handler that reads a form, lets `edit` obey it, and sends the browser to the page that it names."""

    async def answered(request: web.Request) -> web.StreamResponse:
        return web.Response(status=303, headers={"Location": await edit(request, await forms.read_form(request))})

    return answered


async def _edit(request: web.Request, fields: Mapping[str, str]) -> str:
    edit = forms.EDITS.get(request.match_info["edit"])
    if edit is None:
        raise web.HTTPNotFound
    sample = samples.find_sample(request)
    edit(request.app[SERVICE], sample, fields)
    of_project = f"/projects/{sample.project_id}"
    return f"{of_project}?deleted={sample.id}" if edit is forms.delete else f"{of_project}/samples/{sample.id}"


async def _get_static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _STATIC:
        raise web.HTTPNotFound
    return web.Response(
        body=static_file(name), content_type=_STATIC[name], charset="utf-8", headers=content_headers(cache="no-cache")
    )


def _error(request: web.Request, status: int, reason: str) -> web.Response:
    return render("error.html", status=status, service=request.app[SERVICE], code=status, reason=reason)
