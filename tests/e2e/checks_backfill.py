"""checks_backfill.py - recording rules over the past: each sample in the blocks is what the rule gave at its time."""
import subprocess

from harness import Server, run_once

START = 1700000000 - 1700000000 % 7200
HOURS = 30

RULES = """
groups:
- name: reads
  interval: 2m
  rules:
  - {record: "y:twice", expr: "y:rate * 2"}
- name: first
  query_offset: 30s
  rules:
  - {record: "y:rate", expr: "rate(x_total[5m])", labels: {kind: r}}
  - {alert: A, expr: "y:rate > 1"}
  - {record: "y:sum", expr: "sum(y:rate)"}
- name: limited
  limit: 1
  rules:
  - {record: "y:few", expr: "x_total > 50000"}
"""


def write_samples(path):
    """series a all the time, series b with a gap of an hour and more"""
    lines = ["# TYPE x counter"]
    for name, factor in ("a", 1), ("b", 2):
        lines += [f'x_total{{s="{name}"}} {k * factor} {START + k}' for k in range(0, HOURS * 3600, 60)
                  if name == "a" or not 30000 < k < 34000]
    path.write_text("\n".join(lines + ["# EOF", ""]))


def dump(binary, folder):
    status, text = run_once([binary, "tsdb", "dump", folder])
    assert status == 0, text
    rows = {}
    for line in text.splitlines():
        if "x_total" in line:
            continue
        labels, value, at = line.rsplit(" ", 2)
        rows[labels, int(at)] = value
    return rows


def backfill(binary, folder, rules, *options):
    command = [binary, "rules", "backfill", f"--start={START}", f"--end={START + HOURS * 3600}",
               f"--storage.tsdb.path={folder}", *options, rules]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    return done


def matches(server, rows, name, expression):
    """how many samples of a series there are, when each is what the expression gives at its time"""
    wrong, count = [], 0
    for (labels, at), value in rows.items():
        if f'"{name}"' not in labels or value == "NaN":
            continue
        kind = 's="b"' if 's="b"' in labels else 's="a"' if 's="a"' in labels else ""
        got = server.api.query(expression % (("{%s}" % kind) if kind else ""), time=at / 1000)["result"]
        count += 1
        if count % 20 == 0 and (len(got) != 1 or abs(float(got[0]["value"][1]) - float(value)) > 1e-9):
            wrong.append((labels, at, value, got))
    assert not wrong, wrong[:3]
    return count


def run(bench, binary):
    samples, rules, data, out = (bench.folder / n for n in ("samples.om", "past.rules.yml", "past.data", "past.out"))
    write_samples(samples)
    rules.write_text(RULES)
    assert run_once([binary, "tsdb", "create-blocks-from", "openmetrics", samples, data])[0] == 0
    done = backfill(binary, data, rules)
    bench.check("progress is shown", lambda: "round 2 of 2" in done.stderr and " 0%" in done.stderr)
    rows = dump(binary, data)
    server = Server(bench, binary, "global: {}\n", name="past", data=data).wait_ready()
    minutes = HOURS * 60
    bench.check("a rule is evaluated at each time of its group", lambda: minutes * 1.9 < matches(
        server, rows, "y:rate", "rate(x_total%s[5m])") < minutes * 2)
    bench.check("rules see what others recorded", lambda: minutes * 0.9 < matches(
        server, rows, "y:twice", "y:rate%s * 2") < minutes)
    bench.check("those of the same group, too", lambda: minutes * 0.98 < matches(
        server, rows, "y:sum", "sum(y:rate%s)") <= minutes)
    bench.check("what vanishes gets a staleness marker", lambda: sum(
        value == "NaN" for (labels, _), value in rows.items() if 's="b"' in labels) == 3)
    few = {at for labels, at in rows if "y:few" in labels}
    bench.check("a time with more results than the limit has none", lambda: few and max(few) < (START + 50100) * 1000)
    bench.check("alerts are not evaluated", lambda: not any("ALERTS" in labels for labels, _ in rows))
    done = backfill(binary, out, rules, f"--url={server.api.base}")
    bench.check("the same by a server that has the blocks", lambda: dump(binary, out) == rows)
    bench.check("and it tells that it cannot see what others record", lambda: "run it again" in done.stderr)
    bench.check("a folder in use is refused", lambda: run_once(
        [binary, "rules", "backfill", f"--start={START}", f"--storage.tsdb.path={data}", rules])[0] == 1)
    bench.check("so is an end before the start", lambda: run_once(
        [binary, "tsdb", "create-blocks-from", "rules", "--start=10", "--end=5", rules])[0] == 1)
