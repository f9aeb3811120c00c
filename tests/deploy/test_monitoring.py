"""The alert rules, their tests and the dashboard: they name metrics that exist, and lead to pages that exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from eisync.core.metrics import METRICS, MetricKind

ROOT = Path(__file__).parent.parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "howto" / "runbooks.md"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus has it)"
)

RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "eisync.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
PARTS = ("_bucket", "_sum", "_count")


def names() -> set[str]:
    histograms = {metric.name for metric in METRICS if metric.kind is MetricKind.HISTOGRAM}
    return {metric.name for metric in METRICS} | {f"{name}{part}" for name in histograms for part in PARTS}


def promtool(*arguments: str) -> None:
    done = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_names_metrics_that_exist_and_a_runbook_that_exists(rule: dict[str, Any]) -> None:
    assert set() == set(re.findall(r"\beisync_\w+", rule["expr"])) - names()
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == f"https://github.com/eisync/eisync/blob/main/{RUNBOOKS.relative_to(ROOT)}"
    assert anchor == rule["alert"].lower()
    section = RUNBOOKS.read_text(encoding="utf-8").split(f"\n## {rule['alert']}\n")[1].split("\n## ")[0]
    assert "**Means:**" in section
    assert "**Do:**" in section


def test_each_runbook_is_that_of_an_alert_in_their_order() -> None:
    headings = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [rule["alert"] for rule in RULES] == headings


def test_each_alert_is_tested_as_it_fires_and_as_it_stays_silent() -> None:
    tested: dict[str, list[bool]] = {}
    for test in yaml.safe_load((PROMETHEUS / "alerts_test.yaml").read_text())["tests"]:
        for case in test["alert_rule_test"]:
            tested.setdefault(case["alertname"], []).append(bool(case.get("exp_alerts")))
    assert {rule["alert"]: [True, False] for rule in RULES} == tested


def test_the_dashboard_names_metrics_that_exist_and_leaves_none_out() -> None:
    shown = {name for expression in EXPRESSIONS for name in re.findall(r"\beisync_\w+", expression)}
    assert set() == shown - names()
    histograms = {f"{metric.name}_bucket" for metric in METRICS if metric.kind is MetricKind.HISTOGRAM}
    assert {metric.name for metric in METRICS if metric.kind is not MetricKind.HISTOGRAM} | histograms == shown


@needs_promtool
def test_the_rules_do_what_their_tests_say() -> None:
    promtool("check", "rules", str(PROMETHEUS / "alerts.yaml"))
    promtool("test", "rules", str(PROMETHEUS / "alerts_test.yaml"))


@needs_promtool
def test_prometheus_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel_{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(EXPRESSIONS)
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", str(tmp_path / "rules.yaml"))
