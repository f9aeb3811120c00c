"""`eisync healthcheck`: the health check of a container."""

import click

from eisync import paths
from eisync.cli.options import common
from eisync.cli.output import say
from eisync.control import local_socket
from eisync.errors import DaemonUnreachableError


@click.command("healthcheck")
@common
@click.option("--live", "only_live", is_flag=True, help="Check only that no loop hangs, which a restart mends.")
def command(config: str | None, state_dir: str | None, only_live: bool) -> None:
    """End with 0 when every loop's heartbeat is fresh and the database can be written.

    When the service cannot be reached, this still reports healthy, because a restart would not help. With --live, a
    full disk is healthy, too: use it where a failed check restarts the daemon.
    """
    folder = paths.state_dir(state_dir, config=config)
    answer = local_socket.ask(folder, {"do": "alive" if only_live else "health"})
    if answer is None:
        raise DaemonUnreachableError(f"no daemon runs on the state folder {folder}")
    for health in answer:
        if health["is_healthy"]:
            say("healthy")
            continue
        say("unhealthy: " + "; ".join(health["faults"]), err=True)
        raise click.exceptions.Exit(1)
