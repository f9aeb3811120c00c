"""A key is read in every form people store it, or a sentence says what is wrong. No message shows the key."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.api_key import ODD, clean, secrets_in, text_of

KEY = "ei_0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f" {KEY}\r\n",
        f"\ufeff{KEY}\n",
        f"{KEY}\u200b",
        "\u200eei_0123\u200b456789abcdef",
        f"\u00a0{KEY}\u3000",
        # quotes, also those of word processors
        f'"{KEY}"',
        f"'{KEY}'",
        f"`{KEY}`",
        f"“{KEY}”",
        f"„{KEY}“",
        f"‘{KEY}’",
        f"«{KEY}»",
        f"« {KEY} »",
        f"\"'{KEY}'\"",
        f'" {KEY}\n"'.replace("\n", " "),
        # the whole line of an env file, a shell, a configuration
        f"EI_API_KEY={KEY}",
        f'EI_API_KEY="{KEY}"',
        f'"EI_API_KEY={KEY}"',
        f"export EI_API_KEY='{KEY}'",
        f"EISYNC_API_KEY={KEY}",
        f"API_KEY: {KEY}",
        f'api_key = "{KEY}"',
        f"x-api-key: {KEY}",
        f'-e EI_API_KEY="{KEY}"',
        f'$env:EI_API_KEY = "{KEY}"',
        f'setx EI_API_KEY "{KEY}"',
        f"set EI_API_KEY={KEY}",
        f"--api-key {KEY}",
        f'"apiKey": "{KEY}",',
        f"Bearer {KEY}",
        f"x-api-key: Bearer {KEY}",
        # text after the key
        f"{KEY};",
        f"{KEY},",
        f"{KEY} \\",
        f'"{KEY}";',
        f"{KEY}\\n",
        f"{KEY}\\r\\n",
        f"EI_API_KEY={KEY}  # of the demo project",
        # lines without a key
        f"# of the demo project\n{KEY}\n\n",
        f"\n\n{KEY}\n",
    ],
)
def test_a_key_is_read_in_the_forms_people_write(text: str) -> None:
    assert KEY == clean(text)


@pytest.mark.parametrize(
    "text", ["", " ", "\n", '""', "''", "“”", "\ufeff", "\u200b\n", "EI_API_KEY=", "EI_API_KEY=''", "# key"]
)
def test_an_empty_text_has_no_key(text: str) -> None:
    assert "" == clean(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{KEY}\n{KEY}", "has 2 lines: it must hold the key alone, on one line"),
        (f"EI_API_KEY={KEY}\nEI_HMAC_KEY=x\nA=b", "has 3 lines: it must hold the key alone, on one line"),
        (
            "ei_0123…cdef",
            "is a shortened key, with … in it",
        ),
        ("ei_0123...", "is a shortened key, with … in it"),
        (
            "ei_••••••••",
            "is a hidden key, with dots or asterisks in it",
        ),
        (
            "ei_***************",
            "is a hidden key, with dots or asterisks in it",
        ),
        ("$EI_API_KEY", "is the name of a variable without its value"),
        ('"${EI_API_KEY}"', "is the name of a variable without its value"),
        ("%EI_API_KEY%", "is the name of a variable without its value"),
        ("{{ ei_api_key }}", "is the name of a variable without its value"),
        ("<your key>", "is a placeholder: it must hold the key alone; put the key of the project in its place"),
        ("your-api-key", "is a placeholder: it must hold the key alone; put the key of the project in its place"),
        ("ei_xxxxxxxxxxxx", "is a placeholder: it must hold the key alone; put the key of the project in its place"),
        (f'"{KEY}', f"{ODD} (it contains a quote that does not enclose the whole key)"),
        (f"{KEY}'", f"{ODD} (it contains a quote that does not enclose the whole key)"),
        (f'{{"apiKey": "{KEY}"}}', f"{ODD} (it contains a quote that does not enclose the whole key)"),
        (f"({KEY})", f"{ODD} (U+0028, left parenthesis)"),
        (f"&quot;{KEY}&quot;", f"{ODD} (U+0026, ampersand)"),
        (f"{KEY} x", f"{ODD} (it contains a space)"),
        (f"ei_0123\u00a0{KEY}", f"{ODD} (it contains a space)"),
        (f"{KEY}\x07", f"{ODD} (it contains a control character)"),
        ("ei_0123\u0430bc", f"{ODD} (U+0430, cyrillic small letter a)"),
        ("ei_0123ä", f"{ODD} (U+00E4, latin small letter a with diaeresis)"),
        ("ei–0123", f"{ODD} (U+2013, en dash)"),
    ],
)
def test_a_text_that_is_no_key_has_a_reason(text: str, what: str) -> None:
    with pytest.raises(ValueError) as caught:
        clean(text)
    said = str(caught.value)
    assert said.startswith(what)
    assert "it must hold the key alone" in said
    assert KEY[3:12] not in said


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (KEY.encode(), KEY),
        (codecs.BOM_UTF8 + KEY.encode(), KEY),
        (codecs.BOM_UTF16_LE + KEY.encode("utf-16-le"), KEY),
        (codecs.BOM_UTF16_BE + KEY.encode("utf-16-be"), KEY),
        (codecs.BOM_UTF32_LE + KEY.encode("utf-32-le"), KEY),
        (codecs.BOM_UTF32_BE + KEY.encode("utf-32-be"), KEY),
        (f"{KEY}\r\n".encode("utf-16-le"), f"{KEY}\r\n"),
        (KEY.encode("utf-16-be"), KEY),
        (f"„{KEY}“".encode(), f"„{KEY}“"),
        (f"{KEY}ä".encode("latin-1"), f"{KEY}ä"),
        (b"", ""),
    ],
)
def test_a_file_is_read_in_any_unicode_encoding(raw: bytes, text: str) -> None:
    assert text == text_of(raw)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\x7fELF\x02\0\0\x01ei_", "is not text: it must hold the key alone"),
        (codecs.BOM_UTF16_LE + b"e\0i", "is no text in UTF-16: it must hold the key alone"),
        (codecs.BOM_UTF8 + b"\xff", "is no text in UTF-8: it must hold the key alone"),
        (b"\0", "is no text in UTF-16: it must hold the key alone"),
    ],
)
def test_a_file_that_is_no_text_has_a_reason(raw: bytes, what: str) -> None:
    with pytest.raises(ValueError) as caught:
        text_of(raw)
    assert what == str(caught.value)


@given(st.text(max_size=200))
def test_every_key_fits_into_a_header(text: str) -> None:
    try:
        key = clean(text)
    except ValueError:
        return
    assert all("!" <= one <= "~" for one in key)
    assert key == clean(key)


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_a_value_error(raw: bytes) -> None:
    said = "it must hold the key alone"
    try:
        clean(text_of(raw))
    except ValueError as error:
        said = str(error)
    assert "it must hold the key alone" in said


@pytest.mark.parametrize("text", [KEY, f'"{KEY}', f"EI_API_KEY={KEY}\nx", f"“{KEY}”", f"{KEY}…"])
def test_a_possible_key_in_a_broken_text_is_a_secret(text: str) -> None:
    assert KEY in secrets_in(text)
    assert "EI_API_KEY" not in secrets_in(text)
