"""checks_clients.py - Debian's promtool as a client of our API and as a judge of our /metrics."""
import subprocess
import time

from fake_target import FakeTarget
from harness import REAL, Server, eventually, http, run_once

CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: self
    static_configs:
      - targets: ["{self}"]
  - job_name: fake
    static_configs:
      - targets: ["{fake}"]
"""


def run(bench, binary):
    fake = FakeTarget('# TYPE shelf gauge\nshelf{row="1"} 3\nshelf{row="2"} 4\n')
    bench.cleanups.append(fake.close)
    server = Server(bench, binary, CONFIG.format(self="{self}", fake=fake.address)).wait_ready()
    api, base, check = server.api, server.api.base, bench.check
    eventually("both targets are up", lambda: api.value("count(up == 1)") == 2, 20)

    def promtool(*arguments):
        status, text = run_once([REAL / "promtool", *arguments])
        assert status == 0, text
        return text

    check("promtool query instant", lambda: 'shelf{instance="%s", job="fake", row="1"} => 3' % fake.address in promtool(
        "query", "instant", base, "shelf"))
    check("promtool query instant of a scalar", lambda: "2" in promtool("query", "instant", base, "1+1"))
    now = time.time()
    check("promtool query range", lambda: promtool("query", "range", f"--start={now - 2:.0f}", f"--end={now + 1:.0f}",
                                                   "--step=1s", base, "sum(shelf)").count("7 @[") >= 1)
    check("promtool query series", lambda: promtool("query", "series", "--match=shelf", base).count("shelf") == 2)
    check("promtool query labels", lambda: promtool("query", "labels", base, "row").split() == ["1", "2"])
    check("promtool query of a bad expression fails", lambda: run_once(
        [REAL / "promtool", "query", "instant", base, "sum("])[0] != 0)

    def own_metrics():
        text = http(base + "/metrics")[2]
        done = subprocess.run([REAL / "promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20)
        # a name of Prometheus' own that its linter does not like
        known = "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total"
        complaints = [line for line in done.stdout.decode().splitlines() if not line.startswith(known)]
        assert done.returncode in (0, 3) and not complaints, complaints
        return text.count(b"\n") > 50
    check("promtool check metrics accepts our /metrics", own_metrics)
    check("our check config and promtool's accept the same file", lambda: run_once(
        [binary, "check", "config", server.config])[0] == 0 and promtool("check", "config", str(server.config)))
