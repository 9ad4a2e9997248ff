#!/usr/bin/python3
"""differential.py [--queries N] [--seed S] SERVER - random queries, asked of our server and of Debian's Prometheus.

    query_data.py --remote write--> both      query_grammar.py --> a query --> both --> the same answer?
                                                                   no: a listed change (query_changes.py), or a failure

Answers are equal when labels, times and kinds of errors are, and values are within 1e-9. A query that fails is made smaller as
long as the answers still differ, and printed with both.
"""
import argparse
import collections
import http.client
import itertools
import json
import math
import pathlib
import sys
import urllib.parse

sys.dont_write_bytecode = True

import programs  # noqa: E402
import query_change_examples  # noqa: E402
import query_data  # noqa: E402
from harness import Bench, Server  # noqa: E402
from query_changes import SHARE, for_peer, rewritings  # noqa: E402
from query_grammar import Grammar  # noqa: E402
from remote_write import FLAG, Writer  # noqa: E402

CONFIG = "global: {evaluation_interval: 1m}\n"
TOLERANCE, TRIES, SHOWN = 1e-9, 60, 20


class Client:
    """one kept connection"""

    def __init__(self, port, translate=str):
        self.translate = translate
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def write(self, body):
        self.connection.request("POST", "/api/v1/write", body, Writer.HEADERS)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status // 100 == 2, f"{answer.status} {text[:200]!r}"

    def ask(self, text, parameters):
        path = "/api/v1/query" if "time" in parameters else "/api/v1/query_range"
        self.connection.request("GET", path + "?" + urllib.parse.urlencode({"query": self.translate(text), **parameters}))
        answer = self.connection.getresponse()
        return json.loads(answer.read())


def number(text):
    return float(text)  # NaN, +Inf and -Inf too


def same_number(a, b):
    x, y = number(a), number(b)
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return x == y or abs(x - y) <= TOLERANCE * max(abs(x), abs(y), 1e-6)


def points(answer):
    """{labels: [(time, value)]} of any result, and whether it has labels"""
    data = answer["data"]
    if data["resultType"] in ("scalar", "string"):
        return {(): [data["result"]]}
    return {tuple(sorted(row["metric"].items())): row["values"] if "values" in row else [row["value"]] for row in data["result"]}


def ordered(text):
    """is the whole query one call of sort or sort_desc?"""
    name, _, rest = text.partition("(")
    depth = 1
    for at, c in enumerate(rest):
        depth += (c == "(") - (c == ")")
        if not depth:
            return name in ("sort", "sort_desc") and at == len(rest) - 1
    return False


def difference(text, ours, theirs):
    """what is different, in words; None when nothing is"""
    kinds = [a.get("errorType") or a["data"]["resultType"] for a in (ours, theirs)]
    if kinds[0] != kinds[1]:
        return f"{kinds[0]} {ours.get('error', '')}, not {kinds[1]} {theirs.get('error', '')}"
    if "error" in ours:
        return None
    got, wanted = points(ours), points(theirs)
    if set(got) != set(wanted):
        return f"series {sorted(set(got) - set(wanted))[:3]} too much, {sorted(set(wanted) - set(got))[:3]} missing"
    for labels, values in got.items():
        if [v[0] for v in values] != [v[0] for v in wanted[labels]]:
            return f"{dict(labels)} has values at {[v[0] for v in values][:50]}, not {[v[0] for v in wanted[labels]][:50]}"
        for have, want in zip(values, wanted[labels]):
            if not same_number(have[1], want[1]):
                return f"{dict(labels)} at {have[0]} is {have[1]}, not {want[1]}"
    if ordered(text) and kinds[0] == "vector":
        rows = [[row["value"][1] for row in answer["data"]["result"]] for answer in (ours, theirs)]
        if not all(map(same_number, *rows)):
            return f"the order is {rows[0][:20]}, not {rows[1][:20]}"
    return None


class Comparison:
    def __init__(self, clients):
        self.clients = clients
        self.changes, self.explained, self.failures = collections.Counter(), 0, []
        self.empty = self.errors = 0

    def different(self, text, parameters):
        return difference(text, *(client.ask(text, parameters) for client in self.clients))

    def changes_of(self, text, parameters, what):
        """the listed changes without which both agree"""
        return next((names for names, other in rewritings(text, what) if not self.different(other, parameters)), None)

    def is_failure(self, text, parameters):
        what = self.different(text, parameters)
        return what and not self.changes_of(text, parameters, what)

    def shrunk(self, tree, parameters):
        """the smallest query found that fails too"""
        for smaller in itertools.islice(tree.smaller(), TRIES):
            if self.is_failure(smaller.text(), parameters):
                return self.shrunk(smaller, parameters)
        return tree

    def compare(self, tree, parameters):
        text = tree.text()
        ours, theirs = (client.ask(text, parameters) for client in self.clients)
        self.errors += "error" in theirs
        self.empty += "error" not in theirs and not theirs["data"]["result"]
        what = difference(text, ours, theirs)
        changes = what and self.changes_of(text, parameters, what)
        if changes:
            self.changes.update(changes)
            self.explained += 1
        elif what:
            self.fail(tree, parameters, what)

    def fail(self, tree, parameters, what):
        self.failures.append(tree.text())
        if len(self.failures) > SHOWN:
            return
        print(f"DIFFERS {tree.text()}\n   {parameters}: {what}", flush=True)
        small = self.shrunk(tree, parameters)
        if small is not tree:
            print(f"   smaller: {small.text()}\n   {self.different(small.text(), parameters)}", flush=True)


def start(bench, binary, all_series):
    """a client of each server, both with the data"""
    ours = Server(bench, binary, CONFIG, FLAG, "--enable-feature=promql-experimental-functions").wait_ready()
    peer = programs.prometheus(bench, CONFIG, "peer", FLAG)
    clients = [Client(ours.port), Client(int(peer.rsplit(":", 1)[1]), for_peer)]
    for client in clients:
        for body in query_data.bodies(all_series):
            client.write(body)
    return clients


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    parser.add_argument("server")
    arguments = parser.parse_args()
    bench = Bench(arguments.keep)
    query_change_examples.check(bench)
    all_series = query_data.series(arguments.seed)
    clients = start(bench, pathlib.Path(arguments.server).resolve(), all_series)
    comparison, grammar = Comparison(clients), Grammar(all_series, arguments.seed)
    print(f"seed {arguments.seed}, {len(all_series)} series")
    for _ in range(arguments.queries):
        comparison.compare(*grammar.query())
    for name, count in comparison.changes.most_common():
        print(f"      {count} differ: {name}")
    print(f"      {comparison.errors} answers were errors, {comparison.empty} were empty")
    explained, failed = comparison.explained, len(comparison.failures)
    bench.passed += arguments.queries - explained - failed
    bench.failed += comparison.failures
    bench.check(f"at most {SHARE:.0%} of the queries differ by a change", lambda: explained <= SHARE * arguments.queries)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
