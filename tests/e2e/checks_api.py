"""checks_api.py - the HTTP API as others use it: a Prometheus that federates, Grafana's requests, the Go and npm clients, vmalert;
and texts that would be scripts in a page, in every place that an answer repeats."""
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import programs
from alert_sink import AlertSink
from fake_target import FakeTarget
from harness import CACHE, REAL, Api, Server, eventually, http, run_once

PAYLOAD = "<script>alert('x')</script>"
CONFIG = """
global: {scrape_interval: 300ms, evaluation_interval: 300ms, external_labels: {zone: eu}}
rule_files: [rules.yml]
scrape_configs:
- {job_name: fake, static_configs: [{targets: ["%(fake)s"]}]}
- job_name: demo
  scrape_native_histograms: true
  static_configs: [{targets: ["%(demo)s"]}]
"""
RULES = """
groups:
- name: shelves
  rules:
  - {record: shelf:sum, expr: sum(shelf)}
  - {alert: Full, expr: shelf > 3, labels: {severity: page}, annotations: {summary: "row {{ $labels.row }}"}}
"""
PAGE = '# HELP shelf What is on it.\n# TYPE shelf gauge\nshelf{row="1"} 3\nshelf{row="2"} 4\n'
# with times of its own, so that two servers tell the same of it
FIXED = "".join(f'fixed_{name}{{l="{label}"}} {value} {{ms}}\n' for name, label, value in (
    ("b", "x", "1"), ("b", 'a\\\\\\"\\n', "1e+06"), ("a", "\u00fc", "-0.25"), ("c", "nan", "NaN"), ("c", "inf", "+Inf"), ("a", "z", "1e-07")))
FEDERATE = """
global: {scrape_interval: 300ms}
scrape_configs:
- job_name: federate
  honor_labels: true
  metrics_path: /federate
  params: {'match[]': ['{job=~"fake|demo"}', 'shelf:sum']}
  %s
  static_configs: [{targets: ["%s"]}]
"""


