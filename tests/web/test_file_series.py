"""The values of a recording for its chart: bounded, for those who may see the page only, and of one version."""

import json
import os
import struct
from typing import Any

import pytest

from eisync.core.drawing.envelope import MAX_COLUMNS
from eisync.core.labels.parts import PartKind
from eisync.web.file_link import query_of
from tests.core.formats import wav
from tests.web.site import Visitor
from tests.web.test_file_page import Folder, folder, image, recording

__all__ = ["folder"]


def series(folder: Folder, path: str, **arguments: object) -> Any:
    query = "".join(f"&{name.removeprefix('_')}={given}" for name, given in arguments.items())
    return folder.person.get(f"/file/series?{query_of(folder.root.path, path)}{query}")


def test_the_chart_gets_the_whole_and_more_of_a_part(folder: Folder) -> None:
    about = {PartKind.STRUCTURED: [{"startIndex": 0, "endIndex": 49, "label": "walk"}]}
    folder.add("wave.json", recording([[one, -one] for one in range(5_000)]), about=about)
    page = folder.page("wave.json")
    assert f'data-series="/file/series?{query_of(folder.root.path, "wave.json").replace("&", "&amp;")}"' in page
    answer = series(folder, "wave.json")
    assert (200, "application/json", "no-store") == (
        answer.status_code,
        answer.mimetype,
        answer.headers["Cache-Control"],
    )
    whole = answer.get_json()
    assert (0, 5_000, 8, 10) == tuple(whole[name] for name in ("begins", "readings", "per_column", "interval_ms"))
    assert [("accX", "m/s2", 0), ("accY", "m/s2", 0)] == [
        (axis["name"], axis["units"], axis["panel"]) for axis in whole["axes"]
    ]
    assert (0, 7) == (whole["axes"][0]["lows"][0], whole["axes"][0]["highs"][0])
    assert [{"begins": 0, "ends": 49, "label": "walk"}] == whole["bands"]
    part = series(folder, "wave.json", _from=100, to=103, version=whole["version"]).get_json()
    assert (100, 3, 1) == tuple(part[name] for name in ("begins", "readings", "per_column"))
    assert [100, 101, 102] == part["axes"][0]["lows"]


def test_what_is_no_number_is_null(folder: Folder) -> None:
    folder.add("wave.json", recording([[1, float("nan")], [None, float("inf")], [3, 1e308]]))
    axes = json.loads(series(folder, "wave.json").data, parse_constant=pytest.fail)["axes"]
    assert ([1, None, 3], [None] * 3) == (axes[0]["lows"], axes[1]["highs"])


@pytest.mark.parametrize(
    ("arguments", "readings"),
    [
        ({"_from": "0", "to": "2"}, 2),
        ({"_from": "8"}, 2),
        ({"to": "999999999999999"}, 10),
        ({"_from": "10", "to": "20"}, 0),
        *(({"_from": given}, None) for given in ("-1", "1.5", "", "1e3", "%D9%A1", "x", "9" * 16)),
        ({"_from": "5", "to": "5"}, None),
        ({"_from": "5", "to": "4"}, None),
        ({"to": "0"}, None),
    ],
)
def test_a_part_is_given_by_numbers(folder: Folder, arguments: dict[str, str], readings: int | None) -> None:
    folder.add("wave.json", recording([[one, one] for one in range(10)]))
    answer = series(folder, "wave.json", **arguments)
    assert (200 if readings is not None else 400) == answer.status_code
    if readings is not None:
        assert readings == answer.get_json()["readings"]


def test_values_of_another_version_are_never_mixed(folder: Folder) -> None:
    folder.add("wave.json", recording([[1, 2]]))
    version = series(folder, "wave.json").get_json()["version"]
    (folder.place / "wave.json").write_bytes(recording([[1, 2], [3, 4]]))
    answer = series(folder, "wave.json", version=version)
    assert (409, True) == (answer.status_code, "The file has changed. Load the page again." in answer.text)
    assert 409 == series(folder, "wave.json", version="x").status_code
    (folder.place / "wave.json").unlink()
    assert 409 == series(folder, "wave.json").status_code


def test_only_who_may_see_the_page_gets_values_and_only_of_known_files(folder: Folder) -> None:
    folder.add("wave.json", recording([[1, 2]]))
    folder.add("photo.png", image())
    folder.add("empty.json", b"")
    (folder.place / "other.json").write_bytes(recording([[1, 2]]))
    stranger = Visitor(folder.desk.operations())
    address = f"/file/series?{query_of(folder.root.path, 'wave.json')}"
    assert 401 == stranger.get(address).status_code
    assert 421 == folder.person.get(address, host="rebound.example").status_code
    for path in ("other.json", "../wave.json", "", "photo.png", "empty.json"):
        assert 404 == series(folder, path).status_code
    os.replace(folder.place / "other.json", folder.place.parent / "out.json")
    (folder.place / "wave.json").unlink()
    (folder.place / "wave.json").symlink_to(folder.place.parent / "out.json")
    assert 409 == series(folder, "wave.json").status_code


def test_a_name_with_escape_codes_is_harmless_text(folder: Folder) -> None:
    content = recording([[1, 2]]).replace(b"accX", rb"a\u202e<b>\u001b[31m")
    folder.add(
        "wave.json", content, about={PartKind.STRUCTURED: [{"startIndex": 0, "endIndex": 0, "label": "\u202ex"}]}
    )
    found = series(folder, "wave.json").get_json()
    text = found["axes"][0]["name"] + found["bands"][0]["label"]
    assert "<b>" in text  # the script shows it as text
    assert not {"\u202e", "\x1b"} & set(text)


def test_a_part_of_ten_gigabytes_is_exact(folder: Folder) -> None:
    place = folder.place / "long.wav"
    head = wav(b"", data=0xFFFFFFFF)
    with open(place, "wb") as file:
        file.write(head)
        file.seek(len(head) + 2 * 4_000_000_000)
        file.write(struct.pack("<3h", 16_384, -16_384, 8_192))
        file.truncate(10 * 1024**3)
    folder.know("long.wav")
    whole = series(folder, "long.wav").get_json()
    assert len(whole["axes"][0]["lows"]) <= MAX_COLUMNS
    assert "because the file is large" in whole["notes"][0]
    part = series(folder, "long.wav", _from=3_999_999_999, to=4_000_000_004).get_json()
    assert ([0, 0.5, -0.5, 0.25, 0], [], 1) == (part["axes"][0]["highs"], part["notes"], part["per_column"])
    place.unlink()  # the search for the key reads every file that a test leaves
