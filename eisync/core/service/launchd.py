"""Write the property list of a launchd agent (macOS), and read back what it runs.

launchd cannot tell exit codes apart: `eisync service run` ends with 0 where another start would not help, and launchd
starts it again after every other end.

Sources: launchd.plist(5), launchctl(1).
"""

import plistlib
from xml.parsers.expat import ExpatError

from eisync.core.service.definition import Command, Definition, Invocation

LABEL = "io.eisync.agent"
THROTTLE_S = 10
EXIT_WITHIN_S = 30
"""More than drain_timeout_s (20 s), so that the requests under way may end."""


def definition(wanted: Invocation, home: str, *, uid: int) -> Definition:
    """Return the service for the user's launchd."""
    logs = f"{home}/Library/Logs/eisync"
    path = f"{home}/Library/LaunchAgents/{LABEL}.plist"
    domain = f"gui/{uid}"
    return Definition(
        manager="launchd",
        path=path,
        content=plistlib.dumps(_agent(wanted, logs), sort_keys=False),
        # A service that was unloaded takes a moment to go; until then it cannot be loaded again.
        load=(
            Command(argv=("launchctl", "enable", f"{domain}/{LABEL}")),
            Command(argv=("launchctl", "bootout", f"{domain}/{LABEL}"), may_fail=True),
            Command(argv=("launchctl", "bootstrap", domain, path), tries=5),
        ),
        unload=(Command(argv=("launchctl", "bootout", f"{domain}/{LABEL}"), may_fail=True),),
        query=Command(argv=("launchctl", "print", f"{domain}/{LABEL}")),
        start=f"launchctl kickstart -k {domain}/{LABEL}",
        log=f"tail -f {logs}/eisync.log",
        notes=(
            "It runs while you are logged in.",
            "If a watched folder is in Documents, Desktop or Downloads, or on another disk, macOS asks whether Python "
            "may read it: allow it (System Settings, Privacy & Security, Files and Folders).",
        ),
    )


def argv_of(content: bytes) -> list[str] | None:
    """Return the command line in a property list that eisync wrote; None for one that it did not."""
    try:
        agent = plistlib.loads(content)
    except (plistlib.InvalidFileException, ExpatError, ValueError, LookupError):
        return None
    argv = agent.get("ProgramArguments") if isinstance(agent, dict) else None
    if not isinstance(argv, list) or agent.get("Label") != LABEL or argv[4:6] != ["service", "run"]:
        return None
    return [str(part) for part in argv]


def _agent(wanted: Invocation, logs: str) -> dict[str, object]:
    return {
        "Label": LABEL,
        "ProgramArguments": list(wanted.run("service", "run", "--log-file", f"{logs}/eisync.log")),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": THROTTLE_S,
        "ExitTimeOut": EXIT_WITHIN_S,
        "ProcessType": "Background",
        "Umask": 0o077,
        # What is printed before the log is open.
        "StandardOutPath": f"{logs}/start.log",
        "StandardErrorPath": f"{logs}/start.log",
    }
