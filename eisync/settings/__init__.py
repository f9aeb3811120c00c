"""TOML, environment and flags -> Settings: the one place, with `eisync.paths`, that reads the environment.

::

    models        the options: types, limits, defaults, meanings
    loading       reads, merges, checks; raises ConfigurationError with every fault
    environment   EISYNC_UPLOAD__WORKERS=8
    keys          where an API key comes from, and reading it
    faults        what is wrong, as sentences
    lines         on which line of the file
    manual        the JSON Schema and the table of options
"""

from eisync.settings.keys import KeySource, find_key
from eisync.settings.loading import load
from eisync.settings.models import Log, Reconcile, Settings, State, Target, Upload, Watch
from eisync.settings.reference import json_schema, options_table
from eisync.settings.roots import contains

__all__ = [
    "KeySource",
    "Log",
    "Reconcile",
    "Settings",
    "State",
    "Target",
    "Upload",
    "Watch",
    "contains",
    "find_key",
    "json_schema",
    "load",
    "options_table",
]
