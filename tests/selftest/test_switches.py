"""With each switch of the emulator the self-test tells the difference: in the check about it, and only there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import running_emulator
from eisync.emulator.settings import LIMITS, STRICTNESS, SWITCHES, EmulatorSettings
from tests.selftest.asking import answers, ask_all, persons_samples, store_persons_samples

EVERY_SWITCH = (*SWITCHES, *STRICTNESS, *LIMITS)

PERSONS = 60


@dataclass(frozen=True)
class Seen:
    """A value that a switch does not have by default, and the checks that must answer otherwise.

    `also` may answer otherwise: they build on the same thing.
    """

    value: Any
    checks: tuple[str, ...]
    also: tuple[str, ...] = ()


VISIBLE = {
    "pod": Seen("another-machine", ("name.pod",)),
    "label_inference": Seen("letters", ("label.inferred", "label.inferred-characters")),
    "label_without_match": Seen("unknown", ("label.inferred-without-match",)),
    "duplicate_names_ids": Seen(False, ("duplicate.ids",)),
    "anomaly_stored_as": Seen("testing", ("category.anomaly",)),
    "validation": Seen("refused", ("category.validation",)),
    "decode_quote_escapes": Seen(False, ("name.quoted",)),
    "unsigned_is_valid": Seen(True, ("signature.none",), ("signature.null", "signature.zero", "listing.signature")),
    "csv_constant_interval": Seen(True, ("csv.uneven",)),
    "filename_filter_ignores_case": Seen(True, ("listing.filename-case",)),
    "max_page_limit": Seen(PERSONS + 40, ("listing.page", "listing.default-page")),
    "batch_job_above": Seen(1, ("batch.ids", "batch.exclude-ids")),
    "missing_file_name_status": Seen(422, ("data.without-name",)),
    "forbidden_status": Seen(401, ("studio.other-project",)),
    "max_request_bytes": Seen(32 * 1024, ("limit.request",)),
    "zero_disallows_duplicates": Seen(False, ("duplicate.zero",)),
    "refuse_metadata_not_text": Seen(False, ("metadata.not-text",)),
    "decode_labels": Seen(False, ("label.encoded",)),
    "split_rule": Seen("hash", ("split.rule",), ("split.repeated",)),
    "refuse_broken_media": Seen(False, ("type.broken-wav",)),
    "refuse_empty_files": Seen(False, ("type.empty",)),
    "refuse_odd_csv": Seen(False, ("csv.only-numbers",)),
    "refuse_values_not_finite": Seen(False, ("values.null",)),
    "refuse_unknown_filters": Seen(False, ("listing.unknown-filter",), ("listing.ids", "listing.exclude-ids")),
    "dataset_versions": Seen(False, ("studio.dataset-versions",)),
    "last_updated_by": Seen("none", ("sample.last-updated-by", "edit.last-updated-by")),
    "max_header_bytes": Seen(8 * 1024, ("limit.header",)),
}
"""Switches that are seen, and where."""

_HARM = "the self-test asks for nothing that could harm a project or a service, and this shows only then: "
INVISIBLE = {
    "dataset_window_ms": "a version appears some time after a change, and a self-test does not wait for it",
    "dataset_commit_ms": "a version appears some time after a change, and a self-test does not wait for it",
    "refuse_by_role": "the self-test has one key, an admin's",
    "max_table_bytes": "it is for measurements of a client: a service that reads no tables is not expected",
    **dict.fromkeys(
        (
            "heartbeat_s",
            "refuse_busy_device",
            "refuse_incomplete_hello",
            "refuse_missing_notifications",
            "refuse_unknown_hello_version",
            "sampling_silence_s",
        ),
        "the self-test is no device: it opens no connection of remote management",
    ),
    "max_dataset_versions": _HARM + "it takes as many dataset versions as are kept, and these stay in the project",
    "max_files_per_request": _HARM + "it takes a request of more than a thousand files",
    "max_file_bytes": _HARM + "it takes a file of 100 MB",
    "max_parse_bytes": _HARM + "it takes a file of many MB",
    "max_companion_bytes": _HARM + "it takes a companion of many MB",
    "max_json_bytes": _HARM + "it takes a Studio request of many MB",
    "max_sensors": _HARM + "it takes a file of more than a thousand sensors",
    "max_name_chars": _HARM + "it takes names of hundreds of characters, which Studio would have to show",
    "max_line_chars": _HARM + "it takes a CSV with a line of many KB",
    "max_cbor_items": _HARM + "it takes a CBOR of half a million items",
    "max_form_parts": _HARM + "it takes a form of thousands of parts",
    "idle_timeout_s": _HARM + "it takes a request that pauses in the middle for a minute",
    "spool_bytes": "whether a body is kept in memory or on disk cannot be seen from outside",
    "spool_total_bytes": "whether a body is kept in memory or on disk cannot be seen from outside",
}
"""Switches that cannot be seen from outside, and why."""


def test_every_switch_of_the_emulator_is_seen_or_has_a_reason_why_not() -> None:
    unknown = [name for name in EVERY_SWITCH if (name in VISIBLE) == (name in INVISIBLE)]
    assert [] == unknown, (
        f"the emulator has switches that the self-test knows nothing of: {', '.join(unknown)}. Add a check that shows "
        "the difference and a row to VISIBLE, or a row to INVISIBLE with the reason why none can"
    )


@pytest.fixture(scope="module")
def by_default(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with running_emulator() as emulator:
        store_persons_samples(emulator, PERSONS)
        return answers(ask_all(emulator, tmp_path_factory.mktemp("state")))


GROUPS = 5
"""So many runs show all switches: none of one run changes an answer that another one of it is about."""


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_switches_change_the_answers_that_are_about_them_and_no_others(
    group: int, by_default: dict[str, str], tmp_path: Path
) -> None:
    names = [name for name in EVERY_SWITCH if name in VISIBLE][group::GROUPS]
    switched: dict[str, Any] = {name: VISIBLE[name].value for name in names}
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, **switched)) as emulator:
        before = store_persons_samples(emulator, PERSONS)
        run = ask_all(emulator, tmp_path)
        assert before == persons_samples(emulator), "the self-test touched what is not its own"
    found = answers(run)
    changed = {check for check, answer in found.items() if answer != by_default[check]}
    expected = {check for name in names for check in VISIBLE[name].checks}
    also = {check for name in names for check in VISIBLE[name].also}
    assert expected == changed - also, {check: found[check] for check in changed}
    assert by_default.keys() == found.keys()
