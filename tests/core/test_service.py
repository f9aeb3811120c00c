"""What is written for each service manager is what it documents, and runs exactly the command line that was asked."""

import json
import plistlib
import shlex
import subprocess
from typing import Any
from xml.etree import ElementTree

import pytest

from eisync.core.service import launchd, systemd, windows
from eisync.core.service.definition import Invocation
from eisync.core.service.kinds import Person, argv_of, definition_for

ODD = [
    "/data/a b",
    '/data/"quoted"',
    "/data/50%",
    "/data/$HOME",
    "/data/back\\slash",
    "/data/ümlaut",
    "/data/;rm",
    "/d'",
]
WANTED = Invocation(
    python="/opt/py/bin/python",
    dirs=tuple(ODD),
    config="/home/ann/my config.toml",
    state_dir="/var/state",
    key_file="/home/ann/key",
)
ARGV = [
    "--config",
    "/home/ann/my config.toml",
    "--state-dir",
    "/var/state",
    "--api-key-file",
    "/home/ann/key",
    *ODD,
]
PERSON = Person(name="LAB\\ann", uid=501, home="/Users/ann", config_home="/home/ann/.config")


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_what_is_written_is_read_back_and_what_others_wrote_is_not(platform: str) -> None:
    definition = definition_for(platform, WANTED, PERSON)
    assert definition is not None
    argv = argv_of(definition, definition.content)
    assert argv is not None
    assert ["/opt/py/bin/python", "-P", "-m", "eisync"] == argv[:4]
    assert ARGV[4:] == argv[-len(ARGV[4:]) :]
    for content in (
        b"",
        b"[Unit]\n",
        b"<plist/>",
        plistlib.dumps({"Label": "io.eisync.agent"}),
        "<Task/>".encode("utf-16"),
    ):
        assert argv_of(definition, content) is None


@pytest.mark.parametrize(
    ("platform", "before", "after"),
    [
        ("linux", b'# runs: ["', b"# runs: ["),
        ("linux", b'# runs: ["', b'# runs: ["\xff'),
        ("win32", '["/opt'.encode("utf-16-le"), "[/opt".encode("utf-16-le")),
        ("darwin", b"UTF-8", b"UTF-0"),
        ("darwin", b"<dict>", b"<dict></dict>"),
    ],
)
def test_a_file_that_somebody_broke_counts_as_theirs(platform: str, before: bytes, after: bytes) -> None:
    definition = definition_for(platform, WANTED, PERSON)
    assert definition is not None
    broken = definition.content.replace(before, after, 1)
    assert broken != definition.content
    assert argv_of(definition, broken) is None


def test_other_systems_have_no_service_manager_that_is_known() -> None:
    assert definition_for("freebsd14", WANTED, PERSON) is None


# --- systemd


def test_the_unit_runs_the_command_line_as_it_is() -> None:
    content = systemd.definition(WANTED, "/home/ann/.config", user="ann").content.decode()
    [line] = [line for line in content.splitlines() if line.startswith("ExecStart=")]
    # Systemd's quoting in double quotes is that of a shell here, and it expands `%` and `$` unless they are doubled.
    plain = line.removeprefix("ExecStart=").replace("%%", "%").replace("$$", "$")
    assert ["/opt/py/bin/python", "-P", "-m", "eisync", "run", *ARGV] == shlex.split(plain)
    [reload] = [line for line in content.splitlines() if line.startswith("ExecReload=")]
    assert reload.endswith('config reload --config "/home/ann/my config.toml" --state-dir /var/state')


@pytest.mark.parametrize(
    ("part", "written"),
    [
        ("/a/b-c_d.e", "/a/b-c_d.e"),
        ("a b", '"a b"'),
        ("50%$", '"50%%$$"'),
        ('"\\', '"\\"\\\\"'),
        ("new\nline", '"new\\x0aline"'),
        ("not\udcffutf8", '"not\\xffutf8"'),
        ("", '""'),
    ],
)
def test_nothing_in_a_unit_is_expanded(part: str, written: str) -> None:
    assert written == systemd.quoted([part])


# --- launchd


def test_the_agent_has_what_launchd_documents() -> None:
    definition = launchd.definition(WANTED, "/Users/ann", uid=501)
    agent: dict[str, Any] = plistlib.loads(definition.content)
    log = "/Users/ann/Library/Logs/eisync/eisync.log"
    run = ["/opt/py/bin/python", "-P", "-m", "eisync", "service", "run", "--log-file", log, *ARGV]
    assert run == agent.pop("ProgramArguments")
    assert {
        "Label": "io.eisync.agent",
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": 30,
        "ProcessType": "Background",
        "Umask": 0o077,
        "StandardOutPath": "/Users/ann/Library/Logs/eisync/start.log",
        "StandardErrorPath": "/Users/ann/Library/Logs/eisync/start.log",
    } == agent
    assert "/Users/ann/Library/LaunchAgents/io.eisync.agent.plist" == definition.path
    assert ("launchctl", "bootstrap", "gui/501", definition.path) == definition.load[-1].argv


# --- Windows

