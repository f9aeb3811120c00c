"""The drop-ins, and the unit of a user, under a real systemd: `make test-install` runs this."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.canary import CANARY
from tests.conftest import row
from tests.deploy.debian import PACKAGE, Debian, Done, Machine, until, why_not
from tests.deploy.gateway import are_stored_once, arrive, gateway, upload

REASON = why_not()
pytestmark = [pytest.mark.install, pytest.mark.skipif(REASON is not None, reason=REASON or "")]
DROP_INS = Path("/opt/eisync/share/systemd")
ANN = "/home/ann"
CAP_LEASE = 1 << 28
MIB = 1024**2


@pytest.fixture(scope="module")
def service() -> Iterator[RunningEmulator]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)) as running:
        yield running


@pytest.fixture(scope="module")
def machine(service: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A gateway with a person, ann, and a group of those who record, lab."""
    with gateway(Debian(tmp_path_factory.mktemp("units")), Path(PACKAGE), service) as machine:
        assert 0 == machine.run("groupadd", "lab").returncode
        assert 0 == machine.run("useradd", "--create-home", "--groups", "lab", "ann").returncode
        yield machine


@contextmanager
def dropped_in(machine: Machine, name: str) -> Iterator[None]:
    """Install a drop-in as its comment says, and take it away again."""
    place = "/etc/systemd/system/eisync.service.d"
    try:
        for command in (
            ["install", "-D", "-m", "0644", f"{DROP_INS}/{name}", f"{place}/{name}"],
            ["systemctl", "daemon-reload"],
            ["systemctl", "restart", "eisync"],
        ):
            done = machine.run(*command)
            assert 0 == done.returncode, done.stderr + machine.journal()
        yield
    finally:
        machine.run("rm", "-r", place)
        machine.systemctl("daemon-reload")
        machine.systemctl("restart", "eisync")


def fact(machine: Machine, name: str) -> str:
    """A line of what the kernel says of the daemon."""
    pid = machine.property("MainPID")
    found = re.search(rf"^{name}:\s+(.*)$", machine.run("cat", f"/proc/{pid}/status").stdout, re.MULTILINE)
    assert found is not None
    return found[1]


def test_with_little_memory_the_kernel_ends_the_daemon_before_the_recorder(
    machine: Machine, service: RunningEmulator
) -> None:
    with dropped_in(machine, "small-memory.conf"):
        arrive(machine, service, upload(machine, service))
        pid = machine.property("MainPID")
        assert "500" == machine.run("cat", f"/proc/{pid}/oom_score_adj").stdout.strip()
        assert "5" == machine.run("ps", "-o", "ni=", "-p", pid).stdout.strip()
        asked = [int(machine.property(name)) for name in ("MemoryHigh", "MemoryMax")]
        assert [128 * MIB, 192 * MIB] == asked


def test_the_kernel_limits_the_memory(machine: Machine) -> None:
    with dropped_in(machine, "small-memory.conf"):
        group = f"/sys/fs/cgroup{machine.property('ControlGroup')}"
        if 0 != machine.run("test", "-e", f"{group}/memory.max").returncode:
            pytest.skip(
                "the kernel of this machine manages memory with cgroups of version 1, which the machine cannot set"
            )
        limits = [int(machine.run("cat", f"{group}/memory.{name}").stdout) for name in ("high", "max")]
        assert [128 * MIB, 192 * MIB] == limits


def test_recordings_that_a_group_may_read_need_its_drop_in(machine: Machine, service: RunningEmulator) -> None:
    for command in (
        "mkdir -p /srv/recordings/lab",
        "chown ann:lab /srv/recordings/lab",
        "chmod 2750 /srv/recordings/lab",
    ):
        assert 0 == machine.run(*command.split()).returncode
    recorded(machine, "lab/wave.1.csv", 900_001)
    machine.systemctl("restart", "eisync")  # it scans
    until(lambda: "cannot be read" in machine.run("eisync", "status").stdout, why=machine.journal)
    with dropped_in(machine, "recordings-by-group.conf"):
        # Of a file of another user that was there before, it cannot tell who writes it, and waits ten minutes.
        recorded(machine, "lab/wave.2.csv", 900_003)
        arrive(machine, service, [row(900_003)])
        assert "cannot be read" not in machine.run("eisync", "status").stdout
    machine.run("rm", "-r", "/srv/recordings/lab")


def recorded(machine: Machine, name: str, number: int) -> None:
    """A file that ann writes, for the group lab."""
    script = f"umask 027; printf '{row(number).decode()}' > /srv/recordings/{name}"
    done = machine.run("runuser", "-u", "ann", "-g", "lab", "--", "sh", "-c", script)
    assert 0 == done.returncode, done.stderr


