"""checks_remote_read.py - Debian's Prometheus, which has no samples of its own, asks our server by remote read and must answer as ours."""
import time

import programs
import remote_read
from checks_peer import TEXT
from fake_target import FakeTarget
from harness import Api, Server, eventually, http

OURS = """
global:
  scrape_interval: 1s
  external_labels: {{zone: "eu"}}
scrape_configs:
  - job_name: same
    static_configs:
      - targets: ["{target}"]
"""

ASKING = """
remote_read:
  - url: http://127.0.0.1:{port}/api/v1/read
    read_recent: true
"""

QUERIES = ("requests_total", "up", 'requests_total{method=~"p.*",code!="500"}', 'requests_total{path!~"/p[12]"}',
           "sum by (method) (requests_total)", "count_over_time(up[5s])", "histogram_quantile(0.9, seconds_bucket)",
           'up{zone="eu"}', 'up{zone="us"}', "temperature", "odd", "absent(nothing)")


def rows(api, expression, at):
    return sorted((sorted((n, v) for n, v in row["metric"].items() if n != "zone"), row.get("value", row.get("values")))
                  for row in api.query(expression, time=at)["result"])


def run(bench, binary):
    check = bench.check
    target = FakeTarget(TEXT)
    bench.cleanups.append(target.close)
    ours = Server(bench, binary, OURS.format(target=target.address), "--storage.remote.read-sample-limit=600",
                  "--storage.remote.read-max-bytes-in-frame=300").wait_ready()
    api = ours.api
    peer = Api(f"http://{programs.prometheus(bench, ASKING.format(port=ours.port))}")
    eventually("eight scrapes", lambda: api.value("count_over_time(up[1m])") >= 8, 30)
    at = time.time() - 2

    def same(expression):
        mine, theirs = rows(api, expression, at), rows(peer, expression, at)
        assert mine == theirs, f"{str(theirs)[:400]}, not {str(mine)[:400]}"
        return True
    for expression in QUERIES:
        if "zone" not in expression:
            check(f"Prometheus answers by us: {expression}", lambda expression=expression: same(expression))
    check("external labels come with the series, and may be asked for", lambda: [
        row["metric"]["zone"] for row in peer.query('up{zone="eu"}', time=at)["result"]] == ["eu"])
    check("series of another external label are not there", lambda: peer.query('up{zone="us"}', time=at)["result"] == [])
    check("each sample comes as it was stored", lambda: rows(peer, "requests_total[6s]", at) == rows(
        api, "requests_total[6s]", at) != [])

    span = (int(at * 1000) - 6000, int(at * 1000), [(0, "job", "same")])

    def stored():
        return {tuple(sorted({**row["metric"], "zone": "eu"}.items())): [
            (round(float(ms) * 1000), float(value)) for ms, value in row["values"]]
            for row in api.query('{job="same"}[6001ms]', time=at)["result"]}

    def text(found):
        return {labels: [(ms, str(value)) for ms, value in series] for labels, series in found.items()}

    def in_samples():
        status, headers, body = remote_read.ask(api.base, [span])
        assert status == 200 and headers["Content-Encoding"] == "snappy", f"{status} {headers}"
        return text(remote_read.samples(body)[0]) == text(stored()) != {}
    check("samples are those of a query", in_samples)

    def in_chunks():
        status, headers, body = remote_read.ask(api.base, [span], (remote_read.CHUNKS, remote_read.SAMPLES))
        found, frames = remote_read.chunks(body)
        assert status == 200 and headers["Content-Type"].startswith("application/x-streamed-protobuf"), headers
        assert frames >= len(found), f"{frames} frames of {len(found)} series"
        return text(found) == text(stored()) != {}
    check("so are chunks, frame by frame", in_chunks)

    everything = (0, int(time.time() * 1000) + 10 ** 6, [(2, "__name__", ".+")])

    def limited():
        eventually("more than 600 samples", lambda: api.value('sum(count_over_time(requests_total[1m]))') > 600, 60)
        status, _, body = remote_read.ask(api.base, [everything])
        assert (status, body) == (400, b"exceeded sample limit (600)\n"), f"{status} {body[:100]}"
        return True
    check("too many samples are refused", limited)
    check("but not in chunks", lambda: sum(map(len, remote_read.chunks(remote_read.ask(
        api.base, [everything], [remote_read.CHUNKS])[2])[0].values())) > 600)
    check("what is no request is 400", lambda: http(api.base + "/api/v1/read", b"rubbish", "POST")[0] == 400)
    check("a read is not a GET", lambda: http(api.base + "/api/v1/read")[0] == 405)
