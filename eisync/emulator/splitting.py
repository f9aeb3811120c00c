"""Divide samples between the parts of a dataset, by the project's percentages. Pure.

For an upload, the hash of its bytes decides, or the hash of the metadata of samples that must stay together. So the
same file always gets the same part, and the percentages are met on average. Splitting an existing dataset is exact:
each part gets its percentage of the samples of each kind, as far as groups that must stay together allow it.

The options are those of the official client (npm, edge-impulse-api 1.95.13). How the hash decides is the emulator's
own.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eisync.emulator.model import Sample

PARTS = ("training", "testing", "validation")
_TOLERANCE = 1e-6
_DIGITS = 13  # hex digits of a hash that are used: a float has 52 bits


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """The options of a split. Raises ValueError unless the ratios are 0 or more and sum up to 1."""

    ratios: tuple[float, float, float] = (0.8, 0.2, 0.0)  # in the order of PARTS
    excludes_disabled: bool = False
    balances_label: bool = False
    balances_keys: tuple[str, ...] = ()  # of metadata
    together_keys: tuple[str, ...] = ()  # of metadata

    def __post_init__(self) -> None:
        if not all(0 <= one <= 1 for one in self.ratios) or abs(sum(self.ratios) - 1) > _TOLERANCE:
            raise ValueError("The ratios should be 0 or more, and their sum should be 1")

    def as_json(self) -> dict[str, object]:
        """Return the form of the official client."""
        training, testing, validation = self.ratios
        return {
            "trainingSplitRatio": training,
            "testingSplitRatio": testing,
            "validationSplitRatio": validation,
            "excludeDisabledSamples": self.excludes_disabled,
            "stratifyBy": {"label": self.balances_label, "metadataKeys": list(self.balances_keys)},
            "keepTogetherMetadataKeys": list(self.together_keys),
        }


def read_options(document: Mapping[str, object]) -> SplitOptions:
    """Read the options. The text of a ValueError is the answer to the sender."""
    balance = document.get("stratifyBy", {})
    if not isinstance(balance, dict):
        raise ValueError("stratifyBy should be an object")
    return SplitOptions(
        ratios=(
            _ratio(document, "trainingSplitRatio"),
            _ratio(document, "testingSplitRatio"),
            _ratio(document, "validationSplitRatio", default=0.0),
        ),
        excludes_disabled=_flag(document, "excludeDisabledSamples"),
        balances_label=_flag(balance, "label"),
        balances_keys=_keys(balance, "metadataKeys"),
        together_keys=_keys(document, "keepTogetherMetadataKeys"),
    )


def choose_part(options: SplitOptions, md5_hex: str, metadata: Mapping[str, str] | None) -> str:
    """Return the part for an upload. `md5_hex` is the hash of its bytes."""
    shared = _shared(options, metadata)
    digest = md5_hex if shared is None else hashlib.md5(shared.encode()).hexdigest()
    share = int(digest[:_DIGITS], 16) / 16**_DIGITS
    for part, ratio in zip(PARTS, options.ratios, strict=True):
        if share < ratio:
            return part
        share -= ratio
    return next(part for part, ratio in zip(PARTS, options.ratios, strict=True) if ratio > 0)  # rounding


def split(options: SplitOptions, samples: Sequence[Sample]) -> dict[int, str]:
    """Return the part of every sample, by id. The result does not depend on the order of the samples."""
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for one in samples:
        groups[_shared(options, one.metadata) or f"{one.filename} {one.id}"].append(one)
    kinds = {one.id: _kind(options, one) for one in samples}
    sizes = Counter(kinds.values())
    placed: Counter[tuple[str, str]] = Counter()
    parts: dict[int, str] = {}
    # Large groups first; small groups then fill the gaps.
    for _, group in sorted(groups.items(), key=lambda one: (-len(one[1]), _digest(one[0]))):

        def missing(part: str, group: Sequence[Sample] = group) -> float:
            ratio = options.ratios[PARTS.index(part)]
            return sum(ratio * sizes[kinds[one.id]] - placed[part, kinds[one.id]] for one in group)

        chosen = max((part for part in PARTS if options.ratios[PARTS.index(part)] > 0), key=missing)
        for one in group:
            parts[one.id] = chosen
            placed[chosen, kinds[one.id]] += 1
    return parts


def _kind(options: SplitOptions, sample: Sample) -> str:
    label = sample.label if options.balances_label else ""
    return json.dumps([label, *((sample.metadata or {}).get(key) for key in options.balances_keys)])


def _shared(options: SplitOptions, metadata: Mapping[str, str] | None) -> str | None:
    """Return the values of the keys that keep samples together; None if the sample has none of them."""
    values = [(metadata or {}).get(key) for key in options.together_keys]
    return None if all(one is None for one in values) else json.dumps(values)


def _digest(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _ratio(document: Mapping[str, object], name: str, *, default: float | None = None) -> float:
    value = document.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{name} should be a number")
    return float(value)


def _flag(document: Mapping[str, object], name: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} should be true or false")
    return value


def _keys(document: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = document.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{name} should be an array of strings")
    return tuple(value)
