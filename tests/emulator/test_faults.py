import statistics

import pytest

from eisync.emulator.faults import KINDS, Faults, Rule, read_rules


def draw(
    faults: Faults, where: str = "ingestion", path: str = "/api/training/files", now: float = 0.0
) -> tuple[str, ...]:
    return faults.draw(where, "POST", path, now=now).kinds


def faults_of(*rules: Rule, seed: int = 0) -> Faults:
    faults = Faults()
    faults.replace(rules, seed)
    return faults


def test_a_rule_passes_some_applies_some_and_is_done() -> None:
    faults = faults_of(Rule(where="ingestion", kind="status", after=2, times=3))
    assert [bool(draw(faults)) for _ in range(8)] == [False, False, True, True, True, False, False, False]


def test_only_what_a_rule_names_is_met() -> None:
    faults = faults_of(Rule(where="studio", kind="status", method="get", path="/raw-data"))
    met = [
        faults.draw(where, method, path, now=0).rule is not None
        for where, method, path in [
            ("studio", "GET", "/v1/api/1/raw-data"),
            ("studio", "POST", "/v1/api/1/raw-data"),
            ("studio", "GET", "/v1/api/projects"),
            ("ingestion", "GET", "/raw-data"),
        ]
    ]
    assert met == [True, False, False, False]


def test_waits_add_up_and_the_first_of_the_others_is_the_one() -> None:
    plan = faults_of(
        Rule(where="studio", kind="latency", seconds=1),
        Rule(where="studio", kind="latency", seconds=2),
        Rule(where="studio", kind="slow_read", seconds=0.5),
        Rule(where="studio", kind="withhold", times=1),
        Rule(where="studio", kind="status"),
    ).draw("studio", "GET", "/", now=0)
    assert (plan.delay_s, plan.read_pause_s) == (3, 0.5)
    assert plan.rule is not None
    assert plan.rule.kind == "withhold"
    assert plan.kinds == ("latency", "latency", "slow_read", "withhold")


def test_the_same_seed_gives_the_same_faults() -> None:
    def run(seed: int) -> list[object]:
        faults = faults_of(
            Rule(where="ingestion", kind="latency", probability=0.5, seconds=1, jitter_s=1),
            Rule(where="ingestion", kind="partial", probability=0.5),
            seed=seed,
        )
        seen: list[object] = []
        for _ in range(50):
            plan = faults.draw("ingestion", "POST", "/", now=0)
            seen.append((plan.delay_s, plan.rule and faults.choose_positions(plan.rule, 10)))
        return seen

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_an_outage_begins_with_its_first_match_and_ends_by_itself() -> None:
    faults = faults_of(Rule(where="ingestion", kind="outage", seconds=10, after=1, times=1))
    assert [draw(faults, now=now) for now in (0, 5, 10, 14.9, 15, 100)] == [(), *[("outage",)] * 3, (), ()]


def test_a_rate_limit_lets_so_many_through_in_any_window() -> None:
    faults = faults_of(Rule(where="ingestion", kind="rate_limit", requests=2, seconds=10))
    met = [(now, bool(draw(faults, now=now))) for now in (0, 4, 5, 9.9, 10, 11, 14, 20)]
    assert met == [(0, False), (4, False), (5, True), (9.9, True), (10, False), (11, True), (14, False), (20, False)]


@pytest.mark.parametrize(
    ("now", "asked", "expected"), [(0.5, None, 10), (9.5, None, 1), (10.4, None, 1), (0.5, "3", "3")]
)
def test_a_rate_limit_says_when_there_is_room_again(now: float, asked: str | None, expected: object) -> None:
    rule = Rule(where="studio", kind="rate_limit", requests=1, seconds=10, retry_after=asked)
    faults = faults_of(rule)
    assert faults.draw("studio", "GET", "/", now=0.5 if now > 10 else 0).rule is None
    met = faults.draw("studio", "GET", "/", now=now).rule
    assert met is not None
    assert met.retry_after == expected


def test_a_rate_limit_of_nothing_lets_nothing_through() -> None:
    met = (
        faults_of(Rule(where="studio", kind="rate_limit", requests=0, seconds=5)).draw("studio", "GET", "/", now=7).rule
    )
    assert met is not None
    assert met.retry_after == 5


@pytest.mark.parametrize(
    ("distribution", "mean", "median"), [("uniform", 0.5, 0.5), ("exponential", 1.0, 0.693), ("lognormal", 1.649, 1.0)]
)
def test_a_latency_follows_its_distribution(distribution: str, mean: float, median: float) -> None:
    faults = faults_of(Rule(where="studio", kind="latency", seconds=2, jitter_s=3, distribution=distribution), seed=1)
    delays = [faults.draw("studio", "GET", "/", now=0).delay_s for _ in range(20_000)]
    assert min(delays) >= 2
    assert statistics.mean(delays) == pytest.approx(2 + 3 * mean, rel=0.05)
    assert statistics.median(delays) == pytest.approx(2 + 3 * median, rel=0.05)


def test_the_rules_shown_tell_how_often_they_were_applied() -> None:
    faults = faults_of(Rule(where="ingestion", kind="status", times=2))
    for _ in range(5):
        draw(faults)
    assert faults.as_json()[0]["applied"] == 2


@pytest.mark.parametrize(
    "document",
    [
        None,
        3,
        {},
        {"rules": {}},
        [3],
        [{}],
        [{"where": "ingestion"}],
        [{"where": "mars", "kind": "status"}],
        [{"where": "studio", "kind": "meteor"}],
        [{"where": "studio", "kind": "partial"}],
        [{"where": "studio", "kind": "count_mismatch"}],
        [{"where": "studio", "kind": "status", "colour": "red"}],
        [{"where": "studio", "kind": "status", "probability": 1.5}],
        [{"where": "studio", "kind": "status", "probability": "1"}],
        [{"where": "studio", "kind": "status", "times": -1}],
        [{"where": "studio", "kind": "status", "status": 99}],
        [{"where": "studio", "kind": "status", "status": True}],
        [{"where": "studio", "kind": "status", "retry_after": "1\r\nX: y"}],
        [{"where": "studio", "kind": "latency", "seconds": -1}],
        [{"where": "studio", "kind": "latency", "distribution": "cauchy"}],
        [{"where": "studio", "kind": "rate_limit", "requests": -1}],
        [{"where": "studio", "kind": "rate_limit", "requests": 1.5}],
        [{"where": "studio", "kind": "latency", "seconds": float("nan")}],
        [{"where": "ingestion", "kind": "partial", "positions": ["a"]}],
        {"rules": [], "seed": "x"},
    ],
)
def test_a_rule_that_could_never_be_obeyed_is_refused(document: object) -> None:
    with pytest.raises(ValueError):
        read_rules(document)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_asked_for(kind: str) -> None:
    wanted = {"where": "ingestion", "kind": kind}
    assert read_rules([wanted]) == ([Rule(where="ingestion", kind=kind)], None)
    assert read_rules({"rules": [wanted], "seed": 5}) == ([Rule(where="ingestion", kind=kind)], 5)
