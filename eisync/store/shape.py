"""Read how the database is built and how much is in it, for a report of a fault. No value of a column is read."""

from typing import Any

from eisync.store.database import Database

_OBJECTS = "select type, name, tbl_name, sql from sqlite_schema where name not like 'sqlite_%' order by type, name"


class Shape:
    """The structure of one database. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> dict[str, Any]:
        """Return the version, the statements that made each table and index, and the rows of each table."""
        with self._database.reading() as connection:
            objects = [dict(row) for row in connection.execute(_OBJECTS).fetchall()]
            pragmas = ("user_version", "page_size", "page_count", "freelist_count", "auto_vacuum", "journal_mode")
            facts = {name: connection.execute(f"pragma {name}").fetchone()[0] for name in pragmas}
        rows = {}
        for one in objects:
            if one["type"] == "table":
                with self._database.reading() as connection:  # one at a time, so that no upload waits long
                    rows[one["name"]] = connection.execute(f'select count(*) from "{one["name"]}"').fetchone()[0]
        return {"pragmas": facts, "rows": rows, "objects": objects}
