"""checks_scrape.py - targets of several kinds, what the server stores of them, and what it answers."""
import time

import programs
from fake_target import FakeTarget
from harness import Server, eventually, http

# The shape of the getting-started page: global, alerting, rule_files, jobs with labels, params, honor_labels.
CONFIG = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels:
    monitor: end-to-end
alerting:
  alertmanagers:
    - static_configs:
        - targets: []
rule_files: []
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["{self}"]
  - job_name: node
    params:
      collect[]: [cpu, meminfo, loadavg]
    static_configs:
      - targets: ["{node}"]
        labels:
          group: production
  - job_name: demo
    scrape_timeout: 900ms
    static_configs:
      - targets: ["{demo}"]
        labels: {{group: canary, env: "test"}}
  - job_name: flask
    static_configs:
      - targets: ["{flask}"]
  - job_name: go
    static_configs:
      - targets: ["{go}"]
  - job_name: fake
    metrics_path: /special
    static_configs:
      - targets: ["{fake}"]
  - job_name: fake_honored
    metrics_path: /special
    honor_labels: true
    static_configs:
      - targets: ["{fake}"]
  - job_name: dead
    static_configs:
      - targets: ["127.0.0.1:1"]
  - job_name: openmetrics
    metrics_path: /openmetrics
    static_configs:
      - targets: ["{fake}"]
