"""The commands of docs/install/python.md are run, with every Python of this machine and in bare Debians.

`make test-packages` does that: it downloads much, and takes minutes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy import bare

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = os.environ.get("EISYNC_TOOLS", "")
"""The folder with pipx and uv."""
pytestmark = [pytest.mark.packages, pytest.mark.skipif(not TOOLS, reason="`make test-packages` runs it")]
PAGE = (ROOT / "docs/install/python.md").read_text(encoding="utf-8")
SECTIONS = {
    part.splitlines()[0]: re.findall(r"^```sh\n(.*?)^```", part, flags=re.DOTALL | re.MULTILINE)
    for part in PAGE.split("\n## ")
}
(CLONE,), *_ = SECTIONS.values()
WAYS = {"pipx": "With pipx", "uv": "With uv", "pip": "With pip, in an environment of your own"}
TESTED = "The tested versions, by their hashes"
HOME = "/root/home"
ROOM_MB = 60
INSTALL_CPU_S = 15


def pythons() -> list[Path]:
    """Every Python from 3.11 on that can make an environment, one of each minor version."""
    found = {}
    for minor in range(11, 20):
        on_path = shutil.which(f"python3.{minor}")
        for place in [on_path, *map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3"))]:
            if place and minor not in found and _version(place) == f"3.{minor}":
                found[minor] = Path(place)
    return list(found.values())


def _version(python: str) -> str:
    ask = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False).stdout.strip()


class Person:
    """Someone at a terminal, with an empty home, one Python, pipx and uv."""

    def __init__(self, place: Path, python: Path, caches: Path) -> None:
        self.home = place / "home"
        self.work = place / "work"
        programs = place / "bin"
        for folder in (self.home, self.work, programs):
            folder.mkdir()
        for name, target in {"python3": python, "pipx": Path(TOOLS, "pipx"), "uv": Path(TOOLS, "uv")}.items():
            (programs / name).symlink_to(target)
        self._environ = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("EISYNC_", "EI_", "VIRTUAL_"))
            },
            "HOME": str(self.home),
            "PATH": f"{programs}:{self.home}/.local/bin:{os.environ['PATH']}",
            "PIPX_DEFAULT_PYTHON": str(python),
            "PIPX_DEFAULT_BACKEND": "pip",  # which it takes where uv is not installed
            "UV_PYTHON": str(python),
            "PIP_CACHE_DIR": str(caches / "pip"),
            "UV_CACHE_DIR": str(caches / "uv"),
            # The clone that the page names is this one.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/eisync/eisync.git",
        }

    def types(self, block: str) -> str:
        done = subprocess.run(
            ["sh", "-eu", "-c", block],
            cwd=self.work,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=bare.LIMIT_S,
            check=False,
        )
        assert 0 == done.returncode, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout

    def doctor(self) -> str:
        """What `eisync doctor` says of the extras."""
        said = self.types('PATH="$HOME/eisync/bin:$PATH" eisync doctor --json || true')
        (found,) = [one["sentence"] for one in json.loads(said)["checks"] if one["check"] == "extras"]
        return str(found)

    def leftovers(self) -> list[str]:
        """What has the name of eisync in the home; a lock of pipx is no part of it."""
        found = (path for path in self.home.rglob("*eisync*") if path.name != ".eisync.lock")
        return [str(path.relative_to(self.home)) for path in found if ".cache" not in path.parts]


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.mark.parametrize("python", pythons() if TOOLS else [], ids=lambda python: _version(str(python)))
@pytest.mark.parametrize("way", WAYS)
def test_eisync_is_installed_runs_and_is_removed(way: str, python: Path, tmp_path: Path, caches: Path) -> None:
    person = Person(tmp_path, python, caches)
    person.types(CLONE)
    install, remove = SECTIONS[WAYS[way]]
    said = person.types(install)
    assert re.search(r"^eisync \d", said, flags=re.MULTILINE), said
    assert "All 7 files are in Edge Impulse" in said
    assert [] != person.leftovers()
    assert ("pipx" == way) == (person.home / ".local/share/man/man1/eisync.1").exists()
    # What eisync says of an extra that is missing adds it.
    assert {"annotations", "pretty"} == set(re.findall(r"without eisync\[(\w+)\]", person.doctor()))
    person.types(re.findall(r"\(to add: (.+)\)", person.doctor())[0])
    assert "all are installed" == person.doctor()
    person.types(remove)
    assert [] == person.leftovers()


@pytest.mark.parametrize("python", pythons() if TOOLS else [], ids=lambda python: _version(str(python)))
def test_the_tested_versions_are_enough_and_are_checked_by_their_hashes(
    python: Path, tmp_path: Path, caches: Path
) -> None:
    person = Person(tmp_path, python, caches)
    said = person.types(CLONE + "".join(SECTIONS[TESTED]))
    assert "No broken requirements found." in said
    assert "All 7 files are in Edge Impulse" in said
    file = person.work / "eisync-source/deploy/constraints.txt"
    file.write_text(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", file.read_text()))
    with pytest.raises(AssertionError, match="DO NOT MATCH THE HASHES"):
        person.types(f"{person.home}/eisync/bin/pip install --force-reinstall --require-hashes -r {file}")


# In a bare Debian


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clone") / "eisync"
    subprocess.run(["git", "clone", "--quiet", f"file://{ROOT}", str(place)], check=True, timeout=60)
    return place


@pytest.mark.skipif(bare.why_not() is not None, reason=bare.why_not() or "")
@pytest.mark.parametrize("root", bare.BARE, ids=lambda root: root.name)
def test_make_demo_and_each_way_work_in_a_bare_debian(root: Path, clone: Path, tmp_path: Path) -> None:
    """Debian, with python3, python3-venv and make. What has to be downloaded is there already."""
    needed = [
        "hatchling",
        "editables",
        "pip",
        "setuptools",
        "wheel",
        "pipx",
        "uv",
        f"--requirement={clone}/deploy/constraints.txt",
    ]
    wheels = bare.download(
        [one for one in needed if not one.startswith("--")], bare.python_in(root), tmp_path / "wheels"
    )
    bare.download([needed[-1], "--require-hashes"], bare.python_in(root), wheels)
    begin = """set -eu
        export PIP_NO_INDEX=1 PIP_FIND_LINKS=/mnt/wheels
        export PIPX_DEFAULT_BACKEND=pip UV_CONFIG_FILE=/root/uv.toml UV_PYTHON_DOWNLOADS=never
        printf '%s\n' 'no-index = true' 'find-links = ["/mnt/wheels"]' > /root/uv.toml
        export HOME=/root PATH=/root/.local/bin:/root/tools:$PATH
        cp -r /mnt/clone /root/eisync && cd /root/eisync
    """
    demo = "make .venv-demo/.stamp\ntimes\ndu -sk .venv-demo\nmake demo ARGS=--once\n"
    tools = """python3 -m venv /root/.tools && /root/.tools/bin/pip install --quiet pipx uv && mkdir /root/tools
        ln -s /root/.tools/bin/pipx /root/.tools/bin/uv /root/tools/
        git() { cp -r /mnt/clone "$3"; }
        mkdir /root/work && cd /root/work
    """
    blocks = [CLONE, *(block for way in WAYS.values() for block in SECTIONS[way]), *SECTIONS[TESTED]]
    done = bare.run_in(root, begin + demo + tools + "".join(blocks), shown={"clone": clone, "wheels": wheels})
    assert 0 == done.returncode, done.stdout + done.stderr
    assert 1 + len(WAYS) + 1 == done.stdout.count("All 7 files are in Edge Impulse")
    _, of_children = re.findall(r"^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$", done.stdout, flags=re.MULTILINE)[:2]
    user_m, user_s, system_m, system_s = map(float, of_children)
    cpu_s = 60 * (user_m + system_m) + user_s + system_s
    room_mb = int(re.findall(r"^(\d+)\s+\.venv-demo$", done.stdout, flags=re.MULTILINE)[0]) / 1000
    sys.stdout.write(
        f"\n{root.name}, Python {bare.python_in(root)}: {room_mb:.0f} MB, {cpu_s:.1f} s of CPU to install\n"
    )
    assert room_mb < ROOM_MB
    assert cpu_s < INSTALL_CPU_S
