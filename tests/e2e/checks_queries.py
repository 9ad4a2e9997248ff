"""checks_queries.py - queries of death and of every day: what runs is listed and can be stopped, what is hopeless is refused, and
the server answers /-/healthy all the while."""
import threading
import time

from harness import Server, eventually, http

SLOW = "sum(max_over_time(max_over_time(vector(1)[15m:5ms])[2h:1s]))"
HOPELESS = {
    "parentheses": "(" * 100000 + "1" + ")" * 100000,
    "many terms": "1" + "+1" * 100000,
    "minus signs": "-" * 100000 + "1",
    "a long name": "a" * 3000000,
    "steps of a subquery": "sum_over_time(vector(1)[1000000h:1ms])",
    "repetitions": 'count({__name__=~"(a{1000}){1000}"})',
    "columns": "sum(" + " + ".join(f"count_over_time(vector({n})[10h:1s])" for n in range(100)) + ")",
}


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


def refused(server, query):
    """hopeless: an error that comes soon, or an answer"""
    begin = time.monotonic()
    status, _, body = http(server.api.base + "/api/v1/query", data=b"query=" + query.replace("+", "%2B").encode(), method="POST",
                           headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=120)
    return (status, time.monotonic() - begin, body[:120])


def survives(server):
    slowest, done = [0.0], threading.Event()

    def look():
        while not done.is_set():
            begin = time.monotonic()
            assert http(server.api.base + "/-/healthy")[0] == 200
            slowest[0] = max(slowest[0], time.monotonic() - begin)
            done.wait(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for name, query in HOPELESS.items():
            status, seconds, body = refused(server, query)
            assert status in (200, 400, 413, 422, 503), (name, status, body)
            assert seconds < 30, (name, seconds)
    finally:
        done.set()
        watcher.join()
    return slowest[0] < 1.0  # ten times what is promised


def run(bench, binary):
    server = Server(bench, binary, "global: {}\n", "--query.max-concurrency=4", name="queries").wait_ready()
    bench.check("a running query is listed, and stopped", lambda: stopped(server))
    bench.check("what is not running cannot be stopped", lambda: refuses_unknown(server))
    bench.check("what cost most is told", lambda: tops(server))
    bench.check("hopeless queries harm nobody, and /-/healthy answers", lambda: survives(server))
    bench.check("the server goes on", lambda: server.api.value("vector(1) + 1") == 2)
