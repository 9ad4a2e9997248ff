"""checks_ask.py - our server, which has no samples of its own, asks Debian's Prometheus and another of ours by remote read; then it fills its own past."""
import time

import programs
from checks_peer import TEXT
from checks_remote_read import OURS as SCRAPING
from checks_remote_read import QUERIES
from fake_target import FakeTarget
from harness import SIGKILL, Api, Server, eventually, free_port, http

ASKING = """
global:
  scrape_interval: 1s
  external_labels: {{zone: "eu"}}
remote_read:
  - url: {url}/api/v1/read
    name: past
    read_recent: {recent}
    {more}
scrape_configs:
  - job_name: {job}
    static_configs:
      - targets: ["{target}"]
"""


def rows(api, expression, at):
    return sorted((sorted(row["metric"].items()), row.get("value", row.get("values"))) for row in api.query(expression, time=at)["result"])


def whole(bench, binary, source, target, name):
    """what the other has, we answer"""
    check = bench.check
    asking = Server(bench, binary, ASKING.format(url=source.base, recent="true", more="", job="own", target=target.address),
                    name=f"asking_{name}").wait_ready()
    at = time.time() - 2
    for expression in QUERIES:
        if "zone" not in expression:
            expression = expression.replace("up[5s]", 'up{job="same"}[5s]')
            selected = expression if expression != "up" else 'up{job="same"}'
            check(f"{name}: answered by it: {selected}", lambda selected=selected: eventually(
                "the same", lambda: rows(asking.api, selected, at) == rows(source, selected, at), 10))
    check(f"{name}: and by us beside it", lambda: eventually("both jobs", lambda: {
        labels["job"] for labels, _ in asking.api.vector("up")} == {"same", "own"}))
    asking.process.stop()


def run(bench, binary):
    check = bench.check
    target = FakeTarget(TEXT.replace('odd{kind="minus"} -0\n', ""))  # Prometheus' messages have no -0
    bench.cleanups.append(target.close)
    ours = Server(bench, binary, SCRAPING.format(target=target.address), name="source").wait_ready()
    peer = Api(f"http://{programs.prometheus(bench, SCRAPING.format(target=target.address), 'past')}")
    for api in (ours.api, peer):
        eventually("eight scrapes", lambda: api.value('count_over_time(up{job="same"}[1m])') >= 8, 30)
    whole(bench, binary, peer, target, "prometheus")
    whole(bench, binary, ours.api, target, "ours")

    late = Server(bench, binary, ASKING.format(url=ours.api.base, recent="false", more="", job="same", target=target.address),
                  name="late").wait_ready()
    eventually("five scrapes of its own", lambda: late.api.value('count_over_time(scrape_samples_scraped[5s])') >= 4, 30)
    end = time.time()
    check("its past is the other's, without a gap or a doubled sample", lambda: 0.8 * 15 <= late.api.value(
        'count_over_time(up{job="same"}[15s])', time=end) <= 32)
    check("what it has itself it does not ask for", lambda: late.api.vector(
        'prometheus_remote_storage_read_queries_total') == [] and own_metric(late, "prometheus_remote_storage_read_queries_total") > 0)
    asked = own_metric(late, "prometheus_remote_storage_read_queries_total")
    late.api.query("up", time=time.time())
    check("a query of now is not sent on", lambda: own_metric(late, "prometheus_remote_storage_read_queries_total") in (asked, asked + 1))

    picky = Server(bench, binary, ASKING.format(url=ours.api.base, recent="true", more='required_matchers: {job: "same"}', job="own",
                                                target=target.address), name="picky").wait_ready()
    check("required matchers: with them it is asked", lambda: eventually("up", lambda: picky.api.vector('up{job="same"}')))
    check("and not without", lambda: {labels["job"] for labels, _ in picky.api.vector("up")} <= {"own"})

    lonely = Server(bench, binary, ASKING.format(url=f"http://127.0.0.1:{free_port()}", recent="true", more="", job="own",
                                                 target=target.address), name="lonely").wait_ready()

    def warned():
        _, answer = lonely.api.get("/api/v1/query", query="up")
        return len(answer["data"]["result"]) == 1 and 'remote_read "past" did not answer' in answer["warnings"][0]
    check("a remote that does not answer is a warning", lambda: eventually("a warning", warned))
    pair(bench, binary, target)


PAIRED = """
global:
  scrape_interval: 1s
  external_labels: {{zone: "eu", replica: "{replica}"}}
remote_read:
  - url: http://127.0.0.1:{other}/api/v1/read
    name: twin
    read_recent: true
    remote_timeout: 3s
scrape_configs:
  - job_name: same
    static_configs:
      - targets: ["{target}"]
"""


def pair(bench, binary, target):
    """two servers that ask each other: one is away for a while, then the other"""
    check = bench.check
    first = Server(bench, binary, "{}", "--query.replica-label=replica", name="pair_a").wait_ready()
    second = Server(bench, binary, PAIRED.format(replica="b", other=first.port, target=target.address), "--query.replica-label=replica",
                    name="pair_b").wait_ready()
    first.process.stop()
    first.config.write_text(PAIRED.format(replica="a", other=second.port, target=target.address))
    first.process.start()
    first.wait_ready()
    eventually("scrapes", lambda: len(samples(second, time.time())) > 6 and len(samples(first, time.time())) > 6, 30)
    begin = time.time()
    for away, there in ((first, second), (second, first)):
        away.process.signal(SIGKILL)
        away.process.popen.wait()
        time.sleep(8)
        away.process.start()
        away.wait_ready()
        since = time.time()
        eventually("it scrapes again", lambda away=away, since=since: samples(away, time.time())[-1] > since + 3, 30)
    end = time.time() - 1

    def whole(server):
        times = [t for t in samples(server, end, int(end - begin)) if t > begin]
        gaps = [b - a for a, b in zip(times, times[1:])]
        assert max(gaps) < 2.1 and min(gaps) > 0.4, f"{len(times)} samples, steps {min(gaps):.3f} to {max(gaps):.3f}"
        assert times[-1] > end - 2.1 and times[0] < begin + 2.1
        return True
    for name, server in (("the first", first), ("the second", second)):
        check(f"a pair: {name} has no gap and no doubled sample", lambda server=server: whole(server))
    check("a pair: a series is one", lambda: [sorted(labels) for labels, _ in first.api.vector("up")] == [["__name__", "instance", "job"]])


def samples(server, end, seconds=60):
    rows = server.api.query(f'up{{job="same"}}[{seconds}s]', time=end)["result"]
    return [t for t, _ in rows[0]["values"]] if len(rows) == 1 else []


def own_metric(server, name):
    text = http(server.api.base + "/metrics")[2].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((name + "{", name + " ")))
