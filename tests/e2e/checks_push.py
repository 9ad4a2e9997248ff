"""checks_push.py - batch jobs push to the server itself: the same requests to Debian's Pushgateway and to ours, then
the samples, clients, times to live, restarts."""
import gzip
import json
import re
import subprocess
import time

import programs
from harness import PYTHON, Server, eventually, http

CONFIG = """
global:
  scrape_interval: 1s
"""

HISTOGRAM = b"""# HELP rpc_seconds Time of a call.
# TYPE rpc_seconds histogram
rpc_seconds_bucket{le="0.5"} 1
rpc_seconds_bucket{le="+Inf"} 3
rpc_seconds_sum 2.5
rpc_seconds_count 3
# TYPE size_bytes summary
size_bytes{quantile="0.5"} 10
size_bytes{quantile="0.99"} 1e9
size_bytes_sum 12
size_bytes_count 2
"""
# MetricFamily {name "pb_things", help "h", type gauge, metric {label a="b", gauge 7}} behind its length
PROTOBUF = bytes.fromhex("25 0a09 70625f7468696e6773 120168 1801 2213 0a06 0a0161 120162 1209 09 0000000000001c40")
DELIMITED = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

# method, path below /metrics, body, headers: in this order, to both
REQUESTS = [
    ("PUT", "/job/a", b"", {}),
    ("POST", "/job/a", b"# TYPE x gauge\n# HELP x It is x.\nx{b=\"1\"} 1\ny 2\n", {}),
    ("POST", "/job/a", b"# TYPE x gauge\nx{b=\"2\"} 1\n", {}),
    ("POST", "/job/a", b"", {}),
    ("PUT", "/job/b/instance/i", HISTOGRAM, {}),
    ("PUT", "/job/b/instance/i/", b"x{job=\"q\",instance=\"z\",other=\"\\\"\\\\\"} NaN\n", {}),
    ("PUT", "/job/c/l/v/", b"z +Inf\n", {}),
    ("PUT", "/job/c/z/2/a/1", HISTOGRAM, {}),
    ("PUT", "/job/c/job/other", b"w 1\n", {}),
    ("PUT", "/job@base64/L2V0Yw/dir@base64/L3Zhci90bXA=", b"x_dir 1\n", {}),
    ("PUT", "/job/e/empty@base64/=", b"x_empty 1\n", {}),
    ("POST", "/job/pb", PROTOBUF, {"Content-Type": DELIMITED}),
    ("POST", "/job/form", b"formed 1\n", {"Content-Type": "application/x-www-form-urlencoded"}),
    ("PUT", "/job/own", b"push_time_seconds 3\npush_failure_time_seconds 4\nx_own 5\n", {}),
    # what is refused
    ("PUT", "/job", b"", {}),
    ("PUT", "/job/a/b", b"", {}),
    ("PUT", "/job/a/b/c/d", b"", {}),
    ("PUT", "/job/a/__b/c", b"", {}),
    ("PUT", "/job/a/b-c/d", b"", {}),
    ("PUT", "/job@base64/=", b"", {}),
    ("PUT", "/job@base64/!!", b"", {}),
    ("PUT", "/job/a/b@base64/YW!", b"", {}),
    ("DELETE", "/job/a/b", b"", {}),
    ("DELETE", "/job@base64/!!", b"", {}),
    ("GET", "/job/a", None, {}),
    ("PATCH", "/job/a", b"", {}),
    ("POST", "/job/bad", b"x 1", {}),
    ("POST", "/job/bad", b"x 1\ny 2", {}),
    ("POST", "/job/bad", b"# TYPE h histogram\nh_bucket{le=\"x\"} 3\n", {}),
    ("POST", "/job/timed", b"x_timed 1 1000\n", {}),
    # what goes
    ("DELETE", "/job/c/l/v", b"", {}),
    ("DELETE", "/job/nobody", b"", {}),
    ("DELETE", "/job@base64/Yw/z/2/a@base64/MQ", b"", {}),
]
# of these the reason is in words of the parser's or the checker's own, behind the same beginning
OWN_WORDS = [
    (b"# TYPE x counter\nx{b=\"9\"} 1\n", "pushed metrics are invalid or inconsistent with existing metrics: "),
    (b"twice 1\ntwice 1\n", "pushed metrics are invalid or inconsistent with existing metrics: "),
    (b"rpc_seconds_sum 3\n", "pushed metrics are invalid or inconsistent with existing metrics: collected "),
    (b"size_bytes_count 3\n", "pushed metrics are invalid or inconsistent with existing metrics: collected "),
    (b"x abc\n", "text format parsing error in line 1: "),
    (b"x{a=\"1\n", "text format parsing error in line "),
    (b"a b c d\n", "text format parsing error in line 1: "),
    (b"# TYPE x_late gauge\nx_late 1\n# TYPE x_late gauge\n", "text format parsing error in line 3: "),
]


