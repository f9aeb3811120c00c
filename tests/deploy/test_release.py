"""`make release` makes a release only from a clone that is ready, and the workflow publishes without a token."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.bills import faults_of

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = os.environ.get("EISYNC_TOOLS", "")
WORKFLOW = ROOT / ".github/workflows/release.yml"
COMPLETIONS = (
    "bash-completion/completions/eisync",
    "zsh/vendor-completions/_eisync",
    "fish/vendor_completions.d/eisync.fish",
)
READY = "# Changelog\n\n## [1.2.3] - 2026-12-01\n\n- New.\n"


def git(place: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "tag.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=place, capture_output=True, check=True, timeout=60)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """As little of a clone as the checks read, ready for the release 1.2.3."""
    place = tmp_path / "clone"
    (place / "eisync").mkdir(parents=True)
    (place / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/release", place / ".ci/release")
    (place / "eisync/_version.py").write_text('__version__ = "1.2.3"\n')
    (place / "CHANGELOG.md").write_text(READY)
    git(place, "init", "--quiet")
    commit(place)
    return place


def commit(place: Path) -> None:
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--allow-empty", "--message=next")


def faults(place: Path, version: str) -> str:
    """What the script has against a release; nothing else of it is run."""
    script = "import runpy, sys; print(*runpy.run_path(sys.argv[1])['faults'](sys.argv[2]), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script, str(place / ".ci/release"), version], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_clone_that_is_ready_has_no_faults(repository: Path) -> None:
    assert "" == faults(repository, "1.2.3")
    git(repository, "tag", "v1.2.3")
    assert "" == faults(repository, "1.2.3")


def test_each_fault_is_a_sentence_and_nothing_is_made(repository: Path, tmp_path: Path) -> None:
    assert "eisync/_version.py says 1.2.3" in faults(repository, "1.2.4")
    assert "CHANGELOG.md has no section '## [1.2.4] - YYYY-MM-DD'" in faults(repository, "1.2.4")
    assert "a version is like 0.1.0" in faults(repository, "v1.2.3")
    git(repository, "tag", "v1.2.3")
    (repository / "CHANGELOG.md").write_text(READY.replace("- New.\n", ""))
    assert "not committed: CHANGELOG.md" in faults(repository, "1.2.3")
    commit(repository)
    assert "CHANGELOG.md has no section" in faults(repository, "1.2.3")
    assert "the tag v1.2.3 is another commit" in faults(repository, "1.2.3")
    command = [sys.executable, str(repository / ".ci/release"), "1.2.3", str(tmp_path / "dist")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (1, "", False) == (done.returncode, done.stdout, (tmp_path / "dist").exists())
    assert "1.2.3 is not ready" in done.stderr


def test_the_workflow_builds_with_the_documented_command_and_needs_no_token() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    assert {"push": {"tags": ["v*"]}} == workflow[True]  # YAML reads `on` as true
    commands = [step["run"] for job in jobs.values() for step in job.get("steps", []) if "run" in step]
    assert 1 == sum("make release" in one for one in commands)
    actions = [step["uses"] for job in jobs.values() for step in job.get("steps", []) if "uses" in step]
    assert [] == [one for one in actions if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one)]
    assert {"contents": "read"} == workflow["permissions"]
    publishing = [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})]
    assert ["index"] == publishing
    assert ("release", ["tests", "build"]) == (jobs["index"]["environment"], jobs["index"]["needs"])
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert "workflow_call" in ci[True]


@pytest.mark.packages
@pytest.mark.skipif(not TOOLS, reason="`make test-packages` runs it")
def test_a_release_is_complete_and_the_same_twice(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", f"file://{ROOT}", str(clone))
    changes = (clone / "CHANGELOG.md").read_text(encoding="utf-8")
    (clone / "CHANGELOG.md").write_text(changes.replace("## [Unreleased]", "## [0.1.0] - 2026-12-01"), encoding="utf-8")
    commit(clone)
    made = [tmp_path / "first", tmp_path / "second"]
    for folder in made:
        command = [f"{TOOLS}/python", str(clone / ".ci/release"), "0.1.0", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
        git(clone, "clean", "--force", "-dx", "--quiet")
    first, second = ({one.name: one.read_bytes() for one in folder.iterdir()} for folder in made)
    assert first.keys() == second.keys()
    assert [] == [name for name in first if first[name] != second[name]]
    kinds = {"eisync-0.1.0-py3-none-any.whl", "eisync-0.1.0.tar.gz", "eisync-0.1.0.cdx.json", "SHA256SUMS"}
    debian = [] if shutil.which("dpkg-deb") is None else [re.compile(r"eisync_0\.1\.0_\w+\.deb")]
    others = sorted(first.keys() - kinds)
    assert kinds <= first.keys()
    assert [True] * len(debian) == [bool(one.fullmatch(name)) for one, name in zip(debian, others, strict=True)]
    for name in others:
        done = subprocess.run(["dpkg-deb", "--contents", made[0] / name], capture_output=True, text=True, check=True)
        assert [] == [path for path in COMPLETIONS if f" ./usr/share/{path}\n" not in done.stdout]
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=made[0], capture_output=True, check=True)
    _describes_all(first["eisync-0.1.0.cdx.json"].decode(), str(tmp_path))


def _describes_all(text: str, place: str) -> None:
    assert faults_of(text) is None
    described = {(one["name"].lower().replace("_", "-"), one["version"]) for one in json.loads(text)["components"]}
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)", _constraints(), flags=re.MULTILINE)
    assert described == set(pins)
    eisync = json.loads(text)["metadata"]["component"]
    assert ("eisync", "0.1.0") == (eisync["name"], eisync["version"])
    direct = next(one["dependsOn"] for one in json.loads(text)["dependencies"] if one["ref"] == eisync["bom-ref"])
    assert {"watchdog", "requests", "aiohttp", "rich"} <= {one.partition("==")[0] for one in direct}
    assert place not in text


def _constraints() -> str:
    """Without what is for other machines."""
    text = (ROOT / "deploy/constraints.txt").read_text(encoding="utf-8")
    return re.sub(r"^.* ; platform_machine == 'armv7l' .*$", "", text, flags=re.MULTILINE)
