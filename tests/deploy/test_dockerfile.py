"""The image: linted, without pip, without root, and with nothing to write outside its volume."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HADOLINT = Path(sys.executable).parent / "hadolint"
# What stands behind the sign must not be imported: a finder before all others refuses it.
WITHOUT_PIP = """
import importlib, pkgutil, sys

class NoPip:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pip":
            raise ModuleNotFoundError(f"there is no {name} in the image", name=name)

sys.meta_path.insert(0, NoPip())
import eisync, sqlite_utils
for module in pkgutil.walk_packages(eisync.__path__, "eisync."):
    if not module.name.startswith("eisync.emulator") and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert "pip" not in sys.modules
"""


def _instructions() -> list[str]:
    """The Dockerfile without comments, a line for each instruction."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def _last_stage() -> list[str]:
    lines = _instructions()
    starts = [index for index, line in enumerate(lines) if line.startswith("FROM ")]
    return lines[starts[-1] :]


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run([HADOLINT, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_of_ours_imports_pip() -> None:
    """sqlite-utils requires pip on paper; the image is built without it."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_PIP], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_pip_stays_behind_in_the_builder() -> None:
    runs = " ".join(line for line in _instructions() if line.startswith("RUN "))
    assert "venv --without-pip /opt/eisync" in runs
    assert "uninstall --yes pip" in runs
    assert [line for line in _last_stage() if "pip" in line] == []


def test_it_runs_as_a_numbered_user_that_owns_the_state() -> None:
    stage = _last_stage()
    assert "USER 10001:10001" in stage
    assert [line for line in stage if "-o 10001 -g 10001 /state" in line] != []
    assert 'VOLUME ["/state"]' in stage
    environment = next(line for line in stage if line.startswith("ENV "))
    assert {"EISYNC_STATE_DIR=/state", "PYTHONDONTWRITEBYTECODE=1"} <= set(environment.split())


def test_it_starts_checks_and_stops_as_documented() -> None:
    stage = _last_stage()
    assert stage[-2:] == ['ENTRYPOINT ["eisync"]', 'CMD ["run", "/recordings"]']
    assert [line.partition("CMD ")[2] for line in stage if line.startswith("HEALTHCHECK ")] == [
        '["eisync", "healthcheck"]'
    ]


def test_everything_that_is_copied_passes_the_dockerignore() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in _instructions() if line.startswith("COPY ") and "--from" not in line]
    assert kept == {source for sources in copied for source in sources}


def test_the_base_image_is_the_same_in_both_stages_and_names_no_host() -> None:
    images = {line.split()[1] for line in _instructions() if line.startswith("FROM ")}
    assert images == {"python:3.12-slim"}
