"""Say what a service manager needs: a file with what to run, and the commands that load, unload and query it.

Everything here is data. `eisync.app.service` writes the file and runs the commands.
"""

import json
from collections.abc import Sequence

from eisync.core.model import value

MARKER = "eisync service install"
"""Stands in the files that `eisync service install` writes. A property list has no room for it: its label is ours."""


@value(kw_only=True)
class Command:
    """A command of the service manager. `may_fail`: its failure means that there was nothing to do.

    `tries`: how often it is tried, a second apart.
    """

    argv: tuple[str, ...]
    may_fail: bool = False
    tries: int = 1


@value(kw_only=True)
class Invocation:
    """How the service runs eisync. All paths are absolute.

    `python` is the interpreter. `config` and `state_dir` are named only if eisync would not find them by itself.
    """

    python: str
    dirs: tuple[str, ...] = ()
    config: str | None = None
    state_dir: str | None = None
    key_file: str | None = None

    def argv(self, *verb: str) -> tuple[str, ...]:
        """Return the command line for a verb, without folders and key."""
        return (self.python, "-P", "-m", "eisync", *verb, *_option("--config", self.config), *self._state())

    def run(self, *verb: str) -> tuple[str, ...]:
        """Return the command line that watches the folders, for `run` or what stands in its place."""
        # A folder whose name begins with a dash is absolute here, so it is no option.
        return (*self.argv(*verb), *_option("--api-key-file", self.key_file), *self.dirs)

    def _state(self) -> Sequence[str]:
        return _option("--state-dir", self.state_dir)


@value(kw_only=True)
class Definition:
    """A service as its manager gets it.

    `path` and `content`: the file. `load` is run after it was written, `unload` before it is removed, `forget` after
    that. `query` succeeds when the manager knows the service. `notes` are sentences for the person who installs it.
    """

    manager: str
    path: str
    content: bytes
    load: tuple[Command, ...]
    unload: tuple[Command, ...]
    forget: tuple[Command, ...] = ()
    query: Command
    start: str
    log: str
    notes: tuple[str, ...] = ()


def read_argv(text: str | bytes) -> list[str] | None:
    """Return the command line that was written into a file as JSON; None when somebody changed it."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return [str(part) for part in found] if isinstance(found, list) else None


def _option(name: str, given: str | None) -> Sequence[str]:
    return () if given is None else (name, given)
