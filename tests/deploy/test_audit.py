"""The audit fails for what is known against a package, and for nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FINE = {"name": "requests", "version": "2.33.0", "vulns": []}
WEAK = {"name": "urllib3", "version": "2.6.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.7.0"]}]}
SKIPPED = {"name": "eisync", "skip_reason": "not on PyPI"}
OTHER = {"name": "click", "skip_reason": "not on PyPI"}


def audited(tmp_path: Path, report: object, **environ: str) -> tuple[int, str]:
    """What the script makes of what pip-audit reports; None: pip-audit fails."""
    stand_in = tmp_path / "pip-audit"
    answer = "sys.exit('no network')" if report is None else f"open(place, 'w').write({json.dumps(report)!r})"
    stand_in.write_text(f"#!{sys.executable}\nimport sys\nplace = sys.argv[sys.argv.index('--output') + 1]\n{answer}\n")
    stand_in.chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci/audit"), str(stand_in), str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | environ,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("dependencies", "code", "sentence"),
    [
        ([FINE, SKIPPED], 0, "nothing is known against 1 packages"),
        ([FINE, WEAK, SKIPPED], 1, "urllib3 2.6.0: CVE-1, mended in 2.7.0"),
        ([WEAK, OTHER, SKIPPED], 1, "CVE-1"),
        ([FINE, OTHER, SKIPPED], 0, "2 of 3 packages could not be looked up"),
    ],
)
def test_only_what_is_known_fails(tmp_path: Path, dependencies: list[object], code: int, sentence: str) -> None:
    told = audited(tmp_path, {"dependencies": dependencies})
    assert code == told[0]
    assert sentence in told[1]


@pytest.mark.parametrize("report", [None, {}, [], {"dependencies": [OTHER, SKIPPED]}])
def test_where_nothing_can_be_asked_it_says_so(tmp_path: Path, report: object) -> None:
    code, said = audited(tmp_path, report)
    assert (0, True) == (code, "nothing is proved" in said)
    assert 2 == audited(tmp_path, report, AUDIT_STRICT="1")[0]


def test_the_floors_hold_here() -> None:
    from importlib.metadata import requires, version

    from packaging.requirements import Requirement

    asked = [Requirement(text) for text in requires("eisync") or () if "extra ==" not in text]
    floors = [one for one in asked if one.marker is None or one.marker.evaluate()]
    names = {floor.name for floor in floors}
    assert {"requests", "urllib3", "certifi", "idna", "cbor2"} <= names
    assert [] == [floor.name for floor in floors if version(floor.name) not in floor.specifier]
