"""checks_formats.py - the Go client's page in protobuf and in OpenMetrics: what Debian's Prometheus makes of the same bytes.

The bytes are fetched once from the demo and then served as they are, so that both servers see the same values; the demo
itself is scraped, too.
"""
import json
import time
import urllib.parse
import urllib.request

import programs
from fake_target import FakeTarget
from harness import Api, Server, eventually, http

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
OPENMETRICS = "application/openmetrics-text;version=0.0.1"

CONFIG = """
global: {{scrape_interval: 300ms}}
scrape_configs:
  - job_name: protobuf
    {native}
    static_configs: [{{targets: ["{protobuf}"]}}]
  - job_name: openmetrics
    static_configs: [{{targets: ["{openmetrics}"]}}]
  - job_name: live
    {native}
    static_configs: [{{targets: ["{live}"]}}]
"""
NATIVE = "scrape_native_histograms: true"


def fetch(address, accept):
    request = urllib.request.Request(f"http://{address}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read(), answer.headers["Content-Type"]


def newest(api, job):
    """labels -> value or histogram, without the series that each server adds"""
    rows = api.query(f'{{job="{job}",__name__!~"scrape_.*|up"}}')["result"]
    return {tuple(sorted(row["metric"].items())): row.get("histogram", row.get("value"))[1] for row in rows}


def exemplars(api, job, begin, end):
    query = f'{{job="{job}"}}'
    answer = json.loads(http(f"{api.base}/api/v1/query_exemplars?" + urllib.parse.urlencode(
        {"query": query, "start": begin, "end": end}))[2])
    assert answer["status"] == "success", answer
    return {tuple(sorted(row["seriesLabels"].items())): row["exemplars"] for row in answer["data"]}


def run(bench, binary):
    check = bench.check
    begin = time.time() - 60
    live = programs.go_demo(bench)
    eventually("some hundred calls", lambda: b"rpc_calls_total" in fetch(live, "text/plain")[0] and
               float(fetch(live, "text/plain")[0].split(b'rpc_calls_total{service="demo"} ')[1].split()[0]) > 400)
    pages = {"protobuf": fetch(live, PROTOBUF), "openmetrics": fetch(live, OPENMETRICS)}
    assert "protobuf" in pages["protobuf"][1] and "openmetrics" in pages["openmetrics"][1], [
        page[1] for page in pages.values()]
    targets = {name: FakeTarget(*page) for name, page in pages.items()}
    for target in targets.values():
        bench.cleanups.append(target.close)
    addresses = {name: target.address for name, target in targets.items()}
    ours = Server(bench, binary, CONFIG.format(native=NATIVE, live=live, **addresses)).wait_ready().api
    peer = Api("http://" + programs.prometheus(bench, CONFIG.format(native="", live=live, **addresses), "peer",
                                               "--enable-feature=native-histograms,exemplar-storage"))
    for name, api in (("ours", ours), ("the peer", peer)):
        eventually(f"{name} has scraped all", lambda api=api: len(api.query("count_over_time(up[1m]) > 3")["result"]) == 3)

    def same(job, histograms):
        mine, theirs = newest(ours, job), newest(peer, job)
        assert mine == theirs, [(key, theirs.get(key), mine.get(key)) for key in theirs.keys() | mine.keys()
                                if theirs.get(key) != mine.get(key)][:3]
        found = sum(isinstance(value, dict) for value in mine.values())
        assert found == histograms, f"{found} native histograms"
        return f"{len(mine)} series"
    check("a page in protobuf gives the series of Prometheus", lambda: same("protobuf", 1))
    check("a page in OpenMetrics gives the series of Prometheus", lambda: same("openmetrics", 0))

    def same_exemplars(job):
        end = time.time() + 60
        mine, theirs = exemplars(ours, job, begin, end), exemplars(peer, job, begin, end)
        assert theirs and mine == theirs, (mine, theirs)
        return sum(map(len, mine.values()))
    check("its exemplars, too, in protobuf", lambda: same_exemplars("protobuf"))
    check("its exemplars, too, in OpenMetrics", lambda: same_exemplars("openmetrics"))

    def both_formats_agree():
        """the pages are some milliseconds apart: the same series, but for the native histogram"""
        names = [{tuple(label for label in key if label[0] not in ("job", "instance"))
                  for key in newest(ours, job)} for job in ("protobuf", "openmetrics")]
        return {dict(key)["__name__"] for key in names[0] ^ names[1]} <= {
            "rpc_native_seconds", "rpc_native_seconds_bucket", "rpc_native_seconds_count", "rpc_native_seconds_sum"}
    check("protobuf and OpenMetrics give the same series", both_formats_agree)

    def asked(name):
        """what our server wanted from that target"""
        return [headers["Accept"] for _, headers in targets[name].requests if "Ferula" in headers["User-Agent"]][-1]
    check("protobuf was asked for first", lambda: asked("protobuf").startswith(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"))
    check("and not where native histograms are not wanted", lambda: "protobuf" not in asked("openmetrics"))
    for name, api in (("here", ours), ("there", peer)):
        check(f"the demo's native histogram grows {name}", lambda api=api: eventually("it grows", lambda: (
            400 < api.value('histogram_count(rpc_native_seconds{job="live"})') and
            api.value('histogram_count(rate(rpc_native_seconds{job="live"}[10s]))') > 50)))
    check("its quantile is that of the classic one", lambda: abs(
        ours.value('histogram_quantile(0.9, rpc_native_seconds{job="live"})') - ours.value(
            'histogram_quantile(0.9, rpc_durations_histogram_seconds_bucket{job="live"})')) < 0.05)
    targets["protobuf"].set(pages["protobuf"][0][:-1], content_type=PROTOBUF)
    check("half a page is a failed scrape, and the histogram ends", lambda: eventually("stale", lambda: (
        ours.value('up{job="protobuf"}') == 0 and not ours.query('rpc_native_seconds{job="protobuf"}')["result"])))
