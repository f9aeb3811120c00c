"""The layouts of datasets as real tools make them, and whether a project has the samples of one."""

import json
import urllib.request
from collections import defaultdict
from dataclasses import replace
from typing import Any

from tests.conftest import Bench
from tests.layouts import edge_impulse, folders, image_exports, recordings, roboflow
from tests.layouts.wanted import ANY, Generator, Layout, Wanted

LAYOUTS: tuple[Generator, ...] = (
    *folders.LAYOUTS,
    *image_exports.LAYOUTS,
    *roboflow.LAYOUTS,
    *recordings.LAYOUTS,
    *edge_impulse.LAYOUTS,
)


def samples(bench: Bench) -> list[Wanted]:
    """Return the samples of the project."""
    url = f"{bench.emulator.studio_url}/api/{bench.emulator.project_id}/raw-data?category=all&limit=5000"
    request = urllib.request.Request(url, headers={"x-api-key": bench.emulator.key})
    with urllib.request.urlopen(request, timeout=30) as response:
        return list(map(sample_of, json.load(response)["samples"]))


def sample_of(listed: dict[str, Any]) -> Wanted:
    return Wanted(
        listed["filename"],
        listed["label"] or None,
        listed["category"],
        tuple((one["label"], one["x"], one["y"], one["width"], one["height"]) for one in listed["boundingBoxes"]),
        tuple((one["startIndex"], one["endIndex"], one["label"]) for one in listed.get("structuredLabels") or ()),
        listed.get("metadata") or {},
    )


def as_asked(found: Wanted, asked: Wanted) -> Wanted:
    """Return the sample without what does not matter."""
    return replace(
        found,
        label=ANY if asked.label == ANY else found.label,
        category=ANY if asked.category == ANY else found.category,
    )


def compared(layout: Layout, found: list[Wanted]) -> tuple[list[Any], list[Any]]:
    """Return what is expected and what there is, in the same order."""
    expected = sorted(layout.samples, key=Wanted.shown)
    asked = {one.name: one for one in expected}
    there = [as_asked(one, asked.get(one.name, one)) for one in found]
    return [one.shown() for one in expected], sorted(one.shown() for one in there)


def no_group_straddles(layout: Layout, found: list[Wanted]) -> None:
    assert layout.group is not None
    categories = defaultdict(set)
    for one in found:
        categories[one.metadata[layout.group]].add(one.category)
    assert {1} == {len(some) for some in categories.values()}
    testing = sum(one.category == "testing" for one in found) / len(found)
    assert abs(100 * testing - layout.testing) < 10
