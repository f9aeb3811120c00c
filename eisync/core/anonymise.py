"""Replace names in what is sent to others by made-up ones that stay the same within one text or many.

The words of names that were learned (paths, labels, host and user names) are replaced wherever they stand, also inside
sentences. In what looks like a path, every part is replaced, learned or not. Endings such as `.wav`, numbers outside
of paths, and words that everybody uses (`data`, `home`, `training`) stay: a reader needs them, and they tell nothing.

The pseudonym of a word depends on a secret `salt`, so that nobody can find a name by trying.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Any

from eisync.core.ignore import ACCEPTED_EXTENSIONS

PLAIN = frozenset(
    re.findall(
        r"\w+",
        """
    a all also an and any api application archive audio batch bin boot camera category class classes com config
    csv data dataset datasets day default demo dev device devices downloads edgeimpulse eisync etc example
    examples false file files folder folders for hidden home html http https image images in info ingestion
    input is it json lab label labels lib lib64 local log logs main media metadata mnt model month new no none
    not null of old on opt or output path person plain proc project projects raw ready recording recordings root
    run sample samples sensor share shared sidecar split srv state studio sys target temp test testing text the
    time tmp toml train training true unknown upload uploads user users usr v1 val valid validation value values
    var video watch week with year yes yolo
        """,
    )
)
"""Words that say nothing of a person, a machine or a study."""

_WORD = re.compile(r"\w+")
_PATH = re.compile(r"(?<![\w:/])~?(?:/[^\s/'\"<>|,;]+)+/?|[^\s/'\"<>|,;:(]+(?:/[^\s/'\"<>|,;]+)+/?")
_ENDINGS = frozenset(extension.lstrip(".") for extension in ACCEPTED_EXTENSIONS) | {
    "toml", "txt", "xml", "yaml", "zip", "done", "labels", "part", "sock", "pem", "db", "gz", "tar", "py", "so", "log",
}  # fmt: skip
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class Anonymiser:
    """Replaces learned words. `salt` is secret, and the same for all texts of one bundle."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._words: dict[str, str] = {}

    def learn(self, names: Iterable[str]) -> None:
        """Replace the words of these names from now on."""
        for name in names:
            for word in _WORD.findall(name):
                if not word.isdigit() and not _is_plain(word):
                    self._words.setdefault(word.casefold(), self._pseudonym(word))

    def text(self, text: str) -> str:
        """Return the text without the learned words, and without any part of what looks like a path."""
        text = _PATH.sub(lambda found: self._path(found[0]), text)
        return _WORD.sub(lambda found: self._words.get(found[0].casefold(), found[0]), text)

    def value(self, value: Any) -> Any:
        """Return a value of JSON with every text in it replaced. Keys stay that are names of fields."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._key(str(key)): self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value

    def _key(self, key: str) -> str:
        return key if _IDENTIFIER.fullmatch(key) else self.text(key)

    def _path(self, path: str) -> str:
        return _WORD.sub(lambda found: found[0] if _is_plain(found[0]) else self._pseudonym(found[0]), path)

    def _pseudonym(self, word: str) -> str:
        digest = hmac.new(self._salt, word.casefold().encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"x{digest[:8]}"


def _is_plain(word: str) -> bool:
    folded = word.casefold()
    return folded in PLAIN or folded in _ENDINGS or _is_pseudonym(folded)


def _is_pseudonym(word: str) -> bool:
    return re.fullmatch(r"x[0-9a-f]{8}", word) is not None


NAME_FIELDS = frozenset({"path", "root", "example", "label", "lies_at", "dir", "label_map", "host", "user"})
"""Fields whose values are names, in the records of eisync and in its options."""


def names_in(value: Any, fields: frozenset[str] = NAME_FIELDS) -> Iterable[str]:
    """Yield the values of fields that hold names, anywhere in a value of JSON."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key in fields and isinstance(one, str):
                yield one
            else:
                yield from names_in(one, fields)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from names_in(one, fields)
