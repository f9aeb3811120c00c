"""How eisync was installed is read from what installers write down."""

import subprocess
import sys
from pathlib import Path

import pytest

from eisync.adapters.install_record import install_record
from eisync.core.extras import Way

ASK = "from eisync.adapters.install_record import install_record as r; print(r().way.value, r().source)"
ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_clone_that_runs_its_own_tests_is_editable() -> None:
    found = install_record()
    assert (Way.EDITABLE, sys.executable) == (found.way, found.python)
    assert found.source is not None
    assert (Path(found.source) / "pyproject.toml").exists()


@pytest.mark.parametrize(("name", "way"), [("pipx_metadata.json", Way.PIPX), ("uv-receipt.toml", Way.UV)])
def test_pipx_and_uv_leave_a_file(name: str, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert way is install_record().way


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ('{"url": "file:///no/such.whl", "archive_info": {}}', "None"),
        ('{"url": "file://%s", "archive_info": {}}', "%s"),
        ('{"url": "https://example.org/eisync.whl"}', "None"),
        ("{", "None"),
        (None, "None"),
    ],
)
def test_the_source_is_what_is_still_there(url: str | None, said: str, tmp_path: Path) -> None:
    wheel = tmp_path / "my wheel.whl"
    wheel.touch()
    record = tmp_path / "eisync-1.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: eisync\nVersion: 1\n")
    if url is not None:
        (record / "direct_url.json").write_text(url.replace("%s", str(wheel).replace(" ", "%20")))
    script = f"import sys; sys.path[:0] = {[str(tmp_path), str(ROOT)]!r}; {ASK}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f"pip {said.replace('%s', str(wheel))}\n" == done.stdout
