"""Read TOML, environment and flags into Settings. Only this package and `eisync.paths` read the environment.

::

    fields        the types of option values; each option is parsed once
    watch, split, web, models  the options: types, limits, defaults, meanings
    arguments     the folders, files and labels that a command line names
    loading       reads, merges, checks; raises ConfigurationError with every fault
    sources       the file, and the environment: EISYNC_UPLOAD__WORKERS=8
    keys          finds and reads API keys
    problems      the faults as sentences, with the line of the file
    roots         checks whether the folders can be watched
    origins       where each value comes from
    live          what may change while eisync runs, and why the rest may not
    overruled     options of the file that are not in force
    effects       options that delete, move or replace something
    reference     the JSON Schema and the table of options
"""

from eisync.settings.arguments import LabelFlags
from eisync.settings.keys import KeySource, find_key
from eisync.settings.loading import load, load_with_source
from eisync.settings.models import MAX_WORKERS, LogOptions, Reconcile, Settings, StateOptions, Upload
from eisync.settings.notify import Notify
from eisync.settings.origins import options_of
from eisync.settings.public import without_secrets
from eisync.settings.reference import json_schema, options_table, restart_table
from eisync.settings.roots import contains
from eisync.settings.watch import Target, Watch
from eisync.settings.web import Web

__all__ = [
    "MAX_WORKERS",
    "KeySource",
    "LabelFlags",
    "LogOptions",
    "Notify",
    "Reconcile",
    "Settings",
    "StateOptions",
    "Target",
    "Upload",
    "Watch",
    "Web",
    "contains",
    "find_key",
    "json_schema",
    "load",
    "load_with_source",
    "options_of",
    "options_table",
    "restart_table",
    "without_secrets",
]
