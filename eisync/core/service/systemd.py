"""Write the unit of a user's own systemd, and read back what it runs.

`systemd/user/eisync.service` of the sources is made from the same text (docs/generate.py).

Sources: systemd.service(5), "COMMAND LINES"; systemd.syntax(7), "QUOTING"; systemd.unit(5), "SPECIFIERS".
"""

import json
import re
from collections.abc import Sequence

from eisync.core.service.definition import MARKER, Command, Definition, Invocation, read_argv

NAME = "eisync.service"

_HEAD = """\
# Written by '{marker}', which overwrites changes. 'eisync service uninstall' removes it; a drop-in stays:
# systemctl --user edit eisync
# runs: {argv}

"""

_UNIT = """\
[Unit]
Description=eisync: files from watched folders into Edge Impulse
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
WatchdogSec=60
TimeoutStartSec=60
TimeoutStopSec=30
Restart=always
RestartSec=5
RestartPreventExitStatus=78

ExecStart={run}
ExecReload={reload}

# What a user's own systemd can take away. Your files are open to it as they are to you.
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""

_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
_RUNS = re.compile(rb"^# runs: (\[.*\])$", re.MULTILINE)


def unit(run: str, reload: str) -> str:
    """Return the text of the unit, for these two command lines in systemd's own syntax."""
    return _UNIT.format(run=run, reload=reload)


def definition(wanted: Invocation, config_home: str, *, user: str) -> Definition:
    """Return the service for the user's systemd. `config_home` is ~/.config."""
    argv = wanted.run("run")
    head = _HEAD.format(marker=MARKER, argv=json.dumps(argv))
    text = head + unit(quoted(argv), quoted(wanted.argv("config", "reload")))
    return Definition(
        manager="systemd",
        path=f"{config_home}/systemd/user/{NAME}",
        content=text.encode(),
        load=(_systemctl("daemon-reload"), _systemctl("enable", NAME), _systemctl("restart", NAME)),
        unload=(_systemctl("disable", "--now", NAME),),
        forget=(_systemctl("daemon-reload", may_fail=True), _systemctl("reset-failed", NAME, may_fail=True)),
        query=_systemctl("is-active", NAME),
        start="systemctl --user restart eisync",
        log="journalctl --user -u eisync",
        notes=(
            f"It runs while you are logged in. To have it run from the start of the machine on: "
            f"loginctl enable-linger {user}",
        ),
    )


def argv_of(content: bytes) -> list[str] | None:
    """Return the command line in a unit that eisync wrote; None for one that it did not."""
    found = _RUNS.search(content)
    if MARKER.encode() not in content or found is None:
        return None
    return read_argv(found[1])


def quoted(argv: Sequence[str]) -> str:
    """Return the command line in systemd's syntax. Nothing in it is expanded."""
    return " ".join(map(_quoted, argv))


def _quoted(part: str) -> str:
    if _PLAIN.fullmatch(part):
        return part
    text = "".join(map(_escaped, part))
    return f'"{text}"'


def _escaped(character: str) -> str:
    if character in "%$":
        return 2 * character
    if character in '"\\':
        return f"\\{character}"
    if character < " " or "\udc80" <= character <= "\udcff" or character == "\x7f":
        return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    return character


def _systemctl(*arguments: str, may_fail: bool = False) -> Command:
    return Command(argv=("systemctl", "--user", *arguments), may_fail=may_fail)
