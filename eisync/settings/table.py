"""Define what all tables of the configuration have in common."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """One table of the file. It is frozen, refuses unknown keys, and never prints its input."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
