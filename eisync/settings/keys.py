"""Find and read API keys without ever showing them.

A key comes from a file, an environment variable, or the configuration file if only its owner can read that. It never
comes from the command line, which all users of the machine can read. `core.api_key` knows the forms in which people
store keys. Nothing here prints, logs or quotes a key: messages name the place, and `KeySource` cannot show more.
"""

import os
import stat
import sys
from collections.abc import Mapping

from pydantic import SecretStr

from eisync.core.api_key import clean, text_of
from eisync.core.redaction import KEYS
from eisync.errors import ConfigurationError
from eisync.paths import absolute
from eisync.settings.watch import Target

SECRETS_DIR = "/run/secrets"
KEY_LIMIT_BYTES = 4096

_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

Token = tuple[int, ...]


class KeySource:
    """A place that has an API key. Reading it again is safe and returns a new key. Its repr shows only the place."""

    __slots__ = ("_cleaned", "_doubts", "_file", "_place", "_value")

    def __init__(self, place: str, *, file: str | None = None, value: str | None = None) -> None:
        if (file is None) == (value is None):
            raise ValueError("a key comes from a file or is a value")
        self._place = place
        self._file = file
        self._doubts = 0
        self._value = None if value is None else SecretStr(value)
        self._cleaned: tuple[str, str] | None = None  # what was read last, and the key in it

    def __repr__(self) -> str:
        return f"<KeySource {self._place}>"

    def describe(self) -> str:
        """Return the place, for a person: `file /etc/eisync/key`, `environment variable EI_API_KEY`."""
        return self._place

    def is_same(self, other: "KeySource") -> bool:
        """Return whether the key comes from the same place, and is the same one if it is not in a file of its own."""
        return (self._place, self._file, self._value) == (other._place, other._file, other._value)

    def read(self) -> str:
        """Return the current key. Raises ConfigurationError, which names the place and never the content."""
        try:
            key = self._key_in(
                self._value.get_secret_value() if self._value is not None else text_of(self._read_file())
            )
        except ValueError as error:
            raise ConfigurationError(f"{self._place}: {error}") from None  # the cause could show a part of the key
        if not key:
            raise ConfigurationError(f"{self._place}: is empty: put the project's API key in it")
        KEYS.learn(key)
        return key

    def _key_in(self, text: str) -> str:
        cleaned = self._cleaned  # one look, because another thread may replace it
        if cleaned is None or cleaned[0] != text:
            cleaned = self._cleaned = (text, clean(text))
        return cleaned[1]

    def token(self) -> Token | None:
        """Return a value that differs when the key may be new: from mtime, size and inode of its file, if it has one.

        None when the file is missing or the place is no file, and the key is not in doubt.
        """
        facts = self._facts()
        found = () if facts is None else (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        return (*found, self._doubts) if self._doubts else found or None

    def doubt(self) -> None:
        """Let `token` differ, because a person says that the service may accept the key now. Safe from any thread."""
        self._doubts += 1

    def warning(self) -> str | None:
        """Return a sentence about wrong permissions of the key's file; None when they are right."""
        facts = self._facts()
        if self._file is None or facts is None or not _is_open(facts, self._file):
            return None
        return (
            f"{self._place}: other users of this machine can read the API key in it (permissions "
            f"{stat.S_IMODE(facts.st_mode):04o}): run 'chmod 600 {self._file}'"
        )

    def _facts(self) -> os.stat_result | None:
        if self._file is None:
            return None
        try:
            return os.stat(self._file)
        except OSError:
            return None

    def _read_file(self) -> bytes:
        assert self._file is not None
        try:
            # A FIFO or a terminal would block forever, and could not be read a second time.
            descriptor = os.open(self._file, os.O_RDONLY | _WITHOUT_WAITING)
            with open(descriptor, "rb") as file:
                facts = os.fstat(descriptor)
                if not stat.S_ISREG(facts.st_mode):
                    raise ConfigurationError(f"{self._place}: is not a regular file")
                if facts.st_mode & stat.S_IWOTH and _is_open(facts, self._file):
                    raise ConfigurationError(
                        f"{self._place}: any user of this machine can replace the API key in it: make sure that it "
                        f"is yours, then run 'chmod 600 {self._file}'"
                    )
                raw = file.read(KEY_LIMIT_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(f"{self._place}: cannot be read: {error.strerror or error}") from error
        if len(raw) > KEY_LIMIT_BYTES:
            raise ConfigurationError(f"{self._place}: is too long to be an API key")
        return raw


def _is_open(facts: os.stat_result, path: str) -> bool:
    """Return whether other users may read or write a key file that belongs to us.

    As in ssh, a file of another owner is not checked, for example one of root that our group may read. Secrets of
    Docker, Kubernetes or systemd are not checked either, because these programs set the permissions.
    """
    if sys.platform == "win32" or facts.st_uid != os.geteuid() or not facts.st_mode & 0o077:
        return False
    place = os.path.realpath(path)
    handed_over = (SECRETS_DIR, "/run/secrets", "/run/credentials", "/var/run/secrets")
    return not any(place.startswith(os.path.join(os.path.realpath(folder), "")) for folder in handed_over) and not (
        os.statvfs(place).f_flag & os.ST_RDONLY
    )


def find_key(
    target: Target,
    *,
    api_key_file: str | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
    own_first: bool = False,
    config_name: str = "eisync.toml",
) -> KeySource:
    """Return the first place that has a key for `target`. The key is not read yet.

    `api_key_file` is the value of the flag. Pass `own_first` when there are several targets: then a target's own key
    wins over the places for all targets. Raises ConfigurationError, which lists every place that was checked.
    """
    environ = os.environ if environ is None else environ
    common = _common_places(api_key_file, environ, cwd)
    own = _own_places(target, config_name)
    places = own + common if own_first else common + own
    for _, found in places:
        if isinstance(found, KeySource):
            return found
    checked = "; ".join(f"{place} ({why})" for place, why in places)
    raise ConfigurationError(
        f'there is no API key for the target "{target.name}". eisync looked for it in this order: {checked}'
    )


_Places = list[tuple[str, KeySource | str]]


def _common_places(flag: str | None, environ: Mapping[str, str], cwd: str | None) -> _Places:
    """Return each place for all targets, with the source found there or the reason why there is none."""

    def named(path: str | None) -> KeySource | None:
        return _from_file(absolute(path, cwd=cwd, environ=environ)) if path else None

    def present(path: str) -> KeySource | str:
        return _from_file(path) if os.path.lexists(path) else "no such file"

    def variable(name: str) -> KeySource | str:
        value = environ.get(name, "")
        return KeySource(f"environment variable {name}", value=value) if _holds_something(value) else "not set"

    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return [
        ("--api-key-file", named(flag) or "not given"),
        ("EISYNC_API_KEY_FILE", named(environ.get("EISYNC_API_KEY_FILE")) or "not set"),
        ("$CREDENTIALS_DIRECTORY/api_key", present(f"{credentials}/api_key") if credentials else "not set"),
        (f"{SECRETS_DIR}/ei_api_key", present(f"{SECRETS_DIR}/ei_api_key")),
        ("EISYNC_API_KEY", variable("EISYNC_API_KEY")),
        ("EI_API_KEY", variable("EI_API_KEY")),
    ]


def _holds_something(value: str) -> bool:
    """Return whether the value has more than blanks and quotes."""
    try:
        return bool(clean(value))
    except ValueError:
        return True


def _own_places(target: Target, config_name: str) -> _Places:
    """Return the places that the target's own table names."""
    file = _from_file(os.fspath(target.api_key_file)) if target.api_key_file is not None else "not set"
    places: _Places = [(f"api_key_file in {config_name}", file)]
    if target.api_key is not None:
        places.append(
            (
                f"api_key in {config_name}",
                KeySource(f"api_key in {config_name}", value=target.api_key.get_secret_value()),
            )
        )
    return places


def _from_file(path: str) -> KeySource:
    return KeySource(f"file {path}", file=path)
