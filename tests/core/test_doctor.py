"""What the facts of each check mean: the verdict, the figure in the sentence, and what to do."""

from collections.abc import Iterable
from typing import Any

import pytest

from eisync.core.clock_step import ClockReading, ServiceTime
from eisync.core.doctor import configuration, folders, key, machine, network, state
from eisync.core.doctor.finding import (
    CONFIGURATION,
    KEY_REFUSED,
    Finding,
    Verdict,
    conclusion,
    counts,
    exit_code,
    fault,
    not_checked,
    ok,
    warning,
)
from eisync.core.doctor.folders import Content
from eisync.core.doctor.machine import Disk, Events, Limits, Place
from eisync.core.doctor.network import Answer, Certificate, Distrust, Route
from eisync.core.doctor.state import DatabaseFacts
from eisync.core.watch_health import Mode
from eisync.core.writers import NO_WRITERS, cannot_tell

OK, WARNING, FAULT, NOT_CHECKED = Verdict.OK, Verdict.WARNING, Verdict.FAULT, Verdict.NOT_CHECKED
DAY_S = 86_400.0
MB = 1024 * 1024


def holds(found: Finding, verdict: Verdict, says: str, do: str) -> bool:
    """Whether a finding has the verdict, and these words in its sentence and in its remedy."""
    return found.verdict is verdict and says in found.sentence and do in found.remedy


# Findings


@pytest.mark.parametrize("verdict", [OK, NOT_CHECKED])
def test_what_is_no_trouble_has_no_remedy(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match="has one"):
        Finding(check="dns", verdict=verdict, sentence="x", remedy="y")


@pytest.mark.parametrize("verdict", [WARNING, FAULT])
def test_trouble_has_a_remedy(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match="have a remedy"):
        Finding(check="dns", verdict=verdict, sentence="x")


FINE, WARNED, SKIPPED = ok("dns", "a"), warning("disk", "b", "c"), not_checked("tls", "d")
BAD = fault("key", "e", "f", about="main")


@pytest.mark.parametrize(
    ("findings", "code", "sentence"),
    [
        ([], 0, "No fault and no warning; 0 ok, 0 not checked."),
        ([FINE, SKIPPED], 0, "No fault and no warning; 1 ok, 1 not checked."),
        ([FINE, WARNED], 0, "No fault, 1 warning; 1 ok, 0 not checked."),
        ([FINE, BAD], 3, "1 fault: key (main); 1 ok, 0 not checked."),
        ([BAD, BAD, WARNED], 3, "2 faults: key (main), 1 warning; 0 ok, 0 not checked."),
        (
            [fault(name, "x", "y") for name in "abcde"],
            3,
            "5 faults: a, b, c and 2 more; 0 ok, 0 not checked.",
        ),
        ([BAD, fault("key", "x", "y", exit_code=KEY_REFUSED)], 77, "2 faults: key (main), key; 0 ok, 0 not checked."),
        (
            [fault("x", "x", "y", exit_code=CONFIGURATION), fault("key", "x", "y", exit_code=KEY_REFUSED)],
            78,
            "2 faults: x, key; 0 ok, 0 not checked.",
        ),
    ],
)
def test_the_worst_fault_decides_how_the_command_ends(findings: list[Finding], code: int, sentence: str) -> None:
    assert (code, sentence) == (exit_code(findings), conclusion(findings))


def test_findings_are_counted_by_verdict() -> None:
    assert {"ok": 1, "warning": 1, "fault": 1, "not checked": 0} == counts([FINE, WARNED, BAD])


# The way to the service

READING = ClockReading(1_000_000.0, 50.0)


def told(ahead_s: float) -> ServiceTime:
    return ServiceTime("studio", READING.now - ahead_s, READING)


def direct(**more: Any) -> Route:
    return Route(host="studio:443", is_tls=True, **more)


