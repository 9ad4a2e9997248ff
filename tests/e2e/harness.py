"""harness.py - processes, polling, the HTTP API and counting of checks, with the standard library only."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "ferula-test"
REAL = CACHE / "root/usr/bin"
PYTHON = "/usr/bin/python3"


def free_port():
    """A port nobody listens on now; the kernel hands out others before it comes back to this one."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def eventually(what, probe, seconds=30.0, pause=0.1):
    """Polls until probe() is true and returns its value; a probe that raises is a probe that is not true yet."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = probe()
            if last:
                return last
        except Exception as e:  # noqa: BLE001 - a server that is not up yet fails in many ways
            last = repr(e)
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s; last: {str(last)[:600]}")
        time.sleep(pause)


def http(url, data=None, method=None, headers=None, timeout=20):
    """(status, headers, body) of any answer, also of a refusing one"""
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


class Process:
    """A program with its output in a file, ended by its own process id when the run ends."""

    def __init__(self, folder, name, command, env=None, cwd=None):
        self.name, self.command = name, [str(c) for c in command]
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.output = open(self.log, "ab")
        self.env = dict(os.environ, **{k: str(v) for k, v in (env or {}).items()})
        self.cwd = cwd
        self.popen = None
        self.start()

    def start(self):
        self.popen = subprocess.Popen(self.command, stdout=self.output, stderr=subprocess.STDOUT, env=self.env,
                                      cwd=self.cwd, stdin=subprocess.DEVNULL)

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=30):
        return self.popen.wait(timeout=seconds)

    def running(self):
        return self.popen.poll() is None

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()

    def stop(self):
        """asks first"""
        if self.running():
            self.popen.terminate()
            try:
                self.popen.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()

    def text(self):
        return self.log.read_text(errors="replace")


class Api:
    """The Prometheus HTTP API of one server."""

    def __init__(self, base):
        self.base = base

    def get(self, path, **params):
        pairs = []
        for key, value in params.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                pairs.append((key, one))
        query = "?" + urllib.parse.urlencode(pairs) if pairs else ""
        status, _, body = http(self.base + path + query)
        return status, json.loads(body)

    def data(self, path, **params):
        status, answer = self.get(path, **params)
        if status != 200 or answer.get("status") != "success":
            raise AssertionError(f"{path} {params}: {status} {answer}")
        return answer["data"]

    def query(self, expression, **params):
        return self.data("/api/v1/query", query=expression, **params)

    def vector(self, expression, **params):
        """[(labels, value)] of an instant vector"""
        data = self.query(expression, **params)
        assert data["resultType"] == "vector", data
        return [(r["metric"], float(r["value"][1])) for r in data["result"]]

    def value(self, expression, **params):
        """the value of a vector of one element"""
        rows = self.vector(expression, **params)
        assert len(rows) == 1, f"{expression}: {len(rows)} elements {rows[:3]}"
        return rows[0][1]

    def matrix(self, expression, start, end, step):
        data = self.data("/api/v1/query_range", query=expression, start=start, end=end, step=step)
        assert data["resultType"] == "matrix", data
        return [(r["metric"], r["values"]) for r in data["result"]]

    def ready(self):
        return http(self.base + "/-/ready")[0] == 200


class Server:
    """Ours: a process, its folder, its API. {self} in the configuration becomes its own address."""

    def __init__(self, bench, binary, config, *flags, name="server", data=None, env=None):
        self.port = free_port()
        self.config = bench.folder / f"{name}.yml"
        self.config.write_text(config.replace("{self}", f"127.0.0.1:{self.port}"))
        self.data = data or bench.folder / f"{name}.data"
        self.command = [binary, f"--config.file={self.config}", f"--storage.tsdb.path={self.data}",
                        f"--web.listen-address=127.0.0.1:{self.port}", *flags]
        self.process = bench.run(name, self.command, env)
        self.api = Api(f"http://127.0.0.1:{self.port}")

    def wait_ready(self, seconds=30):
        def probe():
            if not self.process.running():
                raise SystemExit(f"server ended with {self.process.popen.returncode}:\n{self.process.text()[-3000:]}")
            return self.api.ready()
        eventually("server ready", probe, seconds, 0.02)
        return self


class Bench:
    """One run: a folder, the processes started in it, the checks made."""

    def __init__(self, keep=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ferula-e2e-"))
        self.processes, self.passed, self.failed, self.keep = [], 0, [], keep
        self.cleanups = []

    def run(self, name, command, env=None, cwd=None):
        process = Process(self.folder, name, command, env, cwd)
        self.processes.append(process)
        return process

    def check(self, claim, probe):
        """probe() raises or returns a falsy value when the claim does not hold"""
        try:
            if not probe():
                raise AssertionError("it does not")
            self.passed += 1
            print(f"ok    {claim}", flush=True)
        except Exception as e:  # noqa: BLE001 - every failure is a failed check
            self.failed.append(claim)
            print(f"FAIL  {claim}: {e}", flush=True)
            if not isinstance(e, AssertionError):
                traceback.print_exc(limit=4, file=sys.stdout)

    def close(self):
        for process in reversed(self.processes):
            process.stop()
        for cleanup in self.cleanups:
            cleanup()
        if self.failed:
            for process in self.processes:
                print(f"---- last lines of {process.name}")
                print("\n".join(process.text().splitlines()[-15:]))
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def finish(self):
        self.close()
        for claim in self.failed:
            print(f"failed: {claim}")
        print(f"{self.passed} passed, {len(self.failed)} failed")
        return 1 if self.failed else 0


def run_once(command, seconds=20, cwd=None):
    """(exit status, stdout + stderr) of a command that ends by itself"""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                          stdin=subprocess.DEVNULL, cwd=cwd)
    return done.returncode, done.stdout.decode(errors="replace")


SIGHUP, SIGTERM, SIGKILL = signal.SIGHUP, signal.SIGTERM, signal.SIGKILL
