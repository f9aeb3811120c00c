"""`eisync config`: check a configuration before the daemon uses it."""

from collections.abc import Iterator

import click

from eisync import settings as configuration
from eisync.cli.options import common, common_unused, key_file
from eisync.cli.output import say, say_json
from eisync.settings import Settings


@click.group("config")
def command() -> None:
    """Check a configuration, or print its schema."""


@command.command("check")
@click.argument("dirs", nargs=-1, metavar="[DIR]...")
@common
@key_file
@click.option("--json", "as_json", is_flag=True, help="Print the effective configuration as JSON, without secrets.")
def check(
    dirs: tuple[str, ...], config: str | None, state_dir: str | None, api_key_file: str | None, as_json: bool
) -> None:
    """Check the configuration as `eisync run` reads it, and show the result.

    Every error is one line on stderr; the exit code is then 78.
    """
    settings = configuration.load(config=config, state_dir=state_dir, dirs=dirs, api_key_file=api_key_file)
    for warning in settings.warnings:
        say(f"warning: {warning}", err=True)
    if as_json:
        say_json(_effective(settings), indent=2)
    else:
        say(*_summary(settings))


@command.command("schema")
@common_unused
def schema() -> None:
    """Print the JSON Schema of eisync.toml, for editors and checks."""
    say_json(configuration.json_schema(), indent=2)


def _summary(settings: Settings) -> Iterator[str]:
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
