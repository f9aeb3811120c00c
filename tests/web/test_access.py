"""Who may: every route refuses strangers, foreign names, foreign pages and forged forms."""

from typing import Any

import pytest
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from eisync.web.access import TRIES, TRIES_WITHIN_S, Access, AccessRules, TrustedProxy
from eisync.web.context import Context, Route
from eisync.web.credentials import LINK_S, SESSION_S
from eisync.web.routes import ROUTES
from eisync.web.site import LARGEST_BODY_BYTES
from tests.control.test_operations import Desk
from tests.web.site import HOST, OURS, PORT, TOKEN, Visitor

PASSWORD = "tired person at the bench"
HASH = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")  # weak on purpose: the tests must be fast


def address_of(route: Route) -> str:
    """An address that the route answers, if it has what is asked for."""
    path = route.path.replace("<path:name>", "eisync.css")
    while "<" in path:
        head, _, rest = path.partition("<")
        path = f"{head}1{rest.partition('>')[2]}"
    return path


CHANGES = [route for route in ROUTES if route.method != "GET"]


def ask(visitor: Visitor, route: Route, **more: Any) -> TestResponse:
    """Ask for the route as a page of ours does, but for what `more` says."""
    return (visitor.get if route.method == "GET" else visitor.post)(address_of(route), **more)


def test_a_stranger_gets_only_what_is_public(stranger: Visitor) -> None:
    for route in ROUTES:
        is_closed = route.access is not Access.PUBLIC or route.method != "GET"
        assert (401 == ask(stranger, route).status_code) == is_closed, route.path


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1.evil.example", "", "10.0.0.1"])
def test_a_foreign_host_gets_nothing(person: Visitor, host: str) -> None:
    for route in ROUTES:
        answer = ask(person, route, host=host)
        assert (421, True) == (answer.status_code, "web.hosts" in answer.text), route.path


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:4821"},
        {"Origin": "null"},
        {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
    ids=str,
)
def test_another_page_changes_nothing(person: Visitor, headers: dict[str, str]) -> None:
    for route in CHANGES:
        answer = ask(person, route, headers=headers)
        assert (403, True) == (answer.status_code, "Another site sent this request" in answer.text), route.path


@pytest.mark.parametrize("csrf", ["", "0" * 64, "é"])
def test_a_form_of_no_session_changes_nothing(person: Visitor, csrf: str) -> None:
    for route in CHANGES:
        if route.path != "/login":
            answer = ask(person, route, csrf=csrf)
            assert (403, True) == (answer.status_code, "not of this session" in answer.text), route.path


def test_a_program_with_the_token_gets_what_is_for_programs_only(stranger: Visitor) -> None:
    for route in ROUTES:
        if route.method == "GET" and route.access is not Access.PUBLIC:
            answer = ask(stranger, route, headers={"Authorization": f"Bearer {TOKEN}"})
            assert (401 == answer.status_code) == (route.access is Access.SESSION), route.path


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_only_the_token_is_the_token(stranger: Visitor, header: str) -> None:
    assert not stranger.credentials.is_bearer(header)
    assert stranger.credentials.is_bearer(f"bearer {TOKEN}")


def test_a_route_that_changes_something_cannot_be_public() -> None:
    def handler(context: Context) -> Any:
        return context.done("")

    for access in (Access.PUBLIC, Access.BEARER):
        with pytest.raises(ValueError, match="asks for no session"):
            Route(path="/burn", handler=handler, method="POST", access=access)


@pytest.mark.parametrize("site", ["same-origin", None])
def test_a_page_of_ours_may_post(person: Visitor, site: str | None) -> None:
    headers = {"Origin": f"http://{HOST}", **({"Sec-Fetch-Site": site} if site else {})}
    assert 303 == person.post("/logout", headers=headers).status_code
    assert 401 == person.get("/").status_code


# --- sessions and links


def test_the_cookie_is_hard_to_steal_and_not_the_token(stranger: Visitor) -> None:
    answer = stranger.get(f"/login?code={stranger.credentials.link_code(LINK_S)}")
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/", f"eisync-{PORT}="))
    assert "Secure" not in cookie
    assert TOKEN not in answer.text + str(answer.headers)


def test_a_link_and_a_session_end(stranger: Visitor) -> None:
    code = stranger.credentials.link_code(LINK_S)
    stranger.clock.now += LINK_S + 1
    assert "does not hold any more" in stranger.get(f"/login?code={code}").text
    stranger.log_in()
    assert 200 == stranger.get("/").status_code
    stranger.clock.now += SESSION_S + 1
    assert 401 == stranger.get("/").status_code


@pytest.mark.parametrize(
    "code",
    [
        "",
        "1",
        ".",
        "9999999999..",
        "9999999999.00.00",
        "x" * 10_000,
        "ü.ü.ü",
        "9999999999.0000000000000000." + "0" * 64,
    ],
)
def test_a_made_up_code_opens_nothing(stranger: Visitor, code: str) -> None:
    assert 401 == stranger.get(f"/login?code={code}").status_code
    assert stranger.credentials.session_of(code) is None


def test_a_link_is_no_session_and_a_session_no_link(stranger: Visitor) -> None:
    credentials = stranger.credentials
    assert credentials.session_of(credentials.link_code(LINK_S)) is None
    assert not credentials.is_link_code(credentials.new_session())


def test_nothing_secret_is_logged(stranger: Visitor) -> None:
    stranger.get(f"/login?code={stranger.credentials.link_code(LINK_S)}")
    stranger.get("/login?code=wrong")
    assert [] == stranger.log.lines


# --- passwords


