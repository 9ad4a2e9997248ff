#!/usr/bin/env bash
# run.sh all|ingest|disk|start|restart|churn|scrape|resident|large|fast|many|clients|query ... [--quick] [--peers none|prometheus,victoria] [--no-ours]
# Builds, fetches the peers, measures, prints a table. README.md says what each figure is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/setup/packages.sh

[ $# -gt 0 ] || { sed -n '2,3s/^# //p' benchmarks/run.sh >&2 && exit 1; }
./run.sh --build-only >&2
cmake --build --preset release --target scrape_target remote_writer query_client crowd_client >&2
tests/setup/fetch.sh "${packages_unpack[@]}" >/dev/null
exec /usr/bin/python3 benchmarks/measures.py "$@"
