#!/usr/bin/python3
"""measures.py - the measurements of README.md, one function each, and the command that runs them.

    measures.py [--quick] [--peers none|prometheus,victoria] [--no-ours] all|ingest|disk|start|restart|churn|scrape|resident|large|fast|many|clients|query ...
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.dont_write_bytecode = True
from load import STEP, end, end_all, fresh, last_tick, running, write  # noqa: E402
from query import query, show_queries  # noqa: E402
from servers import ALL, TOOLS, Failed, Process, eventually, free_port, http  # noqa: E402
from table import FIGURES, show  # noqa: E402


def ingest(kind, folder, quick):
    server = fresh(kind, folder)
    series, ticks = 10000, 50 if quick else 200
    write(server, series, 1, last_tick() - ticks * STEP, 1)  # the series are known before the clock runs
    before = server.cpu()
    report = write(server, series, ticks - 1, last_tick() - (ticks - 1) * STEP, 1)
    time.sleep(2)  # what it does behind its answers counts too
    result = {"write_cpu": (server.cpu() - before) / report["acked"] * 1e6}
    end(server)

    server = fresh(kind, folder)
    series, ticks = 100000, 10 if quick else 50
    write(server, series, 1, last_tick() - ticks * STEP, 2)
    report = write(server, series, ticks - 1, last_tick() - (ticks - 1) * STEP, 2)
    result["write_rate"] = report["acked"] / report["seconds"]
    end(server)

    server = fresh(kind, folder)
    report = write(server, 100000 if quick else 500000, 1, last_tick(), 2)
    result["new_rate"] = report["acked"] / report["seconds"]
    end(server)
    return result


def disk(kind, folder, quick):
    """and the start on the data it leaves"""
    server = fresh(kind, folder)
    series, hours = (2000, 6) if quick else (20000, 12)
    ticks = hours * 3600 // STEP
    acked = write(server, series, ticks, last_tick() - ticks * STEP, 2)["acked"]
    server.settle()
    server.stop()
    result = {"written": server.written / acked}
    server.start()
    result["disk"] = server.all_in_blocks() / acked
    server.stop()
    result["start"] = server.start()
    began = time.monotonic()
    if not server.query('count({job="load"})', last_tick() - STEP):
        raise Failed("nothing is found after the start")
    result["start"] += time.monotonic() - began
    end(server)
    return result


def restart(kind, folder, quick):
    server = fresh(kind, folder)
    series, ticks = 100000 if quick else 1000000, 4
    last = last_tick()
    acked = write(server, series, ticks, last - (ticks - 1) * STEP, 2)["acked"]
    server.kill()
    result = {"restart": server.start()}
    server.flush()
    # tick by tick, because count_over_time drops names and so refuses series that differ in nothing else
    found = sum(server.query('count(last_over_time({job="load"}[1s]))', last - i * STEP) for i in range(ticks))
    result["lost"] = acked - found
    end(server)
    return result


def clients(kind, folder, quick):
    """1,000 clients on connections that stay open"""
    server = fresh(kind, folder)
    end_s = last_tick()
    write(server, 10000, 40, end_s - 39 * STEP, 2)
    server.flush()
    names = json.loads(http(server.url("/api/v1/series?" + urllib.parse.urlencode(
        {"match[]": '{job="load",__name__=~".+_total"}', "start": end_s - 600, "end": end_s, "limit": 50})))[2])["data"][:50]
    if len(names) < 50:
        raise Failed(f"only {len(names)} series are found")
    selectors = [row.pop("__name__") + "{" + ",".join(f'{k}="{v}"' for k, v in row.items()) + "}" for row in names]
    targets = ["/api/v1/query?" + urllib.parse.urlencode({"query": form % selector, "time": end_s})
               for selector in selectors for form in ("%s", "rate(%s[5m])", "1 - %s / 100")]
    targets += ["/api/v1/query?" + urllib.parse.urlencode({"query": "1+1", "time": 4})] * 50
    rounds = []
    for seconds in (2, *([5] if quick else [10, 10, 10])):  # the first warms up
        before = server.cpu()
        done = subprocess.run([TOOLS / "crowd_client", str(server.port), "1000", str(seconds)], input="\n".join(targets) + "\n",
                              capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise Failed(f"crowd_client: {done.stderr[-200:]}")
        report = json.loads(done.stdout)
        if report["failed"] or not report["queries"]:
            raise Failed(f"{report['failed']} queries failed, {report['queries']} did not")
        rounds.append((report["queries"] / report["seconds"], report["p99_ms"], (server.cpu() - before) / report["queries"] * 1e6))
    end(server)
    return dict(zip(("clients_rate", "clients_p99", "clients_cpu"), (statistics.median(column) for column in zip(*rounds[1:]))))


# ---- scraping: the servers side by side ----


def scrape_config(port, targets, interval):
    lines = ["global:", f"  scrape_interval: {interval}s", "scrape_configs:", "  - job_name: load", "    static_configs:"]
    for number in range(targets):
        lines += [f'      - targets: ["127.0.0.1:{port}"]',
                  f'        labels: {{__metrics_path__: /t/{number}, instance: "host-{number}:9100"}}']
    return "\n".join(lines) + "\n"


class Scraped:
    """a server and the generator it scrapes"""

    def __init__(self, kind, folder, targets, each, interval, renew):
        self.port, self.series = free_port(), targets * each
        home = tempfile.mkdtemp(dir=folder)
        self.generator = Process(home, "generator", [TOOLS / "scrape_target", self.port, targets, each, interval * 1000, 1, renew])
        running.append(self)
        eventually("the generator answers", lambda: self.samples() is not None, 30)
        self.server = fresh(kind, folder, scrape_config(self.port, targets, interval))

    def stats(self, path="/stats"):
        return json.loads(http(f"http://127.0.0.1:{self.port}{path}", timeout=30)[2])

    def samples(self):
        return self.stats()["samples"]

    def has_scraped(self, times):
        return self.samples() >= times * self.series

    def begin(self):
        self.cpu, self.before = self.server.cpu(), self.stats("/reset")["samples"]

    def reading(self):
        """what scraping() says of it"""
        cpu, stats = self.server.cpu() - self.cpu, self.stats()
        samples = stats["samples"] - self.before
        if not samples:
            raise Failed("scraped nothing")
        return {"cpu": cpu / samples * 1e6, "first": self.first_cpu, "bytes": self.server.memory("VmRSS") / self.series,
                "peak": self.server.memory("VmHWM") / 1e6, "late": stats["late_p99_ms"], "missed": stats["missed"]}

    def kill(self):
        self.generator.kill()


def scraping(kinds, folder, targets, each, interval, renew, warmup, seconds):
    """{name: readings, or a failure}: CPU s per million samples, of the first two scrapes; resident bytes per series, peak MB;
    lateness p99 in ms, missed scrapes"""
    subjects, results = {}, {}

    def for_all(step):
        for name in [name for name in kinds if name not in results]:
            try:
                step(name)
            except (Failed, AssertionError) as e:
                results[name] = str(e)

    def begin(name):
        subjects[name] = Scraped(kinds[name], folder, targets, each, interval, renew)
        subjects[name].first_cpu = None

    def look(name):
        subject = subjects[name]
        if subject.first_cpu is None and subject.has_scraped(2):
            subject.first_cpu = subject.server.cpu()

    def is_whole(name):
        if subjects[name].first_cpu is None:
            raise Failed("has not scraped every target twice")

    def end_measuring(name):
        results[name] = subjects[name].reading()
    for_all(begin)
    deadline = time.monotonic() + 60 + 3 * interval
    while time.monotonic() < deadline and any(s.first_cpu is None for s in subjects.values()):
        for_all(look)
        time.sleep(0.2)
    for_all(is_whole)
    time.sleep(warmup)
    for_all(lambda name: subjects[name].begin())
    time.sleep(seconds)
    for_all(end_measuring)
    for subject in subjects.values():
        end(subject.server)
        subject.kill()
    return results


def spread(results, **keys):
    """each reading under its key of the table; a failure under all of them"""
    return {name: {key: value if isinstance(value, str) else value[reading] for reading, key in keys.items()}
            for name, value in results.items()}


def churn(kinds, folder, quick):
    return spread(scraping(kinds, folder, 200, 1000, 2, 10, *((10, 40) if quick else (60, 600))), cpu="churn_cpu", peak="churn_peak")


def scrape(kinds, folder, quick):
    return spread(scraping(kinds, folder, 200, 1000, 2, 0, *((10, 40) if quick else (60, 600))),
                  cpu="scrape_cpu", bytes="scrape_bytes")


def resident(kinds, folder, quick):
    targets, seconds = (100, 45) if quick else (1000, 300)
    return spread(scraping(kinds, folder, targets, 1000, 15, 0, 15, seconds), bytes="resident")


def large(kinds, folder, quick):
    targets, seconds = (40, 45) if quick else (200, 300)
    return spread(scraping(kinds, folder, targets, 5000, 15, 0, 0, seconds),
                  cpu="large_cpu", first="large_first", peak="large_peak", late="large_late")


def fast(kinds, folder, quick):
    return spread(scraping(kinds, folder, 100, 2000, 2, 0, *((10, 40) if quick else (60, 300))),
                  cpu="fast_cpu", bytes="fast_bytes", late="fast_late")


def many(kinds, folder, quick):
    targets, seconds = (2000, 45) if quick else (10000, 150)
    return spread(scraping(kinds, folder, targets, 20, 15, 0, 15, seconds), cpu="many_cpu", late="many_late", missed="many_missed")


APART = {"ingest": ingest, "disk": disk, "restart": restart, "clients": clients}
TOGETHER = {"churn": churn, "scrape": scrape, "resident": resident, "large": large, "fast": fast, "many": many}


def run(measurement, kinds, folder, quick, results):
    keys = [key for key, row in FIGURES.items() if row[0] == measurement or (measurement == "disk" and row[0] == "start")]
    if measurement in TOGETHER:
        for name, result in TOGETHER[measurement](kinds, folder, quick).items():
            results[name].update(result)
        return
    for name, kind in kinds.items():
        print(f"{time.strftime('%H:%M:%S')} {measurement} {name}", file=sys.stderr, flush=True)
        try:
            results[name].update(APART[measurement](kind, folder, quick))
        except (Failed, AssertionError, OSError, subprocess.TimeoutExpired) as e:
            results[name].update(dict.fromkeys(keys, f"{e}"))
        finally:
            end_all()


def interrupt(*_):
    """once: a second Ctrl-C must not stop the servers from being ended"""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="benchmarks/run.sh")
    parser.add_argument("measurements", nargs="+", choices=["all", "start", *APART, *TOGETHER, "query"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peers", default="prometheus,victoria")
    parser.add_argument("--no-ours", action="store_true")
    arguments = parser.parse_args()
    wanted = set(arguments.measurements)
    shown = {"query", *(row[0] for row in FIGURES.values())} if "all" in wanted else wanted
    kinds = {name: kind for name, kind in ALL.items()
             if (not arguments.no_ours if name == "ours" else name in arguments.peers.split(","))}
    results, subjects = {name: {} for name in kinds}, []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    folder = tempfile.mkdtemp(prefix="ferula-bench-")
    try:
        for measurement in [*APART, *TOGETHER]:
            if measurement in shown or (measurement == "disk" and "start" in shown):
                run(measurement, kinds, folder, arguments.quick, results)
        if "query" in shown:
            subjects = query(kinds, folder, arguments.quick)
    except KeyboardInterrupt:
        print("interrupted: what is measured so far", file=sys.stderr)
    finally:
        end_all()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'quick' if arguments.quick else 'full'} sizes, {os.cpu_count()} CPUs, {pathlib.Path('/proc/version').read_text().split()[2]}\n")
    if shown != {"query"}:
        show(results, list(kinds), shown)
        print()
    if subjects:
        show_queries(subjects)


if __name__ == "__main__":
    main()
