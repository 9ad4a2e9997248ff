"""checks_rules.py - rules from the scrape to the Alertmanager: what they record, how alerts change, what an outage costs."""
import calendar
import json
import subprocess
import time

import programs
from alert_sink import AlertSink
from fake_target import FakeTarget
from harness import REAL, SIGHUP, SIGTERM, Server, eventually, free_port, http, run_once

CONFIG = """
global: {scrape_interval: 200ms, evaluation_interval: 200ms, external_labels: {cluster: eu1}}
rule_files: ["FOLDER/rules-*.yml"]
scrape_configs:
- job_name: app
  static_configs: [{targets: ["TARGET"]}]
alerting:
  alert_relabel_configs: [{regex: dropme, action: labeldrop}]
  alertmanagers:
  - static_configs: [{targets: ["SINK"]}]
  - static_configs: [{targets: ["MANAGER"]}]
    path_prefix: /am
"""

RULES = """
groups:
- name: record
  labels: {team: core}
  rules:
  - {record: "load:sum", expr: "sum(load)"}
  - {record: "load:twice", expr: "load:sum * 2", labels: {kind: twice}}
- name: alerts
  rules:
  - alert: High
    expr: load > 10
    for: 1s
    labels: {severity: page, dropme: x, team: '{{ $labels.job }}-{{ $externalLabels.cluster }}'}
    annotations:
      summary: 'load of {{ $labels.host }} is {{ $value | printf "%.1f" }} ({{ with query "sum(load)" }}{{ . | first | value | humanize }}{{ end }})'
      broken: '{{ $labels.host | humanize }}'
  - {alert: Now, expr: load > 10}
  - {alert: Kept, expr: load > 10, keep_firing_for: 1h}
  - {alert: Slow, expr: load > 10, for: 1h}
"""


def load(value):
    return "" if value is None else f'# TYPE load gauge\nload{{host="a"}} {value}\nload{{host="b"}} 1\n'


def alerts(server, name):
    return [a for a in server.api.data("/api/v1/alerts")["alerts"] if a["labels"]["alertname"] == name]


def state(server, name):
    return [a["state"] for a in alerts(server, name)]


def amtool(port):
    status, text = run_once([REAL / "amtool", f"--alertmanager.url=http://127.0.0.1:{port}/am", "alert", "query", "-o", "json"])
    assert status == 0, text
    return {a["labels"]["alertname"]: a for a in json.loads(text)}


def check_recording(bench, server):
    bench.check("rules record, with the labels of rule and group", lambda: eventually("recorded", lambda: server.api.vector(
        "load:twice") == [({"__name__": "load:twice", "kind": "twice", "team": "core"}, 6.0)]))
    groups = server.api.data("/api/v1/rules")["groups"]
    bench.check("the API lists groups in order", lambda: [g["name"] for g in groups] == ["alerts", "record"])
    bench.check("and filters rules", lambda: [r["name"] for g in server.api.data(
        "/api/v1/rules", **{"type": "alert", "rule_name[]": ["Now", "load:sum"]})["groups"] for r in g["rules"]] == ["Now"])
    page = server.api.data("/api/v1/rules", group_limit=1)
    bench.check("and pages", lambda: [g["name"] for g in server.api.data(
        "/api/v1/rules", group_limit=1, group_next_token=page["groupNextToken"])["groups"]] == ["record"])
    bench.check("nothing is active", lambda: server.api.data("/api/v1/alerts")["alerts"] == [])


def check_firing(bench, server, target, sink):
    target.set(load(20))
    bench.check("an alert with `for` is pending first", lambda: eventually("pending", lambda: state(server, "High") == ["pending"]))
    bench.check("one without fires at once", lambda: eventually("firing", lambda: state(server, "Now") == ["firing"]))
    bench.check("then fires", lambda: eventually("firing", lambda: state(server, "High") == ["firing"]))
    bench.check("a long one stays pending", lambda: state(server, "Slow") == ["pending"])
    bench.check("ALERTS tells the same", lambda: eventually("ALERTS", lambda: sorted(
        (m["alertname"], m["alertstate"]) for m, _ in server.api.vector("ALERTS")) == [
            ("High", "firing"), ("Kept", "firing"), ("Now", "firing"), ("Slow", "pending")]))
    for exclude, kept in (("F", True), ("false", True), ("T", False), ("1", False)):
        bench.check(f"rules with exclude_alerts={exclude}", lambda: any(r["alerts"] for g in server.api.data(
            "/api/v1/rules", type="alert", exclude_alerts=exclude)["groups"] for r in g["rules"] if "alerts" in r) == kept)
    bench.check("what is no boolean is refused", lambda: server.api.get("/api/v1/rules", exclude_alerts="yes")[0] == 400)
    told = eventually("told", lambda: sink.of("High"))[0]
    bench.check("labels: templates, external labels, relabelling", lambda: told["labels"] == {
        "alertname": "High", "cluster": "eu1", "host": "a", "instance": target.address, "job": "app", "severity": "page",
        "team": "app-eu1"})
    bench.check("annotations: templates with queries", lambda: told["annotations"]["summary"] == "load of a is 20.0 (21)")
    bench.check("what is wrong with a template is its text", lambda: told["annotations"]["broken"].startswith(
        "<error expanding template: error executing template __alert_High: template: __alert_High:1:"))
    bench.check("the link leads to the expression", lambda: told["generatorURL"].endswith("/graph?g0.expr=load+%3E+10&g0.tab=1"))
    bench.check("pending alerts are not sent", lambda: not sink.of("Slow"))


