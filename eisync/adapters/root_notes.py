"""The claims that are kept with a watched folder, and the marker of an archive."""

from collections.abc import Callable, Mapping

from eisync.adapters.folder_note import Note
from eisync.adapters.folder_note import around as around  # one module for whoever keeps count
from eisync.core.lineage import NAME, Claim, merged, read_claims, write_claims

_CLAIMS = Note("user.eisync.claims", NAME)


def read(folder: str) -> dict[str, Claim]:
    """The claims by epoch. Raises nothing."""
    return merged(read_claims(words) for words in _CLAIMS.read(folder))


def change(
    folder: str, write: Callable[[Mapping[str, Claim]], Mapping[str, Claim]], *, makes_file: bool = True
) -> bool:
    """Keep what `write` makes of the claims; nobody else changes them meanwhile.

    False when the disk is full, or has no room for it but in a file that nobody `makes_file`. Raises FolderError when
    nothing can be kept there.
    """

    def written(found: list[bytes]) -> bytes:
        return write_claims(write(merged(map(read_claims, found))))

    return _CLAIMS.change(folder, written, makes_file=makes_file)
