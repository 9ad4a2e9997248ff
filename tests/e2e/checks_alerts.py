"""checks_alerts.py - what an alert generator must do, in the scenarios of its compliance suite at a sixtieth of their times.

    feeder: values by remote write --> rules (500 ms) --> /api/v1/alerts, /api/v1/rules, ALERTS; a sink in place of the Alertmanager

States are polled; what is told to the sink carries the nominal times of evaluations, which are compared to the millisecond.
"""
import calendar
import http.client
import threading
import time

import remote_write
from alert_sink import AlertSink
from harness import Server, eventually

INTERVAL = 0.5  # of groups; the resend delay is twice that, samples come at half of it

RULES = r"""
groups:
- name: firing
  interval: 500ms
  rules:
  - {alert: Simple, expr: 'value{alertname="Simple"} > 10', for: 3s, labels: {foo: bar, group: firing},
     annotations: {summary: 'The value is {{$value}} {{.Value}}'}}
- name: pending
  interval: 500ms
  rules:
  - {alert: Pending, expr: 'value{alertname="Pending"} > 10', for: 3s}
  - {alert: Inactive, expr: 'value{alertname="Pending"} > 99', for: 3s}
- name: small
  interval: 500ms
  rules:
  - alert: Zero
    expr: value{alertname="Zero"} > 10
    annotations:
      numbers: '{{humanize 1048576}} {{humanize1024 1048576}} {{humanizeDuration 135.3563}} {{humanizePercentage 0.959}} {{humanizeTimestamp 1643114203}}'
      asked: '{{ define "t" }}Args are: {{.arg0}} {{.arg1}} {{.arg2}}. {{ with query "template" }}first:{{ . | sortByLabel "id" | first | label "id"}},{{ range $v := sortByLabel "id" . }}{{ . | label "id" }}:{{ . | value }},{{ end }}{{ end }}{{ end }}{{ template "t" (args "foo" "bar" 99) }}'
  - alert: Small
    expr: value{alertname="Zero"} > 13
    for: 250ms
    labels: {size: small}
    annotations:
      texts: '{{title "this part"}} {{toUpper "is testing"}} {{toLower "THE STRINGS"}}. {{ stripPort "[::1]:6006"}} {{ stripPort "127.0.0.1:4004"}}. {{parseDuration "2h10m15s"}}. {{if match "[0-9]+" "1234"}}{{reReplaceAll "r.*d" "replaced" "rpld text"}}{{end}}. {{if match "[0-9]+$" "1234a"}}WRONG{{end}}.'
- name: order
  interval: 500ms
  rules:
  - {alert: Rule1, expr: 'value{alertname="Rule1"} > 10', for: 1500ms, labels: {foo: bar}}
  - alert: Rule2
    expr: (ALERTS{alertstate="firing",alertname="Rule1",variant="one"} + ignoring(variant) ALERTS{alertstate="firing",alertname="Rule1",variant="two"}) == 2
    labels: {foo: baz}
    annotations: {text: 'Old alertname was {{$labels.alertname}}. foo was {{.Labels.foo}}.'}
"""

# name, other labels, and (seconds since the beginning, value) from which on it is so; None: no more samples
SERIES = [
    ("value", {"alertname": "Simple"}, [(0, 5), (1, 15), (7, 5)]),
    ("value", {"alertname": "Pending"}, [(0, 5), (1, 15), (3, 5)]),
    ("value", {"alertname": "Zero"}, [(0, 5), (1, 15), (4, None), (9, 11), (11, 5)]),
    ("value", {"alertname": "Rule1", "variant": "one"}, [(0, 5), (1, 15), (9, 5)]),
    ("value", {"alertname": "Rule1", "variant": "two"}, [(0, 5), (3, 15), (9, 5)]),
] + [("template", {"id": str(100 + i)}, [(0, i), (8, 2 * i)]) for i in (1, 2, 3)]

CONFIG = """
global: {evaluation_interval: 500ms}
rule_files: ["RULES"]
alerting: {alertmanagers: [{static_configs: [{targets: ["SINK"]}]}]}
"""


class Feeder(threading.Thread):
    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.began, self.closing = port, time.time(), False
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.closing:
            now = time.time()
            series = []
            for name, labels, course in SERIES:
                value = [v for since, v in course if self.began + since <= now][-1]
                if value is not None:
                    series.append(({"__name__": name, **labels}, [(int(now * 1000), value)]))
            connection.request("POST", "/api/v1/write", remote_write.snappy(remote_write.write_request(series)),
                               remote_write.Writer.HEADERS)
            connection.getresponse().read()
            time.sleep(INTERVAL / 2)


def seconds(text):
    """RFC 3339, to the millisecond"""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + float("0" + text[19:].split("Z")[0])


def watch(server, until):
    """every alert ever seen: (its name, variant, state) -> (first seen, the alert then); and the states of rules"""
    seen, rules = {}, set()
    while time.time() < until:
        for a in server.api.data("/api/v1/alerts")["alerts"]:
            key = a["labels"]["alertname"], a["labels"].get("variant"), a["state"], a["activeAt"]
            seen.setdefault(key, a)
        for group in server.api.data("/api/v1/rules")["groups"]:
            rules |= {(r["name"], r["state"], r["health"]) for r in group["rules"] if r["state"] != "unknown"}
        time.sleep(0.05)
    return seen, rules


def of(seen, name, state, variant=None):
    return [a for (n, v, s, _), a in seen.items() if (n, v, s) == (name, variant, state)]


def near(a, b):
    return abs(a - b) < 0.002


