"""Decide which part of a dataset a sample belongs to, by the project's percentages. Pure.

An upload is decided by the hash of its bytes, or, where samples have to stay together, by the values that they share:
the same file always lands in the same part, and the percentages are met on average. To split a dataset in place is
exact: every part gets as many samples of each kind as its percentage says, as far as those that stay together let it.

The options are those of the official client (npm, edge-impulse-api 1.95.13); how the hash decides is the emulator's
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
_DIGITS = 13  # of a hash in hex: what a float holds


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """Raises ValueError when the ratios are no shares of a whole."""

    ratios: tuple[float, float, float] = (0.8, 0.2, 0.0)  # in the order of PARTS
    excludes_disabled: bool = False
    balances_label: bool = False
    balances_keys: tuple[str, ...] = ()  # of metadata
    together_keys: tuple[str, ...] = ()  # of metadata

    def __post_init__(self) -> None:
        if not all(0 <= one <= 1 for one in self.ratios) or abs(sum(self.ratios) - 1) > _TOLERANCE:
            raise ValueError("The ratios should be 0 or more, and 1 together")

    def as_json(self) -> dict[str, object]:
        """As the official client has it."""
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
    """Raises ValueError with a sentence for the sender."""
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
    """Of one sample that comes in. `md5_hex` is the hash of its bytes."""
    shared = _shared(options, metadata)
    digest = md5_hex if shared is None else hashlib.md5(shared.encode()).hexdigest()
    share = int(digest[:_DIGITS], 16) / 16**_DIGITS
    for part, ratio in zip(PARTS, options.ratios, strict=True):
        if share < ratio:
            return part
        share -= ratio
    return next(part for part, ratio in zip(PARTS, options.ratios, strict=True) if ratio > 0)  # rounding


def split(options: SplitOptions, samples: Sequence[Sample]) -> dict[int, str]:
    """The part of every sample, by id. Deterministic: the order of the samples does not matter."""
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for one in samples:
        groups[_shared(options, one.metadata) or f"{one.filename} {one.id}"].append(one)
    kinds = {one.id: _kind(options, one) for one in samples}
    sizes = Counter(kinds.values())
    placed: Counter[tuple[str, str]] = Counter()
    parts: dict[int, str] = {}
    # The large groups first: the small ones fill what they leave.
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
    """What keeps a sample together with others; None: it has none of the keys, and stands alone."""
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
