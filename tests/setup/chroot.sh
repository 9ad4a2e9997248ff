# shellcheck shell=bash
# chroot.sh - a new Debian 12 in a folder, sourced by the tests that need one; as root.
#
#   chroot_make ROOT            debootstrap where nothing is yet, then chroot_enter
#   chroot_enter ROOT           this machine's apt sources, proxy, resolver and own certificates, and what must be mounted
#   chroot_leave ROOT           unmounts
#   chroot_run ROOT COMMAND...  with a clean environment but for how the network is reached
#
# The archive's address and the resolver are this machine's. packages.sh is sourced already.

# "URI suite component" of every Debian 12 source this machine has
chroot_sources() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
        grep -E ' bookworm(-[a-z]+)? ' | sort -u
}

chroot_make() {
    local root=$1 archive
    packages_install debootstrap git >/dev/null
    archive=$(chroot_sources | awk '$2 == "bookworm" { print $1; exit }')
    [ -n "$archive" ] || { echo "no Debian 12 archive among this machine's apt sources" >&2 && return 1; }
    mkdir -p "$root"
    if [ ! -e "$root/etc/debian_version" ]; then
        echo "== debootstrap from $archive"
        PATH=$PATH:/usr/sbin:/sbin debootstrap --variant=minbase bookworm "$root" "$archive" >"$root.log" 2>&1 ||
            { tail "$root.log" && return 1; }
        rm -f "$root.log"
    fi
    chroot_enter "$root"
}

chroot_enter() {
    local root=$1
    chroot_sources | awk '{ print "deb", $1, $2, $3 }' >"$root/etc/apt/sources.list"
    apt-config dump | grep -iE '^Acquire::(http|https)::(Proxy|CaInfo)' >"$root/etc/apt/apt.conf.d/90host" || true
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    cp /etc/hosts "$root/etc/hosts"
    mkdir -p "$root/usr/local/share/ca-certificates" # taken up when ca-certificates is installed
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
    mount -t proc proc "$root/proc"
    mkdir -p "$root/dev/pts" "$root/dev/shm"
    mount -t devpts devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
}

chroot_leave() {
    umount -l "$1/proc" "$1/dev/pts" "$1/dev/shm" 2>/dev/null || true
}

chroot_run() {
    local root=$1 name network=()
    shift
    for name in {http,https,no}_proxy {HTTP,HTTPS,NO}_PROXY npm_config_registry NODE_EXTRA_CA_CERTS; do
        [ -z "${!name-}" ] || network+=("$name=${!name}")
    done
    chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "${network[@]}" "$@"
}
