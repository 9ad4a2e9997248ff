#!/usr/bin/python3
"""measure.py - what scraping costs: ours beside its peers, on the same data, in one run.

    measure.py [--seconds 600] [--warmup 60] [--targets 200] [--series 1000] [--interval 2] [--apart] SERVER GENERATOR

Each server scrapes a load generator of its own (same seed, so the same pages at the same time). CPU time is user + system
of the server's process over the measured time, divided by the samples its generator served in that time. Resident bytes
are VmRSS at the end, divided by the series. --apart runs the servers one after the other instead of together.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))

from harness import REAL, Process, eventually, free_port, http  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def config(port, targets, interval):
    lines = ["global:", f"  scrape_interval: {interval}s", "scrape_configs:", "  - job_name: load", "    static_configs:"]
    for number in range(targets):
        lines += [f'      - targets: ["127.0.0.1:{port}"]',
                  f'        labels: {{__metrics_path__: /t/{number}, instance: "host-{number}:9100"}}']
    return "\n".join(lines) + "\n"


def command(name, binary, file, data, port):
    if name == "victoria-metrics":
        return [binary, f"-promscrape.config={file}", f"-storageDataPath={data}", f"-httpListenAddr=127.0.0.1:{port}"]
    extra = ["--web.console.templates=/nonexistent", "--web.console.libraries=/nonexistent"] * (name == "prometheus")
    return [binary, f"--config.file={file}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}", *extra]


class Subject:
    """one server with its generator, and the two readings around the measured time"""

    def __init__(self, name, binary, folder, arguments):
        self.name, self.arguments = name, arguments
        self.generator_port, self.port = free_port(), free_port()
        self.generator = Process(folder, f"{name}-load", [
            arguments.generator, self.generator_port, arguments.targets, arguments.series,
            int(arguments.interval * 1000), 1])
        file = pathlib.Path(folder) / f"{name}.yml"
        file.write_text(config(self.generator_port, arguments.targets, arguments.interval))
        self.data = pathlib.Path(folder) / f"{name}.data"
        eventually("the generator answers", self.stats, 10)
        self.process = Process(folder, name, command(name, binary, file, self.data, self.port))

    def stats(self):
        return json.loads(http(f"http://127.0.0.1:{self.generator_port}/stats")[2])

    def proc(self, file):
        return pathlib.Path(f"/proc/{self.process.popen.pid}/{file}").read_text()

    def reading(self):
        if not self.process.running():
            raise SystemExit(f"{self.name} ended:\n{self.process.text()[-2000:]}")
        fields = self.proc("stat").rsplit(")", 1)[1].split()
        status = dict(line.split(":", 1) for line in self.proc("status").splitlines() if ":" in line)
        stats = self.stats()
        return {"cpu": (int(fields[11]) + int(fields[12])) / TICKS, "samples": stats["samples"],
                "rss": int(status["VmRSS"].split()[0]) * 1024, "peak": int(status["VmHWM"].split()[0]) * 1024,
                "load_cpu": stats["cpu_ms"] / 1000}

    def disk(self):
        return sum(f.stat().st_blocks * 512 for f in self.data.rglob("*") if f.is_file())

    def stop(self):
        self.process.stop()
        self.generator.stop()


def measure(subjects, arguments):
    wanted = arguments.targets * arguments.series
    for subject in subjects:
        eventually(f"{subject.name} has scraped every target", lambda s=subject: s.stats()["samples"] >= wanted, 120)
    time.sleep(arguments.warmup)
    before = [subject.reading() for subject in subjects]
    time.sleep(arguments.seconds)
    rows = []
    for subject, first in zip(subjects, before):
        last = subject.reading()
        samples = last["samples"] - first["samples"]
        rows.append({"name": subject.name, "samples": samples, "cpu": (last["cpu"] - first["cpu"]) / samples * 1e6,
                     "bytes": last["rss"] / wanted, "peak": last["peak"] / 1e6, "disk": subject.disk(),
                     "load_cpu": (last["load_cpu"] - first["load_cpu"]) / samples * 1e6})
    return rows


def table(rows):
    peers = [row for row in rows if row["name"] != "ours"]
    best = {key: min(row[key] for row in peers) for key in ("cpu", "bytes")} if peers else None
    print("| server | samples | CPU s per million samples | to the better peer | resident bytes per series | to the better peer "
          "| peak MB | disk MB | generator CPU s per million |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        ratio = {key: f"{row[key] / best[key]:.2f}" if best else "-" for key in ("cpu", "bytes")}
        print(f"| {row['name']} | {row['samples']:,} | {row['cpu']:.3f} | {ratio['cpu']} | {row['bytes']:,.0f} | "
              f"{ratio['bytes']} | {row['peak']:.0f} | {row['disk'] / 1e6:.0f} | {row['load_cpu']:.3f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--warmup", type=float, default=60)
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=2)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--only", action="append", help="ours, prometheus or victoria-metrics; repeatable")
    parser.add_argument("server")
    parser.add_argument("generator")
    arguments = parser.parse_args()
    if arguments.interval == int(arguments.interval):
        arguments.interval = int(arguments.interval)
    servers = {"ours": pathlib.Path(arguments.server).resolve(), "prometheus": REAL / "prometheus",
               "victoria-metrics": REAL / "victoria-metrics"}
    names = [name for name in servers if not arguments.only or name in arguments.only]
    folder, subjects, rows = tempfile.mkdtemp(prefix="ferula-bench-"), [], []
    try:
        for group in [[name] for name in names] if arguments.apart else [names]:
            subjects = [Subject(name, servers[name], folder, arguments) for name in group]
            rows += measure(subjects, arguments)
            for subject in subjects:
                subject.stop()
    finally:
        for subject in subjects:
            subject.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{arguments.targets} targets x {arguments.series} series every {arguments.interval} s, {arguments.seconds:.0f} s after "
          f"{arguments.warmup:.0f} s of warm-up, {'one after the other' if arguments.apart else 'together'}, "
          f"{os.cpu_count()} CPUs\n")
    table(rows)


main()
