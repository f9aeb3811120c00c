"""The Kubernetes files: strictly valid, restricted, and with enough time for the last recording."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from eisync.settings import Upload, Watch
from tests.deploy.images import ROOT, TOOLS

FOLDER = ROOT / "deploy/kubernetes"
PAGE = ROOT / "docs/install/kubernetes.md"
SIDECAR = yaml.safe_load((FOLDER / "component/sidecar.yaml").read_text())["spec"]["template"]["spec"]
OLDEST, NEWEST = "1.29", "1.37"
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on this machine")


def container() -> dict[str, Any]:
    [found] = SIDECAR["initContainers"]
    return dict(found)


def rendered() -> str:
    """The command of the page."""
    [block] = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    return subprocess.run(block.split(), cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout


def test_it_is_a_native_sidecar_that_no_other_container_waits_for() -> None:
    assert "Always" == container()["restartPolicy"]
    assert set() == {"startupProbe", "readinessProbe", "ports"} & container().keys()
    assert ["eisync", "healthcheck", "--live"] == container()["livenessProbe"]["exec"]["command"]


def test_it_meets_the_restricted_standard() -> None:
    assert {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    } == container()["securityContext"]
    # Of the kinds of volumes that the standard allows.
    assert {"emptyDir", "secret"} == {kind for one in SIDECAR["volumes"] for kind in one.keys() - {"name"}}


def test_the_key_is_a_file_for_the_group_and_in_no_variable() -> None:
    mounts = {mount["name"]: mount for mount in container()["volumeMounts"]}
    variables = {one["name"]: one["value"] for one in container()["env"]}
    [key] = [one["secret"] for one in SIDECAR["volumes"] if one["name"] == "eisync-key"]
    assert f"{mounts['eisync-key']['mountPath']}/{key['items'][0]['path']}" == variables["EISYNC_API_KEY_FILE"]
    assert (0o440, True) == (key["defaultMode"], key["optional"])
    assert {"EISYNC_API_KEY_FILE", "EISYNC_LOG__FORMAT"} == variables.keys()
    assert 10001 == SIDECAR["securityContext"]["fsGroup"]
    assert mounts["recordings"]["readOnly"] is True


def test_the_time_to_end_is_enough_for_the_hook_and_the_drain() -> None:
    hook = container()["lifecycle"]["preStop"]["exec"]["command"][-1]
    pause_s, limit_s = (int(found) for found in re.findall(r"(?:sleep|timeout) (\d\d+)", hook))
    needed_s = pause_s + limit_s + int(Upload().drain_timeout_s)
    grace_s = SIDECAR["terminationGracePeriodSeconds"]
    assert needed_s < grace_s
    assert pause_s > Watch(path=Path("/recordings")).settle_s
    page = PAGE.read_text()
    for cell in (
        f"| {pause_s} |",
        f"| + {limit_s} |",
        f"| = {needed_s} | less than `terminationGracePeriodSeconds: {grace_s}`",
    ):
        assert cell in page


@needs_kubectl
def test_the_example_has_the_sidecar_and_keeps_its_state() -> None:
    documents = list(yaml.safe_load_all(rendered()))
    [pod] = [one["spec"]["template"]["spec"] for one in documents if one["kind"] == "Deployment"]
    claims = {one["metadata"]["name"] for one in documents if one["kind"] == "PersistentVolumeClaim"}
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert {"recordings", "eisync-state"} == claims
    assert claims == {name for name, one in volumes.items() if "persistentVolumeClaim" in one}
    assert volumes.keys() >= {mount["name"] for mount in pod["initContainers"][0]["volumeMounts"]}
    assert ["eisync", "recorder"] == [one["name"] for one in pod["initContainers"] + pod["containers"]]


@needs_kubectl
@pytest.mark.image
@pytest.mark.skipif(not TOOLS, reason="`make test-image` runs it")
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_it_is_strictly_valid(version: str, tmp_path: Path) -> None:
    text = rendered()
    for name, content, code in (("good", text, 0), ("bad", text.replace("preStop:", "preStopp:"), 1)):
        (tmp_path / f"{name}.yaml").write_text(content)
        command = [f"{TOOLS}/kubernetes-validate", "--strict", f"-k={version}.0", str(tmp_path / f"{name}.yaml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert code == done.returncode, done.stdout + done.stderr
