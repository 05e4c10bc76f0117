#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: the suite as built for use, the suite under AddressSanitizer and
# UndefinedBehaviorSanitizer, the same of the emulator and with its race checks, the kernels in every order of threads
# and with their races checked, the format and the static checks.
#
# usage: scripts/test.sh [--long]
#   --long  also flips the sign of every gradient, makes small mistakes in the kernels (some 10 minutes), and fuzzes each
#           parser for 60 seconds (needs clang)
set -uo pipefail
cd "$(dirname "$0")/.."

# Many tests run at once: idle OpenMP threads must not spin.
export GOMP_SPINCOUNT=2000

long=no
case "${1:-}" in
    "") ;;
    --long) long=yes ;;
    *) echo "usage: scripts/test.sh [--long]" >&2; exit 2 ;;
esac

passed=0 failed=0
jobs=$(nproc)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# check NAME COMMAND...: one test that passes when the command does; its output is shown when it does not.
check() {
    local name=$1 start=$SECONDS
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "passed  $name ($((SECONDS - start)) s)"
    else
        failed=$((failed + 1))
        cat "$log"
        echo "FAILED  $name"
    fi
}

# suite NAME COMMAND...: a Criterion run, whose own count is added.
suite() {
    local name=$1 start=$SECONDS tested passing
    shift
    "$@" -j"$jobs" --color=never >"$log" 2>&1
    tested=$(sed -n 's/.*Tested: \([0-9]*\).*/\1/p' "$log" | tail -1)
    passing=$(sed -n 's/.*Passing: \([0-9]*\).*/\1/p' "$log" | tail -1)
    if [ -z "$tested" ] || [ "$tested" != "$passing" ]; then
        cat "$log"
        failed=$((failed + ${tested:-1} - ${passing:-0}))
    fi
    # Criterion passes a test whose process leaks: LeakSanitizer reports after the test's end.
    if grep -q 'ERROR: LeakSanitizer' "$log"; then
        cat "$log"
        echo "FAILED  $name: memory leaks"
        failed=$((failed + 1))
    fi
    passed=$((passed + ${passing:-0}))
    echo "suite   $name: ${passing:-0} of ${tested:-none} passed ($((SECONDS - start)) s)"
}

# kernels NAME SETTING: the judges of the emu device with an environment variable set.
kernels() {
    suite "kernels, $1" env "$2" build/tests/cupel-tests --filter 'cases/emu*'
}

build() {
    cmake --preset "$1" && cmake --build --preset "$1" -j "$jobs"
}

scripts/install-deps.sh --tools || exit 1
check "build" build default
check "build with sanitizers" build asan
if [ "$failed" -eq 0 ]; then
    suite "tests" build/tests/cupel-tests
    if [ -x build/tests/nvidia/nvidia-tests ]; then # needs cuDNN's headers
        suite "NVIDIA's libraries" build/tests/nvidia/nvidia-tests
    fi
    if [ -x build/tests/emu/emu-tests ]; then # needs g++
        suite "emulator" build/tests/emu/emu-tests
        suite "emulator, every access checked" build/tests/emu/emu-tests-race
        for order in reversed depth-first random; do # the suite above has them forward
            kernels "$order" CUPEL_EMU_ORDER=$order
        done
        kernels "every access checked" CUPEL_EMU_CHECK=race
        suite "recorded plans, every access checked" env CUPEL_EMU_CHECK=race build/tests/cupel-tests \
            --filter 'plan_random/emu*'
        check "kernels that cases execute" tests/kernel_coverage.py
    fi
    export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
    suite "tests under sanitizers" build-asan/tests/cupel-tests
    if [ -x build-asan/tests/emu/emu-tests ]; then
        suite "emulator under sanitizers" build-asan/tests/emu/emu-tests
    fi
fi

if command -v nvcc >/dev/null; then
    check "kernels under nvcc" cmake --build --preset default --target emu-nvcc-check
    check "kernels' registers and stack" scripts/kernel_table.py
fi
check "clang-format" bash -c 'git ls-files "*.c" "*.h" "*.cpp" "*.cu" "*.cuh" | xargs clang-format --dry-run --Werror'
check "clang-tidy" bash -c 'git ls-files "src/*.c" | grep -v "^src/cpu/fast/" | xargs -P '"$jobs"' -n 4 clang-tidy -p build --quiet'

if [ "$long" = yes ]; then
    check "flipped gradients" tests/mutate_gradients.py
    check "mistakes in kernels" tests/mutate_kernels.py
    check "fuzz targets build" bash -c 'cmake --preset default -B build-fuzz -DCUPEL_FUZZ=ON -DCUPEL_TESTS=OFF && cmake --build build-fuzz'
    for target in build-fuzz/tests/fuzz/fuzz_*; do
        [ -f "$target" ] && [ -x "$target" ] && check "$(basename "$target"), 60 s" tests/fuzz/run.sh 60 "$target"
    done
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
