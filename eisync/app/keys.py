"""Where the API key of each target comes from now. A configuration that is read again may name another place."""

from collections.abc import Mapping

from eisync.settings import KeySource, Settings


class Keys:
    """The keys of all targets, by name. Safe from any thread."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError for a target without a key."""
        self._sources: Mapping[str, tuple[int, KeySource]] = {
            target.name: (0, settings.key_source(target.name)) for target in settings.targets
        }

    def use(self, sources: Mapping[str, KeySource]) -> None:
        """Read keys from these places from now on."""
        self._sources = {
            name: (number, source) if sources.get(name, source) is source else (number + 1, sources[name])
            for name, (number, source) in self._sources.items()
        }

    def read(self, target: str) -> str:
        """Return the key of the target. Raises ConfigurationError, which names the place and never the content."""
        return self._sources[target][1].read()

    def token(self, target: str) -> object:
        """Return a value that differs when the key may be new."""
        number, source = self._sources[target]
        return number, source.token()
