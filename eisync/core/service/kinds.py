"""Say which service manager a system has, and what the service is there."""

from eisync.core.model import value
from eisync.core.service import launchd, systemd, windows
from eisync.core.service.definition import Definition, Invocation

READERS = {"systemd": systemd.argv_of, "launchd": launchd.argv_of, "the Task Scheduler": windows.argv_of}


@value(kw_only=True)
class Person:
    """The user for whom the service is installed. `home` and `config_home` are folders; `uid` is 0 on Windows."""

    name: str
    uid: int
    home: str
    config_home: str


def definition_for(platform: str, wanted: Invocation, person: Person) -> Definition | None:
    """Return the service on a `sys.platform`; None where eisync knows no service manager."""
    if platform.startswith("linux"):
        return systemd.definition(wanted, person.config_home, user=person.name)
    if platform == "darwin":
        return launchd.definition(wanted, person.home, uid=person.uid)
    if platform == "win32":
        return windows.definition(wanted, person.config_home, user=person.name)
    return None


def argv_of(definition: Definition, content: bytes) -> list[str] | None:
    """Return the command line in the file of a service; None when `eisync service install` did not write it."""
    return READERS[definition.manager](content)
