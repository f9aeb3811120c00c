"""A state folder as eisync makes it, by a copy: to make its tables anew takes ten times as long."""

import functools
import tempfile
from pathlib import Path

from eisync.store.database import open_database
from eisync.store.state_folder import DATABASE_NAME


def make_state(folder: Path) -> None:
    """Make the state folder of an eisync that has not begun to work, unless there is one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / DATABASE_NAME).exists():
        (folder / DATABASE_NAME).write_bytes(_database())


@functools.cache
def _database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        database, _ = open_database(folder, exclusive=True)
        database.close()
        return (Path(folder) / DATABASE_NAME).read_bytes()
