"""The first page, its buttons and the plans, over a real database."""

import re
from collections.abc import Callable, Sequence
from html import unescape
from typing import Any

import pytest

from eisync.control.operations import Operations
from eisync.control.running import Running
from eisync.core.actions import Action, ActionKind, Cause
from eisync.core.lifecycle import State
from eisync.core.model import Candidate, Category, FileFacts, shown
from eisync.errors import StateError
from eisync.web.context import packed
from eisync.web.plans import PAGE
from tests.canary import CANARY
from tests.control.test_operations import NOW, Desk
from tests.control.test_steering import refuse
from tests.fakes import Clock
from tests.web.site import Visitor

HOSTILE = [
    "<script>alert(1)</script>.wav",
    "\"' onmouseover='alert(1).wav",
    "]]>&amp;--><img src=x onerror=alert(1)>.wav",
    "{{ 7 * 7 }}{% raw %}.wav",
    "\u202egpj.exe.wav",
    "\x1b]0;title\x07\x1b[31m.wav",
    "a\nb\r\tc.wav",
    "\udcff\udc80.wav",
    "javascript:alert(1).wav",
]


def field(text: str, name: str) -> str:
    """The value of the first field of that name in a page."""
    found = re.search(f'name="{name}" value="([^"]*)"', text)
    assert found is not None, name
    return unescape(found[1])


def test_a_new_state_folder_has_a_page(person: Visitor) -> None:
    text = person.get("/").text
    assert "There are no files yet." in text
    assert "Nothing has happened yet" in text
    assert "<script>" not in text  # only scripts with an address
    assert "style=" not in text


def test_everything_that_is_known_is_shown(desk: Desk, person: Visitor) -> None:
    desk.add("fine.wav", State.SYNCED)
    refuse(desk, "bad.wav", "the service cannot read it")
    desk.add("next.wav", at=NOW - 30.0)
    text = unescape(person.get("/").text)
    for part in (
        "1 of 3 files is in Edge Impulse; 1 waits and 1 is quarantined.",
        "1 file set aside",
        "the service cannot read it",
        "eisync retry",
        "Retry this file",
        "1 file, 7 bytes",
        "30 s ago",
        "/data/röot",
        "Targets",
        "quarantined: the service cannot read it",
    ):
        assert part in text, part


COUNTS = re.compile(
    r'<dt>([^<]*)</dt><dd>(?:<a href="([^"]*)" aria-label="([^"]*)">([^<]*)</a> <[^>]*>([^<]*)<|([^<]*)<)'
)


def counts_of(text: str) -> list[list[tuple[str, str, str, str]]]:
    """Return the counts of each folder of a page: what they count, the number, the bytes, and the link."""
    found = []
    for part in text.split('<dl class="facts counts">')[1:]:
        rows = COUNTS.findall(part.partition("</dl>")[0])
        assert all(not number or name.startswith(number) for _, _, name, number, _, _ in rows)
        found.append(
            [(what, number or bare, size, unescape(link)) for what, link, _, number, size, bare in rows],
        )
    return found


