"""Answer one request: check it, find its route, call the handler, and make every error a page with one sentence."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from eisync.errors import ConfigurationError, EisyncError, StateError
from eisync.loops.ports import Log
from eisync.web.access import Access, Gate, Refusal
from eisync.web.context import Context, Route, Services
from eisync.web.credentials import Session

LARGEST_BODY_BYTES = 64 * 1024

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not 'no-referrer': with it, browsers send `Origin: null` with our own forms, too. Other sites get none either way.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SENTENCES = {
    400: "The request is not one that this page sends. Reload the page and try again.",
    404: "There is no such page. The start page leads to all others.",
    405: "This address cannot be used in this way. The start page leads to all others.",
    413: "The request is too large. Send less at a time.",
}
_FAILED = "eisync failed at this page. Uploads continue; the log has the details. Please report them."


class _Request(Request):
    max_content_length = LARGEST_BODY_BYTES
    max_form_memory_size = LARGEST_BODY_BYTES
    max_form_parts = 100


class Site:
    """The page as a WSGI application. Safe from any thread."""

    def __init__(self, services: Services, gate: Gate, *, routes: Sequence[Route], log: Log) -> None:
        self._services = services
        self._gate = gate
        self._log = log
        self._routes = Map(
            [Rule(route.path, methods=[route.method], endpoint=route) for route in routes], strict_slashes=False
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request of WSGI (PEP 3333)."""
        request = _Request(environ)
        response = self._answer(request)
        for name, text in _HEADERS.items():
            response.headers.setdefault(name, text)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        session: Session | None = None
        try:
            self._gate.check_host(request)
            route, arguments = self._routes.bind_to_environ(request).match(return_rule=False)
            session = self._gate.session_of(request)
            context = Context(
                request=request, services=self._services, gate=self._gate, session=session, arguments=arguments
            )
            self._check(route, context)
            response: Response = route.handler(context)
        except Refusal as refusal:
            return self._error(request, session, refusal.status, refusal.sentence)
        except HTTPException as error:
            return self._of_http(request, session, error)
        except EisyncError as error:
            status = 400 if isinstance(error, ConfigurationError) else 503 if isinstance(error, StateError) else 409
            return self._error(request, session, status, str(error))
        except Exception:  # noqa: BLE001 - the outermost handler of a request: a bug costs one page, and no upload
            self._log.exception("web.failed", page=_rule_of(request), method=request.method)
            return self._error(request, session, 500, _FAILED)
        return response

    def _check(self, route: Route, context: Context) -> None:
        if route.method != "GET":
            self._gate.check_origin(context.request)
        if route.access is Access.PUBLIC:
            return
        if context.session is None:
            is_program = self._gate.credentials.is_bearer(context.request.headers.get("Authorization"))
            if route.access is Access.BEARER and is_program:
                return
            raise Refusal(401, "You are not logged in here. Run 'eisync ui' on the machine to open this page.")
        if route.method != "GET":
            self._gate.check_csrf(context.request, context.session)

    def _of_http(self, request: Request, session: Session | None, error: HTTPException) -> Response:
        response = error.get_response()
        if response.status_code < 400:  # a redirect of the routing
            return Response(response.get_data(), response.status_code, response.headers)
        status = response.status_code
        is_ours = type(error).description != error.description  # a sentence of a handler
        sentence = str(error.description) if is_ours else _SENTENCES.get(status, _SENTENCES[400])
        answer = self._error(request, session, status, sentence)
        if "Allow" in response.headers:
            answer.headers["Allow"] = response.headers["Allow"]
        return answer

    def _error(self, request: Request, session: Session | None, status: int, sentence: str) -> Response:
        context = Context(request=request, services=self._services, gate=self._gate, session=session)
        if status == 401:
            if "HX-Request" in request.headers:  # a part of a page whose session has ended: load the whole page
                return Response(status=401, headers={"HX-Refresh": "true"})
            next_page = request.full_path.rstrip("?") if request.method == "GET" else "/"
            has_password = self._gate.rules.password_hash is not None
            return context.page(
                "login.html", http_status=401, sentence=sentence, has_password=has_password, next_page=next_page
            )
        return context.page("error.html", http_status=status, sentence=sentence)


def _rule_of(request: Request) -> str:
    """Return the first part of the path, which holds no name of a file, for the log."""
    return "/" + request.path.lstrip("/").partition("/")[0]
