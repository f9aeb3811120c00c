"""Look after a database: copy it, and give back its free room."""

from eisync.store.copier import Copier
from eisync.store.database import Database
from eisync.store.space import SpaceKeeper


class Upkeep:
    """What commands may ask of the database of a running process. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self.copier = Copier(database)
        self.space = SpaceKeeper(database)
