"""One check: what the wire contract says, how the project is asked, and which answers confirm it."""

from collections.abc import Callable
from dataclasses import dataclass

from eisync.selftest.model import Answer, Mark
from eisync.selftest.probe import Probe

Ask = Callable[[Probe], Answer | str]
"""Asks the project. Raises NoAnswerError if the check is not possible here, and UploadRefusedError if the service
refuses a file that it accepts according to the contract."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table of checks.

    `says` is the claim of the contract, `asked` describes the request. `expects` are the answers that confirm the
    claim; empty: the contract leaves the question open.
    """

    id: str
    mark: Mark
    says: str
    asked: str
    ask: Ask
    expects: tuple[str, ...] = ()
