"""Gather what helps to find a fault, for one archive that a person sends to others.

Whatever fails while it is gathered becomes a sentence in its place: the bundle is wanted most where much is broken.
"""

import io
import json
import os
import platform
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from eisync._version import __version__
from eisync.adapters import clock, machine, process
from eisync.app.doctor.examination import Wanted, examine
from eisync.core.anonymise import Anonymiser, names_in
from eisync.core.redaction import KEYS
from eisync.core.text import printable_lines
from eisync.errors import ConfigurationError, EisyncError, FolderError
from eisync.settings import Settings, load, without_secrets
from eisync.store.inspection import sqlite_version

MAX_HISTORY = 2_000
MAX_ACTIONS = 500

Ask = Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]

ENTRIES: Mapping[str, str] = {
    "README.txt": "this text",
    "versions.json": "the versions of eisync, of Python, of its libraries and of the system",
    "settings.json": "the options in use, without secrets",
    "doctor.json": "what 'eisync doctor' found",
    "status.json": "what 'eisync status' shows",
    "watched.json": "the folders that the running eisync watches, with their options",
    "plans.json": "what waits for approval, and the last actions",
    "history.json": f"the last {MAX_HISTORY:,} events of files",
    "log.json": "the last log lines of the running eisync",
    "database.json": "how the database is built, and how many rows it has",
}
_INTRODUCTION = """\
This archive was made by 'eisync support-bundle'. It helps to find a fault of eisync.

Read it before you send it. It holds no API key and no content of a file. {names}

"""
_WITH_NAMES = (
    "It does hold names: of folders, files, labels, targets, this machine\nand its users. 'eisync support-bundle "
    "--anonymise' replaces them."
)
_WITHOUT_NAMES = (
    "Names of folders, files, labels and of this machine\nwere replaced by made-up words that are the same everywhere "
    "in this archive. Words\nthat say nothing (data, home, training), endings of files, names of targets and numbers\n"
    "stayed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRequest:
    """What a command line asks for."""

    config: str | None
    state_dir: str | None
    is_anonymous: bool


def bundle(request: SupportRequest, ask: Ask) -> bytes:
    """Return the archive (tar.gz). `ask` answers the operations of `eisync.control`. Call it in the main thread."""
    settings, shown = _settings(request)
    found = {"settings.json": shown, **_gathered(request, settings, ask)}
    if request.is_anonymous:
        found = _anonymous(found)
    texts = {"README.txt": _readme(is_anonymous=request.is_anonymous)}
    texts |= {name: json.dumps(found[name], indent=1, default=str) for name in ENTRIES if name in found}
    return _archive({name: KEYS.text(text) for name, text in texts.items()})


def write_bundle(path: str, request: SupportRequest, ask: Ask) -> None:
    """Write the archive into a new file that only this user can read. Raises FolderError. Leave nothing if it fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # first: gathering takes seconds
    except OSError as error:
        raise FolderError(f"{path} cannot be written: {error.strerror}; name another file") from error
    try:
        with open(descriptor, "wb") as file:
            file.write(bundle(request, ask))
    except OSError as error:
        os.unlink(path)
        raise FolderError(f"{path} cannot be written: {error.strerror}") from error
    except BaseException:
        os.unlink(path)
        raise


def _gathered(request: SupportRequest, settings: Settings | None, ask: Ask) -> dict[str, Any]:
    return {
        "versions.json": _tried(lambda: _versions(settings)),
        "doctor.json": _tried(lambda: _findings(request)),
        "status.json": _tried(lambda: list(ask({"do": "status"}))),
        "watched.json": _tried(lambda: list(ask({"do": "watched"}))),
        "plans.json": _tried(lambda: [*ask({"do": "plan"}), *ask({"do": "actions", "limit": MAX_ACTIONS})]),
        "history.json": _tried(lambda: list(ask({"do": "history", "limit": MAX_HISTORY}))),
        "log.json": _tried(lambda: [_line(line) for one in ask({"do": "log"}) for line in one["lines"]]),
        "database.json": _tried(lambda: list(ask({"do": "shape"}))),
    }


def _tried(gather: Callable[[], Any]) -> Any:
    try:
        return gather()
    except EisyncError as error:
        return {"failed": str(error)}


def _settings(request: SupportRequest) -> tuple[Settings | None, Any]:
    """Return the settings, and how they are shown. Learn every key, so that none can be in a text of others."""
    try:
        settings = load(config=request.config, state_dir=request.state_dir, need_watch=False, need_key=False)
    except ConfigurationError as error:
        return None, {"failed": list(error.faults)}
    for target in settings.targets:
        with suppress(ConfigurationError):
            settings.key_source(target.name).read()
    with suppress(ValueError):
        settings.notify.webhook_url()
    return settings, {"config_file": str(settings.config_file or ""), **without_secrets(settings)}


def _versions(settings: Settings | None) -> dict[str, Any]:
    return {
        "eisync": __version__,
        "made_at": clock.now(),
        **machine.versions(sqlite_version()[0]),
        "missing_extras": machine.missing_extras(),
        "platform": platform.platform(),
        "host": process.host(),
        "user": machine.user_name(machine.user_of(os.getpid())),
        "dir": None if settings is None else str(settings.state.dir),
    }


def _findings(request: SupportRequest) -> list[dict[str, str]]:
    wanted = Wanted(config=request.config, state_dir=request.state_dir, dirs=(), api_key_file=None)
    return [
        {
            "check": one.check,
            "about": one.about,
            "verdict": one.verdict.value,
            "sentence": one.sentence,
            "remedy": one.remedy,
        }
        for one in examine(wanted)
    ]


def _line(text: str) -> Any:
    """Return a line of the log as it was meant: JSON, or plain text for a terminal."""
    with suppress(ValueError):
        return json.loads(text)
    return printable_lines(text)


def _anonymous(found: Mapping[str, Any]) -> dict[str, Any]:
    import secrets  # here: other commands need none

    anonymiser = Anonymiser(secrets.token_bytes(32))
    anonymiser.learn(names_in(found))
    shape = found.get("database.json")
    return {**{name: anonymiser.value(one) for name, one in found.items()}, "database.json": shape}


def _readme(*, is_anonymous: bool) -> str:
    introduction = _INTRODUCTION.format(names=_WITHOUT_NAMES if is_anonymous else _WITH_NAMES)
    return introduction + "".join(f"{name:<16}{what}\n" for name, what in ENTRIES.items())


def _archive(texts: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, text in texts.items():
            content = text.encode("utf-8", "backslashreplace")
            entry = tarfile.TarInfo(f"eisync-support/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(clock.now()), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()
