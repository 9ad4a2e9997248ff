#!/usr/bin/python3
"""diskfull.py [--rounds N] [--seed S] SERVER - the disk is full for a while; needs root (a tmpfs of its own).

    writers go on all the time:   204 ... | filled: 503, queries are answered, health is 200 | room again: 204 within 2 s
                                          '-- in every second round the server is also killed (SIGKILL) and started while full

Before that, with little data: series are deleted while the disk is full, by the reserve.

Every sample acknowledged with 204 is there, while the disk is full, after it has room again, and at the end.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True

from harness import Bench, Server, eventually, http  # noqa: E402
from remote_write import FLAG, Writer, missing  # noqa: E402

MEGABYTES, MEGABYTES_OF_ROUND = 96, 16  # a round adds 8 to the log, and from time to time there is a snapshot
BALLAST = 16000  # bytes that come with each batch on the full disk: they take the room that the log has ahead


class Small:
    """a tmpfs, and a file that takes all its room"""

    def __init__(self, bench, megabytes):
        self.folder = bench.folder / "small"
        self.folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.folder], check=True)
        bench.cleanups.append(lambda: subprocess.run(["umount", self.folder], check=True))
        self.filler = self.folder / "filler"

    def fill(self):
        """as much as there is; what the server gives back is taken too when called again"""
        descriptor = os.open(self.filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for step in (1 << 20, 4096, 1):
            try:
                while os.write(descriptor, b"x" * step) == step:
                    pass
            except OSError:
                pass
        os.close(descriptor)

    def used(self):
        space = os.statvfs(self.folder)
        return (space.f_blocks - space.f_bfree) * space.f_frsize

    def clear(self):
        self.filler.unlink()


def refused_all(writers):
    """503 (or no server) is all that the next requests get"""
    before = [w.status_counts() for w in writers]
    time.sleep(0.2)
    after = [w.status_counts() for w in writers]
    return all(a.get(503, 0) > b.get(503, 0) and a.get(204, 0) == b.get(204, 0) for a, b in zip(after, before))


def expect_all(bench, claim, server, writers, begin):
    asked = time.time()
    lost, looked = missing(server.api, writers, begin)
    if lost:
        again = {loss[:3] for loss in missing(server.api, writers, begin)[0]}
        times = sorted({loss[2] for loss in lost})
        print(f"      {len(lost)} of {looked} lost at {len(times)} times from {times[0]} to {times[-1]}, asked at {asked * 1000:.1f};",
              f"{len(again.intersection(loss[:3] for loss in lost))} of them still, asked again")
    for loss in lost[:20]:
        print("      lost:", loss)
    bench.check(f"{claim}: all {looked} acknowledged samples are there", lambda: looked and not lost)


def one_round(bench, number, server, writers, small, begin, lucky):
    since = time.time()
    eventually("new acknowledgements", lambda: all(w.last_ack() > since for w in writers), 20, 0.01)
    time.sleep(lucky.uniform(0, 1.0))
    small.fill()
    for writer in writers:
        writer.ballast = BALLAST

    def is_full():
        small.fill()
        return refused_all(writers)
    bench.check(f"round {number}: writes get 503 while the disk is full", lambda: eventually("only 503", is_full, 120, 0.1))
    bench.check(f"round {number}: it is healthy and ready", lambda: http(server.api.base + "/-/healthy")[0] == 200 and server.api.ready())
    expect_all(bench, f"round {number}, full", server, writers, begin)
    if number % 2 == 0:
        server.process.kill()
        server.process.start()
        bench.check(f"round {number}: it starts on the full disk", lambda: server.wait_ready(60))
        expect_all(bench, f"round {number}, full, after SIGKILL", server, writers, begin)
    small.clear()
    cleared = time.time()
    eventually("acknowledgements", lambda: all(w.last_ack() > cleared for w in writers), 30, 0.01)
    seconds = max(w.last_ack() for w in writers) - cleared
    for writer in writers:
        writer.ballast = 0
    print(f"round {number}: all writers acknowledged {seconds:.2f} s after there was room, {small.used() >> 20} MiB are used", flush=True)
    bench.check(f"round {number}: it resumes within 2 s", lambda: seconds < 2)
    expect_all(bench, f"round {number}, with room again", server, writers, begin)


def deletion(bench, binary, seed, small):
    """a server with little data, which the reserve suffices for"""
    server = Server(bench, binary, "global: {}\n", FLAG, "--web.enable-admin-api", name="deleting", data=small.folder / "other").wait_ready()
    reserve, writer = small.folder / "other/reserve", Writer(server.port, 9, seed, 10)
    eventually("acknowledgements and a reserve", lambda: writer.last_ack() and reserve.exists(), 20, 0.01)
    writer.ballast = BALLAST

    def is_full():
        small.fill()
        return refused_all([writer])

    def series(n):
        return server.api.vector(f'count_over_time(written{{n="{n}"}}[1h])')
    eventually("only 503", is_full, 120, 0.1)
    bench.check("the full disk holds the reserve", lambda: reserve.stat().st_blocks * 512 >= MEGABYTES << 17 and series(3))
    delete = server.api.base + "/api/v1/admin/tsdb/delete_series?" + urllib.parse.urlencode({"match[]": 'written{n="3"}'})
    bench.check("series are deleted on the full disk", lambda: http(delete, method="POST")[0] == 204 and not series(3) and series(4))
    bench.check("by the reserve, and writes are refused still", lambda: not reserve.exists() and refused_all([writer]))
    server.process.kill()
    server.process.start()
    server.wait_ready(60)
    bench.check("what was deleted is gone after SIGKILL, too", lambda: not series(3) and series(4) and not reserve.exists())
    small.clear()
    cleared = time.time()
    bench.check("the reserve is made again, and writes are taken",
                lambda: eventually("reserve", lambda: reserve.exists() and writer.last_ack() > cleared, 5))
    writer.close()
    server.process.stop()
    shutil.rmtree(server.data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("server")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: a tmpfs of its own needs root\n0 passed, 0 failed")
        return 0
    print(f"seed {arguments.seed}")
    bench, lucky, begin = Bench(arguments.keep), random.Random(arguments.seed), time.time()
    try:
        small = Small(bench, MEGABYTES + MEGABYTES_OF_ROUND * arguments.rounds)
        deletion(bench, pathlib.Path(arguments.server).resolve(), arguments.seed, small)
        server = Server(bench, pathlib.Path(arguments.server).resolve(), "global: {}\n", FLAG, data=small.folder / "data").wait_ready()
        writers = [Writer(server.port, n, arguments.seed, 10) for n in range(3)]
        bench.cleanups.insert(0, lambda: [w.close() for w in writers])
        for number in range(1, arguments.rounds + 1):
            one_round(bench, number, server, writers, small, begin, lucky)
        server.process.kill()
        server.process.start()
        server.wait_ready(60)
        expect_all(bench, "at the end, after SIGKILL", server, writers, begin)
    except (Exception, SystemExit) as e:  # noqa: BLE001 - the rounds cannot go on
        bench.failed.append(f"stopped early: {e}")
    return bench.finish()


sys.exit(main())
