"""checks_sandbox.py - reloads onto new paths while the server's rights are given up: reading goes on, writing stays where it was."""
import json
import pathlib

from harness import SIGHUP, Server, eventually, http

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s{log}}}
{more}
scrape_configs:
- job_name: self
  static_configs: [{{targets: ["{{self}}"]}}]
{jobs}
"""


class Reloaded:
    """a server and how it took its last configuration"""

    def __init__(self, server):
        self.server = server

    def __call__(self, log="", more="", jobs=""):
        """True: it was taken"""
        text = CONFIG.format(log=f", query_log_file: '{log}'" if log else "", more=more, jobs=jobs)
        self.server.config.write_text(text.replace("{self}", f"127.0.0.1:{self.server.port}"))
        before = self.state()
        self.server.process.signal(SIGHUP)
        eventually("the reload is over", lambda: self.state() != before, 10)
        return http_metric(self.server, "prometheus_config_last_reload_successful") == 1

    def state(self):
        """changes with every reload, one that is refused too"""
        return http_metric(self.server, "prometheus_config_last_reload_success_timestamp_seconds"), http_metric(
            self.server, "prometheus_config_last_reload_successful")


def http_metric(server, name):
    lines = http(server.api.base + "/metrics")[2].decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))


def rights(server):
    """what the kernel says of the process: no new privileges, system calls filtered"""
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{server.process.popen.pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", status
    return True


def reads_new_places(reload, server, fresh):
    (fresh / "rules.yml").write_text("groups: [{name: new, rules: [{record: new_rule, expr: vector(7)}]}]\n")
    (fresh / "targets.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{server.port}"], "labels": {"place": "new"}}]))
    (fresh / "secret").write_text("word")
    taken = reload(more=f"rule_files: ['{fresh}/rules.yml']", jobs=f"""
- job_name: files
  basic_auth: {{username: me, password_file: '{fresh}/secret'}}
  file_sd_configs: [{{files: ['{fresh}/targets.json']}}]
""")
    assert taken, server.process.text()[-600:]
    eventually("the rule of the new folder", lambda: server.api.value("new_rule") == 7)
    return eventually("the target of the new folder", lambda: server.api.value('up{place="new"}') == 1)


def notices_changes_there(server, fresh):
    (fresh / "targets.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{server.port}"], "labels": {"place": "newer"}}]))
    return eventually("the changed target", lambda: server.api.value('up{place="newer"}') == 1)


def logs_to(reload, server, path):
    assert reload(log=path), server.process.text()[-600:]
    server.api.query("1+1")
    return eventually("a line", lambda: "1+1" in path.read_text())


def survives_rotation(reload, server, path):
    path.rename(path.with_suffix(".old"))
    return logs_to(reload, server, path)


def refuses(reload, server, path):
    before = server.api.data("/api/v1/status/config")["yaml"]
    assert not reload(log=path)
    said = server.process.text()[-1000:]
    assert str(path) in said, said
    assert not path.exists()
    return server.api.data("/api/v1/status/config")["yaml"] == before and server.api.value("vector(1)") == 1


def failures_go_on(reload, server, path):
    """a job's log of failures that cannot be written is said, and harms nothing"""
    assert reload(jobs=f"""
- job_name: nobody
  scrape_failure_log_file: '{path}'
  static_configs: [{{targets: ["127.0.0.1:1"]}}]
""")
    eventually("it is said", lambda: str(path) in server.process.text())
    return not path.exists() and eventually("others are scraped", lambda: server.api.value('up{job="self"}') == 1)


def run(bench, binary):
    fresh, logs = bench.folder / "fresh", bench.folder / "logs"
    for folder in (fresh, logs):
        folder.mkdir()
    config = CONFIG.format(log=f", query_log_file: '{logs}/first.log'", more="", jobs="")
    server = Server(bench, binary, config, name="confined").wait_ready()
    if "rights that are not needed are given up" not in server.process.text():
        print("this kernel has not all of it: reloads are checked without", flush=True)
        return
    reload = Reloaded(server)
    bench.check("its rights are given up", lambda: rights(server))
    bench.check("a reload reads rules, targets and secrets in a new folder", lambda: reads_new_places(reload, server, fresh))
    bench.check("and sees what changes there", lambda: notices_changes_there(server, fresh))
    bench.check("another log beside the first is written", lambda: logs_to(reload, server, logs / "second.log"))
    bench.check("a log in the data folder is written", lambda: logs_to(reload, server, server.data / "queries.log"))
    bench.check("a log that was moved away is made anew", lambda: survives_rotation(reload, server, server.data / "queries.log"))
    bench.check("a log in a new folder is refused, the old configuration stays", lambda: refuses(reload, server, fresh / "queries.log"))
    bench.check("a log of failures in a new folder harms nothing", lambda: failures_go_on(reload, server, fresh / "failures.log"))
    server.process.stop()
    bench.check("it ends cleanly", lambda: server.process.popen.returncode == 0)
