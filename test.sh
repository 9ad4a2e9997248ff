#!/usr/bin/env bash
# test.sh - everything that can be proved on one machine, from a clean clone, on Debian 12, as root or with sudo.
#
#   ./test.sh          unit, corpus and lint tests; the same under the address sanitizer; PromQL case files; end-to-end
#                      with real programs; the page in Chromium; a few rounds of SIGKILL, power cuts and a full disk; 300 random queries beside Prometheus
#   ./test.sh --long   also the thread sanitizer, fuzzing for 60 s a target, the long forms of tests/faults, 50 SIGKILL rounds
#                      while scraping and 200 during remote write, 50 power cuts, 5,000 random queries, the soak (45 minutes), and
#                      as root the Debian package and the Dockerfile's steps in a fresh Debian 12
#   ./test.sh [--long] STEP...   only these, by the names below, and the builds that all need
#
# Each step's output goes to build/test-logs/<step>.log and is shown when the step fails. The last line counts single
# tests (or cases, or checks), not steps.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. tests/setup/packages.sh

long=no
only=()
for argument in "$@"; do
    case "$argument" in
        --long) long=yes ;;
        -*) echo "usage: ./test.sh [--long] [STEP...]" >&2 && exit 1 ;;
        *) only+=("$argument") ;;
    esac
done

is_wanted() {
    [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} programs build-dev build-release build-asan build-tsan " == *" $1 "* ]]
}

logs=build/test-logs
rm -rf "$logs" && mkdir -p "$logs"
rows=()
total_passed=0
total_failed=0

# The last "N passed, N failed" (ours) or "N tests failed out of M" (ctest) of a log, as "passed failed".
counts_of() {
    awk '/[0-9]+ passed, [0-9]+ failed/ { match($0, /[0-9]+ passed, [0-9]+ failed/)
             split(substr($0, RSTART, RLENGTH), w, /[ ,]+/); p = w[1]; f = w[3] }
         /tests failed out of [0-9]+/ { match($0, /[0-9]+ tests failed out of [0-9]+/)
             split(substr($0, RSTART, RLENGTH), w, " "); f = w[1]; p = w[6] - w[1] }
         END { print p + 0, f + 0 }' "$1"
}

# step NAME COMMAND...: runs it, notes time and counts. A command that fails without counts is one failure.
step() {
    local name=$1 log=$logs/$1.log start=$SECONDS status passed failed
    shift
    is_wanted "$name" || return 0
    printf '== %-16s ' "$name"
    "$@" >"$log" 2>&1 </dev/null
    status=$?
    read -r passed failed < <(counts_of "$log")
    [ $status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
    local verdict=ok
    [ "$failed" -eq 0 ] || verdict=FAILED
    printf '%-6s %5d passed %4d failed %5d s\n' $verdict "$passed" "$failed" $((SECONDS - start))
    rows+=("$(printf '%-16s %-6s %7d %7d %7d s' "$name" $verdict "$passed" "$failed" $((SECONDS - start)))")
    [ "$failed" -eq 0 ] || { sed 's/^/   | /' "$log" | tail -n 60; }
    return $status
}

build() {
    [ -e "build/$1/build.ninja" ] || cmake --preset "$1" || return 1
    cmake --build --preset "$1"
}

fuzz() {
    cmake --preset fuzz -DFUZZ_SECONDS=60 && cmake --build --preset fuzz && ctest --preset fuzz
}

# What tests/faults does in seconds among the unit tests, at length: every crash point, every call, 10^6 operations.
faults() {
    cmake --build --preset release --target "faults_$1" >/dev/null && "build/release/tests/faults/faults_$1" --long "${@:2}"
}

soak() {
    cmake --build --preset release --target scrape_target remote_writer >/dev/null && crash soak --minutes 45
}

finish() {
    local name
    for name in "${only[@]}"; do
        [[ " ${rows[*]} " == *" $name "* ]] || { echo "there is no step \"$name\"" && total_failed=$((total_failed + 1)); }
    done
    printf '\n%-16s %-6s %7s %7s %9s\n' step result passed failed time
    printf '%s\n' "${rows[@]}"
    printf '\nlogs: %s\n' "$logs"
    echo "$total_passed passed, $total_failed failed"
    [ "$total_failed" -eq 0 ]
    exit
}

wanted=("${packages_build[@]}" "${packages_test[@]}" "${packages_real[@]}")
[ $long = no ] || wanted+=("${packages_fuzz[@]}")
packages_install "${wanted[@]}" || echo "packages: going on with what is there"

step programs tests/setup/fetch.sh
step build-dev build dev || finish
step ctest-dev ctest --preset dev
step build-release ./run.sh --build-only || finish
if { is_wanted ctest-asan || is_wanted promqltest; } && step build-asan build asan; then
    step ctest-asan ctest --preset asan
    step promqltest tests/promqltest/run.sh build/asan/cmd/server
fi
step page node tests/page/run.mjs ./server
step e2e /usr/bin/python3 tests/e2e/run.py ./server
step hostile /usr/bin/python3 tests/e2e/hostile_clients.py $([ $long = no ] || echo --long) ./server
crash() {
    /usr/bin/python3 "tests/e2e/$1.py" "${@:2}" ./server
}

if [ $long = no ]; then
    step crash crash crash --rounds 5
    step crash-writer crash crash --writer --rounds 5
    step powercut crash powercut --rounds 3
    step diskfull crash diskfull --rounds 2
    step together crash together --queries 8000
    step differential crash differential --queries 300
    step hostile-targets crash hostile_targets
else
    step crash crash crash --rounds 50
    step crash-writer crash crash --writer --rounds 200
    step powercut crash powercut --rounds 50
    step diskfull crash diskfull --rounds 20
    step together crash together --queries 100000
    step differential crash differential --queries 5000 --seed $RANDOM
    step hostile-targets crash hostile_targets --long
    step soak soak
    step faults-crash faults crash
    step faults-calls faults faults
    step faults-flips faults flips
    step faults-model faults model
    is_wanted ctest-tsan && step build-tsan build tsan && step ctest-tsan ctest --preset tsan
    step fuzz fuzz
    step package as_root tests/package.sh
    step docker as_root tests/package.sh --docker
fi
finish
