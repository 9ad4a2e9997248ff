"""checks_pushgateway.py - batch jobs push to a real Pushgateway, the server scrapes it with honor_labels."""
import programs
from harness import Server, eventually, http

CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: pushgateway
    honor_labels: true
    static_configs:
      - targets: ["{gateway}"]
  - job_name: pushgateway_plain
    static_configs:
      - targets: ["{gateway}"]
"""


def run(bench, binary):
    gateway = programs.pushgateway(bench)
    api = Server(bench, binary, CONFIG.format(gateway=gateway)).wait_ready().api
    check = bench.check

    def push(method, path, text=b""):
        status = http(f"http://{gateway}/metrics/job/{path}", text, method)[0]
        assert status in (200, 202), status

    def sees(expression, value):
        return eventually(f"{expression} is {value}", lambda: api.value(expression) == value, 10)

    def gone(expression):
        return eventually(f"{expression} is gone", lambda: api.vector(expression) == [], 10) or True

    push("POST", "backup/instance/db1", b"# TYPE backup_bytes gauge\nbackup_bytes 100\nbackup_files 7\n")
    check("POST: job and instance are the group's with honor_labels",
          lambda: sees('backup_bytes{job="backup",instance="db1"}', 100))
    check("without honor_labels they are exported_", lambda: sees(
        'backup_bytes{job="pushgateway_plain",exported_job="backup",exported_instance="db1"}', 100))
    check("push_time_seconds is there", lambda: api.value('push_time_seconds{job="backup"}') > 1.6e9)
    push("POST", "backup/instance/db1", b"# TYPE backup_bytes gauge\nbackup_bytes 200\n")
    check("a second POST replaces only its metric", lambda: sees('backup_bytes{job="backup"}', 200)
          and api.value('backup_files{job="backup"}') == 7)
    push("PUT", "backup/instance/db1", b"# TYPE backup_bytes gauge\nbackup_bytes 300\n")
    check("PUT replaces the whole group", lambda: sees('backup_bytes{job="backup"}', 300)
          and gone('backup_files{job="backup"}'))
    push("POST", "no_instance", b"lonely 1\n")
    check("an empty instance label of a group without one is not stored with honor_labels", lambda: eventually(
        "lonely", lambda: [m for m, _ in api.vector('lonely{job="no_instance"}') if "instance" not in m], 10))
    push("DELETE", "backup/instance/db1")
    check("DELETE: the group's series go stale", lambda: gone('backup_bytes{job="backup"}'))
    check("other groups stay", lambda: api.value('lonely{job="no_instance"}') == 1)
