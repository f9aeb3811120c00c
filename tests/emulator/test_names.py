import pytest

from eisync.emulator.names import (
    base_name,
    choose_split,
    decode_header_text,
    encode_id8,
    infer_label,
    sent_name,
    shown_name,
    stored_name,
)


@pytest.mark.parametrize(
    ("file_name", "label"),
    [
        ("idle.01", "idle"),
        ("idle.01.cbor", "idle"),
        ("up-down_2 x.csv", "up-down_2 x"),
        ("0.csv", "0"),
        ("straße.csv", "stra"),
        (".hidden.csv", "none of these"),
        ("été.csv", "none of these"),
        ("", "none of these"),
    ],
)
def test_a_label_is_the_leading_word_of_the_file_name(file_name: str, label: str) -> None:
    assert infer_label(file_name, rule="documented", otherwise="none of these") == label


@pytest.mark.parametrize(("rule", "label"), [("letters", "up"), ("before-dot", "up-down_2+x"), ("none", "other")])
def test_other_rules_infer_otherwise(rule: str, label: str) -> None:
    assert infer_label("up-down_2+x.01.csv", rule=rule, otherwise="other") == label


@pytest.mark.parametrize(
    ("md5", "category"),
    [
        ("0" * 32, "training"),
        ("b" + "f" * 31, "training"),
        ("c" + "0" * 31, "testing"),
        ("e" + "0" * 31, "testing"),
        ("fff0" + "e" * 28, "training"),
        ("ffd" + "0" * 29, "testing"),
        ("f" * 32, "training"),
    ],
)
def test_the_split_is_decided_by_the_first_digit_that_is_no_f(md5: str, category: str) -> None:
    assert choose_split(md5) == category


@pytest.mark.parametrize(
    ("now_ms", "id8"),
    [
        (1_546_300_800_000, "00000000"),
        (1_624_305_283_619, "28kmrth3"),  # two names of real samples
        (1_695_411_819_504, "4arrb5vg"),
        (0, "00000000"),
    ],
)
def test_the_id_in_a_stored_name_tells_the_milliseconds_since_2019(now_ms: int, id8: str) -> None:
    assert encode_id8(now_ms) == id8


@pytest.mark.parametrize(
    ("sent", "stored", "shown"),
    [
        ("idle.01.cbor", "idle.01.cbor.28kmrth3.pod-a.cbor", "idle.01"),
        ("idle.01.csv", "idle.01.csv.28kmrth3.pod-a.json", "idle.01"),
        ("one.txt", "one.txt.28kmrth3.pod-a.json", "one"),
        ("0_0.png", "0_0.png.28kmrth3.pod-a.jpg", "0_0"),
        ("a.PNG", "a.PNG.28kmrth3.pod-a.jpg", "a"),
        ("a.jpeg", "a.jpeg.28kmrth3.pod-a.jpg", "a"),
        ("noise.wav", "noise.wav.28kmrth3.pod-a.wav", "noise"),
    ],
)
def test_a_stored_name_carries_the_name_sent(sent: str, stored: str, shown: str) -> None:
    assert stored_name(sent, id8="28kmrth3", pod="pod-a") == stored
    assert sent_name(stored) == sent
    assert shown_name(sent) == shown


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"idle", "idle"),
        (b"%E2%98%83%20a", "☃ a"),
        ("schön".encode(), "schön"),
        ("schön".encode("latin-1"), "schön"),
        (b"100%", "100%"),
        (b"50%zz%41", "50%zz%41"),
        (b"%FF", "%FF"),
        (b"", ""),
    ],
)
def test_a_header_is_percent_decoded_when_it_can_be_and_kept_when_not(raw: bytes, text: str) -> None:
    assert decode_header_text(raw) == text


def test_nothing_is_stored_by_path() -> None:
    assert [base_name(name) for name in ("../../etc/x.csv", "/x.csv", "x.csv", "a/")] == ["x.csv", "x.csv", "x.csv", ""]
