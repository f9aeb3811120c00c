"""Find the configuration file and the state folder.

This module is cheap to import, because `eisync status` needs nothing else. It uses no pydantic and no pathlib. It
imports tomllib and platformdirs (8 and 20 ms on a slow machine) only when they are needed. Paths are `str`, so that
names that are not UTF-8 survive; returned paths are absolute. `environ` and `cwd` default to those of the process.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any, Literal

from eisync.errors import ConfigurationError

FILE_NAME = "eisync.toml"
SYSTEM_FILE = "/etc/eisync/eisync.toml"
SYSTEM_STATE = "/var/lib"
"""Where systemd makes the state folders of its units."""


def config_file(
    explicit: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> str | None:
    """Return the configuration file to read; None when there is none.

    The order is: `explicit`, EISYNC_CONFIG, ./eisync.toml, the user's configuration folder, /etc/eisync/eisync.toml.
    Raise ConfigurationError when a file that was named (the first two) is missing.
    """
    environ = os.environ if environ is None else environ
    for named, giver in ((explicit, "--config"), (environ.get("EISYNC_CONFIG"), "EISYNC_CONFIG")):
        if named:
            path = absolute(named, cwd=cwd, environ=environ)
            if not os.path.exists(path):
                raise ConfigurationError(f"{giver}: there is no file {path}: create it, or name another")
            return path
    here = absolute(FILE_NAME, cwd=cwd)
    if os.path.isfile(here):
        return here
    for path in (os.path.join(_user_dir("config", environ), FILE_NAME), SYSTEM_FILE):
        if os.path.isabs(path) and os.path.isfile(path):
            return path
    return None


def state_dir(
    explicit: str | None = None,
    *,
    config: str | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> str:
    """Return the state folder, whether or not it exists. `config` is the value of `--config`.

    The order is: `explicit`, EISYNC_STATE_DIR (or EISYNC_STATE__DIR), `dir` of the table [state], STATE_DIRECTORY
    (which systemd sets), the folder of the unit whose configuration file this is, the user's state folder. Raise
    ConfigurationError when the configuration file cannot be read.
    """
    environ = os.environ if environ is None else environ
    named = explicit or environ.get("EISYNC_STATE_DIR") or environ.get("EISYNC_STATE__DIR")
    if named:
        return absolute(named, cwd=cwd, environ=environ)
    file = config_file(config, environ=environ, cwd=cwd)
    table = read_toml(file, cwd=cwd)[0].get("state") if file else None
    written = table.get("dir") if isinstance(table, dict) else None
    if written is not None:
        if not isinstance(written, str) or not written or "\0" in written:
            raise ConfigurationError(f"{shown(file or FILE_NAME, cwd=cwd)}: state.dir: must be a path in quotes")
        return absolute(written, cwd=os.path.dirname(file or ""), environ=environ)
    # systemd separates several state folders of a unit with colons; ours is the first.
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return absolute(given, cwd=cwd)
    path = _unit_state_dir(file) or _user_dir("state", environ)
    if not os.path.isabs(path):  # a container's user without a home folder
        raise ConfigurationError(
            "there is no home folder to keep the state in: give --state-dir or set EISYNC_STATE_DIR"
        )
    return path


def is_system_file(file: str | None) -> bool:
    """Return whether the configuration file is one of those that the units read, which are in /etc/eisync."""
    return file is not None and os.path.dirname(file) == os.path.dirname(SYSTEM_FILE)


def _unit_state_dir(file: str | None) -> str | None:
    """Return the state folder of the unit that reads this configuration file; None if no such unit ever ran.

    This is /var/lib/eisync for /etc/eisync/eisync.toml, and /var/lib/eisync-lab for /etc/eisync/lab.toml, which the
    unit eisync@lab reads. So the command line finds the daemon, and never makes a second state of the same files.
    """
    if file is None or not is_system_file(file):
        return None
    name = os.path.splitext(os.path.basename(file))[0]
    path = os.path.join(SYSTEM_STATE, "eisync" if file == SYSTEM_FILE else f"eisync-{name}")
    return path if os.path.isdir(path) else None


def notify_socket(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the address of systemd's notification socket; None when systemd expects no notifications."""
    return (os.environ if environ is None else environ).get("NOTIFY_SOCKET") or None


def is_journal(descriptor: int, environ: Mapping[str, str] | None = None) -> bool:
    """Return whether the descriptor of an open file leads to the journal of systemd (systemd.exec(5)).

    A child of a service inherits the variable even if its output goes elsewhere, so the file itself is compared.
    """
    device, _, inode = (os.environ if environ is None else environ).get("JOURNAL_STREAM", "").partition(":")
    try:
        facts = os.fstat(descriptor)
        return (int(device), int(inode)) == (facts.st_dev, facts.st_ino)
    except (OSError, ValueError):
        return False


