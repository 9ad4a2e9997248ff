"""checks_queries.py - queries of death and of every day: what runs is listed, told of, logged and can be stopped, what is hopeless
is refused, and the server answers /-/healthy all the while."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
from urllib.parse import quote

import query_deaths
from harness import Server, eventually, http
from remote_write import Writer, snappy, write_request

SLOW = "sum(max_over_time(max_over_time(vector(1)[15m:5ms])[2h:1s]))"
SERIES, SAMPLES = 1500, 240
QUERY_BYTES = 256 << 20  # a quarter of --memory.max: what all queries may have together
ROOM = 128 << 20  # requests, answers on their way, what the allocator keeps


def running(server):
    return server.api.data("/api/v1/status/active_queries")


class Asked(threading.Thread):
    def __init__(self, server, query, path="/api/v1/query", **parameters):
        super().__init__(daemon=True)
        self.server, self.query, self.path, self.parameters, self.answer = server, query, path, parameters, None
        self.start()

    def run(self):
        self.answer = self.server.api.get(self.path, query=self.query, **self.parameters)


def stopped(server):
    asked = Asked(server, SLOW)
    listed = eventually("the query is listed", lambda: [one for one in running(server) if one["query"] == SLOW], 20)
    status, _, body = http(f"{server.api.base}/api/v1/status/active_queries/cancel?id={listed[0]['id']}", method="POST")
    assert status == 200, body
    asked.join(20)
    status, answer = asked.answer
    assert (status, answer["errorType"]) == (499, "canceled"), asked.answer
    return "canceled" in answer["error"] and eventually("it is gone", lambda: not running(server), 10)


def refuses_unknown(server):
    codes = [http(f"{server.api.base}/api/v1/status/active_queries/cancel{query}", method="POST")[0] for query in ("?id=999999", "?id=x", "")]
    return codes == [404, 400, 400]


def tops(server):
    for _ in range(3):
        server.api.query("1 + 1")
    top = server.api.data("/api/v1/status/top_queries")
    assert top["bySeconds"][0]["seconds"] >= top["bySeconds"][-1]["seconds"], top
    return any(one["query"] == "1 + 1" and one["count"] == 3 for one in top["byCount"])


def fill(server):
    now = int(time.time()) * 1000
    for first in range(0, SERIES, 300):
        series = [({"__name__": f"m{n % 3 + 1}", "job": "many", "instance": f"host{n}"},
                   [(now - (SAMPLES - k) * 15000, float(k * n)) for k in range(SAMPLES)]) for n in range(first, first + 300)]
        status, _, body = http(server.api.base + "/api/v1/write", snappy(write_request(series)), "POST", Writer.HEADERS)
        assert status == 204, (status, body)
    return server.api.value('count({job="many"})') == SERIES


def ask(server, path, parameters, seconds=4):
    """(status, seconds it took); 0: the client left"""
    pairs = [(name, one) for name, value in parameters.items() for one in (value if isinstance(value, list) else [value])]
    form = "&".join(f"{quote(name)}={quote(str(one).encode('utf-8', 'surrogateescape'))}" for name, one in pairs)
    begin = time.monotonic()
    try:
        status = http(server.api.base + path, form.encode(), "POST", {"Content-Type": "application/x-www-form-urlencoded"}, seconds)[0]
    except OSError:
        status = 0
    return status, time.monotonic() - begin


def between(parameters):
    parameters = dict(parameters)
    seconds = parameters.pop("seconds", None)
    if seconds is not None:
        parameters |= {"start": time.time() - seconds, "end": time.time()}
    return parameters


def processor_seconds(server):
    fields = pathlib.Path(f"/proc/{server.process.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_refused(server, name, path, parameters):
    """before any work: ten times the 10 ms that are promised, of processor time, since others use the machine too"""
    begin = processor_seconds(server)
    statuses = [ask(server, path, between(parameters), 20)[0] for _ in range(2)]
    assert all(status in (400, 413, 422) for status in statuses), (name, statuses)
    assert processor_seconds(server) - begin < 0.2, (name, processor_seconds(server) - begin)


WATCH = """
import sys, threading, time, urllib.request
slowest, done = 0.0, threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
while not done.wait(0.02):
    begin = time.monotonic()
    urllib.request.urlopen(sys.argv[1], timeout=20).read()
    slowest = max(slowest, time.monotonic() - begin)
