"""Answer what is known of groups of files that go together."""

from collections.abc import Iterator, Mapping
from typing import Any

from eisync.control.overview import Record, group_record
from eisync.errors import ConfigurationError
from eisync.store.index import Index

MAX_GROUPS = 100_000
"""Limit of the groups in one answer."""


def groups_of(index: Index, question: Mapping[str, Any]) -> Iterator[Record]:
    """Yield what is known of groups of files that go together: of those with the `keys` of the question, or of all.

    With all come when the project was listed last, and how many files all groups have by label and category. Raises
    ConfigurationError for a question that names no target or no metadata.
    """
    target, name, keys = question.get("target"), question.get("name"), question.get("keys")
    if not isinstance(target, str) or not isinstance(name, str):
        raise ConfigurationError("the question names no target and no metadata")
    groups = index.groups
    if isinstance(keys, list):
        yield from map(group_record, groups.find(target, name, map(str, keys)).values())
        return
    yield {"what": "project", "listed_at": groups.listed_at(target)[0]}
    yield from map(group_record, groups.every(target, name, limit=MAX_GROUPS))
    for (label, category), files in groups.totals(target, name).items():
        yield {"what": "total", "label": label, "category": category.value, "files": files}
