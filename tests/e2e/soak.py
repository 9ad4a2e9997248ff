#!/usr/bin/python3
"""soak.py [--minutes N] SERVER - everything at once for long: nothing is lost, nothing grows.

100,000 samples a second by remote write and 20,000 by scraping, queries, a reload each minute, SIGKILL every five (two times in a
shorter run). Blocks are of two minutes in place of two hours, so 45 minutes are 45 hours of cutting, merging and retention.

    bulk      remote_writer in slices of a second             each tick of a slice that went well is there whole
    writers   senders that remember each sample               every acknowledged sample is there, after each kill and at the end
    targets   scrape_target                                   no scrape is missed between two kills
    monitor   the server's own metrics, each second           memory, descriptors, threads, blocks, log: bounded, not growing
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True

from harness import ROOT, SIGHUP, Bench, Process, Server, eventually, free_port, http  # noqa: E402
from remote_write import FLAG, Writer, missing  # noqa: E402

TOOLS = ROOT / "build/release/benchmarks"
BLOCK = 120  # seconds
DAY = 24 * 60  # seconds of this time, when two minutes are two hours
SERIES, STEP_MS, TICKS = 25000, 250, 4
TARGETS, INTERVAL = 100, 5
SLOPE = 0.005  # of the memory, in a day of this time: of what a run of an hour can tell
CONFIG = """
global: {{scrape_interval: {interval}s, evaluation_interval: 5s}}
rule_files: ['{rules}']
scrape_configs:
- job_name: load
  scrape_timeout: {interval}s
  static_configs:
{targets}
- job_name: self
  static_configs: [{{targets: ["{{self}}"]}}]
{more}
"""
RULES = """
groups:
- name: soak
  rules:
  - {record: 'job:up:sum', expr: 'sum by (job) (up)'}
  - {alert: Down, expr: 'up{job="load"} == 0', for: 1m}
