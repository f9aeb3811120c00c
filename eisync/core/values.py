"""Values that are made for every file: as cheap to make as they can be, and not to be changed.

A frozen dataclass takes two to four times as long to make as one that is not: each field goes through
`object.__setattr__`. At a dozen values a file that is a tenth of what a small file costs. So these are frozen for the
type checker, which is told so, and plain at run time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform, overload

_T = TypeVar("_T")


@overload
def value(cls: type[_T], /) -> type[_T]: ...


@overload
def value(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_T] | None = None, /, *, kw_only: bool = False) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """Make the class one of hashable values with slots, compared by their fields. Nobody may set a field."""

    def made(cls: type[_T]) -> type[_T]:
        return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)(cls)

    return made if cls is None else made(cls)
