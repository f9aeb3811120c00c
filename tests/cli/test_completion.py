"""A shell completes commands, options and values, and a misspelt command names the one that was meant."""

import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from eisync import cli
from eisync.cli.completion import VARIABLE


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["eisync", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr()
    return int(str(ended.value.code)), shown.out, shown.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    code, out, err = run(monkeypatch, capsys, "completion", shell)
    assert (0, "") == (code, err)
    assert f"{VARIABLE}={shell}_complete" in out


@pytest.mark.parametrize(
    ("words", "begun", "expected"),
    [
        ([], "stat", {"status"}),
        (["ls"], "--sta", {"--state", "--state-dir"}),
        (["ls", "--state"], "qu", {"quarantined"}),
        (["config"], "re", {"reload"}),
    ],
)
def test_words_are_completed(words: list[str], begun: str, expected: set[str]) -> None:
    kind = get_completion_class("bash")
    assert kind is not None
    assert expected == {found.value for found in kind(cli.group, {}, "eisync", VARIABLE).get_completions(words, begun)}


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("stauts", "No such command 'stauts'. Did you mean 'status'?"),
        ("Ls", "No such command 'Ls'. Did you mean 'ls'?"),
        ("resum", "No such command 'resum'. Did you mean 'resume'?"),
        ("xyzzy", "No such command 'xyzzy'.\n"),
        ("x\nstatus\x1b[2J", "No such command"),
    ],
)
def test_a_misspelt_command_names_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, word: str, hint: str
) -> None:
    code, _, err = run(monkeypatch, capsys, word)
    assert (2, True) == (code, hint in err)
    assert "\x1b" not in err
