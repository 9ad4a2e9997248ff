"""checks_text_import.py - text with samples of last year is posted to a server that holds samples of now; a query finds each, also after a SIGKILL."""
import math
import time

from harness import SIGKILL, Server, eventually, http

ENABLED = "--web.enable-remote-write-receiver"
PATH = "/api/v1/import/prometheus"
SERIES, ROWS, STEP = 50, 500, 60000


def value(series, row):
    return round(math.sin(row / 40) * 100 + series, 3)


def run(bench, binary):
    check = bench.check
    ours = Server(bench, binary, "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: self, static_configs: "
                  "[{targets: ['{self}']}]}]\n", ENABLED).wait_ready()
    api = ours.api
    begin = (int(time.time() * 1000) - 365 * 86400000) // STEP * STEP

    def post(text, kind="text/plain"):
        status, _, body = http(api.base + PATH, text.encode(), "POST", headers={"Content-Type": kind})
        return status, body.decode()

    def text(first, last, seconds=False):
        return "# TYPE past gauge\n" + "".join(
            f'past{{n="{n}"}} {value(n, row)} {(begin + row * STEP) / 1000 if seconds else begin + row * STEP}\n'
            for n in range(SERIES) for row in range(first, last))

    check("a text of last year is taken", lambda: post(text(0, ROWS // 2)) == (204, ""))
    check("so is OpenMetrics", lambda: post(text(ROWS // 2, ROWS, True) + "# EOF\n",
                                           "application/openmetrics-text; version=1.0.0; charset=utf-8") == (204, ""))
    check("and the same once more", lambda: post(text(0, 20)) == (204, ""))
    check("a sample without a time is of now", lambda: post("now_only 7\n")[0] == 204 and api.value("now_only") == 7)

    def influx(lines, **params):
        query = "&".join(f"{k}={v}" for k, v in params.items())
        status, _, body = http(f"{api.base}/{'write' if 'db' in params else 'api/v2/write'}?{query}", lines.encode(), "POST")
        return status, body.decode()
    check("lines of InfluxDB are taken", lambda: influx(f'lake,site=a\\ b depth=3.5,cold=t,note="x y" {begin // 1000}\n'
                                                        f'lake,site=a\\ b depth=4i {begin // 1000 + 60}\n', precision="s", db="old") == (204, ""))
    check("each number of theirs is a series", lambda: [(r["metric"], r["values"]) for r in api.query(
        '{__name__=~"lake_.*"}[2m]', time=begin / 1000 + 60)["result"]] == [
            ({"__name__": "lake_cold", "site": "a b", "db": "old"}, [[begin / 1000, "1"]]),
            ({"__name__": "lake_depth", "site": "a b", "db": "old"}, [[begin / 1000, "3.5"], [begin / 1000 + 60, "4"]])])
    check("a bent line is refused with its number", lambda: influx("a x=1\nb\n") == (400, "line 2: no fields\n"))

    def found():
        rows = api.query(f"past[{ROWS * STEP // 1000}s]", time=(begin + ROWS * STEP) / 1000 - 1)["result"]
        have = {int(row["metric"]["n"]): [(round(float(at) * 1000), float(v)) for at, v in row["values"]] for row in rows}
        wanted = {n: [(begin + row * STEP, value(n, row)) for row in range(ROWS)] for n in range(SERIES)}
        assert have == wanted, f"{len(have)} series, {sum(map(len, have.values()))} samples, or other values"
        return True
    check("each sample is found", found)
    check("what is scraped meanwhile is there, too", lambda: eventually(
        "a scrape", lambda: api.value("count_over_time(up[1m])") >= 1, 20))
    ours.process.signal(SIGKILL)
    ours.process.popen.wait()
    ours.process.start()
    ours.wait_ready()
    check("also after a SIGKILL", found)

    def refused():
        status, body = post('good 1 1000\nbad{ 1\n')
        return status == 400 and "line 2" in body and api.query("good[1h]", time=1)["result"] == []
    check("of a text with an error nothing is taken, and the line is told", refused)
    check("another value for a time is refused", lambda: post(f'past{{n="0"}} -1 {begin}\n') == (
        400, "duplicate sample for timestamp\n") and found())
    check("so is the future", lambda: post(f"m 1 {begin + 2 * 365 * 86400000}\n") == (400, "out of bounds\n"))
    check("and compression", lambda: http(api.base + PATH, b"m 1\n", "POST", headers={"Content-Encoding": "gzip"})[0] == 415)
