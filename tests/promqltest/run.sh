#!/usr/bin/env bash
# run.sh SERVER - our own PromQL case files, then those of ../shared/promqltest that this version answers in full, run in
# place when that folder is there. Ends with "N passed, N failed" over all files.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
server=${1:-./server}
complete=(literals operators selectors staleness range_queries trig_functions aggregators at_modifier collision
    name_label_dropping subquery)

files=(tests/promqltest/*.test)
for name in "${complete[@]}"; do
    [ -e "../shared/promqltest/$name.test" ] && files+=("../shared/promqltest/$name.test")
done
exec "$server" promql test "${files[@]}"
