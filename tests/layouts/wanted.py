"""Say what a careful person would upload of a folder."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANY = "*"
"""Stands for any label or category: it does not matter, or the service decides."""

Box = tuple[str, int, int, int, int]
"""Label, x, y, width and height in pixels."""

Range = tuple[int, int, str]
"""First and last index of values, and the label."""


@dataclass(frozen=True)
class Wanted:
    """A sample as it should be in the project. `name` is that of the file, without extension."""

    name: str
    label: str | None = ANY
    category: str = ANY
    boxes: tuple[Box, ...] = ()
    ranges: tuple[Range, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)

    def shown(self) -> tuple[Any, ...]:
        return self.name, self.label, self.category, sorted(self.boxes), self.ranges, sorted(self.metadata.items())


@dataclass
class Layout:
    """The samples of a folder. `settings` are lines of its `[[watch]]` table.

    `group` is the name of metadata whose files must be in one category; about `testing` per cent are for testing.
    """

    samples: list[Wanted]
    settings: str = ""
    group: str | None = None
    testing: int = 0


Generator = Callable[[Path], Layout]
"""Writes the files into a folder, and says what is expected."""


def write(folder: Path, place: str, content: bytes | str) -> str:
    """Write a file. Return its name without extension."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path.name.rpartition(".")[0]


def lines(texts: Iterable[str]) -> str:
    return "".join(f"{text}\n" for text in texts)
