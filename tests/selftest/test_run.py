"""Every check is asked and judged, and everything is removed at the end, whatever ends the run."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from eisync.emulator.server import RunningEmulator
from eisync.errors import StateError
from eisync.selftest import journal
from eisync.selftest.check import Check
from eisync.selftest.checks import CHECKS
from eisync.selftest.model import Answer, Mark, NoAnswerError, StoppedError, UploadRefusedError, Verdict, verdict_of
from eisync.selftest.probe import Probe
from eisync.selftest.removal import Left, Removal
from eisync.selftest.report import Report
from eisync.selftest.run import Result, Run, not_asked
from tests.selftest.asking import (
    TOKEN,
    Impatient,
    ask_all,
    begun,
    connected,
    persons_samples,
    probe_of,
    store_persons_samples,
)


@pytest.mark.parametrize(
    ("answer", "expects", "verdict"),
    [
        (Answer("a"), ("a", "b"), Verdict.CONFIRMED),
        (Answer("c", "a"), ("a", "b"), Verdict.CONTRADICTED),
        (Answer("c"), (), Verdict.ANSWERED),
        (None, ("a",), Verdict.UNANSWERED),
        (None, (), Verdict.UNANSWERED),
    ],
)
def test_an_answer_is_judged_by_what_the_contract_expects(
    answer: Answer | None, expects: tuple[str, ...], verdict: Verdict
) -> None:
    assert verdict == verdict_of(answer, expects)


# The table


def test_every_check_has_a_name_of_its_own_and_says_what_it_is() -> None:
    assert [] == [name for name, count in Counter(check.id for check in CHECKS).items() if count > 1]
    assert [] == [check.id for check in CHECKS if not check.says.endswith(".") or not check.asked]


def test_what_the_contract_leaves_open_expects_nothing_and_the_rest_does() -> None:
    assert [] == [check.id for check in CHECKS if (check.mark is Mark.OPEN) == bool(check.expects)]


def test_the_emulator_answers_every_check_and_keeps_nothing(emulator: RunningEmulator, tmp_path: Path) -> None:
    before = store_persons_samples(emulator, 3)
    run = ask_all(emulator, tmp_path)
    assert ("", True) == (run.reason, run.removal.is_complete)
    assert [check.id for check in CHECKS] == [result.check.id for result in run.results]
    assert [] == [(one.check.id, one.reason) for one in run.results if one.verdict is Verdict.UNANSWERED]
    assert before == persons_samples(emulator)
    assert [] == list(tmp_path.iterdir())


def test_the_emulator_keeps_to_the_contract(emulator: RunningEmulator, tmp_path: Path) -> None:
    run = ask_all(emulator, tmp_path)
    assert {} == {one.check.id: one.answer for one in run.results if one.verdict is Verdict.CONTRADICTED}


# How a run ends


def check(ask: Any, name: str = "a.check") -> Check:
    return Check(name, Mark.CODE, "It says so.", "by asking", ask, ("yes",))


def ask_one(emulator: RunningEmulator, state: Path, ask: Any) -> Run:
    return ask_all(emulator, state, [check(ask), check(lambda _: "yes", "another.check")])


def raising(error: Exception) -> Any:
    def ask(probe: Probe) -> Answer:
        probe.store(probe.json_file("before"))
        raise error

    return ask


@pytest.mark.parametrize(
    ("error", "verdict", "said"),
    [
        (UploadRefusedError(f"{TOKEN}.json: no"), Verdict.CONTRADICTED, "RUN.json: no"),
        (NoAnswerError("not here"), Verdict.UNANSWERED, "not here"),
        (KeyError("samples"), Verdict.UNANSWERED, "the answer has an unexpected form (KeyError: 'samples')"),
    ],
)
def test_a_check_that_fails_costs_no_other(
    emulator: RunningEmulator, tmp_path: Path, error: Exception, verdict: Verdict, said: str
) -> None:
    run = ask_one(emulator, tmp_path, raising(error))
    [first, second] = run.results
    assert (verdict, said) == (first.verdict, first.reason if first.answer is None else first.answer.detail)
    assert (Verdict.CONFIRMED, "") == (second.verdict, run.reason)
    assert {} == persons_samples(emulator)


@pytest.mark.parametrize(
    ("error", "passed_on"),
    [(StoppedError(), None), (StateError("no room"), StateError), (RuntimeError(), RuntimeError)],
)
def test_whatever_ends_a_run_everything_is_removed(
    emulator: RunningEmulator, tmp_path: Path, error: Exception, passed_on: type[Exception] | None
) -> None:
    if passed_on is None:
        run = ask_one(emulator, tmp_path, raising(error))
        assert ("it was stopped", True) == (run.reason, run.removal.is_complete)
    else:
        with pytest.raises(passed_on):
            ask_one(emulator, tmp_path, raising(error))
    assert {} == persons_samples(emulator)
    assert [] == list(tmp_path.iterdir())


def test_a_project_that_lets_nothing_be_deleted_is_left_after_one_sample(
    emulator: RunningEmulator, tmp_path: Path
) -> None:
    emulator.set_faults({"where": "studio", "kind": "status", "method": "DELETE", "status": 403, "error": "No"})
    run = ask_all(emulator, tmp_path)
    assert [] == run.results
    assert "the first sample cannot be deleted (HTTP 403: No), so nothing more was uploaded" == run.reason
    [left] = run.removal.left
    assert [left.sample_id] == list(persons_samples(emulator))
    [kept] = journal.leftovers(str(tmp_path))
    kept.close()


def test_a_project_that_takes_no_sample_is_left(emulator: RunningEmulator, tmp_path: Path) -> None:
    emulator.set_faults({"where": "ingestion", "kind": "partial", "share": 1.0, "error": "No room"})
    run = ask_all(emulator, tmp_path)
    assert ([], "the first sample was refused: No room") == (run.results, run.reason)
    assert run.removal.is_complete


def test_a_service_that_falls_silent_ends_the_run(emulator: RunningEmulator, tmp_path: Path) -> None:
    with connected(emulator) as client, begun(client, tmp_path) as kept:
        run = Run(probe_of(client, kept), kept, Impatient())
        silent = {"where": "ingestion", "kind": "reset_after"}
        emulator.set_faults({**silent, "after": 1})
        run.conduct(CHECKS[-20:])
    assert run.reason.startswith("the service does not answer: ")
    assert len(run.results) < 20
    assert {} == persons_samples(emulator)


# The report


def test_the_report_says_what_was_found_and_how_it_ended() -> None:
    results = [
        Result(check(None, "a.b"), Verdict.CONFIRMED, Answer("yes")),
        Result(check(None, "c.de"), Verdict.CONTRADICTED, Answer("no", "HTTP 200")),
    ]
    results = not_asked([*(one.check for one in results), check(None, "f")], results, "it was stopped")
    report = Report(
        version="1",
        results=results,
        removal=Removal({1, 2}, [Left(3, "No permission")]),
        reason="it was stopped",
        requests=9,
        seconds=1.26,
    )
    assert [
        "confirmed     a.b   yes",
        "contradicted  c.de  no (HTTP 200); the contract [C] says: It says so.",
        "unanswered    f     it was stopped",
        "",
        "1 confirmed, 1 contradicted, 0 answered (the contract leaves them open), 1 unanswered; 9 requests in 1 s",
        "The run ended early: it was stopped",
        "2 samples removed. It is not proved that none is left.",
        "Sample 3 is still there: No permission",
        "What to do: delete them in Studio (search for the label or name eisync-selftest), or run 'eisync selftest' "
        "again",
    ] == list(report.lines())
    record = json.loads(json.dumps(report.record()))
    assert {"confirmed": 1, "contradicted": 1, "answered": 0, "unanswered": 1} == record["counts"]
    assert (1.3, 2, [{"sample_id": 3, "reason": "No permission"}]) == (
        record["seconds"],
        record["removed"],
        record["left"],
    )
    assert {
        "id": "c.de",
        "mark": "C",
        "says": "It says so.",
        "asked": "by asking",
        "expects": ["yes"],
        "verdict": "contradicted",
        "answer": "no",
        "detail": "HTTP 200",
    } == record["checks"][1]


def test_no_batch_is_asked_where_it_could_touch_a_sample_of_the_persons(
    emulator: RunningEmulator, tmp_path: Path
) -> None:
    [persons, *_] = store_persons_samples(emulator, 2)
    url = f"{emulator.studio_url}/api/{emulator.project_id}/raw-data/{persons}/disable"
    requests.post(url, headers={"x-api-key": emulator.key}, timeout=20).raise_for_status()
    batches = [one for one in CHECKS if one.id.startswith("batch.")]
    run = ask_all(emulator, tmp_path, batches)
    assert {Verdict.UNANSWERED} == {result.verdict for result in run.results}
    assert run.results[0].reason.startswith("other samples of the project are disabled")
    assert persons_samples(emulator)[persons]["isDisabled"]
