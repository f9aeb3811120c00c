"""Write the metrics in the form that Prometheus reads.

The values come from the operation `numbers`, once for each scrape. Nothing is registered with the registry that
prometheus_client shares in a process: that one belongs to whoever runs the program.

Source: prometheus/client_python, "Custom Collectors"; prometheus.io, "Exposition formats".
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from eisync.core import metrics
from eisync.core.metrics import LATENCY_BUCKETS_S, METRICS, HistogramValue, MetricKind, MetricValue


def exposition(numbers: Mapping[str, Any], accept: str = "") -> tuple[bytes, str]:
    """Return the metrics and their content type. `numbers` is the answer of the operation; `accept` a header."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(numbers))
    ProcessCollector(registry=registry)  # process_*: memory, processor time, open files
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Collector:
    def __init__(self, numbers: Mapping[str, Any]) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with all its values, in the order of the table. One without values is left out."""
        found: dict[str, list[MetricValue]] = {}
        for one in metrics.values(self._numbers):
            found.setdefault(one.name, []).append(one)
        for metric in METRICS:
            if metric.name in found:
                yield _family(metric, found[metric.name])


def _family(metric: metrics.Metric, found: Iterable[MetricValue]) -> Metric:
    if metric.kind is MetricKind.HISTOGRAM:
        return _histogram(metric, found)
    kind = CounterMetricFamily if metric.kind is MetricKind.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for one in found:
        assert not isinstance(one.value, HistogramValue)
        family.add_metric(one.labels, one.value)
    return family


def _histogram(metric: metrics.Metric, found: Iterable[MetricValue]) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    limits = [*map(str, LATENCY_BUCKETS_S), "+Inf"]
    for one in found:
        assert isinstance(one.value, HistogramValue)
        buckets = list(zip(limits, accumulate(one.value.buckets), strict=True))
        family.add_metric(one.labels, buckets=buckets, sum_value=one.value.sum)
    return family
