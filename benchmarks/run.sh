#!/usr/bin/env bash
# run.sh scrape [SECONDS] [options of measure.py] - builds, fetches the peers, measures, prints a table. Default 600 s.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/setup/packages.sh

[ "${1-}" = scrape ] || { echo "usage: benchmarks/run.sh scrape [SECONDS] [--apart] [--only NAME] ..." >&2 && exit 1; }
shift
seconds=600
if [[ "${1-}" =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
./run.sh --build-only
cmake --build --preset release --target load_generator
tests/setup/fetch.sh "${packages_unpack[@]}" "${packages_bench[@]}" >/dev/null
exec /usr/bin/python3 benchmarks/measure.py --seconds "$seconds" "$@" ./server build/release/benchmarks/load_generator
