"""The wheel and the source package: the same bytes each time, everything that eisync needs, and nothing else."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.deploy.bills import faults_of

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source package of this clone, and the wheel that is built from it, as an installer builds it."""
    place = tmp_path_factory.mktemp("dist")
    return _built("sdist", ROOT, place / "sdist"), _built("wheel", ROOT, place / "wheel")


def _built(what: str, source: Path, place: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", what, "--directory", str(place)]
    subprocess.run(command, cwd=source, capture_output=True, check=True, timeout=60)
    (found,) = place.iterdir()
    return found


def test_the_wheel_has_all_of_eisync_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
    listed = subprocess.run(["git", "ls-files", "eisync"], cwd=ROOT, capture_output=True, text=True, check=True)
    kept = set(listed.stdout.splitlines())
    assert kept == {name for name in names if not name.split("/")[0].endswith((".dist-info", ".data"))}
    pages = {f"man/man1/{path.name}" for path in (ROOT / "deploy/man").glob("*.1")}
    completions = {
        "bash-completion/completions/eisync",
        "fish/vendor_completions.d/eisync.fish",
        "zsh/site-functions/_eisync",
    }
    assert pages | completions == {name.split("/share/", 1)[1] for name in names if ".data/data/share/" in name}
    assert {"eisync/py.typed", "eisync/web/static/vendor/htmx.min.js", "eisync/web/templates/base.html"} <= kept
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_of_the_source_package_is_the_wheel_of_the_clone(built: tuple[Path, Path], tmp_path: Path) -> None:
    """So both are reproducible: built twice, at two times, in two folders."""
    with tarfile.open(built[0]) as source:
        source.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    again = [_built("wheel", folder, tmp_path / "wheel"), _built("sdist", folder, tmp_path / "sdist")]
    assert [built[1].read_bytes(), built[0].read_bytes()] == [one.read_bytes() for one in again]


def test_the_wheel_runs_where_nothing_of_the_clone_is(built: tuple[Path, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        wheel.extractall(tmp_path / "site")
    script = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from eisync.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script, "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("eisync ")


def test_the_wheel_says_which_files_of_others_are_in_it(built: tuple[Path, Path]) -> None:
    vendor = "eisync/web/static/vendor/"
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = [name for name in wheel.namelist() if ".dist-info/sboms/" in name]
        text = wheel.read(name).decode()
        found = {
            path: hashlib.sha256(wheel.read(path)).hexdigest()
            for path in wheel.namelist()
            if path.startswith(vendor) and path.endswith((".js", ".css"))
        }
    assert faults_of(text) is None
    files = [file for component in json.loads(text)["components"] for file in component["components"]]
    assert found == {file["name"]: file["hashes"][0]["content"] for file in files}
    assert [] == [one for one in json.loads(text)["components"] if not re.fullmatch(r"\d+\.\d+\.\d+", one["version"])]


@pytest.mark.parametrize(
    ("shell", "file", "ask"),
    [
        ("bash", "bash/eisync", "source {}; complete -p eisync"),
        ("zsh", "zsh/_eisync", "autoload -U compinit; compinit -D; source {}; echo $_comps[eisync]"),
        ("fish", "fish/eisync.fish", "source {}; complete --command eisync"),
    ],
)
def test_a_shell_knows_how_eisync_is_completed(shell: str, file: str, ask: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command = [shell, "-c", ask.format(ROOT / "deploy/completions" / file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert "_eisync_completion" in done.stdout