@pytest.mark.parametrize(
    ("found", "verdict", "says", "do"),
    [
        (network.route(direct()), OK, "no proxy is set", ""),
        (network.route(direct(variables=["https_proxy"])), OK, "https_proxy is set, and not used for this host", ""),
        (network.route(direct(proxy="p:3128", variables=["all_proxy"])), OK, "the proxy p:3128 (all_proxy)", ""),
        (network.route(direct(proxy="p:3128")), OK, "the proxy p:3128 (of this system)", ""),
        (network.route(direct(trouble="bad", variables=["http_proxy"])), FAULT, "proxy of http_proxy", "unset it"),
        (network.route(direct(trouble="bad")), FAULT, "the proxy of this system cannot be used: bad", "unset it"),
        (network.names("1.2.3.4", ["1.2.3.4"], is_proxy=False), OK, "no name", ""),
        (network.names("h", ["1", "2", "3", "4", "5"], is_proxy=False), OK, "h has the address 1, 2, 3 and 2 more", ""),
        (network.names("h", ["1"], is_proxy=True), OK, "the proxy h has the address 1", ""),
        (network.no_names("h", "unknown", is_proxy=False), FAULT, "its name has no address (unknown)", "studio_url"),
        (network.no_names("h", "unknown", is_proxy=True), FAULT, "the proxy's name", "the proxy variable"),
        (network.connected("h:1", 0.0123, is_proxy=False), OK, "took 12 ms", ""),
        (network.connected("h:1", 3.5, is_proxy=True), WARNING, "the proxy took 3.5 s", "connect_timeout_s"),
        (network.not_connected("h:1", "refused", is_proxy=False), FAULT, "refused", "https_proxy"),
        (network.not_connected("h:1", "refused", is_proxy=True), FAULT, "refused", "no_proxy"),
        (network.certificate("h", Certificate("TLSv1.3", "CA", 90 * DAY_S), 0.0), OK, "of CA, valid for 90 days", ""),
        (network.certificate("h", Certificate("TLSv1.3", "CA", 9 * DAY_S), 0.0), WARNING, "9 days", "renew"),
        (network.certificate("h", Certificate("TLSv1.3", "CA", 0.0), 1.0), WARNING, "0 seconds more", "renew"),
        (network.distrusted("h", Distrust(18, "self-signed"), trust="x"), FAULT, "self-signed (trusted: x)", "ca_file"),
        (network.distrusted("h", Distrust(20, "no issuer"), trust="x"), FAULT, "no issuer", 'trust = "system"'),
        (network.distrusted("h", Distrust(10, "expired"), trust="x"), FAULT, "expired", "clock"),
        (network.distrusted("h", Distrust(9, "not yet"), trust="x"), FAULT, "not yet", "set-ntp"),
        (network.distrusted("h", Distrust(62, "other name"), trust="x"), FAULT, "other name", "correct the host"),
        (network.distrusted("h", Distrust(64, "other address"), trust="x"), FAULT, "other address", "correct the host"),
        (network.distrusted("h", Distrust(23, "revoked"), trust="x"), FAULT, "revoked", "do not use"),
        (network.distrusted("h", Distrust(1, "odd"), trust="x"), FAULT, "odd", "ca_file"),
        (network.no_tls("h", "wrong version number"), FAULT, "wrong version number", "speak TLS"),
        (network.no_tls("h", "Tunnel connection failed: 407"), FAULT, "407", "USER:PASSWORD"),
        (network.no_tls("h:443", "Tunnel connection failed: 403"), FAULT, "403", "allow connections to h:443"),
        (network.without_tls("h"), NOT_CHECKED, "begins with http", ""),
        (network.answer("h", Answer(status=404)), OK, "it answers (HTTP 404, to a request without a key)", ""),
        (network.answer("h", Answer(status=200, is_page=True)), OK, "(HTTP 200, a web page, to", ""),
        (network.answer("h", Answer(status=302, location="http://x")), FAULT, "redirects to http://x", "studio_url"),
        (network.answer("h", Answer(status=301)), FAULT, "redirects (HTTP 301)", "log in"),
        (network.answer("h", Answer(status=407)), FAULT, "407", "https_proxy"),
        (network.answer("h", Answer(status=503)), WARNING, "503", "wait"),
        (network.answer("h", Answer(status=429)), WARNING, "429", "wait"),
        (network.no_answer("h", "silence"), FAULT, "silence", "timeout_s"),
        (network.clock([], READING), NOT_CHECKED, "no answer", ""),
        (network.clock([told(0.0)], READING), OK, "the clock is right", ""),
        (network.clock([told(0.0), told(-40.0)], READING), WARNING, "40 seconds behind that of studio", "set-ntp"),
        (network.clock([told(7_200.0)], READING), FAULT, "2 hours ahead of", "set-ntp"),
        (key.place("main", "file k", None, is_usual=True), OK, "comes from file k", ""),
        (key.place("main", "file k", None, is_usual=False), WARNING, "does not begin with ei_", "copy"),
        (
            key.place("main", "file k", "file k: others can read: run 'chmod 600 k'", is_usual=True),
            WARNING,
            "file k: others can read",
            "chmod 600 k",
        ),
        (key.place("main", "file k", "others can read", is_usual=True), WARNING, "others can read", "chmod"),
        (key.no_key("main", "there is none"), FAULT, "there is none", "--api-key-file"),
        (key.of_daemon("main", "there is none. It looked in"), NOT_CHECKED, "there is none, but the", ""),
        (key.accepted("main", 7, "admin"), OK, "project 7, role admin", ""),
        (key.accepted("main", 7, None), OK, "it opens project 7", ""),
        (key.accepted("main", 7, "read-only"), FAULT, "may only read project 7", "may write"),
        (key.refused("main", "refused"), FAULT, "refused", "copy the API key"),
        (key.unusable("main", "two projects"), FAULT, "two projects", "one project"),
        (key.not_studio("main", "http://h", "HTTP 200"), FAULT, "http://h is not Studio (HTTP 200)", "/v1"),
        (key.unanswered("main", "HTTP 502"), WARNING, "HTTP 502", "try again"),
        (key.untried("main"), NOT_CHECKED, "not reached", ""),
        (key.listing("main", 1), OK, "1 sample", ""),
        (key.no_listing("main", "no right"), WARNING, "no right. Uploads work", "reconcile.enabled"),
        (key.project("main", 7, None), OK, "nothing was uploaded", ""),
        (key.project("main", 7, 7), OK, "as the index says", ""),
        (
            key.project("main", 7, 5),
            FAULT,
            "opens project 7, and the files of this state folder are in project 5",
            "",
        ),
    ],
)
def test_the_way_to_the_service_and_the_key(found: Finding, verdict: Verdict, says: str, do: str) -> None:
    assert holds(found, verdict, says, do), found


