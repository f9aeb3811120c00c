"""`eisync ui` opens the page without showing its link to other users, and `eisync run` says where it is."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest
from werkzeug.security import check_password_hash

from eisync.cli.ui import command
from tests.conftest import Bench, until


@pytest.fixture
def log(bench: Bench) -> Iterator[Path]:
    """The log of a daemon that serves its page."""
    path = bench.place / "log"
    bench.configure(web={"enabled": "true", "port": 0})
    with path.open("wb") as log:
        process = bench.daemon(log=log)
        until(lambda: "Its page is" in path.read_text())
        yield path
        process.kill()
        process.wait(timeout=10)


def test_the_page_is_opened_and_nobody_else_sees_the_link(bench: Bench, log: Path) -> None:
    browser = bench.place / "browser"
    browser.write_text(f'#!{sys.executable}\nimport sys\nopen("{browser}.told", "w").write(sys.argv[1])\n')
    browser.chmod(0o755)
    printed = bench.run("ui", "--print")
    assert (0, "") == (printed.returncode, printed.stderr)
    link = printed.stdout.strip()
    assert link.startswith("http://127.0.0.1:")
    assert "/login?code=" in link
    opened = bench.run("ui", BROWSER=str(browser))
    assert (0, True) == (opened.returncode, "Opened http://127.0.0.1:" in opened.stdout)
    until(lambda: Path(f"{browser}.told").exists() and Path(f"{browser}.told").read_text())
    told = Path(f"{browser}.told").read_text()
    assert told.startswith("file://"), "an argument is readable for every user"
    path = told.removeprefix("file://")
    assert ("/login?code=" in Path(path).read_text(), 0o600) == (True, stat.S_IMODE(os.stat(path).st_mode))
    assert "code=" not in log.read_text(), "a journal is read by others"


def test_without_a_daemon_one_sentence_says_so(bench: Bench) -> None:
    done = bench.run("ui")
    assert (1, True) == (done.returncode, "no daemon runs; start one with 'eisync run'" in done.stderr)


def test_a_password_is_asked_for_twice_and_hashed() -> None:
    done = click.testing.CliRunner().invoke(command, ["--hash-password"], input="tired person\ntired person\n")
    assert 0 == done.exit_code
    line = next(line for line in done.output.splitlines() if line.startswith("password_hash"))
    assert check_password_hash(line.split('"')[1], "tired person")
    assert "tired" not in done.output