def same_answer(ours, theirs, method, path, body, headers):
    answers = [http(f"{base}/metrics{path}", body, method, headers) for base in (ours, theirs)]
    shown = [(status, got, have.get("Content-Type"), sorted((have.get("Allow") or "").split(", "))) for status, have, got in answers]
    if method != "PUT" or path != "/job":  # there is no such path in either; ours may be asked by other methods
        assert shown[0] == shown[1], f"{method} {path}: {shown}"
    return answers[0][0] == answers[1][0]


def groups(base):
    """the groups by their labels, times left out"""
    status, _, body = http(base + "/api/v1/metrics")
    answer = json.loads(body)
    assert status == 200 and answer["status"] == "success", body
    found = {}
    for group in answer["data"]:
        for key, value in group.items():
            if isinstance(value, dict) and "time_stamp" in value:
                assert re.match(r"20..-..-..T..:..:..(\.\d+)?Z$", value.pop("time_stamp")), group
            if key in ("push_time_seconds", "push_failure_time_seconds"):
                for metric in value["metrics"]:
                    metric["value"] = float(metric["value"]) > 0
        found[json.dumps(group["labels"], sort_keys=True)] = group
    return found


def same_groups(ours, theirs):
    a, b = groups(ours), groups(theirs)
    for key in sorted(set(a) | set(b)):
        assert a.get(key) == b.get(key), f"{key}: {a.get(key)} is not {b.get(key)}"
    return True


def framed(text):
    """a snappy stream of one frame that is not packed"""
    crc = 0xffffffff
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    crc ^= 0xffffffff
    masked = ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff
    return b"\xff\x06\x00\x00sNaPpY\x01" + (len(text) + 4).to_bytes(3, "little") + masked.to_bytes(4, "little") + text


def kept(before, after):
    for key in sorted(set(before) | set(after)):
        assert before.get(key) == after.get(key), f"{key}: {before.get(key)} became {after.get(key)}"
    return True


def same_shape(ours, theirs):
    a, b = (json.loads(http(base + "/api/v1/status")[2])["data"] for base in (ours, theirs))
    return sorted(a) == sorted(b) and sorted(a["build_information"]) == sorted(b["build_information"])


def python_client(address):
    return subprocess.run([PYTHON, "-c", f"""
from prometheus_client import CollectorRegistry, Gauge, Histogram, delete_from_gateway, push_to_gateway, pushadd_to_gateway
registry = CollectorRegistry()
Gauge("py_last", "last", ["kind"], registry=registry).labels("full").set(12)
Histogram("py_seconds", "time", registry=registry).observe(0.3)
push_to_gateway("{address}", job="py", registry=registry, grouping_key={{"path": "/a/b", "instance": "i"}})
more = CollectorRegistry()
Gauge("py_more", "more", registry=more).set(13)
pushadd_to_gateway("{address}", job="py", registry=more, grouping_key={{"path": "/a/b", "instance": "i"}})
push_to_gateway("{address}", job="py_gone", registry=more)
delete_from_gateway("{address}", job="py_gone")
"""], timeout=60, capture_output=True, check=False)


def ran(done):
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-800:]
    return True


