"""Say whether the configuration can be used."""

from collections.abc import Iterator, Sequence

from eisync.core.doctor.finding import CONFIGURATION, Finding, fault, ok, warning
from eisync.core.text import amount


def faulty(faults: Sequence[str]) -> Iterator[Finding]:
    """Yield the faults of a configuration. Each is a sentence that begins with its place."""
    for one in faults:
        yield fault("configuration", one, "correct it; 'eisync config check' tries it", exit_code=CONFIGURATION)


def usable(file: str | None, warnings: Sequence[str], *, targets: int, folders: int) -> Iterator[Finding]:
    """Yield the warnings of a configuration, each a sentence that ends with what to do behind a colon."""
    for one in warnings:
        sentence, _, remedy = one.rpartition(": ")
        yield warning("configuration", sentence, remedy)
    where = f"{file} is valid" if file else "there is no file; environment, options and defaults are valid"
    yield ok("configuration", f"{where}: {amount(targets, 'target')}, {amount(folders, 'folder')}")


def silent(within_s: float) -> Finding:
    """Say that the configuration, or a folder that it names, does not answer."""
    return fault(
        "configuration",
        f"it was not read within {within_s:.0f} s: it, or a folder in it, is on a disk or server that does not answer",
        "check the disks and file servers ('dmesg', 'mount'); 'eisync doctor DIR' with another folder tries the rest",
        exit_code=CONFIGURATION,
    )
