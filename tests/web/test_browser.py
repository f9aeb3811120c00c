"""What a newcomer does with the page, and what a hostile page does, in a real browser."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from eisync.cli.demo import samples
from eisync.web.file_link import page_of
from tests.conftest import until
from tests.web.browser import FOREIGN_NAME, NEEDS_CHROMIUM, Lab, findings_of, lab_at

pytestmark = NEEDS_CHROMIUM

WRONG_KEY = "ei_" + "0" * 61
HOSTILE = ("<img src=x onerror=alert(1)>.csv", "\u202egpj.csv", "\x1b[31m'\"&lt;.csv")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab_at(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def test_a_newcomer_sees_files_arrive_breaks_the_key_and_mends_it(lab: Lab) -> None:
    with lab.page() as page:
        hero = page.locator("#hero")
        expect(hero).to_contain_text("There are no files yet.")
        for path, content in samples(lab.emulator.hmac_key):
            lab.installation.record(path, content)
        expect(hero).to_contain_text("All 7 files are in Edge Impulse.")  # without loading the page again
        expect(page.locator("#rest")).to_contain_text("audio/beep.01.wav")

        lab.write_key(WRONG_KEY)
        lab.installation.record("late.csv", b"timestamp,x\n0,1\n10,2\n")
        expect(hero).to_contain_text("Edge Impulse refused the key.")
        expect(hero).to_contain_text("Put the right key into the file")
        lab.write_key(lab.emulator.key)
        page.get_by_role("button", name="Retry", exact=True).click()
        expect(hero).to_contain_text("All 8 files are in Edge Impulse.")


def test_names_of_files_are_only_text_and_a_group_is_sent_again(lab: Lab) -> None:
    dialogs: list[str] = []
    for number, name in enumerate(HOSTILE):
        lab.installation.record(f"bad/{name}", f"not,a\ntable {number}".encode())
    with lab.page() as page:
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        expect(page.locator("#rest")).to_contain_text("3 files set aside")
        text = page.locator("#rest").inner_text()
        assert ("<img src=x onerror=alert(1)>.csv" in text, "\\u202egpj.csv" in text) == (True, True)
        assert not {"\u202e", "\x1b"} & set(text)
        page.get_by_role("button", name="Retry these 3 files").click()
        expect(page.locator(".notice")).to_contain_text("3 files will be sent again.")
    assert [] == dialogs


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_for_everyone(lab: Lab, width: int, scheme: str) -> None:
    with lab.page(viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        expect(page.locator("#h-folders")).to_be_visible()
        assert [] == findings_of(page)
        assert width == page.evaluate("document.documentElement.scrollWidth")
        page.keyboard.press("Tab")
        assert "Skip to the content" == page.evaluate("document.activeElement.textContent")
        assert 1 == page.locator("[aria-live]").count()


def test_without_a_script_everything_can_be_done(lab: Lab) -> None:
    with lab.page(java_script_enabled=False) as page:
        page.locator("#pause > summary").click()
        page.get_by_role("button", name="For 15 minutes").first.click()
        assert "All uploads are paused for 15 min" in page.locator(".notice").inner_text()
        assert lab.ask(do="status")[0]["paused"]["all_s"] is not None
        page.get_by_role("button", name="Resume uploads").click()
        assert lab.ask(do="status")[0]["paused"]["all_s"] is None
        page.get_by_role("button", name="Log out").click()
        assert "Log in" == page.locator("h1").inner_text()
        assert 401 == page.request.get(lab.link.partition("login")[0]).status


def test_a_page_that_is_not_looked_at_asks_nothing_and_keeps_what_is_open(lab: Lab) -> None:
    with lab.page() as page:
        page.locator("#pause > summary").click()
        lab.installation.record("one-more.csv", b"timestamp,y\n0,5\n10,6\n")
        expect(page.locator("#rest")).to_contain_text("one-more.csv")
        expect(page.get_by_role("button", name="For 1 hour").first).to_be_visible()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})")
        page.wait_for_timeout(2500)
        assert [] == [url for url in asked if "/live" in url]


HOSTILE_PAGE = """<!doctype html><title>evil</title>
<iframe name="frame"></iframe>
<form id="one" method="post" action="{url}pause" target="frame"><input name="for" value="until"></form>
<script>
  document.getElementById("one").submit();
  const posted = {{method: "POST", credentials: "include", mode: "no-cors", body: new URLSearchParams("for=until")}};
  fetch("{url}pause", posted).catch(() => "blocked")
    .then(() => fetch("{url}", {{credentials: "include"}})).then((answer) => answer.text()).catch(() => "blocked")
    .then((text) => {{ document.title = "read: " + text; }});
