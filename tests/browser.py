"""A real Chromium for tests of pages, and axe, which finds barriers for people who read or steer them in another way.

It is Debian's, because the project downloads no browser. Tests that use the fixture `browser` are skipped, with the
reason, where it is missing. Import the fixture in the `conftest.py` of a room.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = "/usr/bin/chromium"
AXE = Path(__file__).parent / "web" / "vendor" / "axe.min.js"
TIMEOUT_MS = 20_000
WIDTHS_PX = {"narrow": 360, "wide": 1280}
SCHEMES = ("light", "dark")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SERIOUS = frozenset({"serious", "critical"})


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, started once for a module.

    Not for the whole run: until it ends, Playwright has an event loop in this thread, and `asyncio.run` of other tests
    fails.
    """
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing; `make env` installs it")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield chromium
        chromium.close()


@contextmanager
def open_page(
    browser: Any, url: str, *, width_px: int = 1280, scheme: str = "light", javascript: bool = True
) -> Iterator[Any]:
    """Open a page in a fresh profile. At the end, fail if the page broke its own security policy or threw an error."""
    context = browser.new_context(
        viewport={"width": width_px, "height": 900}, color_scheme=scheme, java_script_enabled=javascript
    )
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    try:
        page.goto(url)
        yield page
        assert not complaints, complaints
    finally:
        context.close()


def barriers(page: Any) -> list[str]:
    """Return what axe finds serious or critical in the page: the rule, the element, and the reason."""
    # Playwright evaluates it through the debugger, which the page's Content-Security-Policy does not bind.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(result => JSON.stringify(result.violations))"
    )
    return [
        f"{rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for rule in json.loads(found)
        if rule["impact"] in _SERIOUS
        for node in rule["nodes"]
    ]


def is_wider_than_its_window(page: Any) -> bool:
    """Return whether a person must scroll sideways to read the page."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
