"""checks_remote_write.py - Debian's Prometheus scrapes a target and sends what it has to our server, which must hold the same."""
import time

import programs
from checks_peer import TEXT
from fake_target import FakeTarget
from harness import SIGKILL, Api, Server, eventually, http

EMPTY = "global:\n  scrape_interval: 1s\n"

SENDER = """
global:
  scrape_interval: 1s
  external_labels: {{replica: "a"}}
remote_write:
  - url: http://127.0.0.1:{port}/api/v1/write
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 30ms, max_backoff: 300ms}}
    metadata_config: {{send_interval: 1s}}
scrape_configs:
  - job_name: same
    static_configs:
      - targets: ["{target}"]
"""

ENABLED = "--web.enable-remote-write-receiver"


def rows(api, expression, without=()):
    return sorted((sorted((n, v) for n, v in labels.items() if n not in without), str(value))
                  for labels, value in api.vector(expression))


def samples(api, expression, end):
    """times and values as they were stored, by labels"""
    data = api.query(expression, time=end)
    return sorted((sorted((n, v) for n, v in r["metric"].items() if n != "replica"), r["values"])
                  for r in data["result"])


def run(bench, binary):
    check = bench.check
    closed = Server(bench, binary, EMPTY, name="closed").wait_ready()
    status, _, body = http(closed.api.base + "/api/v1/write", b"", "POST")
    check("without the flag it is 404", lambda: status == 404 and b"--web.enable-remote-write-receiver" in body)
    closed.process.stop()

    target = FakeTarget(TEXT.replace('odd{kind="minus"} -0\n', ""))  # its messages have no -0
    bench.cleanups.append(target.close)
    ours = Server(bench, binary, EMPTY, ENABLED).wait_ready()
    api = ours.api
    peer = Api(f"http://{programs.prometheus(bench, SENDER.format(port=ours.port, target=target.address))}")

    def own_metric(server, name):
        text = http(server.base + "/metrics")[2].decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((name + "{", name + " ")))

    check("samples of the sender arrive", lambda: eventually(
        "five samples of up", lambda: api.value('count_over_time(up{job="same"}[1m])') >= 5, 30))
    check("external labels come with them", lambda: api.vector('up{job="same"}')[0][0]["replica"] == "a")
    check("every series arrives", lambda: eventually("as many series", lambda: rows(
        api, '{job="same",__name__!~"scrape_duration_seconds"}', ["replica"]) == rows(
        peer, '{job="same",__name__!~"scrape_duration_seconds"}'), 20))

    def same_samples():
        end = time.time() - 3
        wanted = samples(peer, '{job="same"}[3s]', end)
        return wanted and samples(api, '{job="same"}[3s]', end) == wanted
    check("times and values are the sender's, to the last bit", lambda: eventually("same samples", same_samples, 20))
    check("the sender counts no failures", lambda: own_metric(
        peer, "prometheus_remote_storage_samples_failed_total") == 0)

    before = own_metric(peer, "prometheus_remote_storage_samples_total")
    ours.process.signal(SIGKILL)
    ours.process.popen.wait()
    eventually("the sender repeats", lambda: own_metric(
        peer, "prometheus_remote_storage_samples_retried_total") > 0, 20)
    ours.process.start()
    ours.wait_ready()
    check("after SIGKILL the sender goes on", lambda: eventually("more is sent", lambda: own_metric(
        peer, "prometheus_remote_storage_samples_total") > before + 500, 30))

    def no_gap():
        end = time.time() - 3
        span = "[20s]"
        mine, theirs = (samples(a, '{job="same"}' + span, end) for a in (api, peer))
        assert mine == theirs, "samples are missing"
        return bool(theirs)
    check("and no sample is lost or doubled", lambda: eventually("no gap", no_gap, 30))

    target.status = 500
    check("staleness markers come, too", lambda: eventually(
        "gone", lambda: api.vector("requests_total") == [] and api.value('up{job="same"}') == 0, 20))
    check("nothing was dropped", lambda: own_metric(peer, "prometheus_remote_storage_samples_failed_total") == 0)