"""
QUERIES = ("sum by (job) (up)", "topk(5, sum by (__name__) ({job='load'}))", "count({job='writer'})", "sum(rate(written[1m]))",
           "quantile(0.9, {job='load'})", "max_over_time(up[5m])", "histogram_quantile(0.9, sum by (le) (rate({job='load',le!=''}[1m])))")


class Repeated(threading.Thread):
    """work() again and again until close(); the first failure is kept"""

    def __init__(self, work, pause):
        super().__init__(daemon=True)
        self.work, self.pause, self.closing = work, pause, threading.Event()
        self.count, self.failure = 0, None
        self.start()

    def run(self):
        while not self.closing.wait(self.pause):
            try:
                self.count += bool(self.work())
            except Exception as e:  # noqa: BLE001 - judged at the end
                self.failure = self.failure or repr(e)

    def close(self):
        self.closing.set()
        self.join(60)


class Soak:
    def __init__(self, bench, binary, minutes, seed):
        self.bench, self.seconds, self.random = bench, minutes * 60, random.Random(seed)
        self.retention = int(max(self.seconds / 3, 3 * BLOCK))
        self.port = free_port()
        self.generator = Process(bench.folder, "targets", [TOOLS / "scrape_target", self.port, TARGETS, 1000, INTERVAL * 1000, 1, 10])
        bench.cleanups.append(self.generator.kill)
        (bench.folder / "rules.yml").write_text(RULES)
        self.server = Server(bench, binary, self.config(""), FLAG, f"--storage.tsdb.min-block-duration={BLOCK}s",
                             f"--storage.tsdb.retention.time={self.retention}s", "--memory.max=2GB", name="soak").wait_ready()
        self.writers = [Writer(self.server.port, n, seed, pause=0.25) for n in range(2)]
        self.is_down = threading.Event()
        self.readings, self.slices, self.slow = [], [], 0
        self.began = self.up_since = time.time()

    def config(self, more):
        targets = "\n".join(f'  - {{targets: ["127.0.0.1:{self.port}"], labels: {{__metrics_path__: /t/{n}, instance: "host-{n}"}}}}'
                            for n in range(TARGETS))
        return CONFIG.format(interval=INTERVAL, rules=self.bench.folder / "rules.yml", targets=targets, more=more)

    # ---- what goes on ----

    def bulk(self):
        """the ticks of the last second"""
        start = int(time.time() * 1000) // 1000 * 1000 - 1000
        if self.slices and start <= self.slices[-1][0]:
            return False
        done = subprocess.run([str(c) for c in (TOOLS / "remote_writer", self.server.port, SERIES, TICKS, start, STEP_MS, 2, 2000, 1000)],
                              capture_output=True, text=True, timeout=60)
        report = json.loads(done.stdout) if done.returncode == 0 else {"acked": 0}
        self.slices.append((start, report["acked"] == SERIES * TICKS))
        return self.slices[-1][1]

    def ask(self):
        if self.is_down.is_set():
            return False
        try:
            status, _, body = http(f"{self.server.api.base}/api/v1/query?query=" + QUERIES[self.random.randrange(len(QUERIES))].replace(" ", "%20"))
        except OSError:
            return False  # killed meanwhile
        if status not in (200, 503):
            raise AssertionError(body[:200])
        return status == 200

    def read(self):
        try:
            lines = http(self.server.api.base + "/metrics", timeout=5)[2].decode().splitlines()
        except OSError:
            return False
        wanted = dict(line.split(" ", 1) for line in lines if line.startswith(("process_", "ferula_process", "prometheus_tsdb_")) and "{" not in line)
        self.readings.append((time.time(), {name: float(value) for name, value in wanted.items()}))
        return True

    def reload(self):
        """a job comes and goes"""
        more = self.random.choice(["", f'- job_name: passing\n  static_configs: [{{targets: ["127.0.0.1:{self.port}"]}}]\n  metrics_path: /t/0\n'])
        self.server.config.write_text(self.config(more).replace("{self}", f"127.0.0.1:{self.server.port}"))
        self.server.process.signal(SIGHUP)

    # ---- what is judged ----

    def scrapes_are_whole(self):
        """since the last kill, of all targets; the edges are left out"""
        until = time.time()
        window = int(until - self.up_since) - 3 * INTERVAL
        assert window >= 3 * INTERVAL, "the time between two kills is too short to tell"
        counts = self.server.api.vector(f'count_over_time(up{{job="load"}}[{window}s])', time=until - INTERVAL)
        down = self.server.api.vector('min_over_time(up{job="load"}[%ds]) == 0' % window, time=until - INTERVAL)
        few = [(labels["instance"], count) for labels, count in counts if count < window // INTERVAL]
        assert len(counts) == TARGETS and not down and not few, (len(counts), down[:3], few[:3], window)
        return True

    def acknowledged_is_there(self):
        since = max(self.began, time.time() - self.retention + BLOCK)
        lost, looked = missing(self.server.api, self.writers, since)
        assert looked and not lost, lost[:3]
        return True

    def bulk_is_whole(self):
        """ticks of good slices, of those that are not beyond the retention"""
        since = time.time() - self.retention + BLOCK
        good = [start for start, whole in self.slices if whole and start / 1000 > since]
        assert good, "no slice went well"
        holes = [start for start in self.random.sample(good, min(len(good), 100))
                 if self.server.api.value('count({job="load",instance=~"host-1[0-9]{3}:.*"})', time=start / 1000) < SERIES]
        assert not holes, holes[:3]
        return True

    def kill(self):
        self.bench.check(f"after {time.time() - self.began:.0f} s no scrape was missed", self.scrapes_are_whole)
        self.is_down.set()
        self.server.process.kill()
        self.server.process.start()
        self.server.wait_ready(300)
        self.is_down.clear()
        self.up_since = time.time()
        self.bench.check("every acknowledged sample is there after SIGKILL", self.acknowledged_is_there)

    # ---- the run ----

    def run(self):
        workers = {"bulk": Repeated(self.bulk, 0.05), "queries": Repeated(self.ask, 0.1), "monitor": Repeated(self.read, 1)}
        kill_every = min(300, self.seconds / 3)
        next_kill, next_reload = time.time() + kill_every, time.time() + min(60, kill_every / 2)
        while time.time() < self.began + self.seconds:
            time.sleep(0.2)  # the clock of the run, not a wait for something
            if time.time() > next_reload:
                self.reload()
                next_reload += min(60, kill_every)
            if time.time() > next_kill and self.began + self.seconds - time.time() > kill_every / 2:
                self.kill()
                next_kill = time.time() + kill_every
        for worker in workers.values():
            worker.close()
        for writer in self.writers:
            writer.close()
        return workers

    def column(self, name, part):
        """values in a part of the run, as fractions of it"""
        return [values[name] for at, values in self.readings if name in values and part[0] <= (at - self.began) / self.seconds <= part[1]]

    def steady(self, name, slack):
        """no more in the last third than in the second"""
        before, after = max(self.column(name, (1 / 3, 2 / 3))), max(self.column(name, (2 / 3, 1)))
        print(f"      {name}: at most {before:.0f}, then {after:.0f}")
        return after <= before + slack

    def head_span(self):
        """the longest that the head was, in seconds, and when"""
        spans = [(values["prometheus_tsdb_head_max_time_seconds"] - values["prometheus_tsdb_head_min_time_seconds"], at - self.began)
                 for at, values in self.readings if at - self.began > self.seconds / 10]
        print(f"      head: at most {max(spans)[0]:.0f} s, after {max(spans)[1]:.0f} s; the longest ten {[(round(s), round(at)) for s, at in sorted(spans)[-10:]]}")
        return max(spans)[0]

    def slope(self):
        """of the memory: the highest of each two blocks' time, a line through them, as part of it in a day of this time"""
        name, window = "process_resident_memory_bytes", 2 * BLOCK
        peaks = {}
        for at, values in self.readings:
            if at - self.began > self.seconds / 3:
                number = int((at - self.began) // window)
                peaks[number] = max(peaks.get(number, 0), values[name])
        if len(peaks) < 4:
            return None
        xs, ys = [n * window for n in peaks], list(peaks.values())
        x, y = sum(xs) / len(xs), sum(ys) / len(ys)
        slope = sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)
        print(f"      memory: {y / 1e6:.0f} MB, {slope * DAY / y * 100:+.2f} % a day, peaks {[round(v / 1e6) for v in ys]}")
        return slope * DAY / y


