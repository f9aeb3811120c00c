"""The documents cannot lag behind the code."""

import ast
import doctest
import importlib
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import groupby, takewhile
from pathlib import Path

import click
import jsonschema_rs
import pytest

import eisync
from eisync import errors
from eisync.cli import LEFT_OUT, OK, PENDING, QUARANTINED, UNEXPECTED, USAGE, VERBS, module_of
from eisync.core.lifecycle import TRANSITIONS, State
from eisync.core.metrics import METRICS
from eisync.emulator.server import RunningEmulator
from eisync.settings import json_schema, load
from tests.canary import CANARY
from tests.test_layers import ROOMS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *PAGES])


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


README = text_of("README.md")
ARCHITECTURE = text_of("docs/architecture.md")


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines[2:]]


# What the code says


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff, which checks manual pages, is not installed")
def test_the_manual_pages_have_no_faults() -> None:
    pages = sorted(map(str, (ROOT / "deploy/man").glob("*.1")))
    assert len(VERBS) + 1 == len(pages)
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", *pages], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)


def test_the_generated_parts_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_the_life_of_a_file_has_every_arrow_of_the_state_machine() -> None:
    head, _, *body = re.findall(r"^\|(.+)\|$", text_of("docs/life-of-a-file.md").split("<!-- states:")[1], re.MULTILINE)
    _, *after_states = (cell.strip(" *") for cell in head.split("|"))
    found = {
        (before.strip(" *"), event, after)
        for before, *cells in (line.split("|") for line in body[: len(State)])
        for after, cell in zip(after_states, cells, strict=True)
        for event in re.findall(r"`(\w+)`", cell)
    }
    assert found == {(before.value, event.value, after.value) for (before, event), after in TRANSITIONS.items()}


@pytest.mark.parametrize(
    ("text", "is_foreign"),
    [
        ('<script defer src="https://a.example/x.js"></script>', True),
        ('<img alt="" src="//a.example/x.png">', True),
        ('<link rel="stylesheet" href="https://a.example/x.css">', True),
        ("@import url(https://a.example/x.css);", True),
        ('import x from "https://a.example/x.mjs"', True),
        ('<script src="_static/x.js"></script><a href="https://a.example">there</a>', False),
        ('<link rel="next" href="https://a.example/next">', False),
    ],
)
def test_what_a_site_loads_from_another_host_is_found(tmp_path: Path, text: str, is_foreign: bool) -> None:
    conf = runpy.run_path(str(ROOT / "docs/conf.py"))
    (tmp_path / "index.html").write_text(text)
    assert is_foreign == bool(conf["foreign"](tmp_path))


def test_the_readme_names_every_command() -> None:
    assert [] == [verb for verb in VERBS if f"`eisync {verb}`" not in README]


def test_the_configurations_in_the_documents_are_accepted(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    (room,) = re.findall(r"```toml\n(.*?)```", text_of("docs/retention.md"), flags=re.DOTALL)
    assert tomllib.loads(example)["watch"][0]["path"] == "recordings"
    (tmp_path / "recordings").mkdir()
    (tmp_path / "key").write_text(CANARY + "\n")
    (tmp_path / "eisync.toml").write_text(example)
    settings = load(config=str(tmp_path / "eisync.toml"), state_dir=str(tmp_path / "state"), environ={})
    assert {"site": "lab 3"} == settings.watches[0].metadata
    (tmp_path / "room.toml").write_text(room)
    settings = load(config=str(tmp_path / "room.toml"), state_dir=str(tmp_path / "state"), environ={}, need_key=False)
    assert settings.watches[0].retention.removes


@pytest.mark.parametrize("page", [page for page in PAGES if "```toml" in page.read_text()], ids=lambda page: page.name)
def test_every_option_of_an_example_exists(page: Path) -> None:
    validator = jsonschema_rs.Draft202012Validator(json_schema())
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        assert [] == [error.message for error in validator.iter_errors(tomllib.loads(example))]


def test_every_exit_code_is_explained() -> None:
    told = {
        int(code) for code in re.findall(r"^\| (\d+) \|", text_of("docs/reference/exit-codes.md"), flags=re.MULTILINE)
    }
    raised = {
        error.exit_code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "exit_code")
    }
    assert {OK, UNEXPECTED, USAGE, QUARANTINED, PENDING, LEFT_OUT} | raised == told


def test_every_event_of_the_log_has_a_meaning() -> None:
    meanings = tomllib.loads(text_of("docs/telemetry.toml"))["events"]
    listed = {name.strip("`") for name, *_ in _table(text_of("docs/reference/log-events.md"), "event")}
    assert meanings.keys() == listed
    # Found in another way: by what the whole room of the loops says in dotted names.
    said = {
        name
        for path in (ROOT / "eisync" / "loops").glob("*.py")
        for name in re.findall(r'[._]?(?:info|warning|error|exception)\(\s*"([a-z_]+\.[a-z_]+)"', path.read_text())
    }
    assert said
    assert set() == said - listed


def test_every_metric_is_explained_and_no_other() -> None:
    readings = tomllib.loads(text_of("docs/telemetry.toml"))["metrics"]
    listed = [name.strip("`") for name, *_ in _table(text_of("docs/reference/metrics.md"), "metric")]
    assert [metric.name for metric in METRICS] == listed
    assert readings.keys() == set(listed)
    # Found in another way: by what the code says in quotes.
    said = set(re.findall(r'"(eisync_\w+)"', text_of("eisync/core/metrics.py")))
    assert said == set(listed)