def ask(base, path, form=None, **headers):
    """(status, headers, body) of a GET, or of a POST of the form"""
    data = urllib.parse.urlencode(form, doseq=True).encode() if form is not None else None
    request = urllib.request.Request(base + path, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def federated(ours, api):
    """what the other server has made of ours, beside what ours has"""
    def newest(of, query):
        return {tuple(sorted(row["metric"].items())): row.get("histogram", row.get("value"))[1] for row in of.query(query)["result"]}
    eventually("the recorded rule, a label of ours and no instance of its own", lambda: newest(api, "shelf:sum") == {
        (("__name__", "shelf:sum"), ("job", "federate"), ("zone", "eu")): "7"})
    mine = newest(ours, '{job="fake"}')
    eventually("every series of the target", lambda: {key for key in newest(api, '{job="fake",zone="eu"}')} == {
        tuple(sorted(key + (("zone", "eu"),))) for key in mine})
    assert newest(api, "shelf") == {tuple(sorted(key + (("zone", "eu"),))): value for key, value in mine.items() if ("__name__", "shelf") in key}
    return True


def same_text(bench, binary):
    """two servers, one target, the same bytes"""
    target = FakeTarget(FIXED.replace("{ms}", str(int(time.time() * 1000))))
    bench.cleanups.append(target.close)
    config = "global: {scrape_interval: 300ms, external_labels: {zone: eu, l: outer}}\nscrape_configs: [{job_name: fixed, static_configs: [{targets: ['%s']}]}]\n"
    mine = Server(bench, binary, config % target.address, name="mine").wait_ready().api.base
    theirs = "http://" + programs.prometheus(bench, config % target.address, "theirs")
    for path in ("/federate?match[]=%7B__name__=~%22fixed_.%22%7D", "/federate?match[]=fixed_a&match[]=%7Bl=%22x%22%7D&match[]=fixed_a", "/federate",
                 "/federate?match[]=nothing"):
        has_any = "fixed" in path
        wanted = eventually("what Prometheus says", lambda: ask(theirs, path)[::2] if ask(theirs, path)[2] or not has_any else None)
        eventually(f"the same of ours: {wanted}", lambda: ask(mine, path)[::2] == wanted, 10)
    bad = "/federate?match[]=up%7B"
    return ask(theirs, bad)[0] == ask(mine, bad)[0] == 400


def native_histogram(api):
    """the share of calls below the half: the demo's are spread evenly over one second"""
    value = eventually("the histogram", lambda: api.value("histogram_fraction(0, 0.5, rpc_native_seconds)"))
    assert 0.3 < value < 0.7, value
    return True


def grafana(base):
    """what the back end of its data source sends"""
    ok = [ask(base, "/api/v1/query", {"query": "1+1", "time": "4"}), ask(base, "/api/v1/status/buildinfo"),
          ask(base, "/api/v1/query_range", {"query": "sum(shelf)", "start": "1700000000.123", "end": "1700000060.123", "step": "15", "timeout": "60s"}),
          ask(base, "/api/v1/query_exemplars", {"query": "shelf", "start": "1700000000.5", "end": "1700000060.5"}),
          ask(base, "/api/v1/labels", {"start": "1700000000", "end": "2700000000", "limit": "40000", "match[]": ["shelf"]}),
          ask(base, "/api/v1/series", {"match[]": ["shelf"], "start": "1700000000", "end": "2700000000", "limit": "40000"}),
          ask(base, "/api/v1/label/__name__/values?limit=40000"), ask(base, "/api/v1/metadata?limit=40000"), ask(base, "/api/v1/rules")]
    for status, headers, body in ok:
        assert status == 200 and headers["Content-Type"] == "application/json" and json.loads(body)["status"] == "success", (status, body)
    data = [json.loads(body)["data"] for _, _, body in ok]
    assert data[0] == {"resultType": "scalar", "result": [4, "2"]} and "features" not in data[1], data[:2]
    assert "row" in data[4] and len(data[5]) == 2 and "shelf" in data[6] and data[7]["shelf"][0]["type"] == "gauge", data
    status, headers, _ = ask(base, "/api/v1/query?query=1", Origin="http://grafana.test")
    return status == 200 and headers["Access-Control-Allow-Origin"] == "*"


def rules_of_http(base):
    """methods, compressed answers"""
    request = urllib.request.Request(base + "/api/v1/query?query=1", method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as e:
        assert e.code == 405 and e.headers["Allow"] == "GET, POST, OPTIONS", e.headers
    with urllib.request.urlopen(urllib.request.Request(base + "/any/thing", method="OPTIONS"), timeout=10) as answer:
        assert answer.status == 204
    for path in ("/-/healthy", "/-/ready"):
        with urllib.request.urlopen(urllib.request.Request(base + path, method="HEAD"), timeout=10) as answer:
            assert answer.status == 200 and not answer.read()
    for accept in ("gzip", "zstd", "deflate"):
        for path in ("/federate?match[]=%7Bjob=~%22.%2B%22%7D", "/api/v1/openapi.yaml", "/api/v1/status/self_metrics"):
            status, headers, body = ask(base, path, **{"Accept-Encoding": accept})
            assert status == 200 and headers["Content-Encoding"] == accept and headers["Vary"] == "Accept-Encoding", (path, headers)
    return True


def go_client(base):
    source, binary = programs.HERE / "apps/goapi/main.go", CACHE / "goapi"
    programs.build_go(source, binary)
    status, text = run_once([binary, base], 60)
    assert status == 0, text
    seen = json.loads(text)
    wanted = {"Query": None, "QueryRange": "matrix", "QueryExemplars": 0, "LabelNames": ["__name__", "instance", "job", "row"],
              "LabelValues": ["1", "2"], "Series": 2, "Targets": {"active": 2, "dropped": 0}, "Target": ["up", "fake", True],
              "Rules": ["v1.RecordingRule", "v1.AlertingRule"], "Alerts": ["firing"], "AlertManagers": 0, "Config": True, "Flags": "5m",
              "Buildinfo": True, "Runtimeinfo": True, "TSDB": True, "WalReplay": True, "Snapshot": True, "DeleteSeries": "done",
              "CleanTombstones": "done", "BadQuery": True, "BadExecution": True, "Scalar": "scalar",
              "Metadata": [{"type": "gauge", "help": "What is on it.", "unit": ""}], "TargetsMetadata": None}
    assert seen.keys() == wanted.keys(), seen.keys() ^ wanted.keys()
    different = {name: seen[name] for name, value in wanted.items() if value is not None and seen[name] != value}
    assert not different, different
    assert seen["Query"].startswith("{} => 7 @"), seen["Query"]
    assert [row["type"] for row in seen["TargetsMetadata"]] == ["gauge"], seen["TargetsMetadata"]
    return True


def npm_client(base):
    """prometheus-query of npm, its packages fetched once into the cache"""
    folder, source = CACHE / "promquery", programs.HERE / "apps/promquery"
    if not (folder / "node_modules/prometheus-query").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / name, folder)
        done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    status, text = run_once(["node", source / "main.mjs", base, folder], 60)
    assert status == 0, text
    seen = json.loads(text)
    failed = {name: value for name, value in seen.items() if isinstance(value, str) and value.startswith("failed")}
    assert not failed, failed
    assert seen["range"] == ["matrix", [7]] and seen["series"] == ["1", "2"] and seen["targets"] == ["up", "up"], seen
    assert seen["metadata"] == "gauge" and seen["rules"] == ["shelves"] and seen["alerts"] == [["Full", "firing"]], seen
    assert sorted(row[2] for row in seen["instant"][1]) == [3, 4] and seen["statusFlags"] == "5m" and seen["statusTSDB"], seen
    return len(seen) == 17


def vmalert(bench, base):
    """Debian's vmalert asks us for its rules' values, writes what they make to us, and sends alerts"""
    sink, rules, port = AlertSink(), bench.folder / "vmalert.yml", programs.free_port()
    bench.cleanups.append(sink.close)
    rules.write_text("groups: [{name: g, interval: 1s, rules: [{record: 'vm:shelf', expr: 'sum(shelf)'}, {alert: Shelf, expr: 'shelf == 4'}]}]\n")
    process = bench.run("vmalert", [REAL / "vmalert", f"-rule={rules}", f"-datasource.url={base}", f"-remoteWrite.url={base}",
                                    f"-remoteRead.url={base}", f"-notifier.url=http://{sink.address}",
                                    f"-httpListenAddr=127.0.0.1:{port}", "-remoteWrite.flushInterval=1s"])
    api = Api(base)
    assert eventually("what its rule recorded", lambda: api.value("vm:shelf") == 7, 30), process.text()[-2000:]
    eventually("its alert, as a series", lambda: api.value('ALERTS{alertname="Shelf",alertstate="firing"}') == 1, 30)
    return eventually("its alert, sent", lambda: sink.of("Shelf"), 30)


def blocks(bench, binary):
    text, data = bench.folder / "blocks.om", bench.folder / "blocks.data"
    text.write_text("# TYPE m gauge\n" + "".join(f"m {n} {1700000000 + 60 * n}\n" for n in range(300)) + "# EOF\n")
    assert run_once([binary, "tsdb", "create-blocks-from", "openmetrics", text, data])[0] == 0
    server = Server(bench, binary, "global: {}\n", "--storage.tsdb.retention.time=100y", name="blocks", data=data).wait_ready()
    found = server.api.data("/api/v1/status/tsdb/blocks")["blocks"]
    assert sum(block["stats"]["numSamples"] for block in found) == 300, found
    assert all(len(block["ulid"]) == 26 and block["minTime"] < block["maxTime"] and block["version"] == 1 for block in found), found
    server.process.stop()
    return found[0]["minTime"] == 1700000000000


def replay(bench, binary):
    """after a restart, how much of the log was read"""
    server = Server(bench, binary, CONFIG % {"fake": "127.0.0.1:1", "demo": "127.0.0.1:1"}, name="replay").wait_ready()
    eventually("samples", lambda: len(server.api.query("up")["result"]) == 2)
    server.process.kill()
    again = Server(bench, binary, "global: {}\n", name="again", data=server.data).wait_ready()
    told = again.api.data("/api/v1/status/walreplay")
    again.process.stop()
    return 1 <= told["min"] <= told["current"] == told["max"]


def live(server):
    """a reload that fails and one that does not, heard by who listens"""
    with urllib.request.urlopen(server.api.base + "/api/v1/notifications/live", timeout=20) as stream:
        good = server.config.read_text()
        server.config.write_text("nonsense: 1\n")
        ask(server.api.base, "/-/reload", {})
        heard = [stream.readline() for _ in range(2)]
        server.config.write_text(good)
        assert ask(server.api.base, "/-/reload", {})[0] == 200
        heard += [stream.readline() for _ in range(2)]
    notes = [json.loads(line[len(b"data: "):]) for line in heard[::2]]
    return [(note["text"], note["active"]) for note in notes] == [("Configuration reload has failed.", True), ("Configuration reload has failed.", False)]


def scripts(bench, binary):
    """the payload as value, help, job, target, rule, annotation, query, parameter and error: never as it is in an answer of JSON"""
    quoted = PAYLOAD.replace("'", "''")
    fake = FakeTarget(f'# HELP evil {PAYLOAD}\n# TYPE evil counter\nevil{{l="{PAYLOAD}"}} 1\n')
    broken = FakeTarget(f"{PAYLOAD}\n")
    bench.cleanups += [fake.close, broken.close]
    (bench.folder / "evil_rules.yml").write_text(f"groups: [{{name: '{quoted}', rules: [{{alert: '{quoted}', expr: evil > 0, labels: {{a: '{quoted}'}}, "
                                           f"annotations: {{b: '{quoted}'}}}}, {{record: evil:x, expr: evil}}]}}]\n")
    config = (f"global: {{scrape_interval: 300ms, evaluation_interval: 300ms}}\nrule_files: [evil_rules.yml]\nscrape_configs:\n"
              f"- {{job_name: '{quoted}', static_configs: [{{targets: ['{fake.address}', '{broken.address}'], labels: {{t: '{quoted}'}}}}]}}\n")
    server = Server(bench, binary, config, f"--web.page-title={PAYLOAD}", name="evil").wait_ready()
    base, p = server.api.base, urllib.parse.quote(PAYLOAD)
    eventually("the alert", lambda: server.api.data("/api/v1/alerts")["alerts"])
    eventually("the target that is down", lambda: any(t["lastError"] for t in server.api.data("/api/v1/targets")["activeTargets"]))
    routes = re.findall(r'^  "(/api/[^"{]*)":\n    get:', ask(base, "/api/v1/openapi.yaml")[2].decode(), re.M)
    routes.remove("/api/v1/openapi.yaml")
    tried = 0
    for path in routes + ["/api/v1/label/l/values", f"/api/v1/label/{p}/values", "/version"]:
        names = ("query", "match[]", "limit", "time", "start", "step", "timeout", "state", "type", "scrapePool", "labels", "metric", "search[]",
                 "sort_by", "fuzz_alg", "label", "metric_name_pattern", "stats", "id", "case_sensitive", "openapi_version")
        good = "query=evil&match[]=evil&start=0&end=2000000000&step=1000000&label=l&labels=%7B%7D&include_metadata=1&scrapePool=" + p
        for query in [good, "query=" + urllib.parse.quote(f'"{PAYLOAD}"')] + [f"{name}={p}" for name in names] + [f"{good}&{name}={p}" for name in names]:
            status, headers, body = ask(base, f"{path}?{query}")
            assert status in (200, 400, 404, 405, 422), (path, query, status, body)
            is_json = headers["Content-Type"].startswith(("application/json", "application/x-ndjson"))
            assert is_json or status == 405 or headers["X-Content-Type-Options"] == "nosniff", (path, query, headers)
            assert b"<script" not in body, (path, query, body)
            tried += 1
    assert PAYLOAD in json.dumps(server.api.data("/api/v1/rules"))  # it was there all the time
    status, headers, body = ask(base, "/query")
    assert b"<script>alert" not in body and "script-src 'self'" in headers["Content-Security-Policy"], body
    for path in ("/federate?match[]=evil", f"/federate?match[]={p}", f"/{p}", f"/api/v1/{p}", "/metrics"):
        _, headers, _ = ask(base, path)
        assert headers["Content-Type"].startswith("text/plain"), (path, headers)
    server.process.stop()
    return tried > 1000


def run(bench, binary):
    fake = FakeTarget(PAGE)
    bench.cleanups.append(fake.close)
    demo = programs.go_demo(bench)
    (bench.folder / "rules.yml").write_text(RULES)
    server = Server(bench, binary, CONFIG % {"fake": fake.address, "demo": demo}, "--web.enable-admin-api", "--web.enable-lifecycle",
                    "--web.enable-remote-write-receiver").wait_ready()
    ours, base, check = server.api, server.api.base, bench.check
    eventually("both targets, the rule and the alert", lambda: ours.value("count(up == 1)") == 2 and ours.value("shelf:sum") == 7 and
               ours.data("/api/v1/alerts")["alerts"])
    peer = Api("http://" + programs.prometheus(bench, FEDERATE % ("", base[7:]), "peer", "--enable-feature=native-histograms"))
    check("Debian's Prometheus federates from us", lambda: federated(ours, peer))
    check("with native histograms, by protobuf", lambda: native_histogram(peer))
    second = Server(bench, binary, FEDERATE % ("scrape_native_histograms: true", base[7:]), name="second").wait_ready()
    check("another of ours federates from us", lambda: federated(ours, second.api))
    check("with native histograms, too", lambda: native_histogram(second.api))
    check("what others federate is Prometheus' text, byte by byte", lambda: same_text(bench, binary))
    check("Grafana's requests are answered", lambda: grafana(base))
    check("methods and compression are Prometheus'", lambda: rules_of_http(base))
    check("the Go client's API package calls every method", lambda: go_client(base))
    check("npm's prometheus-query calls every method", lambda: npm_client(base))
    check("Debian's vmalert evaluates its rules against us", lambda: vmalert(bench, base))
    check("live notifications tell of a reload that failed", lambda: live(server))
    check("blocks are listed", lambda: blocks(bench, binary))
    check("the replay of the log is told", lambda: replay(bench, binary))
    check("no text of others becomes a script", lambda: scripts(bench, binary))