def proxy_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of the variables that name a proxy. Their values may hold a password."""
    environ = os.environ if environ is None else environ
    names = ("https_proxy", "http_proxy", "all_proxy")
    return [one for name in names for one in (name, name.upper()) if environ.get(one)]


def unconfigured(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without the variables that configure eisync or an official client.

    For an eisync of ours beside the person's own: a key or an address of theirs must not reach it.
    """
    environ = os.environ if environ is None else environ
    return {name: value for name, value in environ.items() if not name.startswith(("EI_", "EISYNC_"))}


def for_a_service(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment as a service of this user has it: without what only this shell set for eisync."""
    names = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "NOTIFY_SOCKET")
    return {name: value for name, value in unconfigured(environ).items() if name not in names}


def sqlite_temporary(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the folder in which SQLite keeps temporary files on Unix; None when there is none, and on Windows.

    Source: sqlite.org, "Temporary Files Used By SQLite", section 5.
    """
    if sys.platform == "win32":
        return None
    environ = os.environ if environ is None else environ
    places = [environ.get("SQLITE_TMPDIR"), environ.get("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp"]  # noqa: S108
    usable = (place for place in places if place and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK))
    return next(usable, None)


def service_home(platform: str, environ: Mapping[str, str] | None = None) -> tuple[str, str, str]:
    r"""Return who this user is for a service manager: the name (`DOMAIN\name` on Windows), the home folder, and the
    folder in which the manager's file lies (Windows: that of eisync)."""
    import getpass  # here: most commands need it not

    environ = os.environ if environ is None else environ
    name, home = getpass.getuser(), _expanded("~", environ)
    if platform == "win32":
        domain = environ.get("USERDOMAIN", "")
        return (f"{domain}\\{name}" if domain else name), home, _user_dir("config", environ)
    return name, home, environ.get("XDG_CONFIG_HOME", "").strip() or os.path.join(home, ".config")


def read_toml(path: str, *, cwd: str | None = None) -> tuple[dict[str, Any], str]:
    """Return the content of the TOML file, and its text. Raise ConfigurationError, such as `eisync.toml:7: …`."""
    import tomllib  # only here: 20 ms

    name = shown(path, cwd=cwd)
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read: {error.strerror or error}") from error
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{name}:{line}: is not UTF-8: save the file in that encoding") from error
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}:{_syntax_fault(str(error), text)}") from error
    except RecursionError as error:
        raise ConfigurationError(f"{name}: is nested too deeply to be a configuration") from error


def absolute(text: str, *, cwd: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Return `text` as an absolute path: expand `~`, and join a relative path to `cwd`. Do not resolve links."""
    expanded = _expanded(text, os.environ if environ is None else environ)
    return os.path.abspath(os.path.join(cwd or os.getcwd(), expanded))


def shown(path: str, *, cwd: str | None = None) -> str:
    """Return `path` for display: relative when it is below the current folder, which is not the root."""
    folder = cwd or os.getcwd()
    return path.removeprefix(os.path.join(folder, "") if folder != os.path.sep else "") or path


def _user_dir(kind: Literal["config", "state"], environ: Mapping[str, str]) -> str:
    """Return the user's folder for eisync. It is not absolute when the user has no home folder.

    On Linux this repeats the two lines that platformdirs would run, because importing it takes 20 ms and it takes no
    environment as argument.
    """
    platform: str = sys.platform  # a plain str, because mypy would only check the branch of its own platform
    if platform == "linux":
        variable, below = {"config": ("XDG_CONFIG_HOME", "~/.config"), "state": ("XDG_STATE_HOME", "~/.local/state")}[
            kind
        ]
        root = environ.get(variable, "").strip() or _expanded(below, environ)
        return os.path.join(root, "eisync")
    import platformdirs

    return (platformdirs.user_config_dir if kind == "config" else platformdirs.user_state_dir)(
        "eisync", appauthor=False
    )


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    if environ.get("HOME") and (text == "~" or text.startswith("~/")):
        return environ["HOME"] + text[1:]
    return os.path.expanduser(text)


def _syntax_fault(message: str, text: str) -> str:
    """Return tomllib's message as `7: this is not TOML: …`. Its exception has no line number before Python 3.14."""
    import re  # only here: 8 ms

    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    what = message[: place.start()] if place else message
    what = "this key was given before" if what == "Cannot overwrite a value" else f"this is not TOML: {what}"
    line = (place and place[1]) or str(text.rstrip("\n").count("\n") + 1)
    return f"{line}: {what}" + (f" (column {place[2]})" if place and place[2] else "")


def is_dumb_terminal() -> bool:
    """Return whether the terminal cannot move its cursor (TERM=dumb), as that of an editor."""
    return os.environ.get("TERM") == "dumb"


def refuses_colours() -> bool:
    """Return whether a person wants no colours (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))