def judge(soak, workers):
    check = soak.bench.check
    check("no scrape was missed", soak.scrapes_are_whole)
    check("at the end every acknowledged sample is there", soak.acknowledged_is_there)
    check("every tick of the bulk is there whole", soak.bulk_is_whole)
    acked = sum(whole for _, whole in soak.slices) * SERIES * TICKS
    print(f"      {acked / soak.seconds:,.0f} samples/s by remote write, {workers['queries'].count} queries")
    for name, worker in workers.items():
        check(f"{name} went on", lambda worker=worker: worker.count > soak.seconds / 10 and (not worker.failure or not print(worker.failure)))
    slope = soak.slope()
    if slope is not None:  # a short run has no slope
        check("memory does not grow", lambda: slope < SLOPE)
    check("descriptors do not grow", lambda: soak.steady("process_open_fds", 16))
    check("threads do not grow", lambda: soak.steady("ferula_process_threads", 2))
    check("blocks are merged as they come", lambda: max(soak.column("prometheus_tsdb_blocks_loaded", (0, 1))) <= 24)
    check("the head is cut as it fills", lambda: soak.head_span() < 4 * BLOCK)
    check("the log is cut", lambda: max(soak.column("prometheus_tsdb_wal_storage_size_bytes", (0, 1))) < 1 << 30)
    check("nothing on disk was damaged", lambda: "damage" not in soak.server.process.text())
    soak.server.process.stop()
    check("it ends cleanly", lambda: soak.server.process.popen.returncode == 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("server")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    bench = Bench()
    try:
        soak = Soak(bench, pathlib.Path(arguments.server).resolve(), arguments.minutes, arguments.seed)
        eventually("the targets are scraped", lambda: len(soak.server.api.vector('up{job="load"} == 1')) == TARGETS)
        judge(soak, soak.run())
    except (Exception, SystemExit) as e:  # noqa: BLE001 - the run cannot go on
        bench.failed.append(f"stopped early: {e!r}")
    return bench.finish()


sys.exit(main())
