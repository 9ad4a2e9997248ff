"""checks_send.py - our server sends what it scrapes to Debian's Prometheus, to VictoriaMetrics and to another of ours; then to one that fails."""
import pathlib
import time

import programs
from fake_target import FakeTarget
from faulty_proxy import FaultyProxy
from harness import SIGKILL, Api, Server, eventually, http

SENDER = """
global:
  scrape_interval: 1s
  external_labels: {{replica: "a"}}
remote_write:
{receivers}
scrape_configs:
  - job_name: sent
    static_configs:
      - targets: ["{target}"]
"""

RECEIVER = """
  - url: {url}
    name: {name}
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 30ms, max_backoff: 300ms, max_samples_per_send: 40, capacity: 100, max_shards: 10{more}}}
    write_relabel_configs:
      - {{source_labels: [__name__], regex: "secret_.*", action: drop}}
      - {{target_label: sent_to, replacement: {name}}}
"""

EMPTY = "global:\n  scrape_interval: 1s\n"
ENABLED = "--web.enable-remote-write-receiver"
LABELS = ("replica", "sent_to")


def page():
    """a hundred counters that grow, gauges of many digits, and what is not to be sent"""
    now = time.time()
    lines = [f'work_total{{worker="{i}"}} {int(now * 10) + i}' for i in range(100)]
    lines += [f'level{{worker="{i}"}} {now / (i + 3)}' for i in range(20)]
    return "\n".join(lines) + "\nsecret_total 1\nodd NaN\nodd_more +Inf\n"


def receiver(url, name, more=""):
    return RECEIVER.format(url=url, name=name, more=more)


def once(values):
    """VictoriaMetrics keeps a sample twice that came twice, as it may after a crash"""
    return [row for i, row in enumerate(values) if i == 0 or row != values[i - 1]]


def samples(api, expression, end):
    data = api.query(expression, time=end)
    return sorted((sorted((n, v) for n, v in r["metric"].items() if n not in LABELS), once(r["values"])) for r in data["result"])


WANTED = '{job="sent",__name__!~"secret_.*|scrape_duration_seconds"}'
WHOLE_NUMBERS = '{job="sent",__name__=~"work_total|up|scrape_samples_scraped"}'  # VictoriaMetrics rounds the others, and keeps no NaN


def same(ours, theirs, seconds, end=None, wanted_series=WANTED):
    """all samples of the last seconds are there, with their times and values; more than a few"""
    end = end or time.time() - 2
    wanted = samples(ours, f"{wanted_series}[{seconds}s]", end)
    got = samples(theirs, f"{wanted_series}[{seconds}s]", end)
    if got != wanted:
        differ = [(w, g) for w, g in zip(wanted, got) if w != g][:1]
        raise AssertionError(f"{len(wanted)} series wanted, {len(got)} there; {differ}")
    return sum(len(values) for _, values in wanted) > 100