def check_outage(bench, manager, port, sink):
    bench.check("amtool shows our alerts", lambda: eventually("amtool", lambda: {"High", "Kept", "Now"} <= set(amtool(port))))
    manager.kill()
    sink.status = 503


def check_resolved(bench, server, target, sink, manager, port):
    before = len(sink.of("Now"))
    target.set(load(1))
    eventually("resolved", lambda: not alerts(server, "Now"))
    bench.check("a pending alert that is over is nowhere", lambda: eventually("gone", lambda: not alerts(server, "Slow")))
    bench.check("keep_firing_for keeps", lambda: "keepFiringSince" in alerts(server, "Kept")[0])
    bench.check("refused alerts wait", lambda: eventually("refused", lambda: any(r[2] == 503 for r in sink.requests)))
    sink.status = 200
    manager.start()
    bench.check("an outage costs no transition", lambda: eventually("resolved told", lambda: any(
        a["endsAt"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 1)) for a in sink.of("Now")[before:]), 20))
    bench.check("the Alertmanager is back and knows what fires", lambda: eventually(
        "amtool", lambda: "Kept" in amtool(port) and "Now" not in amtool(port), 20))


def server_metrics(server):
    return http(server.api.base + "/metrics")[2].decode()


def check_restart(bench, server, target):
    """a pending alert waits for as long as it would have without the outage: its start moves by the time we were away"""
    target.set(load(20))
    since = seconds(eventually("pending", lambda: alerts(server, "Slow"))[0]["activeAt"])
    eventually("written", lambda: server.api.value('ALERTS_FOR_STATE{alertname="Slow"}') == since)
    time.sleep(3)  # so that what was restored can be told from what began anew
    server.process.kill()
    down = time.time()
    server.process.start()
    server.wait_ready()
    away = time.time() + 3 - down
    bench.check("a restart keeps since when an alert is active", lambda: eventually("restored", lambda: -1 <= seconds(
        server.api.vector('ALERTS_FOR_STATE{alertname="Slow"}') and alerts(server, "Slow")[0]["activeAt"]) - since <= away))
    target.set(load(1))
    eventually("kept", lambda: "keepFiringSince" in alerts(server, "Kept")[0])
    server.process.kill()
    server.process.start()
    server.wait_ready()
    bench.check("and that it fires on by keep_firing_for", lambda: eventually("firing", lambda: state(server, "Kept") == ["firing"]))
    target.set(load(20))
    eventually("firing", lambda: state(server, "Now") == ["firing"])


