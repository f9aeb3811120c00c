"""Write a manual page (section 1) for every command, from what its `--help` is made of.

Source: man(7), https://man7.org/linux/man-pages/man7/man.7.html
"""

import importlib
import inspect
import re
from collections.abc import Iterator

import click

from eisync import cli
from eisync._version import __version__
from eisync.settings.sources import OTHERS

_EXIT_CODES = re.compile(r"Exit codes: (.+)\.\s*\Z", re.DOTALL)


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    found = {"eisync.1": _page(cli.group, click.Context(cli.group, info_name="eisync"), _about_all())}
    for verb in cli.VERBS:
        command: click.Command = importlib.import_module(cli.module_of(verb)).command
        context = click.Context(command, info_name=f"eisync {verb}")
        found[f"eisync-{verb}.1"] = _page(command, context, cli.VERBS[verb])
    return found


def _about_all() -> str:
    return "Upload files from watched folders to Edge Impulse projects."


def _page(command: click.Command, context: click.Context, summary: str) -> str:
    name = context.command_path.replace(" ", "-")
    return "\n".join(
        [
            f'.TH "{name.upper()}" "1" "" "eisync {__version__}" "eisync"',
            ".SH NAME",
            f"{_plain(name)} \\- {_plain(summary[0].lower() + summary[1:].rstrip('.'))}",
            ".SH SYNOPSIS",
            *_synopsis(command, context),
            ".SH DESCRIPTION",
            *_description(command),
            *_options(command, context),
            *_parts(command, context),
            *(_about_program() if command is cli.group else [".SH SEE ALSO", ".BR eisync (1)"]),
            "",
        ]
    )


def _synopsis(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f".B {_plain(context.command_path)}"
    yield _plain(" ".join(command.collect_usage_pieces(context)))


def _description(command: click.Command) -> Iterator[str]:
    for number, paragraph in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        if number:
            yield ".PP"
        if paragraph.startswith("\b\n"):
            yield ".nf"
            yield from (_plain(line) for line in paragraph[2:].split("\n"))
            yield ".fi"
        else:
            yield _plain(" ".join(paragraph.split()))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = (one.get_help_record(context) for one in command.get_params(context) if isinstance(one, click.Option))
    records = [record for record in options if record is not None]
    if records:
        yield ".SH OPTIONS"
    for names, meaning in records:
        yield ".TP"
        yield f".B {_plain(names)}"
        yield _plain(meaning)


def _parts(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the commands of a group: of eisync with their pages, of others in full."""
    if command is cli.group:
        yield ".SH COMMANDS"
        for verb, does in cli.VERBS.items():
            yield ".TP"
            yield f".BR eisync\\-{_plain(verb)} (1)"
            yield _plain(does)
    elif isinstance(command, click.Group):
        for name, part in command.commands.items():
            if part.hidden:  # for service managers, not for people
                continue
            inner = click.Context(part, info_name=name, parent=context)
            yield f'.SH "{inner.command_path.upper()}"'
            yield from _synopsis(part, inner)
            yield ".PP"
            yield from _description(part)
            yield from (line for line in _options(part, inner) if line != ".SH OPTIONS")


def _about_program() -> Iterator[str]:
    yield ".SH EXIT STATUS"
    codes = _EXIT_CODES.search(inspect.cleandoc(cli.__doc__ or ""))
    assert codes is not None
    yield _plain(" ".join(codes[1].split()) + ".")
    yield ".SH ENVIRONMENT"
    for name in ("EI_API_KEY", *OTHERS):
        yield f".br\n.B {_plain(name)}"
    yield ".SH SEE ALSO"
    yield from (f".BR eisync\\-{_plain(verb)} (1)" for verb in cli.VERBS)


def _plain(text: str) -> str:
    """Return the text as roff prints it: nothing in it is a request, an escape or a hyphen."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("\u2026", "...")
    return f"\\&{text}" if text.startswith((".", "\\(aq")) else text
