"""A gateway: the Debian package is installed in a Debian of its own, systemd is booted there, and the daemon runs."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from eisync.emulator.server import RunningEmulator
from tests.canary import CANARY
from tests.conftest import row, sha256
from tests.deploy.debian import Debian, Machine, until

FOLDER = "/srv/recordings/training"
NUMBERS = count()


@contextmanager
def gateway(debian: Debian, package: Path, service: RunningEmulator) -> Iterator[Machine]:
    """Install and boot. Afterwards the Debian is removed."""
    try:
        done = debian.install(package)
        assert 0 == done.returncode, done.stdout + done.stderr
        configure(debian, service, "eisync", "/srv/recordings")
        debian.path("/etc/eisync/key").write_text(f"{CANARY}\n")
        with debian.booted() as machine:
            until(lambda: "active" == machine.property("ActiveState"), why=machine.journal)
            yield machine
    finally:
        shutil.rmtree(debian.root)


def configure(debian: Debian, service: RunningEmulator, name: str, folder: str, more: str = "") -> None:
    debian.path(folder).mkdir(parents=True, exist_ok=True)
    debian.path(f"/etc/eisync/{name}.toml").write_text(configuration(service, folder, more))


def configuration(service: RunningEmulator, folder: str, more: str = "") -> str:
    urls = f'studio_url = "{service.studio_url}"\ningestion_url = "{service.ingestion_url}"\n'
    return f'[[target]]\nname = "main"\n{urls}[[watch]]\npath = "{folder}"\nsettle_s = 0.5\n{more}'


def upload(machine: Machine, service: RunningEmulator, *, files: int = 1, folder: str = FOLDER) -> list[bytes]:
    """Bring new files, without waiting for them."""
    contents = []
    for number in (next(NUMBERS) for _ in range(files)):
        contents.append(row(number))
        machine.write(f"{folder}/wave.{number}.csv", contents[-1])
    return contents


def arrive(machine: Machine, service: RunningEmulator, contents: list[bytes]) -> None:
    until(lambda: are_stored_once(service, contents), why=machine.journal)


def are_stored_once(service: RunningEmulator, contents: list[bytes]) -> bool:
    stored = service.ledger()["stored_by_hash"]
    return {1} == {stored.get(sha256(content)) for content in contents}
