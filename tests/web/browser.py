"""A real browser on the page of a real daemon. Without Debian's chromium the tests are skipped, with the reason."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from eisync.control import local_socket
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.selftest.torture.installation import Installation
from tests.browser import AXE, CHROMIUM, OPTIONS
from tests.canary import CANARY
from tests.conftest import until

NEEDS_CHROMIUM = pytest.mark.skipif(
    not os.path.exists(CHROMIUM), reason="chromium is not installed: apt-get install chromium"
)
FOREIGN_NAME = "rebound.example"
ARGUMENTS = (*OPTIONS, f"--host-resolver-rules=MAP {FOREIGN_NAME} 127.0.0.1")
expect.set_options(timeout=20_000)  # other tests run meanwhile


class Lab:
    """A daemon with its page, the emulator, and a browser."""

    def __init__(self, installation: Installation, emulator: RunningEmulator, browser: Browser) -> None:
        self.installation = installation
        self.emulator = emulator
        self.browser = browser

    @property
    def link(self) -> str:
        """A link that opens the page logged in, as `eisync ui --print` prints it."""
        [found] = self.ask(do="page")
        assert found["link"], found
        return str(found["link"])

    def ask(self, **question: Any) -> list[dict[str, Any]]:
        return list(local_socket.ask(self.installation.state, question) or ())

    @contextmanager
    def context(self, *, is_hostile: bool = False, **options: Any) -> Iterator[BrowserContext]:
        """A browser of its own, which must log nothing: no failed script, nothing that the content policy stopped.

        What a hostile page logs is its own affair.
        """
        said: list[str] = []
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(15_000)
        context.on("console", lambda message: said.append(message.text))
        context.on("weberror", lambda error: said.append(str(error.error)))
        try:
            yield context
        finally:
            context.close()
        assert is_hostile or [] == said

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """A page that is logged in."""
        with self.context(**options) as context:
            page = context.new_page()
            page.goto(self.link)
            page.wait_for_url("**/")
            yield page

    def write_key(self, key: str) -> None:
        """Write the key of the project, as a person does."""
        path = os.path.join(self.installation.place, "key")
        Path(path + ".new").write_text(key)
        os.chmod(path + ".new", 0o600)
        os.replace(path + ".new", path)


@contextmanager
def lab_at(place: Path) -> Iterator[Lab]:
    """A lab in an empty folder."""
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)
    with running_emulator(settings) as emulator, sync_playwright() as playwright:
        tables: dict[str, dict[str, object]] = {"web": {"port": 0}, "reconcile": {"interval_s": 2.0}}
        installation = Installation(place=str(place), service=emulator, watch={"settle_s": 0.1}, tables=tables)
        installation.prepare()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with installation.running():
            lab = Lab(installation, emulator, browser)
            until(lambda: any(one["link"] for one in lab.ask(do="page")))
            yield lab
        browser.close()


def findings_of(page: Page) -> list[str]:
    """What axe-core finds wrong for people who cannot see, or use a keyboard only."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]
