"""No name of a file or of the service is printed raw, and no command has another way to print."""

import ast
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest

from eisync import cli
from eisync.cli.output import redraw, say, say_json
from eisync.core.redaction import KEYS, MARK
from eisync.core.text import printable, printable_lines
from tests.canary import CANARY
from tests.conftest import Bench

COMMANDS = Path(cli.__file__).parent
KEY = CANARY + "0123456789abcdef0123456789"
WAYS_OUT = {"echo", "secho", "print", "prompt", "confirm", "pause", "edit", "echo_via_pager", "write", "writelines"}
ITS_OWN = {"output.py"}

# C0, DEL, C1, line separators, overrides and isolates of direction, invisible ones, half a character, a lone byte
RAW = [*map(chr, range(0x20)), "\x7f", *map(chr, range(0x80, 0xA0)), "\u2028", "\u2029", "\u061c", "\u200e", "\u200f"]
RAW += [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\u200b", "\u200d", "\u2060", "\ufeff"]
RAW += ["\xad", "\ud800", "\udcff", "\U000e0041"]


@pytest.mark.parametrize("character", RAW, ids=ascii)
def test_no_character_that_moves_or_hides_anything_is_printed(character: str) -> None:
    shown = printable(f"a{character}b")
    assert character not in shown
    assert shown.isprintable()
    assert shown.encode()
    assert shown == printable(shown)
    assert f"{shown}\n{shown}" == printable_lines(f"a{character}b\na{character}b") or character == "\n"


@pytest.mark.parametrize("text", ["größe 3 °C", "日本語", "naïve/ß.csv", "a\\x1b", "emoji 🙂", ""])
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert text == printable(text)


@pytest.mark.parametrize("character", RAW, ids=ascii)
def test_every_text_is_printed_on_one_line(character: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(f"a{character}b", "c")
    say(f"a{character}b", err=True)
    reported = capsys.readouterr()
    assert [printable(f"a{character}b"), "c", ""] == reported.out.split("\n")
    assert printable(f"a{character}b") + "\n" == reported.err
    say_json({"name": f"a{character}b"})
    reported = capsys.readouterr()
    assert reported.out.rstrip("\n").isprintable()
    assert {"name": f"a{character}b"} == json.loads(reported.out)
    redraw(f"a{character}b")
    assert "\r" + printable(f"a{character}b") == capsys.readouterr().err


def test_no_key_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "k3y" + "0123456789abcdef" * 2
    KEYS.learn(secret)
    say(f"x-api-key: {KEY}", f"it was {secret.upper()}")
    say_json({"reason": f"{KEY} {secret}"}, indent=2)
    reported = capsys.readouterr().out
    assert secret not in reported.lower()
    assert KEY not in reported
    assert 4 == reported.count(MARK) + reported.count("ei_\\u2026")
    assert {"reason": f"{MARK} {MARK}"} == json.loads(reported[reported.index("{") :])


def test_characters_that_the_stream_cannot_encode_are_escaped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        say("größe")
    assert "gr\\xf6\\xdfe\n" == (tmp_path / "out").read_text()


@pytest.mark.parametrize("module", sorted(set(os.listdir(COMMANDS)) - ITS_OWN - {"__pycache__"}))
def test_a_command_has_no_other_way_to_a_terminal(module: str) -> None:
    assert [] == ways_out((COMMANDS / module).read_text(encoding="utf-8"))


@pytest.mark.parametrize("source", ["click.echo(x)", "print(x)", "sys.stdout.write(x)", "from click import echo"])
def test_another_way_to_print_is_detected(source: str) -> None:
    assert ways_out(source)


def ways_out(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.rpartition(".")[2] in WAYS_OUT:
                found.append(name)
        elif isinstance(node, ast.ImportFrom) and node.module == "click":
            found += [alias.name for alias in node.names]
    return found


EVIL = "\x1b[2Jx\u202ey\x07"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", f"{EVIL}nofolder"),
        ("once", f"{EVIL}nofolder"),
        ("explain", f"{EVIL}none"),
        ("explain", f"{EVIL}line\nbreak"),
        ("audit", f"{EVIL}none"),
        ("history", f"{EVIL}none"),
        ("retry", f"{EVIL}none"),
        ("undo", EVIL),
        ("status", "--config", f"{EVIL}.toml"),
        ("config", "check", "--api-key-file", EVIL),
        (f"{EVIL}verb",),
        ("ls", f"--{EVIL}"),
        ("emulator", "--host", EVIL),
        ("pull", "--target", EVIL, "x"),
        ("selftest", "--target", EVIL),
        ("selftest", "--torture", EVIL),
        ("healthcheck", "--state-dir", EVIL),
    ],
    ids=" ".join,
)
def test_errors_of_commands_are_escaped(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["eisync", *arguments])
    monkeypatch.setenv("EISYNC_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("EI_API_KEY", KEY)
    with pytest.raises(SystemExit):
        cli.main()
    reported = capsys.readouterr()
    assert all(line.isprintable() for line in (reported.out + reported.err).split("\n"))
    assert "line\nbreak" not in reported.err


def test_the_log_on_a_terminal_is_escaped_too(bench: Bench) -> None:
    bench.write("\x1b[2Jcut\x9b31m.json", b'{"a":')
    bench.write("a\x1b]0;title\x07.csv", b"timestamp,x\n0,1\n")
    bench.configure(log={"format": "console", "level": "debug"})
    ours, theirs = pty.openpty()
    command = [*bench.command("once", str(bench.recordings), "--timeout", "1"), "--state-dir", str(bench.state)]
    process = subprocess.Popen(command, env=bench.environ, cwd=bench.place, stdout=theirs, stderr=subprocess.PIPE)
    reported = process.communicate(timeout=60)[1]
    os.close(theirs)
    reported += os.read(ours, 65536)
    os.close(ours)
    assert b"file.enqueued" in reported
    assert [] == [mark for mark in (b"\x1b[2J", b"\x1b]0;", b"\x07", b"\xc2\x9b") if mark in reported]


def test_the_traceback_of_a_thread_is_printed_like_everything(capsys: pytest.CaptureFixture[str]) -> None:
    import threading

    error = RuntimeError(f"{EVIL} {KEY}")
    cli._thread_failed(threading.ExceptHookArgs((RuntimeError, error, None, None)))
    reported = capsys.readouterr().err
    assert "RuntimeError" in reported
    assert KEY not in reported
    assert all(line.isprintable() for line in reported.split("\n"))


def test_click_is_what_writes() -> None:
    assert "click.echo" in ways_out((COMMANDS / "output.py").read_text(encoding="utf-8"))
    assert callable(click.echo)