def _table(text: str, head: str) -> list[list[str]]:
    lines = text.split(f"| {head} |")[1].splitlines()[2:]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in takewhile(lambda one: one.startswith("|"), lines)
    ]


# Where things are


def test_the_architecture_has_the_rooms_of_the_layer_test() -> None:
    told = {}
    for room, _, allowed in rows(ARCHITECTURE, "The rooms"):
        told[room.strip("`/")] = set(re.findall(r"\w+", re.sub(r"\(.*?\)", "", allowed)))
    laws = {name: set(law.ours) - {name} for name, law in ROOMS.items() if not name.startswith("_")}
    assert laws.keys() == told.keys()
    in_words = {"app", "cli"}  # all, or all but some
    for room in ("data", "web"):
        laws[room] -= {"_version"}
    assert {name: ours for name, ours in laws.items() if name not in in_words} == {
        name: allowed - {"nothing"} for name, allowed in told.items() if name not in in_words
    }


def test_every_module_that_the_documents_name_exists() -> None:
    named = {
        (document.name, path)
        for document in DOCUMENTS
        if document.name != "CHANGELOG.md"
        for path in re.findall(r"`((?:eisync|tests|docs|deploy|systemd|benchmarks)/[\w./-]*\w)`", document.read_text())
        if path != "eisync/cli/NAME.py"
    }
    assert 40 < len(named)
    assert [] == sorted(one for one in named if not (ROOT / one[1]).exists())


def test_where_is_it_has_an_answer_to_each_question() -> None:
    answers = rows(ARCHITECTURE, "Where is it?")
    assert 20 <= len(answers)
    assert [] == [question for question, answer in answers if not re.search(r"`eisync/[\w/]+\.py`", answer)]


@pytest.mark.parametrize(("module", "function"), [row[1:] for row in rows(ARCHITECTURE, "The way of a file")])
def test_the_way_of_a_file_names_what_is_there(module: str, function: str) -> None:
    body: list[ast.stmt] = ast.parse(text_of(module.strip("`"))).body
    for name in function.strip("`").split("."):
        found = [one for one in body if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name == name]
        assert found, f"{module} has no {function}"
        body = found[0].body


def test_every_section_of_the_wire_contract_that_the_code_cites_exists() -> None:
    cited = {
        section
        for path in (ROOT / "eisync").rglob("*.py")
        for said in re.findall(r"wire contract,\s+(sections? [\d and]+|second measurement)", path.read_text())
        for section in re.findall(r"\d+|second measurement", said)
    }
    assert {"1", "2", "3", "5", "second measurement"} <= cited
    headings = re.findall(r"^## (?:(\d)\. )?(.+)$", text_of("docs/reference/wire-contract.md"), flags=re.MULTILINE)
    assert set() == cited - {number or name.lower() for number, name in headings}


def commands_in(text: str) -> Iterator[list[str]]:
    """Every command of ours that a document writes out: in a block for a shell, or between backticks."""
    blocks = re.findall(r"^```(?:sh|console|ini)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for line in [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`]+)`", rest):
        said = line.partition(" #")[0]
        if "import" not in said:  # which is Python
            # The last one: `docker compose exec eisync eisync status` names a service first.
            yield from (words.split() for words in re.findall(r"(?:.*[ /]|^)eisync ([a-z].*)", said))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_the_documents_exists(document: Path) -> None:
    unknown = []
    for verb, *words in commands_in(document.read_text(encoding="utf-8")):
        if verb not in VERBS:
            unknown.append(verb)
            continue
        command = importlib.import_module(module_of(verb)).command
        if isinstance(command, click.Group) and words:
            command = command.commands[words[0]]
        options = {name for option in command.params for name in option.opts} | {"--help"}
        unknown += [
            f"{verb} {word}" for word in words if word.startswith("--") and word.partition("=")[0] not in options
        ]
    assert [] == unknown


def test_commands_are_found_wherever_a_document_has_them() -> None:
    text = "`eisync ls --json`\n```sh\n/bin/eisync run x # eisync no\nA=1 eisync once\n```\n```toml\neisync no\n```\n"
    assert [["run", "x"], ["once"], ["ls", "--json"]] == list(commands_in(text))


def test_the_changelog_keeps_its_form() -> None:
    headings = re.findall(r"^(#+ .+)$", text_of("CHANGELOG.md"), flags=re.MULTILINE)
    assert ["# Changelog", "## [Unreleased]", "### Added", "### Changed", "### Fixed", "### Security"] == headings[:6]


# Pages and links


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(document: Path) -> None:
    for _, table in groupby(document.read_text(encoding="utf-8").splitlines(), lambda line: line.startswith("|")):
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table if row.startswith("|")}
        assert len(cells) <= 1


def test_every_page_is_in_the_contents() -> None:
    contents = set(re.findall(r"^([\w/-]+)$", text_of("docs/index.md"), flags=re.MULTILINE))
    assert {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES} - {"index"} == contents


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


def test_no_page_of_the_site_links_out_of_it() -> None:
    assert [] == [
        (page.name, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
        if not link.startswith("http") and DOCS not in (page.parent / link).resolve().parents
    ]


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
