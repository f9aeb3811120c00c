"""The systemd unit is accepted by systemd, well locked in, and agrees with what the daemon does."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from eisync.settings import Upload

UNIT = Path(__file__).resolve().parent.parent.parent / "systemd/eisync.service"
DROP_IN = UNIT.parent / "other-users.conf"
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on this machine")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists: systemd looks for it, and /opt/eisync is not here."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("ExecStart=/opt/eisync/bin/eisync", "ExecStart=/bin/true"))
    return copy


@pytest.fixture
def entitled(unit: Path) -> Path:
    """The unit with the drop-in that gives the right to ask who writes files of other users."""
    folder = unit.with_name(f"{unit.name}.d")
    folder.mkdir()
    shutil.copy(DROP_IN, folder)
    return unit


def _setting(name: str) -> str:
    found = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, "--no-pager", *arguments], capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
def test_systemd_accepts_the_unit(unit: Path) -> None:
    done = _analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_a_misspelt_setting_would_be_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSistem="))
    assert "ProtectSistem" in _analyze("verify", "--man=no", str(unit)).stderr


@needs_systemd
def test_the_exposure_is_at_most_one_and_a_half(unit: Path) -> None:
    done = _analyze("security", "--offline=true", "--threshold=15", str(unit))
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert score is not None, done.stderr
    assert float(score[1]) <= 1.5
    assert done.returncode == 0


@needs_systemd
def test_systemd_accepts_the_drop_in(entitled: Path) -> None:
    done = _analyze("verify", "--man=no", str(entitled))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_the_drop_in_gives_one_capability_and_no_other(unit: Path) -> None:
    """The unit empties both lists, and the drop-in adds to them: here in one file, as systemd reads them in turn."""
    score = _exposure(unit)
    unit.write_text(unit.read_text().replace("[Install]", f"{DROP_IN.read_text()}\n[Install]"))
    assert "CAP_LEASE" in unit.read_text()
    assert score < _exposure(unit) <= 2.5


def _exposure(unit: Path) -> float:
    done = _analyze("security", "--offline=true", str(unit))
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
