"""checks_process.py - starting, reloading, stopping: exit statuses, signals, verdicts on configurations."""
import socket

from harness import ROOT, SIGHUP, SIGTERM, Server, eventually, http, run_once

GOOD = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: {job}
    static_configs:
      - targets: ["127.0.0.1:1"]
"""

# each with what the message must contain
BAD = {
    "unknown field": ("global:\n  scrape_intervall: 1s\n", [":2:3", "scrape_intervall", "scrape_interval"]),
    "wrong type": ("global:\n  scrape_interval: [1]\n", [":2:"]),
    "duplicate key": ("global:\n  scrape_interval: 1s\n  scrape_interval: 2s\n", [":3:3"]),
    "duplicate job": ("scrape_configs:\n  - job_name: a\n  - job_name: a\n", ["a", ":3:"]),
    "timeout above interval": ("scrape_configs:\n  - job_name: a\n    scrape_interval: 1s\n    scrape_timeout: 2s\n",
                               ["timeout"]),
    "bad duration": ("global:\n  scrape_interval: soon\n", [":2:", "soon"]),
    "not YAML": ("global: [\n", [":"]),
    "job without name": ("scrape_configs:\n  - metrics_path: /x\n", ["job_name"]),
}


def run(bench, binary):
    check_verdicts(bench, binary)
    check_flags(bench, binary)
    check_life(bench, binary)


def check_verdicts(bench, binary):
    check = bench.check
    good, bad = bench.folder / "good.yml", bench.folder / "bad.yml"
    good.write_text(GOOD.format(job="a"))
    check("check config accepts a good file", lambda: run_once([binary, "check", "config", good])[0] == 0)
    for config in sorted((ROOT / "configs").glob("*.yml")):
        check(f"check config accepts configs/{config.name}", lambda config=config: run_once(
            [binary, "check", "config", config])[0] == 0)
    for name, (text, wanted) in BAD.items():
        bad.write_text(text)

        def verdict():
            status, said = run_once([binary, "check", "config", bad])
            assert status != 0, f"accepted: {said}"
            for word in wanted:
                assert word in said, f"no {word!r} in {said!r}"
            started, said = run_once([binary, f"--config.file={bad}", f"--storage.tsdb.path={bench.folder}/none",
                                      "--web.listen-address=127.0.0.1:0"])
            assert started == 2, f"the server itself ended with {started}: {said}"
            return all(word in said for word in wanted)
        check(f"{name}: check config refuses it, starting ends with 2, with the place", verdict)


def check_flags(bench, binary):
    check = bench.check
    check("--version", lambda: (lambda s, t: s == 0 and t.startswith("ferula, version"))(*run_once([binary, "--version"])))
    check("--help lists the flags", lambda: (lambda s, t: s == 0 and "--config.file" in t and "--storage.tsdb.path" in t)(
        *run_once([binary, "--help"])))
    check("an unknown flag ends with 1", lambda: run_once([binary, "--no.such.flag"])[0] == 1)
    check("a flag's bad value ends with 1", lambda: run_once([binary, "--query.timeout=soon"])[0] == 1)
    check("a missing configuration ends with 2", lambda: run_once([binary, "--config.file=/nonexistent.yml"])[0] == 2)

    def busy():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            config = bench.folder / "busy.yml"
            config.write_text(GOOD.format(job="a"))
            status, text = run_once([binary, f"--config.file={config}", f"--storage.tsdb.path={bench.folder}/busy.data",
                                     f"--web.listen-address=127.0.0.1:{taken.getsockname()[1]}"])
            assert status == 1, f"{status}: {text}"
            return True
    check("a taken port ends with 1", busy)


def check_life(bench, binary):
    check = bench.check
    server = Server(bench, binary, GOOD.format(job="first"), name="life").wait_ready()
    api = server.api

    def reload_state(wanted):
        text = http(api.base + "/metrics")[2].decode()
        return f"prometheus_config_last_reload_successful {wanted}" in text
    check("the first load counts as a successful one", lambda: reload_state(1))

    def second():
        config = bench.folder / "second.yml"
        config.write_text(GOOD.format(job="x"))
        status, text = run_once([binary, f"--config.file={config}", f"--storage.tsdb.path={server.data}",
                                 "--web.listen-address=127.0.0.1:0"])
        assert status == 1, f"{status}: {text}"
        return "lock" in text.lower() and server.process.running()
    check("a second instance on the same data is refused", second)

    def reload_good():
        server.config.write_text(GOOD.format(job="second"))
        server.process.signal(SIGHUP)
        return eventually("the new job", lambda: "second" in api.data("/api/v1/status/config")["yaml"] and [
            t["labels"]["job"] for t in api.data("/api/v1/targets")["activeTargets"]] == ["second"], 10)
    check("SIGHUP loads a good file", reload_good)

    def reload_bad():
        server.config.write_text("global:\n  nonsense: 1\n")
        server.process.signal(SIGHUP)
        eventually("the failed reload is seen", lambda: reload_state(0), 10)
        return "second" in api.data("/api/v1/status/config")["yaml"] and "nonsense" in server.process.text()
    check("SIGHUP with a bad file keeps the old one and says so", reload_bad)

    def reload_again():
        server.config.write_text(GOOD.format(job="third"))
        server.process.signal(SIGHUP)
        return eventually("success again", lambda: reload_state(1), 10)
    check("the next good file is taken", reload_again)
    check("POST /-/reload is refused without the lifecycle flag",
          lambda: http(api.base + "/-/reload", b"", "POST")[0] == 403)

    eventually("something is stored", lambda: api.vector("up"), 10)
    newest = api.query("up[1m]")["result"]

    def stop():
        server.process.signal(SIGTERM)
        return server.process.wait(20) == 0
    check("SIGTERM ends with 0", stop)

    def restart():
        server.process.start()
        server.wait_ready()
        again = {str(sorted(r["metric"].items())): r["values"] for r in api.query("up[5m]")["result"]}
        return newest and all(all(v in again[str(sorted(r["metric"].items()))] for v in r["values"]) for r in newest)
    check("after a restart the samples are there", restart)

    def log_lines():
        lines = [line for line in server.process.text().splitlines() if line]
        bad = [line for line in lines if not (line.startswith("time=") and " level=" in line and " msg=" in line)]
        assert not bad, bad[:3]
        return lines
    check("log lines have time, level, source, msg", log_lines)
    server.process.signal(SIGTERM)
    check("and stops again", lambda: server.process.wait(20) == 0)
