"""Show the settings without their secrets, for a hash of them and for what people send to others."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from eisync.settings.fields import written
from eisync.settings.models import Settings

SECRET_OPTIONS = frozenset({"api_key", "password_hash", "webhook"})
"""The options whose value is never shown, in any table."""

HIDDEN = "(set, not shown)"
_ARGUMENTS = "(arguments, not shown)"


def without_secrets(settings: Settings) -> dict[str, Any]:
    """Return every option in use, as plain values. Only whether a secret is set is shown. Keys are not in it."""
    dumped = settings.model_dump(exclude={"keys", "warnings", "config_file"})
    shown: dict[str, Any] = _shown(dumped)
    return shown


def plain_option(name: str, value: Any) -> Any:
    """Return the value of the option `name` in the form of the configuration file. A secret is not shown."""
    return _option(name, value)


def _shown(value: Any) -> Any:
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, Mapping):
        return {str(name): _option(str(name), one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    plain = written(value)
    return plain if plain is None or isinstance(plain, bool | int | float | str) else str(plain)


def _option(name: str, value: Any) -> Any:
    if name in SECRET_OPTIONS and value is not None:
        return HIDDEN
    if name == "command" and value:  # people write tokens into the arguments
        return [str(value[0]), *([_ARGUMENTS] if len(value) > 1 else [])]
    return _shown(value)