</script>"""


@contextmanager
def foreign_site(text: str) -> Iterator[int]:
    """Another program on this machine that serves this page; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", FOREIGN_NAME])
def test_a_hostile_page_in_another_tab_does_and_reads_nothing(lab: Lab, name: str) -> None:
    with lab.context(is_hostile=True) as context:
        page = context.new_page()
        page.goto(lab.link)
        page.wait_for_url("**/")
        with foreign_site(HOSTILE_PAGE.format(url=page.url)) as port:
            other = context.new_page()
            other.goto(f"http://{name}:{port}/")
            other.wait_for_function("document.title.startsWith('read: ')")
            assert "read: blocked" == other.title()
        assert lab.ask(do="status")[0]["paused"]["all_s"] is None


def test_a_name_that_was_pointed_here_opens_nothing(lab: Lab) -> None:
    with lab.context(is_hostile=True) as context:
        page = context.new_page()
        answer = page.goto(f"http://{FOREIGN_NAME}:{urlsplit(lab.link).port}/")
        assert answer is not None
        assert (421, True) == (answer.status, "not one of the page" in page.content())


def record_samples(lab: Lab) -> None:
    """Have the files of the demo in the project."""
    expected = dict(samples(lab.emulator.hmac_key))
    for path, content in expected.items():
        lab.installation.record(path, content)

    def stored() -> set[str]:
        return {one["path"] for one in lab.ask(do="files", state="synced") if "path" in one}

    until(lambda: expected.keys() <= stored())


