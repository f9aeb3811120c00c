from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.emulator.model import Facts, Sample
from eisync.emulator.splitting import PARTS, SplitOptions, choose_part, read_options, split

RATIOS = [(0.8, 0.2, 0.0), (0.5, 0.25, 0.25), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)]
FULL = {
    "trainingSplitRatio": 0.7,
    "testingSplitRatio": 0.2,
    "validationSplitRatio": 0.1,
    "excludeDisabledSamples": True,
    "stratifyBy": {"label": True, "metadataKeys": ["site"]},
    "keepTogetherMetadataKeys": ["session"],
}


def sample(number: int, label: str = "a", **metadata: str) -> Sample:
    return Sample(
        id=number,
        project_id=1,
        category="training",
        label=label,
        filename=f"wave.{number}",
        stored_name="",
        sha256="",
        size_bytes=1,
        added_ms=0,
        modified_ms=0,
        is_disabled=False,
        facts=Facts(chart_type="chart"),
        metadata=metadata or None,
    )


def md5(number: int) -> str:
    return f"{number % 16**8:08x}" + "0" * 24


@pytest.mark.parametrize("ratios", RATIOS)
def test_an_upload_follows_the_percentages_by_its_hash(ratios: tuple[float, float, float]) -> None:
    options = SplitOptions(ratios)
    step = 16**8 // 1000
    chosen = Counter(choose_part(options, md5(number * step), None) for number in range(1000))
    assert [chosen[part] for part in PARTS] == [pytest.approx(1000 * ratio, abs=2) for ratio in ratios]


@given(st.binary(min_size=16, max_size=16), st.sampled_from(RATIOS))
def test_an_upload_always_lands_in_the_same_part(digest: bytes, ratios: tuple[float, float, float]) -> None:
    part = choose_part(SplitOptions(ratios), digest.hex(), {"any": "thing"})
    assert part == choose_part(SplitOptions(ratios), digest.hex(), None)
    assert ratios[PARTS.index(part)] > 0


def test_the_last_share_takes_what_rounding_leaves() -> None:
    assert choose_part(SplitOptions((0.8, 0.2 - 1e-7, 0.0)), "f" * 32, None) == "training"


def test_uploads_that_share_a_value_stay_together() -> None:
    options = SplitOptions((0.5, 0.5, 0.0), together_keys=("session", "who"))
    for session in ("1", "2", "3"):
        metadata = {"session": session, "other": "x"}
        assert len({choose_part(options, md5(number << 26), metadata) for number in range(64)}) == 1
    assert len({choose_part(options, md5(number << 26), {"other": "x"}) for number in range(64)}) == 2
    sessions = (choose_part(options, "", {"session": str(number)}) for number in range(64))
    assert set(sessions) == {"training", "testing"}


@pytest.mark.parametrize("ratios", RATIOS)
def test_a_split_in_place_is_exact(ratios: tuple[float, float, float]) -> None:
    parts = Counter(split(SplitOptions(ratios), [sample(number) for number in range(40)]).values())
    assert [parts[part] for part in PARTS] == [40 * ratio for ratio in ratios]


def test_a_split_balances_labels_and_metadata() -> None:
    samples = [sample(number, "ab"[number % 2], site="xy"[number // 2 % 2]) for number in range(40)]
    parts = split(SplitOptions((0.8, 0.2, 0.0), balances_label=True, balances_keys=("site",)), samples)
    counted = Counter((one.label, (one.metadata or {})["site"], parts[one.id]) for one in samples)
    assert counted == {
        (label, site, part): count
        for label in "ab"
        for site in "xy"
        for part, count in (("training", 8), ("testing", 2))
    }


def test_a_split_keeps_together_what_shares_a_value() -> None:
    samples = [sample(number, session=str(number // 5)) for number in range(50)] + [sample(99)]
    parts = split(SplitOptions((0.6, 0.4, 0.0), together_keys=("session",)), samples)
    by_session = {(number // 5, parts[number]) for number in range(50)}
    assert len(by_session) == 10
    assert Counter(part for _, part in by_session) == {"training": 6, "testing": 4}
    assert parts[99] in PARTS


@given(st.permutations([sample(number, "ab"[number % 2], session=str(number % 4)) for number in range(12)]))
def test_a_split_does_not_depend_on_the_order(samples: list[Sample]) -> None:
    options = SplitOptions((0.5, 0.3, 0.2), balances_label=True, together_keys=("session",))
    assert split(options, samples) == split(options, sorted(samples, key=lambda one: one.id))


@pytest.mark.parametrize(
    ("document", "options"),
    [
        ({"trainingSplitRatio": 1, "testingSplitRatio": 0}, SplitOptions((1.0, 0.0, 0.0))),
        (FULL, SplitOptions((0.7, 0.2, 0.1), True, True, ("site",), ("session",))),
    ],
)
def test_options_are_read_and_shown_as_the_client_has_them(document: dict[str, Any], options: SplitOptions) -> None:
    assert read_options(document) == options
    assert read_options(options.as_json()) == options


@pytest.mark.parametrize(
    "changed",
    [
        {"trainingSplitRatio": None},
        {"trainingSplitRatio": "0.7"},
        {"trainingSplitRatio": True},
        {"trainingSplitRatio": 0.8},
        {"trainingSplitRatio": -0.1, "testingSplitRatio": 1.0},
        {"trainingSplitRatio": float("nan")},
        {"excludeDisabledSamples": 1},
        {"stratifyBy": ["label"]},
        {"stratifyBy": {"label": "yes"}},
        {"stratifyBy": {"metadataKeys": "site"}},
        {"keepTogetherMetadataKeys": [1]},
    ],
)
def test_options_that_make_no_sense_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="should"):
        read_options(FULL | changed)
