"""Name the options of the file that are not in force, because a variable or the command line says something else.

A person who changes such an option and reloads should not wait for its effect.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from eisync import paths
from eisync.settings.arguments import Arguments
from eisync.settings.keys import KeySource
from eisync.settings.sources import ENDPOINTS, PREFIX, OptionSource
from eisync.settings.watch import Target, Watch


def overruled(
    source: OptionSource,
    arguments: Arguments,
    state_flag: str | None,
    targets: Sequence[Target],
    watches: Sequence[Watch],
    keys: Mapping[str, KeySource],
) -> dict[str, str]:
    """Return by what each such option is overruled, by its name."""
    return {
        **dict(_by_variables(source, state_flag, arguments.scheduler)),
        **dict(_addresses(source, targets)),
        **dict(_keys(targets, keys)),
        **dict(_by_flags(source, arguments, watches)),
    }


def _by_variables(source: OptionSource, state_flag: str | None, scheduler: str | None) -> Iterator[tuple[str, str]]:
    for table, options in source.document.items():
        written = options if isinstance(options, Mapping) else {}
        for option in written:
            if (table, option) == ("state", "dir") and state_flag is not None:
                yield "state.dir", "--state-dir"
            elif (table, option) == ("state", "dir") and source.environ.get("EISYNC_STATE_DIR"):
                yield "state.dir", "EISYNC_STATE_DIR"
            elif (table, option) == ("upload", "scheduler") and scheduler is not None:
                yield "upload.scheduler", "--scheduler"
            elif option in source.overlay.get(table, {}):
                yield f"{table}.{option}", f"{PREFIX}{table}__{option}".upper()


def _addresses(source: OptionSource, targets: Sequence[Target]) -> Iterator[tuple[str, str]]:
    written = source.document.get("target", [])
    if len(written) != 1:
        return  # of several targets, each keeps its own addresses
    for option, variable in ENDPOINTS.items():
        if option in written[0] and source.environ.get(variable):
            yield f"target {targets[0].name}: {option}", variable


def _keys(targets: Sequence[Target], keys: Mapping[str, KeySource]) -> Iterator[tuple[str, str]]:
    for target in targets:
        key = keys.get(target.name)
        if key is None:
            continue
        if target.api_key_file is not None and key.describe() != f"file {target.api_key_file}":
            yield f"target {target.name}: api_key_file", key.describe()
        if target.api_key is not None and not key.describe().startswith("api_key in "):
            yield f"target {target.name}: api_key", key.describe()


def _by_flags(source: OptionSource, arguments: Arguments, watches: Sequence[Watch]) -> Iterator[tuple[str, str]]:
    labels = arguments.labels
    flags = {option: f"--{option}" for option in labels.given()}
    if labels.annotations is not None:
        flags["annotations"] = "--annotations"
    if labels.split:
        flags["split"] = "--split-by, --testing or --validation"
    base = os.path.dirname(source.file) if source.file else source.cwd
    watched = {os.path.realpath(watch.path) for watch in watches}
    for table in source.document.get("watch", []):
        path = paths.absolute(str(table.get("path", "")), cwd=base, environ=source.environ)
        if os.path.realpath(path) not in watched:
            yield f"watch {path}", "the folders of the command line"
            continue
        for option, flag in flags.items():
            if option in table:
                yield f"watch {path}: {option}", flag
