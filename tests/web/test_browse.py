"""The list of files and the counts of classes: plain addresses that need no script, over any number of files."""

import re
from typing import Any

import pytest

from eisync.core.file_status import ObservedEntry
from eisync.core.lifecycle import State
from eisync.store.observations import record_of
from eisync.web import browse
from eisync.web.context import packed
from tests.conftest import list_sample
from tests.control.test_operations import NOW, Desk
from tests.web.site import Visitor


def names(page: str) -> list[str]:
    return re.findall(r'<a class="name" href="[^"]+">([^<]*)</a>', page)


@pytest.fixture
def shelf(desk: Desk) -> Desk:
    for at, (path, state) in enumerate(
        [
            ("a/one.csv", State.SYNCED),
            ("a/two.csv", State.QUARANTINED),
            ("b/three.csv", State.READY),
        ]
    ):
        desk.add(path, state, at=NOW + at)
    return desk


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["b/three.csv", "a/two.csv", "a/one.csv"]),
        ("?sort=path", ["a/one.csv", "a/two.csv", "b/three.csv"]),
        ("?sort=nonsense", ["b/three.csv", "a/two.csv", "a/one.csv"]),
        ("?search=TWO", ["a/two.csv"]),
        ("?state=synced", ["a/one.csv"]),
        ("?problem=1", ["a/two.csv"]),
        ("?label=idle&category=split", ["b/three.csv", "a/two.csv", "a/one.csv"]),
        ("?label=-", []),
        ("?category=training", []),
        ("?folder=" + packed("/data/röot"), ["b/three.csv", "a/two.csv", "a/one.csv"]),
        ("?differs=1", []),
    ],
)
def test_an_address_is_a_list(shelf: Desk, person: Visitor, query: str, expected: list[str]) -> None:
    page = person.get(f"/files{query}").text
    assert expected == names(page)
    if not expected:
        assert "No file has all of this." in page


def test_the_form_keeps_what_was_chosen(shelf: Desk, person: Visitor) -> None:
    page = person.get('/files?search="><b>&state=ready&sort=size&problem=1').text
    assert 'value="&#34;&gt;&lt;b&gt;"' in page
    assert '<option value="ready" selected>' in page
    assert '<option value="size" selected>' in page
    assert 'value="1" checked>' in page


@pytest.mark.parametrize("query", ["?state=nonsense", "?category=nonsense", "?after=nonsense", "?folder=!"])
def test_an_address_that_makes_no_sense_says_so(shelf: Desk, person: Visitor, query: str) -> None:
    answer = person.get(f"/files{query}")
    assert (400, True) == (answer.status_code, "That did not work" in answer.text)


def test_a_page_that_begins_after_a_long_path_follows(
    desk: Desk, person: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse, "PAGE", 1)
    folder = "/".join(["f" * 200] * 4)
    for name in ("a.csv", "b.csv"):
        desk.add(f"{folder}/{name}")
    following = re.search('rel="next" href="([^"]+)"', person.get("/files?sort=path").text)
    assert following is not None
    assert [f"{folder}/b.csv"] == names(person.get(following[1].replace("&amp;", "&")).text)
    assert 1 == len(names(person.get(f"/files?folder={packed('/data/röot/' + folder)}").text))


def test_pages_lead_to_every_file_once(desk: Desk, person: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "PAGE", 2)
    for number in range(5):
        desk.add(f"{number}.csv", at=NOW + number)
    desk.observed.append(record_of(ObservedEntry("/data/röot", "new.csv", 9, "unchanged for 1 s")))
    address, found = "/files?sort=path", []
    for _ in range(4):
        page = person.get(address).text
        found += names(page)
        following = re.search(r'<a rel="next" href="([^"]+)"', page)
        if following is None:
            break
        address = following[1].replace("&amp;", "&")
    assert ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv", "new.csv"] == found
    assert 'href="/files?sort=path">First page' in page


def test_a_list_leads_to_the_page_of_a_file(shelf: Desk, person: Visitor) -> None:
    address = re.search(r'<a class="name" href="([^"]+)"', person.get("/files?state=synced").text)
    assert address is not None
    assert "/file?root=" in address[1]


def test_without_files_the_list_says_what_to_do(person: Visitor) -> None:
    assert "Put one into a watched folder." in person.get("/files").text
    assert "There are no files yet." in person.get("/classes").text


def test_classes_are_bars_that_lead_to_their_files(shelf: Desk, person: Visitor) -> None:
    page = person.get("/classes").text
    assert '<a href="/files?label=idle">idle</a>' in page
    assert 'href="/files?label=idle&amp;category=split"' in page
    widths = [float(one) for one in re.findall(r'<rect class="category category-split"[^>]* width="([^"]+)"', page)]
    assert [1000.0] == widths
    assert "No label differs." in page


def test_labels_that_differ_are_listed(desk: Desk, person: Visitor) -> None:
    desk.add("<i>.csv", State.TOMBSTONE)  # with sample 99, which is listed without a label
    desk.add("wave.csv", State.SYNCED)
    store_sample(desk, "wave.csv", 7)
    list_sample(desk.database, 7)
    page = person.get("/classes").text
    assert re.search(r"<td>idle</td><td>none</td><td class=\"count\">1</td>\s*<td><a href=[^>]+>wave.csv</a>", page)
    assert ["wave.csv"] == names(person.get("/files?differs=1").text)


def store_sample(desk: Desk, path: str, sample_id: int) -> None:
    with desk.database.transaction() as connection:
        row: Any = connection.execute("select id from file where name = ?", (path.encode(),)).fetchone()
        connection.execute("insert into file_sample (file_id, sample_id) values (?, ?)", (row["id"], sample_id))
