"""`eisync emulator`: a local stand-in for Edge Impulse."""

import click

from eisync.app.extras import how_to_add
from eisync.cli.options import common_unused
from eisync.cli.output import say_key
from eisync.errors import ConfigurationError


@click.command("emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--studio-port", type=click.IntRange(0, 65535), default=4800, show_default=True)
@click.option("--ingestion-port", type=click.IntRange(0, 65535), default=4810, show_default=True)
@click.option(
    "--remote-port",
    type=click.IntRange(0, 65535),
    help="For devices. Default: 4802, or any free one with another Studio port.",
)
@click.option("--no-remote", is_flag=True, help="Serve no remote management: no device can connect.")
@click.option("--data", metavar="DIR", help="Keep projects and samples in this folder. Default: in memory.")
@click.option("--key", metavar="K", help="The API key of the first project (not a secret).")
@click.option(
    "--allow-remote", is_flag=True, help="Let other machines reach it. It protects nothing: no TLS, keys in plain text."
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="Accept this host name too, such as host.docker.internal; may be repeated.",
)
@common_unused
def command(
    host: str,
    studio_port: int,
    ingestion_port: int,
    remote_port: int | None,
    no_remote: bool,
    data: str | None,
    key: str | None,
    allow_remote: bool,
    allow_hosts: tuple[str, ...],
) -> None:
    """Run a local stand-in for Edge Impulse, until SIGTERM or SIGINT.

    It answers as Ingestion and Studio do, as strictly and as oddly, but trains nothing. The official clients reach it
    on its default ports with EI_HOST=127.0.0.1.
    """
    try:
        from eisync.emulator import server, settings
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"the emulator needs {error.name}: {how_to_add('emulator')}") from error
    try:
        wanted = settings.EmulatorSettings(
            host=host,
            studio_port=studio_port,
            ingestion_port=ingestion_port,
            remote_port=remote_port,
            remote_management=not no_remote,
            data=data,
            key=key,
            allow_remote=allow_remote,
            allowed_hosts=allow_hosts,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    server.serve(wanted, announce=say_key)
