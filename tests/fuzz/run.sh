#!/bin/bash
# Runs libFuzzer targets, each for the given time, from the seeds beside this script.
# usage: tests/fuzz/run.sh SECONDS PROGRAM...    (the programs are built under -DCUPEL_FUZZ=ON)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seconds=$1
shift
for program in "$@"; do
    [ -x "$program" ] || { echo "$program is not there: build with -DCUPEL_FUZZ=ON" >&2; exit 2; }
    name=$(basename "$program")
    name=${name#fuzz_}
    corpus=$(mktemp -d)
    trap 'rm -rf "$corpus"' EXIT
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
             -artifact_prefix="$(dirname "$program")/")
    [ -f "$here/$name.dict" ] && options+=(-dict="$here/$name.dict")
    log=$corpus.log
    if ! "$program" "${options[@]}" "$corpus" $(ls -d "$here/seeds/$name" 2>/dev/null) 2>"$log"; then
        cat "$log" >&2
        echo "fuzz_$name: a finding, see above" >&2
        exit 1
    fi
    echo "fuzz_$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs in ${seconds} s, no finding"
    rm -rf "$corpus" "$log"
done