print(slowest)
"""


class Watcher:
    """looks at /-/healthy until close(), from a process of its own, since the one that asks is busy; then says what took longest"""

    def __init__(self, server):
        self.process = subprocess.Popen([sys.executable, "-c", WATCH, server.api.base + "/-/healthy"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def close(self):
        slowest = float(self.process.communicate(timeout=30)[0])
        assert slowest < 1.0, f"/-/healthy took {slowest:.3f} s"  # ten times what is promised


def memory(server, what):
    text = pathlib.Path(f"/proc/{server.process.popen.pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", text).group(1)) << 10


def all_refused(server):
    for name, query in query_deaths.REFUSED.items():
        is_refused(server, name, "/api/v1/query", {"query": query})
    is_refused(server, "too many steps", "/api/v1/query_range", query_deaths.TOO_MANY_STEPS)
    return True


def all_survived(server):
    """four at a time, each client leaving after two seconds; then 200 and 50 at once"""
    base = memory(server, "VmRSS")
    cases = [("/api/v1/query", {"query": query}) for query in query_deaths.SURVIVED.values()] + list(query_deaths.RANGES.values())
    crowds = [("/api/v1/query", {"query": 'sum by (instance) (rate({job!=""}[5m]))'})] * 200
    crowds += [("/api/v1/query_range", {"query": '{job!=""}', "seconds": 3600, "step": "15"})] * 50
    watcher = Watcher(server)
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asked = list(pool.map(lambda case: ask(server, case[0], between(case[1]), 2), cases))
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            asked += pool.map(lambda case: ask(server, case[0], between(case[1])), crowds)
    finally:
        watcher.close()
    assert all(status in (0, 200, 400, 413, 422, 499, 503) for status, _ in asked), [one for one in asked]
    eventually("whose client has left is stopped", lambda: not running(server), 10)
    peak = memory(server, "VmHWM")
    assert peak < base + QUERY_BYTES + ROOM, f"{base >> 20} MB grew to {peak >> 20} MB"
    return any(status == 200 for status, _ in asked[-250:])


def logged(server):
    lines = [json.loads(line) for line in (server.config.parent / "asked.log").read_text().splitlines()]
    mine = [line for line in lines if line["params"]["query"] == "vector(1) + 1"]
    assert mine[-1]["httpRequest"]["path"] == "/api/v1/query" and mine[-1]["httpRequest"]["clientIP"] == "127.0.0.1", mine[-1]
    assert mine[-1]["stats"]["timings"]["execTotalTime"] > 0 and mine[-1]["params"]["step"] == 0, mine[-1]
    return mine[-1]["params"]["start"] == mine[-1]["params"]["end"] and mine[-1]["msg"] == "promql query logged"


def log_follows_reload(server):
    path = server.config.parent / "asked.log"
    path.rename(path.with_suffix(".old"))
    assert http(server.api.base + "/-/reload", method="POST")[0] == 200
    server.api.query("vector(2)")
    assert '"vector(2)"' in path.read_text()
    server.config.write_text("global: {query_log_file: /dev/full}\n")
    assert http(server.api.base + "/-/reload", method="POST")[0] == 200
    assert server.api.value("vector(3)") == 3
    failures = re.search(r"prometheus_engine_query_log_failures_total (\d+)", http(server.api.base + "/metrics")[2].decode())
    return int(failures.group(1)) >= 1 and '"vector(3)"' not in path.read_text()


def explained(server):
    now = int(time.time()) - 60
    text = "sum(rate(m1[5m])) + 0 * max_over_time(vector(1)[1m:30s])"
    data = server.api.data("/api/v1/query_range", query=text, start=now - 300, end=now, step=60, explain="true", stats="all")
    plan, call = data["explain"], data["explain"]["children"][0]["children"][0]["children"][0]
    assert (plan["node"], call["node"], call["series"]) == ("query", "call", SERIES // 3), plan
    assert call["expr"] == text[call["start"]:call["end"]] == "rate(m1[5m])" and 0 < call["ownSeconds"] <= plan["seconds"], call
    samples = data["stats"]["samples"]
    steps = samples["totalQueryableSamplesPerStep"]
    assert [step for step, _ in steps] == list(range(now - 300, now + 1, 60)), steps
    # 20 samples of each series in every window, and two points of the subquery
    assert all(count == 20 * SERIES // 3 + 2 for _, count in steps), steps
    assert samples["totalQueryableSamples"] == sum(count for _, count in steps), samples
    return samples["samplesRead"] == call["samples"] and "explain" not in server.api.data("/api/v1/query", query="m1")


def asked_from_a_shell(server, binary):
    def tool(*arguments):
        return subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=20, check=False)

    url, now = server.api.base, int(time.time()) - 60
    one = tool("query", "instant", "--time", str(now), url, 'm1{instance="host0"} * 0')
    assert one.stdout == f'{{instance="host0", job="many"}} => 0 @[{now}]\n', one
    lines = tool("query", "range", f"--start={now - 60}", f"--end={now}", "--step=30", url, "vector(7)").stdout.splitlines()
    assert lines == ["{} =>", *(f"7 @[{t}]" for t in (now - 60, now - 30, now))], lines
    assert json.loads(tool("query", "range", "-o", "json", url, "vector(7)").stdout)[0]["metric"] == {}
    plot = tool("query", "range", "-o", "plot", url, "vector(time() % 60)").stdout
    assert any(0x2800 < ord(c) < 0x2900 for c in plot) and "\033" not in plot, plot
    assert tool("query", "series", url, 'm1{instance="host0"}').stdout == '{__name__="m1", instance="host0", job="many"}\n'
    assert tool("query", "labels", url, "job").stdout == "many\n"
    bad = tool("query", "instant", url, "1 +")
    assert bad.returncode == 1 and "1:4: parse error" in bad.stderr, bad
    plan = tool("promql", "explain", "--url", url, "count(m1)").stdout
    return plan.startswith("query  count(m1)\n") and f"{SERIES // 3} series, {SERIES // 3} samples" in plan


def run(bench, binary):
    # without the sandbox, as the log goes on to a device that is always full
    server = Server(bench, binary, "global: {query_log_file: asked.log}\n", "--no-sandbox", "--query.max-concurrency=4", "--memory.max=1GB",
                    "--web.enable-lifecycle", "--web.enable-remote-write-receiver", "--enable-feature=promql-per-step-stats",
                    name="queries").wait_ready()
    bench.check("a running query is listed, and stopped", lambda: stopped(server))
    bench.check("what is not running cannot be stopped", lambda: refuses_unknown(server))
    bench.check("what cost most is told", lambda: tops(server))
    bench.check("series come in by remote write", lambda: fill(server))
    bench.check("a plan and the statistics of steps are told", lambda: explained(server))
    bench.check("queries are asked from a shell", lambda: asked_from_a_shell(server, binary))
    bench.check(f"{len(query_deaths.REFUSED) + 1} hopeless queries are refused before work", lambda: all_refused(server))
    bench.check(f"{len(query_deaths.SURVIVED) + len(query_deaths.RANGES)} heavy queries and two crowds harm nobody", lambda: all_survived(server))
    bench.check("the server goes on", lambda: server.api.value("vector(1) + 1") == 2)
    bench.check("queries are logged", lambda: logged(server))
    bench.check("the log follows a reload, and a full disk harms no query", lambda: log_follows_reload(server))