def seconds(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def check_reload(bench, server, target):
    rules = bench.folder / "rules-1.yml"
    since = alerts(server, "Now")[0]["activeAt"]
    rules.write_text(RULES.replace("sum(load)\"}", "sum(load\"}"))
    server.process.signal(SIGHUP)
    bench.check("a bad rule file is refused", lambda: eventually("refused", lambda: "could not parse expression" in server.process.text()))
    rules.write_text(RULES.replace("load:sum * 2", "load:sum * 3"))
    server.process.signal(SIGHUP)
    bench.check("a good one is taken", lambda: eventually("three", lambda: server.api.value("load:twice") == 63))
    bench.check("unchanged groups keep their alerts", lambda: alerts(server, "Now")[0]["activeAt"] == since)
    target.set(load(None))
    bench.check("what a rule yields no more is stale", lambda: eventually("stale", lambda: server.api.vector("load:sum") == []))
    more = bench.folder / "rules-2.yml"
    more.write_text("groups: [{name: passing, rules: [{record: x, expr: '1'}, {record: y, expr: '2'}]}]\n")
    server.process.signal(SIGHUP)
    bench.check("results are counted", lambda: eventually("counted", lambda: any(
        "last_evaluation_samples" in line and line.endswith(' 2') and "passing" in line for line in server_metrics(server).splitlines())))
    more.unlink()
    server.process.signal(SIGHUP)
    bench.check("a group that is gone is told no more", lambda: eventually("gone", lambda: "passing" not in server_metrics(server)))
    bench.check("iterations are counted", lambda: "prometheus_rule_group_iterations_total" in server_metrics(server))


def check_promtool(bench, binary):
    """the same files through promtool and ours"""
    folder = bench.folder / "verdicts"
    folder.mkdir()
    files = {
        "good": RULES.replace("- name: record\n  labels: {team: core}", "- name: record"),
        "syntax": 'groups:\n- name: a\n  rules:\n  - {record: x, expr: "sum("}\n',
        "both": "groups:\n- name: a\n  rules:\n  - {record: x, alert: y, expr: up}\n",
        "neither": "groups:\n- name: a\n  rules:\n  - {expr: up}\n",
        "twice": "groups:\n- name: a\n- name: a\n",
        "unknown": "groups:\n- name: a\n  rulez: []\n",
        "noexpr": "groups:\n- name: a\n  rules:\n  - {record: x}\n",
        "for": "groups:\n- name: a\n  rules:\n  - {record: x, expr: up, for: 5m}\n",
        "label": 'groups:\n- name: a\n  rules:\n  - {record: x, expr: up, labels: {"__name__": x}}\n',
        "template": 'groups:\n- name: a\n  rules:\n  - {alert: x, expr: up, annotations: {s: "{{ $labelz }}"}}\n',
        "duplicate": "groups:\n- name: a\n  rules:\n  - {record: x, expr: up}\n  - {record: x, expr: up}\n",
        "empty": "",
    }
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text)
        for options in ([], ["--lint-fatal"]):
            theirs = run_once([REAL / "promtool", "check", "rules", *options, folder / f"{name}.yml"])
            ours = run_once([binary, "check", "rules", *options, folder / f"{name}.yml"])
            bench.check(f"check rules {' '.join(options)} {name}: as promtool ({theirs[0]})",
                        lambda: ours[0] == theirs[0] or print(theirs, ours))
    check_lint(bench, binary, folder)
    (folder / "unit.rules.yml").write_text(UNIT_RULES)
    for name, text in {"pass": UNIT_TEST, "fail": UNIT_TEST.replace("value: 1}]", "value: 2}]"),
                       "alert": UNIT_TEST.replace("summary: a is up", "summary: a is down"),
                       "order": UNIT_TEST.replace("tests:", "group_eval_order: [a]\ntests:"),
                       "badseries": UNIT_TEST.replace("0+10x10", "0+"),
                       "badrule": UNIT_TEST.replace("unit.rules.yml", "syntax.yml"),
                       "unknown": UNIT_TEST.replace("interval: 1m\n  input", "intervall: 1m\n  input"),
                       "noalert": UNIT_TEST.replace("    exp_alerts:\n    -", "    exp_alerts: []\n    x:\n    -"),
                       "nan": UNIT_TEST.replace("count(x:rate)", "count(x:rate) * NaN").replace("value: 1}]", "value: NaN}]"),
                       "missing": UNIT_TEST.replace("count(x:rate)", "count(nothing)")}.items():
        (folder / f"unit-{name}.yml").write_text(text)
        theirs = run_once([REAL / "promtool", "test", "rules", folder / f"unit-{name}.yml"])
        ours = run_once([binary, "test", "rules", folder / f"unit-{name}.yml"])
        bench.check(f"test rules {name}: as promtool ({theirs[0]})", lambda: ours[0] == theirs[0] or print(theirs, ours))


