"""The page over a real database, asked through WSGI as a browser asks: without a server and without a process."""

from collections.abc import Mapping
from typing import Any

from werkzeug.test import Client, TestResponse

from eisync.control.operations import Operations
from eisync.web.access import AccessRules
from eisync.web.credentials import Credentials
from eisync.web.site import Site
from eisync.web.start import Clocks, site_of
from tests.fakes import Clock, Notebook

TOKEN = "5e" * 32
PORT = 4820
HOST = f"127.0.0.1:{PORT}"
PEER = {"REMOTE_ADDR": "127.0.0.1"}
OURS = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}


class Visitor:
    """A browser, and the page that it asks. Log it in with `log_in`."""

    def __init__(self, operations: Operations, rules: AccessRules | None = None, **more: Any) -> None:
        self.clock = Clock()
        self.monotonic = Clock()
        self.spent = Clock(0.0)
        self.log = Notebook()
        self.credentials = Credentials(TOKEN, now=self.clock)
        self.site: Site = site_of(
            rules or AccessRules(address="127.0.0.1"),
            operations,
            self.credentials,
            port=PORT,
            clocks=Clocks(now=self.clock, monotonic=self.monotonic, spent_s=self.spent),
            log=self.log,
            more=more,
        )
        self.browser = Client(self.site)
        self.csrf = ""

    def log_in(self) -> "Visitor":
        """Follow a link of `eisync ui`."""
        answer = self.get(f"/login?code={self.credentials.link_code(600.0)}")
        assert 200 == answer.status_code
        cookie = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        self.csrf = self.credentials.csrf_of(cookie)
        return self

    def get(self, path: str, *, host: str = HOST, headers: Mapping[str, str] | None = None) -> TestResponse:
        return self.browser.get(
            path, headers={"Host": host, **(headers or {})}, base_url=f"http://{HOST}", environ_base=PEER
        )

    def post(
        self,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        host: str = HOST,
        csrf: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Press a button: `form` with the text of the session, from a page of ours."""
        fields = {"csrf": self.csrf if csrf is None else csrf, **(form or {})}
        sent = {"Host": host, **(OURS if headers is None else headers)}
        return self.browser.post(path, data=fields, headers=sent, base_url=f"http://{HOST}", environ_base=PEER)
