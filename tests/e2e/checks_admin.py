"""checks_admin.py - blocks as a user meets them: deletion, cleaning, copies, retention and damage, over HTTP on a server with several blocks."""
import time

from checks_import import parse_dump, run_tool
from harness import Server, eventually, http

HOURS = 12
STEP = 60


def write_history(path, begin):
    lines = ["# TYPE m gauge"]
    for series in range(20):
        for at in range(begin, begin + HOURS * 3600, STEP):
            if series == 19 and at >= begin + 3600:
                break  # a series of the first hour only
            lines.append(f'm{{n="{series}"}} {series * 1000 + at % 977} {at}')
    path.write_text("\n".join(lines + ["# EOF", ""]))


def post(server, path, *pairs):
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return http(f"{server.api.base}/api/v1/admin/tsdb/{path}" + (f"?{query}" if query else ""), method="POST")


def count(server, selector, at):
    rows = server.api.vector(f"count_over_time({selector}[{HOURS + 2}h])", time=at)
    return {labels["n"]: int(value) for labels, value in rows}



def metric(server, name):
    text = http(server.api.base + "/metrics")[2].decode()
    return [float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " ")][0]


def copies(bench, binary, server, end):
    status, _, body = post(server, "snapshot")
    assert status == 200, body
    name = server.api.data("/api/v1/status/runtimeinfo") and body.decode().split('"name":"')[1].split('"')[0]
    copy = server.data / "snapshots" / name
    rows = parse_dump(run_tool(binary, "tsdb", "dump", copy))
    wanted = sum(count(server, "m", end).values())
    assert "0 findings" in run_tool(binary, "tsdb", "verify", copy)
    return len([1 for labels, _ in rows if '"m"' in labels]) == wanted > 13000


def deletes(server, begin, end):
    before = count(server, "m", end)
    status, _, body = post(server, "delete_series", ("match[]", "m%7Bn%3D%223%22%7D"))
    assert status == 204, body
    status, _, body = post(server, "delete_series", ("match[]", "m%7Bn%3D%224%22%7D"), ("start", begin), ("end", begin + 3 * 3600))
    assert status == 204, body
    after = count(server, "m", end)
    assert "3" not in after and after["4"] == before["4"] - 181, (before, after)
    assert all(after[n] == before[n] for n in before if n not in ("3", "4"))
    listed = {row["n"] for row in server.api.data("/api/v1/series", **{"match[]": "m", "start": begin, "end": end})}
    return listed == set(before) - {"3"} and "3" not in server.api.data("/api/v1/label/n/values")


def cleans(server, end):
    before, bytes_before = count(server, "m", end), metric(server, "prometheus_tsdb_storage_blocks_bytes")
    assert list((server.data / "blocks").glob("*.tombstones"))
    status, _, body = post(server, "clean_tombstones")
    assert status == 204, body
    assert not list((server.data / "blocks").glob("*.tombstones"))
    assert metric(server, "prometheus_tsdb_storage_blocks_bytes") < bytes_before
    return count(server, "m", end) == before


def survives_kill(server, end):
    before = count(server, "m", end)
    server.process.kill()
    server.process.start()
    server.wait_ready()
    return count(server, "m", end) == before


def lists_by_range(server, begin, end):
    def listed(start, stop):
        rows = server.api.data("/api/v1/series", **{"match[]": 'm{n=~"18|19"}', "start": start, "end": stop})
        return sorted(row["n"] for row in rows)
    assert listed(begin, end) == ["18", "19"]
    return listed(begin + 7200, end) == ["18"]


def is_refused(bench, binary):
    plain = Server(bench, binary, "global: {}\n", name="plain").wait_ready()
    answers = [post(plain, path)[0] for path in ("snapshot", "clean_tombstones", "delete_series")]
    plain.process.stop()
    return all(status >= 400 for status in answers)


def retains(server, begin, end):
    number = metric(server, "prometheus_tsdb_blocks_loaded")
    keep = int(time.time()) - begin - 6 * 3600
    server.config.write_text(f"storage: {{tsdb: {{retention: {{time: {keep}s}}}}}}\n")
    server.process.signal(1)
    eventually("fewer blocks", lambda: metric(server, "prometheus_tsdb_blocks_loaded") < number, 20)
    rows = server.api.matrix('m{n="1"}', begin, end, 600)
    assert rows and float(rows[0][1][0][0]) > begin + 3600, rows[0][1][0]
    shown = server.api.data("/api/v1/status/runtimeinfo")["storageRetention"]
    server.config.write_text("storage: {tsdb: {retention: {percentage: 50}}}\n")
    server.process.signal(1)
    return shown != "15d" and eventually("a percentage", lambda: server.api.data("/api/v1/status/runtimeinfo")["storageRetention"] == "50%", 20)


def tells_damage(server, begin, end):
    """a byte in the middle of an index while the server is down"""
    server.process.stop()
    index = sorted((server.data / "blocks").glob("*.index"), key=lambda path: path.stat().st_size)[-1]
    data = bytearray(index.read_bytes())
    whole = bytes(data)
    told = 0
    for part in range(1, 8):
        data[:] = whole
        data[len(data) * part // 8] ^= 0x20
        index.write_bytes(data)
        server.process.start()
        server.wait_ready()
        if index.exists():
            _, answer = server.api.get("/api/v1/series", **{"match[]": 'm{n="1"}', "start": begin, "end": end})
            assert answer["status"] == "success", answer
            told += bool(answer.get("warnings"))
        server.process.stop()
        if not index.exists():
            for path in (server.data / "quarantine").rglob(index.stem + ".*"):
                path.rename(index.parent / path.name)
    index.write_bytes(whole)
    return told


def run(bench, binary):
    end = int(time.time()) // 60 * 60 - 3 * 3600
    begin = end - HOURS * 3600
    text, data = bench.folder / "history.om", bench.folder / "admin.data"
    write_history(text, begin)
    run_tool(binary, "tsdb", "create-blocks-from", "openmetrics", text, data)
    server = Server(bench, binary, "global: {}\n", "--web.enable-admin-api", name="admin", data=data).wait_ready()
    bench.check("there are several blocks", lambda: metric(server, "prometheus_tsdb_blocks_loaded") > 3)
    bench.check("without the flag nothing of it is allowed", lambda: is_refused(bench, binary))
    bench.check("series are listed where they have samples", lambda: lists_by_range(server, begin, end))
    bench.check("a snapshot holds every sample", lambda: copies(bench, binary, server, end))
    bench.check("deleted samples are gone, no others", lambda: deletes(server, begin, end))
    bench.check("and stay gone after SIGKILL", lambda: survives_kill(server, end))
    bench.check("cleaning makes blocks smaller and changes no answer", lambda: cleans(server, end))
    bench.check("damage is told where series are listed", lambda: tells_damage(server, begin, end))
    server.process.start()
    server.wait_ready()
    bench.check("retention is reloadable, as a time and as a percentage", lambda: retains(server, begin, end))
