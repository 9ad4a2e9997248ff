#!/usr/bin/env bash
# readmes.sh - every folder with sources explains itself in a README.md.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
missing=0
while read -r folder; do
    [ -s "$folder/README.md" ] || { echo "no README.md in $folder" && missing=1; }
done < <(git ls-files lib storage promql web cmd configs tests benchmarks 2>/dev/null | grep -E '\.(c|cc|py|sh|yml|js)$' |
    grep -vE '^tests/(unit|fuzz|promqltest/cases|e2e/[^/]+)/' | xargs -rn1 dirname | sort -u)
exit $missing
