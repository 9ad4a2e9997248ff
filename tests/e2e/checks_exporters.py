"""checks_exporters.py - Debian's exporters beside what they look at, and client libraries in C++ and for Node."""
import json
import urllib.parse

import programs
from fake_target import FakeTarget
from harness import Server, eventually, http

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: blackbox
  scrape_interval: 2s  # of the timeout the exporter keeps half a second to itself
  metrics_path: /probe
  params: {{module: [http_2xx]}}
  static_configs: [{{targets: ["http://{living}/metrics", "http://127.0.0.1:1/"]}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{source_labels: [__param_target], target_label: instance}}
  - {{target_label: __address__, replacement: "{blackbox}"}}
"""

JOB = """- job_name: {name}
  static_configs: [{{targets: ["{address}"]}}]
"""


def check_probes(bench, api, living):
    bench.check("a probe finds what lives", lambda: eventually("probed", lambda: api.value(
        f'probe_success{{instance="http://{living}/metrics"}}') == 1))
    bench.check("and what does not", lambda: eventually("probed", lambda: api.value(
        'probe_success{instance="http://127.0.0.1:1/"}') == 0))
    bench.check("both probes are up, under their own names", lambda: {m["instance"] for m, v in api.vector(
        'up{job="blackbox"}') if v == 1} == {f"http://{living}/metrics", "http://127.0.0.1:1/"})


def check_values(bench, api, redis):
    bench.check("process: this test is one", lambda: eventually("seen", lambda: api.value(
        'sum(namedprocess_namegroup_num_procs{groupname=~".*python.*"})') >= 1))
    bench.check("redis", lambda: api.value("redis_up") == 1 and eventually("two keys", lambda: api.value(
        'redis_db_keys{db="db0"}') == 2))
    bench.check("mysql", lambda: eventually("up", lambda: api.value("mysql_up") == 1) and api.value("mysql_global_status_uptime") > 0)
    bench.check("nginx", lambda: api.value("nginx_up") == 1 and eventually("counts", lambda: api.value(
        "nginx_connections_accepted") >= 1))


def check_library(bench, api, job):
    bench.check(f"{job}: a counter grows, by its label", lambda: eventually("rate", lambda: 10 < api.value(
        f'rate(turns_total{{job="{job}",kind="a\\"b"}}[10s])') < 60))
    bench.check(f"{job}: a gauge", lambda: api.value(f'level_meters{{job="{job}"}}') == 4.25)
    bench.check(f"{job}: a histogram has its buckets", lambda: [m["le"] for m, _ in sorted(api.vector(
        f'work_seconds_bucket{{job="{job}"}}'), key=lambda row: float(row[0]["le"].replace("+Inf", "inf")))] == ["0.1", "1.0", "10.0", "+Inf"])
    bench.check(f"{job}: quantiles of it", lambda: 0 < api.value(
        f'histogram_quantile(0.9, rate(work_seconds_bucket{{job="{job}"}}[10s]))') <= 10)
    bench.check(f"{job}: a summary", lambda: api.value(f'size_bytes{{job="{job}",quantile="0.5"}}') == 100)


def metadata(server, metric, job):
    query = urllib.parse.urlencode({"metric": metric, "match_target": f'{{job="{job}"}}'})
    return json.loads(http(f"{server.api.base}/api/v1/targets/metadata?{query}")[2])["data"][0]


def check_features(bench, binary):
    """what the Python client says of its counters in OpenMetrics: their type, and when they began"""
    address, _ = programs.python_demo(bench)
    config = "global: {scrape_interval: 500ms}\nscrape_configs:\n" + JOB.format(name="demo", address=address)
    api = Server(bench, binary, config, "--enable-feature=created-timestamp-zero-ingestion,type-and-unit-labels",
                 name="features").wait_ready().api
    counter = 'http_requests_total{job="demo",__type__="counter"}'
    bench.check("the type is a label", lambda: eventually("scraped", lambda: api.vector(counter)))
    bench.check("which functions drop with the name", lambda: eventually("rate", lambda: api.vector(f"rate({counter}[10s])")) and not any(
        "__type__" in m for m, _ in api.vector(f"rate({counter}[10s])")))
    bench.check("a counter begins at zero", lambda: {v for _, v in api.vector(f"first_over_time({counter}[5m])")} == {0.0})
    bench.check("so does a histogram", lambda: {v for _, v in api.vector(
        'first_over_time(http_request_duration_seconds_bucket{job="demo"}[5m])')} == {0.0})
    bench.check("no series says when", lambda: not api.vector('{__name__=~".*_created"}'))


def run(bench, binary):
    check_features(bench, binary)
    living = FakeTarget("a 1\n")
    bench.cleanups.append(living.close)
    redis = programs.redis(bench)
    addresses = {"process": programs.process_exporter(bench), "redis": programs.redis_exporter(bench, redis),
                 "mysql": programs.mysqld_exporter(bench), "nginx": programs.nginx_exporter(bench),
                 "cpp": programs.cpp_app(bench), "node_js": programs.node_app(bench)}
    config = CONFIG.format(living=living.address, blackbox=programs.blackbox_exporter(bench))
    server = Server(bench, binary, config + "".join(JOB.format(name=name, address=address)
                                                    for name, address in addresses.items())).wait_ready()
    api = server.api
    for job in addresses:
        bench.check(f"{job} is up", lambda job=job: eventually("up", lambda: api.value(f'up{{job="{job}"}}') == 1))
    check_probes(bench, api, living.address)
    check_values(bench, api, redis)
    for job in "cpp", "node_js":
        check_library(bench, api, job)
        bench.check(f"{job}: type and help", lambda job=job: (lambda m: (m["type"], m["help"]) == ("summary", "Sizes."))(
            metadata(server, "size_bytes", job)))
    bench.check("node tells of its process", lambda: api.value('process_resident_memory_bytes{job="node_js"}') > 1e6)
