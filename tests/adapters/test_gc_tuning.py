"""How often the process searches for reference cycles."""

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
def collections() -> Iterator[list[str]]:
    """Lend the list of collection phases; restore the process afterwards."""
    before, noted = gc.get_threshold(), list[str]()

    def note(phase: str, _: dict[str, int]) -> None:
        noted.append(phase)

    gc.callbacks.append(note)
    yield noted
    gc.callbacks.remove(note)
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_page_of_a_listing_is_read_without_garbage_collection(collections: list[str]) -> None:
    entry = {"filename": "wave.01", "metadata": {"site": "lab"}, "coldstorageFilename": "1/wave.01.csv.a.b.json"}
    samples = [{"id": number, **entry} for number in range(1000)]
    body = json.dumps({"success": True, "samples": samples, "totalCount": 1000})
    process.collect_rarely()
    gc.collect()
    collections.clear()
    page = tuple(map(sample_of, LISTING.validate_json(body)["samples"]))
    assert (1000, []) == (len(page), collections)


def test_objects_that_exist_at_the_start_are_not_searched(collections: list[str]) -> None:
    gc.unfreeze()
    before = [["there"]]
    process.collect_rarely()
    later = [["made"]]
    process.collect_rarely()
    searched = {id(one) for one in gc.get_objects()}
    assert (False, True) == (id(before) in searched, id(later) in searched)


def test_rings_are_let_go_all_the_same(collections: list[str]) -> None:
    process.collect_rarely()
    gc.collect()
    collections.clear()
    for _ in range(process.MADE_BEFORE_A_LOOK + 1):
        ring: list[object] = []
        ring.append(ring)
    assert ["start", "stop"] == collections


def test_the_daemon_collects_garbage_rarely(collections: list[str], tmp_path: Path) -> None:
    gc.set_threshold(700)
    (tmp_path / "eisync.toml").write_text(f'[[watch]]\npath = "{tmp_path}"\n')
    environ = {"HOME": str(tmp_path), "EI_API_KEY": "ei_0"}
    settings = load(environ=environ, cwd=str(tmp_path), state_dir=str(tmp_path / "state"))
    build(settings, log=structlog.get_logger(), listen=False).close()
    assert process.MADE_BEFORE_A_LOOK == gc.get_threshold()[0]
