"""checks_peer.py - our server and Debian's Prometheus scrape one target whose text does not change, and must agree."""
import programs
from fake_target import FakeTarget
from harness import Api, Server, eventually

CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: same
    static_configs:
      - targets: ["{target}"]
"""

TEXT = "# TYPE requests_total counter\n" + "".join(
    f'requests_total{{method="{m}",code="{c}",path="/p{p}"}} {(p * 7 + len(m) * 13 + c) * 1.25}\n'
    for m in ("get", "post", "put") for c in (200, 404, 500) for p in range(4)
) + "# TYPE seconds histogram\n" + "".join(
    f'seconds_bucket{{path="/p{p}",le="{le}"}} {n + p}\n'
    for p in range(3) for le, n in (("0.1", 3), ("0.5", 17), ("1", 40), ("2.5", 55), ("+Inf", 60))
) + "".join(f'seconds_sum{{path="/p{p}"}} {40 + p}\nseconds_count{{path="/p{p}"}} {60 + p}\n' for p in range(3)) + """
# TYPE odd gauge
odd{kind="nan"} NaN
odd{kind="inf"} +Inf
odd{kind="small"} 1e-9
odd{kind="large"} 1.5e+300
odd{kind="minus"} -0
temperature{room="a\\"b\\\\c"} -12.5
temperature{room="\u00fcber"} 3
"""

QUERIES = """
requests_total
requests_total{method=~"p.*",code!="500"}
requests_total{path!~"/p[12]"}
sum(requests_total)
sum by (method) (requests_total)
avg without (path, code) (requests_total)
max by (code) (requests_total) - min by (code) (requests_total)
count by (method, code) (requests_total > 300)
stddev by (method) (requests_total)
stdvar(requests_total)
quantile by (code) (0.75, requests_total)
topk(3, requests_total)
bottomk by (method) (1, requests_total)
count_values("value", requests_total > bool 500)
group by (path) (requests_total)
requests_total * 2 + 1
requests_total % 7
requests_total ^ 0.5
-requests_total
requests_total{code="200"} / ignoring(code) requests_total{code="404"}
requests_total / on(method) group_left sum by (method) (requests_total)
requests_total == 300 or requests_total{path="/p1"}
requests_total and on(path) seconds_count
requests_total unless on(path) seconds_count
histogram_quantile(0.5, seconds_bucket)
histogram_quantile(0.99, seconds_bucket)
histogram_quantile(0.9, sum by (le) (seconds_bucket))
seconds_sum / seconds_count
label_replace(seconds_count, "n", "$1", "path", "/p(.)")
label_join(seconds_count, "all", "-", "job", "path")
sort_desc(seconds_count)
absent(nothing{a="b"})
scalar(sum(seconds_count)) + vector(1)
clamp(requests_total, 100, 400)
round(requests_total / 7, 0.5)
ln(seconds_sum) + exp(seconds_count / 100) + sqrt(seconds_sum)
abs(temperature) + ceil(temperature) + floor(temperature) + sgn(temperature)
sin(seconds_sum) + cos(seconds_sum) + atan(seconds_sum) + deg(seconds_sum) + rad(seconds_sum)
odd
odd * 0
odd > 0
temperature
count({__name__=~".+"})
count by (__name__) ({job="same",__name__!~"scrape_.*"})
year(vector(1700000000)) + month(vector(1700000000)) + day_of_year(vector(1700000000))
days_in_month(vector(1709000000)) + hour(vector(1709000000)) + minute(vector(1709000000))
1 + 2 * 3 ^ 2 ^ 0.5 - -4 % 3
"a string"
1e-7
123456789012345678901234
0x1F + Inf - 1
sum(
up{
rate(up)
sum by (a) up
nosuchfunction(up)
{__name__=~".*"}
requests_total + on(method) requests_total
"""


def normalized(data):
    """a result without times and without an order that the language does not promise"""
    if data["resultType"] == "vector":
        return "vector", sorted((sorted(r["metric"].items()), number(r["value"][1])) for r in data["result"])
    if data["resultType"] == "matrix":
        return "matrix", sorted((sorted(r["metric"].items()), len(r["values"])) for r in data["result"])
    return data["resultType"], number(data["result"][1]) if data["resultType"] == "scalar" else data["result"][1]


def number(text):
    """equal up to the last digits, which may differ by the order of additions"""
    return text if text in ("NaN", "+Inf", "-Inf") else f"{float(text):.10g}"


def run(bench, binary):
    target = FakeTarget(TEXT)
    bench.cleanups.append(target.close)
    config = CONFIG.format(target=target.address)
    ours = Server(bench, binary, config).wait_ready().api
    peer = Api(f"http://{programs.prometheus(bench, config)}")
    for name, api in (("ours", ours), ("the peer", peer)):
        eventually(f"{name} has two scrapes", lambda api=api: api.value("count_over_time(up[1m])") >= 2, 20)

    def same(query):
        (our_status, our_answer), (status, answer) = (
            api.get("/api/v1/query", query=query) for api in (ours, peer))
        assert our_status == status, f"status {our_status}, not {status}: {our_answer}"
        if status != 200:
            assert our_answer["errorType"] == answer["errorType"], f"{our_answer}, not {answer}"
            return True
        got, wanted = normalized(our_answer["data"]), normalized(answer["data"])
        assert got == wanted, f"{str(got)[:500]}, not {str(wanted)[:500]}"
        return True
    for query in QUERIES.strip().splitlines():
        bench.check(f"same answer: {query}", lambda query=query: same(query))
    for path in ("/api/v1/labels", "/api/v1/label/code/values", "/api/v1/label/__name__/values",
                 "/api/v1/label/room/values", "/api/v1/series?match[]=requests_total"):
        def listed(path=path):
            def read(api):
                rows = api.get(path)[1]["data"]
                return sorted(map(str, (sorted(r.items()) if isinstance(r, dict) else r for r in rows)))
            assert read(ours) == read(peer), f"{read(ours)[:8]}, not {read(peer)[:8]}"
            return True
        bench.check(f"same answer: {path}", listed)
