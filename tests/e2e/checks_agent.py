"""checks_agent.py - --agent: scrapes and sends on, and answers nothing about samples; what does not belong to it is refused."""
import subprocess
import time

from checks_send import EMPTY, ENABLED, SENDER, WANTED, page, receiver, samples
from fake_target import FakeTarget
from harness import SIGKILL, Api, Server, eventually, free_port, http


def run(bench, binary):
    check = bench.check
    target = FakeTarget(page)
    bench.cleanups.append(target.close)
    second = Server(bench, binary, EMPTY, ENABLED, name="agents_receiver").wait_ready()
    config = bench.folder / "agent.yml"
    config.write_text(SENDER.format(receivers=receiver(second.api.base + "/api/v1/write", "to"), target=target.address))

    def start(*flags):
        return subprocess.run([str(binary), f"--config.file={config}", "--web.listen-address=127.0.0.1:0", *flags],
                              capture_output=True, text=True, timeout=20)
    answer = start("--agent", f"--storage.tsdb.path={bench.folder}/x")
    check("the server's flags are not the agent's", lambda: answer.returncode == 3 and answer.stderr.strip() ==
          'The following flag(s) can not be used in agent mode: ["--storage.tsdb.path"]')
    other = start(f"--storage.agent.path={bench.folder}/x")
    check("nor the agent's the server's", lambda: other.returncode == 3 and '["--storage.agent.path"]' in other.stderr)
    bad = bench.folder / "agent_bad.yml"
    bad.write_text("rule_files: [a.yml]\n")
    refused = subprocess.run([str(binary), f"--config.file={bad}", "--agent", f"--storage.agent.path={bench.folder}/x"],
                             capture_output=True, text=True, timeout=20)
    check("rules are refused", lambda: refused.returncode == 2 and "field rule_files is not allowed in agent mode" in refused.stderr)

    agent = Server.__new__(Server)  # its flag for the folder is another
    agent.port = free_port()
    agent.process = bench.run("agent", [binary, "--agent", f"--config.file={config}", f"--storage.agent.path={bench.folder}/agent.data",
                                        f"--web.listen-address=127.0.0.1:{agent.port}"])
    agent.api = Api(f"http://127.0.0.1:{agent.port}")
    agent.wait_ready()

    def arrives(since):
        end = since + 4
        assert time.time() > end + 1
        rows = samples(second.api, f"{WANTED}[4s]", end)
        assert len(rows) > 100 and all(len(values) >= 4 for _, values in rows), f"{len(rows)} series, {min(len(v) for _, v in rows) if rows else 0} samples"
        return True
    begin = time.time() + 1
    check("what it scrapes arrives", lambda: eventually("samples", lambda: arrives(begin), 20))
    for path in ("query?query=up", "query_range?query=up&start=0&end=1&step=1", "series?match[]=up", "labels", "label/a/values", "rules",
                 "alerts", "status/tsdb"):
        check(f"{path.split('?')[0]}: not with an agent", lambda path=path: (lambda s, a: s == 422 and (a["errorType"], a["error"]) == (
            "execution", "unavailable with Prometheus Agent"))(*agent.api.get("/api/v1/" + path)))
    check("but targets are shown", lambda: agent.api.data("/api/v1/targets")["activeTargets"][0]["health"] == "up")
    check("and the feature is told", lambda: agent.api.data("/api/v1/features")["prometheus"]["agent_mode"] is True)
    check("federation is not there", lambda: http(agent.api.base + "/federate?match[]=up")[0] == 422)
    agent.process.signal(SIGKILL)
    agent.process.popen.wait()
    agent.process.start()
    agent.wait_ready()
    again = time.time() + 1
    check("after SIGKILL it goes on", lambda: eventually("samples", lambda: arrives(again), 20))
