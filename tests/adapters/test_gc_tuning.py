"""How often the process looks for rings."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from eisync.adapters import process
from eisync.adapters.client.replies import LISTING, sample_of
from eisync.app.machine import build
from eisync.settings import load


@pytest.fixture
def looks() -> Iterator[list[str]]:
    """What is noted at every look; the process is as it was afterwards."""
    before, noted = gc.get_threshold(), list[str]()

    def note(phase: str, _: dict[str, int]) -> None:
        noted.append(phase)

    gc.callbacks.append(note)
    yield noted
    gc.callbacks.remove(note)
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_page_of_a_listing_is_read_without_a_look(looks: list[str]) -> None:
    entry = {"filename": "wave.01", "metadata": {"site": "lab"}, "coldstorageFilename": "1/wave.01.csv.a.b.json"}
    samples = [{"id": number, **entry} for number in range(1000)]
    body = json.dumps({"success": True, "samples": samples, "totalCount": 1000})
    process.collect_rarely()
    gc.collect()
    looks.clear()
    page = tuple(map(sample_of, LISTING.validate_json(body)["samples"]))
    assert (1000, []) == (len(page), looks)


def test_what_is_there_at_the_start_is_not_looked_through(looks: list[str]) -> None:
    gc.unfreeze()
    before = [["there"]]
    process.collect_rarely()
    later = [["made"]]
    process.collect_rarely()
    looked_through = {id(one) for one in gc.get_objects()}
    assert (False, True) == (id(before) in looked_through, id(later) in looked_through)


def test_rings_are_let_go_all_the_same(looks: list[str]) -> None:
    process.collect_rarely()
    gc.collect()
    looks.clear()
    for _ in range(process.MADE_BEFORE_A_LOOK + 1):
        ring: list[object] = []
        ring.append(ring)
    assert ["start", "stop"] == looks


def test_the_daemon_looks_seldom(looks: list[str], tmp_path: Path) -> None:
    gc.set_threshold(700)
    (tmp_path / "eisync.toml").write_text(f'[[watch]]\npath = "{tmp_path}"\n')
    environ = {"HOME": str(tmp_path), "EI_API_KEY": "ei_0"}
    settings = load(environ=environ, cwd=str(tmp_path), state_dir=str(tmp_path / "state"))
    build(settings, log=structlog.get_logger(), listen=False).close()
    assert process.MADE_BEFORE_A_LOOK == gc.get_threshold()[0]
