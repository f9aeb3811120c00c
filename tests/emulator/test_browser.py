"""The emulator's pages in a real browser: to read, to steer, and against a page of another site."""

import json
import math
import struct
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.browser import WIDTHS_PX, barriers, is_wider_than_its_window, open_page

from .test_pages import EVIL, sample_path, store_evil, url_of
from .wire import Client, acquisition, csv, wav


def picture(width: int, height: int) -> bytes:
    """A whole PNG, which a browser can decode."""
    pixels = b"".join(
        b"\0" + bytes((x, y, 120)[part] for x in range(width) for part in range(3)) for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, dataset_commit_ms=0)) as emulator:
        client = Client(emulator)
        with client.session:
            yield client


@pytest.fixture(scope="module")
def paths(client: Client) -> dict[str, str]:
    """The pages to look at: with everything that can be on one, hostile where a stranger may choose."""
    boxes = {"shelf.png": [{"label": EVIL, "x": 20, "y": 3, "width": 80, "height": 60}]}
    companion = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": boxes}
    document = acquisition(values=[[math.sin(index / 9)] for index in range(300)])
    ids = {
        "evil": store_evil(client),
        "image": client.upload(
            [("shelf.png", picture(240, 160)), ("bounding_boxes.labels", json.dumps(companion).encode())]
        )[0]["sampleId"],
        "sound": client.store(("beep.wav", wav([round(9000 * math.sin(index / 5)) for index in range(16_000)])))[0],
        "series": client.store(("wave.json", json.dumps(document).encode()))[0],
    }
    client.store(*[(f"n.{index}.csv", csv(index)) for index in range(12)], category="testing")
    client.emulator.set_faults({"where": "studio", "kind": "status", "path": "/nowhere"})
    of_samples = {name: sample_path(client, sample_id) for name, sample_id in ids.items()}
    return {
        "first": "/",
        "list": "/projects/1",
        **of_samples,
        "delete": f"{of_samples['evil']}/delete",
    }


@pytest.mark.parametrize(("width", "scheme"), [("narrow", "dark"), ("wide", "light")])
def test_every_page_can_be_read_by_everyone(
    browser: Any, client: Client, paths: dict[str, str], width: str, scheme: str
) -> None:
    with open_page(browser, url_of(client.emulator, "/"), width_px=WIDTHS_PX[width], scheme=scheme) as page:
        for name, path in paths.items():
            page.goto(url_of(client.emulator, path))
            assert [] == barriers(page), name
            assert not is_wider_than_its_window(page), name


# Functions of the page, which wait by themselves: Playwright's own waiting needs eval, which the pages forbid.
_PLAY_FROM_LATER = """() => new Promise((resolve, reject) => {
  const audio = document.querySelector("audio");
  audio.addEventListener("error", () => reject(audio.error.message));
  audio.addEventListener("seeked", () => resolve([audio.duration, audio.currentTime]));
  const seek = () => { audio.currentTime = 1.5; };
  audio.readyState >= 1 ? seek() : audio.addEventListener("loadedmetadata", seek);
})"""
_SIZE_OF_PICTURE = "address => fetch(address).then(one => one.blob()).then(createImageBitmap).then(one => one.width)"
_WIDTHS = "() => Promise.all([...document.images].map(one => one.decode().then(() => one.naturalWidth)))"


def test_a_sound_plays_and_a_picture_is_seen(browser: Any, client: Client, paths: dict[str, str]) -> None:
    with open_page(browser, url_of(client.emulator, paths["sound"])) as page:
        assert [2.0, 1.5] == page.evaluate(_PLAY_FROM_LATER)
        page.goto(url_of(client.emulator, paths["image"]))
        assert 240 == page.evaluate(_SIZE_OF_PICTURE, f"{paths['image']}/media")
        page.goto(url_of(client.emulator, "/projects/1?search=e&category=training"))
        assert {160, 240} == set(page.evaluate(_WIDTHS))


def test_a_person_finds_edits_and_deletes_a_sample_without_javascript_and_with_the_keyboard(
    browser: Any, client: Client, paths: dict[str, str]
) -> None:
    client.store(("victim.csv", csv(4711)))
    with open_page(browser, url_of(client.emulator, "/projects/1"), javascript=False) as page:
        page.get_by_label("Name or label contains").fill("victim")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="victim").first.click()
        page.get_by_label("Label", exact=True).fill("saved")
        page.get_by_role("button", name="Set the label").press("Enter")
        assert "saved, training." in page.inner_text("main")
        page.get_by_role("link", name="Delete…").press("Enter")
        page.get_by_role("button", name="Delete the sample").press("Enter")
        assert "was deleted" in page.get_by_role("status").inner_text()
    assert [] == client.listed(filename="victim")


def test_what_arrives_is_shown_and_the_focus_stays(browser: Any, client: Client, paths: dict[str, str]) -> None:
    client.store(("before.csv", csv(6000)))
    with open_page(browser, url_of(client.emulator, "/projects/1")) as page:
        page.wait_for_timeout(300)  # the script asks for the first time
        page.locator("#list").get_by_role("link", name="before").focus()
        client.store(("fresh.csv", csv(6001)))
        page.locator("#list").get_by_role("link", name="fresh").wait_for()
        assert "before" == page.evaluate("document.activeElement.innerText")


_ATTACK = """<!doctype html><title>x</title><body><script>
const tried = [];
const note = (promise) => promise.then((text) => tried.push(text), () => tried.push("refused"));
const read = (address) => note(fetch(address).then((one) => one.text()));
const form = { method: "POST", mode: "no-cors", body: new URLSearchParams("label=stolen") };
const write = (address) => note(fetch(address, form).then(() => "sent"));
const frame = document.createElement("iframe");
frame.src = "TARGET";
document.body.append(frame);
Promise.all([read("TARGET"), read("TARGET/raw"), write("TARGET/label"), write("TARGET/delete")])
  .then(() => { document.title = JSON.stringify(tried); });
</script><form method="post" action="TARGET/delete"><button>win</button></form>"""


class _Hostile(BaseHTTPRequestHandler):
    """A page of another site, which posts a form and reads the emulator in every way that a page can."""

    target = ""

    def do_GET(self) -> None:
        body = _ATTACK.replace("TARGET", self.target).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def test_a_page_of_another_site_reads_and_changes_nothing(browser: Any, client: Client, paths: dict[str, str]) -> None:
    target = url_of(client.emulator, paths["series"])
    before = client.listed()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Aimed", (_Hostile,), {"target": target})) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        context = browser.new_context()
        try:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("document.title !== 'x'")
            assert {"refused", "sent"} >= set(json.loads(page.title()))
            page.get_by_role("button", name="win").click()
            page.wait_for_url("**/delete")
            assert "refuses requests from web pages of other sites" in page.content()
        finally:
            context.close()
            server.shutdown()
            thread.join()
    assert before == client.listed()