def test_a_refused_key_and_a_missing_one_have_the_codes_of_other_commands() -> None:
    assert (77, 78) == (key.refused("m", "x").exit_code, key.no_key("m", "x").exit_code)


# The machine

LIMITS = Limits(open_files=1_024, tasks=128, tasks_used=10, memory=512 * MB)
EVENTS = Events(most_watches=100, most_instances=10, watches=20, instances=1)


def limits_of(found: Limits, check: str) -> Finding:
    return next(one for one in machine.limits(found, workers=4, folders=1) if one.check == check)


def events_of(folders: int, *, is_counted: bool = True, is_running: bool = False, **more: Any) -> Finding:
    facts = {"most_watches": 100, "most_instances": 10, "watches": 20, "instances": 1, **more}
    return machine.events(Events(**facts), folders=folders, is_counted=is_counted, is_running=is_running)


@pytest.mark.parametrize(
    ("found", "verdict", "says", "do"),
    [
        (machine.versions("0.1", {"Python": "3.11", "SQLite": "3.40"}), OK, "eisync 0.1; Python 3.11, SQLite 3.40", ""),
        (machine.old_sqlite("3.1", "3.37"), FAULT, "SQLite 3.1", "3.37"),
        (machine.extras({}), OK, "all are installed", ""),
        (
            machine.extras({"annotations": "no XML"}, "do so"),
            OK,
            "without eisync[annotations], no XML (to add: do so)",
            "",
        ),
        (machine.user("lab", None, None), OK, "you are lab", ""),
        (machine.user("lab", None, "lab"), OK, "you are lab", ""),
        (machine.user("lab", "lab", "lab"), OK, "you are lab, who runs eisync", ""),
        (machine.user("root", "eisync", "eisync"), WARNING, "the running eisync belongs to eisync", "sudo -u eisync"),
        (machine.user("lab", "root", "root"), WARNING, "the running eisync belongs to root", "sudo eisync doctor"),
        (machine.user("root", None, "eisync"), WARNING, "the state folder belongs to eisync", "sudo -u eisync"),
        (machine.disk("/d", None), NOT_CHECKED, "cannot be read", ""),
        (machine.disk("/d", Disk(5_000 * MB, 9_000 * MB, None)), OK, "5.2 GB of 9.4 GB are free", ""),
        (machine.disk("/d", Disk(5_000 * MB, 9_000 * MB, 50_000)), OK, "are free", ""),
        (machine.disk("/d", Disk(MB, 9_000 * MB, None), is_state=True), FAULT, "1.0 MB of", "make room"),
        (machine.disk("/d", Disk(5_000 * MB, 9_000 * MB, 0), is_state=True), FAULT, "cannot be written", "make room"),
        (machine.disk("/d", Disk(5_000 * MB, 9_000 * MB, 12)), WARNING, "only 12 files can be added", "make room"),
        (machine.disk("/d", Disk(5_000 * MB, 9_000 * MB, None), min_free=6_000 * MB), WARNING, "min_free", "status"),
        (machine.disk("/d", Disk(100 * MB, 9_000 * MB, None)), WARNING, "105 MB of", "min_free"),
        (machine.disk("/d", Disk(100 * MB, 9_000 * MB, None), is_state=True), WARNING, "105 MB of", "make room"),
        (limits_of(LIMITS, "open files"), OK, "may open 1,024 files, and needs up to 80", ""),
        (limits_of(LIMITS, "tasks"), OK, "10 of 128 threads", ""),
        (limits_of(LIMITS, "memory"), OK, "537 MB", ""),
        (limits_of(Limits(), "open files"), NOT_CHECKED, "does not say", ""),
        (limits_of(Limits(), "tasks"), OK, "not limited", ""),
        (limits_of(Limits(), "memory"), OK, "not limited", ""),
        (limits_of(Limits(open_files=70), "open files"), WARNING, "70 files, and needs up to 80", "LimitNOFILE=1024"),
        (limits_of(Limits(tasks=30, tasks_used=20), "tasks"), WARNING, "20 of 30 threads", "TasksMax=42"),
        (limits_of(Limits(memory=64 * MB), "memory"), WARNING, "67.1 MB, and needs", "MemoryMax"),
        (machine.events(None, folders=1, is_counted=True, is_running=False), NOT_CHECKED, "no inotify", ""),
        (events_of(1), OK, "the folders need 1 watch; 20 of 100 watches", ""),
        (events_of(2, is_counted=False), OK, "at least 2 watches", ""),
        (events_of(1, is_complete=False), OK, "at least 20 of 100", ""),
        (events_of(81), WARNING, "need 81 watches, and 20 of 100", "max_user_watches=65536"),
        (events_of(81, is_running=True), WARNING, "nearly all", "max_user_watches=200"),
        (events_of(70), WARNING, "nearly all", "max_user_watches=200"),
        (events_of(1, instances=10), WARNING, "10 of 10 inotify instances", "max_user_instances=512"),
        (events_of(1, instances=10, is_running=True), OK, "1 watch", ""),
    ],
)
def test_the_machine(found: Finding, verdict: Verdict, says: str, do: str) -> None:
    assert holds(found, verdict, says, do), found


