"""servers.py - how each server is started, awaited, read in /proc and ended. It serves from a folder of its own on a free port."""
import json
import os
import pathlib
import shutil
import sys
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from harness import REAL, Process, eventually, free_port, http  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
TOOLS = ROOT / "build/release/benchmarks"


class Failed(Exception):
    """what a server could not do, as a row of the table"""


class Server:
    name, binary, extra = "ours", ROOT / "server", ()

    def __init__(self, folder, config="global: {scrape_interval: 15s}\n"):
        self.folder, self.port, self.process = pathlib.Path(folder) / self.name, free_port(), None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data, self.config = self.folder / "data", self.folder / "config.yml"
        self.config.write_text(config)
        self.written = 0

    def command(self):
        return [self.binary, f"--config.file={self.config}", f"--storage.tsdb.path={self.data}",
                f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver",
                "--web.enable-admin-api", *self.extra]

    def start(self, seconds=120):
        """the seconds from exec to ready"""
        began = time.monotonic()
        self.process = Process(self.folder, "server", self.command())

        def probe():
            if not self.process.running():
                raise SystemExit
            return self.ready()
        try:
            eventually(f"{self.name} is ready", probe, seconds, pause=0.005)
        except SystemExit:
            raise Failed("ended: " + self.process.text().strip()[-200:].replace("\n", " ")) from None
        except AssertionError as e:
            raise Failed(str(e)) from None
        return time.monotonic() - began

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def ready(self):
        return http(self.url("/-/ready"), timeout=5)[0] == 200

    def query(self, expression, when):
        status, _, body = http(self.url("/api/v1/query?" + urllib.parse.urlencode({"query": expression, "time": when})),
                               timeout=300)
        if status != 200:
            raise Failed(f"query: {status} {body[:200]!r}")
        rows = json.loads(body)["data"]["result"]
        return float(rows[0]["value"][1]) if rows else 0.0

    def flush(self):
        """makes what was acknowledged visible to queries"""

    def settle(self, rest=75):
        """waits until no compaction is due: the folder rests for longer than the minute in which one is looked for"""
        last, since = None, time.monotonic()
        while time.monotonic() - since < rest:
            now = (self.disk(), sorted(p.name for p in self.data.iterdir()))
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(1)

    def proc(self, file):
        try:
            return pathlib.Path(f"/proc/{self.process.popen.pid}/{file}").read_text()
        except OSError:
            raise Failed("died: " + self.process.text().strip()[-200:].replace("\n", " ")) from None

    def cpu(self):
        fields = self.proc("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, field):
        """VmRSS or VmHWM in bytes"""
        status = dict(line.split(":", 1) for line in self.proc("status").splitlines() if ":" in line)
        if field not in status:
            raise Failed("died: " + self.process.text().strip()[-200:].replace("\n", " "))
        return int(status[field].split()[0]) * 1024

    def io(self):
        """bytes that this process sent to disk"""
        io = dict(line.split(": ") for line in self.proc("io").splitlines())
        return int(io["write_bytes"]) - int(io["cancelled_write_bytes"])

    def all_in_blocks(self):
        """bytes of everything as blocks, what the head still holds too: those of a snapshot, which is removed again"""
        status, _, body = http(self.url("/api/v1/admin/tsdb/snapshot"), method="POST", timeout=600)
        if status != 200:
            raise Failed(f"snapshot: {status} {body[:100]!r}")
        folder = self.data / "snapshots" / json.loads(body)["data"]["name"]
        size = self.disk(folder)
        shutil.rmtree(folder)
        return size

    def disk(self, folder=None):
        def blocks(file):
            try:
                return file.stat().st_blocks * 512 if file.is_file() else 0
            except OSError:  # a file that a merge removed meanwhile
                return 0
        os.sync()  # a file system that allocates late counts no blocks before
        return sum(blocks(f) for f in (folder or self.data).rglob("*"))

    def stop(self, seconds=120):
        """asks and waits; what it wrote on the way down is lost to /proc unless the process is still there, so it is polled"""
        if not self.process or not self.process.running():
            return
        last = self.io()
        self.process.popen.terminate()
        deadline = time.monotonic() + seconds
        while self.process.running() and time.monotonic() < deadline:
            try:
                last = self.io()
            except (Failed, OSError, KeyError, ValueError):
                pass
            time.sleep(0.005)
        self.process.kill()
        self.written += last

    def kill(self):
        if self.process:
            self.process.kill()


class Prometheus(Server):
    name, binary = "prometheus", REAL / "prometheus"
    extra = ("--web.console.templates=/nonexistent", "--web.console.libraries=/nonexistent", "--query.max-samples=200000000",
             "--web.max-connections=2000")


class VictoriaMetrics(Server):
    name, binary = "victoria", REAL / "victoria-metrics"

    def command(self):
        return [self.binary, f"-promscrape.config={self.config}", f"-storageDataPath={self.data}",
                f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=1y", "-search.maxUniqueTimeseries=5000000",
                "-search.latencyOffset=0s"]

    def ready(self):
        if http(self.url("/health"), timeout=5)[0] != 200:
            return False
        return http(self.url("/api/v1/query?query=1"), timeout=5)[0] == 200

    def all_in_blocks(self):
        return self.disk()  # it has no log beside its parts

    def flush(self):
        http(self.url("/internal/force_flush"), timeout=300)

    def settle(self):
        self.flush()
        status, _, body = http(self.url("/internal/force_merge"), timeout=600)
        if status != 200:
            raise Failed(f"force_merge: {status} {body[:100]!r}")
        super().settle(5)


ALL = {"prometheus": Prometheus, "victoria": VictoriaMetrics, "ours": Server}
