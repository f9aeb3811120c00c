"""The Debian package in a Debian of its own, and the daemon under a real systemd: `make test-install` runs this."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.canary import CANARY
from tests.deploy.debian import PACKAGE, Debian, Machine, until, why_not
from tests.deploy.gateway import FOLDER, are_stored_once, arrive, configure, gateway, upload

REASON = why_not()
pytestmark = [pytest.mark.install, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.fixture(scope="module")
def package() -> Path:
    """What `make deb` built."""
    return Path(PACKAGE)


@pytest.fixture(scope="module")
def service() -> Iterator[RunningEmulator]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)) as running:
        yield running


@pytest.fixture(scope="module")
def machine(package: Path, service: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A gateway on which the package was installed and the daemon runs."""
    with gateway(Debian(tmp_path_factory.mktemp("debian")), package, service) as machine:
        yield machine


def test_a_file_is_uploaded_and_the_status_of_systemd_says_so(machine: Machine, service: RunningEmulator) -> None:
    arrive(machine, service, upload(machine, service))
    until(
        lambda: machine.property("StatusText").endswith("in Edge Impulse."), why=lambda: machine.property("StatusText")
    )
    done = machine.run("eisync", "status")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert CANARY not in machine.journal() + done.stdout


def test_after_kill_9_it_starts_again_and_nothing_is_sent_twice(machine: Machine, service: RunningEmulator) -> None:
    contents = upload(machine, service, files=20)
    restarts = int(machine.property("NRestarts"))
    machine.systemctl("kill", "--signal=KILL", "eisync")
    contents += upload(machine, service)  # while it does not run
    until(lambda: restarts + 1 == int(machine.property("NRestarts")), why=machine.journal)
    arrive(machine, service, contents)


def test_a_daemon_that_hangs_is_ended_by_the_watchdog_and_starts_again(
    machine: Machine, service: RunningEmulator
) -> None:
    drop_in = machine.debian.path("/etc/systemd/system/eisync.service.d/impatient.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nWatchdogSec=6\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", "eisync")
    try:
        machine.systemctl("kill", "--signal=STOP", "eisync")
        until(lambda: "1" == machine.property("NRestarts"), why=machine.journal)
        assert "Watchdog timeout" in machine.journal()
        arrive(machine, service, upload(machine, service))
    finally:
        shutil.rmtree(drop_in.parent)
        machine.systemctl("daemon-reload")
        machine.systemctl("restart", "eisync")