def run(bench, binary):
    theirs = "http://" + programs.pushgateway(bench, "--web.enable-admin-api")
    server = Server(bench, binary, CONFIG, "--web.enable-push", "--web.enable-admin-api").wait_ready()
    ours, api, check = server.api.base, server.api, bench.check

    def sees(expression, value):
        return eventually(f"{expression} is {value}", lambda: api.value(expression) == value, 15)

    def gone(expression):
        return eventually(f"{expression} is gone", lambda: api.vector(expression) == [], 15) or True

    for method, path, body, headers in REQUESTS:
        check(f"{method} {path}: the answer is the Pushgateway's",
              lambda r=(method, path, body, headers): same_answer(ours, theirs, *r))
    for body, words in OWN_WORDS:
        answers = [http(f"{base}/metrics/job/bad", body, "POST") for base in (ours, theirs)]
        check(f"{body[:20]}: refused with 400 and the same beginning", lambda a=answers: all(
            status == 400 and text.decode().startswith(w) for (status, _, text), w in zip(a, [words] * 2)))
    check("protobuf that is cut off: 400", lambda: [http(f"{base}/metrics/job/pb", PROTOBUF[:-1], "POST", {
        "Content-Type": DELIMITED})[0] for base in (ours, theirs)] == [400, 400])
    check("/api/v1/metrics: the groups are the same", lambda: same_groups(ours, theirs))
    check("/api/v1/status has the same shape", lambda: same_shape(ours, theirs))

    check("samples are taken with the labels of their group", lambda: sees('x{job="a",b="2"}', 1))
    check("without an instance of their own they have none",
          lambda: [m for m, _ in api.vector('x{job="a"}')] == [{"__name__": "x", "job": "a", "b": "2"}])
    check("a histogram in pieces", lambda: sees('rpc_seconds_bucket{job="b",instance="i",le="0.5"}', 1) if
          http(ours + "/metrics/job/b/instance/i", HISTOGRAM, "POST")[0] == 200 else False)
    check("a label in base64", lambda: sees('x_dir{job="/etc",dir="/var/tmp"}', 1))
    check("protobuf", lambda: sees('pb_things{job="pb",a="b"}', 7))
    check("times of pushes and of failures", lambda: api.value('push_time_seconds{job="a"}') > 1.6e9
          and api.value('push_failure_time_seconds{job="bad"}') > 1.6e9
          and api.value('push_failure_time_seconds{job="a"}') == 0)
    check("gzip is undone", lambda: http(ours + "/metrics/job/zip", gzip.compress(b"x_zip 4\n"), "PUT",
                                         {"Content-Encoding": "gzip"})[0] == 200 and sees('x_zip{job="zip"}', 4))
    check("so is a snappy stream", lambda: http(ours + "/metrics/job/snap", framed(b"x_snap 4\n"), "PUT", {
        "Content-Encoding": "snappy"})[0] == 200 and sees('x_snap{job="snap"}', 4))
    check("gzip that is none: 400", lambda: http(ours + "/metrics/job/zip", b"x_zip 4\n", "PUT",
                                                 {"Content-Encoding": "gzip"})[0] == 400)
    http(ours + "/metrics/job/a", None, "DELETE")
    check("DELETE: the group's series go stale", lambda: gone('x{job="a"}'))

    http(ours + "/metrics/job/short?ttl=3s", b"x_short 1\n", "PUT")
    check("a group with a time to live is there", lambda: sees('x_short{job="short"}', 1))
    check("and goes by itself", lambda: gone('x_short{job="short"}'))
    check("a time to live that is none: 400",
          lambda: http(ours + "/metrics/job/short?ttl=soon", b"x_short 1\n", "PUT")[0] == 400)
    check("a body over 4 MiB: 413", lambda: http(ours + "/metrics/job/big", b"#" * (5 << 20), "PUT")[0] == 413)

    address = f"127.0.0.1:{server.port}"
    check("python3-prometheus-client pushes", lambda: ran(python_client(address)))
    check("its samples are there", lambda: sees('py_last{job="py",path="/a/b",instance="i",kind="full"}', 12)
          and sees('py_more{job="py"}', 13) and sees('py_seconds_count{job="py"}', 1) and gone('py_more{job="py_gone"}'))
    check("curl pushes", lambda: ran(subprocess.run(
        ["curl", "-sf", "--data-binary", "@-", f"{ours}/metrics/job/curl/instance/c"], input=b"from_curl 3.5\n",
        timeout=30, capture_output=True, check=False)) and sees('from_curl{job="curl",instance="c"}', 3.5))
    check("the Go push package pushes",
          lambda: ran(subprocess.run([programs.go_push(), f"http://{address}"], timeout=60, capture_output=True, check=False))
          and sees('go_push_things{job="go/push",zone="a/b"}', 21) and sees('go_push_seconds_count{job="go/push"}', 1))

    before = groups(ours)
    server.process.stop()
    server.process.start()
    server.wait_ready()
    check("a clean stop keeps the groups", lambda: kept(before, groups(ours)))
    http(ours + "/metrics/job/kept", b"x_kept 6\n", "PUT")
    sees('x_kept{job="kept"}', 6)
    http(ours + "/metrics/job/kept", b"x_kept 7\n", "PUT")
    sees('x_kept{job="kept"}', 7)
    server.process.kill()
    began = time.time()
    server.process.start()
    server.wait_ready()
    check("so does a kill, what was scraped",
          lambda: groups(ours)['{"job": "kept"}']["x_kept"]["metrics"][0]["value"] == "7")
    eventually("a scrape after the start", lambda: api.value('timestamp(x_kept{job="kept"})') > began, 15)

    check("wipe: 405 for POST, 202 for PUT, as theirs", lambda: [
        [http(base + "/api/v1/admin/wipe", b"", method)[0] for method in ("POST", "PUT")]
        for base in (ours, theirs)] == [[405, 202]] * 2 and groups(ours) == {} and gone('x_kept{job="kept"}'))

    plain = Server(bench, binary, CONFIG, name="plain").wait_ready()
    check("without --web.enable-push there is no endpoint", lambda: [
        http(plain.api.base + path, b"", "PUT")[0] for path in ("/metrics/job/a", "/api/v1/admin/wipe")] == [404, 404])
    loose = Server(bench, binary, CONFIG, "--web.enable-push", "--push.disable-consistency-check", name="loose").wait_ready()
    check("unchecked pushes are answered by 202, and there is no wipe without the flag", lambda: [
        http(loose.api.base + path, b"", "PUT")[0] for path in ("/metrics/job/a", "/api/v1/admin/wipe")] == [202, 404])
