"""The address of a file's page, and the file that an address names: only one that eisync knows."""

from collections.abc import Iterator
from typing import Any

from werkzeug.exceptions import NotFound

from eisync.core.model import FileFacts, shown, value
from eisync.web.context import Context, packed, unpacked

Record = dict[str, Any]
UNKNOWN = "eisync knows no such file. It may have been removed; the list of files has those that are known."


@value(kw_only=True)
class KnownFile:
    """A file that eisync knows: its root (absolute), its path in it, and its record."""

    root: str
    path: str
    record: Record

    @property
    def place(self) -> str:
        """The absolute path."""
        return f"{self.root.rstrip('/')}/{self.path}"

    @property
    def facts(self) -> FileFacts | None:
        """The version that the record is about; None when it is not known."""
        found = self.record.get("facts")
        return None if found is None else FileFacts(*found)


def record_of(found: Record) -> Record:
    """Return the record of a file with all that templates show, also for one that only the watcher knows."""
    return {"reason": "", "there": [], "is_folder": False, **found}


def query_of(root: str, path: str) -> str:
    """Return the part of an address that names a file, whatever bytes its name has."""
    return f"root={packed(root)}&path={packed(path)}"


def page_of(root: str, path: str) -> str:
    """Return the address of the page of a file."""
    return f"/file?{query_of(root, path)}"


def page_at(place: str) -> str:
    """Return the address of the page of the file at an absolute path."""
    return f"/file?place={packed(place)}"


def version_of(facts: FileFacts) -> str:
    """Return a short text that differs between the versions of a file."""
    return f"{facts.size:x}-{facts.mtime_ns:x}-{facts.inode:x}"


def folder_of(path: str) -> str:
    """Return the folder of a path in its root, for a person; empty for the root itself."""
    return shown(path.rpartition("/")[0])


def file_of(context: Context) -> KnownFile:
    """Return the file that the address names. Raises NotFound for one that eisync does not know."""
    for root, path in _named_by(context):
        record = next(iter(context.ask(do="known", root=root, paths=[path])), None)
        if record is not None and not record.get("is_folder"):
            return KnownFile(root=root, path=path, record=record_of(record))
    raise NotFound(UNKNOWN)


def _named_by(context: Context) -> Iterator[tuple[str, str]]:
    """Yield each root, and the path in it, that the address may mean."""
    arguments = context.request.args
    if not arguments.get("place"):
        root, path = unpacked(arguments.get("root", "")), unpacked(arguments.get("path", ""))
        if root and path:
            yield root, path
        return
    place = unpacked(arguments["place"])
    roots = [one["path"].rstrip("/") + "/" for one in context.ask_one(do="watched")["known"]]
    # The deepest first: a folder inside a known one may be known itself.
    for above in sorted((root for root in roots if place.startswith(root)), key=len, reverse=True):
        yield above.rstrip("/") or "/", place[len(above) :]
