"""checks_metrics.py - what the server tells of itself: the table, Prometheus beside it, the alerts and boards that read it."""
import re

from harness import REAL, ROOT, Api, Server, eventually, free_port, http
from remote_write import FLAG
from self_metrics import ALLOCATOR, OTHERWISE, TABLE, told, wanted

CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [RULES]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:1"]}]}]}
scrape_configs:
- job_name: prometheus
  static_configs: [{targets: ["{self}"]}]
- job_name: nobody
  http_sd_configs: [{url: "http://127.0.0.1:1/targets", refresh_interval: 1s}]
- job_name: files
  file_sd_configs: [{files: [nothing.json]}]
"""

# what the boards made for Prometheus ask; each must have an answer
BOARD = """
count by (job, instance, version) (prometheus_build_info)
max by (job, instance) (time() - process_start_time_seconds)
sum by (scrape_job) (rate(prometheus_target_sync_length_seconds_sum[1m])) * 1e3
sum by (job, instance) (prometheus_sd_discovered_targets)
rate(prometheus_target_interval_length_seconds_sum[1m]) / rate(prometheus_target_interval_length_seconds_count[1m]) * 1e3
sum by (job) (rate(prometheus_target_scrapes_exceeded_body_size_limit_total[1m]))
sum by (job) (rate(prometheus_target_scrapes_exceeded_sample_limit_total[1m]))
sum by (job) (rate(prometheus_target_scrapes_sample_duplicate_timestamp_total[1m]))
sum by (job) (rate(prometheus_target_scrapes_sample_out_of_bounds_total[1m]))
sum by (job) (rate(prometheus_target_scrapes_sample_out_of_order_total[1m]))
rate(prometheus_tsdb_head_samples_appended_total[1m]) > 0
prometheus_tsdb_head_series > 0
prometheus_tsdb_head_chunks > 0
rate(prometheus_engine_query_duration_seconds_count{slice="inner_eval"}[1m]) > 0
max by (slice) (prometheus_engine_query_duration_seconds{quantile="0.9"}) * 1e3 >= 0
histogram_quantile(0.9, sum by (le, handler) (rate(prometheus_http_request_duration_seconds_bucket[1m]))) >= 0
sum by (handler, code) (rate(prometheus_http_requests_total[1m])) > 0
histogram_quantile(0.99, sum by (le) (prometheus_tsdb_compaction_duration_seconds_bucket))
rate(prometheus_tsdb_wal_fsync_duration_seconds_sum[1m]) / rate(prometheus_tsdb_wal_fsync_duration_seconds_count[1m])
prometheus_tsdb_head_max_time_seconds - prometheus_tsdb_head_min_time_seconds
rate(process_cpu_seconds_total[1m])
process_open_fds / process_max_fds
max by (rule_group) (prometheus_rule_group_last_duration_seconds) < max by (rule_group) (prometheus_rule_group_interval_seconds)
sum without (rule_group) (rate(prometheus_rule_group_iterations_total[1m])) > 0
"""

NOT_HERE = re.compile(r"prometheus_remote_storage_")


def metrics_of(api):
    return http(api.base + "/metrics")[2].decode()


def compare(got, table):
    for name, (kind, labels) in wanted(table).items():
        assert name in got, f"{name} is missing"
        assert got[name] == (kind, labels), f"{name} is {got[name]}"
    return True


def nothing_else(got):
    known = set(wanted(TABLE)) | set(wanted(ALLOCATOR))
    strange = [name for name in got if name.startswith("go_") or (name.startswith("ferula_") and name not in known)]
    assert not strange, strange
    return True


def as_prometheus(ours, theirs):
    both = {name for name in ours if name in theirs} - OTHERWISE
    # a label whose series are made only when something happens is in one exposition and not yet in the other
    other = {name: (ours[name], theirs[name]) for name in both if ours[name] != theirs[name] and (ours[name][1] and theirs[name][1] or ours[name][0] != theirs[name][0])}
    assert not other, other
    return len(both) > 80


def rules_of(api):
    return [rule for group in api.data("/api/v1/rules")["groups"] for rule in group["rules"]]


def rules_evaluate(api):
    rules = eventually("all rules were evaluated", lambda: [r for r in rules_of(api) if all(x["health"] != "unknown" for x in rules_of(api))])
    bad = [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]
    assert not bad, bad
    return len(rules) > 20


def rules_read_what_is_there(api, names):
    """a misspelt name would never alert: every name in an expression is one that the server tells"""
    for rule in rules_of(api):
        read = set(re.findall(r"\b(?:prometheus|ferula|process)_\w+", rule["query"]))
        missing = [name for name in read if name not in names and not NOT_HERE.match(name)]
        assert read and not missing, (rule["name"], missing)
    return True


def alerts(api):
    return {rule["name"] for rule in rules_of(api) if rule["alerts"]}


def boards_have_answers(api):
    for expression in BOARD.strip().splitlines():
        eventually(expression, lambda expression=expression: api.vector(expression), 20)
    return True


WORK = ("prometheus_tsdb_compactions_total", "prometheus_tsdb_reloads_total", "prometheus_tsdb_head_truncations_total",
        "prometheus_tsdb_checkpoint_creations_total", "prometheus_tsdb_compaction_duration_seconds_count")


def work_is_counted(api):
    """a series of which something is deleted leaves the head for a block, and a snapshot makes that last"""
    def counts():
        lines = dict(line.rsplit(" ", 1) for line in metrics_of(api).splitlines() if not line.startswith("#"))
        return [float(lines[name]) for name in WORK]
    first = api.value('min_over_time(timestamp(up{job="prometheus"})[1m:1s])')
    before = counts()
    status, _, body = http(f"{api.base}/api/v1/admin/tsdb/delete_series?match[]=up&start={first}&end={first}", b"", "POST")
    assert status == 204, body
    after = counts()
    assert all(old < new for old, new in zip(before, after)), dict(zip(WORK, zip(before, after)))
    return True


def run(bench, binary):
    config = CONFIG.replace("RULES", str(ROOT / "configs/rules/self.yml"))
    server = Server(bench, binary, config, "--web.enable-admin-api", FLAG, name="self").wait_ready()
    port = free_port()
    theirs = bench.folder / "theirs.yml"
    theirs.write_text(config.replace("{self}", f"127.0.0.1:{port}"))
    bench.run("prometheus", [REAL / "prometheus", f"--config.file={theirs}", f"--storage.tsdb.path={bench.folder}/theirs",
                             f"--web.listen-address=127.0.0.1:{port}"])
    api, peer = server.api, Api(f"http://127.0.0.1:{port}")
    for one in (api, peer):
        eventually("it has scraped itself, twice", lambda one=one: one.value('prometheus_target_interval_length_seconds_count{interval="1s"}') > 1)
    ours = told(metrics_of(api))
    bench.check("names, types and labels are those of the table", lambda: compare(ours, TABLE))
    if any(name.startswith("ferula_alloc_") for name in ours):  # not in a build with a sanitizer
        bench.check("so are those of the allocator", lambda: compare(ours, ALLOCATOR))
    bench.check("nothing is told that is not in the table, and nothing of Go", lambda: nothing_else(ours))
    bench.check("what Prometheus tells too has its types and labels", lambda: as_prometheus(ours, told(metrics_of(peer))))
    bench.check("the alerts about the server evaluate", lambda: rules_evaluate(api))
    bench.check("and read what is there", lambda: rules_read_what_is_there(api, {re.sub(r"_(sum|count|bucket)$", "", n) for n in ours} | set(ours)))
    bench.check("one that is so is noticed, no other", lambda: eventually("discovery fails", lambda: alerts(api) == {"DiscoveryFails", "NotificationsFailForOne"} or alerts(api) == {"DiscoveryFails"}))
    bench.check("boards made for Prometheus have answers", lambda: boards_have_answers(api))
    bench.check("work that an operator asks for is counted", lambda: work_is_counted(api))
