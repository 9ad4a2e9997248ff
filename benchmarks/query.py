"""query.py - the measurement `query`: the same data in each server, then the queries of queries.py, server by server in turn.

    load and settle each --> for each query: once unmeasured, then REPEATS times on each server in turn --> the mix, in turn
                         --> ours again with one worker
"""
import json
import pathlib
import statistics
import subprocess
import sys
import time

from load import STEP, end, fresh, last_tick, write
from queries import QUERIES, WINDOWS, target
from servers import TOOLS, Failed, http
from table import cell, ratio

REPEATS, CONNECTIONS, ONE_WORKER = 7, 4, "ours, 1 worker"


class Subject:
    """a server and what was read of it, by query; a text instead of a number is a failure"""

    def __init__(self, name, server):
        self.name, self.server = name, server
        self.medians, self.series, self.rates, self.peak = {}, {}, [], None

    def rate(self):
        return statistics.median(self.rates) if self.rates else None

    def say(self, what):
        print(f"{time.strftime('%H:%M:%S')} query {self.name}: {what}", file=sys.stderr, flush=True)


def client(server, connections, seconds, targets):
    """a line of JSON for each target, or one for all of them over some seconds"""
    done = subprocess.run([TOOLS / "query_client", str(server.port), str(connections), str(seconds)], input="\n".join(targets) + "\n",
                          capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise Failed(f"query_client: {done.stderr[-200:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def count_of(server, path):
    """series (or names) in the answer"""
    status, _, body = http(server.url(path), timeout=300)
    if status != 200:
        raise Failed(f"{status} {body[:160].decode(errors='replace')}")
    data = json.loads(body)["data"]
    return len(data["result"] if isinstance(data, dict) else data)


def measure(subjects, query, path):
    """the median of each; the answers in full come first and warm up"""
    times = {}
    for subject in subjects:
        try:
            subject.series[query] = count_of(subject.server, path)
            times[subject] = []
        except (Failed, OSError, ValueError) as e:
            subject.medians[query] = str(e)
    for _ in range(REPEATS):
        for subject, values in times.items():
            answer = client(subject.server, 1, 0, [path])[0]
            values.append(answer["ms"] if answer["status"] == 200 else float("inf"))
    for subject, values in times.items():
        median = statistics.median(values)
        subject.medians[query] = median if median != float("inf") else "the answer broke off"


def mix(subjects, paths, seconds, rounds=3):
    for _ in range(rounds):
        for subject in subjects:
            answered = [path for query, path in paths if isinstance(subject.medians[query], float) and query.mixed]
            report = client(subject.server, CONNECTIONS, seconds, answered)[0]
            if report["failed"]:
                subject.say(f"{report['failed']} queries of the mix failed")
            subject.rates.append(report["queries"] / report["seconds"])


def forget_peak(server):
    """VmHWM counts from here, without the load"""
    pathlib.Path(f"/proc/{server.process.popen.pid}/clear_refs").write_text("5")


def ask(subjects, paths, seconds):
    for subject in subjects:
        forget_peak(subject.server)
    for query, path in paths:
        measure(subjects, query, path)
    mix(subjects, paths, seconds)
    for subject in subjects:
        subject.peak = subject.server.memory("VmHWM") / 1e6


def query(kinds, folder, quick):
    """what was read of each server, in order; a server that could not be loaded is left out"""
    series, hours = (4000, 3) if quick else (20000, 12)
    ticks = hours * 3600 // STEP
    start, subjects = last_tick() - ticks * STEP, []
    for name, kind in kinds.items():
        subject = Subject(name, fresh(kind, folder))
        subject.say("load")
        try:
            write(subject.server, series, ticks, start, 2)
            subject.server.settle()
            subjects.append(subject)
        except (Failed, AssertionError, OSError) as e:
            subject.say(f"left out: {e}")
    paths = [(q, target(q, start + (ticks - 1) * STEP, min(hours, 6) * 3600)) for q in QUERIES]
    seconds = 3 if quick else 10
    if subjects:
        subjects[0].say("and the others answer")
        ask(subjects, paths, seconds)
    for subject in [s for s in subjects if s.name == "ours"]:
        alone = Subject(ONE_WORKER, subject.server)
        alone.server.stop()
        alone.server.extra += ("--query.max-concurrency=1",)
        alone.server.start()
        ask([alone], paths, seconds)
        subjects.append(alone)
    for subject in [s for s in subjects if s.name != ONE_WORKER]:
        end(subject.server)
    return subjects


# ---- the table ----


def line(title, form, series, subjects, values, style, more=False):
    """values: by subject"""
    ours = next((values[s] for s in subjects if s.name == "ours"), None)
    peers = [values[s] for s in subjects if not s.name.startswith("ours")]
    print(f"| {title} | {form} | {series} | " + " | ".join(cell(style, values[s]) for s in subjects) + f" | {ratio(ours, peers, more)} |")


def windows_ratio(subject):
    over, plain = (subject.medians[query] for query in WINDOWS)
    return over / plain if isinstance(over, float) and isinstance(plain, float) else None


def show_queries(subjects):
    print("| query | form | series | " + " | ".join(s.name for s in subjects) + " | ours to the better peer |")
    print("|---" * (len(subjects) + 4) + "|")
    different, failures = [], []
    for query in QUERIES:
        counts = {s.name: s.series[query] for s in subjects if query in s.series}
        agreed = len(set(counts.values())) == 1
        line(query.name, query.form, next(iter(counts.values())) if agreed else "differ", subjects,
             {s: s.medians.get(query) for s in subjects}, "{:,.2f}")
        if not agreed:
            different.append(f"{query.name}, {query.form}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
        failures += [f"{s.name} failed at {query.name}, {query.form}: {s.medians[query]}" for s in subjects
                     if isinstance(s.medians.get(query), str)]
    whole = [query for query in QUERIES if all(isinstance(s.medians.get(query), float) for s in subjects)]
    line(f"sum of {len(whole)} medians, ms", "", "", subjects, {s: sum(s.medians[q] for q in whole) for s in subjects}, "{:,.1f}")
    line("rate(x[1h]) to x over the same range", "", "", subjects, {s: windows_ratio(s) for s in subjects}, "{:.2f}")
    line(f"mixed queries/s, {CONNECTIONS} connections", "", "", subjects, {s: s.rate() for s in subjects}, "{:,.0f}", more=True)
    line("peak MB meanwhile", "", "", subjects, {s: s.peak for s in subjects}, "{:,.0f}")
    for text in [*(f"series differ: {d}" for d in different), *failures]:
        print(f"\n{text}")
