"""checks_relabel.py - one configuration that uses every action, in our server and in Debian's Prometheus: the same targets, labels and series."""
import json

import programs
from fake_target import FakeTarget
from harness import SIGHUP, Api, Server, eventually, http, run_once

# {a} and {b} are the same target under two addresses.
CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: targets
    params: {{module: [first, second]}}
    static_configs:
      - targets: ["{a}", "{b}"]
        labels: {{__meta_zone: Zone-1, __meta_rack: r7, env: prod}}
      - targets: ["{a}"]
        labels: {{__meta_zone: Zone-2, env: test, off: "yes"}}
      - targets: ["{b}"]
        labels: {{env: same, twin: other}}
      - targets: ["{a}"]
        labels: {{env: gone, twin: gone}}
      - targets: ["{a}"]
        labels: {{env: prod, not_kept: "1"}}
    relabel_configs:
      - {{action: drop, source_labels: [off], regex: "yes"}}
      - {{action: keep, source_labels: [env, not_kept], regex: "[a-z]+;"}}
      - {{action: dropequal, source_labels: [twin], target_label: env}}
      - {{action: replace, source_labels: [__address__, env], regex: "(.+):(?P<port>.+);(.*)", target_label: "port_$3",
          replacement: "${{port}}/$1"}}
      - {{action: labelmap, regex: "__meta_(.+)"}}
      - {{action: lowercase, source_labels: [zone], target_label: zone_small}}
      - {{action: uppercase, source_labels: [env, rack], separator: "_", target_label: place}}
      - {{action: hashmod, source_labels: [__address__], modulus: 1000, target_label: shard}}
      - {{action: labeldrop, regex: "twin|not_.*"}}
      - {{source_labels: [__param_module], target_label: __param_module, replacement: "$1-relabelled"}}
      - {{target_label: __param_extra, replacement: "a b&c"}}
      - {{source_labels: [env], regex: same, target_label: instance, replacement: renamed}}
      - {{source_labels: [env], regex: same, target_label: __scrape_interval__, replacement: 500ms}}
      - {{source_labels: [env], regex: same, target_label: __scrape_timeout__, replacement: 400ms}}
  - job_name: twins
    static_configs:
      - targets: ["{a}"]
        labels: {{left: x, right: x}}
      - targets: ["{a}"]
        labels: {{left: x, right: y}}
    relabel_configs:
      - {{action: keepequal, source_labels: [left], target_label: right}}
      - {{action: labelkeep, regex: "__.*|job|left"}}
  - job_name: metrics
    static_configs:
      - targets: ["{a}"]
        labels: {{zone: z}}
    metric_relabel_configs:
      - {{action: drop, source_labels: [__name__], regex: "go_.*"}}
      - {{action: keep, source_labels: [__name__, path], regex: "[a-z_]+;(/[0-9]*)?"}}
      - {{action: replace, source_labels: [__name__], regex: "old_(.*)", target_label: __name__, replacement: "new_$1"}}
      - {{action: labelmap, regex: "k8s_(.*)", replacement: "kube_$1"}}
      - {{action: labeldrop, regex: "k8s_.*|zone"}}
      - {{action: hashmod, source_labels: [path], modulus: 16, target_label: bucket}}
      - {{action: uppercase, source_labels: [method], target_label: method}}
      - {{action: lowercase, source_labels: [Level], target_label: level}}
      - {{action: dropequal, source_labels: [skip], target_label: path}}
      - {{action: labelkeep, regex: "__name__|job|instance|path|method|bucket|kube_.*|level"}}
  - job_name: crowd
    target_limit: 1
    static_configs: [{{targets: ["{a}", "{b}"]}}]
  - job_name: limited
    sample_limit: 3
    static_configs: [{{targets: ["{a}"]}}]
    metric_relabel_configs: [{{action: drop, source_labels: [__name__], regex: "go_.*"}}]
  - job_name: long
    label_value_length_limit: 10
    static_configs: [{{targets: ["{a}"]}}]
