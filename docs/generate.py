"""Write what the code can tell: sections of the documents (options, commands, states, events), and files in `deploy`.

Those are the manual pages, the completions of shells, and the list of the files of others that are in the wheel.

python docs/generate.py            rewrite the sections between their markers, and the files
python docs/generate.py --check    end with 1 when one of them is not what the code says
"""

import importlib
import inspect
import re
import runpy
import sys
import tomllib
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import click
from bundled import bill_of_materials
from extras import extras_table
from log_events import LEVELS, log_events
from man_pages import pages

from eisync import cli
from eisync.cli.completion import SHELLS, script_for
from eisync.core import lifecycle
from eisync.core.annotations.formats import FORMATS, Subject
from eisync.core.identity import Decision, Destruction, Identity, decide
from eisync.core.metrics import METRICS
from eisync.core.service.systemd import unit
from eisync.selftest.checks import CHECKS
from eisync.settings import options_table, restart_table

ROOT = Path(__file__).parent.parent
MAN = ROOT / "deploy" / "man"
COMPLETIONS = ROOT / "deploy" / "completions"
COMPLETION_NAMES = {"bash": "bash/eisync", "zsh": "zsh/_eisync", "fish": "fish/eisync.fish"}
"""The names that the shells look for."""
BILL_OF_MATERIALS = ROOT / "deploy" / "sbom" / "eisync.cdx.json"
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
TELEMETRY = ROOT / "docs" / "telemetry.toml"
_SECTION = "<!-- {name}: python docs/generate.py -->\n"
_END = "<!-- end -->"


