"""What a stranger meets before the code: licence, forms, hooks, the package's description."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import trove_classifiers
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_licence_is_the_whole_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert [f"   {number}. " for number in range(1, 10)] == [
        line[: len("   0. ")] for line in text.splitlines() if line[:3] == "   " and line[3:4].isdigit()
    ]
    assert text.rstrip().endswith("limitations under the License.")
    assert ("Apache-2.0", ["LICENSE"]) == (PROJECT["project"]["license"], PROJECT["project"]["license-files"])


def test_the_source_package_has_what_a_stranger_needs() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [] == [name for name in included if not (ROOT / name).exists()]
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "tests"} <= set(included)


@pytest.mark.parametrize(
    ("schema", "forms"),
    [
        ("vendor.github-workflows", ["workflows/ci.yml", "workflows/image.yml", "workflows/release.yml"]),
        ("vendor.github-issue-forms", ["ISSUE_TEMPLATE/bug.yml", "ISSUE_TEMPLATE/feature.yml"]),
        ("vendor.github-issue-config", ["ISSUE_TEMPLATE/config.yml"]),
    ],
)
def test_github_understands_the_forms(schema: str, forms: list[str]) -> None:
    paths = [str(ROOT / ".github" / form) for form in forms]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_the_workflow_runs_what_every_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["tests"]["steps"]
    assert [".ci/run"] == [step["run"] for step in steps if "run" in step]
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert oldest in workflow["jobs"]["tests"]["strategy"]["matrix"]["python"]


def test_the_classifiers_exist_and_name_the_pythons_with_which_it_was_installed() -> None:
    classifiers = PROJECT["project"]["classifiers"]
    assert set() == set(classifiers) - trove_classifiers.classifiers
    page = (ROOT / "docs/install/python.md").read_text(encoding="utf-8")
    run = re.findall(r"^\| (3\.\d+) \|(?! no)", page, flags=re.MULTILINE)
    assert run == [one.rpartition(" ")[2] for one in classifiers if re.search(r":: 3\.\d+$", one)]


INDEX = re.compile(
    r"\b(?:pipx?|uv tool|uv pip) (?:install|inject|run|download)\b[^\n|;&]*? ['\"]?eisync(?![\w./-]|\[?\S* @ )"
)
HOST = re.compile(r"\b(?:pypi|npmjs|piwheels)\.org\b|\bpythonhosted\b|\bdeb\.debian\.org\b")


@pytest.mark.parametrize(
    ("text", "is_from_index"),
    [
        ("pip install 'eisync[web]'", True),
        ("pipx install eisync", True),
        ("~/x/bin/pip install --upgrade eisync", True),
        ("uv tool install --force eisync[all]", True),
        ("pipx install './eisync-source[web]'", False),
        ("pip install --no-deps dist/eisync-*.whl", False),
        ("'eisync[web] @ file:///x.whl'", False),
        ("pip install --editable '.[web]'", False),
    ],
)
def test_an_installation_from_an_index_is_found(text: str, is_from_index: bool) -> None:
    assert is_from_index == bool(INDEX.search(text))


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not on this machine")
def test_nothing_says_that_eisync_comes_from_a_package_index_before_it_is_released() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name and "/vendor/" not in name]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()}
    del texts[Path(__file__).resolve()]
    assert len(texts) > 500
    assert [] == [str(path) for path, text in texts.items() if INDEX.search(text) or HOST.search(text)]


def test_the_hooks_are_the_tools_of_the_check() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert ["local"] == [one["repo"] for one in hooks]
    called = {hook["entry"].split()[0].removeprefix(".venv/bin/") for one in hooks for hook in one["hooks"]}
    check = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
    assert {"ruff", "mypy"} == called
    assert [] == [tool for tool in called if f"$(BIN)/{tool}" not in check]
