"""`eisync ui`: open the daemon's page in the browser, logged in."""

import os
import threading
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import click

from eisync import paths
from eisync.adapters import clock
from eisync.app.extras import how_to_add
from eisync.cli.options import ask, common
from eisync.cli.output import new_password, say
from eisync.errors import EisyncError
from eisync.store.state_folder import WEB_LINK_NAME, write_anew

STARTS_WITHIN_S = 10.0
POLL_S = 0.1


@click.command("ui")
@common
@click.option("--print", "is_printed", is_flag=True, help="Print the link and open no browser.")
@click.option(
    "--hash-password",
    "is_hashed",
    is_flag=True,
    help="Ask for a password, and print what web.password_hash must be for it.",
)
@click.option(
    "--metrics-token",
    "is_for_programs",
    is_flag=True,
    help="Print the token with which a monitoring program reads /metrics and /api/v1/status, and nothing else.",
)
def command(
    config: str | None, state_dir: str | None, is_printed: bool, is_hashed: bool, is_for_programs: bool
) -> None:
    """Open the page of the running daemon in the browser, logged in.

    The link holds for 10 minutes; the browser then stays logged in for 30 days. Over SSH, use --print and forward the
    port: ssh -L 4820:127.0.0.1:4820 HOST.

    \b
    Exit code 0   the page was opened, or its link was printed
              1   there is no page; the message says why
    """
    if is_hashed:
        say(f'password_hash = "{_hash_of_password()}"')
        return
    found = page_of(lambda: ask({"do": "page"}, config=config, state_dir=state_dir))
    if found is None or found["link"] is None:
        raise EisyncError(found["why_off"] if found else "no daemon runs; start one with 'eisync run'")
    if is_printed or is_for_programs:
        say(found["metrics_token"] if is_for_programs else found["link"])
        return
    if not _opens(paths.state_dir(state_dir, config=config), found["link"]):
        say("No browser could be opened. Open this link in one; it holds for 10 minutes:", found["link"])
        return
    say(f"Opened {found['url']} in the browser. If nothing appears: eisync ui --print")


def page_of(
    ask_page: Callable[[], Iterable[dict[str, Any]] | None], *, stop: threading.Event | None = None
) -> dict[str, Any] | None:
    """Return the address of the page and a link that opens it. Wait a moment for a daemon that is starting."""
    stop = stop or threading.Event()
    deadline = clock.monotonic() + STARTS_WITHIN_S
    while True:
        found = next(iter(ask_page() or ()), None)
        if found is None or not found["waits"] or clock.monotonic() > deadline or stop.wait(POLL_S):
            return found


def _opens(folder: str, link: str) -> bool:
    """Open the browser. It gets a file that leads to the link: every user can read the arguments of a process."""
    import webbrowser  # here, as no other command needs it

    page = f'<!doctype html><meta http-equiv="refresh" content="0; url={escape(link)}"><title>eisync</title>'
    try:
        write_anew(folder, WEB_LINK_NAME, page.encode("utf-8"))
    except OSError:  # another user's state folder
        return False
    return webbrowser.open(f"file://{os.path.join(folder, WEB_LINK_NAME)}")


def _hash_of_password() -> str:
    try:
        from eisync.web.access import hash_of
    except ModuleNotFoundError as error:
        raise EisyncError(f"this needs {error.name}: {how_to_add('web')}") from error
    return hash_of(new_password())