def test_a_faulty_configuration_is_not_tried_again(machine: Machine, service: RunningEmulator) -> None:
    configure(machine.debian, service, "eisync", "/srv/recordings", "[upload]\nworkers = 0\n")
    try:
        assert 0 != machine.run("systemctl", "restart", "eisync").returncode
        time.sleep(7)  # more than RestartSec
        found = [machine.property(name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")]
        assert ["failed", "78", "0"] == found, machine.journal()
        assert "/etc/eisync/eisync.toml:9: upload.workers" in machine.journal()
    finally:
        configure(machine.debian, service, "eisync", "/srv/recordings")
        machine.systemctl("restart", "eisync")


def test_a_reload_applies_what_it_may_and_fails_for_faults(machine: Machine, service: RunningEmulator) -> None:
    before = machine.property("MainPID")
    configure(machine.debian, service, "eisync", "/srv/recordings", "[upload]\nmax_rate = 1000000\n")
    machine.systemctl("reload", "eisync")
    assert '"upload.max_rate": 1000000' in machine.journal()
    configure(machine.debian, service, "eisync", "/srv/recordings", "[upload]\nmax_rate = -1\n")
    assert 0 != machine.run("systemctl", "reload", "eisync").returncode
    configure(machine.debian, service, "eisync", "/srv/recordings")
    assert ["active", before] == [machine.property(name) for name in ("ActiveState", "MainPID")]
    arrive(machine, service, upload(machine, service))


def test_a_stop_under_load_is_clean_and_costs_no_file(machine: Machine, service: RunningEmulator) -> None:
    contents = upload(machine, service, files=200)
    began = time.monotonic()
    machine.systemctl("stop", "eisync")
    assert time.monotonic() - began < 30
    assert ["inactive", "success", "0"] == [
        machine.property(name) for name in ("ActiveState", "Result", "ExecMainStatus")
    ]
    machine.systemctl("start", "eisync")
    arrive(machine, service, contents)


def test_the_sandbox_holds(machine: Machine) -> None:
    machine.debian.path("/home/ann").mkdir(exist_ok=True)
    pid = machine.property("MainPID")
    facts = dict(re.findall(r"^(\w+):\s+(\S+)", machine.run("cat", f"/proc/{pid}/status").stdout, re.MULTILINE))
    uid = machine.run("id", "-u", "eisync").stdout.strip()
    assert {
        "CapEff": "0" * 16,
        "CapBnd": "0" * 16,
        "NoNewPrivs": "1",
        "Seccomp": "2",
        "Uid": uid,
    }.items() <= facts.items()
    for place in ("/srv/recordings", "/etc/eisync", "/opt/eisync"):
        assert "Read-only file system" in machine.within_sandbox("touch", f"{place}/new").stderr
    assert "" == machine.within_sandbox("ls", "/home").stdout
    assert 0 == machine.within_sandbox("test", "-w", "/var/lib/eisync").returncode
    # However it was put there, the key is for systemd alone, which hands it over.
    key = machine.debian.path("/etc/eisync/key").stat()
    assert (0, 0, 0o100600) == (key.st_uid, key.st_gid, key.st_mode)


def test_another_daemon_has_its_own_configuration_and_state(machine: Machine, service: RunningEmulator) -> None:
    assert 0 == machine.run("systemctl", "start", "eisync@lab").returncode
    assert "no" == machine.property("ConditionResult", "eisync@lab")  # without a key
    configure(machine.debian, service, "lab", "/srv/lab")
    machine.debian.path("/etc/eisync/lab.key").write_text(f"{CANARY}\n")
    machine.systemctl("start", "eisync@lab")
    arrive(machine, service, upload(machine, service, folder="/srv/lab"))
    done = machine.run("eisync", "status", "--config", "/etc/eisync/lab.toml")
    assert (0, True) == (done.returncode, "folder /srv/lab -> main" in done.stdout), done.stdout + done.stderr
    assert machine.debian.path("/var/lib/eisync-lab/eisync.db").exists()
    machine.systemctl("reload", "eisync@lab")
    machine.systemctl("stop", "eisync@lab")


def test_the_exposure_of_the_running_units_is_at_most_one_point_one(machine: Machine) -> None:
    for unit in ("eisync.service", "eisync@lab.service"):
        said = machine.run("systemd-analyze", "--no-pager", "security", unit).stdout
        score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert score is not None, said
        assert float(score[1]) <= 1.1


def test_members_of_the_group_may_ask_and_others_are_told_which(machine: Machine) -> None:
    for name, groups in (("ann", "eisync"), ("bob", "users")):
        assert 0 == machine.run("useradd", "--groups", groups, name).returncode
    done = {name: machine.run("runuser", "-u", name, "--", "eisync", "status") for name in ("ann", "bob")}
    assert done["ann"].returncode in {0, 4}, done["ann"].stdout + done["ann"].stderr
    assert (78, True) == (done["bob"].returncode, "the group eisync may ask" in done["bob"].stderr), done["bob"].stderr


def test_it_upgrades_with_its_rows_and_is_purged_without_a_trace(
    package: Path, service: RunningEmulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("upgrade")
    debian = Debian(place / "debian")
    with gateway(debian, package, service) as machine:
        configure(debian, service, "lab", "/srv/lab")
        debian.path("/etc/eisync/lab.key").write_text(f"{CANARY}\n")
        machine.systemctl("start", "eisync@lab")
        contents = upload(machine, service, files=3)
        arrive(machine, service, contents)
        before = rows(machine)
        debian.path("/srv/newer.deb").write_bytes(_newer(package, place).read_bytes())
        done = machine.run("dpkg", "--install", "/srv/newer.deb")
        assert 0 == done.returncode, done.stdout + done.stderr
        assert ["active", "active"] == [machine.property("ActiveState", unit) for unit in ("eisync", "eisync@lab")]
        assert [("synced", 1)] * 3 == [(state, attempts) for _, state, _, attempts in before]
        assert before == rows(machine)
        assert are_stored_once(service, contents)
        done = machine.run("dpkg", "--remove", "eisync")
        assert (0, False) == (done.returncode, debian.path("/opt/eisync").exists()), done.stdout + done.stderr
        assert "inactive" == machine.property("ActiveState")
        assert debian.path("/var/lib/eisync/eisync.db").exists()
        done = machine.run("dpkg", "--purge", "eisync")
        assert 0 == done.returncode, done.stdout + done.stderr
        left = machine.run("find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-name", "*eisync*", "-print").stdout
        assert ["/etc/eisync", "/var/tmp/eisync.deb"] == sorted(
            path for path in left.splitlines() if not path.startswith(("/var/log/", "/run/", "/tmp/"))
        )
        assert ["lab.key", "lab.toml"] == sorted(path.name for path in debian.path("/etc/eisync").iterdir())
        assert "eisync" not in debian.path("/etc/passwd").read_text() + debian.path("/etc/group").read_text()
        assert 3 == len(list(debian.path(FOLDER).iterdir()))
    shutil.rmtree(place)


def rows(machine: Machine) -> list[tuple[object, ...]]:
    """What the daemon knows of each file."""
    records = map(json.loads, machine.run("eisync", "ls", "--json").stdout.splitlines())
    return [tuple(one[name] for name in ("path", "state", "sample_ids", "attempts")) for one in records]


def _newer(package: Path, place: Path) -> Path:
    """The same package with a higher version."""
    tree = place / "newer"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tree)], check=True, timeout=60)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^(Version: .*)$", r"\1+1", control.read_text(), flags=re.MULTILINE))
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--build", str(tree), str(place / "n.deb")], check=True, timeout=120)
    return place / "n.deb"


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not on this machine")
def test_lintian_has_nothing_to_say_but_what_is_overridden_with_a_reason(package: Path) -> None:
    done = subprocess.run(["lintian", str(package)], capture_output=True, text=True, timeout=120, check=False)
    assert (0, "") == (done.returncode, done.stdout)
