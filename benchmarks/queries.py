"""queries.py - the queries that are measured, over the series of cmd/bench_data.c, and how each is asked for."""
import typing
import urllib.parse


class Query(typing.NamedTuple):
    name: str
    form: str           # INSTANT, RANGE ...
    expression: str     # or the selector, or the label
    mixed: bool = True  # is it one of those asked for on several connections?


INSTANT, RANGE, FINE, SERIES, LABELS, VALUES = "instant", "range, 60 s", "range, 15 s", "series", "labels", "values"
STEPS = {RANGE: 60, FINE: 15}  # seconds

X = "node_seconds_8_total"  # a metric like any other
USAGE, BUCKETS = "container_usage_0_total", "rpc_duration_seconds_80_bucket"
ONE_HOST = '{__name__=~"node_.+", instance="host-1:9100"}'
HALF_STORE = '{__name__=~"container_.+|rpc_.+_bucket"}'  # 56 % of the series; the others would collide without their names
BY_HOST = f"sum by (instance) (rate({USAGE}[5m]))"
JOIN = f"{X} * on (instance) group_left (namespace) group by (instance, namespace) (container_working_bytes_13)"

QUERIES = [
    Query("a metric", INSTANT, X),
    Query("node metrics of one host", INSTANT, ONE_HOST),
    Query("a metric, regex on a label", INSTANT, USAGE + '{container=~"app-[1-3]"}'),
    Query("count by name, whole store", INSTANT, 'count by (__name__) ({job="load"})', False),
    Query("sum by host, whole store", INSTANT, 'sum by (instance) ({job="load"})', False),
    Query("sum by (rate)", INSTANT, BY_HOST),
    Query("sum by (rate), half the store", INSTANT, f"sum by (instance) (rate({HALF_STORE}[5m]))", False),
    Query("histogram_quantile, sum by (le)", INSTANT, f"histogram_quantile(0.99, sum by (le) (rate({BUCKETS}[5m])))"),
    Query("topk", INSTANT, 'topk(10, {__name__=~"container_working_bytes_.+"})'),
    Query("avg_over_time 1h", INSTANT, "avg_over_time(node_current_value_5[1h])"),
    Query("max_over_time 3h", INSTANT, "max_over_time(node_current_value_5[3h])"),
    Query("join, group_left", INSTANT, JOIN),
    Query("max of sum by (rate), subquery", INSTANT, f"max_over_time({BY_HOST}[1h:1m])"),
    Query("a metric", RANGE, X),
    Query("node metrics of one host", RANGE, ONE_HOST),
    Query("count by host, whole store", RANGE, 'count by (instance) ({job="load"})', False),
    Query("sum by (rate)", RANGE, BY_HOST),
    Query("sum by (rate), half the store", RANGE, f"sum by (instance) (rate({HALF_STORE}[5m]))", False),
    Query("ratio of sums by (rate)", RANGE, f"{BY_HOST} / sum by (instance) (rate({X}[5m]))"),
    Query("histogram_quantile, sum by (le)", RANGE, f"histogram_quantile(0.99, sum by (le) (rate({BUCKETS}[5m])))"),
    Query("histogram_quantile by host, all buckets", RANGE,
          'histogram_quantile(0.9, sum by (le, instance) (rate({__name__=~"rpc_.+_bucket"}[5m])))', False),
    Query("topk of rate", RANGE, f"topk(5, rate({USAGE}[5m]))"),
    Query("avg_over_time 30m", RANGE, "avg_over_time(node_current_value_5[30m])"),
    Query("max_over_time 30m", RANGE, "max_over_time(node_current_value_5[30m])"),
    Query("join, group_left", RANGE, JOIN),
    Query("average of rate, subquery", RANGE, f"avg_over_time(rate({USAGE}[5m])[30m:1m])", False),
    Query("a metric", FINE, X),
    Query("rate over 1h", FINE, f"rate({X}[1h])", False),
    Query("sum by (rate 1m)", FINE, f"sum by (instance) (rate({USAGE}[1m]))"),
    Query("series of one host", SERIES, '{instance="host-1:9100"}'),
    Query("label names", LABELS, ""),
    Query("metric names", VALUES, "__name__"),
    Query("values of a label", VALUES, "pod"),
]

# windows of an hour cost what reading does: both over the same range at 15 s
WINDOWS = [next(q for q in QUERIES if (q.name, q.form) == (name, FINE)) for name in ("rate over 1h", "a metric")]


def target(query, end, seconds):
    """what follows the address; the range is the last `seconds` until end. nocache: VictoriaMetrics keeps answers else"""
    whole = {"start": end - seconds, "end": end, "nocache": 1}
    if query.form == INSTANT:
        path, parameters = "query", {"query": query.expression, "time": end, "nocache": 1}
    elif query.form in STEPS:
        path, parameters = "query_range", {"query": query.expression, "step": STEPS[query.form], **whole}
    elif query.form == SERIES:
        path, parameters = "series", {"match[]": query.expression, **whole}
    else:
        path, parameters = "labels" if query.form == LABELS else f"label/{query.expression}/values", whole
    return f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
