"""The API key must not be found where it does not belong: in nothing that is printed, logged, answered or kept.

Every key of the whole run begins with one canary, those too that emulators make up. After each test it is looked for
in what the test and its processes printed, in their argument lists, in what fakes of the log were given with its
tracebacks, and in every file below the folders that pytest gave out. A test that leaks fails.
"""

import errno
import os
import secrets
import subprocess
from collections.abc import Callable, Generator, Iterator
from typing import Any
from unittest import mock

import click.testing
import pytest

CANARY = "ei_" + "c0ffee" * 6

ITS_PLACES = frozenset({"eisync.toml", "key", "emulator.db"})
"""Names of files that a key belongs into: tests write it there as a person does, and the service knows its own keys."""

_leaks: list[str] = []
_searched: set[str] = set()


def hear(where: str, *said: object) -> None:
    """Whatever was said must not contain the key; when it does, the test that runs fails at its end."""
    if any(CANARY.encode() in one if isinstance(one, bytes) else CANARY in str(one) for one in said):
        _leaks.append(where)


def holders(folder: str) -> Iterator[str]:
    """The files below `folder` that hold the key and should not."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name not in ITS_PLACES and os.path.isfile(path) and any(CANARY.encode() in data for data in _data(path)):
                yield path


def _data(path: str) -> Iterator[bytes]:
    """What a file holds, but its holes: a test of a large file has gigabytes of them."""
    with open(path, "rb", buffering=0) as file:
        end = 0
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole follows
                    return
                raise
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            os.lseek(file.fileno(), start, os.SEEK_SET)
            yield file.read(end - start)


@pytest.fixture(scope="session", autouse=True)
def no_test_leaks_the_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys that emulators make up are canaries too, and what passes pytest by is heard."""
    with (
        mock.patch("eisync.emulator.control.random_key", _random_key),
        mock.patch("eisync.emulator.server.random_key", _random_key),
        _heard(subprocess.Popen, "communicate", lambda process, told: (process.args, *told)),
        _heard(click.testing.CliRunner, "invoke", lambda _, result: (result.output,)),
        _heard(pytest.CaptureFixture, "readouterr", lambda _, told: told),
    ):
        yield
    base = str(tmp_path_factory.getbasetemp())
    with os.scandir(base) as entries:
        rest = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False) and entry.path not in _searched]
    assert not [path for folder in rest for path in holders(folder)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """No test passes that printed or logged the key."""
    report = yield
    if report.passed and any(CANARY in text for _, text in report.sections):
        report.outcome = "failed"
        report.longrepr = f"the API key stands in what {item.nodeid} printed or logged"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """No test ends well whose processes said the key, or that left it in a file."""
    yield
    told, _leaks[:] = list(_leaks), []
    place = getattr(item, "funcargs", {}).get("tmp_path")
    if place is not None:
        _searched.add(str(place))
        told += holders(str(place))
    assert not told, f"the API key stands in {told}"


def _random_key() -> str:
    return CANARY + secrets.token_hex(14)


def _heard(owner: type, name: str, said: Callable[[Any, Any], tuple[object, ...]]) -> Any:
    """`owner.name` as it is, but what it returns is heard."""
    real = getattr(owner, name)

    def listen(self: Any, *arguments: Any, **named: Any) -> Any:
        told = real(self, *arguments, **named)
        hear(f"{owner.__name__}.{name}", *said(self, told))
        return told

    return mock.patch.object(owner, name, listen)
