"""A query of the list of samples: what it selects, and the addresses of the same list with another query. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from eisync.emulator.model import STORED_CATEGORIES, Selection

STATES = {"enabled": False, "disabled": True}
_ID = re.compile("[0-9]{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Empty: no filter. Raises ValueError for a value that selects nothing because no sample can have it."""

    category: str = ""
    label: str = ""
    unlabelled: str = ""  # "1": only samples without a label
    search: str = ""  # a part of name or label
    device: str = ""
    state: str = ""

    def __post_init__(self) -> None:
        if self.category and self.category not in STORED_CATEGORIES:
            raise ValueError(f"There is no category {self.category[:100]!r}.")
        if self.state and self.state not in STATES:
            raise ValueError(f"There is no state {self.state[:100]!r}: choose enabled or disabled.")
        if self.unlabelled and (self.unlabelled != "1" or self.label):
            raise ValueError("Choose a label, or samples without a label.")

    def is_empty(self) -> bool:
        return self == Filters()

    def selection(self, project_id: int) -> Selection:
        return Selection(
            project_id=project_id,
            category=self.category or None,
            labels=("",) if self.unlabelled else (self.label,) if self.label else (),
            search=self.search,
            device=self.device,
            is_disabled=STATES.get(self.state),
        )

    def query(self, **more: object) -> str:
        """Return the query of these filters and of `more`, with its question mark."""
        given = {name: getattr(self, name) for name in _NAMES} | more
        encoded = urlencode({name: value for name, value in given.items() if value != ""}, errors="replace")
        return f"?{encoded}" if encoded else "?"

    def of_label(self, label: str) -> "Filters":
        """Return the same filters with another label; empty: samples without a label."""
        return replace(self, label=label, unlabelled="" if label else "1")


_NAMES = ("category", "label", "unlabelled", "search", "device", "state")


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of the list is wanted: below an id, above an id, or (both None) from the newest on."""

    before: int | None = None
    after: int | None = None


def read_filters(query: Mapping[str, str]) -> Filters:
    """Raises ValueError, with a sentence for a person."""
    return Filters(**{name: _plain(query.get(name, "")) for name in _NAMES})


def read_place(query: Mapping[str, str]) -> Place:
    """Raises ValueError, with a sentence for a person."""
    found: dict[str, int] = {}
    for name in ("before", "after"):
        text = query.get(name, "")
        if text and not _ID.fullmatch(text):
            raise ValueError(f"{name} should be the id of a sample.")
        if text:
            found[name] = int(text)
    return Place(**found)


def _plain(text: str) -> str:
    """Return text that SQLite takes: bytes of an address that are not UTF-8 become question marks."""
    return text.encode("utf-8", "replace").decode()
