#!/usr/bin/env bash
# fetch.sh - real daemons for the tests, unpacked so that none of them is started by its package.
#
#   tests/setup/fetch.sh PACKAGE...      -> ${XDG_CACHE_HOME:-~/.cache}/ferula-test/root/usr/bin/...
#
# Downloads with apt-get (which checks the archive's signatures), unpacks with dpkg -x, skips what is there. Prints the
# folder of the binaries as its last line.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/packages.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ferula-test
mkdir -p "$cache/debs" "$cache/root"
[ $# -gt 0 ] || set -- "${packages_unpack[@]}"

updated=no
for package in "$@"; do
    [ -e "$cache/root/.$package" ] && continue
    echo "fetching $package" >&2
    cd "$cache/debs"
    if ! apt-get download -qq "$package" >/dev/null 2>&1; then
        [ $updated = yes ] || as_root apt-get update -qq >&2
        updated=yes
        apt-get download -qq "$package" >&2
    fi
    dpkg -x "$package"_*.deb "$cache/root"
    rm -f "$package"_*.deb
    : >"$cache/root/.$package"
done
echo "$cache/root/usr/bin"
