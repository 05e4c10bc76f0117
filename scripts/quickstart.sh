#!/usr/bin/env bash
# From a fresh clone to two trained models: installs what is missing, builds, trains LeNet-5 on Fashion-MNIST and says how good
# it is, trains a DCGAN on the same images for about a minute and leaves a grid of clothes that it made up.
#
# usage: scripts/quickstart.sh [EPOCHS]       (of LeNet-5; 5)
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

# train MODEL RUN ARGUMENTS...: a second quick start goes on with the first one's run, or just measures it again when it is over.
train() {
    local model=$1 run=$2 resume=()
    shift 2
    [ -e "$run/checkpoint.safetensors" ] && resume=(--resume)
    build/cupel train "models/$model.yaml" --out "$run" "${resume[@]}" "$@"
}

echo "== Training LeNet-5 for $epochs epochs"
train lenet5 runs/quickstart --epochs "$epochs"
echo
echo "== Training a DCGAN for 800 steps"
train dcgan28 runs/quickstart-gan --steps 800 --batch 64
build/cupel sample models/dcgan28.yaml --weights runs/quickstart-gan/checkpoint.safetensors --grid 8x8 --seed 1 \
    --out runs/quickstart-gan/clothes.png
echo
echo "Look at $PWD/runs/quickstart-gan/clothes.png"
echo "Open $PWD/runs/quickstart/report.html in a browser. Next: build/cupel train --help, docs/guide.md"
