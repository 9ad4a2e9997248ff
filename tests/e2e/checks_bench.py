"""checks_bench.py - `tsdb bench write`: what it says it ingested is what the store it leaves behind holds."""
import re
import subprocess

from checks_import import parse_dump, run_tool

PAGE = '# HELP a_total Things.\n# TYPE a_total counter\na_total{x="1"} 5\nb{y="\\"q\\""} 1e3\nc -0.5\n'


def figures(text):
    return {name: float(value) for name, value in re.findall(r"^(\S.*?) {2,}([\d.]+)$", text, re.M)}


def made_up(bench, binary):
    out = bench.folder / "made_up"
    said = figures(run_tool(binary, "tsdb", "bench", "write", "--out", out, "--metrics=1500", "--scrapes", "40"))
    assert said["series"] == 1500 and said["samples"] == 60000, said
    for name in "seconds", "samples/s", "CPU seconds per million":
        assert said[name] > 0, said
    copy, = (out / "snapshots").iterdir()
    rows = parse_dump(run_tool(binary, "tsdb", "dump", copy))
    assert len(rows) == 60000 and len({labels for labels, _ in rows}) == 1500
    size = sum(path.stat().st_size for path in (copy / "blocks").iterdir())
    assert abs(said["bytes on disk per sample"] - size / 60000) < 0.001, (said, size)
    return True


def of_a_file(bench, binary):
    page, out = bench.folder / "page.txt", bench.folder / "of_a_file"
    page.write_text(PAGE)
    said = figures(run_tool(binary, "tsdb", "bench", "write", f"--out={out}", "--scrapes=4", "--metrics=2", page))
    assert said["series"] == 2 and said["samples"] == 8, said
    copy, = (out / "snapshots").iterdir()
    rows = parse_dump(run_tool(binary, "tsdb", "dump", copy))
    values = {}
    for (labels, at), value in sorted(rows.items(), key=lambda row: row[0][1]):
        values.setdefault(labels, []).append((at, float(value)))
    assert sorted([v for _, v in rows] for rows in values.values()) == [[5, 6, 7, 8], [1000, 1001, 1002, 1003]], values
    return all(b[0] - a[0] == 15000 for rows in values.values() for a, b in zip(rows, rows[1:]))


def refuses(binary, complaint, *arguments):
    done = subprocess.run([str(binary), "tsdb", "bench", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and complaint in done.stderr, (done.returncode, done.stderr)
    return True


def refusals(bench, binary):
    used, twice = bench.folder / "used", bench.folder / "twice.txt"
    used.mkdir()
    (used / "something").write_text("mine")
    twice.write_text("a 1\na 2\n")
    refuses(binary, "is not empty", "write", "--out", used, "--metrics=1", "--scrapes=1")
    assert [path.name for path in used.iterdir()] == ["something"]
    refuses(binary, "no_such_file", "write", "--out", bench.folder / "x", "no_such_file")
    for wrong in (["write", "--metrics=0"], ["write", "--scrapes=many"], ["write", "--odd"], ["read"], []):
        refuses(binary, "usage:", *wrong)
    done = subprocess.run([str(binary), "tsdb", "bench", "write", "--out", str(bench.folder / "y"), "--scrapes=3", str(twice)],
                          capture_output=True, text=True, timeout=60)
    return done.returncode == 1 and figures(done.stdout)["refused"] == 3


def run(bench, binary):
    bench.check("bench write tells what it stored, of its own series", lambda: made_up(bench, binary))
    bench.check("bench write repeats the series of a file", lambda: of_a_file(bench, binary))
    bench.check("bench write refuses a folder that is in use, and wrong arguments", lambda: refusals(bench, binary))
