"""The command line: one module for each verb, imported when it is called, and one place that maps errors to exit codes.

Exit codes: 0 ok, 1 unexpected, 2 usage, 3 a person must act (files are quarantined, files or folders cannot be read,
a plan waits, or the project was emptied or is another one), 4 some files are pending, not complete or in question, 5 a
file is not uploaded, 69 the daemon cannot be reached, 73 the folder of a pull cannot be written, 74 the state folder
was removed or replaced, 75 the state folder is in use, 77 the key is refused, 78 the configuration is wrong.
"""

import gc
import importlib
import io
import os
import signal
import sys
import threading

import click

from eisync._version import __version__
from eisync.cli.output import complain
from eisync.core.text import printable
from eisync.errors import ConfigurationError, EisyncError

OK, UNEXPECTED, USAGE, QUARANTINED, PENDING, LEFT_OUT = 0, 1, 2, 3, 4, 5
REFUSED = QUARANTINED  # for `eisync pull`, which quarantines nothing: the service refused some samples

VERBS = {
    "run": "Watch folders and upload what is dropped into them, until it is stopped.",
    "once": "Upload everything that is there now, compare with the service, and end.",
    "preview": "Show what would be sent, with which labels, and send nothing.",
    "status": "Show whether every file is in Edge Impulse, and why if not.",
    "ui": "Open the daemon's page in the browser.",
    "service": "Have this system run eisync for you, from login on.",
    "doctor": "Check all that uploads need, and say what to do about what is wrong.",
    "ls": "List every file with its state and its reason.",
    "explain": "Explain what happens to one file, and why.",
    "audit": "List every file under the folders with one state and one reason, and check that none is missed.",
    "history": "Show what happened to a file, when and why; without a file, the latest events.",
    "pull": "Download the project's samples as a dataset, with their labels.",
    "reconcile": "Compare with the project now, and show the differences.",
    "relabel": "Describe files that were sent as the rules say now, and plan the edits of their samples.",
    "plan": "Show what waits for your approval, and approve or reject it.",
    "undo": "Undo what eisync did to files and samples; without a number, list it.",
    "pause": "Send nothing for a while, or until 'eisync resume'.",
    "resume": "Send files again after 'eisync pause'.",
    "retry": "Send quarantined files and files with deleted samples again.",
    "db": "Check, back up or shrink the database of the state folder.",
    "config": "Check, show or reload a configuration, or print its schema.",
    "completion": "Print what a shell needs to complete the commands of eisync.",
    "emulator": "Run a local stand-in for Edge Impulse.",
    "selftest": "Ask a live project what eisync relies on, or try eisync's promises on this machine.",
    "demo": "Watch files travel into the emulator.",
    "notify": "Try whether the notifications of [notify] arrive.",
    "support-bundle": "Write one archive with what helps to find a fault, without keys and contents of files.",
    "healthcheck": "For a container: is the daemon alive?",
}


def module_of(verb: str) -> str:
    """Return the name of the module that has the command of a verb."""
    return f"eisync.cli.{verb.replace('-', '_')}"


class _LazyGroup(click.Group):
    """Lists every verb by name, and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        gc.disable()  # an import makes hardly any garbage, and looking for it is a tenth of the start
        try:
            command: click.Command = importlib.import_module(module_of(cmd_name)).command
        finally:
            gc.enable()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches  # imported only if needed

            near = get_close_matches(name.lower(), VERBS, n=3, cutoff=0.6)
            hint = f" Did you mean {' or '.join(repr(verb) for verb in near)}?" if near else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="eisync", message="%(prog)s %(version)s")
def group() -> None:
    """Drop a file into a folder, and it is in your Edge Impulse project: once, labelled, and you can always see where
    it is and why.

    \b
    eisync demo          see it work, without an account
    eisync run DIR       do it, with the project's key in EI_API_KEY
    eisync status        where everything is
    """


def main() -> None:
    """Run the console script. Never return, and show no traceback for an error that a person can correct."""
    threading.excepthook = _thread_failed
    terminated: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        terminated.append(number)
        raise KeyboardInterrupt

    # A command that is ended removes what it has begun to write, as after Ctrl-C. `run` and `once` replace this.
    signal.signal(signal.SIGTERM, interrupt)
    code = _exit_code()
    if terminated:  # end by the signal, so that systemd or a script sees the cause
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
    sys.exit(code)


def _exit_code() -> int:
    try:
        code = group.main(prog_name="eisync", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        # A name in the message may contain a line break: escape it, but keep the lines of click itself.
        text = shown.getvalue().replace(error.message, printable(error.message))
        complain(*text.rstrip("\n").split("\n"))
        return error.exit_code
    except click.Abort:
        return 130
    except EisyncError as error:
        # An error in the configuration begins with its place, as in the messages of compilers.
        faults = error.faults if isinstance(error, ConfigurationError) else None
        complain(*(faults or [f"eisync: {line}" for line in str(error).split("\n")]))
        return error.exit_code
    except SystemExit as error:  # from the emulator, which is a program of its own
        if isinstance(error.code, str):
            complain(error.code)
            return UNEXPECTED
        return error.code or OK
    except BrokenPipeError:
        # The reader of the pipe has ended. Redirect stdout to nowhere, or the interpreter fails when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED
    except Exception as error:  # noqa: BLE001 - the outermost handler: what gets here is a bug of eisync
        return _unexpected(error)
    return code if isinstance(code, int) else OK


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """Print an uncaught exception of a thread as everything is printed: without keys, and safe for a terminal."""
    if failure.exc_value is not None:
        import traceback

        complain(*"".join(traceback.format_exception(failure.exc_value)).rstrip("\n").split("\n"))


def _unexpected(error: Exception) -> int:
    import traceback  # imported only if needed

    trace = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    complain(*trace, "eisync: unexpected error; nothing is lost. Please report the lines above.")
    return UNEXPECTED