SEEN = Place(path="/d", is_there=True)


@pytest.mark.parametrize(
    ("places", "unit", "verdict", "says", "do"),
    [
        ([SEEN], "eisync.service", OK, "(the service eisync.service) sees all 1 folder", ""),
        ([SEEN, SEEN], None, OK, "(no systemd service) sees all 2 folders", ""),
        ([Place(path="/d", is_there=True, is_writable=False)], None, OK, "sees all", ""),
        (
            [Place(path="/d", is_there=False)],
            "e.service",
            FAULT,
            "is not there for",
            "BindReadOnlyPaths=/d in a drop-in",
        ),
        (
            [Place(path="/d", is_there=True, is_other=True, needs_writing="min_free")],
            None,
            FAULT,
            "is another folder for the process",
            "BindPaths=/d in the unit or the container's options",
        ),
        (
            [Place(path="/d", is_there=True, is_writable=False, needs_writing="min_free")],
            "e.service",
            FAULT,
            "may not write here, and min_free needs it",
            "ReadWritePaths=/d in a drop-in ('systemctl edit e.service')",
        ),
    ],
)
def test_the_sandbox(places: list[Place], unit: str | None, verdict: Verdict, says: str, do: str) -> None:
    (found,) = machine.sandbox(places, unit, is_running=verdict is OK)
    assert holds(found, verdict, says, do), found


