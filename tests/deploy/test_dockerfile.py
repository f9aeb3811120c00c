"""The image: linted, without pip, without root, and with nothing to write outside its volume."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def _stages() -> dict[str, list[str]]:
    """The instructions of each stage, by its name."""
    stages: dict[str, list[str]] = {}
    for line in _instructions():
        if line.startswith("FROM "):
            stages[line.rpartition(" AS ")[2]] = []
        if stages:
            list(stages.values())[-1].append(line)
    return stages


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
    stages = _stages()
    for name in ("runtime", "eisync", "emulator"):
        assert [line for line in stages[name] if "pip" in line] == []


def test_it_runs_as_a_numbered_user_that_may_write_its_state_only() -> None:
    stage = _stages()["runtime"]
    assert "USER 10001:10001" in stage
    # Every user may make a folder of its own there, in the volume of docker, which takes its rights from this one.
    assert [line for line in stage if "install -d -m 1777 /state" in line] != []
    assert 'VOLUME ["/state"]' in stage
    environment = next(line for line in stage if line.startswith("ENV "))
    assert {"EISYNC_STATE_DIR=/state/eisync", "PYTHONDONTWRITEBYTECODE=1"} <= set(environment.split())


def test_it_starts_checks_and_stops_as_documented() -> None:
    stages = _stages()
    assert list(stages)[-1] == "eisync"  # what is built when no target is named
    assert stages["eisync"] == ["FROM runtime AS eisync", "COPY --from=builder /opt/eisync /opt/eisync"]
    stage = stages["runtime"]
    assert stage[-2:] == ['ENTRYPOINT ["eisync"]', 'CMD ["run", "/recordings"]']
    assert [line.partition("CMD ")[2] for line in stage if line.startswith("HEALTHCHECK ")] == [
        '["eisync", "healthcheck"]'
    ]


def test_everything_that_is_copied_passes_the_dockerignore() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in _instructions() if line.startswith("COPY ") and "--from" not in line]
    assert kept == {source for sources in copied for source in sources}


def test_everything_stands_on_one_base_that_can_be_replaced_and_names_no_host() -> None:
    lines = _instructions()
    assert lines[0] == "ARG BASE=python:3.12-slim"
    names = {line.split()[1] for line in lines if line.startswith("FROM ")}
    assert names - _stages().keys() == {"${BASE}", "scratch"}


def test_bytecode_is_valid_whatever_the_time_of_its_source_is() -> None:
    """A reproducible build sets the times of all files, which makes pip's own bytecode invalid."""
    installs = [line for line in _instructions() if " install --no-compile " in line]
    assert len(installs) == 2
    assert all("compileall -q -f --invalidation-mode unchecked-hash /opt/eisync/lib" in line for line in installs)


@pytest.mark.parametrize(
    ("builders", "begin"),
    [
        (["buildah", "docker"], "buildah build --layers --format docker --timestamp 7"),
        (["docker"], "docker build --build-arg SOURCE_DATE_EPOCH"),
    ],
)
def test_the_images_are_built_by_what_is_there(tmp_path: Path, builders: list[str], begin: str) -> None:
    """The script, with builders that only print how they are called."""
    for name in builders:
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    environ = {"PATH": str(tmp_path), "SOURCE_DATE_EPOCH": "7", "BASE": "b@sha256:0", "WHEELS": "w"}
    said = subprocess.run(
        [ROOT / "deploy/image/build", "--no-cache"], env=environ, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [line for line in said if not line.startswith("Building ")] == [
        f"{begin} --build-context wheels=w --no-cache --build-arg BASE=b@sha256:0 --target {target} --tag {tag} ."
        for target, tag in (("eisync", "eisync"), ("emulator", "eisync:emulator"))
    ]
