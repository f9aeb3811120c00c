"""The systemd units are accepted by systemd, well locked in, and agree with what the daemon does."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from eisync.core.service.definition import Invocation
from eisync.core.service.systemd import definition
from eisync.settings import Upload

UNIT = Path(__file__).resolve().parent.parent.parent / "systemd/eisync.service"
TEMPLATE = UNIT.parent / "eisync@.service"
OF_USER = UNIT.parent / "user/eisync.service"
DROP_IN = UNIT.parent / "other-users.conf"
DROP_INS = sorted(UNIT.parent.glob("*.conf"))
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on this machine")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists: systemd looks for it, and /opt/eisync is not here."""
    return _runnable(UNIT, tmp_path / UNIT.name)


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """The unit of several daemons, for one of them."""
    return _runnable(TEMPLATE, tmp_path / "eisync@lab.service")


def _runnable(unit: Path, copy: Path) -> Path:
    copy.write_text(re.sub(r"(?<==)(/opt|%h)/eisync/bin/eisync\b", "/bin/true", unit.read_text()))
    return copy


def _setting(name: str) -> str:
    found = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, "--no-pager", *arguments], capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
@pytest.mark.parametrize("with_drop_ins", [False, True])
def test_systemd_accepts_the_units_without_and_with_all_drop_ins(
    unit: Path, instance: Path, with_drop_ins: bool
) -> None:
    for one in (unit, instance):
        if with_drop_ins:
            folder = one.with_name(f"{one.name}.d")
            folder.mkdir()
            for drop_in in DROP_INS:
                shutil.copy(drop_in, folder)
    assert 4 == len(DROP_INS)
    done = _analyze("verify", "--man=no", str(unit), str(instance))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_a_misspelt_setting_in_a_drop_in_would_be_noticed(unit: Path) -> None:
    folder = unit.with_name(f"{unit.name}.d")
    folder.mkdir()
    (folder / "wrong.conf").write_text("[Service]\nMemoryHeigh=1M\n")
    assert "MemoryHeigh" in _analyze("verify", "--man=no", str(unit)).stderr


@needs_systemd
def test_systemd_accepts_the_unit_of_a_user(tmp_path: Path) -> None:
    assert "eisync.service" not in _said_of_users_unit(_runnable(OF_USER, tmp_path / "eisync.service"))


@needs_systemd
def test_systemd_accepts_the_unit_that_is_installed_for_a_user_whatever_the_folders_are_called(tmp_path: Path) -> None:
    odd = (
        "/data/a b",
        "/data/50%",
        "/data/$HOME",
        '/data/"quoted"',
        "/data/back\\slash",
        "/data/;",
        "/data/not\udcffutf8",
    )
    wanted = Invocation(python="/bin/true", dirs=odd, config="/home/ann/my config.toml")
    unit = tmp_path / "eisync.service"
    unit.write_bytes(definition(wanted, str(tmp_path), user="ann").content)
    assert "eisync.service" not in _said_of_users_unit(unit)
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecs"))
    assert "WatchdogSecs" in _said_of_users_unit(unit)


