#!/usr/bin/python3
"""powercut.py [--rounds N] [--seed S] SERVER - what a disk holds when the power goes; needs root (loop devices).

    writers -> server -> ext4 on a loop device -> its file
                                                   '-- copied at a random moment while the server is stopped (SIGSTOP), until two
                                                       copies are the same: what is only in the page cache is not in it
    copy -> mounted, a second server starts on it -> every sample acknowledged before the copy is there

The first server goes on through all rounds.
"""
import argparse
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from harness import Bench, Server, eventually  # noqa: E402
from remote_write import FLAG, Writer, missing  # noqa: E402

MEGABYTES = 512


def command(*words):
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.stdout.decode(errors='replace').strip()}")


class Disk:
    """an ext4 file system in a file"""

    def __init__(self, bench, name):
        self.file, self.folder = bench.folder / f"{name}.img", bench.folder / f"{name}.mount"
        self.folder.mkdir()
        self.mounted = False
        bench.cleanups.append(self.unmount)

    def make(self):
        with open(self.file, "wb") as f:
            f.truncate(MEGABYTES << 20)
        command("mkfs.ext4", "-q", "-F", self.file)

    def mount(self):
        command("mount", "-o", "loop", self.file, self.folder)
        self.mounted = True

    def unmount(self):
        if self.mounted:
            command("umount", self.folder)
            self.mounted = False

    def copy_to(self, other):
        """a copy as of one moment: two in a row that are equal; the number of copies it took"""
        second = other.file.with_suffix(".again")
        command("cp", "--sparse=always", self.file, other.file)
        for count in range(2, 40):
            command("cp", "--sparse=always", self.file, second)
            same = subprocess.run(["cmp", "-s", other.file, second]).returncode == 0
            second.replace(other.file)
            if same:
                return count
        raise AssertionError("the disk never stands still")


def cut(bench, server, writers, disk, copy):
    """the acknowledged batches of each writer until the moment of the copy"""
    os.kill(server.process.popen.pid, signal.SIGSTOP)
    try:
        acknowledged = [w.remembered() for w in writers]
        copies = disk.copy_to(copy)
    finally:
        os.kill(server.process.popen.pid, signal.SIGCONT)
    return acknowledged, copies


def one_round(bench, number, arguments, server, writers, disk, begin, lucky):
    since = time.time()
    eventually("new acknowledgements", lambda: all(w.last_ack() > since for w in writers), 20, 0.01)
    time.sleep(lucky.uniform(0, 2.0))
    copy = Disk(bench, f"copy{number}")
    acknowledged, copies = cut(bench, server, writers, disk, copy)
    copy.mount()
    after = Server(bench, pathlib.Path(arguments.server).resolve(), "global: {}\n", name=f"after{number}",
                   data=copy.folder / "data")
    started = time.monotonic()
    after.wait_ready(60)
    seconds = time.monotonic() - started
    lost, looked = missing(after.api, writers, begin, acknowledged)
    print(f"round {number}: {looked} samples acknowledged, {len(lost)} lost or changed, ready after {seconds:.2f} s, {copies} copies", flush=True)
    for loss in lost[:5]:
        print("      lost:", loss)
    bench.check(f"round {number}: every acknowledged sample is on the disk", lambda: looked and not lost)
    after.process.stop()
    copy.unmount()
    copy.file.unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("server")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: loop devices need root\n0 passed, 0 failed")
        return 0
    print(f"seed {arguments.seed}")
    bench, lucky, begin = Bench(arguments.keep), random.Random(arguments.seed), time.time()
    try:
        disk = Disk(bench, "disk")
        disk.make()
        disk.mount()
        server = Server(bench, pathlib.Path(arguments.server).resolve(), "global: {}\n", FLAG, data=disk.folder / "data").wait_ready()
        writers = [Writer(server.port, n, arguments.seed, 20) for n in range(3)]
        bench.cleanups.insert(0, lambda: [w.close() for w in writers])
        for number in range(1, arguments.rounds + 1):
            one_round(bench, number, arguments, server, writers, disk, begin, lucky)
    except (Exception, SystemExit) as e:  # noqa: BLE001 - the rounds cannot go on
        bench.failed.append(f"stopped early: {e}")
    return bench.finish()


sys.exit(main())
