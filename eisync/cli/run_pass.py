"""One pass of the reconciler: by the running daemon, or by this process when there is none.

Where 'eisync once' runs, the pass is made when that has ended.
"""

import threading
from typing import Any

from eisync import paths

ASK_EVERY_S = 0.2


def run_pass(
    *,
    sweep: bool = False,
    dry_run: bool = False,
    config: str | None,
    state_dir: str | None,
    api_key_file: str | None,
) -> list[dict[str, Any]]:
    """Compare with the service now, and do what is decided. Returns what was found, one record a target.

    Raises ConfigurationError when nothing is ever compared.
    """
    pass_request = {"sweep": sweep, "dry_run": dry_run}
    folder = paths.state_dir(state_dir, config=config)
    return _ask_daemon(folder, pass_request) or _do(pass_request, config, state_dir, api_key_file)


def _ask_daemon(folder: str, pass_request: dict[str, bool]) -> list[dict[str, Any]] | None:
    from eisync.control import local_socket  # here, so that `--help` does not import it

    answer = local_socket.ask(folder, {"do": "reconcile", **pass_request})
    if answer is None:
        return None
    [ticket] = answer
    pause = threading.Event()
    while (answer := local_socket.ask(folder, {"do": "reconciled", **ticket})) is not None:
        [report] = answer
        if report["targets"] is not None:
            found: list[dict[str, Any]] = report["targets"]
            return found
        pause.wait(ASK_EVERY_S)  # until it is done, or the daemon ends
    return None


def _do(
    pass_request: dict[str, bool], config: str | None, state_dir: str | None, api_key_file: str | None
) -> list[dict[str, Any]]:
    from eisync.adapters import clock
    from eisync.app.machine import build
    from eisync.errors import ConfigurationError
    from eisync.log import configure
    from eisync.settings import load

    settings = load(config=config, state_dir=state_dir, api_key_file=api_key_file, need_watch=False)
    app = build(settings, log=configure(level="none", style=settings.log.format), listen=False, verb="reconcile")
    try:
        app.answer_meanwhile()
        if app.reconciler is None:
            raise ConfigurationError("reconcile.enabled is false; nothing is compared")
        ticket = app.reconciler.ask_pass(sweeps=pass_request["sweep"], pretends=pass_request["dry_run"])
        while (report := app.reconciler.report(ticket)) is None:
            app.reconciler.tick(clock.now())
            app.beat()
        return report
    finally:
        app.close()
