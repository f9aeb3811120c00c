"""Read the configuration file and the environment, where EISYNC_UPLOAD__WORKERS=8 sets `workers` of [upload]."""

import os
import re
from collections.abc import Mapping
from typing import Any

from eisync import paths
from eisync.core.api_key import secrets_in
from eisync.core.model import value
from eisync.core.redaction import KEYS
from eisync.settings.fields import EnvironmentText
from eisync.settings.models import TABLES
from eisync.settings.problems import Location, Problems, did_you_mean, find_lines

PREFIX = "EISYNC_"
# Variables that are no option of a table. `eisync.paths` and `eisync.settings.keys` read them.
OTHERS = ("EISYNC_CONFIG", "EISYNC_STATE_DIR", "EISYNC_API_KEY", "EISYNC_API_KEY_FILE")
# Kubernetes sets these in every container when a service is named eisync.
_KUBERNETES = re.compile(r"EISYNC_(SERVICE_(HOST|PORT)|PORT)(_|$)")
# A variable cannot name one of several tables, so there are none for [[target]] and [[watch]].
VARIABLES: Mapping[str, Location] = {
    f"{PREFIX}{table}__{option}".upper(): (table, option)
    for table, model in TABLES.items()
    if table not in ("target", "watch")
    for option in model.model_fields
}

ENDPOINTS = {"studio_url": "EI_API_ENDPOINT", "ingestion_url": "EI_INGESTION_ENDPOINT"}

_IPV4 = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
HOST = "EI_HOST"  # as the official command line reads it


@value(kw_only=True)
class OptionSource:
    """The values from the file and the environment, before they are validated."""

    file: str | None  # absolute
    document: Mapping[str, Any]
    overlay: Mapping[str, Mapping[str, Any]]  # from the environment
    environ: Mapping[str, str]
    cwd: str
    faults: Problems

    @property
    def name(self) -> str:
        """The name of the configuration file, for a person."""
        return self.faults.file or paths.FILE_NAME


def read(config: str | None, environ: Mapping[str, str], cwd: str | None) -> OptionSource:
    """Read the file and the environment. Raises ConfigurationError for a file that cannot be read."""
    file = paths.config_file(config, environ=environ, cwd=cwd)
    document, text = paths.read_toml(file, cwd=cwd) if file else ({}, "")
    _learn_keys(document, environ)
    overlay, variables = read_variables(environ)
    name = paths.shown(file, cwd=cwd) if file else None
    faults = Problems(name, find_lines(text), variables)
    _check(environ, faults)
    cwd = os.getcwd() if cwd is None else cwd
    return OptionSource(file=file, document=document, overlay=overlay, environ=environ, cwd=cwd, faults=faults)


def _learn_keys(document: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Learn all keys first, so that no sentence about another fault can quote one of them."""
    targets = document.get("target")
    tables = targets if isinstance(targets, list) else [targets]
    written = [table.get("api_key") for table in tables if isinstance(table, dict)]
    for key in (*written, environ.get("EISYNC_API_KEY"), environ.get("EI_API_KEY")):
        for secret in secrets_in(key) if isinstance(key, str) else ():
            KEYS.learn(secret)


def read_variables(environ: Mapping[str, str]) -> tuple[dict[str, dict[str, Any]], dict[Location, str]]:
    """Return the values in `environ` by table and option, and the variable of each. An empty variable is not set."""
    tables: dict[str, dict[str, Any]] = {}
    places: dict[Location, str] = {}
    for name, (table, option) in VARIABLES.items():
        if value := environ.get(name):
            tables.setdefault(str(table), {})[str(option)] = EnvironmentText(value)
            places[table, option] = name
    return tables, places


def _check(environ: Mapping[str, str], faults: Problems) -> None:
    """Report variables that begin with our prefix and are unknown."""
    known = (*VARIABLES, *OTHERS)
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not _KUBERNETES.match(name):
            hint = did_you_mean(name, known, prefix=PREFIX)
            faults.say(f"{name}: unknown environment variable{hint}")


def address_at(host: str, option: str) -> str:
    """Return the address that the official command line makes of `EI_HOST` (wire contract, section 4).

    >>> address_at("127.0.0.1", "studio_url"), address_at("edge.example.org", "ingestion_url")
    ('http://127.0.0.1:4800/v1', 'https://ingestion.edge.example.org')
    """
    is_studio = option == "studio_url"
    if host == "localhost" or _IPV4.fullmatch(host):
        return f"http://{host}:4800/v1" if is_studio else f"http://{host}:4810"
    return f"https://studio.{host}/v1" if is_studio else f"https://ingestion.{host}"