def metric(server, name, **labels):
    total = 0
    for line in http(server.base + "/metrics")[2].decode().splitlines():
        if line.startswith((name + "{", name + " ")) and all(f'{k}="{v}"' in line for k, v in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def to_real_ones(bench, binary, target):
    check = bench.check
    second = Server(bench, binary, EMPTY, ENABLED, name="second").wait_ready()
    peer = Api(f"http://{programs.prometheus(bench, EMPTY, 'receiver', ENABLED)}")
    victoria = Api(f"http://{programs.victoria(bench)}")
    urls = {"ours": second.api.base, "prometheus": peer.base, "victoria": victoria.base}
    text = "".join(receiver(url + "/api/v1/write", name) for name, url in urls.items())
    ours = Server(bench, binary, SENDER.format(receivers=text, target=target.address), name="sender").wait_ready()
    def all_there(what, since, seconds):
        for name, api, wanted in receivers:
            check(f"{name}: {what}", lambda: eventually(
                "same samples", lambda: time.time() > since + 6 and same(ours.api, api, seconds, since + 4, wanted), 30))

    receivers = (("ours", second.api, WANTED), ("prometheus", peer, WANTED), ("victoria", victoria, WHOLE_NUMBERS))
    for name, api, wanted in receivers:
        check(f"{name}: every sample arrives, to the last bit", lambda: eventually(
            "same samples", lambda: same(ours.api, api, 4, wanted_series=wanted), 30))
        check(f"{name}: external labels and relabelling", lambda: [
            (labels["replica"], labels["sent_to"]) for labels, _ in api.vector('up{job="sent"}')] == [("a", name)])
        check(f"{name}: what relabelling drops is not sent", lambda: api.vector("secret_total") == [])
        check(f"{name}: counted", lambda: metric(ours.api, "prometheus_remote_storage_samples_total", remote_name=name) > 100
              and metric(ours.api, "prometheus_remote_storage_samples_failed_total", remote_name=name) == 0
              and metric(ours.api, "prometheus_remote_storage_samples_dropped_total", remote_name=name) > 0)
    end = time.time()
    ours.process.stop()
    ours.process.start()
    ours.wait_ready()
    all_there("a clean restart loses nothing", end, 8)
    check("nor repeats it", lambda: metric(ours.api, "prometheus_remote_storage_samples_failed_total") == 0)
    ours.process.signal(SIGKILL)
    ours.process.popen.wait()
    ours.process.start()
    ours.wait_ready()
    killed = time.time()
    all_there("after SIGKILL nothing is missing", killed, 10)
    position = pathlib.Path(ours.data) / "remote_write"
    old = position.read_bytes()
    time.sleep(5)
    ours.process.signal(SIGKILL)
    ours.process.popen.wait()
    position.write_bytes(old)  # as after a power cut
    ours.process.start()
    ours.wait_ready()
    killed = time.time()
    all_there("after a power cut nothing is missing", killed, 14)
    check("what it had already is refused by Prometheus, row by row", lambda: metric(
        ours.api, "prometheus_remote_storage_samples_failed_total", remote_name="prometheus") > 0)
    ours.process.stop()


OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def annotated():
    """an exemplar on a counter, a new one every second; types, help and a unit"""
    second = int(time.time())
    return f"""# HELP requests All requests.
# TYPE requests counter
requests_total {second} # {{trace_id="a-{second}",span="é"}} 0.5 {second}.25
# HELP wait_seconds How long.
# TYPE wait_seconds gauge
# UNIT wait_seconds seconds
wait_seconds 1.5
# EOF
"""


NOTES = """
    send_exemplars: true
    send_native_histograms: true
    protobuf_message: {message}
    metadata_config: {{send_interval: 1s}}
"""


def with_notes(bench, binary):
    """exemplars, metadata and native histograms, by both versions; what Prometheus takes, too"""
    check = bench.check
    target = FakeTarget(annotated, OPENMETRICS)
    bench.cleanups.append(target.close)
    first = Server(bench, binary, EMPTY, ENABLED, name="notes1").wait_ready()
    second = Server(bench, binary, EMPTY, ENABLED, name="notes2").wait_ready()
    peer = Api(f"http://{programs.prometheus(bench, EMPTY, 'notes', ENABLED, '--enable-feature=exemplar-storage,native-histograms')}")
    demo = programs.go_demo(bench)
    text = "".join(receiver(api.base + "/api/v1/write", name).rstrip() + NOTES.format(message=message) for name, api, message in (
        ("v1", first.api, "prometheus.WriteRequest"), ("v2", second.api, "io.prometheus.write.v2.Request"),
        ("prometheus", peer, "prometheus.WriteRequest")))
    config = SENDER.format(receivers=text, target=target.address) + f"""
  - job_name: native
    scrape_native_histograms: true
    static_configs: [{{targets: ["{demo}"]}}]
"""
    ours = Server(bench, binary, config, name="notes_sender").wait_ready()

    def exemplars(api):
        rows = api.data("/api/v1/query_exemplars", query="requests_total", start=begin, end=begin + 5)
        return [(e["labels"], e["value"], float(e["timestamp"])) for row in rows for e in row["exemplars"]]
    begin = int(time.time()) + 1
    eventually("six seconds", lambda: time.time() > begin + 7)
    wanted = eventually("exemplars", lambda: exemplars(ours.api))
    for name, api in (("v1", first.api), ("v2", second.api), ("prometheus", peer)):
        check(f"{name}: exemplars arrive", lambda: eventually("same exemplars", lambda: exemplars(api) == wanted and len(wanted) > 2, 20))
        check(f"{name}: native histograms arrive", lambda: eventually("same histograms", lambda: samples_of_histograms(
            api, begin + 5) == samples_of_histograms(ours.api, begin + 5) != [], 20))
    check("v1: metadata arrives", lambda: eventually("metadata", lambda: first.api.data("/api/v1/metadata", metric="requests")["requests"] == [
        {"type": "counter", "help": "All requests.", "unit": ""}], 20))
    ours.process.stop()


def samples_of_histograms(api, end):
    rows = api.query('{job="native",__name__!~".*_(bucket|sum|count|total)"}[3s]', time=end)["result"]
    return sorted((sorted((n, v) for n, v in r["metric"].items() if n not in LABELS), r["histograms"]) for r in rows if "histograms" in r)


def to_a_failing_one(bench, binary, target):
    check = bench.check
    second = Server(bench, binary, EMPTY, ENABLED, name="behind").wait_ready()
    proxy = FaultyProxy(second.api.base)
    bench.cleanups.append(proxy.close)
    text = receiver(f"http://{proxy.address}/api/v1/write", "failing", ", retry_on_http_429: true")
    ours = Server(bench, binary, SENDER.format(receivers=text, target=target.address), name="patient").wait_ready()
    begin = time.time()

    def whole(what):
        end = time.time()
        check(what, lambda: eventually("same samples", lambda: same(ours.api, second.api, int(end - begin) + 1, end), 60))
    eventually("something was sent", lambda: proxy.requests > 5)
    for mode in (500, "cut", "lost", "slow"):
        proxy.mode = mode
        time.sleep(3)
        proxy.mode = "pass"
        whole(f"{mode} for a while: nothing is missing")
    proxy.mode, proxy.retry_after = 429, "2"
    before = proxy.requests
    time.sleep(3)
    check("Retry-After is kept to", lambda: proxy.requests - before <= 40)
    proxy.mode, proxy.retry_after = "pass", None
    whole("429: nothing is missing")
    proxy.mode = 503
    time.sleep(15)
    check("what waits is bounded", lambda: metric(ours.api, "prometheus_remote_storage_samples_pending") < 3000)
    ours.process.signal(SIGKILL)
    ours.process.popen.wait()
    ours.process.start()
    ours.wait_ready()
    time.sleep(3)
    proxy.mode = "pass"
    whole("down, and we are killed meanwhile: nothing is missing")
    failed = metric(ours.api, "prometheus_remote_storage_samples_failed_total")
    proxy.mode = 400
    check("400 is for ever, and counted", lambda: eventually("failed", lambda: metric(
        ours.api, "prometheus_remote_storage_samples_failed_total") > failed, 10))


def run(bench, binary):
    target = FakeTarget(page)
    bench.cleanups.append(target.close)
    to_real_ones(bench, binary, target)
    with_notes(bench, binary)
    to_a_failing_one(bench, binary, target)
