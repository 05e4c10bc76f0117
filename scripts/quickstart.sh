#!/usr/bin/env bash
# From a fresh clone to a trained network: installs what is missing, builds, trains LeNet-5 on Fashion-MNIST,
# and says how good it is and where the report is.
#
# usage: scripts/quickstart.sh [EPOCHS]
set -euo pipefail
cd "$(dirname "$0")/.."

epochs=${1:-5}
case $epochs in
    '' | *[!0-9]* | 0*) echo "usage: scripts/quickstart.sh [EPOCHS]" >&2; exit 2 ;;
esac

# What each step prints is kept for the case that it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    echo "== $1"
    shift
    "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
}

echo "== Dependencies"
scripts/install-deps.sh
quietly "Configuring" cmake --preset default
targets=(cupel-cli)
# Where there is a GPU, and nvcc to compile for it, also what trains on it.
if [ -e /dev/nvidiactl ] && cmake --build --preset default --target help | grep -q '^module-cuda:'; then
    targets+=(module-cuda)
fi
quietly "Building" cmake --build --preset default --target "${targets[@]}"

run=runs/quickstart
resume=()
# A second quick start goes on with the first one's run, or just measures it again when it is over.
[ -e "$run/checkpoint.safetensors" ] && resume=(--resume)
echo "== Training LeNet-5 for $epochs epochs"
build/cupel train models/lenet5.yaml --epochs "$epochs" --out "$run" "${resume[@]}"
echo
echo "Open $PWD/$run/report.html in a browser. Next: build/cupel train --help, docs/guide.md"
