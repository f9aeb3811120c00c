import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from eisync.core.metrics import LATENCY_BUCKETS_S, METRICS
from eisync.web.metrics import exposition
from tests.core.test_metrics import NUMBERS

PROMTOOL = shutil.which("promtool")


def test_prometheus_reads_every_metric_with_its_labels() -> None:
    text, content_type = exposition(NUMBERS)
    assert content_type.startswith("text/plain")
    read = {family.name: family for family in parse(text.decode())}
    for metric in METRICS:
        family = read[metric.name.removesuffix("_total")]
        assert (metric.kind.value, metric.help) == (family.type, family.documentation)
        assert all(set(metric.labels) == set(sample.labels) - {"le"} for sample in family.samples)
        assert family.samples


def test_the_buckets_of_the_latency_add_up() -> None:
    text, _ = exposition(NUMBERS)
    (family,) = (one for one in parse(text.decode()) if one.name == "eisync_upload_latency_seconds")
    buckets = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert [*map(float, range(1, len(LATENCY_BUCKETS_S) + 2))] == list(buckets.values())
    assert "+Inf" == list(buckets)[-1]
    counts = [sample.value for sample in family.samples if sample.name.endswith("_count")]
    assert [len(LATENCY_BUCKETS_S) + 1] == counts


def test_openmetrics_is_answered_when_it_is_asked_for() -> None:
    text, content_type = exposition(NUMBERS, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    families = parse_openmetrics(text.decode())  # type: ignore[no-untyped-call]  # it has no types
    assert "eisync_uploads" in {family.name for family in families}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus has it)")
def test_promtool_has_no_complaint() -> None:
    text, _ = exposition(NUMBERS)
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, timeout=30, check=False)
    assert (0, b"") == (done.returncode, done.stderr + done.stdout)
