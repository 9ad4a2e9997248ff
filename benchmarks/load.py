"""load.py - what the measurements share: servers that end with the run whatever happens, and series sent by remote write."""
import json
import shutil
import subprocess
import tempfile
import time

from servers import TOOLS, Failed

STEP = 15
running = []  # every server and generator


def write(server, series, ticks, start, connections, first_target=0):
    """sends ticks samples of each series by remote write; what the client reports"""
    command = [TOOLS / "remote_writer", server.port, series, ticks, int(start * 1000), STEP * 1000, connections, 2000, first_target]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=3600)
    if done.returncode:
        raise Failed(f"remote_writer: {done.stderr[-200:]}")
    report = json.loads(done.stdout)
    if report["refused"]:
        raise Failed(f"refused {report['refused']} of {report['refused'] + report['acked']} samples: {report['refusal'][:160]}")
    return report


def last_tick():
    return int(time.time()) // STEP * STEP


def fresh(kind, folder, config=None):
    server = kind(tempfile.mkdtemp(dir=folder), *([config] if config else []))
    running.append(server)
    server.start()
    return server


def end(server):
    server.stop()
    shutil.rmtree(server.folder.parent, ignore_errors=True)


def end_all():
    while running:
        running.pop().kill()