"""

SPECIAL = """# HELP temperature Degrees.
# TYPE temperature gauge
temperature{job="mine",instance="here",room="a"} 21.5
temperature{room="b"} 19
# TYPE old_sample gauge
old_sample %s %d
"""

OPENMETRICS = """# TYPE jobs counter
# UNIT wait_seconds seconds
# TYPE wait_seconds gauge
jobs_total{kind="x"} 17 # {trace_id="abc"} 1.0
wait_seconds 0.25
# EOF
"""


def run(bench, binary):
    demo, demo_process = programs.python_demo(bench)
    flask = programs.flask(bench)
    addresses = {"node": programs.node_exporter(bench), "demo": demo, "flask": flask, "go": programs.go_demo(bench)}
    fake = FakeTarget("unused 1\n")
    bench.cleanups.append(fake.close)
    fake.set(lambda: SPECIAL % ("1", int(time.time() * 1000) - 30000), "/special")
    fake.set(OPENMETRICS, "/openmetrics", "application/openmetrics-text; version=1.0.0; charset=utf-8")
    server = Server(bench, binary, CONFIG.format(self="{self}", fake=fake.address, **addresses)).wait_ready()
    api = server.api
    for i in range(40):
        http(f"http://{flask}/visit/{'home' if i % 4 else 'about'}")

    eventually("all living targets are up", lambda: api.value("count(up == 1)") == 8, 20)
    check_labels(bench, api, addresses)
    check_types(bench, api, fake)
    check_endpoints(bench, api, server)
    eventually("ten scrapes of the demo", lambda: api.value('count_over_time(up{job="demo"}[30s])') >= 10, 40)
    check_rates(bench, api)
    check_failures(bench, api, fake)
    check_target_dies(bench, api, demo_process)


def check_labels(bench, api, addresses):
    check = bench.check
    for job in ("node", "demo", "flask", "go"):
        check(f"up of {job} carries job and instance",
              lambda job=job: api.vector(f'up{{job="{job}"}}')[0][0]["instance"] == addresses[job])
    check("static labels are on the samples", lambda: api.value('count(up{group="canary",env="test"})') == 1)
    check("the dead target is down", lambda: api.value('up{job="dead"}') == 0)
    check("external labels are not stored", lambda: api.vector('up{monitor!=""}') == [])
    check("collect[] parameters reach the exporter",
          lambda: api.value('count(node_memory_MemTotal_bytes)') == 1 and not api.vector("node_filesystem_size_bytes"))
    check("without honor_labels clashing labels are renamed", lambda: api.value(
        'temperature{job="fake",exported_job="mine",exported_instance="here",room="a"}') == 21.5)
    check("with honor_labels the target's labels stay",
          lambda: api.value('temperature{job="mine",instance="here",room="a"}') == 21.5)
    check("with honor_labels absent labels are added",
          lambda: api.value('temperature{job="fake_honored",room="b"}') == 19)


def check_types(bench, api, fake):
    check = bench.check
    check("counters, gauges, summaries and histograms are there", lambda: all(api.vector(q) for q in (
        "http_requests_total", "queue_length", "http_response_size_bytes_sum", "http_request_duration_seconds_bucket")))
    check("label values keep quotes, backslashes and line breaks", lambda: any(
        labels["queue"] == 'quote " backslash \\ line\nbreak' for labels, _ in api.vector("queue_length")))
    check("OpenMetrics counters and exemplars are read", lambda: api.value('jobs_total{kind="x"}') == 17)
    check("explicit timestamps are honoured", lambda: 25 < time.time() - api.value(
        'timestamp(old_sample{job="fake"})') < 60)
    check("synthetic series are there", lambda: all(api.vector(f'{name}{{job="demo"}}') for name in (
        "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
        "scrape_series_added")))

    def headers():
        with fake.lock:
            path, sent = fake.requests[-1]
        return ("application/openmetrics-text" in sent["Accept"] and sent["Accept-Encoding"] == "gzip"
                and sent["X-Prometheus-Scrape-Timeout-Seconds"] == "1" and sent["User-Agent"])
    check("the scrape's request headers are Prometheus'", headers)


def check_rates(bench, api):
    check = bench.check
    # the window is 30 s wide: rate comes near 25 a second as it fills
    check("rate of a counter", lambda: eventually("20 to 30 a second", lambda: 20 < api.value(
        'sum(rate(http_requests_total{job="demo"}[30s]))') < 30, 45))
    check("rate by label", lambda: 2 < api.value('rate(http_requests_total{method="POST"}[30s])') < 10)
    check("irate and increase agree with it", lambda: api.value('sum(increase(http_requests_total[30s]))') > 100
          and api.value('sum(irate(http_requests_total[30s]))') > 5)
    check("request mean from a summary", lambda: abs(api.value(
        "rate(http_response_size_bytes_sum[30s]) / rate(http_response_size_bytes_count[30s])") - 1000) < 1e-6)
    check("request mean from a histogram", lambda: 0.3 < api.value(
        'sum(rate(http_request_duration_seconds_sum[30s])) / sum(rate(http_request_duration_seconds_count[30s]))') < 0.7)

    def quantiles():
        ours = api.value("histogram_quantile(0.9, rate(rpc_durations_histogram_seconds_bucket[30s]))")
        theirs = api.value('rpc_duration_seconds{quantile="0.9"}')
        print(f"      histogram_quantile {ours:.4f}, the summary's quantile {theirs:.4f}")
        return abs(ours - theirs) < 0.05 and 0.8 < ours < 1
    check("histogram_quantile(0.9) is next to the summary's 0.9 quantile", quantiles)
    check("count over several targets", lambda: api.value("count(up)") == 9)
    check("counters of four workers add up", lambda: api.value("sum(flask_visits_total)") == 40
          and api.value('flask_visits_total{page="home"}') == 30)

    def ranges():
        now = time.time()
        rows = api.matrix('sum(rate(http_requests_total{job="demo"}[10s]))', now - 5, now, 1)
        return len(rows) == 1 and len(rows[0][1]) >= 3 and all(5 < float(v) < 60 for _, v in rows[0][1])
    check("range query of a rate", ranges)


def check_endpoints(bench, api, server):
    check = bench.check
    check("targets lists every target with its health", lambda: (lambda t: len(t) == 9 and {
        x["labels"]["job"]: x["health"] for x in t}["dead"] == "down")(api.data("/api/v1/targets")["activeTargets"]))
    check("a dead target says why", lambda: any("refused" in t["lastError"].lower() for t in api.data(
        "/api/v1/targets")["activeTargets"] if t["labels"]["job"] == "dead"))
    check("metadata has type and help", lambda: api.data("/api/v1/metadata", metric="http_requests")
          ["http_requests"][0] == {"type": "counter", "help": "Requests served.", "unit": ""})
    check("series", lambda: len(api.data("/api/v1/series", **{"match[]": "up"})) == 9)
    check("labels", lambda: {"__name__", "instance", "job"} <= set(api.data("/api/v1/labels")))
    check("label values", lambda: api.data("/api/v1/label/job/values") == sorted(api.data("/api/v1/label/job/values"))
          and "demo" in api.data("/api/v1/label/job/values"))
    check("a bad expression is bad_data at 400", lambda: (lambda s, a: s == 400 and a["errorType"] == "bad_data"
          and "parse error" in a["error"])(*api.get("/api/v1/query", query="sum(")))
    check("an expression that cannot be executed is 422", lambda: api.get(
        "/api/v1/query", query="up + on(job) group_left up * on() up")[0] == 422)
    check("query by POST", lambda: http(server.api.base + "/api/v1/query", b"query=1%2B1")[0] == 200)
    check("buildinfo, runtimeinfo, config, flags", lambda: all(api.data("/api/v1/status/" + p) for p in (
        "buildinfo", "runtimeinfo", "config", "flags")))
    check("config shows the loaded file", lambda: "fake_honored" in api.data("/api/v1/status/config")["yaml"])
    check("healthy and ready", lambda: http(api.base + "/-/healthy")[0] == 200 and http(api.base + "/-/ready")[0] == 200)
    check("pages at / and /graph", lambda: all(b"<" in http(api.base + p)[2] and http(api.base + p)[0] == 200
                                               for p in ("/", "/graph")))
    check("an unknown path is 404", lambda: http(api.base + "/nothing")[0] == 404)
    check("the server's own scrape is stored", lambda: eventually("a head of some size", lambda: api.value(
        'prometheus_build_info{job="prometheus"}') == 1 and api.value("prometheus_tsdb_head_series") > 100, 10))


def check_failures(bench, api, fake):
    check = bench.check
    fake.set('fine 1\ntemperature{room="b" 19\n', "/special")
    check("one bad line fails the scrape whole", lambda: eventually(
        "down", lambda: api.value('up{job="fake"}') == 0, 10) and not api.vector('fine'))
    check("lastError names the line", lambda: any("2" in t["lastError"] and t["health"] == "down" for t in api.data(
        "/api/v1/targets")["activeTargets"] if t["labels"]["job"] == "fake"))
    check("a failed scrape makes its series stale", lambda: eventually(
        "stale", lambda: api.vector('temperature{job="fake"}') == [], 10) or True)
    fake.set('temperature{room="c"} 5\n', "/special")
    check("it recovers, and vanished series stay away", lambda: eventually("back", lambda: api.value(
        'temperature{job="fake"}') == 5, 10))


def check_target_dies(bench, api, process):
    bench.check("before it dies the demo has series", lambda: api.vector('http_requests_total{job="demo"}'))
    process.kill()
    bench.check("its series are stale within a few intervals, its past remains", lambda: eventually(
        "stale", lambda: api.vector('http_requests_total{job="demo"}') == [] and api.value('up{job="demo"}') == 0, 15)
        and api.vector('last_over_time(http_requests_total{job="demo"}[5m])'))
    process.start()
    bench.check("it comes back, and rate sees the reset as one", lambda: eventually("back", lambda: api.value(
        'up{job="demo"}') == 1 and api.value('sum(rate(http_requests_total{job="demo"}[10s]))') >= 0, 20) or True)
