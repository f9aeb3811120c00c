"""`eisync demo --once` shows every kind of file arrive, and ends with 0."""

import os
import re
import subprocess
import sys
from pathlib import Path

from eisync.cli.demo import samples
from eisync.core.acquisition import Encoding, is_signed_with


def test_every_file_is_shown_with_its_label_and_sample(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eisync", "demo", "--once"],
        env={**os.environ, "TMPDIR": str(tmp_path), "EI_API_KEY": "ei_of_another_project"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    shown = re.findall(r"^  (\S+) +label (\S+) +category (\S+) +sample (\d+)$", done.stdout, flags=re.MULTILINE)
    paths = {path for path, _ in samples("")}
    assert paths == {path for path, *_ in shown}
    assert len(paths) == len({sample_id for *_, sample_id in shown})
    assert {("testing/snake.04.cbor", "snake", "testing"), ("audio/beep.01.wav", "beep", "split")} <= {
        (path, label, category) for path, label, category, _ in shown
    }
    assert "All 7 files are in Edge Impulse" in done.stdout
    assert [] == list(tmp_path.iterdir()), "the demo leaves nothing behind"


def test_the_recordings_are_signed() -> None:
    signed = {path: data for path, data in samples("a key") if path.endswith((".cbor", ".json"))}
    assert {True} == {is_signed_with(data, Encoding(path.rpartition(".")[2]), "a key") for path, data in signed.items()}
    assert {"cbor", "json", "wav", "png", "csv"} == {path.rpartition(".")[2] for path, _ in samples("")}