def test_each_folder_says_how_many_files_are_in_which_state_and_lists_them(desk: Desk, person: Visitor) -> None:
    [other] = desk.outbox.register([("/more", "main")])
    new: dict[str, Any] = {"target": "main", "facts": FileFacts(7, 1, 1), "label": "idle", "category": Category.SPLIT}
    desk.outbox.enqueue([Candidate(root_id=other.id, path=f"{at}.csv", **new) for at in range(1_200)], now=NOW)
    for path, state in (
        ("a.wav", State.SYNCED), ("b.wav", State.SYNCED), ("c.wav", State.TOMBSTONE), ("d.wav", State.GONE),
        ("e.wav", State.DOUBTFUL), ("f.wav", State.SETTLING),
    ):  # fmt: skip
        desk.add(path, state)
    refuse(desk, "bad.wav", "the service cannot read it")
    desk.note("part.csv")
    desk.observed += desk.index.observations.records()
    desk.index.note_left_out(desk.root.id, {"a FIFO": 2, "hidden": 3})
    [mine, theirs] = counts_of(person.get("/").text)
    assert [
        ("In Edge Impulse", "2", "14 bytes"),
        ("Not complete yet", "2", "14 bytes"),
        ("Sent, answer lost", "1", "7 bytes"),
        ("Set aside", "1", "7 bytes"),
        ("Deleted in Edge Impulse", "1", "7 bytes"),
        ("Gone before being sent", "1", "7 bytes"),
        ("Left out", "5", ""),
    ] == [row[:3] for row in mine]
    assert [("In Edge Impulse", "0", ""), ("Waiting to be sent", "1,200", "8.4 kB")] == [row[:3] for row in theirs]
    for what, number, _, link in [*mine, *theirs]:
        if link and number != "1,200":
            listed = re.findall('<a class="name"', person.get(link).text)
            assert int(number) == len(listed), what
    assert "/files?state=ready&folder=" in theirs[1][3]
    assert 50 == person.get(theirs[1][3]).text.count('<a class="name"')


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_is_only_ever_text(desk: Desk, person: Visitor, name: str) -> None:
    refuse(desk, name, f"'{shown(name)}' cannot be read")
    desk.observe(name.replace(".wav", ".csv"))
    for path in ("/", "/live"):
        text = person.get(path).text
        assert "alert(1)" not in re.sub(r">[^<]*<|value=\"[^\"]*\"", "", text)  # not in a tag
        assert not [one for one in text if one in "\x1b\x07\u202e\udcff" or (ord(one) < 32 and one != "\n")]
        assert "49" not in text.partition("cannot be read")[2][:20]
        assert "<img src=x" not in text
    answer = person.post("/retry", {"state": "quarantined", "reason": field(person.get("/").text, "reason")})
    assert 303 == answer.status_code
    assert (name, State.READY.value) in desk.states()


def test_the_key_is_never_shown(desk: Desk, person: Visitor) -> None:
    refuse(desk, "a.wav", "the service said so")
    desk.live["held"] = {"main": f"HTTP 403: {CANARY} is not allowed"}
    from eisync.core.redaction import KEYS

    KEYS.learn(CANARY)
    text = person.get("/").text
    assert "is not allowed" in text
    assert CANARY not in text


# --- what changes


def parts(text: str) -> str:
    """The address that asks for what differs from a page, or from the parts of it that came last."""
    return "/live?" + "&".join(f"{name}={field(text, name)}" for name in ("hero", "hour", "rest"))


def look_again(person: Visitor) -> None:
    """Let the kept answers end."""
    person.monotonic.now += 60.0


def test_only_what_has_changed_is_sent(desk: Desk) -> None:
    running = Running(live=lambda: desk.live)
    clock = Clock()
    person = Visitor(Operations(desk.outbox, desk.index, desk.actions, now=clock, running=running)).log_in()
    person.clock.now = clock.now
    desk.add("a.wav", State.SYNCED)
    first = person.get("/").text
    assert 204 == person.get(parts(first)).status_code
    person.clock.now = clock.now = clock.now + 600.0
    look_again(person)
    assert 204 == person.get(parts(first)).status_code, "only the ages have changed"
    desk.add("b.wav")
    look_again(person)
    changed = person.get(parts(first))
    assert 'hx-swap-oob="innerHTML:#hero"' in changed.text
    assert "b.wav" in changed.text
    assert 204 == person.get(parts(changed.text + first)).status_code
    only_hero = person.get(parts(changed.text + first).replace("hero=", "hero=old"))
    assert ("none", False) == (only_hero.headers["HX-Reswap"], "b.wav" in only_hero.text)


def test_the_last_hour_is_shown_minute_by_minute(desk: Desk) -> None:
    hour = {"files": [0] * 58 + [3, 1], "bytes": [0] * 58 + [3_000, 500], "since_at": NOW - 7_200.0}
    running = Running(live=lambda: desk.live, hour=lambda _: hour)
    person = Visitor(Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=running)).log_in()
    person.clock.now = NOW
    first = person.get("/").text
    assert "4 files, 3.5 kB" in first
    assert "<title>1 min ago: 3 files, 3.0 kB</title>" in first
    assert "Files in each minute until now: at most 3" in first
    assert "since eisync started" not in first
    assert 204 == person.get(parts(first)).status_code
    hour |= {"files": [0] * 58 + [3, 2], "since_at": NOW - 600.0}
    look_again(person)
    changed = person.get(parts(first))
    assert ("none", False) == (changed.headers["HX-Reswap"], "h-folders" in changed.text)
    assert 'hx-swap-oob="innerHTML:#hour"' in changed.text
    assert "since eisync started" in changed.text
    hour["files"] = [0] * 60
    look_again(person)
    assert "h-hour" not in person.get("/").text


