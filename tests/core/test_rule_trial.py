"""Rules are tried on files: which fit none, and which two say different things of one."""

from eisync.core.labels.rule_trial import RuleTrial
from eisync.core.labels.rules import LabelRules, Rule


def warnings(*rules: Rule, files: tuple[str, ...]) -> list[str]:
    trial = RuleTrial(LabelRules(rules=rules))
    for path in files:
        trial.add(path)
    assert len(files) == trial.files
    return list(trial.warnings())


FILES = ("gym/a.wav", "gym/b.wav", "home/c.csv")


def test_rules_that_fit_and_agree_have_no_warning() -> None:
    rules = (Rule(match="gym/", label="x", category="testing"), Rule(match="*.wav", label="x"), Rule(category="infer"))
    assert [] == warnings(*rules, files=FILES)


def test_a_rule_that_fits_no_file_is_said() -> None:
    rules = (Rule(match="gmy/", label="x"), Rule(pattern="^(?P<label>gym)/"))
    assert ["rule 1 fits none of the 3 files that are there"] == warnings(*rules, files=FILES)
    assert [] == warnings(*rules, files=())


def test_two_rules_that_dispute_are_said() -> None:
    rules = (
        Rule(match="gym/", label="x", category="testing"),
        Rule(match="b.wav", label="none", category="training"),
        Rule(match="*.wav", label="infer"),
    )
    assert [
        "rules 1 and 2 say different categories of gym/b.wav: testing and training; the first rule wins",
        "rules 1 and 2 say different labels of gym/b.wav: 'x' and no label; the first rule wins",
        "rules 1 and 3 say different labels of gym/a.wav, and of 1 other file: 'x' and 'a'; the first rule wins",
        "rules 2 and 3 say different labels of gym/b.wav: no label and 'b'; the first rule wins",
    ] == warnings(*rules, files=FILES)


def test_a_file_that_would_wait_is_said() -> None:
    (said,) = warnings(Rule(pattern="^(?P<category>[^/]+)/"), files=FILES)
    assert said.startswith("gym/a.wav would wait: rule 1 finds the category 'gym' in its path, and there are training,")