"""

# What only ours knows, added by a reload.
BOUNDED = """
  - job_name: bounded
    series_limit: 10
    static_configs: [{{targets: ["{a}"]}}]
  - job_name: bounded_softly
    series_limit: 10
    series_limit_policy: drop
    static_configs: [{{targets: ["{a}"]}}]
"""

TEXT = "".join(f'old_requests_total{{path="/{i}",method="get",k8s_pod="p{i}"}} {i}\n' for i in range(40)) + """
requests{path="/other",method="put"} 7
go_threads 5
go_goroutines 6
odd_level{Level="WARN",skip="no"} 1
plain 1
twin{path="/1",skip="/1"} 1
"""

SYNTHETIC = ("up", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling")


def active(api):
    """what a target is, without what differs from run to run; which label is too long version 3 says in other words"""
    return sorted((t["scrapePool"], sorted(t["labels"].items()), t["scrapeUrl"], t["scrapeInterval"],
                   t["scrapeTimeout"], t["health"], t["lastError"].split(" (metric")[0]) for t in api.data("/api/v1/targets")["activeTargets"])


def dropped(api):
    """version 3 adds the switches of histograms"""
    rows = api.data("/api/v1/targets", state="dropped")["droppedTargets"]
    return sorted(sorted((k, v) for k, v in t["discoveredLabels"].items() if "histograms" not in k) for t in rows)


def settled(api):
    """every target has been scraped, and the one that was over its limit in the first scrape again"""
    return all(t["health"] != "unknown" for t in api.data("/api/v1/targets")["activeTargets"]) and api.value(
        'min(count_over_time(up[1m]))') >= 2


def run(bench, binary):
    target = FakeTarget(TEXT)
    bench.cleanups.append(target.close)
    port = target.address.rsplit(":", 1)[1]
    config = CONFIG.format(a=target.address, b=f"localhost:{port}")
    server = Server(bench, binary, config).wait_ready()
    ours, peer = server.api, Api(f"http://{programs.prometheus(bench, config)}")
    for name, api in (("ours", ours), ("the peer", peer)):
        eventually(f"{name} has scraped everything twice", lambda api=api: settled(api), 30)
    compare(bench, ours, peer)
    check_ours(bench, ours)
    check_command(bench, binary, server, target.address)
    check_limits(bench, server, config + BOUNDED.format(a=target.address))


def compare(bench, ours, peer):
    def same(read):
        got, wanted = read(ours), read(peer)
        assert wanted, "the peer has none"
        assert got == wanted, "\n".join(
            [f"ours only: {x}" for x in got if x not in wanted] + [f"peer only: {x}" for x in wanted if x not in got])
        return True
    bench.check("same active targets: labels, URL, interval, health, error", lambda: same(active))
    bench.check("same dropped targets", lambda: same(dropped))
    for job in ("targets", "twins", "metrics", "limited", "long", "crowd"):  # of the last three: up and the like
        bench.check(f"same series of job {job}", lambda job=job: same(lambda api: sorted(
            sorted(r.items()) for r in api.data("/api/v1/series", **{"match[]": f'{{job="{job}"}}'}))))
    for name in SYNTHETIC:
        bench.check(f"same {name}", lambda name=name: same(
            lambda api: sorted((sorted(labels.items()), value) for labels, value in api.vector(name))))


def check_ours(bench, api):
    check = bench.check
    check("dropped targets are counted by job", lambda: api.data("/api/v1/targets")["droppedTargetCounts"] == {
        "targets": 3, "twins": 1, "metrics": 0, "crowd": 0, "limited": 0, "long": 0})
    check("targets may be asked for by job and state", lambda: (lambda d: [t["scrapePool"] for t in d[
        "droppedTargets"]] == ["twins"] and not d["activeTargets"])(api.data(
            "/api/v1/targets", scrapePool="twins", state="dropped")))

    def steps():
        got = api.data("/api/v1/targets/relabel_steps", scrapePool="twins",
                       labels=json.dumps({"left": "x", "right": "x", "job": "a \"b\""}))["steps"]
        return ([s["keep"] for s in got] == [True, True] and got[1]["output"] == {"left": "x", "job": "a \"b\""}
                and got[0]["rule"]["action"] == "keepequal" and got[0]["rule"]["source_labels"] == ["left"])
    check("the API shows the steps of relabelling", steps)
    check("... and where a target is dropped", lambda: [s["keep"] for s in api.data(
        "/api/v1/targets/relabel_steps", scrapePool="twins", labels='{"left":"x"}')["steps"]] == [False, False])
    check("... and says what is missing", lambda: api.get("/api/v1/targets/relabel_steps", scrapePool="no", labels="{}")[0]
          == 400 and api.get("/api/v1/targets/relabel_steps", labels="{}")[0] == 400)


def check_limits(bench, server, config):
    api, check = server.api, bench.check

    def own(name, job=None):
        wanted = f'{name}{{scrape_job="{job}"}}' if job else name
        lines = http(api.base + "/metrics")[2].decode().splitlines()
        return [float(line.rsplit(" ", 1)[1]) for line in lines if line.rsplit(" ", 1)[0] == wanted][0]
    check("scrapes and pools over a limit are counted", lambda: own(
        "prometheus_target_scrape_pool_exceeded_target_limit_total") == 1 and own(
            "prometheus_target_scrape_pool_exceeded_label_limits_total") >= 2 and own(
                "prometheus_target_scrapes_exceeded_sample_limit_total") >= 2)
    check("a pool's target limit is shown", lambda: own("prometheus_target_scrape_pool_target_limit", "crowd") == 1
          and own("prometheus_target_scrape_pool_target_limit", "long") == 0)
    server.config.write_text(config)
    server.process.signal(SIGHUP)
    eventually("the bounded jobs were scraped", lambda: api.value('count_over_time(up{job="bounded"}[1m])') >= 2
               and api.value('count_over_time(up{job="bounded_softly"}[1m])') >= 2, 20)
    check("over its series_limit a job's scrape fails", lambda: api.value('up{job="bounded"}') == 0 and [
        t["lastError"] for t in api.data("/api/v1/targets", scrapePool="bounded")["activeTargets"]] == [
            "series_limit exceeded (active series of the job: 10, limit: 10)"])
    check("... or new series are left out", lambda: api.value('up{job="bounded_softly"}') == 1 and api.value(
        'count({job="bounded_softly",__name__!~"up|scrape_.*"})') == 10)
    check("use and limit are shown", lambda: own("ferula_scrape_series_active", "bounded_softly") == 10 and own(
        "ferula_scrape_series_limit", "bounded") == 10 and own("ferula_scrape_series_active", "metrics") > 10)
    check("what was refused is counted", lambda: own("ferula_scrape_series_refused_total", "bounded_softly") >= 2 and own(
        "ferula_scrapes_exceeded_series_limit_total", "bounded") >= 2)


def check_command(bench, binary, server, address):
    def relabel(*arguments):
        return run_once([binary, "check", "relabel", f"--config.file={server.config}", *arguments])
    bench.check("check relabel shows a target's way", lambda: (lambda rc, out: rc == 0 and "action: hashmod" in out
                and 'kept: {' in out and 'zone_small="zone-9"' in out and f"url: http://{address}/metrics?" in out)(
        *relabel("--job=targets", '{__address__="%s",__meta_zone="Zone-9",env="e",twin="t"}' % address)))
    bench.check("check relabel shows where one is dropped", lambda: (lambda rc, out: rc == 0 and out.endswith(
        "   dropped\ndropped\n"))(*relabel("--job", "targets", '{__address__="a:1",off="yes"}')))
    bench.check("check relabel takes a scraped series", lambda: (lambda rc, out: rc == 0 and out.endswith(
        '   new_x{bucket="0", method="GET", path="/1"}\nkept\n'))(
            *relabel("--job=metrics", "--metric", 'old_x{path="/1",method="get",z="z"}')))
    bench.check("check relabel refuses what is no label set", lambda: relabel("--job=metrics", "{a=b}")[0] == 1
                and relabel("--job=nobody", "{}")[0] == 1 and relabel("--job=metrics")[0] == 1)
