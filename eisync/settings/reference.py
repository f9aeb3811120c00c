"""Generate the documentation of the options from the models: a table in Markdown and a JSON Schema."""

from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from eisync.settings.fields import written
from eisync.settings.live import restart_reasons
from eisync.settings.models import NESTED, TABLES, Layout
from eisync.settings.problems import bracketed
from eisync.settings.table import Table

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}


class _Schema(GenerateJsonSchema):
    """Show default values in the form of the configuration file."""

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(written(dft))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a configuration file."""
    schema = _tidied(Layout.model_json_schema(schema_generator=_Schema))
    for table in schema["properties"].values():
        table.pop("default", None)  # each option has its own default
    return {"$schema": _DIALECT, **schema, "title": "eisync.toml"}


def options_table() -> str:
    """Return all options in Markdown, with one table for each table of the file."""
    return "\n".join(_lines())


def restart_table() -> str:
    """Return the options that wait for a restart in Markdown, with the reason of each."""
    lines = [f"| `{option}` of `{bracketed(table)}` | {why} |" for table, option, why in restart_reasons()]
    return "\n".join(["| option | why it waits for a restart |\n|---|---|", *lines])


def _lines() -> Iterator[str]:
    definitions = json_schema()["$defs"]
    for table, model in _every_table():
        definition = definitions[model.__name__]
        yield f"### `{bracketed(table)}`\n"
        yield f"{definition['description']}\n"
        yield "| option | type | default | meaning |\n|---|---|---|---|"
        for option, facts in definition["properties"].items():
            text = facts["description"].replace("|", "\\|")
            yield f"| `{option}` | {_type(facts)} | {_default(facts)} | {text} |"
        yield ""


def _every_table() -> Iterator[tuple[str, type[Table]]]:
    """Yield every table, each followed by those inside it."""
    for table, model in TABLES.items():
        yield table, model
        yield from ((name, inner) for name, inner in NESTED.items() if name.startswith(f"{table}."))


def _type(facts: dict[str, Any]) -> str:
    if "anyOf" in facts:
        return " or ".join(_type(part) for part in facts["anyOf"])
    if "$ref" in facts:
        return "table"
    if "const" in facts:
        return f'`"{facts["const"]}"`'
    if "enum" in facts:
        return "one of " + ", ".join(f'`"{value}"`' for value in facts["enum"])
    if facts.get("format") in ("path", "uri"):
        return {"path": "path", "uri": "address"}[facts["format"]]
    if facts["type"] == "array":
        return "list of texts" if "type" in facts["items"] else "list of tables"
    if facts["type"] == "object":
        return "table of texts"
    return _TYPES[facts["type"]] + _limits(facts)


def _limits(facts: dict[str, Any]) -> str:
    if facts["type"] == "string":
        return f", at most {facts['maxLength']} characters" if "maxLength" in facts else ""
    low = (
        f"{facts['minimum']:g}"
        if "minimum" in facts
        else f"above {facts['exclusiveMinimum']:g}"
        if "exclusiveMinimum" in facts
        else ""
    )
    return f", {low} to {facts['maximum']:,}" if low and "maximum" in facts else ""


def _default(facts: dict[str, Any]) -> str:
    if "default" not in facts:
        return ""
    value = facts["default"]
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _tidied(schema: Any) -> Any:
    """Return the schema without titles such as "Retry Base S", and without null, because TOML has none."""
    if isinstance(schema, list):
        return [_tidied(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _tidied(value) for key, value in schema.items() if key != "title"}
    some = [part for part in kept.get("anyOf", []) if part != {"type": "null"}]
    if len(some) == 1:
        del kept["anyOf"]
        kept.update(some[0])
        if kept.get("default", 0) is None:
            del kept["default"]
    return kept