def sections() -> dict[str, str]:
    """Return what stands between the markers, by name."""
    return {
        "commands": table(["command", "does"], [[f"`eisync {verb}`", does] for verb, does in cli.VERBS.items()]),
        "checks": checks_table(),
        "cli": "\n\n".join(command_pages()),
        "differences": differences_table(),
        "events": commented_table(lifecycle.Event, "event"),
        "extras": extras_table(ROOT / "pyproject.toml"),
        "faults": faults_table(),
        "formats": formats_table(),
        "identity": identity_table(),
        "log-events": log_events_table(),
        "metrics": metrics_table(),
        "options": options_table().strip(),
        "removal-events": commented_table(lifecycle.RemovalEvent, "event"),
        "removal-names": commented_table(lifecycle.RemovalState, "removal"),
        "restarts": restart_table(),
        "removals": arrows_table(lifecycle.REMOVALS, lifecycle.RemovalState),
        "states": states_table(),
        "state-names": commented_table(lifecycle.State, "state"),
        "transitions": arrows_table(lifecycle.TRANSITIONS, lifecycle.State),
        "user-unit": user_unit(),
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = ["|" + "".join(f" {cell} |" if cell else " |" for cell in cells) for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


# Commands


def command_pages() -> Iterator[str]:
    """Return a section for each command, from what its `--help` is made of."""
    for verb in cli.VERBS:
        command: click.Command = importlib.import_module(cli.module_of(verb)).command
        yield from _command_page(command, click.Context(command, info_name=f"eisync {verb}"))


def _command_page(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## `{context.command_path}`", f"```text\n{usage}\n```", *_help_of(command)]
    records = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    if rows := [[f"`{_escaped(names)}`", _escaped(text)] for names, text in filter(None, records)]:
        parts.append(table(["option", "meaning"], rows))
    yield "\n\n".join(parts)
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            if part.hidden:  # for service managers, not for people
                continue
            yield from _command_page(part, click.Context(part, info_name=name, parent=context))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")  # in a table it would end a cell, also between backticks


def _help_of(command: click.Command) -> Iterator[str]:
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        is_kept_in_lines = paragraph.startswith("\b\n")
        yield f"```text\n{paragraph[2:]}\n```" if is_kept_in_lines else " ".join(paragraph.split())


# The life of a file


def commented_table(members: type[Enum], name: str) -> str:
    """Return the members of an enum, each with the comment behind it."""
    comments = re.findall(r'^    (\w+) = (?:"\w+"|None)  # (.+)$', inspect.getsource(members), flags=re.MULTILINE)
    said = dict(comments)
    return table([name, "meaning"], [[f"`{one.value or 'none'}`", said[one.name]] for one in members])


def arrows_table(arrows: Mapping[Any, Enum], states: type[Enum]) -> str:
    """Return every arrow of a state machine: rows are states, columns what happens to a file."""
    by_state: dict[Enum, list[str]] = {}
    for (before, event), after in arrows.items():
        by_state.setdefault(before, []).append(f"`{event.value}` → *{after.value or 'none'}*")
    rows = [[f"*{state.value or 'none'}*", ", ".join(by_state.get(state, ["nothing more"]))] for state in states]
    return table(["a file that is", "becomes, by this event"], rows)


def states_table() -> str:
    """Return every arrow of the state machine of a file: rows are the states before, columns those after."""
    arrows: dict[tuple[Enum, Enum], list[str]] = {}
    for (before, event), after in lifecycle.TRANSITIONS.items():
        arrows.setdefault((before, after), []).append(f"`{event.value}`")
    states = list(lifecycle.State)
    rows = [
        [f"**{before.value}**", *(", ".join(arrows.get((before, after), [])) for after in states)] for before in states
    ]
    return table(["from, to", *(f"**{after.value}**" for after in states)], rows)


# Annotations


def formats_table() -> str:
    """Return every format of annotations: what it is called in the configuration, and what it describes."""
    subjects = {Subject.IMAGES: "images", Subject.RECORDINGS: "recordings", Subject.FILES: "files of any kind"}
    rows = [
        [f"`{one.name}`", one.title, subjects[one.subject], "many files" if one.is_shared else "one file"]
        for one in FORMATS
    ]
    return table(["`annotations`", "what it is", "it describes", "an annotation file is about"], rows)


# The log and the metrics


def log_events_table() -> str:
    """Return every event that eisync logs: its levels, its fields, its meaning."""
    meanings = tomllib.loads(TELEMETRY.read_text(encoding="utf-8"))["events"]
    rows = []
    for name, event in sorted(log_events(ROOT / "eisync").items()):
        fields = ", ".join(f"`{one}`" for one in sorted(event.fields)) or "none"
        rows.append([f"`{name}`", ", ".join(sorted(event.levels, key=LEVELS.index)), fields, meanings.get(name, "")])
    return table(["event", "level", "fields", "meaning"], rows)


def metrics_table() -> str:
    """Return every metric: its type, its labels, what it counts and how to read it."""
    readings = tomllib.loads(TELEMETRY.read_text(encoding="utf-8"))["metrics"]
    rows = []
    for metric in METRICS:
        labels = ", ".join(f"`{one}`" for one in metric.labels)
        rows.append([f"`{metric.name}`", metric.kind.value, labels, f"{metric.help} {readings.get(metric.name, '')}"])
    return table(["metric", "type", "labels", "what it says"], rows)


# What tests prove


def differences_table() -> str:
    """Return where the drop-in differs from the official SDK, as `tests/compat` proves it."""
    differences = runpy.run_path(str(ROOT / "tests" / "compat" / "differences.py"))["DIFFERENCES"]
    return table(
        ["case", "difference and reason"], [[case.replace("_", " "), why] for case, why in differences.items()]
    )


def checks_table() -> str:
    """Return every check of `eisync selftest`."""
    return table(
        ["check", "mark", "what the contract says", "how it is asked"],
        [[f"`{check.id}`", check.mark.value, _escaped(check.says), _escaped(check.asked)] for check in CHECKS],
    )


def faults_table() -> str:
    """Return what every fault does to the files, as `tests/faults` proves it."""
    sys.path.insert(0, str(ROOT))  # it stands on its neighbours
    cases = importlib.import_module("tests.faults.cases").CASES
    return table(
        ["fault", "a lone file", "a batch"], [[case.fault, case.lone.value, case.batch.value] for case in cases]
    )


def identity_table() -> str:
    """Return what may be done to a sample, or because of it, by what it is to the file."""
    said = {
        Decision.GO: "yes",
        Decision.COMPARE: "its bytes are compared first",
        Decision.WAIT: "not before it is listed",
        Decision.LEAVE: "no",
        Decision.STOP: "no, and nothing else of the target",
    }
    rows = [[act.value.replace("_", " "), *(said[decide(act, one)] for one in Identity)] for act in Destruction]
    return table(["", *(one.value for one in Identity)], rows)


_UNIT_HEAD = """\
# For a lab PC: eisync runs as you, while you are logged in, with the configuration in ~/.config/eisync/eisync.toml.
# `eisync service install` writes this unit with your own paths, and starts it. By hand:
#
#   install -D -m 0644 eisync.service ~/.config/systemd/user/eisync.service
#   systemctl --user daemon-reload && systemctl --user enable --now eisync
#
# `loginctl enable-linger` has it run from the start of the machine on. If eisync is not in ~/eisync, adapt the lines
# with Exec. Made by docs/generate.py from eisync/core/service/systemd.py.

"""


def user_unit_file() -> str:
    """Return the unit for a lab PC, as it stands in the sources."""
    return _UNIT_HEAD + unit("%h/eisync/bin/eisync run", "%h/eisync/bin/eisync config reload")


def user_unit() -> str:
    """Return the unit for a lab PC, without the comment at its head, which the page says itself."""
    return f"```ini\n[Unit]{user_unit_file().partition('[Unit]')[2]}```"


def drawn(text: str, content: Mapping[str, str]) -> str:
    """Return `text` with every section of it as the code says."""
    pattern = re.compile(_SECTION.format(name=r"([\w-]+)") + r".*?" + re.escape(_END), flags=re.DOTALL)
    return pattern.sub(lambda found: f"{_SECTION.format(name=found[1])}{content[found[1]]}\n{_END}", text)


def generated() -> Iterator[tuple[Path, str]]:
    """Yield every file that the code can tell, or a part of it, with its text."""
    content = sections()
    for path in DOCUMENTS:
        yield path, drawn(path.read_text(encoding="utf-8"), content)
    yield ROOT / "systemd/user/eisync.service", user_unit_file()
    written = {MAN / name: text for name, text in pages().items()}
    written |= {COMPLETIONS / COMPLETION_NAMES[shell]: f"{script_for(shell).strip()}\n" for shell in SHELLS}
    written[BILL_OF_MATERIALS] = bill_of_materials(ROOT)
    yield from written.items()
    found = (path for folder in (MAN, COMPLETIONS, BILL_OF_MATERIALS.parent) for path in folder.rglob("*"))
    yield from ((path, "") for path in found if path.is_file() and path not in written)  # of what is no more


def main() -> None:
    """Rewrite or check the documents and the files in `deploy`."""
    for path, after in generated():
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if "--check" in sys.argv[1:] and before != after:
            sys.exit(f"{path.name} lags behind the code: run 'make docs'")
        if not after:
            path.unlink()
        elif before != after:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
