#!/usr/bin/env bash
# run.sh SERVER - our own PromQL case files, then those of ../shared/promqltest, run in place when that folder is there.
# Ends with "N passed, N failed" over all files.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
server=${1:-./server}

files=(tests/promqltest/*.test)
[ -d ../shared/promqltest ] && files+=(../shared/promqltest/*.test)
exec "$server" promql test "${files[@]}"
