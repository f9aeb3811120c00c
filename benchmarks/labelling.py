"""What labelling one file costs: by its path alone, by five rules with patterns and regular expressions, and finding
the group that a split keeps together.

Processor time, so that other work on the machine counts little. Every figure is the best of some rounds over many files
in folders as people keep them; the aim is 15 µs a file. The last figure is the slowest expression that is admitted, on
the file name that is worst for it.

    python benchmarks/labelling.py
"""

import time
from collections.abc import Callable
from functools import partial

from eisync.core.labels.description import Description, describe
from eisync.core.labels.path_pattern import PathPattern
from eisync.core.labels.rules import LabelRules, Rule
from eisync.core.labels.split import Split
from eisync.core.model import Category

ROUNDS = 7
AIM_US = 15.0

RULES = LabelRules(
    rules=(
        Rule(
            match="gym/**/*.wav",
            pattern=r"(?P<subject>s\d+)_(?P<label>[a-z]+)_(?P<session>\d{8})",
            category="testing",
            metadata={"site": "lab 3"},
        ),
        Rule(match="home/", label="folder"),
        Rule(match="*.jpg", pattern=r"^(?P<label>[^/]+)/", metadata={"camera": "front"}),
        Rule(pattern=r"/(?P<device>dev-\d+)/"),
        Rule(match="old/**", category="training"),
    )
)

FILES = [
    f"{top}/2026-01-{day:02d}/dev-{day % 7}/s{number:02d}_squat_20260102.{extension}"
    for top, extension in (("gym", "wav"), ("home", "csv"), ("photos", "jpg"), ("other", "cbor"))
    for day in range(1, 29)
    for number in range(200)
]

HOSTILE = (r"(?P<label>\w+)_(?P<take>\w+)\.wav", "/".join(["_" * 255] * 2))


def main() -> None:
    print(f"{len(FILES):,} files, best of {ROUNDS} rounds, processor time a file; the aim is {AIM_US:g} µs")
    for name, rules in (("by the path alone", LabelRules()), ("by five rules", RULES)):
        spent_s = best(partial(label_all, rules))
        print(f"  {name:<20} {spent_s / len(FILES) * 1e6:6.1f} µs")
    print(f"  {'its group':<20} {best(group_all) / len(FILES) * 1e6:6.1f} µs")
    pattern, path = HOSTILE
    print(f"  the worst file name {best(lambda: PathPattern(pattern).find(path)):10.2f} s")


def label_all(rules: LabelRules) -> None:
    for path in FILES:
        describe(path, rules, {"device": "gateway"}, ())


def group_all() -> None:
    split, found = Split(by=r"(?P<group>s\d+)_", testing=20), Description(label="squat", category=Category.SPLIT)
    for path in FILES:
        split.grouped(path, found)


def best(work: Callable[[], object]) -> float:
    """Return the least processor time that the work took (s)."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


if __name__ == "__main__":
    main()
