"""TOML, environment and flags -> Settings: the one place, with `eisync.paths`, that reads the environment.

::

    fields        the kinds of values: each option is read once, into a value
    watch, models the options: types, limits, defaults, meanings
    loading       reads, merges, checks; raises ConfigurationError with every fault
    sources       the file, and the environment: EISYNC_UPLOAD__WORKERS=8
    keys          where an API key comes from, and reading it
    problems      what is wrong, as sentences
    lines         on which line of the file
    roots         whether the folders can be watched
    reference     the JSON Schema and the table of options
"""

from eisync.settings.keys import KeySource, find_key
from eisync.settings.loading import load
from eisync.settings.models import LogOptions, Reconcile, Settings, StateOptions, Upload
from eisync.settings.reference import json_schema, options_table
from eisync.settings.roots import contains
from eisync.settings.watch import Target, Watch

__all__ = [
    "KeySource",
    "LogOptions",
    "Reconcile",
    "Settings",
    "StateOptions",
    "Target",
    "Upload",
    "Watch",
    "contains",
    "find_key",
    "json_schema",
    "load",
    "options_table",
]
