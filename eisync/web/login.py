"""Log a browser in, by a link of `eisync ui` or by a password, and out again."""

from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from eisync.web.access import Access, Refusal
from eisync.web.context import Context, Route
from eisync.web.credentials import SESSION_S


def open_link(context: Context) -> Response:
    """Log in by the code of a link. Without one, show the form."""
    code = context.request.args.get("code")
    if code is None:
        return context.page("login.html", sentence="", has_password=_has_password(context), next_page="/")
    if not context.gate.credentials.is_link_code(code):
        raise Refusal(401, "This link does not hold any more. Run 'eisync ui' on the machine for a new one.")
    # Not a redirect: a browser that came from elsewhere would not send the new cookie along with it (SameSite=Strict).
    return _with_cookie(context, context.page("logged_in.html"))


def check_password(context: Context) -> Response:
    """Log in by the password."""
    if not context.gate.is_password(context.request.form.get("password", "")):
        raise Refusal(401, "That is not the password. Try again, or run 'eisync ui' on the machine.")
    return _with_cookie(context, redirect(_own(context.request.form.get("next", "/")), 303))


def log_out(context: Context) -> Response:
    """End the session of this browser."""
    response = redirect("/login", 303)
    response.delete_cookie(context.gate.cookie_name, httponly=True, samesite="Strict")
    return response


def _with_cookie(context: Context, response: Response) -> Response:
    request, rules = context.request, context.gate.rules
    is_proxied = rules.proxy is not None and request.remote_addr == rules.proxy.address
    response.set_cookie(
        context.gate.cookie_name,
        context.gate.credentials.new_session(),
        max_age=int(SESSION_S),
        httponly=True,
        samesite="Strict",
        secure=request.is_secure or (is_proxied and request.headers.get("X-Forwarded-Proto") == "https"),
    )
    return response


def _has_password(context: Context) -> bool:
    return context.gate.rules.password_hash is not None


def _own(path: str) -> str:
    """Return the path if it is one of this page, otherwise the start page: a form must not lead to another site."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"


ROUTES = (
    Route(path="/login", handler=open_link, access=Access.PUBLIC),
    Route(path="/login", handler=check_password, method="POST", access=Access.PUBLIC),
    Route(path="/logout", handler=log_out, method="POST"),
)
