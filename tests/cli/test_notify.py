"""Real processes that tell: `eisync notify`, and a daemon with a storm of failures."""

import json
import signal
import sys
from typing import Any

from tests.conftest import Bench, until

TELL = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


def tell(bench: Bench, *more: str) -> None:
    command = json.dumps([sys.executable, "-c", TELL, str(bench.place / "told")])
    with (bench.place / "eisync.toml").open("a") as file:
        file.write("\n".join(["[notify]", f"command = {command}", *more, ""]))


def told(bench: Bench) -> list[dict[str, Any]]:
    place = bench.place / "told"
    return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []


def test_a_test_says_what_became_of_each_channel(bench: Bench) -> None:
    done = bench.run("notify")
    assert (78, True) == (done.returncode, "there is no channel to notify" in done.stderr)
    tell(bench, 'webhook = "http://127.0.0.1:1/aSecretOfAChatService"')
    done = bench.run("notify")
    assert (1, "command: sent\n") == (done.returncode, done.stdout)
    assert done.stderr.startswith("webhook: the webhook: http://127.0.0.1:1 cannot be reached")
    assert "aSecretOfAChatService" not in done.stderr
    assert ["test"] == [one["kind"] for one in told(bench)]


def test_a_storm_of_failures_is_told_once_by_a_real_daemon(bench: Bench) -> None:
    tell(bench, "after_s = 0", "interval_s = 0")
    for number in range(300):
        bench.write(f"bad-{number}.wav", b"RIFX" + bytes(60) + str(number).encode())
    daemon = bench.daemon()
    try:
        until(lambda: stuck(bench) and bench.status()["counts"] == {"quarantined": 300}, within_s=40.0)
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(timeout=30)
    # At the start another problem may be there for a moment, and with these options even that is told.
    assert 1 == len(stuck(bench)), told(bench)


def stuck(bench: Bench) -> list[dict[str, Any]]:
    """What was told of files that need a person."""
    return [problem for one in told(bench) for problem in one["problems"] if problem["kind"] == "stuck"]
