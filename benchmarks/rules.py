#!/usr/bin/python3
"""rules.py [--seconds N] [--groups N] [--rules N] [--chained] [--no-peer] - many rules on our server and on Debian's Prometheus.

Both scrape the same target (1,000 series) and evaluate the same file, one after the other. Read are the missed iterations and
the processor seconds per second of the whole server, once as many seconds as the interval have passed. With --chained each
recording rule of a group reads the one before it, so that it has to be stored first.
"""
import argparse
import pathlib
import re
import shutil
import sys
import tempfile
import time

from servers import Failed, Prometheus, Server, http

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
from fake_target import FakeTarget  # noqa: E402

CONFIG = """
global: {{scrape_interval: 15s, evaluation_interval: {interval}s}}
rule_files: ["{rules}"]
scrape_configs: [{{job_name: app, static_configs: [{{targets: ["{target}"]}}]}}]
"""


def page():
    return "# TYPE requests_total counter\n" + "".join(
        f'requests_total{{path="/p{p}",code="{c}"}} {p * 7 + c}\n' for p in range(200) for c in (200, 301, 404, 500, 503))


def rule_file(groups, rules, chained):
    """recording rules over a few series each, and every tenth an alert"""
    lines = ["groups:"]
    for g in range(groups):
        lines += [f"- name: group{g}", "  rules:"]
        for r in range(rules // groups):
            select = f'requests_total{{path="/p{(g * 7 + r) % 200}"}}'
            if chained and r % 10 not in (0, 9):
                lines.append(f"  - {{record: 'g{g}:r{r}', expr: 'g{g}:r{r - 1} * 2'}}")
            elif r % 10 == 9:
                lines.append(f"  - {{alert: A{g}_{r}, expr: 'sum({select}) > 1e9', for: 5m, annotations: {{s: '{{{{ $value }}}}'}}}}")
            else:
                lines.append(f"  - {{record: 'g{g}:r{r}', expr: 'sum by (path) (rate({select}[5m]))'}}")
    return "\n".join(lines) + "\n"


def total(server, name):
    text = http(server.url("/metrics"), timeout=60)[2].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in re.findall(rf"^{name}[{{ ].*$", text, re.M))


def measure(kind, folder, arguments, target):
    rules = folder / "rules.yml"
    rules.write_text(rule_file(arguments.groups, arguments.rules, arguments.chained))
    server = kind(folder, CONFIG.format(interval=arguments.interval, rules=rules, target=target.address))
    server.start()
    try:
        time.sleep(arguments.interval + 5)
        before, began = server.cpu(), time.monotonic()
        count = total(server, "prometheus_rule_evaluations_total")
        time.sleep(arguments.seconds)
        cpu = (server.cpu() - before) / (time.monotonic() - began)
        return {"cpu": cpu, "missed": total(server, "prometheus_rule_group_iterations_missed_total"),
                "failed": total(server, "prometheus_rule_evaluation_failures_total"),
                "evaluated": total(server, "prometheus_rule_evaluations_total") - count}
    finally:
        server.process.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--interval", type=int, default=15)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--rules", type=int, default=10000)
    parser.add_argument("--chained", action="store_true")
    parser.add_argument("--no-peer", action="store_true")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ferula-rules-"))
    target = FakeTarget(page())
    results = {}
    try:
        for kind in [Server] if arguments.no_peer else [Server, Prometheus]:
            try:
                results[kind.name] = r = measure(kind, folder, arguments, target)
                print(f"{kind.name:12} cpu {r['cpu']:.3f} s/s, missed {r['missed']:.0f}, failed {r['failed']:.0f}, "
                      f"evaluated {r['evaluated']:.0f}", flush=True)
            except Failed as e:
                print(f"{kind.name:12} {e}", flush=True)
    finally:
        target.close()
        shutil.rmtree(folder, ignore_errors=True)
    if len(results) == 2:
        print(f"ours / prometheus: cpu {results['ours']['cpu'] / results['prometheus']['cpu']:.2f} (aim 0.2)")
    return 1 if results.get("ours", {"missed": 1})["missed"] else 0


sys.exit(main())
