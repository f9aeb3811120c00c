"""`eisync history`, as a person runs it, with a daemon and without."""

import json
import re
import signal
from datetime import UTC, datetime

from eisync.control import history_words
from eisync.core.actions import ActionKind
from eisync.core.lifecycle import Event
from tests.conftest import Bench, row

INSTANT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+05:45"


def test_the_history_of_a_file_is_shown(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    bench.write("bad.1.csv", b"no numbers\n")
    began = datetime.now(UTC)
    assert 3 == bench.once().returncode

    done = bench.run("history", "recordings/bad.1.csv", TZ="Asia/Kathmandu")
    assert (0, "") == (done.returncode, done.stderr)
    complete, refused = done.stdout.splitlines()
    assert re.fullmatch(f"{INSTANT}  ready        was complete and waits to be sent", complete)
    assert re.match(f"{INSTANT}  quarantined  was refused: .*Could not parse", refused)

    reported = [
        json.loads(line) for line in bench.run("history", "--json", "recordings/wave.1.csv").stdout.splitlines()
    ]
    assert [("complete", "ready"), ("stored", "synced")] == [(one["event"], one["state"]) for one in reported]
    assert list(reported[0]) == ["at", "path", "root", "event", "state", "reason"]
    instants = [datetime.fromisoformat(one["at"]) for one in reported]
    assert instants == sorted(instants)
    assert all(began.timestamp() - 1 <= at.timestamp() <= datetime.now(UTC).timestamp() for at in instants)
    assert {UTC.utcoffset(None)} == {at.utcoffset() for at in instants}


def test_without_a_file_the_latest_events_of_all_are_shown(bench: Bench) -> None:
    nothing = bench.run("history")
    assert (0, "Nothing has happened yet.\n") == (nothing.returncode, nothing.stdout)
    for number in range(3):
        bench.write(f"wave.{number}.csv", row(number))
    assert 0 == bench.once().returncode
    everything = bench.run("history").stdout.splitlines()
    assert 6 == len(everything)
    assert everything[-2:] == bench.run("history", "--limit", "2").stdout.splitlines()
    assert "wave." in everything[-1]
    assert "was stored in the project" in everything[-1]


def test_an_unknown_file_is_reported(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    assert 0 == bench.once().returncode
    done = bench.run("history", "recordings/other.csv")
    assert (1, "") == (done.returncode, done.stdout)
    [sentence] = done.stderr.splitlines()
    assert sentence.endswith("other.csv is not known; 'eisync ls' lists the files that are")


def test_the_daemon_answers_while_it_runs(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    process = bench.daemon()
    try:
        while not bench.state.joinpath("control.sock").exists() or bench.status()["counts"] != {"synced": 1}:
            assert process.poll() is None
        events = [json.loads(line)["event"] for line in bench.run("history", "--json").stdout.splitlines()]
        assert ["complete", "stored"] == events
    finally:
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=30)


def test_every_event_has_words() -> None:
    reported = {"edited", "mislabelled", "renamed", "back", "ignored", "undone"} | {kind.value for kind in ActionKind}
    assert {event.value for event in Event} | reported == set(history_words.WORDS)
