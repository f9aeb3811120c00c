"""`eisync completion`: print what a shell needs to complete commands, options and their values."""

import click
from click.shell_completion import get_completion_class

from eisync.cli import group
from eisync.cli.options import common_unused
from eisync.cli.output import say

VARIABLE = "_EISYNC_COMPLETE"
"""The variable by which a shell asks for completions, as click names it."""


SHELLS = ("bash", "zsh", "fish")


def script_for(shell: str) -> str:
    """Return the script that `shell`, one of `SHELLS`, reads. It asks the installed eisync."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click completes nothing in {shell}")
    completion = kind(group, {}, "eisync", VARIABLE)
    return completion.source_template % completion.source_vars()


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@common_unused
def command(shell: str) -> None:
    """Print the completion of SHELL for eisync's commands, options and their values.

    \b
    bash   eisync completion bash > ~/.local/share/bash-completion/completions/eisync
    zsh    eisync completion zsh > ~/.zfunc/_eisync     (with ~/.zfunc in fpath, before compinit)
    fish   eisync completion fish > ~/.config/fish/completions/eisync.fish
    """
    say(*script_for(shell).splitlines())
