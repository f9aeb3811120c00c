"""Name what a file really is, by its first bytes, where its name says that it is something else.

A photo of a phone that is HEIC and called `.jpg`, a page of a login in place of a download: the reason that a person
reads names it. Only names are told here; whether such a file is whole, its own format would have to say.

Sources: WHATWG MIME Sniffing Standard, section 6; the brands registered at mp4ra.org, ISO/IEC 23008-12 (HEIF) and the
AVIF specification for `ftyp`; RFC 9639 (FLAC), RFC 3533 (Ogg), RFC 9559 (Matroska); file(1)'s magic for the rest.
"""

import re

HEAD_BYTES = 192
"""So many bytes of a file are enough to name it."""

_BEGINNINGS = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (b"fLaC", "a FLAC recording"),
    (b"OggS", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"caff", "a CAF recording"),
    (b".snd", "an AU recording"),
    (b"#!AMR", "an AMR recording"),
    (b"wvpk", "a WavPack recording"),
    (b"riff\x2e\x91\xcf\x11", "a Wave64 recording"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"FLV\x01", "a Flash video"),
    (b"\0\0\x01\xba", "an MPEG program stream"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive, as office documents are"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"version https://git-lfs", "a pointer of Git LFS, which stands for a file that is elsewhere"),
)
_BMP = re.compile(rb"BM(?s:.{4})\0\0\0\0")
_QUICKTIME = frozenset({b"moov", b"mdat", b"wide"})
_TS_PACKET_BYTES, _TS_BEGINS = 188, b"G"  # ISO/IEC 13818-1, 2.4.3.2: each packet begins with 47
_RIFF_FORMS = {b"WAVE": "a WAV recording", b"AVI ": "an AVI video", b"WEBP": "a WebP image"}
_LARGE_FORMS = frozenset({b"RIFF", b"RIFX", b"RF64", b"BW64"})
_AIFF_FORMS = frozenset({b"AIFF", b"AIFC"})
_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_BRANDS = {
    b"qt  ": "a QuickTime video",
    b"M4A ": "an MPEG-4 recording (M4A)",
    b"M4B ": "an MPEG-4 recording (M4B)",
    b"crx ": "a raw photo (CR3)",
    b"jxl ": "a JPEG XL image",
    b"jp2 ": "a JPEG 2000 image",
}
# A frame's head, less the values that none has: version and layer 3, a bit rate, a sampling rate.
_MP3_FRAME = re.compile(rb"\xff[\xfa\xfb\xf2\xf3][\x10-\xef](?s:.)")
_ADTS_FRAME = re.compile(rb"\xff[\xf0\xf1\xf8\xf9][\x40-\x7f](?s:.)")
_TEXTS = (
    (re.compile(rb"<(!doctype html|html|head|body)\b", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"<\?xml\b"), "an XML text"),
    (re.compile(rb'\{\s*["}]|\[\s*[\[{"\]]'), "a JSON text"),
)


def kind_of(head: bytes) -> str | None:
    """Return what a file with these first bytes is, with its article; None where they tell nothing."""
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[:4] in _LARGE_FORMS:
        return _RIFF_FORMS.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in _AIFF_FORMS:
        return "an AIFF recording"
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[4:8] in _QUICKTIME:
        return "a QuickTime video"
    if _BMP.match(head):
        return "a BMP image"
    if head[:1] == _TS_BEGINS == head[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1]:
        return "an MPEG transport stream"
    if _MP3_FRAME.match(head):
        return "an MP3 recording"
    if _ADTS_FRAME.match(head):
        return "an AAC recording"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for pattern, kind in _TEXTS if pattern.match(text)), None)


def is_still_image(head: bytes) -> bool:
    """Return whether a file that is built like an MP4 is an image: HEIC, AVIF."""
    return head[4:8] == b"ftyp" and head[8:12] in _AVIF | _HEIC


def _by_brand(head: bytes) -> str:
    brand = head[8:12]
    if brand in _AVIF or (brand in (b"mif1", b"msf1") and b"avi" in head[16:44]):
        return "an AVIF image"
    if brand in _HEIC or any(head[at : at + 4] in _HEIC for at in range(16, min(len(head), 44), 4)):
        return "a HEIC image"
    if brand.startswith((b"3gp", b"3g2")):
        return "a 3GPP video"
    return _BRANDS.get(brand, "an MP4 file")
