"""checks_exemplars.py - exemplars and metadata: what Debian's Prometheus has of the same target, and what is there after SIGKILL."""
import time

import programs
from fake_target import FakeTarget
from harness import SIGKILL, Server, eventually, http
from remote_write import FLAG

import json
import urllib.parse

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

CONFIG = """
global: {{scrape_interval: 200ms}}
{more}
scrape_configs:
  - job_name: same
    static_configs: [{{targets: ["{target}"]}}]
"""

SEND = """
remote_write:
  - url: http://127.0.0.1:{port}/api/v1/write
    send_exemplars: true
    queue_config: {{batch_send_deadline: 200ms}}
    metadata_config: {{send_interval: 1s}}
"""


def page():
    """an exemplar on a counter with a time, on a bucket without; a new one every second"""
    second = int(time.time())
    return f"""# HELP requests All requests,\\nas counted.
# TYPE requests counter
requests_total {second} # {{trace_id="a-{second}",span="é"}} 0.5 {second}.25
# HELP wait_seconds How long.
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{{le="1.0"}} {second} # {{trace_id="b-{second}"}} 0.25
wait_seconds_bucket{{le="+Inf"}} {second + 1}
wait_seconds_sum 5
wait_seconds_count {second + 1}
# EOF
"""


def exemplars(base, expression, start, end):
    query = urllib.parse.urlencode({"query": expression, "start": start, "end": end})
    answer = json.loads(http(f"{base}/api/v1/query_exemplars?{query}")[2])
    assert answer["status"] == "success", answer
    return {tuple(sorted(row["seriesLabels"].items())): row["exemplars"] for row in answer["data"]}


def inside(items, begin, end):
    """of exemplars that have the time of whichever scrape saw them: which seconds of the page were seen"""
    seen = {e["labels"]["trace_id"] for e in items}
    return sorted(trace for trace in seen if begin < int(trace.split("-")[1]) < end)


def run(bench, binary):
    check = bench.check
    target = FakeTarget(page, OPENMETRICS)
    bench.cleanups.append(target.close)
    receiver = Server(bench, binary, "global: {}\n", FLAG, name="receiver").wait_ready()
    ours = Server(bench, binary, CONFIG.format(more="", target=target.address), name="scraper").wait_ready()
    peer = "http://" + programs.prometheus(bench, CONFIG.format(
        more=SEND.format(port=receiver.port), target=target.address), "peer", "--enable-feature=exemplar-storage")
    everything = 'requests_total + on(job) group_right rate(wait_seconds_bucket{le="1.0"}[1m])'
    begin = time.time()
    eventually("three seconds of exemplars", lambda: all(
        len(items) > 3 for items in exemplars(peer, everything, begin, time.time()).values()) and
        len(exemplars(peer, everything, begin, time.time())) == 2, 20)
    begin = time.time()  # it takes seconds until Prometheus asks its first target

    def same(base, expression, timed):
        """the counter's to the last digit; those without a time of their own have that of the scrape"""
        end = time.time() - 1.5
        mine, theirs = (exemplars(b, expression, begin + 1, end) for b in (base, peer))
        assert theirs and mine.keys() == theirs.keys(), (mine, theirs)
        for labels in theirs:
            a, b = (rows[labels] if timed else inside(rows[labels], begin + 2, end - 1) for rows in (mine, theirs))
            assert b and a == b, (labels, [e for e in a if e not in b], [e for e in b if e not in a])
        return True

    def all_there(base):
        return same(base, "requests_total", True) and same(base, 'wait_seconds_bucket{le="1.0"}', False)

    check("scraped exemplars are those of Prometheus", lambda: eventually("same", lambda: all_there(ours.api.base), 15))
    check("sent exemplars arrive, every one", lambda: eventually("same", lambda: same(receiver.api.base, everything, True), 15))
    check("of other series there is none", lambda: exemplars(ours.api.base, "wait_seconds_sum", begin, time.time()) == {})

    def metadata(base):
        return {name: items for name, items in json.loads(http(base + "/api/v1/metadata")[2])["data"].items()
                if name in ("requests", "wait_seconds")}
    check("metadata of a scrape is Prometheus'", lambda: eventually(
        "same", lambda: metadata(ours.api.base) == metadata(peer) and len(metadata(peer)) == 2, 15))
    check("metadata that was sent is there", lambda: eventually(
        "same", lambda: metadata(receiver.api.base) == metadata(peer), 15))

    for server in (ours, receiver):
        wanted = exemplars(server.api.base, everything, begin, time.time() - 1.5)
        said = metadata(server.api.base)
        server.process.signal(SIGKILL)
        server.process.popen.wait()
        if server is ours:
            target.status = 500
        server.process.start()
        server.wait_ready()
        end = max(e["timestamp"] for rows in wanted.values() for e in rows)
        check(f"after SIGKILL the {server.config.stem} has them still", lambda: exemplars(
            server.api.base, everything, begin, end) == wanted)
        check(f"and knows the metrics of the {server.config.stem}", lambda: metadata(server.api.base) == said)
