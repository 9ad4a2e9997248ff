#!/usr/bin/python3
"""hostile_targets.py [--long] [--only CASE] [--keep] SERVER - targets that mean harm beside an honest one.

All cases at once by default; with --long then each alone for some seconds, its memory measured. Held to: the server lives, an honest
target keeps every scrape, memory stays bounded, `up` tells the truth and the reason is told, secrets go nowhere else.
"""
import argparse
import pathlib
import sys
import time

sys.dont_write_bytecode = True

from harness import HERE, PYTHON, Bench, Server, eventually, free_port, http  # noqa: E402
from hostile_server import CASES  # noqa: E402

GROWTH_MAX = 80 << 20  # of one case: a body of 64 MiB, the default limit, and what lies around it
TOGETHER_MAX = 6 * GROWTH_MAX  # of all at once: those that fill their buffer at the same time
SECRETS = """
    authorization: {credentials: canary-token}
    http_headers: {X-Canary: {secrets: [canary-header]}}"""


class Targets:
    """the hostile ones and the honest one, a process each"""

    def __init__(self, bench):
        self.ports = {name: free_port() for name in ("hostile", "honest")}
        for name, port in self.ports.items():
            bench.run(name, [PYTHON, HERE / "hostile_server.py", port])
            eventually(f"the {name} one answers", lambda port=port: http(f"http://127.0.0.1:{port}/honest")[0] == 200)

    def address(self, name):
        return f"127.0.0.1:{self.ports['honest' if name == 'honest' else 'hostile']}"

    def heads(self):
        """of the requests that reached another host"""
        return http(f"http://{self.address('hostile')}/heads")[2].decode()


def config(names, hostile):
    text = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
    for name in ["honest", *names]:
        text += f"- job_name: {name}\n  metrics_path: /{name}\n  static_configs: [{{targets: ['{hostile.address(name)}']}}]\n"
        if name == "redirect_elsewhere":
            text += SECRETS.replace("    ", "  ").lstrip("\n") + "\n"
    return text


def memory(process, key):
    for line in pathlib.Path(f"/proc/{process.popen.pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) << 10
    raise AssertionError(f"no {key}")


def forget_peak(process):
    pathlib.Path(f"/proc/{process.popen.pid}/clear_refs").write_text("5")


def targets(server):
    return {t["labels"]["job"]: t for t in server.api.data("/api/v1/targets")["activeTargets"]}


def judged(target, up, reason):
    """the verdict on one case, as the API shows it"""
    if up:
        return target["health"] == "up"
    assert target["health"] == "down" and target["lastError"], (target["health"], target["lastError"])
    assert any(one in target["lastError"] for one in (reason if isinstance(reason, tuple) else (reason,))), target["lastError"]
    return True


def keeps_honest(server, begin):
    """from the second scrape on none is missing, late or down"""
    now = time.time()
    ups = server.api.matrix('up{job="honest"}', begin, now, 1)
    assert len(ups) == 1 and all(v == "1" for _, v in ups[0][1]), ups
    count = server.api.value('count_over_time(up{job="honest"}[15s])', time=now)
    assert count >= 14, f"{count} scrapes in 15 s"
    return True


def scraped_often(server, names, count):
    found = {m["job"]: v for m, v in server.api.vector("count_over_time(up[10m])")}
    return all(found.get(name, 0) >= count for name in names)


def together(bench, binary, hostile, names):
    server = Server(bench, binary, config([], hostile), "--web.enable-lifecycle").wait_ready()
    eventually("the honest target is up", lambda: server.api.value('up{job="honest"}') == 1)
    before = memory(server.process, "VmRSS")
    server.config.write_text(config(names, hostile))
    server.process.signal(1)
    begin = time.time()
    eventually("every case was scraped thrice", lambda: scraped_often(server, names, 3), 60)
    eventually("and the honest one for 16 s", lambda: time.time() > begin + 17, 30)
    for name in names:  # on a busy machine an answer comes too late now and then, which has another reason
        bench.check(name, lambda name=name: eventually(name, lambda: judged(targets(server)[name], *CASES[name][1:]), 5, 0.5))
    bench.check("the honest target kept every scrape", lambda: keeps_honest(server, begin + 1))
    growth = memory(server.process, "VmHWM") - before
    print(f"      grew by {growth >> 20} MiB at most")
    bench.check("memory of all at once is bounded", lambda: growth <= TOGETHER_MAX)
    if "redirect_elsewhere" in names:
        bench.check("secrets went to their own host", lambda: hostile.heads() and "canary" not in hostile.heads())
    bench.check("the server lives", lambda: server.process.running() and server.api.ready())


def alone(bench, binary, hostile, name):
    server = Server(bench, binary, config([], hostile), name=f"alone-{name}").wait_ready()
    eventually("the honest target is up", lambda: server.api.value('up{job="honest"}') == 1)
    before = memory(server.process, "VmRSS")
    server.config.write_text(config([name], hostile))
    server.process.signal(1)
    eventually("the case was scraped often", lambda: scraped_often(server, [name], 6), 60)
    growth = memory(server.process, "VmHWM") - before
    print(f"      {name}: grew by {growth >> 20} MiB at most")
    bench.check(f"{name} alone: memory is bounded", lambda: growth <= GROWTH_MAX)
    bench.check(f"{name} alone: the server lives", lambda: server.process.running() and server.api.ready())
    server.process.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("server")
    arguments = parser.parse_args()
    binary = pathlib.Path(arguments.server).resolve()
    names = [arguments.only] if arguments.only else list(CASES)
    bench = Bench(arguments.keep)
    try:
        hostile = Targets(bench)
        together(bench, binary, hostile, names)
        for name in names if arguments.long else []:
            alone(bench, binary, hostile, name)
    except (Exception, SystemExit) as e:  # noqa: BLE001 - it cannot go on
        bench.failed.append(f"stopped early: {e}")
    return bench.finish()


sys.exit(main())
