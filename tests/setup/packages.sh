# packages.sh - the one list of Debian packages, sourced by run.sh, test.sh and the chroot test.
#
#   packages_build   compile and run the server
#   packages_deb     make the Debian package
#   packages_test    compile and run the tests
#   packages_real    real programs as targets and clients, installed because they start no daemon
#   packages_unpack  real daemons: downloaded and unpacked into a cache, never installed (tests/setup/fetch.sh)

packages_build=(build-essential cmake ninja-build pkg-config ca-certificates
    libcurl4-openssl-dev libssl-dev libuv1-dev libyaml-dev libre2-dev libdeflate-dev zlib1g-dev libxxhash-dev
    libjemalloc-dev libzstd-dev libsnappy-dev libjansson-dev libc-ares-dev libcrypt-dev linux-libc-dev node-llhttp)

# nodesource's nodejs brings its own npm, which apt does not know of: what is there and new enough is taken
node_version=$(node -v 2>/dev/null | sed 's/^v//; s/\..*//')
if [ "${node_version:-0}" -lt 18 ] || ! command -v npm >/dev/null; then packages_build+=(nodejs npm); fi

packages_deb=(file)

packages_test=(check python3 git curl openssl chromium fonts-inter systemd man-db)

packages_fuzz=(clang libclang-rt-14-dev)

packages_real=(python3-prometheus-client python3-flask gunicorn golang-go golang-github-prometheus-client-golang-dev)

packages_unpack=(prometheus prometheus-alertmanager prometheus-node-exporter prometheus-pushgateway
    prometheus-blackbox-exporter prometheus-process-exporter prometheus-redis-exporter prometheus-mysqld-exporter
    prometheus-nginx-exporter redis-server redis-tools liblzf1 mariadb-server-core mariadb-server libaio1 liburing2 libnuma1
    nginx prometheus-cpp-dev libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0 libcivetweb1 victoria-metrics)

# Prints those of its arguments that are not installed.
packages_missing() {
    local package
    for package in "$@"; do
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed$' || printf '%s\n' "$package"
    done
}

# Runs a command as root: directly, or with sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "need root for: $* (run as root, or install sudo)" >&2
        return 1
    fi
}

# Installs what is missing of its arguments, saying which.
packages_install() {
    local missing
    mapfile -t missing < <(packages_missing "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        echo "packages: all ${#} there"
        return 0
    fi
    echo "packages: installing ${missing[*]}"
    as_root apt-get update -qq || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >/dev/null || {
        echo "packages: could not install ${missing[*]}" >&2
        return 1
    }
}
