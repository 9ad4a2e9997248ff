"""together.py [--queries N] SERVER - a scrape is seen whole or not at all.

Four targets change all buckets of a histogram together at every scrape, ten times a second, while as many clients as
there are targets ask for them, one query after the other on a kept connection: buckets that differ would be a part.
"""
import argparse
import http.client
import itertools
import json
import multiprocessing
import pathlib
import sys
import time
import urllib.parse

from fake_target import FakeTarget
from harness import Bench, Server, eventually

TARGETS, BUCKETS = 4, 20

CONFIG = """
global: {{scrape_interval: 100ms}}
scrape_configs:
  - job_name: same
    static_configs: [{{targets: [{targets}]}}]
"""


def page(counter):
    """every bucket and the count have the number of this scrape"""
    now = next(counter)
    lines = [f'h_bucket{{le="{le}"}} {now}' for le in [*range(1, BUCKETS), "+Inf"]]
    return "# TYPE h histogram\n" + "\n".join(lines) + f"\nh_sum 0\nh_count {now}\n"


def of_each(rows):
    seen = {}
    for row in rows:
        seen.setdefault(row["metric"]["instance"], []).append(float(row["value"][1]))
    return seen


# expression, and what is wrong with its answer
QUERIES = [
    ("h_bucket", lambda rows: [v for v in of_each(rows).values() if len(v) != BUCKETS or min(v) != max(v)]),
    ("max by (instance) (h_bucket) - min by (instance) (h_bucket)", lambda rows: [r for r in rows if r["value"][1] != "0"]),
    ("count by (instance) (h_bucket)", lambda rows: [r for r in rows if r["value"][1] != str(BUCKETS)]),
    ("max without (le) (h_bucket) - ignoring (le) h_count", lambda rows: [r for r in rows if r["value"][1] != "0"]),
]


def ask(port, count, results):
    """how many queries, answers with all targets, and the first part of a scrape that was seen"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    whole, newest = 0, set()
    for i in range(count):
        expression, wrong = QUERIES[i % len(QUERIES)]
        connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        rows = json.loads(connection.getresponse().read())["data"]["result"]
        part = wrong(rows)
        if part:
            results.put((i, whole, len(newest), f"{expression}: {part[:2]}"))
            return
        whole += len({r["metric"]["instance"] for r in rows}) == TARGETS
        if rows and expression == "h_bucket":
            newest.add(rows[0]["value"][1])
    results.put((count, whole, len(newest), None))


def watch(port, queries):
    results = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=ask, args=(port, queries // TARGETS, results)) for _ in range(TARGETS)]
    begin = time.monotonic()
    for client in clients:
        client.start()
    for client in clients:
        client.join()  # one that died has not reported
    assert all(client.exitcode == 0 for client in clients), "a client ended early"
    reports = [results.get() for _ in clients]
    parts = [report[3] for report in reports if report[3]]
    assert not parts, parts
    assert all(report[1] > queries // TARGETS * 0.9 for report in reports), f"targets were missing: {reports}"
    seconds = time.monotonic() - begin
    changes = max(report[2] for report in reports)
    assert changes > seconds * 3, f"only {changes} different scrapes in {seconds:.0f} s"
    print(f"      {sum(r[0] for r in reports)} queries in {seconds:.0f} s met {changes} scrapes of a target, whole each time")
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=4000)
    parser.add_argument("server")
    arguments = parser.parse_args()
    bench = Bench()
    targets = [FakeTarget(lambda counter=itertools.count(): page(counter)) for _ in range(TARGETS)]
    for target in targets:
        bench.cleanups.append(target.close)
    names = ", ".join(f'"{target.address}"' for target in targets)
    server = Server(bench, pathlib.Path(arguments.server).resolve(), CONFIG.format(targets=names)).wait_ready()
    eventually("all targets are there", lambda: len(of_each(server.api.query("h_bucket")["result"])) == TARGETS, 20)
    bench.check(f"{arguments.queries} queries beside scrapes see each scrape whole", lambda: watch(server.port, arguments.queries))
    bad = bench.finish()
    print(f"{bench.passed} passed, {len(bench.failed)} failed")
    return 1 if bad else 0


sys.exit(main())
