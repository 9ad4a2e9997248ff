#!/usr/bin/env bash
# package.sh - the Debian package and the steps of the Dockerfile, on a new Debian 12 in a folder.
#
#   tests/package.sh              the package is made here, then installed, run, installed again, removed and purged there
#   tests/package.sh --docker     the Dockerfile: each stage a folder of its own, each RUN in it, each COPY a copy of what is
#                                 committed; the image itself is not made
#
# As root. BASE=FOLDER keeps the new Debian for the next run. Ends with "N passed, N failed".
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(dirname "$here")
cd "$project" || exit 1
[ "$(id -u)" -eq 0 ] || { echo "needs root (debootstrap, chroot)" >&2 && exit 1; }
. tests/setup/packages.sh
. tests/setup/chroot.sh

work=$(mktemp -d /var/tmp/ferula-package.XXXXXX)
base=${BASE:-$work/base}
roots=()
server=
passed=0
failed=0

finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    local root
    for root in "${roots[@]}"; do chroot_leave "$root"; done
    rm -rf --one-file-system "$work"
}
trap finish EXIT

# check CLAIM COMMAND...
check() {
    local claim=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        passed=$((passed + 1)) && echo "ok    $claim"
    else
        failed=$((failed + 1)) && echo "FAIL  $claim" && tail -n 5 "$work/out"
    fi
}

# new_root NAME: a fresh system, a copy of the first
new_root() {
    root=$work/$1
    if [ ! -e "$base/etc/debian_version" ]; then
        chroot_make "$base" || exit 1
        chroot_leave "$base"
    fi
    cp -a "$base" "$root"
    roots+=("$root")
    chroot_enter "$root"
}

eventually() {
    local end=$((SECONDS + 30))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

answers() { curl -sf -o "$work/answer" "http://127.0.0.1:$port$1" && grep -q -- "$2" "$work/answer"; }
sees_itself() { answers '/api/v1/query?query=up' '"value":\[[0-9.]*,"1"\]'; }

# start COMMAND...: in $root, as the package's user, on a free port, watching itself
start() {
    port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    sed -i "s/localhost:9090/127.0.0.1:$port/; s/scrape_interval: 15s/scrape_interval: 1s/" "$root/etc/ferula/prometheus.yml"
    chroot --userspec=ferula:ferula "$root" /usr/bin/env -i "$@" "--web.listen-address=127.0.0.1:$port" >"$work/server.log" 2>&1 &
    server=$!
}

stop() {
    kill "$server"
    wait "$server"
    local status=$?
    server=
    return $status
}

# the service's command, as systemd would take it from the unit
unit_command() {
    local ARGS=
    . "$root/etc/default/ferula"
    sed -n 's/^ExecStart=//p' "$root/lib/systemd/system/ferula.service" | sed "s/ \$ARGS/ $ARGS/"
}

runs() {
    check "it becomes ready" eventually answers /-/ready Ready
    check "it scrapes itself" eventually sees_itself
    check "the page is in it" answers / '<html'
    check "it runs as its own user" [ "$(stat -c %u "$root/var/lib/ferula")" = "$(awk '/^Uid/ { print $2 }' "/proc/$server/status")" ]
    check "it ends cleanly" stop
    check "its samples are its own" [ "$(stat -c %a "$root/var/lib/ferula")" = 700 ]
}

test_package() {
    packages_install "${packages_build[@]}" "${packages_deb[@]}" >/dev/null
    cmake --build --preset release --target server package_files >"$work/build.log" 2>&1 || { tail "$work/build.log" && exit 1; }
    (cd build/release && rm -f ferula_*.deb && cpack -G DEB) >"$work/build.log" 2>&1 || { tail "$work/build.log" && exit 1; }
    new_root system
    cp build/release/ferula_*.deb "$root/tmp/ferula.deb"
    chroot_run "$root" apt-get update -qq
    check "the package installs, with what it needs" chroot_run "$root" apt-get install -y -qq --no-install-recommends /tmp/ferula.deb
    check "it makes a user without a login" chroot_run "$root" sh -c 'getent passwd ferula | grep nologin'
    check "its folder is that user's alone" [ "$(chroot_run "$root" stat -c '%U %a' /var/lib/ferula)" = "ferula 700" ]
    check "no file of it can be changed by others" [ -z "$(chroot_run "$root" sh -c 'dpkg -L ferula | xargs -d "\n" stat -c "%A %n" | grep "^-.......w"')" ]
    check "no library is missing" [ -z "$(chroot_run "$root" ldd /usr/bin/ferula | grep 'not found')" ]
    check "the program tells its version" chroot_run "$root" ferula --version
    check "its configuration is good" chroot_run "$root" ferula check config /etc/ferula/prometheus.yml
    check "the examples are good" chroot_run "$root" sh -c 'cd /usr/share/doc/ferula/examples && ferula check rules self.yml'
    check "bash completes its flags" chroot_run "$root" bash -c \
        '. /usr/share/bash-completion/completions/ferula; COMP_WORDS=(ferula --storage.tsdb.p) COMP_CWORD=1; _ferula; [ "${COMPREPLY[*]}" = --storage.tsdb.path= ]'
    check "the manual page names them" chroot_run "$root" sh -c 'zcat /usr/share/man/man1/ferula.1.gz | grep "storage.tsdb.path"'
    # shellcheck disable=SC2046 # words of a command line
    start $(unit_command)
    runs
    check "installed again it keeps a configuration that was changed" chroot_run "$root" sh -c \
        'dpkg --force-confold -i /tmp/ferula.deb && grep -q 127.0.0.1: /etc/ferula/prometheus.yml'
    check "a removal leaves samples and configuration" chroot_run "$root" sh -c \
        'apt-get remove -y -qq ferula && [ ! -e /usr/bin/ferula ] && [ -d /var/lib/ferula/wal ] && [ -e /etc/ferula/prometheus.yml ]'
    check "a purge leaves nothing" chroot_run "$root" sh -c \
        'apt-get purge -y -qq ferula && [ ! -e /var/lib/ferula ] && [ ! -e /etc/ferula ] && [ ! -e /etc/default/ferula ]'
}

# words of a JSON list, one a line
words() { /usr/bin/python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$1"; }

test_docker() {
    local -A stages=()
    local instruction rest folder=/ user=root entry=() command=()
    while read -r instruction rest; do
        case $instruction in
            FROM) new_root "stage${#stages[@]}" && stages[${rest##* AS }]=$root && folder=/ ;;
            WORKDIR) folder=$rest ;;
            COPY)
                # shellcheck disable=SC2086 # two or three words
                set -- $rest
                if [[ $1 == --from=* ]]; then
                    check "COPY $rest" cp "${stages[${1#--from=}]}$2" "$root$3"
                else
                    mkdir -p "$root$2" && check "COPY $rest" sh -c 'git archive HEAD | tar -x -C "$1"' sh "$root$2"
                fi
                ;;
            RUN) check "RUN $rest" chroot_run "$root" sh -c "cd $folder && $rest" ;;
            USER) user=$rest ;;
            ENTRYPOINT) mapfile -t entry < <(words "$rest") ;;
            CMD) mapfile -t command < <(words "$rest") ;;
            EXPOSE | VOLUME | '' | '#'*) ;;
            *) check "$instruction is known" false ;;
        esac
    done <configs/Dockerfile
    check "it runs as its own user" [ "$user" = ferula ]
    start "${entry[@]}" "${command[@]}"
    runs
}

case ${1-} in
    '') test_package ;;
    --docker) test_docker ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 1 ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
