"""What `help` shows of a public name says all that a caller must know, in one form, and no name that is not public."""

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from eisync import data

FUNCTIONS = [name for name in data.__all__ if inspect.isfunction(getattr(data, name))]
CLASSES = [name for name in data.__all__ if inspect.isclass(getattr(data, name))]


def sections(thing: Callable[..., Any]) -> dict[str, list[str]]:
    """The lines of each section of the docstring; what stands before them is `""`."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in (inspect.getdoc(thing) or "").splitlines():
        if heading := re.fullmatch(r"(Args|Attributes|Returns|Raises|Example):", line):
            name = heading[1]
            found[name] = []
        else:
            found[name].append(line)
    return found


def entries(lines: list[str]) -> list[str]:
    """What a section lists: `name: what it is`, each on a line that is indented once."""
    return [found[1] for line in lines if (found := re.match(r" {4}(\w+): \S", line))]


def attributes_of(kind: type) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [one.name for one in dataclasses.fields(kind)]
    return re.findall(r"self\.(\w+)(?:: [^=]+)? = ", inspect.getsource(kind.__init__))  # type: ignore[misc]


def test_everything_public_is_a_function_or_a_class() -> None:
    assert set(data.__all__) == {*FUNCTIONS, *CLASSES}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_returns_and_raises(name: str) -> None:
    function = getattr(data, name)
    said = sections(function)
    assert list(inspect.signature(function).parameters) == entries(said["Args"])
    assert inspect.signature(function).return_annotation is None or any(said["Returns"])
    assert any(line.strip() for line in said["Raises"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_error_that_is_named_is_one(name: str) -> None:
    import builtins

    from eisync import exceptions

    errors = entries(sections(getattr(data, name))["Raises"])
    kinds = [getattr(exceptions, error, None) or getattr(builtins, error) for error in errors]
    assert all(issubclass(kind, Exception) for kind in kinds)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_it_holds(name: str) -> None:
    assert attributes_of(getattr(data, name)) == entries(sections(getattr(data, name))["Attributes"])


@pytest.mark.parametrize("name", data.__all__)
def test_it_says_what_it_stands_for_and_gives_an_example(name: str) -> None:
    said = sections(getattr(data, name))
    assert re.search(rf"Replaces `edgeimpulse(?:_api)?\.[\w.]*\b{name}`", "\n".join(said[""]))
    assert any(line.startswith("    >>> ") for line in said["Example"])


@pytest.mark.parametrize("name", data.__all__)
def test_no_name_is_shown_that_is_not_public(name: str) -> None:
    text = inspect.getdoc(getattr(data, name)) or ""
    named = re.findall(r"eisync\.(?:core|adapters|data\.[a-z_]+)\b|`_\w+`|wire contract", text)
    assert [] == [one for one in named if one.removeprefix("eisync.data.") not in data.__all__]
