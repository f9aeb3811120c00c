"""One claim of the wire contract: what it says, how it is asked, which answers confirm it."""

from collections.abc import Callable
from dataclasses import dataclass

from eisync.selftest.model import Answer, Mark
from eisync.selftest.probe import Probe

Ask = Callable[[Probe], Answer | str]
"""Asks the project. Raises NoAnswerError where it cannot be asked here, UploadRefusedError where a file that the
contract says is accepted was refused."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table. `expects` are the answers that confirm the claim; empty: the contract leaves it open."""

    id: str
    mark: Mark
    says: str
    asked: str
    ask: Ask
    expects: tuple[str, ...] = ()
