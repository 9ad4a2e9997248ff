#!/usr/bin/env bash
# chroot.sh - the proof that a fresh machine needs nothing but a clone: a new Debian 12 in a folder, where both commands run.
#
#   tests/chroot.sh [FOLDER]      as root; FOLDER (default: a new one under /var/tmp) is removed at the end unless KEEP=yes
#
# The clone is of what is committed. ../shared, where it stands beside the project, is bound read-only, since the PromQL
# case files in it are run in place.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(dirname "$here")
[ "$(id -u)" -eq 0 ] || { echo "needs root (debootstrap, chroot)" >&2 && exit 1; }
. "$here/setup/packages.sh"
. "$here/setup/chroot.sh"

root=${1:-$(mktemp -d /var/tmp/ferula-chroot.XXXXXX)}

finish() {
    umount -l "$root/work/shared" 2>/dev/null || true
    chroot_leave "$root"
    if [ "${KEEP:-no}" = yes ]; then
        echo "kept: $root"
    else
        rm -rf --one-file-system "$root"
    fi
}
trap finish EXIT
chroot_make "$root"

echo "== a clean clone"
rm -rf "$root/work/main" && mkdir -p "$root/work"
git clone -q "$project" "$root/work/main"
if [ -d "$project/../shared/promqltest" ]; then
    mkdir -p "$root/work/shared" && mount --bind -o ro "$(cd "$project/../shared" && pwd)" "$root/work/shared"
fi

inside() {
    echo "== in the chroot: $*"
    chroot_run "$root" bash -c 'cd /work/main && "$@"' bash "$@"
}
inside ./run.sh --build-only
inside ./test.sh
echo "both commands passed on a fresh Debian 12"