def test_a_password_opens_the_page(desk: Desk) -> None:
    visitor = Visitor(desk.operations(), AccessRules(address="127.0.0.1", password_hash=HASH))
    assert 'type="password"' in visitor.get("/").text
    assert 401 == visitor.post("/login", {"password": "wrong"}).status_code
    answer = visitor.post("/login", {"password": PASSWORD, "next": "/?a=b"})
    assert (303, "/?a=b") == (answer.status_code, answer.headers["Location"])
    assert 200 == visitor.get("/").status_code


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil.example", "", "javascript:0"])
def test_a_login_leads_nowhere_else(desk: Desk, place: str) -> None:
    visitor = Visitor(desk.operations(), AccessRules(address="127.0.0.1", password_hash=HASH))
    assert "/" == visitor.post("/login", {"password": PASSWORD, "next": place}).headers["Location"]


def test_wrong_passwords_are_limited(desk: Desk) -> None:
    visitor = Visitor(desk.operations(), AccessRules(address="127.0.0.1", password_hash=HASH))
    for _ in range(TRIES):
        assert 401 == visitor.post("/login", {"password": "wrong"}).status_code
    assert 429 == visitor.post("/login", {"password": PASSWORD}).status_code
    assert 200 == visitor.log_in().get("/").status_code  # the machine's own user is not locked out
    visitor.clock.now += TRIES_WITHIN_S + 1
    assert 303 == visitor.post("/login", {"password": PASSWORD}).status_code


def test_without_a_password_no_password_opens_the_page(stranger: Visitor) -> None:
    assert 401 == stranger.post("/login", {"password": ""}).status_code


# --- names and proxies


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("eisync.lab", True),
        ("EISYNC.lab:99", True),
        ("gate.lab:8443", True),
        ("gate.lab", False),
        ("localhost:1", True),
        ("[::1]:4820", True),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("eisync.lab.evil.example", False),
        ("eisync.lab:x", False),
    ],
)
def test_only_named_hosts_are_answered(desk: Desk, host: str, is_ours: bool) -> None:
    rules = AccessRules(address="192.0.2.7", hosts=("eisync.lab", "gate.lab:8443"), password_hash=HASH)
    assert (401 if is_ours else 421) == Visitor(desk.operations(), rules).get("/", host=host).status_code


@pytest.mark.parametrize(("host", "status"), [("192.0.2.7:4820", 401), ("[fe80::1]", 401), ("evil.example", 421)])
def test_on_every_address_a_page_is_reached_by_number_and_not_by_name(desk: Desk, host: str, status: int) -> None:
    rules = AccessRules(address="0.0.0.0", password_hash=HASH)
    assert status == Visitor(desk.operations(), rules).get("/", host=host).status_code


def test_a_trusted_proxy_logs_people_in(desk: Desk) -> None:
    rules = AccessRules(address="127.0.0.1", proxy=TrustedProxy(address="127.0.0.1", header="X-Forwarded-User"))
    visitor = Visitor(desk.operations(), rules)
    named = {"X-Forwarded-User": "ada"}
    assert 401 == visitor.get("/").status_code
    assert 200 == visitor.get("/", headers=named).status_code
    csrf = visitor.credentials.csrf_of("user:ada")
    assert 303 == visitor.post("/logout", csrf=csrf, headers={**OURS, **named}).status_code
    assert 403 == visitor.post("/logout", csrf=csrf, headers={**OURS, "X-Forwarded-User": "eve"}).status_code


@pytest.mark.parametrize("peer", ["127.0.0.2", "::1"])
def test_another_peer_cannot_name_a_user(desk: Desk, peer: str) -> None:
    rules = AccessRules(address="127.0.0.1", proxy=TrustedProxy(address="127.0.0.1", header="X-Forwarded-User"))
    visitor = Visitor(desk.operations(), rules)
    answer = visitor.browser.get(
        "/",
        headers={"Host": HOST, "X-Forwarded-User": "ada", "X-Forwarded-For": "127.0.0.1"},
        environ_base={"REMOTE_ADDR": peer},
    )
    assert 401 == answer.status_code


# --- what every answer has


@pytest.mark.parametrize("path", ["/", "/nowhere", "/login", "/static/eisync.css"])
def test_every_answer_has_its_policies(person: Visitor, path: str) -> None:
    headers = person.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert ("nosniff", "same-origin") == (headers["X-Content-Type-Options"], headers["Referrer-Policy"])
    assert ("no-store" == headers["Cache-Control"]) == (path != "/static/eisync.css")


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/nowhere", 404, "There is no such page"),
        ("DELETE", "/", 405, "cannot be used in this way"),
        ("GET", "/static/../site.py", 404, "no such page"),
        ("GET", "/static/vendor/SHA256SUMS", 404, "no such page"),
    ],
)
def test_an_error_is_a_page_with_a_sentence(
    person: Visitor, method: str, path: str, status: int, sentence: str
) -> None:
    answer = person.browser.open(path, method=method, headers={"Host": HOST, **OURS})
    assert (status, True) == (answer.status_code, sentence in answer.text)
    assert "<h1>" in answer.text


def test_a_large_body_is_refused(person: Visitor) -> None:
    assert 413 == person.post("/logout", {"much": "x" * LARGEST_BODY_BYTES}).status_code


def test_a_page_that_fails_says_so_and_is_logged(person: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(person.site), "_check", lambda *_: 1 / 0)
    answer = person.get("/?code=secret")
    assert (500, True) == (answer.status_code, "Uploads continue" in answer.text)
    [line] = person.log.lines
    assert ("web.failed", "/") == (line.event, line.fields["page"])
    assert "secret" not in str(line)
