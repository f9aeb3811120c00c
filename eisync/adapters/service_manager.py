"""Run the commands of a service manager, and write the file that it reads."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterable

from eisync.adapters.files.relocate import sync_folder
from eisync.core.service.definition import Command
from eisync.core.text import one_line
from eisync.errors import EisyncError, FolderError

WITHIN_S = 120.0
"""`systemctl restart` waits until eisync is ready."""

AGAIN_AFTER_S = 1.0


def run(commands: Iterable[Command]) -> None:
    """Run the commands in order. Raise EisyncError for the first that fails and may not."""
    for command in commands:
        why = _why_failed(command)
        if why is not None and not command.may_fail:
            raise EisyncError(f"'{' '.join(command.argv)}' failed: {why}")


def succeeds(command: Command) -> bool:
    """Return whether the command ends well."""
    return _why_failed(command) is None


def read(path: str) -> bytes | None:
    """Return the content of the file; None when there is none. Raise FolderError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror}") from error


def write(path: str, content: bytes) -> None:
    """Replace the file, whole or not at all. Raise FolderError."""
    part = f"{path}.part"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise FolderError(f"{path} cannot be written: {error.strerror}") from error
    sync_folder(os.path.dirname(path))


def remove(path: str) -> None:
    """Remove the file. Safe to repeat. Raise FolderError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FolderError(f"{path} cannot be removed: {error.strerror}") from error


def _why_failed(command: Command) -> str | None:
    pause = threading.Event()
    for left in range(command.tries - 1, -1, -1):
        why = _tried(command.argv)
        if why is None:
            return None
        if left:
            pause.wait(AGAIN_AFTER_S)
    return why


def _tried(argv: tuple[str, ...]) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a command of the service manager, and paths of the user's own
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=WITHIN_S, check=False
        )
    except FileNotFoundError:
        return f"there is no program {argv[0]} on this machine"
    except OSError as error:
        return error.strerror or type(error).__name__
    except subprocess.TimeoutExpired:
        return f"it did not end within {WITHIN_S:.0f} s"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
    return one_line(said) or f"it ended with {done.returncode}"
