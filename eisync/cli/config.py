"""`eisync config`: check a configuration before the daemon uses it."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice

import click

from eisync import settings as configuration
from eisync.adapters.files.inventory import Found, inventory
from eisync.app.loop_options import watched_of
from eisync.cli.options import ask, common, common_unused, key_file
from eisync.cli.output import say, say_json
from eisync.core.labels.rule_trial import RuleTrial
from eisync.core.model import Root
from eisync.core.text import amount
from eisync.errors import DaemonUnreachableError
from eisync.settings import Settings, Watch

MAX_TRIED = 20_000
"""So many entries of a folder are tried, so that the check ends soon."""


@click.group("config")
def command() -> None:
    """Check, show or reload a configuration, or print its schema."""


@command.command("check")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@key_file
@click.option("--json", "as_json", is_flag=True, help="Print the effective configuration as JSON, without secrets.")
def check(
    dirs: tuple[str, ...], config: str | None, state_dir: str | None, api_key_file: str | None, as_json: bool
) -> None:
    """Check the configuration as `eisync run` reads it, and show the result.

    Rules for labels are tried on the files that are there: warnings say which rules fit none of them, and which two say
    different things of one file. Every error is one line on stderr; the exit code is then 78.
    """
    settings = configuration.load(config=config, state_dir=state_dir, dirs=dirs, api_key_file=api_key_file)
    trials = {str(watch.path): _tried(watch) for watch in settings.watches if watch.rule}
    tried = [f"{path}: {sentence}" for path, trial in trials.items() for sentence in trial.warnings()]
    for warning in (*settings.warnings, *tried):
        say(f"warning: {warning}", err=True)
    if as_json:
        say_json(_effective(settings), indent=2)
    else:
        say(*_summary(settings, {path: trial.files for path, trial in trials.items()}))


@command.command("schema")
@common_unused
def schema() -> None:
    """Print the JSON Schema of eisync.toml, for editors and checks."""
    say_json(configuration.json_schema(), indent=2)


@command.command("show")
@common
@key_file
@click.option(
    "--origin", is_flag=True, help="Show where each value comes from: a line of the file, a variable, a flag."
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object per option.")
def show(config: str | None, state_dir: str | None, api_key_file: str | None, origin: bool, as_json: bool) -> None:
    """Show every option with its value. An API key is never shown, only where it comes from."""
    settings, source = configuration.load_with_source(config, state_dir, api_key_file)
    options = configuration.options_of(settings, source, state_dir=state_dir)
    if as_json:
        for one in options:
            say_json({"table": one.table, "option": one.name, "value": one.value, "origin": one.origin})
        return
    say(f"Configuration file: {settings.config_file or 'none'}")
    table = ""
    for one in options:
        if one.table != table:
            table = one.table
            say("", table)
        line = f"{one.name} = {_shown(one.value)}"
        say(f"{line:<44}  # {one.origin}" if origin else line)


@command.command("reload")
@common
@click.option("--json", "as_json", is_flag=True, help="Print what applies and what waits as one JSON object.")
def reload(config: str | None, state_dir: str | None, as_json: bool) -> None:
    """Have the running daemon read its configuration again, as SIGHUP does.

    Nearly every option applies at once. The others are named, with the reason why they wait for a restart. So are
    options of the file that a variable or the daemon's command line overrules. A configuration with faults changes
    nothing: they are shown, and the exit code is 78.
    """
    done = next(iter(ask({"do": "reload"}, config=config, state_dir=state_dir)), None)
    if done is None:
        raise DaemonUnreachableError("no daemon runs on this state folder; the next start reads the configuration")
    say(*(f"warning: {warning}" for warning in done["warnings"]), err=True)
    if as_json:
        say_json({key: done[key] for key in ("applied", "waiting", "overruled")}, indent=2)
        return
    say(*(f"applied: {option} = {_shown(found)}" for option, found in done["applied"].items()))
    say(*(f"restart to apply: {one['option']} ({one['reason']})" for one in done["waiting"]))
    say(*(f"not in force: {one['option']} ({one['by']} overrules the file)" for one in done["overruled"]))
    if not done["applied"] and not done["waiting"]:
        say("Nothing has changed.")


def _shown(found: object) -> str:
    """Return a value as the configuration file has it."""
    if found is None:
        return "(not set)"
    return json.dumps(found, ensure_ascii=False, default=str)


def _tried(watch: Watch) -> RuleTrial:
    """Try the rules of the folder on its files."""
    watched = watched_of(watch, Root(id=0, path=str(watch.path), target=watch.target))
    trial = RuleTrial(watched.labelling)
    for found in islice(inventory(watched.root.path, watched.eligibility), MAX_TRIED):
        if isinstance(found, Found) and found.left_out is None:
            trial.add(found.path)
    return trial


def _summary(settings: Settings, tried: Mapping[str, int]) -> Iterator[str]:
    """Yield what a person wants to check before using a configuration."""
    yield f"Configuration file: {settings.config_file or 'none'}"
    for target in settings.targets:
        yield f"Target {target.name}"
        yield f"  Studio     {target.studio_url}"
        yield f"  ingestion  {target.ingestion_url}"
        yield f"  API key    {settings.key_source(target.name).describe()}"
    for watch in settings.watches:
        yield f"Folder {watch.path}"
        yield f"  target     {watch.target}"
        yield f"  label      {_meaning(watch.label)}"
        yield f"  category   {_meaning(watch.category)}"
        if watch.rule:
            rules, files = amount(len(watch.rule), "rule"), amount(tried[str(watch.path)], "file")
            yield f"  rules      {rules}, tried on {files}"
        yield f"  complete   after {watch.settle_s:g} s without a change"
    yield f"State folder: {settings.state.dir}"
    yield "The configuration is fine."


def _meaning(value: str) -> str:
    return {"infer": "from the file's name and folders", "none": "no label"}.get(value, value)


def _effective(settings: Settings) -> dict[str, object]:
    # Dump Python values: pydantic's JSON cannot write a path that is not UTF-8; the json module escapes it.
    values = settings.model_dump(exclude={"targets": {"__all__": {"api_key"}}})
    keys = {target.name: settings.key_source(target.name).describe() for target in settings.targets}
    return {**values, "api_keys": keys}
