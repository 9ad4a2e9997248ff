#!/usr/bin/python3
"""run.py [--keep] [--only WORD] SERVER - the end-to-end test: real programs, our server, checks through its API.

Prints a line per check and ends with "N passed, N failed".
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True

import checks_admin  # noqa: E402
import checks_agent  # noqa: E402
import checks_alerts  # noqa: E402
import checks_api  # noqa: E402
import checks_ask  # noqa: E402
import checks_backfill  # noqa: E402
import checks_bench  # noqa: E402
import checks_client  # noqa: E402
import checks_clients  # noqa: E402
import checks_discovery  # noqa: E402
import checks_exemplars  # noqa: E402
import checks_exporters  # noqa: E402
import checks_formats  # noqa: E402
import checks_import  # noqa: E402
import checks_metrics  # noqa: E402
import checks_package  # noqa: E402
import checks_peer  # noqa: E402
import checks_process  # noqa: E402
import checks_queries  # noqa: E402
import checks_push  # noqa: E402
import checks_pushgateway  # noqa: E402
import checks_relabel  # noqa: E402
import checks_remote_read  # noqa: E402
import checks_remote_write  # noqa: E402
import checks_remote_write2  # noqa: E402
import checks_rules  # noqa: E402
import checks_sandbox  # noqa: E402
import checks_scrape  # noqa: E402
import checks_send  # noqa: E402
import checks_text_import  # noqa: E402
import checks_web  # noqa: E402
from harness import Bench  # noqa: E402

PARTS = {"process": checks_process.run, "scrape": checks_scrape.run, "pushgateway": checks_pushgateway.run, "push": checks_push.run,
         "clients": checks_clients.run, "client": checks_client.run, "peer": checks_peer.run, "relabel": checks_relabel.run, "import": checks_import.run, "remote_write": checks_remote_write.run,
         "remote_write2": checks_remote_write2.run, "remote_read": checks_remote_read.run, "send": checks_send.run, "ask": checks_ask.run, "agent": checks_agent.run, "text_import": checks_text_import.run,
         "bench": checks_bench.run, "exemplars": checks_exemplars.run, "formats": checks_formats.run, "admin": checks_admin.run, "queries": checks_queries.run,
         "discovery": checks_discovery.run, "metrics": checks_metrics.run, "package": checks_package.run, "sandbox": checks_sandbox.run, "web": checks_web.run, "rules": checks_rules.run,
         "backfill": checks_backfill.run, "alerts": checks_alerts.run, "exporters": checks_exporters.run, "api": checks_api.run}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("server")
    arguments = parser.parse_args()
    binary = pathlib.Path(arguments.server).resolve()
    if not binary.exists():
        sys.exit(f"{binary} is not there: build it first (./run.sh --build-only)")
    passed, failed = 0, 0
    for name, run in PARTS.items():
        if arguments.only in (None, name):
            print(f"# {name}")
            bench = Bench(arguments.keep)
            try:
                run(bench, binary)
            except (Exception, SystemExit) as e:  # noqa: BLE001 - the part cannot go on
                bench.failed.append(f"{name}: stopped early: {e}")
            failed += bench.finish() and len(bench.failed)
            passed += bench.passed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
