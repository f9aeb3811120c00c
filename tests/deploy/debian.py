"""A Debian of its own in a folder: the package is installed there, and systemd is booted there, in namespaces.

Only `make test-install` uses it. The folder is a copy, so a test may do to it what it likes. Processes in it share the
network of this machine, and reach an emulator on loopback.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

BASE, PACKAGE = (os.environ.get(name, "") for name in ("EISYNC_DEBIAN", "EISYNC_PACKAGE"))
ENVIRON = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
WITHIN_S = 60.0
Done = subprocess.CompletedProcess[str]


@cache
def why_not() -> str | None:
    """Why the tests of the installation are not run here; None if they are."""
    if not BASE or not PACKAGE:
        return "`make test-install` runs it"
    if os.geteuid() != 0:
        return "only root can install a package and boot systemd"
    missing = [tool for tool in ("systemd-nspawn", "dpkg-deb", "chroot", "nsenter") if shutil.which(tool) is None]
    if missing:
        return f"missing on this machine: {', '.join(missing)}"
    tried = _run(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={BASE}", "true"])
    return f"systemd-nspawn cannot run here: {tried.stderr.strip()}" if tried.returncode else None


class Debian:
    """A copy of the bare Debian in `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        subprocess.run(["cp", "-a", f"{BASE}/.", str(root)], check=True, timeout=120)

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    def run(self, *command: str) -> Done:
        """Run a command in it, without systemd."""
        return _run(["chroot", str(self.root), *command])

    def install(self, package: Path) -> Done:
        shutil.copy(package, self.path("/var/tmp/eisync.deb"))
        return self.run("dpkg", "--install", "/var/tmp/eisync.deb")

    @contextmanager
    def booted(self) -> Iterator["Machine"]:
        """Boot it, and end it afterwards, whatever happened."""
        said = self.path("/var/tmp/boot.log")
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--resolv-conf=off"]
        with said.open("wb") as log:
            nspawn = subprocess.Popen(
                [*command, f"--machine=eisync-{os.getpid()}", f"--directory={self.root}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield Machine(self, nspawn, said)
        finally:
            nspawn.terminate()  # systemd-nspawn shuts the machine down
            try:
                nspawn.wait(timeout=40)
            except subprocess.TimeoutExpired:
                nspawn.kill()  # the kernel ends the machine with it
                nspawn.wait(timeout=20)


class Machine:
    """A booted Debian."""

    def __init__(self, debian: Debian, nspawn: "subprocess.Popen[bytes]", said: Path) -> None:
        self.debian = debian
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")

        def is_up() -> bool:
            assert nspawn.poll() is None, said.read_text(errors="replace")[-2_000:]
            self._leader = (children.read_text().split() or [""])[0]
            return bool(self._leader) and self.run("systemctl", "is-active", "multi-user.target").stdout == "active\n"

        self._leader = ""
        until(is_up)

    def run(self, *command: str) -> Done:
        """Run a command in it, as root."""
        return _run(["nsenter", "-t", self._leader, "-m", "-u", "-i", "-p", "-r", "-w", *command])

    def systemctl(self, *arguments: str) -> None:
        done = self.run("systemctl", *arguments)
        assert 0 == done.returncode, done.stderr + self.journal()

    def journal(self) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit=eisync*", "--lines=30").stdout

    def property(self, name: str, unit: str = "eisync") -> str:
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def within_sandbox(self, *command: str) -> Done:
        """Run a command as root with the daemon's view of the file system."""
        return self.run("nsenter", "-t", self.property("MainPID"), "-m", *command)

    def write(self, inside: str, content: bytes) -> None:
        """Bring a whole file of the daemon's own user into a folder. Who writes a file of others, it may not ask."""
        path = self.debian.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.debian.path("/srv/draft")
        draft.write_bytes(content)
        found = re.findall(r"^eisync:x:(\d+):(\d+):", self.debian.path("/etc/passwd").read_text(), re.MULTILINE)
        os.chown(draft, int(found[0][0]), int(found[0][1]))
        draft.rename(path)


def until(is_true: Callable[[], Any], *, within_s: float = WITHIN_S, why: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, f"it did not happen in time\n{why()}"
        time.sleep(0.3)


def _run(command: list[str]) -> Done:
    return subprocess.run(
        command, env=ENVIRON, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False
    )
