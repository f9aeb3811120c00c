"""What is wrong with a configuration, as sentences.

`eisync.toml:7: watch[0].labl: unknown key (did you mean "label"?)`

Every fault is collected, so that one look at the output mends all of them. A sentence never quotes a value of the wrong
type or under an unknown key: it could be an API key. Where a name is one, it is taken out of the sentence.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from pydantic_core import ErrorDetails

from eisync.core.redaction import KEYS
from eisync.settings.lines import Location
from eisync.settings.models import TABLES, Layout

_SENTENCES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "model_type": "must be a table",
    "path_type": "must be a path in quotes",
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list in brackets",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "missing": "is missing",
    "value_error": "{error}",
}


class Problems:
    """Collects faults.

    `file` is the configuration's name for people, `lines` says where its keys stand, and `variables` which values came
    from the environment instead.
    """

    def __init__(
        self,
        file: str | None = None,
        lines: Mapping[Location, int] | None = None,
        variables: Mapping[Location, str] | None = None,
    ) -> None:
        self.file = file
        self._lines = lines or {}
        self._variables = dict(variables or {})
        self._found: list[tuple[int, str]] = []

    def add(self, location: Location, what: str) -> None:
        """A fault of the value at `location`, wherever that came from."""
        variable = self._variables.get(location)
        if variable:
            self.say(f"{variable}: {what}")
        elif self.file is None:
            self.say(f"{dotted(location)}: {what}")
        else:
            line = self._line(location)
            place = self.file if line is None else f"{self.file}:{line}"
            self._found.append((line or 0, f"{place}: {dotted(location)}: {what}"))

    def came_from(self, location: Location, variable: str) -> None:
        """Notes that the value at `location` is that of an environment variable, which its faults then name."""
        self._variables[location] = variable

    def say(self, sentence: str) -> None:
        """A fault that has no place in the file."""
        self._found.append((2**31, sentence))

    def sentences(self) -> tuple[str, ...]:
        """Every fault once: those of the file in the order of its lines, then the others."""
        found = sorted(self._found, key=lambda found: found[0])
        return tuple(dict.fromkeys(KEYS.told(sentence) for _, sentence in found))

    def _line(self, location: Location) -> int | None:
        """The line of the key, or of the table around it when the key is what is missing."""
        for end in range(len(location), 0, -1):
            if location[:end] in self._lines:
                return self._lines[location[:end]]
        return None


def worded(error: ErrorDetails, location: Location) -> str:
    """pydantic's error at `location` as the end of a sentence."""
    if error["type"] == "extra_forbidden":
        return unknown_key(location)
    context = error.get("ctx", {})
    if error["type"] in ("literal_error", "enum"):
        expected = str(context["expected"]).replace("'", '"')
        return f"must be one of {expected}" if " or " in expected else f"must be {expected}"
    sentence = _SENTENCES.get(error["type"])
    return sentence.format(**context) if sentence else error["msg"]


def unknown_key(location: Location) -> str:
    """Say of an unknown key which one was meant, or in which table it belongs."""
    key, model = str(location[-1]), Layout if len(location) == 1 else TABLES[str(location[0])]
    hint = did_you_mean(key, model.model_fields)
    if not hint:
        homes = [name for name, table in TABLES.items() if key in table.model_fields and table is not model]
        hint = f" (it belongs in the table {bracketed(homes[0])})" if homes else ""
    return f"unknown key{hint}"


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """` (did you mean "label"?)`, or nothing when no known word comes near.

    `prefix` is what all words begin with; it is left out of the comparison, or any of them would come near.
    """
    near = get_close_matches(word.removeprefix(prefix), [other.removeprefix(prefix) for other in known], n=1)
    return f' (did you mean "{prefix}{near[0]}"?)' if near else ""


def bracketed(table: str) -> str:
    """The heading of a table in the file."""
    return f"[[{table}]]" if table in ("target", "watch") else f"[{table}]"


def dotted(location: Sequence[str | int]) -> str:
    """`("watch", 0, "label")` as `watch[0].label`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
