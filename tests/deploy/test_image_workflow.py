"""The workflow that builds the images: on every platform, on a base whose digest it asks for and names."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / ".github/workflows/image.yml").read_text()
STEPS: dict[str, dict[str, Any]] = {
    step["name"]: step for step in yaml.safe_load(TEXT)["jobs"]["image"]["steps"] if "name" in step
}
DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_it_builds_for_each_platform_on_the_pinned_base() -> None:
    build = STEPS["Build"]
    assert build["run"].startswith("make image ")
    assert "--platform linux/amd64,linux/arm64,linux/arm/v7 " in build["run"]
    assert ("docker", "${{ steps.base.outputs.pinned }}") == (build["env"]["BUILDER"], build["env"]["BASE"])
    assert STEPS["Pin the base"]["id"] == "base"


@pytest.mark.parametrize(
    ("answer", "written"), [(DIGEST, f"pinned=python:3.12-slim@{DIGEST}\n"), ("", ""), ("<no value>", "")]
)
def test_the_digest_is_asked_for_and_nothing_else_is_taken(tmp_path: Path, answer: str, written: str) -> None:
    (tmp_path / "docker").write_text(f"#!/bin/sh\n[ \"$4\" = python:3.12-slim ] && echo '{answer}'\n")
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "output").touch()
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_OUTPUT": str(tmp_path / "output")}
    done = subprocess.run(["bash", "-e", "-c", STEPS["Pin the base"]["run"]], cwd=ROOT, env=environ, check=False)
    assert (done.returncode == 0, written) == (bool(written), (tmp_path / "output").read_text())


def test_no_digest_is_invented_and_no_secret_is_an_argument() -> None:
    files = [TEXT, *((ROOT / name).read_text() for name in ("Dockerfile", "deploy/image/build", "Makefile"))]
    assert [] == [found for text in files for found in re.findall(r"sha256:[0-9a-f]{8,}", text)]
    assert all("secrets." not in step.get("run", "") for step in STEPS.values())
