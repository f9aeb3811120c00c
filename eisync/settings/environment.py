"""The part of a configuration that comes from the environment: EISYNC_UPLOAD__WORKERS=8 is `workers` of [upload]."""

import re
from collections.abc import Mapping
from typing import Any

from eisync.settings.fields import EnvironmentText
from eisync.settings.lines import Location
from eisync.settings.models import TABLES
from eisync.settings.problems import Problems, did_you_mean

PREFIX = "EISYNC_"
# Read by places and keys, and no option of a table.
OTHERS = ("EISYNC_CONFIG", "EISYNC_STATE_DIR", "EISYNC_API_KEY", "EISYNC_API_KEY_FILE")
# What Kubernetes sets in every container beside a service that is named eisync.
_KUBERNETES = re.compile(r"EISYNC_(SERVICE_(HOST|PORT)|PORT)(_|$)")
# Tables there are several of cannot be named by a variable.
VARIABLES: Mapping[str, Location] = {
    f"{PREFIX}{table}__{option}".upper(): (table, option)
    for table, model in TABLES.items()
    if table not in ("target", "watch")
    for option in model.model_fields
}


def read(environ: Mapping[str, str]) -> tuple[dict[str, dict[str, Any]], dict[Location, str]]:
    """What `environ` sets, by table and option, and the variable behind each. An empty variable is not set."""
    tables: dict[str, dict[str, Any]] = {}
    places: dict[Location, str] = {}
    for name, (table, option) in VARIABLES.items():
        if value := environ.get(name):
            tables.setdefault(str(table), {})[str(option)] = EnvironmentText(value)
            places[table, option] = name
    return tables, places


def check(environ: Mapping[str, str], faults: Problems) -> None:
    """Finds the variables that begin like ours and are not."""
    known = (*VARIABLES, *OTHERS)
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not _KUBERNETES.match(name):
            hint = did_you_mean(name, known, prefix=PREFIX)
            faults.say(f"{name}: unknown environment variable{hint}")