def _said_of_users_unit(unit: Path) -> str:
    done = subprocess.run(
        [str(ANALYZE), "verify", "--user", "--man=no", str(unit)],
        env={"PATH": os.environ["PATH"], "HOME": str(unit.parent), "XDG_RUNTIME_DIR": str(unit.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_unit_for_several_differs_from_the_unit_in_the_names_only() -> None:
    """What locks in the one locks in the other."""
    one, several = (unit.read_text().partition("[Unit]")[2].splitlines() for unit in (UNIT, TEMPLATE))
    assert len(one) == len(several)
    differing = [(mine, yours) for mine, yours in zip(one, several, strict=True) if mine != yours]
    assert [
        "Description",
        "ConditionPathExists",
        "ExecStart",
        "ExecReload",
        "LoadCredential",
        "StateDirectory",
        "Environment",
    ] == [mine.partition("=")[0] for mine, _ in differing]
    for mine, yours in differing:
        assert "%i" in yours
        named = yours.replace("eisync-%i", "eisync").replace("%i.toml", "eisync.toml").replace("%i.key", "key")
        assert mine == named.replace(" (%i)", "")


def test_the_unit_of_a_user_starts_and_ends_as_the_system_unit_does() -> None:
    alike = r"^((?:Type|NotifyAccess|WatchdogSec|TimeoutSt\w+|Restart\w*|StartLimit\w+|RestrictAdd\w+)=.*)$"
    asked = [re.findall(alike, unit.read_text(), re.MULTILINE) for unit in (UNIT, OF_USER)]
    assert asked[0] == asked[1]
    assert 10 == len(asked[0])


@needs_systemd
def test_a_misspelt_setting_would_be_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSistem="))
    assert "ProtectSistem" in _analyze("verify", "--man=no", str(unit)).stderr


@needs_systemd
def test_the_exposure_of_the_system_units_is_at_most_one_point_one(unit: Path, instance: Path) -> None:
    assert _exposure(unit) <= 1.1
    assert _exposure(unit) == _exposure(instance)


@needs_systemd
def test_the_drop_in_gives_one_capability_and_no_other(unit: Path) -> None:
    """The unit empties both lists, and the drop-in adds to them: here in one file, as systemd reads them in turn."""
    _add(DROP_IN, unit)
    assert "CAP_LEASE" in unit.read_text()
    assert 1.1 < _exposure(unit) <= 1.5


@needs_systemd
@pytest.mark.parametrize("drop_in", [one for one in DROP_INS if one != DROP_IN], ids=lambda one: one.stem)
def test_no_other_drop_in_exposes_the_unit_more(unit: Path, drop_in: Path) -> None:
    _add(drop_in, unit)
    assert _exposure(unit) <= 1.1


def _add(drop_in: Path, unit: Path) -> None:
    unit.write_text(unit.read_text().replace("[Install]", f"{drop_in.read_text()}\n[Install]"))


def _exposure(unit: Path) -> float:
    done = _analyze("security", "--offline=true", "--threshold=100", str(unit))
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert score is not None, done.stderr
    return float(score[1])


def test_the_drop_in_says_what_the_kernel_asks_for() -> None:
    settings = dict(re.findall(r"^(\w+)=(.*)$", DROP_IN.read_text(), re.MULTILINE))
    assert {
        "PrivateUsers": "no",  # `capable()` asks the first user namespace
        "CapabilityBoundingSet": "CAP_LEASE",
        "AmbientCapabilities": "CAP_LEASE",
    } == settings
    # An ambient capability is none that a program's file gives: these two do not take it away.
    assert (_setting("NoNewPrivileges"), _setting("RestrictSUIDSGID")) == ("yes", "yes")


def test_stopping_takes_longer_than_draining() -> None:
    assert float(_setting("TimeoutStopSec")) > Upload().drain_timeout_s


def test_the_credential_has_the_name_that_is_looked_for() -> None:
    assert _setting("LoadCredential").split(":")[0] == "api_key"


def test_what_the_daemon_needs_is_allowed() -> None:
    assert set(_setting("RestrictAddressFamilies").split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}
    assert (_setting("StateDirectory"), _setting("Environment")) == (
        "eisync",
        "EISYNC_STATE_DIR=%S/eisync EISYNC_STATE__GROUP=eisync",
    )
    assert "0710" == _setting("StateDirectoryMode")  # the group passes through to the socket
    assert (_setting("Type"), _setting("NotifyAccess"), int(_setting("WatchdogSec"))) == ("notify", "main", 60)


def test_faults_of_the_configuration_do_not_start_it_again_and_again() -> None:
    assert (_setting("Restart"), _setting("RestartPreventExitStatus")) == ("always", "78")


def test_without_a_key_it_is_not_started() -> None:
    assert _setting("ConditionPathExists") == _setting("LoadCredential").split(":")[1]


def test_a_reload_asks_the_daemon_and_tells_of_faults() -> None:
    """SIGHUP would tell systemd nothing. `config reload` ends with 78 for a faulty configuration."""
    program, file = "/opt/eisync/bin/eisync", "--config /etc/eisync/eisync.toml"
    assert f"{program} run {file}" == _setting("ExecStart")
    assert f"{program} config reload {file}" == _setting("ExecReload")
