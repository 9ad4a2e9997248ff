"""checks_import.py - Prometheus' data becomes ours: every sample of its dump, and every histogram of its API, is in our dump.

Blocks are made by promtool; a head with a log, full chunks and deletions by Debian's Prometheus, which is killed.
"""
import hashlib
import random
import subprocess
import time

import programs
from harness import REAL, Api, Server, eventually

CONFIG = """
global:
  scrape_interval: 100ms
scrape_configs:
  - job_name: demo
    static_configs:
      - targets: ["{target}"]
"""


def run_tool(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def fingerprint(folder):
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def write_openmetrics(path):
    random.seed(1)
    lines = ["# TYPE m gauge"]
    for series in range(40):
        value = 0.0
        for step in range(900):
            value += random.choice([0, 1, 0.25, 1e9, -3.5, 1e-7])
            shown = random.choice([value, "NaN", "+Inf", "-Inf"]) if series % 3 == 0 else value
            at = 1700000000 + step * 15 + (random.random() if series % 2 else 0)
            if random.random() > 0.05:
                lines.append(f'm{{s="{series}",q="a\\"b\\\\c\\nd é"}} {shown} {at:.3f}')
    path.write_text("\n".join(lines + ["# EOF", ""]))


def blocks_agree(bench, binary):
    text, theirs, ours, made = (bench.folder / name for name in ("a.om", "om.theirs", "om.ours", "om.made"))
    write_openmetrics(text)
    run_tool(REAL / "promtool", "tsdb", "create-blocks-from", "openmetrics", text, theirs)
    (theirs / "wal").mkdir()
    wanted = run_tool(REAL / "promtool", "tsdb", "dump", theirs)
    before = fingerprint(theirs)
    run_tool(binary, "tsdb", "import", theirs, f"--storage.tsdb.path={ours}")
    run_tool(binary, "tsdb", "create-blocks-from", "openmetrics", text, made)
    assert wanted.count("\n") > 30000, wanted[:1000]
    assert run_tool(binary, "tsdb", "dump", ours) == wanted
    assert run_tool(binary, "tsdb", "dump", made) == wanted
    assert fingerprint(theirs) == before, "the source was changed"
    assert "2 blocks, 0 findings" in run_tool(binary, "tsdb", "verify", ours)
    return f"{wanted.count(chr(10))} samples"


def parse_dump(text):
    """(labels, time in ms) -> value or {..}"""
    rows = {}
    for line in text.splitlines():
        head, at = line.rsplit(" ", 1)
        if head.endswith("}") and " {count:" in head:
            labels, value = head.rsplit(" {count:", 1)
            value = "count:" + value[:-1]
        else:
            labels, value = head.rsplit(" ", 1)
        rows[labels, int(at)] = value
    return rows


def labels_text(metric):
    return "{" + ", ".join(f'{name}="{metric[name]}"' for name in sorted(metric)) + "}"


def histogram_agrees(wanted, got):
    parts = dict(part.split(":") for part in got.split(", "))
    assert float(parts.pop("count")) == float(wanted["count"]), (wanted, got)
    assert float(parts.pop("sum")) == float(wanted["sum"]), (wanted, got)
    schema, buckets = int(parts.pop("schema")), []
    if "zero" in parts:
        buckets.append((None, float(parts.pop("zero"))))
    for name, count in parts.items():
        index = int(name[name.index("[") + 1:-1])
        if float(count):
            buckets.append((2.0 ** (index * 2.0 ** -schema), float(count)))
    theirs = [(None if float(low) < 0 else float(high), float(count)) for _, low, high, count in wanted["buckets"]]
    assert len(theirs) == len(buckets), (wanted, got)
    for (bound, count), (our_bound, our_count) in zip(theirs, buckets):
        assert count == our_count, (wanted, got)
        assert our_bound is None or bound is None or abs(bound / our_bound - 1) < 1e-12, (bound, our_bound)


def points(result):
    """(labels, time) -> a value or a histogram, as the API prints it"""
    return {(labels_text(series["metric"]), at): value
            for series in result for kind in ("values", "histograms") for at, value in series.get(kind, [])}


def apis_agree(bench, binary, data, end, wanted, newest):
    """what a range selector and an instant selector of the imported data print is what Prometheus printed"""
    server = Server(bench, binary, "global: {}\n", name="imported", data=data).wait_ready()
    got, wanted = points(server.api.query('{__name__=~".+"}[10m]', time=end)["result"]), points(wanted)
    different = [(key, value, got.get(key)) for key, value in wanted.items() if got.get(key) != value]
    assert not different, f"{len(different)} of {len(wanted)} points differ: {different[:3]}"
    assert not {key for key in got.keys() - wanted.keys() if key[1] < end - 2}
    ours = {labels_text(row["metric"]): row for row in server.api.query('{__name__=~".+"}', time=end - 2)["result"]}
    theirs = {labels_text(row["metric"]): row for row in newest}
    assert ours == theirs, [(theirs.get(k), ours.get(k)) for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)][:3]
    server.process.kill()


def head_agrees(bench, binary):
    address = programs.prometheus(bench, CONFIG.format(target=programs.go_demo(bench)), "old",
                                  "--enable-feature=native-histograms", "--web.enable-admin-api")
    process, api, data = bench.processes[-1], Api(f"http://{address}"), bench.folder / "old.data"
    eventually("chunks are full", lambda: api.value("count_over_time(up[10m])") > 280, 90)
    subprocess.run(["curl", "-sS", "-f", "-g", "-X", "POST",
                    f"http://{address}/api/v1/admin/tsdb/delete_series?match[]=go_goroutines"], check=True)
    end = time.time()
    wanted = api.query('{__name__=~".+"}[10m]', time=end)["result"]
    newest = api.query('{__name__=~".+"}', time=end - 2)["result"]
    process.kill()
    before = fingerprint(data)
    ours = bench.folder / "old.ours"
    run_tool(binary, "tsdb", "import", data, f"--storage.tsdb.path={ours}")
    assert fingerprint(data) == before, "the source was changed"
    rows = parse_dump(run_tool(binary, "tsdb", "dump", f"--max-time={int(end * 1000) - 1}", ours))
    floats = histograms = 0
    for series in wanted:
        labels = labels_text(series["metric"])
        for at, value in series.get("values", []):
            got = rows.pop((labels, round(at * 1000)))
            assert float(got) == float(value) or got == value, (labels, at, value, got)
            floats += 1
        for at, value in series.get("histograms", []):
            histogram_agrees(value, rows.pop((labels, round(at * 1000))))
            histograms += 1
    assert not [key for key in rows if "go_goroutines" in key[0]], "a deleted sample is back"
    # a scrape that was under way when we asked comes behind all that was told of its series, however long it takes
    told = {labels_text(series["metric"]): max(round(at * 1000) for at, _ in series.get("values", []) + series.get("histograms", []))
            for series in wanted}
    late = {key for key in rows if key[1] <= told.get(key[0], end * 1000)}
    assert not late, f"{len(late)} samples that Prometheus has not: {sorted(late)[:3]}"
    assert floats > 10000 and histograms > 250, (floats, histograms)
    assert any((data / "chunks_head").iterdir()), "no full chunk was there"
    apis_agree(bench, binary, ours, end, wanted, newest)
    return f"{floats} floats, {histograms} histograms"


def run(bench, binary):
    bench.check("blocks of promtool, imported, dump as promtool's", lambda: blocks_agree(bench, binary))
    bench.check("the head of a killed Prometheus, imported, has what its API said", lambda: head_agrees(bench, binary))
