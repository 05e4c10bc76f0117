#!/usr/bin/env bash
# Installs what Cupel is built and run with, from Debian's packages; leaves alone what is there already.
#
# usage: scripts/install-deps.sh [--tools]
#   --tools  also what scripts/test.sh needs
set -euo pipefail

packages=(
    build-essential cmake ninja-build pkg-config
    libdnnl-dev libyaml-dev libcjson-dev libpng-dev libjpeg-dev zlib1g-dev
    libcriterion-dev dataset-fashion-mnist
)
[ "${1:-}" = --tools ] && packages+=(clang libclang-rt-14-dev clang-format clang-tidy python3 git)

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-deps: this system has no apt. Install what these Debian packages hold:" >&2
    printf '    %s\n' "${packages[@]}" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || { echo "install-deps: everything is installed"; exit 0; }

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
        echo "install-deps: root is needed. As root, run:" >&2
        echo "    apt-get update && apt-get install -y ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo -n)
fi
echo "install-deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "install-deps: done"
