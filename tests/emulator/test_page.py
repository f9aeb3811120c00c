import json
import re

import pytest
import requests

from eisync.emulator.drawing import HEIGHT, WIDTH, draw_rows
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import TIMEOUT_S, Client, acquisition, csv, png, wav


def page(emulator: RunningEmulator) -> requests.Response:
    return requests.get(emulator.studio_url.removesuffix("/v1") + "/", timeout=TIMEOUT_S)


def test_the_page_shows_projects_counts_and_samples(client: Client) -> None:
    assert "No samples have been uploaded yet" in page(client.emulator).text
    client.store(("wave.01.csv", csv(1)), ("wave.02.csv", csv(2)))
    client.store(("noise.csv", csv(3)), category="testing", x_no_label="1")
    text = page(client.emulator).text
    for expected in ("Emulated project", "wave.02", "<td>wave<td>training<td class=number>2", "no label"):
        assert expected in text


def test_the_page_shows_versions_of_the_dataset() -> None:
    settings = EmulatorSettings(studio_port=0, ingestion_port=0, dataset_commit_ms=0)
    with running_emulator(settings) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)))
            assert "versions of the dataset" not in page(emulator).text
            client.studio("POST", "/dataset-versions/create")
            client.studio("POST", "/dataset-versions/1", {"description": "<first>"})
            text = page(emulator).text
            assert "<td class=number>1<td>manual<td>" in text
            assert "<td class=number>1<td class=number>0<td class=number>0<td>&lt;first&gt;" in text


def test_nothing_of_a_user_becomes_markup(emulator: RunningEmulator, client: Client) -> None:
    evil = "<script>alert('1')</script>\"&"
    emulator.add_project(name=evil)
    client.upload([(evil.replace("/", "") + ".csv", csv(1))], headers={"x-label": evil})
    response = page(emulator)
    assert "<script" not in response.text
    assert "&lt;script&gt;" in response.text


def test_the_page_asks_nothing_of_anybody_else(emulator: RunningEmulator, client: Client) -> None:
    client.store(("a.png", png()), ("b.csv", csv(1)))
    response = page(emulator)
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert re.findall(r"(?:src|href|action|url)\s*[=(]\s*[^\s>]+", response.text) == ['src="/thumbnails/1/1"']
    assert "<script" not in response.text


def test_an_image_is_shown_from_its_own_bytes(emulator: RunningEmulator, client: Client) -> None:
    image, series = client.store(("a.png", png()), ("b.csv", csv(1)))
    url = emulator.studio_url.removesuffix("/v1") + f"/thumbnails/{emulator.project_id}"
    response = requests.get(f"{url}/{image}", timeout=TIMEOUT_S)
    assert (response.content, response.headers["Content-Type"]) == (png(), "image/png")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    for missing in (series, 999):
        assert requests.get(f"{url}/{missing}", timeout=TIMEOUT_S).status_code == 404


def test_readings_are_drawn_into_the_page(emulator: RunningEmulator, client: Client) -> None:
    client.store(("a.csv", csv(1)), ("b.wav", wav(range(5000))), ("c.json", json.dumps(acquisition()).encode()))
    client.store(("d.mp4", b"film"), ("e.csv", b"timestamp,a\n" + b"".join(b"%d,1\n" % n for n in range(70_000))))
    for _ in range(2):
        text = page(emulator).text
        assert text.count("<svg") == 3
        assert len(text) < 20_000


def test_a_drawing_keeps_every_peak_in_its_frame() -> None:
    rows = [[0.0]] * 10_000
    rows[4711] = [7.0]
    (heights,) = re.findall('points="([^"]*)"', draw_rows(rows))
    drawn = [float(point.split(",")[1]) for point in heights.split(" ")]
    assert (min(drawn), max(drawn), drawn.count(2.0)) == (2.0, 38.0, 1)


@pytest.mark.parametrize(
    "rows", [[[1.0]], [[1], [1]], [[1.7e308], [-1.7e308]], [[0.0, 1.0, 2.0]] * 500, [[5e-324], [0.0]], [[1.0] * 50]]
)
def test_whatever_the_readings_are_the_drawing_stays_in_its_frame(rows: list[list[float]]) -> None:
    points = re.findall(r"([\d.einfa-]+),([\d.einfa-]+)", " ".join(re.findall('points="([^"]*)"', draw_rows(rows))))
    assert points
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in points)


def test_nothing_to_draw_is_no_drawing() -> None:
    assert [draw_rows([]), draw_rows([[]])] == ["", ""]
