import re
from typing import Any

import pytest

from eisync.core.anonymise import Anonymiser, names_in

SALT = b"a secret of one bundle"
RECORDS: dict[str, Any] = {
    "roots": [{"path": "/srv/Klinik Süd/recordings", "label_warnings": [], "example": None}],
    "history": [{"root": "/srv/Klinik Süd/recordings", "path": "müller_gait/walk.2026.wav", "label": "walk"}],
    "paused": {"/srv/Klinik Süd/recordings": 3.0},
    "count": 3,
}


def anonymous(salt: bytes = SALT) -> Anonymiser:
    found = Anonymiser(salt)
    found.learn(names_in(RECORDS))
    return found


def test_names_are_found_by_their_fields() -> None:
    expected = ["/srv/Klinik Süd/recordings", "/srv/Klinik Süd/recordings", "müller_gait/walk.2026.wav", "walk"]
    assert expected == list(names_in(RECORDS))


def test_no_learned_word_stays_and_what_says_nothing_does() -> None:
    found = str(anonymous().value(RECORDS))
    assert not re.search("klinik|süd|müller|gait|walk", found, re.IGNORECASE)
    assert all(word in found for word in ("/srv/", "/recordings", ".wav", "history", "count"))


@pytest.mark.parametrize(
    "text",
    [
        "the label WALK is new",
        "walk.2026.wav cannot be read",
        "in Klinik Süd",
        "/home/somebody/elsewhere/x.toml:7: unknown",
        "below private/study7/",
        "~/study7 is away",
        "'/mnt/never seen'",
    ],
)
def test_sentences_lose_learned_words_and_every_path(text: str) -> None:
    found = anonymous().text(text)
    assert not re.search("walk|klinik|süd|somebody|elsewhere|private|study7|never", found, re.IGNORECASE), found


@pytest.mark.parametrize(
    "text",
    [
        "Invalid WAV file: there is no RIFF header",
        "HTTP 401: Invalid API key",
        "3 of 7 files are in Edge Impulse; last upload 5 s ago",
        "https://studio.edgeimpulse.com/v1",
        "eisync retry",
    ],
)
def test_a_sentence_without_names_stays(text: str) -> None:
    assert text == anonymous().text(text)


def test_pseudonyms_are_the_same_everywhere_and_depend_on_the_salt() -> None:
    one, other = anonymous(), anonymous(b"another")
    assert one.text("walk") == one.text("/x/walk").rpartition("/")[2] == one.text("Walk")
    assert one.text("walk") == anonymous().text("walk")
    assert one.text("walk") != other.text("walk")
    assert one.text("walk") == one.text(one.text("walk"))


def test_keys_that_are_names_are_replaced_and_those_of_fields_are_not() -> None:
    found = anonymous().value({"path": "walk", "/srv/Klinik/x": (1, None, True)})
    assert ["path", "/srv"] == [key[:4] for key in found]
    assert "Klinik" not in str(found)
    assert [[1, None, True]] == [one for one in found.values() if isinstance(one, list)]
