"""docs/emulator.md cannot lag: its examples are run, its tables are compared with the code."""

import contextlib
import dataclasses
import json
import re
import shlex
from pathlib import Path

import pytest
import requests

from eisync.emulator.faults import KINDS
from eisync.emulator.server import RunningEmulator
from eisync.emulator.settings import LIMITS, STRICTNESS, SWITCHES, EmulatorSettings

from .test_server import subprocess_emulator
from .wire import TIMEOUT_S, Client, csv

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXT = (DOCS / "emulator.md").read_text(encoding="utf-8")
FIRMWARE = (DOCS / "howto" / "firmware.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def named(cells: list[list[str]]) -> list[str]:
    return [name for first, *_ in cells for name in re.findall("`([^`]+)`", first)]


@pytest.mark.parametrize("rules", blocks("json"))
def test_every_example_of_faults_is_obeyed(emulator: RunningEmulator, client: Client, rules: str) -> None:
    url = emulator.studio_url.removesuffix("/v1") + "/emulator/faults"
    asked = json.loads(rules)
    shown = requests.post(url, data=rules, timeout=TIMEOUT_S).json()["rules"]
    wanted = asked["rules"] if isinstance(asked, dict) else asked
    assert wanted == [{name: one[name] for name in given} for one, given in zip(shown, wanted, strict=True)]
    for number in range(10):
        with contextlib.suppress(requests.RequestException):
            client.post_form([(f"{number}.csv", csv(number))])
    assert sum(emulator.ledger()["faults"].values()) > 0


@pytest.mark.parametrize("example", [*blocks("python"), *blocks("python", FIRMWARE)])
def test_the_example_of_a_test_passes(example: str) -> None:
    exec(compile(example, "docs/emulator.md", "exec"), {})


def test_the_command_for_ci_starts_one() -> None:
    (command,) = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python ")]
    _, _, module, *arguments = shlex.split(command)
    assert module == "eisync.emulator"
    with subprocess_emulator(*arguments, "--switch", "duplicate_names_ids=false") as (_, ready):
        assert ready["key"] == "ei_ci"
        for expected in (True, False):
            headers = {"x-api-key": "ei_ci", "x-file-name": "a.csv", "x-disallow-duplicates": "1"}
            url = f"{ready['ingestion_url']}/api/training/data"
            response = requests.post(url, data=csv(1), headers=headers, timeout=TIMEOUT_S)
            assert response.ok is expected
        assert response.text == "An item with this hash already exists"


def test_it_names_every_kind_of_fault() -> None:
    assert sorted(KINDS) == sorted(named(rows("Faults")))


def test_it_names_every_figure_of_the_ledger(emulator: RunningEmulator) -> None:
    assert emulator.ledger().keys() - {"success"} == set(named(rows("The ledger")))


@pytest.mark.parametrize(
    ("heading", "names"), [("Switches", SWITCHES), ("Strictness of our own", STRICTNESS), ("Limits", LIMITS)]
)
def test_it_names_every_switch_with_its_default(heading: str, names: tuple[str, ...]) -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(EmulatorSettings)}
    documented = {name.strip("`"): json.loads(default.strip("`")) for name, default, _ in rows(heading)}
    assert documented == {name: defaults[name] for name in names}


def test_every_setting_that_refuses_or_bounds_is_in_one_of_the_tables() -> None:
    named_so = {
        field.name
        for field in dataclasses.fields(EmulatorSettings)
        if field.name.startswith(("refuse_", "max_", "spool_"))
    }
    assert named_so <= {*SWITCHES, *STRICTNESS, *LIMITS}


def test_the_page_on_firmware_names_switches_that_there_are() -> None:
    named_there = re.findall(r"^\|.*\| `(\w+)` \|$", FIRMWARE, flags=re.MULTILINE)
    assert len(named_there) > 5
    assert set(named_there) <= {*SWITCHES, *STRICTNESS, *LIMITS}
