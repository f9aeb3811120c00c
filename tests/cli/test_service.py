"""`eisync service` with programs in place of the service managers: what is written, run, refused, undone, removed."""

import json
import os
import plistlib
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canary import CANARY
from tests.conftest import Bench, row, stored_once, until

MANAGER = """#!/bin/sh
echo "$(basename "$0") $*" >> "{record}"
case "$*" in
    {fails}) echo "Failed: no such thing" >&2; exit 1 ;;
esac
"""


class Lab:
    """A lab PC of a person, whose service managers only write down what they are asked."""

    def __init__(self, bench: Bench, platform: str = "linux") -> None:
        self.bench = bench
        self.platform = platform
        self.home = bench.place / "home"
        self.record = bench.place / "record"
        programs = bench.place / "programs"
        for folder in (self.home / ".config/eisync", programs):
            folder.mkdir(parents=True)
        self.manager("nothing-fails")
        key = self.home / ".config/eisync/key"
        key.write_text(CANARY)
        key.chmod(0o600)
        self.config = self.home / ".config/eisync/eisync.toml"
        self.config.write_text(
            f'[[target]]\nname = "main"\napi_key_file = "key"\nstudio_url = "{bench.emulator.studio_url}"\n'
            f'ingestion_url = "{bench.emulator.ingestion_url}"\n[[watch]]\npath = "{bench.recordings}"\n'
            "settle_s = 0.1\n[web]\nenabled = false\n"
        )
        self.environ = {
            "HOME": str(self.home),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "USER": "ann",
            "LOGNAME": "ann",
        }

    def manager(self, fails: str) -> None:
        for name in ("systemctl", "launchctl", "schtasks"):
            program = self.bench.place / "programs" / name
            program.write_text(MANAGER.format(record=self.record, fails=fails))
            program.chmod(0o755)

    def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run `eisync service ARGUMENTS` as on the platform."""
        program = (
            "from eisync.app import service; from eisync.cli import main; "
            f"service.ServiceRequest.__init__.__kwdefaults__['platform'] = {self.platform!r}; main()"
        )
        plain = [sys.executable, "-m", "eisync"]
        return subprocess.run(
            [*(plain if self.platform == "linux" else [sys.executable, "-c", program]), "service", *arguments],
            env=self.environ | more,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def asked(self) -> list[str]:
        found = self.record.read_text().splitlines() if self.record.exists() else []
        self.record.unlink(missing_ok=True)
        return found

    def files(self) -> set[str]:
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()}


@pytest.fixture
def lab(bench: Bench) -> Lab:
    return Lab(bench)


UNIT = ".config/systemd/user/eisync.service"


def test_it_is_installed_once_seen_and_removed_without_a_trace(lab: Lab) -> None:
    before = lab.files()
    dry = lab.run("install", "--dry-run")
    assert (0, before, []) == (dry.returncode, lab.files(), lab.asked()), dry.stderr
    assert "ExecStart=" in dry.stdout

    done = lab.run("install")
    assert (0, before | {UNIT}) == (done.returncode, lab.files()), done.stderr
    started = ["daemon-reload", "enable eisync.service", "restart eisync.service"]
    assert [f"systemctl --user {one}" for one in started] == lab.asked()
    unit = (lab.home / UNIT).read_text()
    assert f"ExecStart={sys.executable} -P -m eisync run --config {lab.config}\n" in unit
    assert CANARY not in unit + done.stdout
    assert "loginctl enable-linger ann" in done.stdout
    assert "Next: eisync service status" in done.stdout

    again = lab.run("install")
    assert (0, True) == (again.returncode, "is installed already" in again.stdout)
    assert ["systemctl --user is-active eisync.service"] == lab.asked()

    status = lab.run("status", "--json")
    answer = json.loads(status.stdout)
    assert (3, True, None) == (status.returncode, answer["is_installed"], answer["pid"])
    assert (str(lab.config), str(lab.home / ".local/state/eisync")) == (answer["config"], answer["state_dir"])
    assert "Next: systemctl --user restart eisync" in lab.run("status").stdout
    lab.asked()

    removed = lab.run("uninstall")
    assert (0, before) == (removed.returncode, lab.files()), removed.stderr
    stopped = ["disable --now eisync.service", "daemon-reload", "reset-failed eisync.service"]
    assert [f"systemctl --user {one}" for one in stopped] == lab.asked()
    assert "state stay" in removed.stdout
    assert "No service is installed." in lab.run("uninstall").stdout
    assert 4 == lab.run("status").returncode


def test_what_the_unit_runs_is_seen_by_the_status_and_other_settings_install_it_anew(lab: Lab) -> None:
    """The command line of the unit, run here in the place of systemd."""
    assert 0 == lab.run("install").returncode
    [line] = [one for one in (lab.home / UNIT).read_text().splitlines() if one.startswith("ExecStart=")]
    lab.bench.write("training/wave.1.csv", row(1))
    with (lab.bench.place / "log").open("wb") as log:
        daemon = subprocess.Popen(
            line.removeprefix("ExecStart=").split(), env=lab.environ, cwd="/", stdout=log, stderr=log
        )
    try:
        until(lambda: stored_once(lab.bench.emulator.ledger(), [row(1)]))
        until(lambda: lab.run("status").returncode == 0)
        answer = json.loads(lab.run("status", "--json").stdout)
        assert (daemon.pid, [str(lab.bench.recordings)]) == (answer["pid"], answer["folders"])
        assert answer["since_at"] > 1_700_000_000
        other = lab.bench.place / "more"
        other.mkdir()
        changed = lab.run("install", str(other))
        assert (0, True) == (changed.returncode, (lab.home / UNIT).read_text().count(str(other)) == 2), changed.stderr
        lab.run("uninstall")
        refused = lab.run("install")
        assert (75, True) == (
            refused.returncode,
            f"process {daemon.pid} watches with the state folder" in refused.stderr,
        )
        assert not (lab.home / UNIT).exists()
    finally:
        daemon.kill()
        daemon.wait(10)


def test_without_a_key_that_the_service_would_have_nothing_is_written(lab: Lab) -> None:
    lab.config.write_text(lab.config.read_text().replace('api_key_file = "key"\n', ""))
    before = lab.files()
    refused = lab.run("install", EI_API_KEY=CANARY)
    assert (78, before, []) == (refused.returncode, lab.files(), lab.asked())
    assert "there is no API key" in refused.stderr
    assert "sees no variable of this shell" in refused.stderr
    named = lab.run("install", "--api-key-file", str(lab.home / ".config/eisync/key"))
    assert 0 == named.returncode, named.stderr
    assert f"--api-key-file {lab.home}/.config/eisync/key\n" in (lab.home / UNIT).read_text()


def test_a_file_that_another_wrote_is_left_alone(lab: Lab) -> None:
    unit = lab.home / UNIT
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/mine\n")
    refused = lab.run("install")
    assert (78, True) == (refused.returncode, "was not written by 'eisync service install'" in refused.stderr)
    assert "left alone" in lab.run("uninstall").stdout
    assert "[Service]\nExecStart=/mine\n" == unit.read_text()
    assert [] == lab.asked()


def test_a_manager_that_refuses_leaves_nothing_half_installed(lab: Lab) -> None:
    before = lab.files()
    lab.manager("'--user restart eisync.service'")
    failed = lab.run("install")
    assert (1, before) == (failed.returncode, lab.files())
    assert 1 == failed.stderr.count("\n")
    assert (
        "'systemctl --user restart eisync.service' failed: Failed: no such thing. Nothing was installed"
        in failed.stderr
    )
    assert "systemctl --user disable --now eisync.service" in lab.asked()

    lab.manager("nothing-fails")
    assert 0 == lab.run("install").returncode
    unit = (lab.home / UNIT).read_text()
    lab.manager("'--user restart eisync.service'")
    folder = lab.bench.place / "more"
    folder.mkdir()
    failed = lab.run("install", str(folder))
    assert (1, unit) == (failed.returncode, (lab.home / UNIT).read_text())
    assert "The service is as it was before" in failed.stderr


def test_a_service_that_cannot_be_stopped_is_not_said_to_be_removed(lab: Lab) -> None:
    assert 0 == lab.run("install").returncode
    lab.manager("'--user disable --now eisync.service'")
    refused = lab.run("uninstall")
    assert (1, True) == (refused.returncode, "failed: Failed: no such thing" in refused.stderr)
    assert (lab.home / UNIT).exists()


def test_without_the_program_of_the_manager_it_is_one_sentence(lab: Lab) -> None:
    (lab.bench.place / "programs/systemctl").unlink()
    failed = lab.run("install", PATH=str(lab.bench.place / "programs"))
    assert (1, 1) == (failed.returncode, failed.stderr.count("\n"))
    assert "there is no program systemctl on this machine" in failed.stderr
    assert not (lab.home / UNIT).exists()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_on_other_systems_their_own_managers_are_asked(bench: Bench, platform: str) -> None:
    lab = Lab(bench, platform)
    config = ["--config", str(lab.config), "--state-dir", str(bench.state)]
    done = lab.run("install", *config)
    assert 0 == done.returncode, done.stderr
    asked = lab.asked()
    if platform == "darwin":
        path = lab.home / "Library/LaunchAgents/io.eisync.agent.plist"
        argv = plistlib.loads(path.read_bytes())["ProgramArguments"]
        domain = f"gui/{os.getuid()}"
        wanted = [f"enable {domain}/io.eisync.agent", f"bootout {domain}/io.eisync.agent", f"bootstrap {domain} {path}"]
        assert [f"launchctl {one}" for one in wanted] == asked
        assert f"{lab.home}/Library/Logs/eisync/eisync.log" == argv[7]
    else:
        [create, _, run] = asked
        assert create.startswith("schtasks /Create /TN eisync-ann /XML ")
        assert "schtasks /Run /TN eisync-ann" == run
    assert 3 == lab.run("status").returncode
    assert 0 == lab.run("uninstall").returncode
    assert lab.files() == {".config/eisync/eisync.toml", ".config/eisync/key"}


def test_the_hidden_command_logs_into_its_file_and_ends_with_0_for_a_faulty_configuration(lab: Lab) -> None:
    log = lab.bench.place / "logs/eisync.log"
    lab.config.write_text(lab.config.read_text() + "[upload]\nworkers = 0\n")
    done = lab.run("run", "--log-file", str(log), "--config", str(lab.config))
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert "upload.workers" in log.read_text()
    assert "correct this, then start the service again" in log.read_text()
    assert 0o700 == stat.S_IMODE(log.parent.stat().st_mode)
    lab.bench.state.mkdir(mode=0o700)
    (lab.bench.state / "eisync.db").mkdir()
    lab.config.write_text(lab.config.read_text().replace("workers = 0", "workers = 2"))
    failed = lab.run("run", "--log-file", str(log), "--config", str(lab.config), "--state-dir", str(lab.bench.state))
    assert 1 == failed.returncode  # the manager starts it again
    assert "cannot be" in log.read_text() + failed.stderr
    assert "run" not in [line.split()[0] for line in lab.run("--help").stdout.splitlines() if line.startswith("  ")]


def test_a_full_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eisync.adapters import log_file

    monkeypatch.setattr(log_file, "MOST_BYTES", 1_000)
    log = log_file.LogFile(str(tmp_path / "eisync.log"))
    for number in range(100):
        log.write(f"line {number} %s {'x' * 90}\n")
    log.close()
    assert {"eisync.log", "eisync.log.1", "eisync.log.2", "eisync.log.3"} == {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "eisync.log").read_text().startswith("line 9")
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