def test_looking_often_costs_little(desk: Desk, person: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    answer = Operations.answer

    def note(self: Operations, question: Any) -> Any:
        asked.append(question)
        return answer(self, question)

    monkeypatch.setattr(Operations, "answer", note)
    for _ in range(50):
        person.get("/live")
    assert ["status", "queue", "history"] == [question["do"] for question in asked]


def test_a_page_whose_session_ended_loads_itself_again(stranger: Visitor) -> None:
    answer = stranger.get("/live", headers={"HX-Request": "true"})
    assert (401, "true", "") == (answer.status_code, answer.headers["HX-Refresh"], answer.text)


def test_a_database_that_fails_is_said(desk: Desk, person: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise StateError("the disk is full; free some space")

    monkeypatch.setattr(desk.index.records.__class__, "counts", fail)
    answer = person.get("/")
    assert (503, True) == (answer.status_code, "the disk is full; free some space" in answer.text)
    assert [] == person.log.lines


# --- buttons


def told(person: Visitor, path: str, form: dict[str, str] | None = None) -> str:
    """Press a button, and return the sentence that the next page shows once."""
    answer = person.post(path, form)
    assert 303 == answer.status_code, answer.text
    place = answer.headers["Location"]
    found = re.search(r'<p class="notice" role="status">(.*?)</p>', person.get(place).text)
    assert found is not None
    assert 'class="notice"' not in person.get(place).text, "only once"
    return unescape(found[1])


def test_uploads_are_paused_and_go_on(desk: Desk, person: Visitor) -> None:
    assert "All uploads are paused for 15 min." in told(person, "/pause", {"for": "15m"})
    assert "Uploads are paused for another 15 min." in person.get("/").text
    assert "Files are sent again." == told(person, "/resume")
    assert "until you resume them" in told(person, "/pause", {"for": "until"})
    assert "Resume uploads" in person.get("/").text


def test_one_folder_is_paused(desk: Desk, person: Visitor) -> None:
    root = field(person.get("/").text, "root")
    assert packed("/data/röot") == root
    assert "The uploads of /data/röot are paused for 1 h." in told(person, "/pause", {"for": "1h", "root": root})
    [status] = desk.ask(do="status")
    assert {"/data/röot": 3600.0} == status["paused"]["roots"]
    assert "The files of /data/röot are sent again." == told(person, "/resume", {"root": root})


@pytest.mark.parametrize(
    ("path", "form", "status", "sentence"),
    [
        ("/pause", {"for": "ever"}, 400, "does not say how long"),
        ("/pause", {"for": "1h", "root": "%%%"}, 400, "names no file"),
        ("/pause", {"for": "1h", "root": packed("/etc")}, 409, "/etc is not a watched folder"),
        ("/retry", {"state": "ready", "reason": "x"}, 400, "only quarantined files"),
        ("/scan", {}, 409, "no daemon runs"),
        ("/compare", {}, 400, "nothing is compared"),
        ("/plans/7/approve", {}, 409, "plan 7 is not waiting"),
    ],
)
def test_what_cannot_be_done_is_a_page_with_the_reason(
    person: Visitor, path: str, form: dict[str, str], status: int, sentence: str
) -> None:
    answer = person.post(path, form)
    assert (status, True) == (answer.status_code, sentence in unescape(answer.text))


@pytest.fixture
def driver(desk: Desk) -> tuple[Visitor, list[Any]]:
    """A browser whose daemon acts when it is asked."""
    done: list[Any] = []

    def scan(roots: Sequence[str] | None) -> list[str]:
        done.append(("scan", roots))
        return list(roots or ["/data/röot"])

    class Reconciler:
        def ask_pass(self, *, sweeps: bool = False, dry_run: bool = False) -> int:
            done.append("pass")
            return 1

        def report(self, ticket: int) -> None:
            return None

    recheck: Callable[[], list[str]] = lambda: ["main"]  # noqa: E731
    running = Running(live=lambda: desk.live, scan=scan, recheck=recheck, passes=Reconciler())
    operations = Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=running)
    return Visitor(operations).log_in(), done


def test_the_daemon_acts_when_a_button_is_pressed(driver: tuple[Visitor, list[Any]]) -> None:
    person, done = driver
    assert "1 folder will be scanned now." == told(person, "/scan")
    assert "1 folder will be scanned now." == told(person, "/scan", {"root": packed("/data/röot")})
    assert "eisync compares with the project now." in told(person, "/compare")
    assert "eisync tries main again now." == told(person, "/recheck")
    assert [("scan", None), ("scan", ["/data/röot"]), "pass"] == done


# --- plans


def hold(desk: Desk, number: int) -> int:
    actions = []
    for n in range(number):
        if not desk.ask(do="known", root="/data/röot", paths=[f"<b>{n:03}.wav"]):
            desk.add(f"<b>{n:03}.wav", State.SYNCED)
    for record in range(1, number + 1):
        actions.append(
            Action(
                kind=ActionKind.TRASH_FILE,
                cause=Cause.REMOTE_DELETION,
                file_id=record,
                root="/data/röot",
                path=f"<b>{record - 1:03}.wav",
                reason="its sample was deleted in the project",
                since_at=NOW,
            )
        )
    return desk.actions.hold("main", actions, f"{number} of {number} files", now=NOW)[0]


def test_a_plan_is_shown_item_by_item(desk: Desk, driver: tuple[Visitor, list[Any]]) -> None:
    person, _ = driver
    plan = hold(desk, PAGE + 5)
    assert f'href="/plans/{plan}"' in person.get("/").text
    first = person.get(f"/plans/{plan}").text
    assert PAGE == first.count("its sample was deleted in the project")
    assert "&lt;b&gt;000.wav" in first
    following = re.search(r'href="(/plans/\d+\?after=\d+)"', first)
    assert following is not None
    second = person.get(following[1]).text
    assert (5, True) == (second.count("its sample was deleted in the project"), "First page" in second)


@pytest.mark.parametrize(("verb", "state"), [("approve", "due"), ("reject", "rejected")])
def test_a_plan_is_decided_once(desk: Desk, driver: tuple[Visitor, list[Any]], verb: str, state: str) -> None:
    person, done = driver
    plan = hold(desk, 2)
    assert f"Plan {plan} with 2 actions is {verb.rstrip('e')}" in told(person, f"/plans/{plan}/{verb}")
    assert ["pass"] == done
    assert [] == desk.actions.plans()
    assert {state} == {one.progress.value for one in desk.actions.of_plan(plan)}
    assert 409 == person.post(f"/plans/{plan}/{verb}").status_code
    assert "does not wait any more" in person.get(f"/plans/{plan}").text


def test_a_plan_that_changed_is_another_plan(desk: Desk, driver: tuple[Visitor, list[Any]]) -> None:
    person, _ = driver
    shown = hold(desk, 2)
    hold(desk, 3)
    answer = person.post(f"/plans/{shown}/approve")
    assert (409, True) == (answer.status_code, "is not waiting" in answer.text)
    assert 1 == len(desk.actions.plans())


def test_a_lost_answer_is_in_the_latest(desk: Desk, person: Visitor) -> None:
    desk.add("a.wav", State.DOUBTFUL)
    assert "doubtful" in person.get("/").text


def test_a_refused_target_can_be_tried_again(desk: Desk, person: Visitor) -> None:
    desk.add("a.wav")
    desk.index.pause("main", "HTTP 401: Invalid API key", now=NOW)
    text = person.get("/").text
    assert "Edge Impulse refused the key." in text
    assert "It says: HTTP 401: Invalid API key." in text
    assert 'action="/recheck"' in text
