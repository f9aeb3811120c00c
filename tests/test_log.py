import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eisync.log import Threshold, configure

KEY = "ei_" + "0123456789abcdef" * 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(style: str, event: str = "upload.stored", **fields: Any) -> str:
    stream = io.StringIO()
    configure(style=style, stream=stream).info(event, **fields)
    return stream.getvalue()


def failed(style: str, error: Exception) -> str:
    """What the log shows of an error that was raised where a local variable holds the key."""
    stream = io.StringIO()
    log = configure(style=style, stream=stream)
    try:
        fail(error)
    except type(error):
        log.exception("loop.failed", loop="uploader")
    return stream.getvalue()


def fail(error: Exception) -> None:
    local_variable = {"x-api-key": "sk-not-even-one-of-ours"}
    assert local_variable
    raise error


def test_a_machine_reads_json_a_line_an_event() -> None:
    first, second = io.StringIO(), Terminal()
    for stream in (first, second):
        log = configure(stream=stream)
        log.info("upload.stored", path="a\nb.csv", samples=(1, 2))
        log.error("file.quarantined", reason="größer", odd="\udcff")
    lines = [json.loads(line) for line in first.getvalue().splitlines()]
    assert [("info", "upload.stored", "a\nb.csv", [1, 2]), ("error", "file.quarantined", None, None)] == [
        (line["level"], line["event"], line.get("path"), line.get("samples")) for line in lines
    ]
    assert "größer" == lines[1]["reason"]
    assert lines[0]["timestamp"].endswith("Z")


def test_a_person_at_a_terminal_reads_text() -> None:
    stream = Terminal()
    configure(stream=stream).info("upload.stored", path="a.csv")
    assert not stream.getvalue().startswith("{")
    assert "upload.stored" in stream.getvalue()


@pytest.mark.parametrize(
    ("style", "is_terminal", "is_json"),
    [("auto", True, False), ("auto", False, True), ("json", True, True), ("console", False, False)],
)
def test_the_style_that_is_asked_for_is_the_style(style: str, is_terminal: bool, is_json: bool) -> None:
    stream = Terminal() if is_terminal else io.StringIO()
    configure(style=style, stream=stream).info("upload.stored")
    assert is_json == stream.getvalue().startswith("{")


def test_the_level_may_change_while_it_logs() -> None:
    stream, threshold = io.StringIO(), Threshold("warning")
    log = configure(level=threshold, style="json", stream=stream)
    configure(level="none", stream=io.StringIO())  # another log of the same process
    for level in ("warning", "debug", "error", "none"):
        threshold.set(level)
        log.debug("a.debug", at=level)
        log.info("a.info", at=level)
        log.warning("a.warning", at=level)
        try:
            fail(ValueError("x"))
        except ValueError:
            log.exception("an.exception", at=level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [
        ("warning", "a.warning"), ("warning", "an.exception"),
        ("debug", "a.debug"), ("debug", "a.info"), ("debug", "a.warning"), ("debug", "an.exception"),
        ("error", "an.exception"),
    ] == [(line["at"], line["event"]) for line in lines]  # fmt: skip


def test_below_its_level_it_says_nothing() -> None:
    stream = io.StringIO()
    log = configure(level="warning", stream=stream)
    log.info("upload.stored")
    log.warning("file.deferred")
    assert ["file.deferred"] == [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize(
    "value",
    [
        KEY,
        f"Invalid header value: {KEY!r}",
        f"x-api-key={KEY}",
        f"line one\n{KEY}\n",
        f"tab\t{KEY}",
        [KEY],
        {"headers": {"x-api-key": KEY}},
        {KEY: 1},
        ValueError(KEY),
        KEY.encode(),
        json.dumps({"text": f"in json\n{KEY}"}),
    ],
    ids=repr,
)
def test_a_key_is_never_shown_wherever_it_stands(style: str, value: object) -> None:
    text = logged(style, value=value)
    assert KEY not in text
    assert "ei_…" in text or "ei_\\u2026" in text


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_key_in_the_text_of_an_error_is_not_shown(style: str) -> None:
    text = failed(style, ValueError(f"Invalid header\n{KEY}"))
    assert KEY not in text
    assert "ValueError: Invalid header" in text


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_local_variable(style: str) -> None:
    text = failed(style, ZeroDivisionError("division by zero"))
    assert "sk-not-even-one-of-ours" not in text
    assert ("in fail", "ZeroDivisionError: division by zero") == tuple(
        part for part in ("in fail", "ZeroDivisionError: division by zero") if part in text
    )


@pytest.mark.parametrize("style", ["json", "console"])
def test_an_error_may_be_handed_over(style: str) -> None:
    stream = io.StringIO()
    configure(style=style, stream=stream).error("upload.crashed", exc_info=ValueError(KEY))
    assert "ValueError: ei_…" in stream.getvalue().replace("\\u2026", "…")


@pytest.mark.parametrize("path", ["hei_recording123456.csv", "ei_short", "weight_12345678.csv"])
def test_what_is_no_key_is_left_alone(path: str) -> None:
    assert path == json.loads(logged("json", path=path))["path"]


class Broken(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), BrokenPipeError(32, "Broken pipe"), ValueError("closed file")]
)
@pytest.mark.parametrize("style", ["json", "console"])
def test_a_log_that_cannot_be_written_stops_nobody(style: str, error: Exception) -> None:
    configure(style=style, stream=Broken(error)).error("file.quarantined")


def test_a_logger_does_not_take_rich_along(tmp_path: Path) -> None:
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("is_found = True\n")
    for name in ("console", "progress", "traceback"):
        (tmp_path / "rich" / f"{name}.py").write_text("Console = Traceback = None\n")
    program = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])  # where rich is installed, whatever else is\n"
        "import eisync.log\n"
        "assert not any(name.partition('.')[0] == 'rich' for name in sys.modules)\n"
        "import rich\n"
        "assert rich.is_found\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


# The journal


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_line_of_the_journal_begins_with_its_priority(level: str) -> None:
    stream = io.StringIO()
    getattr(configure(level="debug", stream=stream, is_journal=True), level)("upload.stored", path="a\nb.csv")
    priority, text = stream.getvalue()[:3], stream.getvalue()[3:]
    assert {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>"}[level] == priority
    assert (level, "a\nb.csv") == (json.loads(text)["level"], json.loads(text)["path"])


def test_every_line_of_a_traceback_has_the_priority() -> None:
    stream = io.StringIO()
    log = configure(style="console", stream=stream, is_journal=True)
    try:
        fail(ValueError("odd"))
    except ValueError:
        log.exception("loop.failed", loop="uploader")
    lines = stream.getvalue().splitlines()
    assert len(lines) > 3
    assert {"<3>"} == {line[:3] for line in lines}


def test_elsewhere_no_line_has_a_priority() -> None:
    assert not logged("json").startswith("<")
    assert not logged("console").startswith("<")


def test_an_error_of_a_command_has_its_priority_in_the_journal(tmp_path: Path) -> None:
    place = tmp_path / "journal"
    code = "import os, sys; os.environ['JOURNAL_STREAM'] = sys.argv[1]; from eisync.cli import main; sys.argv[1:] = "
    code += "['run', '--config', '/nowhere/eisync.toml']; main()"
    with place.open("wb") as file:
        facts = place.stat()
        for inode in (facts.st_ino, 1):
            subprocess.run([sys.executable, "-c", code, f"{facts.st_dev}:{inode}"], stderr=file, check=False)
    named = "--config: there is no file /nowhere/eisync.toml: create it, or name another"
    assert [f"<3>{named}", named] == place.read_text().splitlines()
