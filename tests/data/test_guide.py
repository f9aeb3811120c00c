"""The guide's examples are true: all of them, in their order, against the emulator."""

import doctest
import re
from pathlib import Path

import pytest

from eisync import data
from eisync.emulator.server import RunningEmulator

GUIDE = Path(__file__).parent.parent.parent / "docs" / "data.md"


def test_the_examples_of_the_guide_hold(
    service: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = GUIDE.read_text(encoding="utf-8")
    examples = "\n".join(re.findall(r"^```pycon\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE))
    test = doctest.DocTestParser().get_doctest(examples, {}, GUIDE.name, str(GUIDE), 0)
    assert 40 < len(test.examples)
    shown: list[str] = []
    assert 0 == doctest.DocTestRunner(verbose=False).run(test, out=shown.append).failed, "".join(shown)


def test_the_guide_has_no_example_that_is_not_run() -> None:
    assert {"pycon", ""} == set(re.findall(r"^```(\w*)", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE))


@pytest.mark.parametrize(
    "name", [name for name in data.__all__ if name.startswith(("upload", "delete", "get", "download"))]
)
def test_the_guide_or_its_table_names_every_function(name: str) -> None:
    assert name in GUIDE.read_text(encoding="utf-8") or name in ("upload_exported_dataset", "upload_plain_directory")
