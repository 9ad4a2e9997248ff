#!/usr/bin/env bash
# scripts.sh - shell scripts parse, Python files compile, and what users start is executable.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bad=0
for script in run.sh test.sh .ci/run $(git ls-files '*.sh'); do
    [ -e "$script" ] || continue
    bash -n "$script" || bad=1
done
for script in run.sh test.sh .ci/run; do
    [ -x "$script" ] || { echo "$script is not executable" && bad=1; }
done
for file in $(git ls-files '*.py'); do
    [ -e "$file" ] || continue
    /usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$file" || bad=1
done
exit $bad
