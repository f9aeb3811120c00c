"""A bare Debian in a folder, as debootstrap made it: commands run there in namespaces, without the network.

What they write is gone afterwards. `make test-packages` makes the folders, and says in EISYNC_BARE where they are.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

BARE = [Path(one) for one in os.environ.get("EISYNC_BARE", "").split(":") if one]
LIMIT_S = 600


def why_not() -> str | None:
    """Why nothing can be run in a bare Debian here; None if it can."""
    if not BARE:
        return "EISYNC_BARE names no folder: `make test-packages` makes them, as root, where debootstrap is"
    if os.geteuid() != 0:
        return "only root can run commands in a Debian of its own"
    return "missing on this machine: systemd-nspawn" if shutil.which("systemd-nspawn") is None else None


def python_in(root: Path) -> str:
    """The version of its Python: 3.13."""
    return os.readlink(root / "usr/bin/python3").removeprefix("python")


def download(requirements: list[str], python: str, folder: Path) -> Path:
    """Fetch the wheels that this machine's architecture takes for a Python, so that nothing else has to be fetched."""
    machine = os.uname().machine
    platforms = [f"--platform={one}_{machine}" for one in ("manylinux2014", "manylinux_2_28", "manylinux_2_35")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--python-version={python}"]
    done = subprocess.run(
        [*command, *platforms, "--dest", str(folder), *requirements],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return folder


def run_in(root: Path, script: str, *, shown: dict[str, Path]) -> "subprocess.CompletedProcess[str]":
    """Run a script of the shell there. `shown`: folders of this machine, by the name that they have in `/mnt`."""
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "--private-network"]
    binds = [f"--bind-ro={folder}:/mnt/{name}" for name, folder in shown.items()]
    return subprocess.run(
        [*command, "--volatile=overlay", f"--directory={root}", *binds, "/bin/sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
