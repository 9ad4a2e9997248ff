"""query_data.py - a few series of each kind that queries can go wrong on, for two servers to answer about.

Two hours from BEGIN. Samples lie at odd milliseconds, 0.2 to 0.95 s after a whole second, queries at 0.1 s after one, so no sample
is ever at the very edge of a window, whose left side Prometheus 3 has moved. Values are multiples of 1/8, so that sums are exact in any order.
"""
import random
import struct

from remote_write import snappy, write_request

BEGIN, SECONDS, TICK = 1_767_600_000, 7200, 15
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
NAN, INF = float("nan"), float("inf")
BOUNDS = ("0.1", "0.5", "1", "2.5", "+Inf")


def ticks(random, first=0.0, last=1.0, every=TICK, missing=0.02):
    """times in ms of one target: its own phase, some jitter, some scrapes missing"""
    phase = random.randrange(every)
    for second in range(int(SECONDS * first) + phase, int(SECONDS * last), every):
        if random.random() >= missing:
            yield (BEGIN + second) * 1000 + random.randrange(201, 950, 2)


def counter(random, times, step, resets=0.004):
    value, samples = random.randrange(5000, 20000) * step, []
    for at in times:
        if random.random() < resets:
            value = 0.0
        elif random.random() < 0.8:
            value += random.randrange(40) * step
        samples.append((at, value))
    return samples


def gauge(random, times, size):
    value, samples = random.randrange(-size, size) / 8, []
    for at in times:
        value += random.randrange(-size // 8, size // 8 + 1) / 8
        samples.append((at, value))
    return samples


def histogram(random, times):
    """samples of each bound, then of sum and count"""
    counts, total, rows = [2000.0 * (n + 1) for n in range(len(BOUNDS))], 50000.0, [[] for _ in range(len(BOUNDS) + 2)]
    for at in times:
        if random.random() < 0.01:
            counts, total = [0.0] * len(BOUNDS), 0.0
        for bucket in range(len(BOUNDS)):
            here = random.randrange(9)
            total += here * (bucket + 1) / 8
            for above in range(bucket, len(BOUNDS)):
                counts[above] += here
        for row, value in zip(rows, [*counts, total, counts[-1]]):
            row.append((at, value))
    return rows


def mostly(random, times, value):
    """the value, and now and then another"""
    return [(at, value if random.random() < 0.7 else float(random.randrange(-3, 4))) for at in times]


def comes_and_goes(random, first, last):
    """ends and begins with staleness markers between"""
    samples = []
    for i, at in enumerate(ticks(random, first, last)):
        samples.append((at, STALE if i % 40 == 25 else i / 8) if i % 40 < 26 else None)
    return [s for s in samples if s]


def series(seed):
    """[(labels, [(ms, value)])]"""
    r, out = random.Random(f"data {seed}"), []

    def add(samples, name, **labels):
        out.append(({"__name__": name, **labels}, list(samples)))
    for job, instance in (("web", "a"), ("web", "b"), ("db", "c")):
        where = {"job": job, "instance": instance}
        times = list(ticks(r))
        for code in ("200", "404", "500"):
            add(counter(r, times, 1.0), "requests_total", code=code, **where)
        add(counter(r, times, 0.125), "cpu_seconds_total", mode="user", **where)
        add(counter(r, times, 0.125), "cpu_seconds_total", mode="idle", **where)
        add(gauge(r, times, 800), "memory", **where)
        add(gauge(r, times, 80), "temperature", room="lab", **where)
        add([(at, 1.0) for at in times], "build_info", version=f"1.{len(out) % 4}", **where)
        add([(at, float(r.random() < 0.97)) for at in times], "up", **where)
        for le, samples in zip((*BOUNDS, "sum", "count"), histogram(r, times)):
            if le in ("sum", "count"):
                add(samples, f"latency_seconds_{le}", **where)
            else:
                add(samples, "latency_seconds_bucket", le=le, **where)
    for kind, value in (("nan", NAN), ("inf", INF), ("minus", -INF), ("zero", -0.0), ("tiny", 2.0 ** -40), ("large", 2.0 ** 200)):
        add(mostly(r, ticks(r), value), "odd", kind=kind)
    add(comes_and_goes(r, 0.0, 1.0), "session", user="x")
    add(comes_and_goes(r, 0.3, 0.8), "session", user="y")
    add(gauge(r, ticks(r, 0.0, 0.4), 40), "session", user="ended")
    add(gauge(r, ticks(r, 0.7, 1.0), 40), "session", user="late")
    add(gauge(r, ticks(r, every=420), 40), "sparse", n="1")
    add(counter(r, ticks(r, every=240), 1.0), "sparse", n="2")
    return out


def bodies(all_series, seconds=600):
    """remote write requests, oldest first"""
    for first in range(BEGIN * 1000, (BEGIN + SECONDS) * 1000, seconds * 1000):
        part = [(labels, [s for s in samples if first <= s[0] < first + seconds * 1000]) for labels, samples in all_series]
        yield snappy(write_request([(labels, samples) for labels, samples in part if samples]))