# Folders


def events_in(mode: Mode = Mode.AUTO, silent: str | None = None, **watching: Any) -> Finding:
    known = {"scan_every_s": 65.0, **watching} if watching else None
    return folders.events("/d", mode=mode, why_silent=silent, watching=known, scan_s=60.0)


def rights(**more: Any) -> Finding:
    return folders.rights("/d", **{"needs_writing": "min_free", "is_writable": True, "is_read_only": False, **more})


@pytest.mark.parametrize(
    ("found", "verdict", "says", "do"),
    [
        (folders.missing("/d", "it is not there; create it"), FAULT, "it is not there", "mount it"),
        (folders.silent("/d", 12.0), FAULT, "does not answer within 12 s", "mount"),
        (folders.content("/d", Content(files=2, folders=1)), OK, "2 files in 1 folder", ""),
        (folders.content("/d", Content(files=2, folders=1, is_complete=False)), OK, "at least 2 files", ""),
        (
            folders.content("/d", Content(files=2, folders=3, unreadable=["a"])),
            FAULT,
            "1 folder in it cannot be read: a",
            "setfacl",
        ),
        (
            folders.content("/d", Content(files=2, folders=3, unreadable=list("abcd"))),
            FAULT,
            "a, b, c and 1 more",
            "ignore",
        ),
        (events_in(), OK, "reports changes; besides, it is scanned every 60 s", ""),
        (events_in(reason=None), OK, "every 65 s", ""),
        (events_in(Mode.SCAN), OK, 'mode = "scan"', ""),
        (events_in(silent="it is nfs"), WARNING, "it is nfs", "scan_interval_s"),
        (events_in(reason="no watches"), WARNING, "file events fail: no watches; it is scanned every 65 s", "correct"),
        (events_in(trouble="KeyError"), FAULT, "watching fails: KeyError", "log"),
        (folders.writers("/d", None), NOT_CHECKED, "no file yet", ""),
        (folders.writers("/d", NO_WRITERS), OK, "asks the kernel", ""),
        (folders.writers("/d", cannot_tell("it is nfs")), WARNING, "it is nfs. A file is sent when", "settle_s"),
        (rights(needs_writing="", is_writable=False), OK, "only read", ""),
        (rights(), OK, "as min_free needs", ""),
        (rights(is_read_only=True), FAULT, "mounted read-only, and min_free", "mount it for writing"),
        (rights(is_writable=False), FAULT, "you may not write here, and min_free", "setfacl"),
        (folders.none_named(None), NOT_CHECKED, "none was watched with this state folder: name one", ""),
        (
            folders.none_named("it hangs"),
            NOT_CHECKED,
            "it hangs, which knows others: name one, 'eisync doctor DIR'",
            "",
        ),
    ],
)
def test_folders(found: Finding, verdict: Verdict, says: str, do: str) -> None:
    assert holds(found, verdict, says, do), found


# The state


def facts(**more: Any) -> DatabaseFacts:
    return DatabaseFacts(**{"size_bytes": 299_000, "schema": 25, "newest": 25, "copies": {}, **more})


