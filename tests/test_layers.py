"""The rooms are law: who may import whom, read from the sources, and planted breaches are found."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "eisync"
CORE = {"errors", "core"}


@dataclass(frozen=True)
class Room:
    """What a room may import: rooms of ours, and packages of others (the standard library is free but for `BARRED`)."""

    ours: frozenset[str]
    others: frozenset[str] = frozenset()


def room(ours: set[str] | None = None, others: set[str] | None = None) -> Room:
    return Room(frozenset(ours or ()), frozenset(others or ()))


EVERY_ROOM = {path.stem if path.suffix else path.name for path in PACKAGE.iterdir() if not path.name.startswith("__")}
DROP_IN = {"data", "experimental", "exceptions", "util"}

ROOMS = {
    "_version": room(),
    "__init__": room({"_version"}),
    "__main__": room({"cli"}),
    "errors": room(),
    "exceptions": room({"errors"}),
    # defusedxml and yaml read bytes of strangers, hardened and as texts only; both are pure functions of a text.
    "core": room(CORE, {"cbor2", "pydantic_core", "defusedxml", "yaml"}),
    "store": room(CORE, {"sqlite_utils"}),
    # distributed is imported by functions only: `eisync.adapters.cluster` is for those who name a scheduler.
    "adapters": room(CORE, {"requests", "urllib3", "watchdog", "pydantic", "typing_extensions", "distributed"}),
    "loops": room(CORE | {"store"}, {"structlog"}),
    "control": room(CORE | {"store", "loops"}),
    "web": room(
        CORE | {"store", "loops", "control", "_version"},
        {"waitress", "werkzeug", "jinja2", "markupsafe", "prometheus_client"},
    ),
    "data": room(CORE | {"exceptions", "adapters", "_version"}, {"rich"}),
    "experimental": room({"data"}, {"pandas"}),
    "util": room({"data", "exceptions"}),
    "emulator": room(set(), {"aiohttp", "multipart", "cbor2", "jinja2"}),
    "paths": room({"errors"}, {"platformdirs"}),
    "settings": room(CORE | {"paths"}, {"pydantic", "pydantic_core"}),
    "selftest": room(CORE | {"store", "adapters", "paths"}, {"urllib3"}),
    "export": room(CORE | {"adapters"}),
    "log": room({"core", "loops"}, {"structlog"}),
    "app": room(
        EVERY_ROOM - {"cli", "emulator", "data", "experimental", "exceptions", "selftest", "util", "py"},
        {"structlog"},
    ),
    "cli": room(EVERY_ROOM, {"click", "rich"}),
}

# Within a room, a package may be one module's own.
ONE_MODULE = {
    "cbor2": "core/acquisition.py",
    "pydantic_core": "core/formats/json_document.py",
    "defusedxml": "core/annotations/pascal_voc.py",
    "yaml": "core/annotations/class_names.py",
}

# Modules of the standard library that some rooms must do without: they are the clock, the dice, the outside.
BARRED = {
    "core": {"time", "random", "secrets", "logging", "os", "socket", "threading", "subprocess", "pathlib", "sqlite3"},
    "store": {"time", "random", "logging", "socket", "subprocess"},
    "loops": {"time", "random", "secrets", "logging", "os", "socket", "subprocess", "sqlite3", "pathlib"},
    "adapters": {"sqlite3"},
    "control": {"sqlite3", "time"},
    "web": {"sqlite3", "time", "random", "subprocess"},
    "data": {"sqlite3"},
    "selftest": {"sqlite3", "time", "random"},
    "cli": {"sqlite3"},
    "app": {"sqlite3", "time"},
    "settings": {"sqlite3", "time"},
}

READERS_OF_THE_ENVIRONMENT = {"__init__.py", "paths.py", "settings"}


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in the source, dotted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            if node.module == "eisync":
                yield from (f"eisync.{alias.name}" for alias in node.names)
            elif node.module is not None:
                yield node.module


def breaches(place: str, source: str) -> list[str]:
    """What the module at `place` (relative to the package) imports against the law."""
    import sys

    name = place.split("/", 1)[0].removesuffix(".py")
    law = ROOMS[name]
    found = []
    for module in imports(ast.parse(source)):
        top, _, rest = module.partition(".")
        if top == "eisync":
            other = rest.partition(".")[0]
            if other and other != name and other not in law.ours:
                found.append(f"{place} imports eisync.{other}")
            if name == "loops" and is_another_loop(place, module):
                found.append(f"{place} imports {module}: loops meet in the store")
        elif top in sys.stdlib_module_names:
            if top in BARRED.get(name, set()):
                found.append(f"{place} imports {top}")
        elif top not in law.others:
            found.append(f"{place} imports {top}")
        elif name == "core" and ONE_MODULE.get(top, place) != place:
            found.append(f"{place} imports {top}, which is for {ONE_MODULE[top]}")
    return found


def is_another_loop(place: str, module: str) -> bool:
    """Whether the module, in the package of one of the three, imports from the package of another."""
    loops = {"watcher", "uploader", "reconciler"}
    mine, other = place.split("/")[1], module.removeprefix("eisync.loops.").partition(".")[0]
    return mine in loops and other in loops - {mine}


MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("place", MODULES)
def test_a_module_imports_only_what_its_room_may(place: str) -> None:
    assert [] == breaches(place, (PACKAGE / place).read_text(encoding="utf-8"))


@pytest.mark.parametrize("place", MODULES)
def test_the_environment_is_read_in_one_place(place: str) -> None:
    source = (PACKAGE / place).read_text(encoding="utf-8")
    reads = any(
        isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        for node in ast.walk(ast.parse(source))
    )
    # The emulator is a program of its own, and reads none either.
    assert not reads or place.split("/", 1)[0] in READERS_OF_THE_ENVIRONMENT


@pytest.mark.parametrize(
    ("place", "source", "breach"),
    [
        ("core/retry.py", "import time", "core/retry.py imports time"),
        ("core/listing.py", "from eisync.store import index", "core/listing.py imports eisync.store"),
        ("core/wire.py", "import cbor2", "core/wire.py imports cbor2, which is for core/acquisition.py"),
        (
            "core/wire.py",
            "import pydantic_core",
            "core/wire.py imports pydantic_core, which is for core/formats/json_document.py",
        ),
        (
            "core/wire.py",
            "def f():\n    import yaml",
            "core/wire.py imports yaml, which is for core/annotations/class_names.py",
        ),
        ("core/wire.py", "import requests", "core/wire.py imports requests"),
        (
            "loops/uploader/loop.py",
            "from eisync.adapters.client.service import ServiceClient as Service",
            "loops/uploader/loop.py imports eisync.adapters",
        ),
        (
            "loops/uploader/loop.py",
            "from eisync.loops.watcher.loop import WatcherLoop",
            "loops/uploader/loop.py imports eisync.loops.watcher.loop: loops meet in the store",
        ),
        ("adapters/client/service.py", "import sqlite3", "adapters/client/service.py imports sqlite3"),
        ("emulator/model.py", "from eisync.core import wire", "emulator/model.py imports eisync.core"),
        ("emulator/model.py", "import eisync.errors", "emulator/model.py imports eisync.errors"),
        ("emulator/model.py", "from eisync import core", "emulator/model.py imports eisync.core"),
        ("data/files.py", "def f():\n    import pandas", "data/files.py imports pandas"),
        ("store/index.py", "import requests", "store/index.py imports requests"),
        ("app/machine.py", "from eisync import cli", "app/machine.py imports eisync.cli"),
    ],
)
def test_a_planted_breach_is_found(place: str, source: str, breach: str) -> None:
    assert [breach] == breaches(place, source)


def test_every_room_has_a_law() -> None:
    assert {place.split("/", 1)[0].removesuffix(".py") for place in MODULES} == set(ROOMS)
