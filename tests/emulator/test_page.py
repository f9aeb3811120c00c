import requests

from eisync.emulator.server import RunningEmulator

from .wire import TIMEOUT_S, Client, csv


def page(emulator: RunningEmulator) -> requests.Response:
    return requests.get(emulator.studio_url.removesuffix("/v1") + "/", timeout=TIMEOUT_S)


def test_the_page_shows_projects_counts_and_samples(client: Client) -> None:
    assert "Nothing was uploaded yet" in page(client.emulator).text
    client.store(("wave.01.csv", csv(1)), ("wave.02.csv", csv(2)))
    client.store(("noise.csv", csv(3)), category="testing", x_no_label="1")
    text = page(client.emulator).text
    for expected in ("Emulated project", "wave.02", "<td>wave<td>training<td class=number>2", "no label"):
        assert expected in text


def test_nothing_of_a_user_becomes_markup(emulator: RunningEmulator, client: Client) -> None:
    evil = "<script>alert('1')</script>\"&"
    emulator.add_project(name=evil)
    client.upload([(evil.replace("/", "") + ".csv", csv(1))], headers={"x-label": evil})
    response = page(emulator)
    assert "<script" not in response.text
    assert "&lt;script&gt;" in response.text


def test_the_page_asks_nothing_of_anybody_else(emulator: RunningEmulator) -> None:
    response = page(emulator)
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "src=" not in response.text
    assert "href=" not in response.text