def state_folder(**more: Any) -> Finding:
    given = {"trouble": None, "file_system": "ext4", "is_remote": False, "exists": True, **more}
    return state.state_folder("/s", **given)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([state_folder()], [(OK, "on a local disk (ext4)", "")]),
        ([state_folder(file_system=None)], [(OK, "unknown file system", "")]),
        ([state_folder(exists=False)], [(OK, "does not exist yet", "")]),
        ([state_folder(is_remote=True, file_system="nfs4")], [(FAULT, "over a network (nfs4)", "--state-dir")]),
        ([state_folder(trouble="it belongs to root")], [(FAULT, "belongs to root", "permissions")]),
        (state.database(facts()), [(OK, "299 kB, schema 25, every page was checked", "")]),
        (state.database(facts(schema=20)), [(OK, "schema 20, which the next start brings to 25", "")]),
        (state.database(facts(is_checked=False)), [(OK, "too large to check", "")]),
        (state.database(facts(journal_bytes=16_000)), [(OK, "a journal of 16.0 kB", "")]),
        (state.database(facts(free_bytes=17 * MB)), [(OK, "17.8 MB of it are free", "")]),
        (state.database(facts(schema=26)), [(FAULT, "a newer eisync wrote it (schema 26", "install")]),
        (state.database(facts(damage="page 7")), [(FAULT, "is damaged: page 7", "eisync once")]),
        (state.database(facts(is_suspect=True)), [(FAULT, "damage was found", "eisync once")]),
        (
            state.database(facts(copies={"eisync.db.damaged-1": 1_000})),
            [
                (OK, "299 kB", ""),
                (WARNING, "1 damaged database was set aside: eisync.db.damaged-1 (1.0 kB)", "smartctl"),
            ],
        ),
        (
            state.database(facts(copies={"eisync.db.damaged-1": 1_000, "eisync.db.damaged-2": 1_000})),
            [(OK, "299 kB", ""), (WARNING, "2 damaged databases were set aside", "smartctl")],
        ),
        ([state.database_in_use(7)], [(OK, "process 7 uses it", "")]),
        ([state.no_database("/s")], [(NOT_CHECKED, "none in /s", "")]),
        ([state.silent_daemon("it hangs")], [(FAULT, "it hangs", "log")]),
        ([state.no_status("why")], [(NOT_CHECKED, "why", "")]),
    ],
)
def test_the_state(found: Iterable[Finding], expected: list[tuple[Verdict, str, str]]) -> None:
    pairs = list(zip(found, expected, strict=True))
    assert all(holds(one, *wanted) for one, wanted in pairs), pairs


LOOP = {"name": "watcher", "age_s": 70.0, "is_fresh": True, "trouble": None}


def running(**more: Any) -> dict[str, Any]:
    return {"daemon": {"pid": 7, "verb": "run", "version": "1", "loops": [LOOP], "lost": None, **more}}


@pytest.mark.parametrize(
    ("status", "verdict", "says", "do"),
    [
        (None, WARNING, "nothing runs", "systemctl start eisync"),
        ({"daemon": None}, WARNING, "nothing runs", "eisync once"),
        (running(), OK, "process 7 runs 'eisync run' (eisync 1); its 1 loop", ""),
        (running(version="0"), WARNING, "this command is eisync 1", "restart"),
        (running(lost="the folder is gone"), FAULT, "the folder is gone", "restart"),
        (running(loops=[{**LOOP, "is_fresh": False}]), FAULT, "the watcher has not responded for 70 s", "log"),
        (running(loops=[{**LOOP, "trouble": "x"}]), WARNING, "the watcher fails and is tried again: x", "journalctl"),
    ],
)
def test_the_running_process(status: dict[str, Any] | None, verdict: Verdict, says: str, do: str) -> None:
    found = state.daemon(status, "1")
    assert holds(found, verdict, says, do), found


TARGET = {"name": "main", "paused": None, "listing_trouble": None, "listed_s": None}


