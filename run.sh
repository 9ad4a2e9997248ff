#!/usr/bin/env bash
# run.sh - from a clean clone to a running server, on Debian 12, as root or with sudo.
#
#   ./run.sh                    build ./server and start it with configs/prometheus.yml on port 9090
#   ./run.sh --build-only       stop after building
#   ./run.sh --web.listen-address=127.0.0.1:9095 ...     further arguments go to the server
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. tests/setup/packages.sh

build_only=no
config=--config.file=configs/prometheus.yml
arguments=()
for argument in "$@"; do
    case "$argument" in
        --build-only) build_only=yes ;;
        --config.file | --config.file=*) config= && arguments+=("$argument") ;;
        *) arguments+=("$argument") ;;
    esac
done

packages_install "${packages_build[@]}"
echo "building the release preset"
[ -e build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release --target server
# replaced, not overwritten: a running server keeps its file
cp build/release/cmd/server server.new && mv -f server.new server
echo "built ./server: $(./server --version 2>&1 | head -n 1)"
[ $build_only = no ] || exit 0

echo "starting ./server ${config} ${arguments[*]-} (stop with Ctrl-C)"
exec ./server ${config:+"$config"} ${arguments[@]+"${arguments[@]}"}
