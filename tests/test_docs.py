"""The documents cannot lag behind the code."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import eisync
from eisync import errors
from eisync.cli import LEFT_OUT, OK, PENDING, QUARANTINED, UNEXPECTED, USAGE, VERBS
from eisync.core.lifecycle import TRANSITIONS
from eisync.emulator.server import RunningEmulator
from eisync.settings import load
from tests.canary import CANARY
from tests.test_layers import ROOMS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_generated_parts_of_the_readme_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_the_readme_has_every_arrow_of_the_state_machine() -> None:
    drawing = README.split("```mermaid")[1].split("```")[0]
    drawn = {
        (before, event, after)
        for before, after, events in re.findall(r"(\w+) --> (\w+): (.+)", drawing)
        for event in events.split(", ")
    }
    assert drawn == {(before.name, event.value, after.name) for (before, event), after in TRANSITIONS.items()}


def test_the_readme_names_every_command_and_every_room() -> None:
    assert [] == [verb for verb in VERBS if f"`eisync {verb}`" not in README]
    layout = README.split("## How the code is laid out")[1]
    rooms = {room for room in ROOMS if not room.startswith("_")}
    assert rooms == set(re.findall(r"^\| `(\w+)/?` \|", layout, flags=re.MULTILINE))


def test_the_configuration_in_the_readme_is_accepted(tmp_path: Path) -> None:
    example, room = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    assert tomllib.loads(example)["watch"][0]["path"] == "recordings"
    (tmp_path / "recordings").mkdir()
    (tmp_path / "key").write_text(CANARY + "\n")
    (tmp_path / "eisync.toml").write_text(example)
    settings = load(config=str(tmp_path / "eisync.toml"), state_dir=str(tmp_path / "state"), environ={})
    assert {"site": "lab 3"} == settings.watches[0].metadata
    (tmp_path / "room.toml").write_text(room)
    settings = load(config=str(tmp_path / "room.toml"), state_dir=str(tmp_path / "state"), environ={}, need_key=False)
    assert settings.watches[0].retention.removes


def test_the_readme_has_every_exit_code() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    raised = {
        error.exit_code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "exit_code")
    }
    assert {OK, UNEXPECTED, USAGE, QUARANTINED, PENDING, LEFT_OUT} | raised == told


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)", README))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} == linked


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_documents_leads_somewhere(document: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if re.match(r"https?:", link):
            continue
        place, _, heading = link.partition("#")
        target = document.parent / place if place else document
        if not target.exists() or (heading and heading not in _headings(target)):
            lost.append(link)
    assert [] == lost


def _headings(document: Path) -> set[str]:
    """What a link to a heading says behind its #, as GitHub and GitLab have it."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "make test" in (ROOT / ".ci/run").read_text()
    assert "make test" in README
    assert "make demo" in README


@pytest.mark.parametrize(
    "name",
    [module.name for module in pkgutil.walk_packages(eisync.__path__, "eisync.") if "__main__" not in module.name],
)
def test_the_examples_in_docstrings_hold(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.startswith("eisync.data"):
        # Their examples speak with the service, as their readers will.
        emulator: RunningEmulator = request.getfixturevalue("emulator")
        monkeypatch.setattr(eisync, "API_KEY", emulator.key)
        monkeypatch.setattr(eisync, "API_ENDPOINT", emulator.studio_url)
        monkeypatch.setattr(eisync, "INGESTION_ENDPOINT", emulator.ingestion_url)
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert 0 == failed
