"""The pages about layouts are run: on the layout that each names, with the samples that a careful person expects.

`<!-- layout: NAME -->` begins a section. Its commands run in a folder of their own, against a project of their own.
`dataset` there is the layout that the generator `NAME` of `tests/layouts` makes. A block of TOML is the
configuration from there on. At the end of the section, the project must have the samples of the layout.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.canary import CANARY
from tests.conftest import Bench, until
from tests.layouts.comparing import LAYOUTS, compared, no_group_straddles, samples
from tests.layouts.wanted import Generator
from tests.test_docs_commands import LAYOUTS as FOLDER
from tests.test_docs_commands import environment, run_steps, steps_of

PAGES = sorted(FOLDER.glob("*.md"))
OVERVIEW = FOLDER.parent / "layouts.md"
GENERATORS = {generate.__name__: generate for generate in LAYOUTS}
STILL_S = 2.0
"""`settle_s` by default."""

_MARKER = re.compile(r"^<!-- layout: (\w+) -->\n", flags=re.MULTILINE)
_BLOCK = re.compile(r"^```(toml|console)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A part of a page that is about one layout."""

    page: Path
    layout: str
    text: str

    def blocks(self) -> list[tuple[str, str]]:
        """Return its blocks of TOML, and its blocks of a terminal with their fences."""
        return [(found[1], found[2] if found[1] == "toml" else found[0] + "\n") for found in _BLOCK.finditer(self.text)]


def sections() -> Iterator[Section]:
    for page in PAGES:
        _, *parts = _MARKER.split(page.read_text(encoding="utf-8"))
        yield from (Section(page, name, text) for name, text in zip(parts[::2], parts[1::2], strict=True))


SECTIONS = list(sections())


def test_every_layout_has_its_section_and_every_section_its_layout() -> None:
    assert len(LAYOUTS) == len(GENERATORS)
    assert dict.fromkeys(GENERATORS, 1) == Counter(section.layout for section in SECTIONS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_about_layouts_and_shows_nothing_that_is_not_run(page: Path) -> None:
    about = [section for section in SECTIONS if section.page == page]
    before = _MARKER.split(page.read_text(encoding="utf-8"))[0]
    assert about
    assert [] == _BLOCK.findall(before)
    for section in about:
        commands = [command for kind, text in section.blocks() if kind == "console" for command, _ in steps_of(text)]
        assert any(command.startswith("eisync once") for command in commands), section.layout


def test_the_overview_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(layouts/([\w-]+)\.md", OVERVIEW.read_text(encoding="utf-8")))
    assert {page.stem for page in PAGES} == linked


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.layout)
def test_what_a_page_shows_of_a_layout_happens(section: Section, tmp_path: Path) -> None:
    generate: Generator = GENERATORS[section.layout]
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    layout = generate(dataset)
    made_at = max(path.stat().st_ctime for path in dataset.rglob("*"))
    until(lambda: time.time() > made_at + STILL_S)  # a person has had the files for some time
    ended: list[tuple[str, int]] = []
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)) as emulator:
        environ = environment(emulator, tmp_path)
        for kind, text in section.blocks():
            if kind == "toml":
                (tmp_path / "eisync.toml").write_text(text, encoding="utf-8")
            else:
                ended += run_steps(steps_of(text), environ, tmp_path)
        found = samples(Bench(tmp_path, emulator))
    expected, there = compared(layout, found)
    assert expected == there
    assert 0 == [code for command, code in ended if command.startswith("eisync once")][-1]
    if layout.group is not None:
        no_group_straddles(layout, found)
