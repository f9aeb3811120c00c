"""Container images, built and run: buildah builds them, podman runs them, podman-compose reads the compose files.

Only `make test-image` uses it. Images, containers and networks have a folder of their own, which is removed at the end.
The images stand on a bare Debian in a folder instead of `python:3.12-slim`, so no registry is asked.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
BASE, TOOLS = (os.environ.get(name, "") for name in ("EISYNC_DEBIAN", "EISYNC_CONTAINER_TOOLS"))
BASE_IMAGE = "localhost/base"
USER = 10001
CONFINED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp:size=16m")
DOCKER = """#!/bin/sh
# What a person types for docker, done by podman. EISYNC_SERVICE is a file with a service to send to.
[ "$1" = compose ] || exec podman "$@"
file=$3
shift 3
[ "${file##*/}" != compose.yaml ] || set -- -f "$EISYNC_SERVICE" "$@"
exec podman-compose -f "$file" "$@"
"""
Done = subprocess.CompletedProcess[str]


def why_not() -> str | None:
    """Why the tests of the images are not run here; None if they are."""
    if not BASE or not TOOLS:
        return "`make test-image` runs it"
    if os.geteuid() != 0:
        return "only root can build an image on a folder"
    missing = [tool for tool in ("buildah", "podman", "runc", "iptables") if shutil.which(tool) is None]
    return f"missing on this machine: {', '.join(missing)}" if missing else None


class Images:
    """The place of images and containers in the folder `place`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.wheels = place / "wheels"
        (place / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{place}/store"\nrunroot = "{place}/run"\n'
        )
        # Without systemd, and where the limits of a process may not be raised.
        (place / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\nlog_driver = "k8s-file"\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'[network]\nnetwork_config_dir = "{place}/networks"\n'
        )
        commands = place / "bin"
        commands.mkdir()
        for name, text in (("docker", DOCKER), ("sudo", '#!/bin/sh\nexec "$@"\n')):
            (commands / name).write_text(text)
            (commands / name).chmod(0o755)
        self.environ = {
            "PATH": f"{commands}:{TOOLS}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(place),
            "LANG": "C.UTF-8",
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"),
            "CONTAINERS_CONF": str(place / "containers.conf"),
        }

    def run(self, *command: str, cwd: Path = ROOT, limit_s: float = 120, **environ: str) -> Done:
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )

    def ask(self, *command: str, cwd: Path = ROOT, limit_s: float = 120, **environ: str) -> str:
        """Run a command that must succeed, and return what it printed."""
        done = self.run(*command, cwd=cwd, limit_s=limit_s, **environ)
        assert 0 == done.returncode, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        [found] = json.loads(self.ask("podman", kind, "inspect", name))
        return dict(found)

    def import_base(self) -> None:
        """Make the base of the bare Debian, with `python` and pip where the official image has them."""
        [pip] = self.wheels.glob("pip-*.whl")
        with tempfile.TemporaryDirectory(dir=self.place) as place:
            local = Path(place) / "usr/local"
            (local / "bin").mkdir(parents=True)
            (local / "bin/python").symlink_to("/usr/bin/python3")
            with zipfile.ZipFile(pip) as wheel:
                wheel.extractall(local / f"lib/python{python_of_base()}/dist-packages")
            archive = self.place / "base.tar"
            # No folder twice: an image takes none.
            added = [f"./{path.relative_to(place)}" for path in Path(place).rglob("*") if not path.is_dir()]
            self.ask("tar", "-cf", str(archive), "-C", BASE, ".", "-C", place, *added)
            self.ask("podman", "import", str(archive), BASE_IMAGE)
            archive.unlink()

    def build(self, *, image: str = "eisync", arguments: str = "") -> None:
        """Do `make image`."""
        self.ask(
            *("make", "image", f"ARGS={arguments}"),
            limit_s=600,
            BASE=BASE_IMAGE,
            WHEELS=str(self.wheels),
            IMAGE=image,
        )

    def close(self) -> None:
        self.run("podman", "rm", "--all", "--force", "--time=0")
        self.run("podman", "system", "reset", "--force")
        self.run("umount", str(self.place / "store/overlay"))


@contextmanager
def images() -> Iterator[Images]:
    """A place outside the folders of pytest, where every file is searched for the key after each test."""
    with tempfile.TemporaryDirectory(prefix="eisync-images-", ignore_cleanup_errors=True) as place:
        found = Images(Path(place))
        try:
            yield found
        finally:
            found.close()


def python_of_base() -> str:
    command = ["chroot", BASE, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def fetch_wheels(folder: Path) -> None:
    """Everything that the images are built of, for the Python of the base, as this machine's pip gets it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--dest={folder}"]
    wanted = ["hatchling", "pip", f"{ROOT}[emulator,web]"]
    command += [f"--python-version={python_of_base()}", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert 0 == done.returncode, done.stderr[-2_000:]