def test_the_right_to_ask_who_writes_the_files_of_others_comes_with_its_drop_in(
    machine: Machine, service: RunningEmulator
) -> None:
    assert 0 == int(fact(machine, "CapEff"), 16)
    with dropped_in(machine, "other-users.conf"):
        assert [CAP_LEASE] * 3 == [int(fact(machine, name), 16) for name in ("CapEff", "CapBnd", "CapAmb")]
        machine.run("install", "-d", "-o", "ann", "/srv/recordings/others")
        path = "/srv/recordings/others/wave.1.csv"
        row_of_others = row(900_002)
        script = f"exec 3> {path}; printf '{row_of_others.decode()}' >&3; sleep 300"
        assert 0 == machine.run("systemd-run", "--unit=recorder", "--uid=ann", "sh", "-c", script).returncode
        until(
            lambda: "another program has it open for writing" in machine.run("eisync", "explain", path).stdout,
            why=machine.journal,
        )
        assert not are_stored_once(service, [row_of_others])
        machine.systemctl("stop", "recorder")  # it closes the file
        arrive(machine, service, [row_of_others])


@pytest.fixture(scope="module")
def ann(machine: Machine, service: RunningEmulator) -> Callable[..., Done]:
    """Run commands as ann, for whom a systemd runs from the start of the machine on, with the unit of the package."""
    assert 0 == machine.run("loginctl", "enable-linger", "ann").returncode
    uid = machine.run("id", "-u", "ann").stdout.strip()

    def run(*command: str) -> Done:
        environ = [f"XDG_RUNTIME_DIR=/run/user/{uid}", f"HOME={ANN}"]
        return machine.run("runuser", "-u", "ann", "--", "env", "--chdir", ANN, *environ, *command)

    until(lambda: run("systemctl", "--user", "is-system-running").stdout == "running\n", why=machine.journal)
    urls = f'studio_url = "{service.studio_url}"\ningestion_url = "{service.ingestion_url}"\n'
    text = (
        f'[[target]]\nname = "main"\napi_key_file = "key"\n{urls}[[watch]]\npath = "{ANN}/recordings"\nsettle_s = 0.5\n'
    )
    for name, content in (("eisync.toml", text), ("key", f"{CANARY}\n")):
        folder = f"{ANN}/.config/eisync"
        assert 0 == run("mkdir", "-p", folder, f"{ANN}/recordings").returncode
        machine.debian.path(f"{folder}/{name}").write_text(content)
        machine.run("chown", "ann:ann", f"{folder}/{name}")
        machine.run("chmod", "0600", f"{folder}/{name}")
    done = run("systemctl", "--user", "enable", "--now", "eisync")
    assert 0 == done.returncode, done.stderr + machine.journal()
    return run


def of_user(ann: Callable[..., Done], name: str) -> str:
    return ann("systemctl", "--user", "show", "--value", f"--property={name}", "eisync").stdout.strip()


def test_the_unit_of_a_user_uploads_and_starts_again_after_a_kill(
    ann: Callable[..., Done], machine: Machine, service: RunningEmulator
) -> None:
    assert 0 == ann("sh", "-c", f"printf '{row(900_010).decode()}' > recordings/wave.1.csv").returncode
    arrive(machine, service, [row(900_010)])
    until(lambda: of_user(ann, "StatusText").endswith("in Edge Impulse."))
    assert 0 == ann("systemctl", "--user", "kill", "--signal=KILL", "eisync").returncode
    assert 0 == ann("sh", "-c", f"printf '{row(900_011).decode()}' > recordings/wave.2.csv").returncode
    arrive(machine, service, [row(900_011)])
    assert "1" == of_user(ann, "NRestarts")
    done = ann("eisync", "status")
    assert (0, False) == (done.returncode, CANARY in done.stdout), done.stdout + done.stderr


def test_the_unit_of_a_user_reloads_and_keeps_what_it_has_when_there_are_faults(
    ann: Callable[..., Done], machine: Machine
) -> None:
    before = of_user(ann, "MainPID")
    config = machine.debian.path(f"{ANN}/.config/eisync/eisync.toml")
    text = config.read_text()
    codes = []
    for rate in ("max_rate = 1000000", "max_rate = -1"):
        config.write_text(f"{text}[upload]\n{rate}\n")
        codes.append(ann("systemctl", "--user", "reload", "eisync").returncode)
    config.write_text(text)
    assert [0, 1] == codes
    assert ["active", before] == [of_user(ann, name) for name in ("ActiveState", "MainPID")]


def test_the_unit_of_a_user_stops_cleanly_and_comes_back_with_the_machine(
    ann: Callable[..., Done], machine: Machine
) -> None:
    assert 0 == ann("systemctl", "--user", "stop", "eisync").returncode
    assert ["inactive", "success", "0"] == [of_user(ann, name) for name in ("ActiveState", "Result", "ExecMainStatus")]
    uid = machine.run("id", "-u", "ann").stdout.strip()
    machine.systemctl("restart", f"user@{uid}")  # as when the machine starts
    until(lambda: "active" == of_user(ann, "ActiveState"), why=machine.journal)
