"""`deploy/constraints.txt` fits what eisync asks for, on every machine that it names."""

import re
import tomllib
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXT = (ROOT / "deploy/constraints.txt").read_text(encoding="utf-8")
LINES = re.findall(r"^(\S.*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", TEXT, flags=re.MULTILINE)
PINS = [Requirement(line) for line, _ in LINES]
OF_DEVELOPERS = {"dev", "docs"}
OF_CLUSTERS = {"dask"}
"""Its version is that of the cluster, which is someone else's."""
ASKED = [Requirement(one) for one in PROJECT["dependencies"]] + [
    Requirement(one)
    for extra, several in PROJECT["optional-dependencies"].items()
    for one in several
    if extra not in OF_DEVELOPERS | OF_CLUSTERS and not one.startswith("eisync[")
]
PYTHONS = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]


@pytest.mark.parametrize(("python", "machine"), list(product(PYTHONS, ["x86_64", "aarch64", "armv7l"])))
def test_what_eisync_asks_for_is_pinned_once_and_within_its_bounds(python: str, machine: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.1", "platform_machine": machine}
    pins = [one for one in PINS if one.marker is None or one.marker.evaluate(here)]
    versions = {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in pins}
    assert len(pins) == len(versions)
    asked = [one for one in ASKED if one.marker is None or one.marker.evaluate(here)]
    assert len(asked) > 15
    assert [] == [
        str(one) for one in asked if not one.specifier.contains(versions.get(canonicalize_name(one.name), "0"))
    ]


def test_every_pin_has_hashes_and_no_line_names_where_files_come_from() -> None:
    assert len(LINES) == len(re.findall(r"^[a-z]", TEXT, flags=re.MULTILINE))
    assert [] == [str(pin) for pin in PINS if not str(pin.specifier).startswith("==")]
    assert not re.search(r"://|^-|^ *--(?!hash=)", TEXT, flags=re.MULTILINE)


def test_a_user_gets_everything_with_all() -> None:
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert Requirement(everything).extras == set(PROJECT["optional-dependencies"]) - OF_DEVELOPERS - OF_CLUSTERS - {
        "all"
    }
