"""Install eisync in a folder of its own, as a person would, and run real processes. The demo uses it, too."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from eisync.adapters import clock
from eisync.paths import unconfigured

_END_WITHIN_S = 30
_LOOK_EVERY_S = 0.2


class Emulator(Protocol):
    """The emulator to which files are uploaded."""

    @property
    def studio_url(self) -> str:
        """The base URL of Studio."""

    @property
    def ingestion_url(self) -> str:
        """The base URL of the ingestion service."""

    @property
    def key(self) -> str:
        """An admin key."""

    def ledger(self) -> dict[str, Any]:
        """Return the counts."""

    def set_faults(self, *rules: Any, seed: int = 0) -> None:
        """Replace all rules of faults."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended: its exit code and its output."""

    code: int
    said: str


@dataclass(slots=True, kw_only=True)
class Installation:
    """A folder for recordings, a state folder and a configuration, in the folder `place`. The caller makes `place`.

    `watch` and `tables` are options of the configuration. `state` is in `place` unless it is given.
    """

    place: str
    service: Emulator
    target: str = "main"
    state: str = ""
    watch: Mapping[str, object] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    _started: int = 0

    def __post_init__(self) -> None:
        self.state = self.state or os.path.join(self.place, "state")

    @property
    def recordings(self) -> str:
        """The watched folder."""
        return os.path.join(self.place, "recordings")

    def prepare(self) -> None:
        """Make the folders, the key file and the configuration. Raises OSError."""
        os.makedirs(self.recordings, exist_ok=True)
        key_file = os.path.join(self.place, "key")
        with open(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(self.service.key)
        with open(self._configuration, "w", encoding="utf-8") as file:
            file.write("\n".join(self._lines(key_file)) + "\n")

    def record(self, name: str, content: bytes) -> None:
        """Write a recording safely: under another name first, then renamed."""
        path = os.path.join(self.recordings, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".part", "wb") as file:
            file.write(content)
        os.replace(path + ".part", path)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the daemon. Its output goes to a new log file in `place`."""
        self._started += 1
        with open(self._log, "wb") as log:
            # In a session of its own, so that Ctrl-C reaches only this process, which then ends the daemon.
            return subprocess.Popen(
                self._command("run"),
                env=unconfigured(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run a daemon, and end it at the end of the block."""
        daemon = self.start()
        try:
            yield
        finally:
            end(daemon)

    def run(self, *arguments: str, within_s: float, pause: Callable[[float], object]) -> Done:
        """Run another command to its end. `pause` is called again and again; an exception from it ends the command.

        Raises TimeoutError if the command does not end within `within_s`.
        """
        ends_at = clock.monotonic() + within_s
        process = subprocess.Popen(
            self._command(*arguments),
            env=unconfigured(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while True:
                try:
                    said, _ = process.communicate(timeout=_LOOK_EVERY_S)
                    return Done(process.returncode, said.decode("utf-8", "replace"))
                except subprocess.TimeoutExpired:
                    pause(0)
                if clock.monotonic() > ends_at:
                    raise TimeoutError(f"'eisync {arguments[0]}' did not end within {within_s:.0f} s")
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def log(self) -> str:
        """Return the output of the last daemon."""
        with open(self._log, encoding="utf-8", errors="replace") as log:
            return log.read()

    @property
    def _log(self) -> str:
        return os.path.join(self.place, f"daemon-{self._started}.log")

    @property
    def _configuration(self) -> str:
        return os.path.join(self.place, "eisync.toml")

    def _command(self, *arguments: str) -> list[str]:
        given = ["--config", self._configuration, "--state-dir", self.state]
        return [sys.executable, "-m", "eisync", *arguments, *given]

    def _lines(self, key_file: str) -> Iterator[str]:
        yield "[[target]]"
        yield from _options({"name": self.target, "api_key_file": key_file})
        yield from _options({"studio_url": self.service.studio_url, "ingestion_url": self.service.ingestion_url})
        yield "[[watch]]"
        yield from _options({"path": self.recordings, **self.watch})
        for table, options in self.tables.items():
            yield f"[{table}]"
            yield from _options(options)


def end(daemon: "subprocess.Popen[bytes]") -> None:
    """Terminate the process, and kill it if that does not help."""
    daemon.terminate()
    try:
        daemon.wait(timeout=_END_WITHIN_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _options(options: Mapping[str, object]) -> Iterator[str]:
    # Texts, numbers and booleans have the same form in TOML as in JSON.
    return (f"{name} = {json.dumps(value)}" for name, value in options.items())
