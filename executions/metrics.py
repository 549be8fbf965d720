"""Metrics in Prometheus' text format: what stands in the tables, what all processes counted, and how the parts are.

Each label has a short, fixed list of values; no metric names a workspace, an agent or an address.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import redis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from config.lib import counters, measures
from config.lib.counters import BUCKETS, Histogram
from executions import canary, health, statements
from executions.models import TERMINAL, Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRESH_SECONDS = 5.0  # the tables are asked at most so often by each process
MOST = 100_000  # rows of a status and workspace are counted no further
_KEPT = 100  # workspaces whose figures are kept
_OPEN = [str(status) for status in Status if status not in TERMINAL]
_GAUGES = {
    "triggers": ("Triggers by type and status.", ("type", "status")),
    "agents": ("Agents by status.", ("status",)),
    "executions_open": ("Executions that have not ended, at most 100,000 each.", ("status",)),
    "executions_undecided": (
        "Executions whose conditions a model has still to judge, at most 100,000.",
        (),
    ),
    "events_waiting": ("Events that no dispatcher has taken.", ()),
    "alerts_open": ("Alerts that nobody has resolved.", ("kind",)),
    "hosts_away": ("Hosts outside that are not called now.", ()),
}
_read: dict[uuid.UUID | None, tuple[float, list[Any]]] = {}

assert measures.EVENTS in counters.metrics  # they declare themselves


def of_installation() -> bytes:
    """Also while database or Redis are away: then what they would have said is missing, and the parts say so."""
    parts = health.look()
    families = [*_of_parts(parts), *_of_counters()]
    if parts["database"].works:
        families += [*_of_tables(None), *_of_canaries()]
    return _text(families)


def of_workspace(workspace_id: uuid.UUID) -> bytes:
    return _text(_of_tables(workspace_id))


class _Once(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _text(families: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(families))
    return generate_latest(registry)


def _of_tables(workspace_id: uuid.UUID | None) -> Iterator[Metric]:
    found: dict[str, list[tuple[list[str], float]]] = defaultdict(list)
    for name, *labels, number in _figures(workspace_id):
        found[name].append((labels, float(number)))
    for name, (said, labels) in _GAUGES.items():
        family = GaugeMetricFamily(f"triggerfish_{name}", said, labels=labels)
        for values, number in found[name]:
            family.add_metric(values[: len(labels)], number)
        yield family


def _figures(workspace_id: uuid.UUID | None) -> list[Any]:
    at, rows = _read.get(workspace_id, (0.0, []))
    now = time.monotonic()
    if not rows or now - at >= FRESH_SECONDS:
        asked = {"workspace": workspace_id, "statuses": _OPEN, "most": MOST}
        rows = statements.run("select_figures", asked)
        if len(_read) >= _KEPT:
            _read.clear()
        _read[workspace_id] = (now, rows)
    return rows


def forget() -> None:
    """The next one asks the tables anew."""
    _read.clear()


def _of_parts(parts: dict[str, health.Part]) -> Iterator[Metric]:
    up = GaugeMetricFamily("triggerfish_part_up", "1 where the part works.", labels=["part"])
    age = GaugeMetricFamily(
        "triggerfish_part_age_seconds", "Since its last sign of life.", labels=["part"]
    )
    lag = GaugeMetricFamily(
        "triggerfish_part_lag_seconds",
        "How late its work is; of servers, how long they took to answer.",
        labels=["part"],
    )
    for name, part in parts.items():
        if part.status == "unused":
            continue
        up.add_metric([name], float(part.works))
        if part.age_seconds is not None:
            age.add_metric([name], part.age_seconds)
        if part.works:
            lag.add_metric([name], part.lag_seconds or 0.0)
    yield from (up, age, lag)


def _of_canaries() -> Iterator[Metric]:
    """None where no synthetic events are sent."""
    families: list[tuple[type[GaugeMetricFamily | CounterMetricFamily], str, str, str]] = [
        (GaugeMetricFamily, "age_seconds", "Since a synthetic event was answered.", "age"),
        (GaugeMetricFamily, "latency_seconds", "How long the last one took.", "latency"),
        (GaugeMetricFamily, "waiting_seconds", "How long the next one is due or open.", "waiting"),
        (CounterMetricFamily, "late_total", "Alerts that they were answered late.", "late"),
    ]
    states = canary.states() if canary.is_on() else []
    for kind, name, said, field in families if states else []:
        family = kind(f"triggerfish_canary_{name}", said, labels=["workspace_class"])
        for state in states:
            if (number := getattr(state, field)) is not None:
                family.add_metric([state.name], number)
        yield family


def _of_counters() -> Iterator[Metric]:
    """Where Redis is away there are none: a gap, which is not mistaken for a fall to zero."""
    counters.flush()
    try:
        amounts = counters.read()
    except redis.RedisError:
        return
    by_metric: dict[str, dict[tuple[str, ...], dict[str, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for (name, labels, part), amount in amounts.items():
        by_metric[name][labels][part] = amount
    for metric in counters.metrics:
        series = by_metric[metric.name]
        if isinstance(metric, Histogram):
            yield _histogram(metric, series)
        else:
            family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, parts in series.items():
                family.add_metric(labels, parts.get("", 0.0))
            yield family


def _histogram(
    metric: Histogram, series: dict[tuple[str, ...], dict[str, float]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, parts in (series or {(): {}}).items() if not metric.labels else series.items():
        total, buckets = 0.0, []
        for bound in (*map(str, BUCKETS), "+Inf"):
            total += parts.get(bound, 0.0)
            buckets.append((bound, total))
        family.add_metric(labels, buckets, sum_value=parts.get("sum", 0.0))
    return family