def check_firing(bench, seen, rules, sink):
    pending, firing = of(seen, "Simple", "pending"), of(seen, "Simple", "firing")
    told = sink.of("Simple")
    bench.check("pending, then firing", lambda: len(pending) == len(firing) == 1 and pending[0]["activeAt"] == firing[0]["activeAt"])
    active = seconds(firing[0]["activeAt"])
    bench.check("an alert has the labels of series and rule", lambda: firing[0]["labels"] == {
        "alertname": "Simple", "foo": "bar", "group": "firing"} and firing[0]["annotations"] == {
            "summary": "The value is 15 15"} and float(firing[0]["value"]) == 15)
    bench.check("it fires after `for`, at an evaluation", lambda: near(seconds(told[0]["startsAt"]), active + 3))
    bench.check("and ends, unless told again, after four resend delays", lambda: near(
        seconds(told[0]["endsAt"]) - seconds(told[0]["startsAt"]), 4))
    ends = [seconds(a["endsAt"]) for a in told if seconds(a["endsAt"]) - seconds(told[0]["startsAt"]) >= 4 - 0.002]
    bench.check("it is told again after the resend delay", lambda: len(ends) >= 2 and all(
        near(b - a, 1.5) for a, b in zip(ends, ends[1:])) or print(ends))
    resolved = [a for a in told if seconds(a["endsAt"]) - seconds(told[0]["startsAt"]) < 4 - 0.002]
    bench.check("then that it is resolved, several times", lambda: len(resolved) >= 2 and len(
        {(a["startsAt"], a["endsAt"]) for a in resolved}) == 1 and resolved[0]["startsAt"] == told[0]["startsAt"])
    bench.check("and nothing of it is left", lambda: told[-1] == resolved[-1])
    bench.check("the rule was in all three states, and well", lambda: {s for n, s, _ in rules if n == "Simple"} == {
        "inactive", "pending", "firing"} and {h for n, _, h in rules if n == "Simple"} == {"ok"})


def check_pending(bench, seen, rules, sink):
    bench.check("pending and over before `for`: never fires", lambda: of(seen, "Pending", "pending") and not of(
        seen, "Pending", "firing") and not sink.of("Pending"))
    bench.check("what is inactive stays so", lambda: {s for n, s, _ in rules if n == "Inactive"} == {"inactive"}
                and not sink.of("Inactive"))


def check_small(bench, seen, sink):
    zero, small = of(seen, "Zero", "firing"), of(seen, "Small", "firing")
    bench.check("without `for` it is never pending", lambda: not of(seen, "Zero", "pending"))
    bench.check("a `for` below the interval takes one evaluation", lambda: len(of(seen, "Small", "pending")) == 1 and near(
        seconds(sink.of("Small")[0]["startsAt"]), seconds(small[0]["activeAt"]) + INTERVAL))
    bench.check("one that comes again is a new alert", lambda: len(zero) == 2 and len({a["startsAt"] for a in sink.of("Zero")}) == 2
                and all(near(seconds(a["activeAt"]), seconds(start)) for a, start in zip(
                    sorted(zero, key=lambda a: a["activeAt"]), sorted({a["startsAt"] for a in sink.of("Zero")}))))
    first, again = sorted(zero, key=lambda a: a["activeAt"])
    bench.check("numbers in templates", lambda: first["annotations"]["numbers"]
                == "1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC")
    bench.check("queries and templates in templates", lambda: first["annotations"]["asked"]
                == "Args are: foo bar 99. first:101,101:1,102:2,103:3," and again["annotations"]["asked"]
                == "Args are: foo bar 99. first:101,101:2,102:4,103:6,")
    bench.check("texts in templates", lambda: small[0]["annotations"]["texts"]
                == "This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. .")
    bench.check("an alert without samples is resolved", lambda: any(
        seconds(a["endsAt"]) < seconds(again["activeAt"]) for a in sink.of("Small")))


def check_order(bench, server, seen, sink):
    one, two = of(seen, "Rule1", "firing", "one"), of(seen, "Rule1", "firing", "two")
    rule2 = of(seen, "Rule2", "firing")
    bench.check("more alerts of a rule come later", lambda: len(one) == len(two) == 1 and one[0]["activeAt"] < two[0]["activeAt"])
    fired = [seconds(a["startsAt"]) for a in sink.of("Rule1") if a["labels"]["variant"] == "two"][0]
    bench.check("each has its own `for`", lambda: near(fired, seconds(two[0]["activeAt"]) + 1.5))
    bench.check("a rule sees the ALERTS of the one before it, at once", lambda: near(seconds(rule2[0]["activeAt"]), fired))
    bench.check("labels of a rule go over those of ALERTS", lambda: rule2[0]["labels"] == {
        "alertname": "Rule2", "alertstate": "firing", "foo": "baz"} and rule2[0]["annotations"] == {
            "text": "Old alertname was Rule1. foo was bar."})
    bench.check("ALERTS is gone when they are", lambda: eventually("gone", lambda: server.api.vector("ALERTS") == []))


def run(bench, binary):
    sink = AlertSink()
    bench.cleanups.append(sink.close)
    rules = bench.folder / "scenario.rules.yml"
    rules.write_text(RULES)
    for feature in "", "concurrent-rule-eval":
        sink.alerts.clear()
        server = Server(bench, binary, CONFIG.replace("RULES", str(rules)).replace("SINK", sink.address), remote_write.FLAG,
                        "--rules.alert.resend-delay=1s", "--query.lookback-delta=1s", f"--enable-feature={feature}",
                        name=f"alerts{len(feature)}").wait_ready()
        feeder = Feeder(server.port)
        seen, states = watch(server, feeder.began + 14)
        check_firing(bench, seen, states, sink)
        check_pending(bench, seen, states, sink)
        check_small(bench, seen, sink)
        check_order(bench, server, seen, sink)
        feeder.closing = True
        feeder.join()
        server.process.kill()
