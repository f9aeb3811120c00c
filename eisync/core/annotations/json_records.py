"""Take the objects of a JSON list one by one, each with the members that can be used.

A member that is too large costs only its own object, and the object still says which image it is about.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from eisync.core.formats.json_stream import JsonRefused, JsonStream

_MOST_MEMBERS = 1_000


def objects(pieces: Iterable[str], what: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Yield each object of the list, and why it cannot be used as it is. `what` is the word for one, such as `task`.

    Raise ValueError when the text is not a list of objects.

    >>> list(objects(['[{"image": "a.png"}]'], "image"))
    [({'image': 'a.png'}, None)]
    """
    stream = JsonStream(pieces)
    if stream.next() != "[":
        raise ValueError("it is not a JSON list")
    for number, _ in enumerate(stream.elements(), 1):
        if stream.next() != "{":
            raise ValueError(f"{what} number {number} is not an object")
        yield _members(stream, f"{what} number {number}")
    if stream.next():
        raise ValueError(f"more follows in line {stream.line}")


def _members(stream: JsonStream, where: str) -> tuple[dict[str, Any], str | None]:
    found: dict[str, Any] = {}
    problem: str | None = None
    for name in stream.members():
        try:
            found[name] = stream.value()
        except JsonRefused as error:
            problem = f"its {name}: {error}"
        if len(found) > _MOST_MEMBERS:
            raise ValueError(f"{where} has more than {_MOST_MEMBERS:,} members")
    return found, problem
