#!/usr/bin/env bash
# chroot.sh - the proof that a fresh machine needs nothing but a clone: a new Debian 12 in a folder, where both commands run.
#
#   tests/chroot.sh [FOLDER]      as root; FOLDER (default: a new one under /var/tmp) is removed at the end unless KEEP=yes
#
# The archive's address and the resolver are this machine's. The clone is of what is committed. ../shared, where it stands
# beside the project, is bound read-only, since the PromQL case files in it are run in place.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(dirname "$here")
[ "$(id -u)" -eq 0 ] || { echo "needs root (debootstrap, chroot)" >&2 && exit 1; }
. "$here/setup/packages.sh"
packages_install debootstrap git
PATH=$PATH:/usr/sbin:/sbin

root=${1:-$(mktemp -d /var/tmp/ferula-chroot.XXXXXX)}
mkdir -p "$root"

# "URI suite component" of every Debian 12 source this machine has, the main archive first
sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
    grep -E ' bookworm(-[a-z]+)? ' | sort -u)
archive=$(awk '$2 == "bookworm" { print $1; exit }' <<<"$sources")
[ -n "$archive" ] || { echo "no Debian 12 archive among this machine's apt sources" >&2 && exit 1; }

finish() {
    umount -l "$root/proc" "$root/dev/pts" "$root/dev/shm" "$root/work/shared" 2>/dev/null || true
    if [ "${KEEP:-no}" = yes ]; then
        echo "kept: $root"
    else
        rm -rf --one-file-system "$root"
    fi
}
trap finish EXIT

if [ ! -e "$root/etc/debian_version" ]; then
    echo "== debootstrap from $archive"
    debootstrap --variant=minbase bookworm "$root" "$archive" >"$root.log" 2>&1 || { tail "$root.log" && exit 1; }
    rm -f "$root.log"
fi
awk '{ print "deb", $1, $2, $3 }' <<<"$sources" >"$root/etc/apt/sources.list"
apt-config dump | grep -iE '^Acquire::(http|https)::(Proxy|CaInfo)' >"$root/etc/apt/apt.conf.d/90host" || true
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/hosts "$root/etc/hosts"
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"

echo "== a clean clone"
rm -rf "$root/work/main" && mkdir -p "$root/work"
git clone -q "$project" "$root/work/main"
if [ -d "$project/../shared/promqltest" ]; then
    mkdir -p "$root/work/shared" && mount --bind -o ro "$(cd "$project/../shared" && pwd)" "$root/work/shared"
fi

inside() {
    echo "== in the chroot: $*"
    chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        bash -c 'cd /work/main && "$@"' bash "$@"
}
inside ./run.sh --build-only
inside ./test.sh
echo "both commands passed on a fresh Debian 12"
