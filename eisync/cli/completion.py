"""`eisync completion`: print what a shell needs to complete commands, options and their values."""

import click
from click.shell_completion import get_completion_class

from eisync.cli import group
from eisync.cli.options import common_unused
from eisync.cli.output import say

VARIABLE = "_EISYNC_COMPLETE"
"""The variable by which a shell asks for completions, as click names it."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common_unused
def command(shell: str) -> None:
    """Print the completion of SHELL for eisync's commands, options and their values.

    \b
    bash   eisync completion bash > ~/.local/share/bash-completion/completions/eisync
    zsh    eisync completion zsh > ~/.zfunc/_eisync     (with ~/.zfunc in fpath, before compinit)
    fish   eisync completion fish > ~/.config/fish/completions/eisync.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click completes nothing in {shell}")
    completion = kind(group, {}, "eisync", VARIABLE)
    say(*(completion.source_template % completion.source_vars()).splitlines())
