"""Write a task for the Task Scheduler of Windows, as XML of version 1.2, and read back what it runs.

The task starts when its user logs on. The scheduler's own `RestartOnFailure` is for starts that fail, not for a program
that ends. So the trigger repeats every few minutes, and does nothing while eisync runs (`IgnoreNew`).

Sources: Microsoft, "Task Scheduler Schema"; [MS-TSCH] 2.5.3.1, 2.5.4.2. The order of elements is that of the schema.
"""

import codecs
import json
from collections.abc import Sequence
from xml.etree import ElementTree

from eisync.core.service.definition import MARKER, Command, Definition, Invocation, read_argv

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
REPEAT = "PT5M"

_Content = str | Sequence[tuple[str, "_Content"]]


def definition(wanted: Invocation, folder: str, *, user: str) -> Definition:
    r"""Return the service for the Task Scheduler. `folder` keeps the file and the log, `user` is `DOMAIN\name`."""
    name = f"eisync-{''.join(one if one.isalnum() else '-' for one in user.rpartition(chr(92))[2])}"
    log = f"{folder}\\eisync.log"
    path = f"{folder}\\service.xml"
    return Definition(
        manager="the Task Scheduler",
        path=path,
        content=task(wanted.run("service", "run", "--log-file", log), user=user),
        load=(
            Command(argv=("schtasks", "/Create", "/TN", name, "/XML", path, "/F")),
            Command(argv=("schtasks", "/End", "/TN", name), may_fail=True),
            Command(argv=("schtasks", "/Run", "/TN", name)),
        ),
        unload=(
            Command(argv=("schtasks", "/End", "/TN", name), may_fail=True),
            Command(argv=("schtasks", "/Delete", "/TN", name, "/F"), may_fail=True),
        ),
        query=Command(argv=("schtasks", "/Query", "/TN", name)),
        start=f"schtasks /Run /TN {name}",
        log=log,
        notes=(f"It runs while you are logged on. If it ends, Windows starts it again within {REPEAT[2:-1]} minutes.",),
    )


def task(argv: Sequence[str], *, user: str) -> bytes:
    """Return the XML of a task that runs the command line in the background, in UTF-16 as `schtasks` reads it."""
    element = ElementTree.Element("Task", {"version": "1.2", "xmlns": NAMESPACE})
    for name, content in _parts(argv, user):
        _add(element, name, content)
    element.find("Principals/Principal").set("id", "Author")  # type: ignore[union-attr]  # it was added just now
    element.find("Actions").set("Context", "Author")  # type: ignore[union-attr]  # the same
    ElementTree.indent(element)
    text = ElementTree.tostring(element, encoding="unicode")
    document = f'<?xml version="1.0" encoding="UTF-16"?>\n{text}\n'
    return codecs.BOM_UTF16_LE + document.encode("utf-16-le")


def argv_of(content: bytes) -> list[str] | None:
    """Return the command line in a task that eisync wrote; None for one that it did not."""
    try:
        element = ElementTree.fromstring(content.decode("utf-16"))  # noqa: S314 - the file is the user's own
    except (UnicodeError, ElementTree.ParseError):
        return None
    source = element.findtext(f"{{{NAMESPACE}}}RegistrationInfo/{{{NAMESPACE}}}Source")
    argv = element.findtext(f"{{{NAMESPACE}}}RegistrationInfo/{{{NAMESPACE}}}Documentation")
    return None if source != MARKER or argv is None else read_argv(argv)


def _parts(argv: Sequence[str], user: str) -> Sequence[tuple[str, _Content]]:
    return (
        (
            "RegistrationInfo",
            (
                ("Source", MARKER),
                ("Description", "Uploads files from watched folders to Edge Impulse."),
                ("Documentation", json.dumps(list(argv))),
            ),
        ),
        (
            "Triggers",
            (("LogonTrigger", (("Enabled", "true"), ("Repetition", (("Interval", REPEAT),)), ("UserId", user))),),
        ),
        (
            "Principals",
            (("Principal", (("UserId", user), ("LogonType", "InteractiveToken"), ("RunLevel", "LeastPrivilege"))),),
        ),
        (
            "Settings",
            (
                ("RestartOnFailure", (("Interval", "PT1M"), ("Count", "255"))),
                ("MultipleInstancesPolicy", "IgnoreNew"),
                ("DisallowStartIfOnBatteries", "false"),
                ("StopIfGoingOnBatteries", "false"),
                ("StartWhenAvailable", "true"),
                ("RunOnlyIfNetworkAvailable", "false"),
                ("Hidden", "false"),
                ("ExecutionTimeLimit", "PT0S"),  # without a limit
                ("Priority", "7"),  # below that of programs that a person uses
            ),
        ),
        ("Actions", (("Exec", (("Command", argv[0]), ("Arguments", command_line(argv[1:])))),)),
    )


def command_line(arguments: Sequence[str]) -> str:
    """Return the arguments as one text, which a program of Windows takes apart again as it was.

    Source: Microsoft, "Parsing C++ command-line arguments". (The standard library has it only in `subprocess`.)
    """
    return " ".join(map(_quoted, arguments))


def _quoted(argument: str) -> str:
    text, slashes = "", 0
    for character in argument:
        if character == '"':
            text += "\\" * (slashes + 1)  # each backslash before a quotation mark is doubled, and the mark is escaped
        slashes = slashes + 1 if character == "\\" else 0
        text += character
    is_one_word = argument and " " not in argument and "\t" not in argument
    return text if is_one_word else f'"{text}{chr(92) * slashes}"'


def _add(above: ElementTree.Element, name: str, content: _Content) -> None:
    element = ElementTree.SubElement(above, name)
    if isinstance(content, str):
        element.text = content
        return
    for inner, text in content:
        _add(element, inner, text)
