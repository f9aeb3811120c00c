import io
import re
import subprocess
import sys

import pytest

from eisync.data import uploading


def test_a_line_each_tenth_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with uploading._line(200, "Uploading", sys.stderr) as draw:
        for done in range(201):
            draw(done)
    seen = capsys.readouterr()
    assert "" == seen.out
    assert [f"Uploading: {20 * n} of 200 ({10 * n} %)" for n in range(1, 11)] == seen.err.splitlines()


def test_one_line_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with uploading._line(2, "Uploading", terminal) as draw:
        draw(1)
        draw(2)
    assert "Uploading: 1 of 2 (50 %)\rUploading: 2 of 2 (100 %)\r\n" == terminal.getvalue()


def test_a_bar_of_rich_where_rich_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich", reason="schemathesis brings it")
    with uploading.counting(3, "Uploading", show=True, progress=None) as advance:
        advance(2)
        advance(1)
    seen = capsys.readouterr()
    assert "" == seen.out
    assert re.search(r"Uploading .*━.* 3/3", seen.err)


def test_a_plain_line_where_it_is_not(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with uploading.counting(2, "Uploading", show=True, progress=None) as advance:
        advance(2)
    assert "Uploading: 2 of 2 (100 %)\n" == capsys.readouterr().err


def test_nothing_is_drawn_unless_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with uploading.counting(3, "Uploading", show=False, progress=None) as advance:
        advance(3)
    assert ("", "") == capsys.readouterr()


def test_the_data_api_loads_neither_requests_nor_pydantic_nor_numpy() -> None:
    script = "import sys, eisync.data; print({'requests', 'pydantic', 'numpy', 'pandas', 'rich'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()
