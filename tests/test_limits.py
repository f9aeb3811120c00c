"""Nothing grows too large to read: modules, functions, constructors, and the number of protocols."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "eisync"

MODULE_LINES = 350
FUNCTION_LINES = 45
"""Without its docstring."""
CONSTRUCTOR_PARAMETERS = 7
PROTOCOLS = 19
"""Protocols stand only where tests put something else in the place of a class."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def breaches_in(source: str) -> Iterator[str]:
    """Yield what is over a limit in a module."""
    lines = source.count("\n")
    if lines > MODULE_LINES:
        yield f"module: {lines} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Definition):
            if (length := length_of(node)) > FUNCTION_LINES:
                yield f"{node.name}: {length} lines"
            if node.name == "__init__" and (count := parameters_of(node)) > CONSTRUCTOR_PARAMETERS:
                yield f"{node.name} in line {node.lineno}: {count} parameters"


def length_of(function: Definition) -> int:
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    of_docstring = 0 if docstring is None else (docstring.end_lineno or 0) - docstring.lineno + 1
    return (function.end_lineno or 0) - function.lineno + 1 - of_docstring


def parameters_of(function: Definition) -> int:
    found = function.args
    named = [*found.posonlyargs, *found.args, *found.kwonlyargs, found.vararg, found.kwarg]
    return sum(one is not None for one in named) - 1  # without self


def protocols_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
            if "Protocol" in bases:
                yield node.name


MODULES = {str(path.relative_to(PACKAGE)): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def test_nothing_is_over_its_limit() -> None:
    found = {name: breaches for name, source in MODULES.items() if (breaches := list(breaches_in(source)))}
    assert {} == found


def test_protocols_are_few() -> None:
    found = [f"{name}: {protocol}" for name, source in MODULES.items() for protocol in protocols_in(source)]
    assert len(found) <= PROTOCOLS, found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\n" * (MODULE_LINES + 1), [f"module: {MODULE_LINES + 1} lines"]),
        ("x = 1\n" * MODULE_LINES, []),
        ("def f():\n" + "    x = 1\n" * FUNCTION_LINES, [f"f: {FUNCTION_LINES + 1} lines"]),
        ('def f():\n    """A.\n\n    B."""\n' + "    x = 1\n" * (FUNCTION_LINES - 1), []),
        ("async def f():\n" + "    x = 1\n" * FUNCTION_LINES, [f"f: {FUNCTION_LINES + 1} lines"]),
        ("class A:\n    def __init__(self, a, b, c, *d, e, f, g): ...\n", []),
        ("class A:\n    def __init__(self, a, b, c, d, e, f, g, **h): ...\n", ["__init__ in line 2: 8 parameters"]),
    ],
)
def test_what_is_over_a_limit_is_found(source: str, expected: list[str]) -> None:
    assert expected == list(breaches_in(source))


def test_protocols_are_found() -> None:
    source = "class A(Protocol): ...\nclass B(typing.Protocol[T]): ...\nclass C(A): ...\n"
    assert ["A", "B"] == list(protocols_in(source))
