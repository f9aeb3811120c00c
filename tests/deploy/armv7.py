"""A board with armv7 by qemu: a Debian in a folder, whose programs share kernel and network with this machine.

Only `make test-armv7` uses it. Memory is what the board's programs would have: qemu keeps that in one range of
addresses, apart from its own.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

ENTER = Path(__file__).resolve().parent.parent.parent / "deploy/armv7/enter"
BASE = os.environ.get("EISYNC_ARMV7", "")
GUEST_FROM, GUEST_TO = 1 << 32, 2 << 32  # where qemu is told to keep the 4 GB that a program of 32 bits can see
KEPT = re.compile(r"PIP_|SSL_CERT_FILE|[A-Za-z]+_(proxy|PROXY)")
LIMIT_S = 1800
Done = subprocess.CompletedProcess[str]


def why_not() -> str | None:
    """Why the tests on armv7 are not run here; None if they are."""
    if not BASE:
        return "`make test-armv7` runs it"
    if os.geteuid() != 0:
        return "only root can enter a Debian in a folder"
    missing = [tool for tool in ("qemu-arm-static", "unshare", "chroot") if shutil.which(tool) is None]
    if missing:
        return f"missing on this machine: {', '.join(missing)}"
    done = subprocess.run([str(ENTER), BASE, "uname", "-m"], capture_output=True, text=True, timeout=60, check=False)
    return None if done.stdout == "armv7l\n" else f"the kernel runs no program of armv7 here: {done.stderr.strip()}"


class Board:
    """A copy of the Debian for armv7, in which a test may do what it likes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        subprocess.run(["cp", "-a", BASE, str(root)], check=True, timeout=300)
        for name in ("/etc/hosts", "/etc/resolv.conf"):
            shutil.copy(name, self.path(name))
        self.environ = {name: value for name, value in os.environ.items() if KEPT.match(name)} | {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "QEMU_GUEST_BASE": hex(GUEST_FROM),
        }

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    def command(self, *command: str) -> list[str]:
        return [str(ENTER), str(self.root), *command]

    def run(self, *command: str, limit_s: float = LIMIT_S) -> Done:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*command),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )

    def start(self, *command: str, log: Path) -> "subprocess.Popen[bytes]":
        """Start a program. The process that is returned is the program itself."""
        with log.open("ab") as file:
            return subprocess.Popen(
                self.command(*command), env=self.environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )


def memory_mb(pid: int) -> float:
    """Return the resident memory of a program of the board, without what qemu needs for itself."""
    resident_kb, is_guest = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-[0-9a-f]+ ", line):
            is_guest = GUEST_FROM <= int(found[1], 16) < GUEST_TO
        elif is_guest and line.startswith("Rss:"):
            resident_kb += int(line.split()[1])
    return resident_kb / 1024