def test_a_person_finds_a_file_and_sees_what_it_is(lab: Lab) -> None:
    record_samples(lab)
    with lab.page() as page:
        page.get_by_role("link", name="Files", exact=True).click()
        page.get_by_label("Part of the path").fill("wave.02")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="training/wave.02.json").click()
        drawing = page.get_by_role("img", name="Waveform")
        expect(drawing).to_be_visible()
        assert "Waveform of 3 axes over" in (drawing.locator("desc").text_content() or "")
        expect(page.locator("#why ~ dl")).to_contain_text("wave (the file's name up to its first dot)")
        expect(page.locator(".history")).to_contain_text("was stored in the project")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_the_pages_of_files_are_for_everyone(lab: Lab, width: int, scheme: str) -> None:
    record_samples(lab)
    with lab.page(viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        page.goto(page.url + "files?search=beep.01")
        assert [] == findings_of(page)
        page.get_by_role("link", name="audio/beep.01.wav").click()
        until(lambda: page.evaluate("document.querySelector('audio')?.duration > 0.9"))  # it can be played
        picture = page.locator("svg image")
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 100
        answer = page.request.get(page.url.split("/file?")[0] + str(picture.get_attribute("href")))
        assert (200, "image/png") == (answer.status, answer.headers["content-type"])
        for place in ("", "classes"):
            if place:
                page.goto(f"{page.url.split('/file?')[0]}/{place}")
            assert [] == findings_of(page)
            assert width == page.evaluate("document.documentElement.scrollWidth")


def recorded(number: int) -> bytes:
    """A JSON acquisition whose value is the number of the reading, at 100 Hz."""
    sensors = [{"name": "accX", "units": "m/s2"}, {"name": "temperature", "units": "Cel"}]
    values = [[one, one / 1000] for one in range(number)]
    payload = {"device_type": "X", "interval_ms": 10, "sensors": sensors, "values": values}
    return json.dumps({"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": payload}).encode()


def is_stored(lab: Lab, path: str) -> bool:
    return path in {one.get("path") for one in lab.ask(do="files", state="synced")}


@pytest.fixture
def chart_address(lab: Lab) -> str:
    """The address, behind that of the page, of a file with many readings."""
    lab.installation.record("ramp.01.json", recorded(20_000))
    until(lambda: is_stored(lab, "ramp.01.json"))
    return page_of(lab.installation.recordings, "ramp.01.json").lstrip("/")


def test_a_person_zooms_into_a_recording_and_reads_its_values(lab: Lab, chart_address: str) -> None:
    with lab.page() as page:
        page.goto(page.url + chart_address)
        where, values = page.locator(".where"), page.locator(".readout")
        expect(where).to_have_text("0 s to 200 s, each point is 32 readings")
        expect(values).to_contain_text("0 to 19999 m/s2")
        expect(page.locator(".said")).to_be_empty()
        assert 2 == page.locator(".uplot").count()  # a panel for each unit

        place = page.locator(".u-over").first.bounding_box()
        assert place is not None
        middle = place["x"] + place["width"] / 2, place["y"] + 40
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + place["width"] / 40, middle[1], steps=3)
        with page.expect_response(re.compile(r"/file/series\?.*&from=(99|100)\d\d&to=10[3-7]\d\d&")) as finer:
            page.mouse.up()
        assert 1 == finer.value.json()["per_column"]
        page.mouse.move(*middle)
        expect(where).to_have_text(re.compile(r"^at 102\.\d+ s$"))
        expect(values).to_have_text(
            re.compile(r"accX: 102\d\d m/s2temperature: 10\.2\d+ Cel")
        )  # one value, not a range
        page.mouse.dblclick(*middle)
        page.mouse.move(0, 0)
        expect(where).to_have_text("0 s to 200 s, each point is 32 readings")

        page.locator(".stage").focus()
        for _ in range(5):
            page.keyboard.press("+")
        expect(where).to_have_text("96.875 s to 103.125 s")
        page.keyboard.press("ArrowRight")
        expect(where).to_contain_text("98.43")
        page.keyboard.press("-")
        expect(where).to_have_text("95.31 s to 107.81 s, each point is 2 readings")
        page.keyboard.press("Escape")
        expect(where).to_have_text("0 s to 200 s, each point is 32 readings")
        page.get_by_role("button", name="Zoom in").click()
        expect(where).to_contain_text("50 s to 150 s")


def test_the_chart_is_for_everyone(lab: Lab, chart_address: str) -> None:
    with lab.page() as page:
        page.goto(page.url + chart_address)
        expect(page.locator(".chart .u-over").first).to_be_visible()
        for width, scheme in ((1280, "light"), (1280, "dark"), (360, "dark"), (360, "light")):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert ([], width) == (findings_of(page), page.evaluate("document.documentElement.scrollWidth")), scheme
            until(lambda: page.evaluate("document.querySelector('.uplot').offsetWidth < innerWidth"))  # it was resized
        drawing = page.get_by_role("img", name="Waveform")  # for screen readers and print
        assert "Waveform of 2 axes over" in (drawing.locator("desc").text_content() or "")
        page.emulate_media(media="print")
        expect(page.locator(".chart")).to_be_hidden()
        box = drawing.bounding_box()
        assert box is not None
        assert box["width"] > 200


def test_the_chart_never_mixes_two_versions(lab: Lab, chart_address: str) -> None:
    with lab.page(is_hostile=True) as page:  # Chromium logs every answer that is an error
        page.goto(page.url + chart_address)
        expect(page.locator(".where")).to_contain_text("0 s to 200 s")
        lab.installation.record("ramp.01.json", recorded(10))
        page.get_by_role("button", name="Zoom in").click()
        expect(page.locator(".said")).to_contain_text("Load the page again.")
        page.reload()
        expect(page.locator(".where")).to_have_text("0 ms to 100 ms")


def test_without_a_script_the_drawing_stays(lab: Lab, chart_address: str) -> None:
    with lab.page(java_script_enabled=False) as page:
        page.goto(page.url + chart_address)
        assert 0 == page.locator(".chart").count()
        box = page.get_by_role("img", name="Waveform").bounding_box()
        assert box is not None
        assert box["width"] > 500
        page.goto(page.url.partition("file?")[0])
        assert "Files in each minute until now" in page.locator("#hour").inner_text()