def with_input(command, path):
    with open(path) as stdin:
        done = subprocess.run([str(c) for c in command], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def check_lint(bench, binary, folder):
    """what the files behind a configuration are, and what metrics are called"""
    configs = {
        "rules": "rule_files: [duplicate.yml]",
        "norules": "rule_files: [nowhere.yml]",
        "badrules": "rule_files: [syntax.yml]",
        "anyrules": 'rule_files: ["none-*.yml"]',
        "agent": "remote_write: [{url: 'http://localhost/w'}]",
        "nofile": "scrape_configs: [{job_name: a, authorization: {credentials_file: nowhere}}]",
        "nocert": "scrape_configs: [{job_name: a, tls_config: {cert_file: nowhere, key_file: nowhere}}]",
        "notargets": "scrape_configs: [{job_name: a, file_sd_configs: [{files: [nowhere.json]}]}]",
        "badtargets": "scrape_configs: [{job_name: a, file_sd_configs: [{files: [bad.json]}]}]",
    }
    (folder / "bad.json").write_text('{"targets": []}')
    for name, text in configs.items():
        (folder / f"config-{name}.yml").write_text(text + "\n")
        for options in ([], ["--syntax-only"], ["--lint-fatal"], ["--lint=none", "--lint-fatal"], ["--agent"]):
            theirs, ours = (run_once([tool, "check", "config", *options, folder / f"config-{name}.yml"])
                            for tool in (REAL / "promtool", binary))
            bench.check(f"check config {' '.join(options)} {name}: as promtool ({theirs[0]})",
                        lambda: ours[0] == theirs[0] or print(theirs, ours))
    (folder / "slow.yml").write_text("scrape_configs: [{job_name: a, scrape_interval: 6m}]\n")
    for lint, status in ("too-long-scrape-interval", 3), ("duplicate-rules", 0), ("all", 3):
        bench.check(f"a long interval with --lint={lint}", lambda: run_once(
            [binary, "check", "config", f"--lint={lint}", "--lint-fatal", folder / "slow.yml"])[0] == status)
    (folder / "metrics").write_text(METRICS)
    theirs, ours = (with_input([tool, "check", "metrics"], folder / "metrics") for tool in (REAL / "promtool", binary))
    bench.check("check metrics says what promtool says", lambda: theirs[0] == ours[0] == 3 and sorted(
        set(theirs[1].splitlines())) == ours[1].splitlines() or print(theirs, ours))
    bench.check("check rules reads standard input", lambda: with_input(
        [binary, "check", "rules", "--lint-fatal"], folder / "duplicate.yml")[0] == 3)


METRICS = """
# TYPE bad counter
bad{camelCase="x",le="1",quantile="2"} 1
# HELP x_milliseconds a
# TYPE x_milliseconds gauge
x_milliseconds 3
# HELP h_seconds h
# TYPE h_seconds histogram
h_seconds_bucket{le="+Inf"} 1
h_seconds_sum 1
h_seconds_count 1
# HELP a:my_counter_xY_total x
# TYPE a:my_counter_xY_total gauge
a:my_counter_xY_total 1
# HELP y_sum x
# TYPE y_sum gauge
y_sum 1
# HELP dur_ms x
# TYPE dur_ms untyped
dur_ms 1
other 1
"""

UNIT_RULES = """
groups:
- name: a
  interval: 1m
  rules:
  - {record: "x:rate", expr: "rate(x[5m])"}
  - {alert: Up, expr: "x:rate > 0", for: 2m, labels: {severity: page}, annotations: {summary: "{{ $labels.host }} is up"}}
"""

UNIT_TEST = """
rule_files: [unit.rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - {series: 'x{host="a"}', values: '0+10x10'}
  alert_rule_test:
  - {eval_time: 2m, alertname: Up, exp_alerts: []}
  - eval_time: 5m
    alertname: Up
    exp_alerts:
    - exp_labels: {severity: page, host: a}
      exp_annotations: {summary: a is up}
  promql_expr_test:
  - expr: count(x:rate)
    eval_time: 10m
    exp_samples: [{labels: '{}', value: 1}]
"""


def run(bench, binary):
    target, sink, port = FakeTarget(load(2)), AlertSink(), free_port()
    bench.cleanups += [target.close, sink.close]
    (bench.folder / "rules-1.yml").write_text(RULES)
    manager = programs.alertmanager(bench, port, "/am")
    config = CONFIG.replace("FOLDER", str(bench.folder)).replace("TARGET", target.address)
    config = config.replace("SINK", sink.address).replace("MANAGER", f"127.0.0.1:{port}")
    server = Server(bench, binary, config, "--rules.alert.resend-delay=1s", "--rules.alert.for-grace-period=0s").wait_ready()
    bench.check("both Alertmanagers are known", lambda: eventually("known", lambda: sorted(
        a["url"] for a in server.api.data("/api/v1/alertmanagers")["activeAlertmanagers"]) == sorted(
            [f"http://{sink.address}/api/v2/alerts", f"http://127.0.0.1:{port}/am/api/v2/alerts"])))
    check_recording(bench, server)
    check_firing(bench, server, target, sink)
    check_outage(bench, manager, port, sink)
    check_resolved(bench, server, target, sink, manager, port)
    check_restart(bench, server, target)
    check_reload(bench, server, target)
    server.process.signal(SIGTERM)
    bench.check("it stops cleanly", lambda: server.process.wait() == 0)
    check_promtool(bench, binary)
