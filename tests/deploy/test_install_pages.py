"""What the pages about the package, the unit and a service of one's own say to type works: `make test-install`.

The blocks of a page are typed in order, into a Debian that has just been booted, in a folder that is a clone.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.canary import CANARY
from tests.deploy.debian import PACKAGE, Debian, Done, Machine, until, why_not
from tests.deploy.gateway import are_stored_once, arrive, configuration, upload

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
CLONE = "/root/clone"
REASON = why_not()
pytestmark = [pytest.mark.install, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.fixture(scope="module")
def service() -> Iterator[RunningEmulator]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)) as running:
        yield running


@pytest.fixture
def machine(service: RunningEmulator, tmp_path: Path) -> Iterator[Machine]:
    """A Debian without eisync. In the clone a person has written a configuration, and the key into a file."""
    debian = Debian(tmp_path / "debian")
    try:
        shutil.copytree(ROOT / "systemd", debian.path(f"{CLONE}/systemd"))
        debian.path(f"{CLONE}/dist").mkdir()
        shutil.copy(PACKAGE, debian.path(f"{CLONE}/dist"))
        debian.path(f"{CLONE}/eisync.toml").write_text(configuration(service, "/srv/recordings"))
        debian.path(f"{CLONE}/key").write_text(f"{CANARY}\n")
        debian.path("/srv/recordings").mkdir()
        debian.path("/etc/apt/apt.conf.d/yes").write_text('APT::Get::Assume-Yes "true";\n')  # what a person answers
        with debian.booted() as machine:
            yield machine
    finally:
        shutil.rmtree(debian.root)


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / "docs/install" / page).read_text())


def typed(machine: Machine, block: str) -> Done:
    """Type a block as root, for whom `sudo` changes nothing."""
    done = machine.run("bash", "-euc", f'sudo() {{ "$@"; }}\ncd {CLONE}\n{block}')
    assert 0 == done.returncode, f"{block}{done.stdout}{done.stderr}{machine.journal()}"
    return done


def test_the_page_about_the_debian_package(machine: Machine, service: RunningEmulator) -> None:
    build, install, grant, start, look, remove = blocks("debian.md")
    assert "make deb\n" == build  # `make test-install` has done that
    typed(machine, install)
    assert "inactive" == machine.property("ActiveState")  # it has no key
    machine.debian.path("/srv/recordings/private").mkdir(mode=0o700)
    typed(machine, grant)
    typed(machine, start)
    arrive(machine, service, upload(machine, service))
    arrive(machine, service, upload(machine, service, folder="/srv/recordings/private"))
    until(lambda: machine.property("StatusText").endswith("in Edge Impulse."), why=machine.journal)
    assert "2 files are in Edge Impulse" in typed(machine, look).stdout
    typed(machine, remove)
    assert not any(machine.debian.path(path).exists() for path in ("/opt/eisync", "/var/lib/eisync", "/etc/eisync/key"))
    assert 2 == len(list(machine.debian.path("/srv/recordings").rglob("*.csv")))


def test_the_page_about_the_unit(machine: Machine, service: RunningEmulator) -> None:
    """Without its first block, which downloads: what that makes is taken out of the package."""
    program, install, look, remove = blocks("systemd.md")
    assert "python3 -m venv /opt/eisync\n" == program.splitlines(keepends=True)[0]
    taken_out = machine.debian.path("/root/package")
    subprocess.run(["dpkg-deb", "--extract", PACKAGE, str(taken_out)], check=True, timeout=120)
    (taken_out / "opt/eisync").rename(machine.debian.path("/opt/eisync"))
    typed(machine, install)
    until(lambda: "active" == machine.property("ActiveState"), why=machine.journal)
    arrive(machine, service, upload(machine, service))
    until(lambda: machine.property("StatusText").endswith("in Edge Impulse."), why=machine.journal)
    assert "The only file is in Edge Impulse" in typed(machine, look).stdout
    typed(machine, remove)
    assert "not-found" == machine.property("LoadState")
    assert machine.debian.path("/var/lib/eisync/eisync.db").exists()


def test_the_page_about_a_service_of_ones_own(machine: Machine, service: RunningEmulator) -> None:
    install, uninstall = blocks("desktop.md")
    assert 0 == machine.run("sh", "-c", f"dpkg --install {CLONE}/dist/*.deb").returncode
    home = machine.debian.path("/home/cara")
    assert 0 == machine.run("useradd", "--create-home", "cara").returncode
    uid = machine.run("id", "-u", "cara").stdout.strip()
    folder = home / ".config/eisync"
    (home / "recordings/training").mkdir(parents=True)
    folder.mkdir(parents=True)
    (folder / "eisync.toml").write_text(
        f'[[target]]\nname = "main"\napi_key_file = "key"\nstudio_url = "{service.studio_url}"\n'
        f'ingestion_url = "{service.ingestion_url}"\n[[watch]]\npath = "~/recordings"\nsettle_s = 0.5\n'
        "[web]\nenabled = false\n"
    )
    (folder / "key").write_text(f"{CANARY}\n")
    (folder / "key").chmod(0o600)
    [content] = upload(machine, service, folder="/home/cara/recordings/training")
    assert 0 == machine.run("chown", "-R", "cara:cara", "/home/cara").returncode
    machine.systemctl("start", f"user@{uid}")  # as a login does

    def as_cara(*command: str) -> Done:
        environ = (f"XDG_RUNTIME_DIR=/run/user/{uid}", "HOME=/home/cara", "USER=cara")
        return machine.run("runuser", "-u", "cara", "--", "env", "--chdir=/home/cara", *environ, *command)

    done = as_cara("bash", "-euc", install)
    assert 0 == done.returncode, done.stdout + done.stderr
    until(lambda: are_stored_once(service, [content]), why=machine.journal)
    status = json.loads(as_cara("eisync", "service", "status", "--json").stdout)
    shown = as_cara("systemctl", "--user", "show", "--value", "--property=MainPID,ActiveState", "eisync").stdout
    assert {str(status["pid"]), "active"} == set(shown.split())
    assert ["/home/cara/recordings"] == status["folders"]
    assert "is installed already" in as_cara("eisync", "service", "install").stdout
    unit = home / ".config/systemd/user/eisync.service"
    assert CANARY not in unit.read_text()
    done = as_cara("bash", "-euc", uninstall)
    assert (0, False) == (done.returncode, unit.exists()), done.stdout + done.stderr
    assert "inactive\n" == as_cara("systemctl", "--user", "is-active", "eisync").stdout
    assert 4 == as_cara("eisync", "service", "status").returncode
    assert (home / ".local/state/eisync/eisync.db").exists()
    assert [content] == [one.read_bytes() for one in (home / "recordings/training").iterdir()]
    machine.systemctl("stop", f"user@{uid}")
