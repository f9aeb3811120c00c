"""Read from the sources which events eisync logs, with which levels and fields.

An event is a dotted name that is handed to a log (`log.info("file.gone", path=…)`), or to a function called `log…` or
`tell…` that hands it on.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error")
_LEVEL_OF = {**dict(zip(LEVELS, LEVELS, strict=True)), "exception": "error"}
_NAME = re.compile(r"[a-z_]+\.[a-z_]+")
_NOT_SHOWN = "exc_info"


@dataclass
class Event:
    """One event, as all places together log it."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def log_events(package: Path) -> dict[str, Event]:
    """Return every event of the sources below `package`, by name; the emulator keeps no such log."""
    found: dict[str, Event] = defaultdict(Event)
    for path in sorted(package.rglob("*.py")):
        if "emulator" not in path.relative_to(package).parts:
            _Module(ast.parse(path.read_text(encoding="utf-8"))).collect(found)
    return dict(found)


class _Module:
    def __init__(self, tree: ast.Module) -> None:
        self._nodes = list(ast.walk(tree))
        self._calls = [node for node in self._nodes if isinstance(node, ast.Call)]

    def collect(self, found: dict[str, Event]) -> None:
        for call in self._calls:
            callee = _name_of(call.func)
            if callee in _LEVEL_OF or callee.lstrip("_").startswith(("tell", "log")):
                for name in self._events(call):
                    event = found[name]
                    event.levels |= self._levels(callee, call.lineno)
                    event.fields |= set(self._fields(call)) | self._fields_of_method(callee)

    def _events(self, call: ast.Call) -> set[str]:
        constants = (
            node.value
            for argument in call.args
            for place in self._values(argument)
            for node in ast.walk(place)
            if isinstance(node, ast.Constant)
        )
        return {value for value in constants if isinstance(value, str) and _NAME.fullmatch(value)}

    def _values(self, node: ast.expr) -> list[ast.expr]:
        """What stands in a place, or what the name there is assigned anywhere in the module."""
        return self._assigned(node.id) if isinstance(node, ast.Name) else [node]

    def _assigned(self, name: str) -> list[ast.expr]:
        return [
            node.value
            for node in self._nodes
            if isinstance(node, ast.Assign) and any(_name_of(target) == name for target in node.targets)
        ]

    def _levels(self, callee: str, line: int) -> set[str]:
        if callee in _LEVEL_OF:
            return {_LEVEL_OF[callee]}
        before = [value for value in self._assigned(callee) if value.lineno <= line]
        places: list[ast.AST] = [*before[-1:], *self._methods(callee)]
        names = {_name_of(node) for place in places for node in ast.walk(place)}
        return {_LEVEL_OF[name] for name in names & _LEVEL_OF.keys()}

    def _methods(self, name: str) -> list[ast.FunctionDef]:
        return [node for node in self._nodes if isinstance(node, ast.FunctionDef) and node.name == name]

    def _fields_of_method(self, callee: str) -> set[str]:
        calls = (node for method in self._methods(callee) for node in ast.walk(method) if isinstance(node, ast.Call))
        return {name for call in calls if _name_of(call.func) in _LEVEL_OF for name in self._fields(call)}

    def _fields(self, call: ast.Call) -> Iterator[str]:
        for word in call.keywords:
            if word.arg is not None:
                yield from {word.arg} - {_NOT_SHOWN}
            else:
                yield from self._keys(word.value)

    def _keys(self, node: ast.expr) -> Iterator[str]:
        """The keys that `**node` brings along: of a dict in place, of a name, or of what a function of ours returns."""
        places: list[ast.AST] = [*self._values(node)]
        if isinstance(node, ast.Call):
            methods = self._methods(_name_of(node.func))
            places = [
                one.value for method in methods for one in ast.walk(method) if isinstance(one, ast.Return) and one.value
            ]
        for place in places:
            for one in ast.walk(place):
                if isinstance(one, ast.Dict):
                    for key in one.keys:
                        if isinstance(key, ast.Constant) and isinstance(key.value, str):
                            yield key.value


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