@pytest.mark.parametrize(
    ("target", "held", "verdict", "says"),
    [
        ({}, None, OK, "nothing holds it up"),
        ({"listed_s": 1_234.5}, None, OK, "compared with the project 1,234 s ago"),
        ({"paused": "the key is refused"}, None, FAULT, "nothing is sent: the key is refused"),
        ({}, {"held": {"main": "quiet hours"}}, WARNING, "nothing is sent for now: quiet hours"),
        (
            {"listing_trouble": "HTTP 500"},
            {"held": {}},
            WARNING,
            "the last comparison with the project failed: HTTP 500",
        ),
    ],
)
def test_what_holds_a_target_up(
    target: dict[str, Any], held: dict[str, Any] | None, verdict: Verdict, says: str
) -> None:
    paused: dict[str, Any] = {"all_s": None, "roots": {}}
    (found,) = state.sending({"targets": [{**TARGET, **target}], "daemon": held, "paused": paused})
    assert holds(found, verdict, says, ""), found


@pytest.mark.parametrize(
    ("paused", "about", "says"),
    [
        ({"all_s": "inf", "roots": {"/d": 5.0}}, "", "uploads are paused until 'eisync resume'"),
        ({"all_s": None, "roots": {"/d": 61.2}}, "/d", "uploads are paused for another 2 min"),
    ],
)
def test_a_pause_is_a_warning(paused: dict[str, Any], about: str, says: str) -> None:
    (found,) = state.sending({"targets": [], "daemon": None, "paused": paused})
    assert about == found.about
    assert holds(found, WARNING, says, "eisync resume"), found


def group(state: str, files: int = 1, *, is_folder: bool = False) -> dict[str, Any]:
    return {
        "state": state,
        "files": files,
        "reason": "why",
        "example": "a.csv",
        "is_folder": is_folder,
        "next": "do it",
    }


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [(OK, "All is well.", "")]),
        ({"reasons": [group("ready")]}, [(OK, "All is well.", "")]),
        (
            {"reasons": [group("unreadable", is_folder=True)]},
            [(FAULT, "1 folder cannot be read: why (a.csv)", "do it")],
        ),
        ({"reasons": [group("quarantined", 2)]}, [(FAULT, "2 files quarantined: why (such as a.csv)", "do it")]),
        ({"emptied": {"main": "it is empty"}}, [(FAULT, "it is empty", "eisync plan"), (OK, "All is well.", "")]),
        (
            {"plans": [{"plan": 3, "actions": 1, "why": "too many"}]},
            [(FAULT, "1 action waits for your approval: too many", "--approve 3"), (OK, "All is well.", "")],
        ),
        ({"plans": [{"plan": 3, "actions": 2, "why": "x"}]}, [(FAULT, "2 actions wait", "plan"), (OK, "All", "")]),
    ],
)
def test_what_the_index_says_of_the_files(more: dict[str, Any], expected: list[tuple[Verdict, str, str]]) -> None:
    status = {"reasons": [], "plans": [], "emptied": {}, "sentence": "All is well.", **more}
    pairs = list(zip(state.files(status), expected, strict=True))
    assert all(holds(one, *wanted) for one, wanted in pairs), pairs


# The configuration


def test_each_fault_of_the_configuration_is_a_finding_that_ends_with_its_code() -> None:
    found = list(configuration.faulty(["a:1: bad", "a:2: worse"]))
    assert [("a:1: bad", 78), ("a:2: worse", 78)] == [(one.sentence, one.exit_code) for one in found]


def test_a_usable_configuration_may_have_warnings_and_a_silent_one_is_a_fault() -> None:
    found = list(configuration.usable("a.toml", ["the key goes in clear: use https"], targets=1, folders=2))
    assert [("warning", "the key goes in clear", "use https"), ("ok", "a.toml is valid: 1 target, 2 folders", "")] == [
        (one.verdict.value, one.sentence, one.remedy) for one in found
    ]
    assert holds(configuration.silent(10.0), FAULT, "not read within 10 s", "dmesg")
    (none,) = configuration.usable(None, [], targets=1, folders=0)
    assert "there is no file" in none.sentence
