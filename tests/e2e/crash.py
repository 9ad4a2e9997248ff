#!/usr/bin/python3
"""crash.py [--writer] [--rounds N] [--seed S] SERVER - SIGKILL at random moments; nothing a query returned may be lost.

    round:  start -> scrape every 100 ms -> keep asking for the newest samples -> SIGKILL at a random moment
            start again on the same folder -> every sample an earlier answer contained is there, bit for bit

Answers are taken until the kill itself cuts one off, so the last of them is only moments old. All samples of all rounds
stay remembered; each round checks the ones since the round before it, the last round checks everything.

With --writer the samples come by remote write from four senders, which go on while the server is gone; every sample of a
request that was answered with 204 must be there.
"""
import argparse
import pathlib
import random
import sys
import time

sys.dont_write_bytecode = True

from fake_target import FakeTarget  # noqa: E402
from harness import Bench, Server, eventually  # noqa: E402
from remote_write import FLAG, Writer  # noqa: E402
from remote_write import missing as missing_writes  # noqa: E402

CONFIG = """
global:
  scrape_interval: 100ms
scrape_configs:
  - job_name: fake
    static_configs:
      - targets: ["{fake}"]
  - job_name: slow
    scrape_interval: 1s
    static_configs:
      - targets: ["{fake}"]
"""


class Page:
    """counters and gauges that move, and series that come and go"""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0

    def __call__(self):
        self.count += 1
        lines = ["# TYPE ticks_total counter", f"ticks_total {self.count}"]
        lines += [f'wave{{n="{n}"}} {self.random.gauss(0, 1) * 10 ** (n % 9)}' for n in range(40)]
        lines += [f'steady{{n="{n}"}} {n}' for n in range(20)]
        lines += [f'passing{{n="{self.count // 5 + n}"}} {self.count}' for n in range(3)]
        return "\n".join(lines) + "\n"


def remember(api, memory, window):
    """adds what the server answers now to the memory; returns how many samples were new"""
    new = 0
    for row in api.query(f'{{job=~"fake|slow"}}[{window}]')["result"]:
        series = memory.setdefault(tuple(sorted(row["metric"].items())), {})
        for at, value in row["values"]:
            new += at not in series
            if series.setdefault(at, value) != value:
                raise AssertionError(f"{row['metric']} at {at}: {value}, before {series[at]}")
    return new


def missing(api, memory, since):
    """samples of the memory from `since` on that the server does not answer unchanged"""
    window = int(time.time() - since) + 10
    stored = {tuple(sorted(row["metric"].items())): dict(map(tuple, row["values"]))
              for row in api.query(f'{{job=~"fake|slow"}}[{window}s]')["result"]}
    lost, looked = [], 0
    for series, samples in memory.items():
        have = stored.get(series, {})
        for at, value in samples.items():
            if at >= since:
                looked += 1
                if have.get(at) != value:
                    lost.append((dict(series), at, value, have.get(at)))
    return lost, looked


def one_round(bench, server, memory, lucky):
    since = time.time()
    eventually("new samples", lambda: remember(server.api, memory, "2s"), 20)
    deadline = time.monotonic() + lucky.uniform(0.3, 3.0)
    answers = 0
    while time.monotonic() < deadline:
        remember(server.api, memory, "2s")
        answers += 1
        time.sleep(lucky.uniform(0, 0.05))
    server.process.kill()
    started = time.monotonic()
    server.process.start()
    server.wait_ready(60)
    lost, looked = missing(server.api, memory, since)
    return lost, looked, answers, time.monotonic() - started


def rounds_of_scrapes(bench, arguments, lucky):
    memory, begin = {}, time.time()
    fake = FakeTarget(Page(arguments.seed))
    bench.cleanups.append(fake.close)
    server = Server(bench, pathlib.Path(arguments.server).resolve(), CONFIG.format(fake=fake.address)).wait_ready()
    for number in range(1, arguments.rounds + 1):
        lost, looked, answers, seconds = one_round(bench, server, memory, lucky)
        print(f"round {number}: {answers} answers, {looked} samples remembered, {len(lost)} lost or changed, "
              f"ready after {seconds:.2f} s", flush=True)
        for loss in lost[:5]:
            print("      lost:", loss)
        bench.check(f"round {number}: every sample that was answered is there", lambda: looked and not lost)
    lost, looked = missing(server.api, memory, begin)
    bench.check(f"at the end: all {looked} samples of all rounds are there", lambda: looked and not lost)


def rounds_of_writes(bench, arguments, lucky):
    begin = time.time()
    server = Server(bench, pathlib.Path(arguments.server).resolve(), "global: {}\n", FLAG).wait_ready()
    writers = [Writer(server.port, n, arguments.seed) for n in range(4)]
    bench.cleanups.append(lambda: [w.close() for w in writers])
    for number in range(1, arguments.rounds + 1):
        since = time.time()
        eventually("new acknowledgements", lambda: all(w.newest() > since for w in writers), 20, 0.01)
        time.sleep(lucky.uniform(0, 2.0))
        server.process.kill()
        started = time.monotonic()
        server.process.start()
        server.wait_ready(60)
        seconds = time.monotonic() - started
        lost, looked = missing_writes(server.api, writers, since)
        print(f"round {number}: {looked} samples acknowledged, {len(lost)} lost or changed, ready after {seconds:.2f} s", flush=True)
        for loss in lost[:5]:
            print("      lost:", loss)
        bench.check(f"round {number}: every acknowledged sample is there", lambda: looked and not lost)
    for writer in writers:
        writer.close()
    lost, looked = missing_writes(server.api, writers, begin)
    bench.check(f"at the end: all {looked} acknowledged samples are there", lambda: looked and not lost)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--writer", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("server")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    bench = Bench(arguments.keep)
    try:
        (rounds_of_writes if arguments.writer else rounds_of_scrapes)(bench, arguments, random.Random(arguments.seed))
    except (Exception, SystemExit) as e:  # noqa: BLE001 - the rounds cannot go on
        bench.failed.append(f"stopped early: {e}")
    return bench.finish()


sys.exit(main())