# The children of each element in the order of the schema, as far as the task has them.
# Source: Microsoft, "Task Scheduler Schema": settingsType, triggerBaseType, logonTriggerType, restartType …
ORDER = {
    "Task": ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"],
    "RegistrationInfo": [
        "URI",
        "SecurityDescriptor",
        "Source",
        "Date",
        "Author",
        "Version",
        "Description",
        "Documentation",
    ],
    "Triggers": ["LogonTrigger"],
    "LogonTrigger": ["Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit", "UserId", "Delay"],
    "Repetition": ["Interval", "Duration", "StopAtDurationEnd"],
    "Principals": ["Principal"],
    "Principal": ["UserId", "LogonType", "GroupId", "DisplayName", "RunLevel"],
    "Settings": [
        "AllowStartOnDemand",
        "RestartOnFailure",
        "MultipleInstancesPolicy",
        "DisallowStartIfOnBatteries",
        "StopIfGoingOnBatteries",
        "AllowHardTerminate",
        "StartWhenAvailable",
        "NetworkProfileName",
        "RunOnlyIfNetworkAvailable",
        "WakeToRun",
        "Enabled",
        "Hidden",
        "DeleteExpiredTaskAfter",
        "IdleSettings",
        "NetworkSettings",
        "ExecutionTimeLimit",
        "Priority",
        "RunOnlyIfIdle",
    ],
    "RestartOnFailure": ["Interval", "Count"],
    "Actions": ["Exec"],
    "Exec": ["Command", "Arguments", "WorkingDirectory"],
}


def test_the_task_has_the_elements_of_the_schema_in_its_order() -> None:
    content = windows.definition(WANTED, "C:\\Users\\ann", user="LAB\\ann").content
    assert content.startswith(b"\xff\xfe")  # UTF-16, little-endian, as schtasks reads it
    text = content.decode("utf-16")
    assert text.startswith('<?xml version="1.0" encoding="UTF-16"?>\n')
    task = ElementTree.fromstring(text)
    assert "1.2" == task.get("version")
    for element in task.iter():
        space, _, name = element.tag.removeprefix("{").partition("}")
        assert "http://schemas.microsoft.com/windows/2004/02/mit/task" == space
        children = [child.tag.partition("}")[2] for child in element]
        assert children == [one for one in ORDER.get(name, []) if one in children], name


def found(task: ElementTree.Element, path: str) -> str | None:
    return task.findtext("/".join(f"{{{windows.NAMESPACE}}}{name}" for name in path.split("/")))


def test_the_task_runs_at_logon_without_limits_and_again_when_it_ended() -> None:
    wanted = Invocation(python="C:\\Program Files\\Python\\pythonw.exe", dirs=("C:\\my data\\",))
    definition = windows.definition(wanted, "C:\\Users\\ann", user="LAB\\ann")
    task = ElementTree.fromstring(definition.content.decode("utf-16"))
    assert {
        "Triggers/LogonTrigger/UserId": "LAB\\ann",
        "Triggers/LogonTrigger/Repetition/Interval": "PT5M",
        "Principals/Principal/UserId": "LAB\\ann",
        "Principals/Principal/LogonType": "InteractiveToken",
        "Principals/Principal/RunLevel": "LeastPrivilege",
        "Settings/MultipleInstancesPolicy": "IgnoreNew",
        "Settings/DisallowStartIfOnBatteries": "false",
        "Settings/StopIfGoingOnBatteries": "false",
        "Settings/ExecutionTimeLimit": "PT0S",
        "Actions/Exec/Command": "C:\\Program Files\\Python\\pythonw.exe",
        "Actions/Exec/Arguments": '-P -m eisync service run --log-file C:\\Users\\ann\\eisync.log "C:\\my data\\\\"',
    } == {
        path: found(task, path)
        for path in (
            "Triggers/LogonTrigger/UserId",
            "Triggers/LogonTrigger/Repetition/Interval",
            "Principals/Principal/UserId",
            "Principals/Principal/LogonType",
            "Principals/Principal/RunLevel",
            "Settings/MultipleInstancesPolicy",
            "Settings/DisallowStartIfOnBatteries",
            "Settings/StopIfGoingOnBatteries",
            "Settings/ExecutionTimeLimit",
            "Actions/Exec/Command",
            "Actions/Exec/Arguments",
        )
    }
    principal = task.find(f"{{{windows.NAMESPACE}}}Principals/{{{windows.NAMESPACE}}}Principal")
    actions = task.find(f"{{{windows.NAMESPACE}}}Actions")
    assert principal is not None
    assert actions is not None
    assert principal.get("id") == actions.get("Context")
    assert ["-P", "-m"] == json.loads(found(task, "RegistrationInfo/Documentation") or "[]")[1:3]
    assert "eisync-ann" == definition.load[0].argv[3]


@pytest.mark.parametrize(
    "arguments", [["a b", "c\\"], ['x"y\\\\"z'], ["", "a\tb"], ["C:\\a b\\"], ["plain\\"], ['a "b\\" c'], ["'"]]
)
def test_the_command_line_of_windows_is_that_of_the_standard_library(arguments: list[str]) -> None:
    assert subprocess.list2cmdline(arguments) == windows.command_line(arguments)
